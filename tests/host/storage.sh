# Sourced by inside.sh: pools that are volume groups, on a loop device, with device-mapper.
# shellcheck shell=bash disable=SC2154,SC2016 # of inside.sh; what eval is given

p() { "$vmsh" "$@"; }
bytes() { printf "$2%.0s" $(seq "$1"); }
size_of() { lvs --noheadings --units b --nosuffix -o lv_size "$1" | tr -d ' '; }

a_group_is_built() {
    truncate -s 256M /var/tmp/group.img && loop=$(losetup -f --show /var/tmp/group.img) &&
        p pool-define-as lv logical --source-name vmdlv --source-dev "$loop" &&
        p pool-build lv && p pool-start lv && p pool-info lv
}

volumes_are_devices() {
    p vol-create-as lv one 10M && [ "$(size_of vmdlv/one)" = $((12 << 20)) ] && [ -b /dev/vmdlv/one ] &&
        [ -z "$(lvs --noheadings -o lv_tags vmdlv/one | tr -d ' ')" ] &&
        p vol-dumpxml one lv | grep "<extent start='0' end='12582912'/>" &&
        p vol-dumpxml one lv | grep '<group>' && bytes 1000 vmd >/tmp/sent &&
        p vol-upload one /tmp/sent --pool lv && p vol-download one /tmp/got --pool lv --length 3000 &&
        cmp /tmp/sent /tmp/got && p vol-resize one 16M --pool lv &&
        [ "$(blockdev --getsize64 /dev/vmdlv/one)" = $((16 << 20)) ]
}

snapshots_and_thin_ones() {
    local snapshot='<volume><name>snap</name><capacity>16777216</capacity><allocation>4194304</allocation><backingStore><path>/dev/vmdlv/one</path></backingStore></volume>'
    p vol-create-as lv sparse 64M --allocation 8M && [ "$(blockdev --getsize64 /dev/vmdlv/sparse)" = $((64 << 20)) ] &&
        p vol-create lv <(echo "$snapshot") && cmp -n 3000 /tmp/sent /dev/vmdlv/snap &&
        ! p vol-delete one lv && p vol-delete snap lv &&
        lvcreate -y -q --type thin-pool -n tp -L 32M vmdlv && p vol-create-as lv thin 1G --allocation 0 &&
        [ "$(lvs --noheadings -o pool_lv vmdlv/thin | tr -d ' ')" = tp ] &&
        p vol-dumpxml thin lv | grep '<allocation unit=.bytes.>0<' && ! p vol-list lv | grep ' tp ' &&
        p vol-create lv <(echo "${snapshot//one/thin}") && [ -b /dev/vmdlv/snap ] &&
        [ "$(lvs --noheadings -o pool_lv vmdlv/snap | tr -d ' ')" = tp ]
}

copies_and_wipes() {
    p vol-clone one two --pool lv && cmp -n 3000 /tmp/sent /dev/vmdlv/two && p vol-wipe two lv &&
        cmp -n $((16 << 20)) /dev/zero /dev/vmdlv/two
}

a_guest_holds_its_volume() {
    domain vol qemu | sed "/<cpu/d; s|<devices>|<devices><disk type='volume' device='disk'><source pool='lv' volume='one'/><target dev='vda' bus='virtio'/></disk>|" \
        >/tmp/vol.xml
    p create /tmp/vol.xml --paused && p vol-delete one lv 2>&1 | grep "in use by domain 'vol'" &&
        p vol-wipe one lv 2>&1 | grep "in use by domain 'vol'" && ! p vol-upload one /tmp/sent --pool lv && ! p pool-destroy lv && p destroy vol
}

the_group_goes() {
    p pool-destroy lv && [ ! -e /dev/vmdlv/one ] && p pool-start lv && [ -b /dev/vmdlv/one ] &&
        p pool-destroy lv && p pool-delete lv && p pool-undefine lv && ! vgs vmdlv && ! pvs "$loop" && losetup -d "$loop" &&
        rm -f /etc/lvm/backup/vmdlv /etc/lvm/archive/vmdlv_*
}

volume_groups() {
    check "a volume group is built" a_group_is_built
    check "its volumes are devices" volumes_are_devices
    check "snapshots and thin volumes" snapshots_and_thin_ones
    check "copies of volumes, and a wipe" copies_and_wipes
    check "a guest holds its volume" a_guest_holds_its_volume
    check "the group goes as it came" the_group_goes
}
