#!/usr/bin/env python3
"""Every virsh command whose procedures the daemon has is in vmsh: found by asking both for their
commands and options, and the daemon for its methods. What they print is compared line by line."""
import re
import subprocess

from harness import VMD, VMSH, domain, main, need, same_words, test, virsh_is_older

# Commands that vmsh has not: a pattern, and the procedures that they would need. When the daemon has
# all of a row's, the command is due.
NEEDS = {
    "attach-disk --throttle-groups": ["DOMAIN_SET_THROTTLE_GROUP"],
    "backup-begin": ["DOMAIN_BACKUP_BEGIN"],
    "backup-dumpxml": ["DOMAIN_BACKUP_GET_XML_DESC"],
    "blockcommit": ["DOMAIN_BLOCK_COMMIT"],
    "blockcopy": ["DOMAIN_BLOCK_COPY"],
    "blockpull": ["DOMAIN_BLOCK_PULL"],
    "blockresize": ["DOMAIN_BLOCK_RESIZE"],
    "checkpoint-(create|create-as|edit)": ["DOMAIN_CHECKPOINT_CREATE_XML"],
    "checkpoint-delete": ["DOMAIN_CHECKPOINT_DELETE"],
    "checkpoint-(dumpxml|info|list)": ["DOMAIN_CHECKPOINT_GET_XML_DESC"],
    "checkpoint-parent": ["DOMAIN_CHECKPOINT_GET_PARENT"],
    "(create|start) --pass-fds": ["DOMAIN_CREATE_WITH_FILES"],
    "dom-fd-associate": ["DOMAIN_FD_ASSOCIATE"],
    "domdirtyrate-calc": ["DOMAIN_START_DIRTY_RATE_CALC"],
    "domdisplay-reload": ["DOMAIN_GRAPHICS_RELOAD"],
    "domsetlaunchsecstate": ["DOMAIN_SET_LAUNCH_SECURITY_STATE"],
    "domthrottlegroup(set|info|list)": ["DOMAIN_SET_THROTTLE_GROUP"],
    "domthrottlegroupdel": ["DOMAIN_DEL_THROTTLE_GROUP"],
    "domxml-from-native": ["CONNECT_DOMAIN_XML_FROM_NATIVE"],
    "dump": ["DOMAIN_CORE_DUMP_WITH_FORMAT"],
    "iface-(begin|commit|rollback)": ["INTERFACE_CHANGE_BEGIN"],
    "iface-(bridge|define|edit)": ["INTERFACE_DEFINE_XML"],
    "iface-(start)": ["INTERFACE_CREATE"],
    "iface-destroy": ["INTERFACE_DESTROY"],
    "iface-(undefine|unbridge)": ["INTERFACE_UNDEFINE"],
    "managedsave": ["DOMAIN_MANAGED_SAVE"],
    "managedsave-(define|edit)": ["DOMAIN_MANAGED_SAVE_DEFINE_XML"],
    "managedsave-dumpxml": ["DOMAIN_MANAGED_SAVE_GET_XML_DESC"],
    "managedsave-remove": ["DOMAIN_MANAGED_SAVE_REMOVE"],
    "migrate": ["DOMAIN_MIGRATE_BEGIN3_PARAMS"],
    "migrate-compcache": ["DOMAIN_MIGRATE_GET_COMPRESSION_CACHE"],
    "migrate-getmaxdowntime": ["DOMAIN_MIGRATE_GET_MAX_DOWNTIME"],
    "migrate-setmaxdowntime": ["DOMAIN_MIGRATE_SET_MAX_DOWNTIME"],
    "migrate-getspeed": ["DOMAIN_MIGRATE_GET_MAX_SPEED"],
    "migrate-setspeed": ["DOMAIN_MIGRATE_SET_MAX_SPEED"],
    "migrate-postcopy": ["DOMAIN_MIGRATE_START_POST_COPY"],
    "nodedev-autostart": ["NODE_DEVICE_SET_AUTOSTART"],
    "nodedev-create": ["NODE_DEVICE_CREATE_XML"],
    "nodedev-define": ["NODE_DEVICE_DEFINE_XML"],
    "nodedev-destroy": ["NODE_DEVICE_DESTROY"],
    "nodedev-detach": ["NODE_DEVICE_DETACH_FLAGS"],
    "nodedev-reattach": ["NODE_DEVICE_RE_ATTACH"],
    "nodedev-reset": ["NODE_DEVICE_RESET"],
    "nodedev-start": ["NODE_DEVICE_CREATE"],
    "nodedev-undefine": ["NODE_DEVICE_UNDEFINE"],
    "nodedev-update": ["NODE_DEVICE_UPDATE"],
    "nodesuspend": ["NODE_SUSPEND_FOR_DURATION"],
    "perf": ["DOMAIN_GET_PERF_EVENTS"],
    "qemu-attach": ["QEMU_DOMAIN_ATTACH"],
    "qemu-monitor-command --pass-fds": ["QEMU_DOMAIN_MONITOR_COMMAND_WITH_FILES"],
    "restore": ["DOMAIN_RESTORE_FLAGS"],
    "save": ["DOMAIN_SAVE_FLAGS"],
    "save-image-(define|edit)": ["DOMAIN_SAVE_IMAGE_DEFINE_XML"],
    "save-image-dumpxml": ["DOMAIN_SAVE_IMAGE_GET_XML_DESC"],
    "send-process-signal": ["DOMAIN_SEND_PROCESS_SIGNAL"],
    "snapshot-(create|create-as|edit)": ["DOMAIN_SNAPSHOT_CREATE_XML"],
    "snapshot-(current|dumpxml|info|list)": ["DOMAIN_SNAPSHOT_GET_XML_DESC"],
    "snapshot-delete": ["DOMAIN_SNAPSHOT_DELETE"],
    "snapshot-parent": ["DOMAIN_SNAPSHOT_GET_PARENT"],
    "snapshot-revert": ["DOMAIN_REVERT_TO_SNAPSHOT"],
}

