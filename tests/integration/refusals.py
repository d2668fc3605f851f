#!/usr/bin/env python3
"""What cannot be: names, images and files that are none, disks that are full. Each is refused by name,
and nothing has changed after it."""
import contextlib
import os
import shutil
import socket
import subprocess

from harness import (QEMU, VMD, Daemon, domain, firmware, main, need, same, skip, test,
                     wait_for)


def disk(path):
    return (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{path}'/>"
            "<target dev='vda' bus='virtio'/></disk>")


def define(d, name, text=None):
    return d.vmsh("define", d.write("d.xml", text or domain(name)), status=None)


@test
def names_that_name_no_file(d):
    for name, words in (("a/b", "has a '/'"), ("..", "cannot name a file"), (".", "cannot name a file"),
                        ("a&#10;b", "line break"), ("x" * 240, "240 bytes long"),
                        ("x" * 100000, "100000 bytes long"), ("", "missing name")):
        said = define(d, name)
        assert words in said and len(said) < 1000, said
    assert "defined" in define(d, "x" * 239)
    assert "defined" in define(d, "ok")
    for name, words in (("..", "cannot name a file"), ("a/b", "has a '/'"), ("y" * 300, "300 bytes")):
        assert words in d.vmsh("domrename", "ok", name, status=1)
    d.vmsh("domrename", "ok", "z" * 239)
    assert sorted(d.vmsh("list", "--all", "--name").split()) == ["x" * 239, "z" * 239]
    d.kill()
    d.start()
    assert sorted(d.vmsh("list", "--all", "--name").split()) == ["x" * 239, "z" * 239]


@test
def the_longest_name_can_do_all_that_others_can(d):
    need("swtpm_setup")
    name = "x" * 239
    devices = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    for folder in ("nvram", "swtpm"):
        (d.root / "var/lib/vmd/qemu" / folder).mkdir(parents=True)
    define(d, "first", domain("first", devices))  # the authority that signs stays
    d.vmsh("start", "first", "--paused")
    d.vmsh("destroy", "first")
    d.vmsh("undefine", "first", "--tpm")
    (d.root / "var/log/vmd/qemu/first.log").unlink()
    before = d.inventory()
    define(d, name, domain(name, devices).replace("</os>", firmware() + "</os>"))
    for words in (["autostart"], ["autostart", "--once"], ["start"], ["destroy"],
                  ["autostart", "--disable"], ["autostart"]):
        d.vmsh(words[0], name, *words[1:])
    d.vmsh("undefine", name, "--nvram")
    same(before, d.inventory(), "undefined")


@test
def a_longer_name_of_an_earlier_daemon_can_be_taken_away(d):
    define(d, "a")
    uuid = d.vmsh("domuuid", "a").strip()
    d.vmsh("undefine", "a")
    name = "y" * 247
    text = domain(name).replace("<memory", f"<uuid>{uuid}</uuid><memory")
    d.end()
    (d.root / f"etc/vmd/qemu/{name}.xml").write_text(text)
    d.start()
    d.vmsh("undefine", name)
    assert not list((d.root / "etc/vmd/qemu").rglob("*.xml"))


@test
def pools_have_names_that_fit_too(d):
    for length, status in ((246, 0), (247, 1)):
        name = "p" * length
        xml = f"<pool type='dir'><name>{name}</name><target><path>{d.root}/{length}</path></target></pool>"
        said = d.virsh("pool-define", d.write("p.xml", xml), status=status)
        if status == 0:
            d.virsh("pool-autostart", name)
            d.virsh("pool-undefine", name)
        else:
            assert "247 bytes long" in said, said


@test
def one_uuid_one_domain(d):
    define(d, "a")
    uuid = d.vmsh("domuuid", "a").strip()
    other = domain("b").replace("<memory", f"<uuid>{uuid}</uuid><memory")
    assert "'a' is already defined with uuid" in define(d, "b", other)
    strange = domain("a").replace("<memory", "<uuid>5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6b77</uuid><memory")
    assert "already exists with uuid" in define(d, "a", strange)
    d.vmsh("create", d.write("t.xml", domain("t")))
    assert "transient" in d.vmsh("autostart", "t", status=1)
    assert "transient" in d.vmsh("undefine", "t", status=1)
    uuid = d.vmsh("domuuid", "t").strip()
    define(d, "t", domain("t").replace("<memory", f"<uuid>{uuid}</uuid><memory"))
    assert "Persistent:     yes" in d.vmsh("dominfo", "t")
    assert "already active" in d.vmsh(
        "create", d.write("t.xml", d.vmsh("dumpxml", "t")), status=1)


@test
def networks_that_are_not_there(d):
    for number, (source, part) in enumerate((
            ("type='network'><source network='default'/>", "no network with matching name 'default'"),
            ("type='direct'><source dev='lo' mode='bridge'/>", "attribute 'type' in 'interface'"))):
        define(d, f"n{number}", domain(f"n{number}", "<interface type='user'/>"
                                       f"<interface {source}</interface>"))
        said = d.vmsh("start", f"n{number}", status=1)
        assert part in said, said
    assert d.vmsh("list", "--name").split() == []


