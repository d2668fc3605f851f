#!/usr/bin/env python3
"""The agent in a guest: QEMU's own in a small Linux, and one that means ill in the same place."""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ET

from harness import VMSH, domain, guest, main, need, test, wait_for

SETUP = r"""#!/bin/sh
for m in $(cat /agent/order); do [ ! -e /agent/$m.ko ] || insmod /agent/$m.ko; done
ln -s /bin /sbin
mkdir -p /etc /root /mnt /run /tmp
echo root:x:0:0:root:/root:/bin/sh >/etc/passwd
echo root:x:0: >/etc/group
echo 'root:*:19000:0:99999:7:::' >/etc/shadow
printf 'ID=toy\nNAME="Toy"\nVERSION_ID=7\nPRETTY_NAME="Toy 7"\n' >/etc/os-release
printf '#!/bin/sh\ncase "$*" in *-r*) reboot -f;; *) poweroff -f;; esac\n' >/bin/shutdown
printf '#!/bin/sh\ncat >/tmp/password\n' >/bin/chpasswd
chmod +x /bin/shutdown /bin/chpasswd
hostname toy
ip link set lo up
[ ! -e /dev/vda ] || mount -t ext4 /dev/vda /mnt
for p in /sys/class/virtio-ports/*; do
    [ "$(cat $p/name)" != org.qemu.guest_agent.0 ] || port=/dev/${p##*/}
done
"""

REAL = SETUP + "/usr/sbin/qemu-ga -m virtio-serial -p $port >/tmp/log 2>&1 &\n"

# It listens, until a question of ours tells it to misbehave, once.
HOSTILE = SETUP + r"""cat >/bin/agent <<'END'
exec 3<>"$1"
mode=well
while :; do
    read -r line <&3 || { sleep 0.2; continue; } # nobody is connected
    id=${line##*\"id\":}; id=${id%%\}*}
    case "$mode $line" in
        well*guest-sync-delimited*) printf '\377{"return": %s}\n' "$id" >&3;;
        well*be-*) mode=${line##*be-}; mode=${mode%%\"*}; echo '{"return": {}}' >&3;;
        well*) echo '{"return": {"host-name": "mine"}}' >&3;;
        silent*) mode=well;;
        wrong*) printf '\377{"return": 77}\n{"return": %s}\n' "$id" >&3; mode=well;;
        junk*) yes '{"return": 5}' | head -c 6m >&3; mode=well;;
        long*) head -c 6m /dev/zero | tr '\0' a >&3; mode=well;;
        *guest-sync-delimited*) printf '\377{"return": %s}\n' "$id" >&3;;
        quiet*) mode=well;;
        late*) mode=well; sleep 3; echo '{"return": {"host-name": "late"}}' >&3;;
        endless*) mode=well; head -c 6m /dev/zero | tr '\0' a >&3;;
        deep*) mode=well; { echo -n '{"return":'; head -c 200000 /dev/zero | tr '\0' '['; echo; } >&3;;
        odd*) mode=well; echo '[1, "two"]' >&3;;
        number*) mode=well; echo '{"return": 7}' >&3;;
        leave*) mode=well; exec 3>&-; sleep 1; exec 3<>"$1";;
    esac
done
END
sh /bin/agent $port &
"""

# Without a console its shell would end, and the guest with it.
CHANNEL = "<serial type='pty'/><channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"


def boot(d, name, script, devices="", extra=""):
    need("cpio")
    folder, base = guest(), tempfile.mkdtemp(dir=d.root)
    rc = pathlib.Path(base) / "tree/etc/rc"
    rc.parent.mkdir(parents=True)
    rc.write_text(script)
    rc.chmod(0o755)
    packed = subprocess.run("find . | cpio -o -H newc --quiet | gzip", shell=True, check=True,
                            capture_output=True, cwd=f"{base}/tree").stdout
    kernel = pathlib.Path(base)
    shutil.copy(folder / "vmlinuz", kernel)
    (kernel / "initrd").write_bytes((folder / "initrd").read_bytes() + (folder / "agent").read_bytes() +
                                    packed)
    text = domain(name, CHANNEL + devices, memory=256, kernel=kernel, extra=extra)
    d.vmsh("define", d.write(f"{name}.xml", text.replace("<vcpu>1", "<vcpu current='2'>4")))
    heard = subprocess.Popen([VMSH, "-c", d.uri, "event", name, "--event", "agent-lifecycle", "--loop"],
                             stdout=subprocess.PIPE, text=True)
    d.vmsh("start", name)
    try:
        d.vmsh("wait", name, "agent", "--timeout", "120")
        assert state(d, name) == "connected"
        assert "state: 'connected' reason: 'channel event'" in heard.stdout.readline()
    finally:
        heard.kill()
        heard.wait()