# Those that it has not although nothing is missing, and why.
LEFT_OUT = {
    "lxc-enter-namespace": "of another hypervisor",
}


def words_of(program):
    """What it knows: its commands, and "command --option" for each option."""
    def ask(*argv):
        return subprocess.run([program, "help", *argv], text=True, capture_output=True,
                              check=True).stdout
    commands = re.findall(r"^    ([a-z][\w-]*)", ask(), re.M)
    return {*commands, *(f"{command} --{option}" for command in commands
                         for option in re.findall(r"^    \[?--([\w-]+)", ask(command), re.M))}


@test
def none_is_missing():
    need("virsh")
    theirs, ours = words_of("virsh"), words_of(VMSH)
    listed = subprocess.run([VMD, "--list-methods"], text=True, capture_output=True, check=True)
    methods = {line.split("\t")[2] for line in listed.stdout.splitlines()}
    assert len(methods) > 200 and len(theirs) > 1000
    used, wrong = set(), []
    for word in sorted(theirs - ours):
        if " " in word and word.split()[0] not in ours:
            continue  # the command itself is told
        row = next((p for p in (*NEEDS, *LEFT_OUT) if re.fullmatch(p, word)), None)
        used.add(row)
        if row is None:
            wrong.append(f"{word}: vmsh has it not")
        elif row in NEEDS and methods.issuperset(NEEDS[row]):
            wrong.append(f"{word}: the daemon has {', '.join(NEEDS[row])}")
    stale = set() if virsh_is_older() else {*NEEDS, *LEFT_OUT} - used
    assert not wrong and not stale, f"{wrong}; rows that say nothing: {stale}"


DEVICES = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
           "<source file='{image}'/><target dev='vda' bus='virtio'/></disk>"
           "<interface type='user'><mac address='52:54:00:11:22:44'/></interface>"
           "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>")

