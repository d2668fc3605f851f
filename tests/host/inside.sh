#!/bin/bash
# The test inside the machine that machine.py boots twice. Prints "ok NAME" or "not ok NAME" with
# what was printed meanwhile.
# shellcheck disable=SC2016 # what eval is given is expanded there
set -u
export TERM=dumb HOME=/root
state=/var/lib/vmd-test
guest=/var/lib/vmd-test-guest # /mnt comes late, and guests start with the host
vmsh=/usr/bin/vmsh
uri='qemu+unix:///system?socket=/run/vmd/vmd.sock'
# shellcheck source=tests/host/packages.sh
. /mnt/packages.sh
# shellcheck source=tests/host/access.sh
. /mnt/access.sh
# shellcheck source=tests/host/storage.sh
. /mnt/storage.sh
# shellcheck source=tests/host/updown.sh
. /mnt/updown.sh
# shellcheck source=tests/host/cgroups.sh
. /mnt/cgroups.sh

check() { # check NAME COMMAND...
    local name=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then
        echo "ok $name"
    else
        echo "not ok $name: $*"
        tail -n 40 "$log" | tr -d '\r'
    fi
    rm -f "$log"
}

wait_for() { # wait_for SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

domain() { # domain NAME TYPE [ORDER]
    cat <<XML
<domain type='$2'>
  <name>$1</name>
  <memory unit='MiB'>256</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>$guest/vmlinuz</kernel>
    <initrd>$guest/initrd</initrd>
    <cmdline>console=ttyS0 quiet panic=-1</cmdline>
  </os>
  <features><acpi/><apic/></features>
  <cpu mode='host-passthrough'/>
  <metadata><vmd:host xmlns:vmd='urn:vmd:host:1' order='${3:-500}'/></metadata>
  <devices><serial type='pty'><log file='/var/log/vmd-test-$1' append='on'/></serial><console type='pty'/></devices>
</domain>
XML
}

qemus() { pgrep -f 'qemu-system-x86_64.*guest=' | sort | tr '\n' ' '; }
is_running() { [ "$("$vmsh" domstate "$1")" = running ]; }
is_off() { [ "$("$vmsh" domstate "$1")" = 'shut off' ]; }
answers() { "$vmsh" version >/dev/null 2>&1; }
kvm_is_there() { modprobe kvm_amd nested=1 && [ -w /dev/kvm ]; }
is_accelerated() { "$vmsh" qemu-monitor-command "$1" --hmp 'info kvm' | grep -q 'kvm support: enabled'; }

define_and_boot() {
    domain guest kvm >/root/guest.xml
    virsh -c "$uri" define /root/guest.xml &&
        python3 /mnt/console-talk "$vmsh" start guest --console
}

# The same processes before and after, and a daemon that answers for them.
outlives() { # outlives COMMAND...
    local before after
    before=$(qemus)
    "$@" && wait_for 180 answers && is_running guest || return 1
    after=$(qemus)
    [ -n "$before" ] && [ "$before" = "$after" ] && virsh -c "$uri" dominfo guest
}

# The sockets stay, and whoever connects starts it.
stop_and_knock() { systemctl stop vmd && ! systemctl is-active vmd && answers && systemctl is-active vmd; }
killed() {
    local before
    before=$(systemctl show -p MainPID --value vmd)
    systemctl kill -s KILL --kill-who=main vmd
    wait_for 180 eval '[ "$(systemctl show -p MainPID --value vmd)" -gt 0 ] &&
        [ "$(systemctl show -p MainPID --value vmd)" != '"$before"' ]'
}

button() { virsh -c "$uri" shutdown guest && wait_for 180 is_off guest; }
nothing_is_left() {
    [ -z "$(qemus)" ] && [ -z "$(find /run/vmd/qemu -mindepth 1 -not -name autostarted)" ]
}

as_a_user() { # a daemon of an ordinary user's, in a login session of its own
    id tester >/dev/null 2>&1 || useradd -m tester
    domain mine qemu | sed '/<cpu/d; s/<log[^>]*>//' >/home/tester/mine.xml
    cat >/home/tester/run <<'SH'
set -e
export XDG_RUNTIME_DIR=$HOME/run-time
mkdir -p -m 700 "$XDG_RUNTIME_DIR"
vmsh -c vmd:///session define ~/mine.xml
vmsh -c vmd:///session start mine
vmsh -c vmd:///session list --name | grep -qx mine
vmsh -c vmd:///session destroy mine
vmsh -c vmd:///session undefine mine
SH
    runuser -l tester -c 'bash ~/run'
}

as() { # as USER COMMAND...: on the system's daemon
    local user=$1
    shift
    runuser -u "$user" -- "$vmsh" -c vmd:///system "$@"
}

sockets_are_there() {
    useradd -m -G vmd member && useradd -m stranger && systemctl stop vmd &&
        ! systemctl is-active vmd &&
        [ "$(stat -c '%a %G' /run/vmd/vmd.sock)" = '660 vmd' ] &&
        [ "$(stat -c '%a %G' /run/vmd/vmd-ro.sock)" = '666 root' ]
}

a_member_manages() {
    domain theirs kvm >/tmp/theirs.xml
    as member define /tmp/theirs.xml && systemctl is-active vmd && as member undefine theirs
}

a_stranger_looks() {
    as stranger -r list --all && ! as stranger -r define /tmp/theirs.xml && ! as stranger list
}

reload() {
    cp /etc/vmd/vmd.conf /tmp/vmd.conf && echo 'log_level = debug' >>/etc/vmd/vmd.conf
    systemctl reload vmd &&
        wait_for 20 eval "journalctl -u vmd -o cat | grep -q \"log_level was 'info' and is 'debug'\""
}

bad_reload() {
    { cat /tmp/vmd.conf && echo 'log_leve = debug'; } >/etc/vmd/vmd.conf
    ! systemctl reload vmd && journalctl -u vmd -o cat | grep "vmd.conf:[0-9]*: there is no key" &&
        systemctl is-active vmd && cp /tmp/vmd.conf /etc/vmd && systemctl reload vmd
}

first_boot() {
    mkdir -p "$guest" && cp /mnt/guest/vmlinuz /mnt/guest/initrd "$guest"
    check "the packages are installed, and the service runs" packages_are_installed
    check "clients of libvirt find it without a URI" libvirts_clients_find_it
    check "the units are good" systemd-analyze verify --man=no vmd.service vmd.socket vmd-ro.socket
    check "the sockets are there before the daemon" sockets_are_there
    check "a member of the group manages, and starts the daemon" a_member_manages
    check "a stranger looks and changes nothing" a_stranger_looks
    check "the service is started and enabled" systemctl enable --now vmd
    check "it says that it is ready" systemctl is-active vmd
    check "KVM is there" kvm_is_there
    check "KVM runs a program" /mnt/kvm-probe
    check "the socket is opened to all, with rules" open_to_all
    check "rules of vmd.conf and of polkit grant a user what they say" finer_rights
    check "the socket is closed again" closed_again
    check "a KVM guest boots to its shell" define_and_boot
    check "KVM runs it" is_accelerated guest
    check "the guest outlives a restart of the service" outlives systemctl restart vmd
    check "the guest outlives a stop of the service" outlives stop_and_knock
    check "the guest outlives an upgrade" outlives upgraded
    check "a reload takes the file" reload
    check "a reload of a file with a mistake fails, and nothing changes" bad_reload
    check "the guest outlives the daemon's death" outlives killed
    volume_groups
    check "the power button ends it" button
    check "nothing is left of it" nothing_is_left
    groups_hold
    check "it will start with the host" "$vmsh" autostart guest
    check "an ordinary user has a daemon too" as_a_user
    check "vmd had nothing to warn of" eval '! journalctl _COMM=vmd -p warning --no-pager -q | grep -v greedy'
    check "guests run as the host goes down" guests_run
    mkdir -p "$state"
}

second_boot() {
    check "the service starts with the host" wait_for 180 answers
    check "so does the guest" wait_for 180 is_running guest
    check "both guests had gone down, in order" went_down_in_order
    check "both came up, in order" came_up_in_order
    check "it is pulled off" "$vmsh" destroy guest
    check "it does not start again with the daemon" systemctl restart vmd
    check "but stays off" is_off guest
    check "undefined, nothing is left" "$vmsh" undefine guest
    check "no file of it" eval '[ -z "$(find /etc/vmd /run/vmd -name "guest*")" ]'
    check "the packages are removed: guests go down, and definitions stay" removed
    check "they are purged, and nothing stays" purged
    journalctl -b -u vmd --no-pager -o cat | tail -n 30 | sed 's/^/# /' # for who has to find out why
}

if [ -e "$state" ]; then second_boot; else first_boot; fi
echo "boot is over"