def state(d, name):
    return ET.fromstring(d.vmsh("dumpxml", name)).find("devices/channel/target").get("state")


def value(text, name):
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.*?)\s*$", text, re.M)
    assert found, f"no {name} in:\n{text}"
    return found.group(1)


def disk(d):
    path = d.root / "disk.img"
    with open(path, "wb") as f:
        f.truncate(16 << 20)
    subprocess.run([need("mkfs.ext4"), "-q", "-F", str(path)], check=True)
    return (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{path}'/>"
            "<target dev='vda' bus='virtio'/></disk>")


@test
def the_agent_answers(d):
    boot(d, "a", REAL, disk(d))
    assert d.vmsh("domhostname", "a").strip() == "toy"
    it_tells_of_itself(d)
    it_stops_the_file_systems(d)
    it_changes_accounts(d)
    it_changes_processors(d)
    it_knows_the_time(d)
    it_is_asked_anything(d)
    it_sleeps_and_starts_anew(d)
    it_gets_processors(d)  # QEMU 7.2 does not survive the sleep of an emulated guest that lost one
    d.vmsh("shutdown", "a", "--mode", "agent")
    wait_for(lambda: "shut off" in d.vmsh("domstate", "a"), 60)
    assert "not running" in d.vmsh("domhostname", "a", status=1)


def it_tells_of_itself(d):
    told = d.vmsh("guestinfo", "a")
    assert value(told, "os.id") == "toy" and value(told, "os.pretty-name") == "Toy 7"
    assert value(told, "hostname") == "toy" and value(told, "user.count") == "0"
    assert value(told, "fs.0.mountpoint") == "/mnt" and value(told, "fs.0.fstype") == "ext4"
    assert value(told, "fs.0.disk.0.alias") == "vda", told
    assert value(told, "if.0.name") == "lo" and value(told, "if.0.addr.0.prefix") == "8"
    assert "timezone" not in d.vmsh("guestinfo", "a", "--os", "--hostname")
    told = d.vmsh("domifaddr", "a", "--source", "agent")
    assert re.search(r"lo +00:00:00:00:00:00 +ipv4 +127.0.0.1/8", told), told
    assert re.search(r"/mnt +vda +ext4 +vda", d.vmsh("domfsinfo", "a")), d.vmsh("domfsinfo", "a")


def it_stops_the_file_systems(d):
    assert "Froze 1 filesystem" in d.vmsh("domfsfreeze", "a")
    assert "frozen" in d.vmsh("qemu-agent-command", "a", '{"execute":"guest-fsfreeze-status"}')
    assert "Thawed 1 filesystem" in d.vmsh("domfsthaw", "a")
    assert "Froze 1 filesystem" in d.vmsh("domfsfreeze", "a", "/mnt")
    d.vmsh("domfsthaw", "a")
    assert "not supported" in d.vmsh("domfsthaw", "a", "/mnt", status=1)
    d.vmsh("domfstrim", "a", "--minimum", "4096")


def it_changes_accounts(d):
    d.vmsh("set-user-password", "a", "root", "s3cret")
    assert read(d, "/tmp/password") == "root:s3cret\n"
    assert "guest agent command failed" in d.vmsh("get-user-sshkeys", "a", "nobody", status=1)
    keys = d.write("keys", "ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n")
    d.vmsh("set-user-sshkeys", "a", "root", str(keys))
    told = d.vmsh("get-user-sshkeys", "a", "root")
    assert sorted(told.strip().splitlines()) == keys.read_text().splitlines(), told
    d.vmsh("set-user-sshkeys", "a", "root", "--remove", str(d.write("keys", "ssh-ed25519 AAAA one\n")))
    assert d.vmsh("get-user-sshkeys", "a", "root").split() == ["ssh-ed25519", "BBBB", "two"]


def it_changes_processors(d):
    assert value(d.vmsh("guestvcpus", "a"), "online") == "0-1"
    d.vmsh("guestvcpus", "a", "--disable", "--cpulist", "1")
    assert value(d.vmsh("guestvcpus", "a"), "online") == "0"
    assert d.vmsh("vcpucount", "a", "--guest").strip() == "1"
    d.vmsh("setvcpus", "a", "2", "--guest")
    assert d.vmsh("vcpucount", "a", "--guest").strip() == "2"
    assert "2 processors, not 3" in d.vmsh("setvcpus", "a", "3", "--guest", status=1)
    assert "are not there" in d.vmsh("guestvcpus", "a", "--enable", "--cpulist", "9", status=1)


