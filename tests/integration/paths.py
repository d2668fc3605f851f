#!/usr/bin/env python3
"""Files that a definition names, in folders that others may write: nothing of root's is reached through
somebody else's links, what hangs holds up itself alone, what fills a disk is cut."""
import os
import pathlib
import re
import subprocess
import threading
import time
import uuid

from harness import QEMU, Failed, domain, firmware, links, main, need_own_network, need_root, test, wait_for

OTHER = 65534


def folder_of_another(d):
    need_root("for somebody else's files")
    path = d.root / "theirs"
    path.mkdir()
    os.chown(path, OTHER, OTHER)
    d.root.chmod(0o755)
    return path


def precious(d, name):
    path = d.root / name
    path.write_bytes(b"PRECIOUS\n" * 4096)
    path.chmod(0o600)
    return path


def link(path, target):
    path.symlink_to(target)
    os.chown(path, OTHER, OTHER, follow_symlinks=False)
    return path


def create(d, xml, name="a", status=None, **how):
    return d.virsh("create", d.write(f"{name}.xml", xml), "--paused", status=status, **how)


def flash(path, template=""):
    code, template = re.search(r">(\S+)</loader>", firmware())[1], template or \
        re.search(r"template='([^']+)'", firmware())[1]
    return (f"<loader readonly='yes' type='pflash'>{code}</loader>"
            f"<nvram template='{template}'>{path}</nvram></os>")


def with_flash(name, *args):
    return domain(name).replace("</os>", flash(*args))


def raw_disk(path):
    return (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{path}'/>"
            "<target dev='vda' bus='virtio'/></disk>")


@test
def links_of_others_lead_to_nothing_of_roots(d):
    theirs, secret = folder_of_another(d), precious(d, "secret")
    link(theirs / "file", secret)
    link(theirs / "folder", d.root)
    before = secret.read_bytes()
    for way in (theirs / "file", theirs / "folder/secret"):
        for what, xml in (("serial", domain("a", f"<serial type='file'><source path='{way}'/></serial>")),
                          ("log", domain("a", f"<serial type='pty'><log file='{way}' append='off'/></serial>")),
                          ("disk", domain("a", raw_disk(way))),
                          ("nvram", with_flash("a", way)),
                          ("template", with_flash("a", d.root / "vars", way))):
            said = create(d, xml)
            assert not d.qemus() and str(way) in said and "Permission denied" in said, (what, said)
    said = create(d, domain("a", f"<serial type='file'><source path='{theirs}/folder/new'/></serial>"))
    assert "Permission denied" in said and not (d.root / "new").exists(), said
    assert secret.read_bytes() == before


@test
def links_of_others_lead_to_what_is_theirs(d):
    theirs = folder_of_another(d)
    image = theirs / "image"
    image.write_bytes(bytes(65536))
    os.chown(image, OTHER, OTHER)
    create(d, domain("a", raw_disk(link(theirs / "link", image))), status=0)


@test
def sockets_and_variables_are_not_found_through_links_of_others(d):
    theirs = folder_of_another(d)
    link(theirs / "folder", d.root)
    said = create(d, domain("a", (
        f"<serial type='unix'><source mode='bind' path='{theirs}/folder/new'/></serial>")))
    assert "Permission denied" in said and not (d.root / "new").exists(), said
    d.virsh("define", d.write("a.xml", with_flash("a", theirs / "folder/vars")))
    (d.root / "vars").write_bytes(b"PRECIOUS")
    said = d.virsh("undefine", "a", "--nvram", status=1)
    assert "Permission denied" in said and (d.root / "vars").exists(), said


@test
def a_template_is_a_file_of_sane_size(d):
    os.mkfifo(d.root / "fifo")
    with open(d.root / "big", "wb") as f:
        f.truncate(3 << 30)
    for name, why in (("fifo", "no regular file"), ("big", "larger than 128 MiB"), ("run", "no regular file")):
        begun = time.monotonic()
        said = create(d, with_flash("a", d.root / "vars", d.root / name))
        assert why in said and time.monotonic() - begun < 5, said
        assert not (d.root / "vars").exists()


@test
def variables_leave_no_second_file(d):
    (d.root / "vars").mkdir()
    create(d, with_flash("a", d.root / "vars/a"), status=0)
    assert os.listdir(d.root / "vars") == ["a"]


@test
def pipes_that_nobody_reads_hold_up_themselves_alone(d):
    waiting = []
    for n in range(70):
        os.mkfifo(d.root / f"pipe{n}")
        d.vmsh("define", d.write("hung.xml", domain(
            f"hung{n}", f"<serial type='file'><source path='{d.root}/pipe{n}'/></serial>")))
    for n in range(70):
        waiting.append(threading.Thread(target=d.vmsh, args=("start", f"hung{n}"), kwargs={"status": None}))
        waiting[-1].start()
    wait_for(lambda: len(re.findall("paused", d.vmsh("list"))) == 70, 30)
    begun = time.monotonic()
    create(d, domain("well"), "well", status=0)
    assert time.monotonic() - begun < 15
    for n in range(70):
        d.vmsh("destroy", f"hung{n}")
    for thread in waiting:
        thread.join()


