# Sourced by inside.sh: the scopes of guests, and that the limits in them hold. The busy guests are
# firmware alone, whose processor is kept busy by a jump to itself.
# shellcheck shell=bash disable=SC2154,SC2016 # of inside.sh; what eval is given

limited() { # limited NAME LIMITS [MIB]: a guest without a disk, which QEMU runs itself
    cat <<XML
<domain type='qemu'>
  <name>$1</name>
  <memory unit='MiB'>${3:-32}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/><apic/></features>
  <on_crash>destroy</on_crash>
  $2
  <devices><controller type='usb' model='none'/><memballoon model='none'/><video><model type='none'/></video></devices>
</domain>
XML
}

start_limited() { limited "$@" | "$vmsh" create /dev/stdin >/dev/null; }
qemu_of() { pgrep -f "qemu-system-x86_64.*guest=$1,"; }
scope_of() { sed -n 's/^0:://p' "/proc/$(qemu_of "$1")/cgroup" | sed 's:/guest/emulator$::'; }
group_of() { echo "/sys/fs/cgroup$(scope_of "$1")"; }
used() { sed -n 's/^usage_usec //p' "$1/cpu.stat"; } # used FOLDER: microseconds

percent() { # percent FOLDER SECONDS: of one processor that what is in there uses
    local before after from to
    from=$(date +%s%N) before=$(used "$1")
    sleep "$2"
    to=$(date +%s%N) after=$(used "$1")
    echo $(((after - before) * 100000 / (to - from)))
}

is_about() { # is_about NUMBER WANTED MARGIN
    echo "$1 %, and $2 are wanted"
    [ "$1" -ge $(($2 - $3)) ] && [ "$1" -le $(($2 + $3)) ]
}

# The processor begins at the end of its firmware, and finds a jump to itself there.
make_busy_rom() { # 64 KiB, at its end the reset vector: "jmp ." (eb fe)
    head -c 65536 /dev/zero | tr '\0' '\364' >/var/lib/vmd-busy.rom
    printf '\353\376' | dd of=/var/lib/vmd-busy.rom bs=1 seek=65520 conv=notrunc status=none
}

spinning() { # spinning NAME LIMITS [MIB]
    make_busy_rom
    limited "$@" | sed "s#<os>.*</os>#<os><type arch='x86_64' machine='pc'>hvm</type><loader type='rom'>/var/lib/vmd-busy.rom</loader></os>#" |
        "$vmsh" create /dev/stdin >/dev/null
}

in_scopes_of_machine_slice() {
    start_limited scoped '' && scope_of scoped && case $(scope_of scoped) in
    /machine.slice/machine-qemu*scoped.scope) ;; *) false ;; esac &&
        [ "$(systemctl show "$(basename "$(scope_of scoped)")" |
            grep -cE '^(Delegate=yes|Before=.*vmd-guests.service|Description=Virtual machine scoped)')" = 3 ]
}

machinectl_lists_it() { wait_for 10 eval 'machinectl list | grep "qemu-.*-scoped"'; }

scope_outlives_restart() {
    local before
    before=$(scope_of scoped) && systemctl restart vmd && wait_for 60 answers && [ "$(scope_of scoped)" = "$before" ] &&
        "$vmsh" destroy scoped && wait_for 10 eval '[ ! -e "/sys/fs/cgroup$before" ]' &&
        [ -z "$(systemctl list-units --all --plain --no-legend 'machine-qemu*scoped.scope')" ]
}

# Three at once: one by its quota on one processor, two by their weights, three to one, on the other.
busy_guests_run() {
    spinning quota "<cputune><period>100000</period><quota>20000</quota><vcpupin vcpu='0' cpuset='1'/></cputune>" &&
        spinning heavy "<cputune><shares>300</shares><vcpupin vcpu='0' cpuset='0'/></cputune>" &&
        spinning light "<cputune><shares>100</shares><vcpupin vcpu='0' cpuset='0'/></cputune>"
}

# The machine itself is emulated, and where its own host is busy its clock runs on while it does not.
holds() { # holds FOLDER PERCENT
    for _ in 1 2 3; do
        is_about "$(percent "$1" 5)" "$2" 3 && return
    done
    return 1
}

