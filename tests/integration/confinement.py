"""What a QEMU is on its host: a user of its own without any right, which is claimed, shown and found
again, while every file keeps its owner."""
import os
import re
import subprocess

from harness import *

FIRST, LAST = 0x7F000000, 0x7F00FFFF


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, value in (line.split(":", 1) for line in lines)}


def start(d, name, devices="", extra="", kernel=None):
    d.vmsh("define", d.write(f"{name}.xml", domain(name, devices, 256, extra=extra, kernel=kernel)))
    d.vmsh("start", name)
    return pid_of(d, name)


def pid_of(d, name):
    mine = [pid for pid in d.qemus(helpers=False)
            if f"guest={name}," in pathlib.Path(f"/proc/{pid}/cmdline").read_text()]
    assert len(mine) == 1, mine
    return mine[0]


def own_folder(d, name):
    return d.root / "run/vmd/qemu" / d.vmsh("domuuid", name).strip() / "own"


def stamps(paths):
    found = {}
    for path in paths:
        st = os.lstat(path)
        found[str(path)] = (st.st_uid, st.st_gid, st.st_mode, st.st_ino)
    return found


def home_of(d, name="home", owner=1234):
    """Somebody's folder that nobody else may enter, with an image and a kernel for them alone."""
    home = d.root / name
    home.mkdir(mode=0o700)
    with open(home / "disk.img", "wb") as image:
        image.truncate(1 << 20)
    made = [home / "disk.img"]
    for part in ("vmlinuz", "initrd"):
        shutil.copy(guest() / part, home / part)
        made.append(home / part)
    for path in [home, *made]:
        os.chmod(path, 0o700 if path == home else 0o600)
        os.chown(path, owner, owner)
    return home


def disk(path, target="vda"):
    return (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{path}'/>"
            f"<target dev='{target}' bus='virtio'/></disk>")


@test
def it_is_nobody(d):
    need_root("to give QEMU a user of its own")
    pids = [start(d, name) for name in ("a", "b", "c")]
    users = set()
    for name, pid in zip("abc", pids):
        status = status_of(pid)
        user = int(status["Uid"][0])
        assert FIRST <= user <= LAST and set(status["Uid"]) == {str(user)}, status["Uid"]
        assert set(status["Gid"]) == {str(user)} and status["Groups"] == [], status
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[kind][0], 16) == 0, (kind, status[kind])
        assert status["NoNewPrivs"] == ["1"] and status["Seccomp"] == ["2"], status
        assert status["Umask"] == ["0077"], status["Umask"]
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), limits
        assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "0"
        users.add(user)
        folder = own_folder(d, name)
        assert os.lstat(folder).st_uid == user and os.lstat(folder).st_mode & 0o777 == 0o700
        assert os.lstat(folder.parent).st_uid == 0
        label = f"+{user}:+{user}"
        assert f"<label>{label}</label>" in d.vmsh("dumpxml", name)
        assert "seclabel" not in d.vmsh("dumpxml", "--inactive", name)
        assert "elevated" not in d.vmsh("dominfo", name)
    assert len(users) == 3, users


@test
def no_file_gets_another_owner(d):
    need_root("to give QEMU a user of its own")
    home = home_of(d)
    paths = [home, *home.iterdir()]
    before = stamps(paths)
    output = home / "serial.log"
    pid = start(d, "g", disk(home / "disk.img") + f"<serial type='file'><source path='{output}'/></serial>",
                kernel=home)
    assert int(status_of(pid)["Uid"][0]) >= FIRST
    wait_for(output.read_bytes, 120)
    assert stamps(paths) == before
    d.vmsh("destroy", "g")
    assert stamps(paths) == before
    assert not any(os.lstat(path).st_uid >= FIRST for path in d.root.rglob("*"))


@test
def its_user_outlives_the_daemon(d):
    need_root("to give QEMU a user of its own")
    users = {name: status_of(start(d, name))["Uid"][0] for name in ("a", "b")}
    d.kill()
    for name in ("status", "live.xml"):
        os.unlink(own_folder_of_lost(d, users["b"]) / name)
    d.start()
    for name, user in users.items():
        wait_for(lambda: f"+{user}:+{user}" in d.vmsh("dumpxml", name))
    # Whoever wants one of them by number does not get it.
    d.vmsh("define", d.write("x.xml", domain("x", extra=static(f"+{users['a']}:+{users['a']}"))))
    assert f"user '{users['a']}' is in use by domain 'a'" in d.vmsh("start", "x", status=1)
    d.vmsh("destroy", "a")
    d.vmsh("start", "x")
    assert status_of(pid_of(d, "x"))["Uid"][0] == users["a"]
    # That of the last run is not free: another one.
    d.vmsh("start", "a")
    assert status_of(pid_of(d, "a"))["Uid"][0] not in users.values()


def own_folder_of_lost(d, user):
    return next(path.parent for path in d.root.glob("run/vmd/qemu/*/own") if os.lstat(path).st_uid == int(user))


def static(label):
    return f"<seclabel type='static' model='dac' relabel='no'><label>{label}</label></seclabel>"


@test
def a_user_that_is_at_work_is_not_taken(d):
    need_root("to give QEMU a user of its own")
    user = int(status_of(start(d, "a"))["Uid"][0])
    d.vmsh("destroy", "a")
    d.vmsh("start", "a")
    assert int(status_of(pid_of(d, "a"))["Uid"][0]) == user
    d.vmsh("destroy", "a")
    left = subprocess.Popen(["sleep", "600"], user=user, group=user, extra_groups=[])
    try:
        d.vmsh("start", "a")
        assert int(status_of(pid_of(d, "a"))["Uid"][0]) not in (0, user)
    finally:
        left.kill()
        left.wait()


@test
def who_else_it_can_be(d):
    need_root("to give QEMU a user of its own")
    status = status_of(start(d, "named", extra=static("nobody:nogroup")))
    assert status["Uid"][0] == "65534" and int(status["CapEff"][0], 16) == 0, status
    status = status_of(start(d, "numbered", extra=static("+4242:+4343")))
    assert (status["Uid"][0], status["Gid"][0], status["NoNewPrivs"]) == ("4242", "4343", ["1"]), status
    assert "+4242:+4343" in d.vmsh("dumpxml", "numbered")
    d.vmsh("define", d.write("x.xml", domain("x", extra=static("nobody-of-that-name"))))
    assert "no user 'nobody-of-that-name'" in d.vmsh("start", "x", status=1)
    for name, label in (("none", "<seclabel type='none'/>"), ("dac", "<seclabel type='none' model='dac'/>")):
        status = status_of(start(d, name, extra=label))
        assert status["Uid"][0] == "0" and int(status["CapEff"][0], 16) != 0, status
        assert "running with undesirable elevated privileges" in d.virsh("dominfo", name)


@test
def what_cannot_be_handed_over(d):
    need_root("to give QEMU a user of its own")
    folder = d.root / "shared"
    folder.mkdir()
    status = status_of(start(d, "g", f"<filesystem type='mount'><source dir='{folder}'/>"
                                     "<target dir='x'/></filesystem>"))
    caps = int(status["CapEff"][0], 16)
    assert status["Uid"][0] == "0" and status["NoNewPrivs"] == ["1"], status
    assert caps & 1 << 1 and not caps & (1 << 21 | 1 << 12 | 1 << 19), hex(caps)
    assert "serves" in (d.root / "var/log/vmd/qemu/g.log").read_text()
    assert "running with undesirable elevated privileges" in d.virsh("dominfo", "g")


main()