# Of a domain that is off and of one that runs.
READS = """memtune a
memtune a --config
memtune a --hard-limit x
memtune a --live --hard-limit 1000
blkiotune a
blkiotune a --config
blkiotune a --weight x
numatune a
numatune a --config
numatune a --mode frob
domiftune a 52:54:00:11:22:44
domiftune a 52:54:00:11:22:44 --config
domiftune a 52:54:00:11:22:44 --inbound x
domiftune a 52:54:00:11:22:44 --inbound 1,2,3,4,5
domiftune a 52:54:00:11:22:44 --outbound 1,2,3,4
domiftune a nosuch
blkdeviotune a vda
blkdeviotune a vda --config
blkdeviotune a nosuch
blkdeviotune a vda --total-bytes-sec frob
iothreadinfo a
iothreadinfo a --config
iothreadadd a 0
iothreadset a 1
iothreadset a 1 --poll-max-ns x
iothreadpin a 1 99999 --config
iothreadpin a 1
schedinfo a --weight 3
schedinfo a --cap 2 --config
cpu-stats a
cpu-stats a --start 1
cpu-stats a --start 0 --count 1
cpu-stats a --count -1
node-memory-tune
node-memory-tune --shm-pages-to-scan x
freepages
freepages --cellno 0
freepages --cellno 0 --pagesize 2M
freepages --cellno 77 --pagesize 4
freepages --all --cellno 0
allocpages 2048 0 --cellno 77
allocpages x 1
allocpages 12345 1
nodesevinfo
domlaunchsecinfo a
domfsfreeze a
domfsfreeze a /mnt
domfsthaw a
domfsinfo a
domfstrim a
domfstrim a --minimum x
domhostname a
domhostname a --source lease
domhostname a --source frob
domtime a
domtime a --now
domtime a --now --sync
domtime a --time x
domtime a --pretty
dompmsuspend a mem
dompmsuspend a frob
guestinfo a
guestinfo a --user
guestvcpus a
guestvcpus a --enable
guestvcpus a 0
guestvcpus a --cpulist 0 --enable
get-user-sshkeys a root
set-user-sshkeys a root
set-user-sshkeys a root --remove
set-user-sshkeys a root --reset
set-user-sshkeys a root /etc/nosuch
set-user-password a root x
set-user-password a root
qemu-agent-command a {"execute":"guest-ping"}
qemu-agent-command a x --timeout 0
qemu-agent-command a x --async --block
setvcpu a 0
setvcpu a 0 --enable
setvcpu a 0 --enable --disable
blockjob a vda
blockjob a vda --raw
blockjob a nosuch
blockjob a vda --abort
blockjob a vda --info --abort
blockjob a vda 100
pool-capabilities
pool-list --type dir,logical --all
pool-list --type frob
find-storage-pool-sources dir
find-storage-pool-sources frob
find-storage-pool-sources-as netfs --host x
find-storage-pool-sources-as zfs
nwfilter-binding-list
pool-event --list
pool-event
pool-event --event frob
pool-event --event lifecycle --timeout 1
qemu-monitor-event --timeout 1
qemu-monitor-event --timeout 0
update-memory-device a
update-memory-device a --requested-size x
net-list --all
desc a
metadata a http://x
undefine a --wipe-storage
undefine a --storage vda --remove-all-storage
undefine a --delete-storage-volume-snapshots
undefine a --storage nosuch
pool-define-as p dir --target /tmp/p --print-xml
pool-define-as p iscsi --source-host h --source-dev iqn.x --auth-type chap --auth-username u --secret-usage s --print-xml
pool-define-as p scsi --adapter-name host0 --target /dev --print-xml
pool-define-as p netfs --source-host h --source-path /x --target /tmp/p --source-protocol-ver 4 --print-xml
pool-start nosuch --build --overwrite --no-overwrite
echo --split a,b,,c d
echo --split --shell a,b c"""

# Each changes the definition, and the next line shows what it has become: run by both in turn.
CHANGES = """memtune a --hard-limit 1G --config; memtune a --config
memtune a --hard-limit 100000 --soft-limit 50000 --config; memtune a --config
memtune a --hard-limit -1 --config; memtune a --config
blkiotune a --weight 500 --config; blkiotune a --config
blkiotune a --device-weights /dev/sda,500 --config; blkiotune a --config
numatune a --mode preferred --nodeset 0 --config; numatune a --config
numatune a --mode 0 --config; numatune a --config
domiftune a 52:54:00:11:22:44 --config --inbound 1000,2000,300; domiftune a 52:54:00:11:22:44 --config
domiftune a 52:54:00:11:22:44 --config --outbound 7; domiftune a 52:54:00:11:22:44 --config
domiftune a 52:54:00:11:22:44 --config --inbound 0; domiftune a 52:54:00:11:22:44 --config
blkdeviotune a vda --total-bytes-sec 1M --config; blkdeviotune a vda --config
blkdeviotune a vda --read_iops_sec 5 --group-name g --config; blkdeviotune a vda --config
iothreadadd a 7 --config; iothreadinfo a --config; iothreaddel a 7 --config; iothreadinfo a --config
iothreadpin a 1 0 --config; iothreadinfo a --config
setvcpu a 1 --disable --config; dumpxml a --xpath //vcpus
desc a --title of the guest; desc a --title; desc a words of it; desc a
metadata a http://x --key k --set '<a b="c"/>'; metadata a http://x; metadata a http://x --remove"""


