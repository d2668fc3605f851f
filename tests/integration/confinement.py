"""What a QEMU is on its host: a user of its own without any right, which is claimed, shown and found
again, while every file keeps its owner."""
import contextlib
import ctypes
import json
import os
import re
import subprocess
import tempfile
import threading

from harness import *

FAKE = os.environ.get("VMD_FAKE_QEMU", "build/tests/fake/fake-qemu")
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


def told_of(d, name):
    """{what: is}, [exceptions] as vmsh tells them."""
    rows = json.loads(d.vmsh("confinement", name, "--json"))
    return ({row["what"]: row["is"] for row in rows},
            [row["why"] for row in rows if row["what"] == "exception"])


def namespaces(pid):
    return {kind: os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "ipc", "uts")}


@test
def it_sees_its_own(d):
    need_root("to give QEMU a user of its own")
    vnc = "<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>"
    ours, seen = namespaces(d.pid), set()
    for name in ("a", "b"):
        own = namespaces(start(d, name, vnc + "<serial type='pty'/>"))
        assert not set(own.values()) & set(ours.values()), (own, ours)
        seen |= set(own.values())
        is_so, exceptions = told_of(d, name)
        assert exceptions == [], exceptions
        assert is_so["network"] == is_so["shared memory"] == is_so["host name"] == "its own", is_so
        assert is_so["capabilities"] in (None, "") and is_so["system calls"] == "filtered", is_so
        assert is_so["files"].startswith("its own (Landlock") or landlock() == 0, is_so
    assert len(seen) == 6, seen
    # The daemon listens for it, in the host's network.
    port = 5900 + int(d.vmsh("vncdisplay", "a").rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        s.settimeout(20)
        assert s.recv(12).startswith(b"RFB ")
    d.vmsh("destroy", "a")
    assert port not in listening()


@test
def who_needs_the_network_has_it(d):
    need_root("to give QEMU a user of its own")
    pid = start(d, "g", "<interface type='user'/>")
    assert namespaces(pid)["net"] == namespaces(d.pid)["net"]
    assert namespaces(pid)["ipc"] != namespaces(d.pid)["ipc"]
    assert int(status_of(pid)["Uid"][0]) >= FIRST
    is_so, exceptions = told_of(d, "g")
    assert is_so["network"] == "the host's" and len(exceptions) == 1, exceptions
    assert "interface 'net0'" in exceptions[0]
    assert exceptions[0] in (d.root / "var/log/vmd/qemu/g.log").read_text()


@test
def what_comes_later_and_needs_more(d):
    need_root("to give QEMU a user of its own")
    start(d, "g", "".join(
        f"<controller type='pci' index='{n}' model='pcie-root-port'/>" for n in range(1, 5)))
    evdev = d.write("evdev.xml", "<input type='evdev'><source dev='/dev/input/event0'/></input>")
    d.vmsh("attach-device", "g", evdev, status=1)
    chardev = "<channel type='tcp'><source mode='bind' host='127.0.0.1' service='4567'/>" \
              "<target type='virtio' name='x'/></channel>"
    assert "talks over the network" in d.vmsh("attach-device", "g", d.write("c.xml", chardev), status=1)
    card = "<interface type='user'><mac address='52:54:00:12:34:56'/><model type='virtio'/>" \
           "</interface>"
    d.vmsh("attach-device", "g", d.write("n.xml", card))
    assert "no network: this QEMU was started without the host's" in d.vmsh("dominfo", "g")


def landlock():
    """The kernel's ABI, 0: none."""
    return max(ctypes.CDLL(None).syscall(444, None, 0, 1), 0)


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


@test
def a_hostile_helper_gets_nowhere(d):
    need_root("to give QEMU a user of its own")
    swtpm = need("swtpm")
    need_own_network()  # and mounts
    subprocess.run(["mount", "--bind", FAKE, swtpm], check=True)
    os.chmod(d.root, 0o755)
    victim, folder = start(d, "victim"), own_folder(d, "victim")
    listener = socket.create_server(("127.0.0.1", 0))
    image = d.root / "image"
    image.write_text("not for a TPM")
    nowhere = [("read", "/etc/shadow"), ("read", image), ("write", d.root / "new"), ("read", folder),
               ("read", folder.parent / "live.xml"), ("read", d.root / "var/log/vmd/qemu/victim.log"),
               ("read", f"/proc/{d.pid}/status"), ("write", "/tmp/x"), ("write", "/dev/shm/x"),
               ("read", "/dev/ptmx"), ("talk", d.socket), ("tcp", listener.getsockname()[1]),
               ("signal", victim), ("signal", d.pid), ("trace", d.pid), ("run", "/bin/true"),
               ("mount", "/tmp"), ("user", 0)]
    d.vmsh("define", d.write("t.xml", domain("t", TPM.format(""))))
    state = d.root / "var/lib/vmd/qemu/swtpm" / d.vmsh("domuuid", "t").strip()
    state.mkdir(parents=True)
    (state / "tpm2-00.permall").write_text("a state")
    (state / "attacks").write_text(";".join(f"{word} {what}" for word, what in [*nowhere, ("write", "mine")]))
    starting = threading.Thread(target=lambda: d.vmsh("start", "t", status=None), daemon=True)
    starting.start()  # and does not end: QEMU waits for its TPM
    wait_for(lambda: d.log.read_text().count("attack: over") == 1, 60)
    d.vmsh("destroy", "t")
    starting.join(60)
    subprocess.run(["umount", swtpm], check=True)
    listener.close()
    got = dict(re.findall(r"^attack (\S+ \S+): (\S+)$", d.log.read_text(), re.M))
    assert got["write mine"] == "done", got
    if landlock() == 0:
        nowhere = [row for row in nowhere if row[0] in ("talk", "signal", "trace", "tcp", "user")]
    for word, what in nowhere:
        assert got[f"{word} {what}"] != "done", (word, what, got)
    assert d.vmsh("domstate", "victim").split() == ["running"]


def install_the_hostile():
    """Where the distribution's QEMU is: of that alone it can see what QEMU would."""
    need_own_network()  # and mounts
    subprocess.run(["mount", "--bind", FAKE, QEMU], check=True)


def what_it_gets(user, attempts):
    """Names of those of the attempts that succeed for a process of that user, without any capability."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
        for name, attempt in attempts:
            with contextlib.suppress(OSError):
                attempt()
                os.write(writing, f"{name}\n".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        got = said.read().split("\n")[:-1]
    os.waitpid(child, 0)
    return got


def trace(pid):
    attach, libc = 16, ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(attach, pid, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))


def attempts_on(d, pid, folder):
    return [("signal", lambda: os.kill(pid, 0)), ("trace", lambda: trace(pid)),
            ("memory", lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))),
            ("folder", lambda: os.listdir(folder)), ("monitor", lambda: connect(folder.parent / "monitor")),
            ("live", lambda: os.close(os.open(folder.parent / "live.xml", os.O_RDONLY)))]


@test
def many_are_as_many_users(d):
    """VMD_MANY=200 for a long one."""
    need_root("to give QEMU a user of its own")
    os.chmod(d.root, 0o755)  # it is not the folders above that keep it out
    names = [f"v{n}" for n in range(int(os.environ.get("VMD_MANY", "8")))]
    for name in names:
        d.vmsh("define", d.write(f"{name}.xml", domain(name, "<memballoon model='none'/>", 16, machine="pc")))
        d.vmsh("start", name, "--paused")
    of_name = {re.search("guest=(v[0-9]+),", pathlib.Path(f"/proc/{pid}/cmdline").read_text())[1]: pid
               for pid in d.qemus(helpers=False)}
    assert sorted(of_name) == sorted(names)
    pids = [of_name[name] for name in names]
    users = [int(status_of(pid)["Uid"][0]) for pid in pids]
    assert len(set(users)) == len(names) and all(FIRST <= user <= LAST for user in users), users
    folders = [own_folder(d, name) for name in names]
    for n, user in enumerate(users):
        assert "signal" in what_it_gets(user, attempts_on(d, pids[n], folders[n])), "of its own it is"
        other = (n + 1) % len(names)
        assert what_it_gets(user, attempts_on(d, pids[other], folders[other])) == [], (names[n], names[other])
        assert what_it_gets(user, [("daemon", lambda: os.kill(d.pid, 0)),
                                   ("socket", lambda: trace(d.pid))]) == []
    for name in names:
        d.vmsh("destroy", name)
    assert f"<baselabel type='qemu'>+{FIRST}:+{FIRST}</baselabel>" in d.vmsh("capabilities")


TPM = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'>{}</backend></tpm>"


def swtpm_of(d):
    pids = [pid for pid in d.qemus() if b"swtpm" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert len(pids) == 1, pids
    return pids[0]


@test
def its_tpm_is_nobody_too(d):
    need_root("to give QEMU a user of its own")
    need("swtpm_setup")
    pid = start(d, "t", TPM.format(""))
    helper, user = swtpm_of(d), status_of(pid)["Uid"][0]
    state = d.root / "var/lib/vmd/qemu/swtpm" / d.vmsh("domuuid", "t").strip()
    status = status_of(helper)
    assert set(status["Uid"]) == set(status["Gid"]) == {user} and status["Groups"] == [], status
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind][0], 16) == 0, (kind, status[kind])
    assert status["NoNewPrivs"] == ["1"], status
    ours = namespaces(d.pid)
    assert not set(namespaces(helper).values()) & set(ours.values())
    assert {str(os.lstat(p).st_uid) for p in [state, *state.iterdir()]} == {user}
    for _ in range(2):
        is_so, exceptions = told_of(d, "t")
        assert is_so["swtpm"].startswith(f"user {user}:{user}, capabilities: none, new privileges: never"), is_so
        assert is_so["swtpm"].endswith("network: its own") and exceptions == [], is_so
        d.kill()
        d.start()
    d.vmsh("destroy", "t")
    # The state is the next one's, whoever that is.
    label = "<seclabel type='static' model='dac'><label>+4321:+4322</label></seclabel>"
    text = d.vmsh("dumpxml", "t", "--inactive")
    d.vmsh("define", d.write("t.xml", text.replace("</domain>", label + "</domain>")))
    d.vmsh("start", "t")
    assert status_of(swtpm_of(d))["Uid"] == ["4321"] * 4
    assert {os.lstat(p).st_gid for p in state.iterdir()} == {4322}
    d.vmsh("destroy", "t")
    d.vmsh("undefine", "t", "--tpm")
    # What the definition names keeps its owner.
    home = d.root / "mine"
    home.mkdir(mode=0o700)
    os.chown(home, 1234, 1234)
    start(d, "t", TPM.format(f"<source type='dir' path='{home}'/>"))
    status = status_of(swtpm_of(d))
    assert status["Uid"] == ["0"] * 4 and int(status["CapPrm"][0], 16) == 1 << 1, status
    assert "dac_override" in told_of(d, "t")[0]["swtpm"] and os.lstat(home).st_uid == 1234


def attacker(d, name, attacks=()):
    lines = ";".join(f"{word} {what}" for word, what in attacks) or "read /dev/null"
    env = (f"<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
           f"<qemu:env name='VMD_ATTACKS' value='{lines}'/></qemu:commandline>")
    xml = domain(name, f"<emulator>{QEMU}</emulator><video><model type='none'/></video>", machine="pc")
    d.vmsh("define", d.write(f"{name}.xml", re.sub("</domain>$", env + "</domain>", xml)))
    d.vmsh("start", name)
    log = d.root / f"var/log/vmd/qemu/{name}.log"
    wait_for(lambda: "attack: over" in log.read_text(), 60)
    return dict(re.findall(r"^attack (\S+ \S+): (\S+)$", log.read_text(), re.M))


@test
def a_hostile_one_gets_nowhere(d):
    need_root("to give QEMU a user of its own")
    install_the_hostile()
    os.chmod(d.root, 0o755)  # it is not the folders above that keep it out
    secret = pathlib.Path(tempfile.mkdtemp(prefix="vmd-secret-", dir="/var/tmp"))
    os.chmod(secret, 0o777)
    (secret / "for-everybody").write_text("not for a guest")
    listener = socket.create_server(("127.0.0.1", 0))
    attacker(d, "victim")
    victim, folder = pid_of(d, "victim"), own_folder(d, "victim")
    nowhere = [("read", "/etc/shadow"), ("read", secret / "for-everybody"), ("write", secret / "new"),
               ("read", folder), ("write", folder / "x"), ("read", folder.parent / "live.xml"),
               ("read", d.root / "var/log/vmd/qemu/victim.log"), ("read", f"/proc/{victim}/cmdline"),
               ("read", f"/proc/{d.pid}/status"), ("write", "/tmp/x"), ("write", "/dev/shm/x"),
               ("talk", folder.parent / "monitor"), ("talk", d.socket), ("talk", d.ro_socket),
               ("tcp", listener.getsockname()[1]), ("signal", victim), ("signal", d.pid),
               ("trace", victim), ("trace", d.pid), ("run", "/bin/true"), ("mount", "/tmp"), ("user", 0),
               ("write", "own/x"), ("folder", "own/f"), ("bind", "own/s")]
    try:
        got = attacker(d, "g", [*nowhere, ("read", "/usr/bin/env"), ("read", "/proc/self/status")])
    finally:
        shutil.rmtree(secret)
        listener.close()
    for what in ("read /usr/bin/env", "read /proc/self/status"):
        assert got[what] == "done", (what, got)
    if landlock() == 0:
        nowhere = [row for row in nowhere if row[0] in ("talk", "signal", "trace", "tcp", "user")]
    for word, what in nowhere:
        assert got[f"{word} {what}"] != "done", (word, what, got)
    assert told_of(d, "g")[1] == [], told_of(d, "g")
    # On an older kernel its own folder is full of what it likes: that is removed beside the loop.
    own = own_folder(d, "g")
    deep = os.open(own, os.O_PATH)
    for _ in range(3000):
        os.mkdir("deep", dir_fd=deep)
        below = os.open("deep", os.O_PATH, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    for n in range(20000):
        (own / f"{n}").touch()
    folder = own.parent
    d.vmsh("destroy", "g")
    wait_for(lambda: not folder.exists())
    # It can take neither the daemon nor its neighbour along.
    assert d.vmsh("domstate", "victim").split() == ["running"]


main()