def it_gets_processors(d):
    d.vmsh("setvcpus", "a", "4", "--live")
    wait_for(lambda: value(d.vmsh("guestvcpus", "a"), "vcpus") == "0-3")
    d.vmsh("setvcpus", "a", "4", "--guest")
    assert value(d.vmsh("guestvcpus", "a"), "online") == "0-3"
    d.vmsh("setvcpus", "a", "2", "--live")
    wait_for(lambda: value(d.vmsh("guestvcpus", "a"), "online") == "0-1")
    assert d.vmsh("vcpucount", "a", "--live", "--active").strip() == "2"


def it_knows_the_time(d):
    assert abs(int(value(d.vmsh("domtime", "a"), "Time")) - time.time()) < 30
    d.vmsh("domtime", "a", "--time", "1000000000")
    assert 0 <= int(value(d.vmsh("domtime", "a"), "Time")) - 1000000000 < 120


def it_is_asked_anything(d):
    d.vmsh("guest-agent-timeout", "a", "--timeout", "5")
    said = d.vmsh("qemu-agent-command", "a", '{"execute":"guest-nonsense"}', status=1)
    assert "guest-nonsense" in said and "not been found" in said, said
    assert json.loads(d.vmsh("qemu-agent-command", "a", '{"execute":"guest-ping"}')) == {"return": {}}
    assert "custom guest agent" in d.vmsh("dominfo", "a")
    assert "is a JSON object" in d.vmsh("qemu-agent-command", "a", "nonsense", status=1)
    d.kill()
    d.start()
    assert d.vmsh("domhostname", "a").strip() == "toy"


def read(d, path):
    def ask(command, **arguments):
        line = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(d.vmsh("qemu-agent-command", "a", line))["return"]
    handle = ask("guest-file-open", path=path)
    got = base64.b64decode(ask("guest-file-read", handle=handle)["buf-b64"]).decode()
    ask("guest-file-close", handle=handle)
    return got


def it_sleeps_and_starts_anew(d):
    d.vmsh("dompmsuspend", "a", "mem")
    wait_for(lambda: "pmsuspended" in d.vmsh("domstate", "a"), 30)
    assert "not running" in d.vmsh("domhostname", "a", status=1)
    d.vmsh("dompmwakeup", "a")
    wait_for(lambda: "running" in d.vmsh("domstate", "a"), 30)
    wait_for(lambda: "toy" in d.vmsh("domhostname", "a", status=None), 60)
    assert "Duration not supported" in d.vmsh("dompmsuspend", "a", "mem", "--duration", "3", status=1)
    d.vmsh("reboot", "a", "--mode", "agent")
    wait_for(lambda: "toy" in d.vmsh("domhostname", "a", status=None), 120)


def be(d, how):
    d.vmsh("qemu-agent-command", "a", json.dumps({"execute": f"be-{how}"}))


MISCHIEF = {
    "silent": ("Guest agent is not responding", 5),
    "wrong": ("Guest agent is not responding", 5),
    "junk": ("more than 4 MiB that answer nothing", 0),
    "long": ("more than 4 MiB that answer nothing", 0),
    "quiet": ("guest agent command timed out", 1),
    "late": ("guest agent command timed out", 1),
    "endless": ("too long", 0),
    "deep": ("a message of more than 32768 members", 0),
    "odd": ("no JSON object", 0),
    "number": ("no text 'host-name'", 0),
    "leave": ("went away before", 0),
}


def resident(d):
    status = pathlib.Path(f"/proc/{d.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s*(\d+)", status)[1]) >> 10


@test
def one_that_means_ill_harms_nobody(d):
    boot(d, "a", HOSTILE)
    assert d.vmsh("domhostname", "a").strip() == "mine"
    d.vmsh("guest-agent-timeout", "a", "--timeout", "1")
    before = resident(d)
    for how, (says, least) in MISCHIEF.items():
        be(d, how)
        began = time.monotonic()
        asked = subprocess.Popen([VMSH, "-c", d.uri, "domhostname", "a"], stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        slowest = 0
        while asked.poll() is None:
            at = time.monotonic()
            d.vmsh("list")
            time.sleep(0.1)
            slowest = max(slowest, time.monotonic() - at)
        said = asked.stdout.read()
        assert asked.returncode == 1 and says in said, f"{how}: {said}"
        assert time.monotonic() - began >= least, how
        assert slowest < 5, f"{how}: a list took {slowest} s"
        wait_for(lambda: d.vmsh("domhostname", "a", status=None).strip() == "mine", 60, 0.3)
    assert resident(d) < before + 150, f"{before} MiB became {resident(d)}"
    assert state(d, "a") == "connected"


if __name__ == "__main__":
    main()
