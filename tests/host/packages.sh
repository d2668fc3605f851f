# Sourced by inside.sh: what becomes of Debian's packages of vmd on a host. /mnt/debs has them, and
# /mnt/next the same as a later version.
# shellcheck shell=bash

install_debs() { dpkg -i "$1"/*.deb; }

packages_are_installed() {
    install_debs /mnt/debs && systemctl is-active vmd.socket vmd-ro.socket vmd.service &&
        systemctl is-enabled vmd.socket vmd-ro.socket vmd.service && getent group vmd &&
        ! command -v libvirtd && grep '^compat_sockets = yes' /etc/vmd/vmd.conf
}

libvirts_clients_find_it() {
    virsh uri && virsh list --all && [ "$(readlink /usr/bin/virt-ssh-helper)" = vmd-ssh-helper ] &&
        runuser -u nobody -- virsh -r -c qemu:///system list --all
}

upgraded() {
    local before
    before=$(systemctl show -p MainPID --value vmd)
    install_debs /mnt/next && [ "$(dpkg-query -W -f '${Version}' vmd)" = "$(cat /mnt/next/version)" ] &&
        [ "$(systemctl show -p MainPID --value vmd)" != "$before" ] && systemctl is-active vmd.socket
}

removed() {
    is_running late && dpkg -r vmd vmd-client vmd-doc && ! pidof vmd && ! pgrep -f qemu-system &&
        [ "$(says late 'Power down')" = 2 ] && [ -e /etc/vmd/qemu/late.xml ] && [ ! -e /usr/bin/vmsh ] && [ ! -L /usr/bin/virt-ssh-helper ]
}

# As it was before, also for systemd.
purged() {
    dpkg -P vmd vmd-client vmd-doc && ! getent group vmd &&
        ! find / -xdev \( -path /proc -o -path /var/log/journal -o -path /home -o -path /usr/lib/modules \) -prune -o \
            -name '*vmd*' -not -name '*lvmd*' -not -path '*vmd-test*' -print | grep . &&
        [ ! -e /run/vmd ] && [ ! -e /run/libvirt ] && ! systemctl list-unit-files | grep '^vmd\.'
}