quota_holds() { holds "$(group_of quota)/guest/vcpu0" 20 && virsh -c "$uri" schedinfo quota | grep -E 'vcpu_quota *: 20000$'; }

quota_changes() {
    virsh -c "$uri" schedinfo quota --live --set vcpu_quota=50000 cpu_shares=200 &&
        is_about "$(percent "$(group_of quota)/guest/vcpu0" 5)" 38 15 && # a busy host may have no more for it
        virsh -c "$uri" schedinfo quota | grep -E 'cpu_shares *: 200$' && [ "$(cat "$(group_of quota)/cpu.weight")" = 200 ] &&
        "$vmsh" confinement quota | grep 'cputune/shares: 200'
}

weigh() { # weigh FOLDER FOLDER: tenths of what the second uses that the first does
    local one two
    one=$(used "$1") two=$(used "$2")
    sleep 5
    one=$(($(used "$1") - one)) two=$(($(used "$2") - two))
    echo "$one and $two us" >&2
    echo $((one * 10 / two))
}

weights_share() {
    local heavy light tenths
    heavy=$(group_of heavy)/guest/vcpu0 light=$(group_of light)/guest/vcpu0
    for _ in 1 2 3; do
        tenths=$(weigh "$heavy" "$light")
        [ "$tenths" -ge 24 ] && [ "$tenths" -le 36 ] && break
    done
    "$vmsh" destroy heavy && "$vmsh" destroy light && "$vmsh" destroy quota && rm /var/lib/vmd-busy.rom &&
        [ "$tenths" -ge 24 ] && [ "$tenths" -le 36 ]
}

emulator_quota_holds() { # its threads are kept busy by questions
    start_limited emulator '<cputune><emulator_quota>20000</emulator_quota></cputune>' || return 1
    for _ in 1 2; do
        (while "$vmsh" qemu-monitor-command emulator --hmp 'xp /200000xb 0' >/dev/null 2>&1; do :; done) &
    done
    holds "$(group_of emulator)/guest/emulator" 20
    local held=$?
    "$vmsh" destroy emulator
    wait
    return $held
}

registrations() { "$vmsh" daemon-status | sed -n 's/^ *registrations *\([0-9]*\).*/\1/p'; }
are_more_registered() { [ "$(registrations)" -gt "$1" ]; }

# The limit falls below what the guest has, whose memory is all taken at its start.
hard_limit_ends_its_own() {
    start_limited beside '' && limited greedy '<memtune><hard_limit unit="MiB">400</hard_limit></memtune>' 150 |
        sed 's#<on_crash>#<memoryBacking><allocation mode="immediate"/></memoryBacking>&#' >/root/greedy.xml
    "$vmsh" define /root/greedy.xml && "$vmsh" start greedy && "$vmsh" memtune greedy | grep -q '409600$' || return 1
    local heard
    heard=$(registrations)
    "$vmsh" event greedy --event lifecycle --timeout 60 >/root/greedy.events &
    wait_for 20 are_more_registered "$heard"
    "$vmsh" memtune greedy --live --hard-limit 81920 --swap-hard-limit 81920
    wait
    cat /root/greedy.events
    grep -q 'Stopped Crashed' /root/greedy.events &&
        [ "$("$vmsh" domstate greedy --reason)" = 'shut off (crashed)' ] &&
        journalctl -u vmd -o cat | grep "domain 'greedy': the kernel has ended it: it needed more memory than its hard_limit" &&
        is_running beside && "$vmsh" destroy beside && "$vmsh" undefine greedy
}

groups_hold() {
    check "a guest is in a scope of machine.slice" in_scopes_of_machine_slice
    check "machinectl lists it" machinectl_lists_it
    check "it outlives a restart, and ends with its guest" scope_outlives_restart
    check "three guests are busy" busy_guests_run
    check "a vcpu quota of 20 % holds" quota_holds
    check "it changes while its guest runs" quota_changes
    check "weights share a processor" weights_share
    check "an emulator quota of 20 % holds" emulator_quota_holds
    check "a hard limit of memory ends its own guest alone" hard_limit_ends_its_own
}