# Where vmsh does not do as a newer virsh does, and why.
ON_PURPOSE = {
    "metadata a http://x": "virsh prints nothing and succeeds where there is nothing: no script can tell",
}


def run(program, uri, line):
    done = subprocess.run([program, "-c", uri, line], text=True, capture_output=True, timeout=60)
    return done.stdout, done.stderr, done.returncode


def compare(d, lines):
    """Output and status are virsh's; where it complains, vmsh does."""
    need("virsh")
    differs = []
    for line in lines.splitlines():
        theirs, ours = run("virsh", d.uri, line), run(VMSH, d.uri, line)
        if virsh_is_older() and re.search("doesn't support option|unknown command", theirs[1]):
            continue
        if line in ON_PURPOSE and not virsh_is_older():
            continue
        if not same_words(ours[0], theirs[0]) or ours[2] != theirs[2] or (theirs[1] and not ours[1]):
            differs.append(f"{line}:\n--- virsh {theirs[2]}\n{theirs[0]}{theirs[1]}"
                           f"--- vmsh {ours[2]}\n{ours[0]}{ours[1]}")
    assert not differs, "\n".join(differs)[:6000]


def define(d):
    image = d.root / "a.img"
    with open(image, "wb") as f:
        f.truncate(10 << 20)
    image.chmod(0o666)
    xml = domain("a", devices=DEVICES.format(image=image), extra="<iothreads>2</iothreads>")
    d.vmsh("define", d.write("a.xml", xml))


@test
def what_is_off_reads_alike(d):
    define(d)
    compare(d, READS)


@test
def what_runs_reads_alike(d):
    define(d)
    d.vmsh("start", "a")
    compare(d, READS)


@test
def changes_are_alike(d):
    define(d)
    compare(d, CHANGES)


@test
def volumes_go_with_a_domain(d):
    """Those that a pool has; the others are told of."""
    define(d)
    folder = d.root / "pool"
    folder.mkdir()
    folder.chmod(0o711)
    d.vmsh("pool-create-as", "p", "dir", "--target", folder)
    d.vmsh("vol-create-as", "p", "v.img", "1M")
    volume = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
              f"<source file='{folder}/v.img'/><target dev='vdb' bus='virtio'/></disk>")
    xml = domain("a", devices=DEVICES.format(image=d.root / "a.img") + volume)
    d.vmsh("undefine", "a")
    d.vmsh("define", d.write("a.xml", xml))
    told = d.vmsh("undefine", "a", "--remove-all-storage", "--wipe-storage")
    assert "Domain 'a' has been undefined\n" in told, told
    assert f"Storage volume 'vda'({d.root}/a.img) is not managed by a pool" in told, told
    assert f"Volume 'vdb'({folder}/v.img) removed.\n" in told, told
    assert not (folder / "v.img").exists() and (d.root / "a.img").exists()


@test
def a_network_is_described(d):
    d.vmsh("net-define", d.write("n.xml", "<network><name>n</name></network>"))
    for command in ("net-desc n", "net-desc n --title"):
        assert f"No {'title' if 'title' in command else 'description'} for network: n" in \
            d.vmsh(command)
    assert "Network title updated successfully" in d.vmsh("net-desc n --title Of all guests")
    assert "Network description updated successfully" in d.vmsh("net-desc n It is small.")
    assert d.vmsh("net-desc n --title").strip() == "Of all guests"
    assert d.vmsh("net-desc n --config").strip() == "It is small."
    assert "Of all guests" in d.vmsh("net-list --all --title")
    assert "metadata not found" in d.vmsh("net-metadata n http://x", status=1)
    d.vmsh("net-metadata", "n", "http://x", "--key", "k", "--set", "<a b='c'/>")
    assert '<a b="c"/>' in d.vmsh("net-metadata n http://x").replace("'", '"')
    assert "namespace key is required" in d.vmsh("net-metadata n http://x --set <a/>", status=1)
    d.vmsh("net-metadata n http://x --remove")
    d.vmsh("net-metadata n http://x", status=1)


main()