@test
def a_log_is_short_however_fast_it_is_written(d):
    wrapper = d.write("emulator", f"#!/bin/sh\ncase \"$*\" in *guest=*) timeout 2 yes flood >&2 & esac\n"
                                  f"exec {QEMU} \"$@\"\n")
    wrapper.chmod(0o755)
    xml = domain("a").replace("<devices>", f"<devices><emulator>{wrapper}</emulator>")
    create(d, xml, status=0)
    logs = d.root / "var/log/vmd/qemu"

    def size():
        return sum(f.stat().st_size for f in logs.iterdir() if f.name.startswith("a.log"))
    wait_for(lambda: size() > 4 << 20)
    begun = time.monotonic()
    while time.monotonic() - begun < 2:
        asked = time.monotonic()
        d.virsh("domstate", "a")
        assert time.monotonic() - asked < 5
    wait_for(lambda: size() <= 9 << 20, 10)


CHATTER = bytes((0xfa, 0xba, 0xf8, 0x03, 0xb0, 0x78, 0xee, 0xeb, 0xfd))  # cli; dx 0x3f8; al "x"; out dx, al; again


@test
def no_guest_fills_the_host_by_its_serial_port(d):
    """The guest is a boot sector that writes without end; its files are cut, also by the next daemon,
    in somebody else's folder and where a link of theirs leads to."""
    folder = folder_of_another(d)
    (d.root / "etc/vmd").mkdir(parents=True, exist_ok=True)
    d.end()
    (d.root / "etc/vmd/vmd.conf").write_text("output_limit = 1\n")
    d.start()
    image = d.root / "chatter.img"
    image.write_bytes(CHATTER.ljust(510, b"\0") + b"\x55\xaa" + bytes(16 << 20))
    said, log = folder / "said", folder / "log"
    (folder / "there").mkdir()
    os.chown(folder / "there", OTHER, OTHER)
    (folder / "there/log").touch()
    os.chown(folder / "there/log", OTHER, OTHER)
    link(log, folder / "there/log")
    said.write_bytes(b"of the run before")
    xml = domain("a", raw_disk(image) + f"<serial type='file'><source path='{said}'/><log file='{log}'/></serial>",
                 machine="pc", extra="").replace("</os>", "<boot dev='hd'/></os>")
    d.vmsh("create", d.write("a.xml", xml))
    cut = [folder / "said.0", folder / "there/log.0"]
    wait_for(lambda: all(path.exists() for path in cut), 60)
    assert cut[1].stat().st_uid == OTHER
    d.kill()
    d.start()
    for path in cut:
        path.unlink()
    wait_for(lambda: all(path.exists() for path in cut), 60)
    for path in (said, folder / "there/log", *cut):
        assert path.stat().st_size < 64 << 20, path
        assert path.stat().st_blocks * 512 + 4096 >= path.stat().st_size, f"{path} has a hole"
    assert b"of the run before" not in said.read_bytes() and set(cut[0].read_bytes()) == {0x78}
    d.vmsh("destroy", "a")


@test
def a_name_of_a_link_is_one_domains(d):
    need_root("for links")
    need_own_network()
    subprocess.run("ip link add br-path type bridge && ip link set br-path up", shell=True, check=True)
    nic = "<interface type='bridge'><source bridge='br-path'/><target dev='mine7'/></interface>"
    create(d, domain("a", nic), "a", status=0)
    said = create(d, domain("b", nic), "b")
    assert "link 'mine7' is in use by domain 'a'" in said, said
    d.kill()
    d.start()
    said = create(d, domain("b", nic), "b")
    assert "link 'mine7' is in use by domain 'a'" in said, said
    d.virsh("destroy", "a")
    create(d, domain("b", nic), "b", status=0)


@test
def bridged_starts_of_six_clients_all_succeed(d):
    need_root("for links")
    need_own_network()
    if "br-path" not in links():
        subprocess.run("ip link add br-path type bridge && ip link set br-path up", shell=True, check=True)
    nic = "<interface type='bridge'><source bridge='br-path'/></interface>"
    failed = []

    def client(n):
        known = f"<uuid>{uuid.uuid4()}</uuid><memory"
        path = d.write(f"c{n}.xml", domain(f"c{n}", nic, memory=16).replace("<memory", known, 1))
        for _ in range(4):
            try:
                d.vmsh("create", path)
                (name,) = re.findall(r"<target dev='([^']*)'", d.vmsh("dumpxml", f"c{n}"))
                assert pathlib.Path(f"/sys/class/net/{name}").exists(), f"{name} of c{n} is gone"
                d.vmsh("destroy", f"c{n}")
            except (Failed, AssertionError) as error:
                failed.append(str(error))
    threads = [threading.Thread(target=client, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, failed


main()