@test
def images_that_are_none(d):
    d.vmsh("domcapabilities")  # what the first look at an emulator leaves is not counted
    os.mkdir(d.root / "folder")
    os.mkfifo(d.root / "pipe")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(d.root / "socket"))
    os.symlink(d.root / "round", d.root / "round")
    before = d.inventory()
    for name, words in (("missing", "No such file"), ("folder", "is a folder"), ("pipe", "is a pipe"),
                        ("socket", "socket': No such device"), ("round", "symbolic links"),
                        ("p" * 300, "too long"), ("../" * 2000, "too long")):
        said = d.vmsh("create", d.write("a.xml", domain("a", disk(d.root / name))), status=1)
        assert words in said, said
        assert not d.qemus()
    said = d.vmsh("create", d.write("a.xml", domain("a", kernel=d.root)), status=1)
    assert "vmlinuz': No such file" in said
    os.mkdir(d.root / "vmlinuz")
    (d.root / "initrd").touch()
    said = d.vmsh("create", d.write("a.xml", domain("a", kernel=d.root)), status=1)
    assert "kernel: " in said and "is a folder" in said, said
    long = d.root / ("s" * 120)
    serial = f"<serial type='unix'><source mode='bind' path='{long}'/></serial>"
    assert "is too long" in d.vmsh("create", d.write("a.xml", domain("a", serial)), status=1)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        if port >= 5900:
            vnc = f"<graphics type='vnc' port='{port}' listen='127.0.0.1'/>"
            assert "is taken by another program" in d.vmsh("create", d.write("a.xml", domain("a", vnc)),
                                                      status=1)
    same(before, d.inventory())


@contextlib.contextmanager
def small(folder):
    """A daemon that sees a tiny file system of its own where the folder is; gives it and the folder as
    seen from here."""
    if os.geteuid() != 0:
        skip("needs root for a file system of its own")
    need("unshare")
    d = Daemon()
    path = d.root / folder
    path.mkdir(parents=True)
    script = f"mount -t tmpfs -o size=256k none {path} && exec {VMD} --root {d.root}"
    with open(d.log, "ab") as log:
        d.process = subprocess.Popen(["unshare", "-m", "--propagation", "unchanged" if chrooted()
                                      else "private", "sh", "-c", script], stdout=log, stderr=log)
    try:
        wait_for(d.answers, 30)
        yield d, f"/proc/{d.process.pid}/root{path}"
    finally:
        d.clean()


def chrooted():
    with open("/proc/self/mountinfo") as f:
        return not any(line.split()[4] == "/" for line in f)


def fill(path, leave=0):
    """Writes until there is no room, or all but so many pages."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while os.write(fd, bytes(4096)):
            pass
    os.ftruncate(fd, max(0, os.fstat(fd).st_size - leave * 4096))
    os.close(fd)


@test
def a_full_disk_changes_nothing():
    with small("etc/vmd") as (d, etc):
        define(d, "a")
        before = d.vmsh("dumpxml", "a")
        fill(f"{etc}/filler")
        for line in ("desc a --title new", "desc a new", "domrename a b", "setmem a 32768 --config",
                     "schedinfo a --config vcpu_quota=20000"):
            assert "No space left" in d.vmsh(*line.split(), status=1), line
        assert "No space left" in define(d, "c")
        assert d.vmsh("dumpxml", "a") == before
        d.vmsh("start", "a")
        d.vmsh("destroy", "a")
        assert d.vmsh("list", "--all", "--name").split() == ["a"]
        assert sorted(os.listdir(f"{etc}/qemu")) == ["a.xml", "autostart"]
        os.unlink(f"{etc}/filler")
        d.vmsh("desc", "a", "--title", "new")


@test
def a_start_without_room_leaves_nothing():
    with small("run/vmd/qemu") as (d, run):
        define(d, "a")
        d.vmsh("start", "a")
        d.vmsh("destroy", "a")
        before = sorted(os.listdir(run))
        failures = 0
        for leave in range(6):
            fill(f"{run}/filler", leave)
            said = d.vmsh("start", "a", status=None)
            if "error" in said:
                failures += 1
                assert "No space left" in said, said
                assert "shut off" in d.vmsh("domstate", "a")
                assert not d.qemus()
            else:
                d.vmsh("suspend", "a")
                d.vmsh("destroy", "a")
            os.unlink(f"{run}/filler")
            assert sorted(os.listdir(run)) == before
        assert 0 < failures < 6

@test
def memory_of_nodes_that_this_host_has_not(d):
    tune = "<numatune>%s</numatune>"
    cells = "<cpu><numa><cell id='0' cpus='0' memory='65536'/></numa></cpu>"
    for extra in (tune % "<memory mode='strict' nodeset='77'/>", tune % "<memory mode='preferred' nodeset='77'/>",
                  tune % "<memory mode='interleave' nodeset='0,77-78'/>",
                  tune % "<memnode cellid='0' mode='strict' nodeset='77'/>" + cells):
        said = define(d, "n", domain("n", extra=extra))
        assert "defined" in said, said
        before = d.inventory()
        said = d.vmsh("start", "n", status=1)
        assert "NUMA node 77 is not there" in said, said
        same(before, d.inventory())
        d.vmsh("undefine", "n")
    assert "defined" in define(d, "n", domain("n", extra=tune % "<memory mode='preferred' nodeset='0'/>"))
    d.vmsh("start", "n", "--paused")


if QEMU and shutil.which("unshare"):
    main()
else:
    print("1..0 # SKIP no QEMU")
