#!/usr/bin/env python3
"""Sockets that a guest's devices listen on: whose they are, where they lie, what becomes of files that
were there before."""
import contextlib
import os
import re
import socket
import uuid

from harness import domain, main, test, wait_for


def start(d, name, devices):
    known = f"<uuid>{uuid.uuid5(uuid.NAMESPACE_DNS, name)}</uuid><memory"
    d.vmsh("define", d.write("s.xml", domain(name, devices, memory=16).replace("<memory", known, 1)))
    return d.vmsh("start", name, "--paused", status=None)


def serial(path):
    return f"<serial type='unix'><source mode='bind' path='{path}'/></serial>"


def viewer(path):
    return f"<graphics type='vnc'><listen type='socket' socket='{path}'/></graphics>"


@contextlib.contextmanager
def listener(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen()
        yield s


@test
def viewers_find_the_socket_in_both_places(d):
    start(d, "a", "<graphics type='vnc'><listen type='socket'/></graphics>")
    live = d.vmsh("dumpxml", "a")
    above = re.search(r"<graphics [^>]*socket='([^']*)'", live)[1]
    below = re.search(r"<listen [^>]*socket='([^']*)'", live)[1]
    assert above == below and (d.root / below).is_socket(), live
    assert "socket=" not in d.vmsh("dumpxml", "--inactive", "a")


@test
def what_a_run_chose_is_not_part_of_a_definition(d):
    start(d, "a", "<graphics type='vnc'><listen type='socket'/></graphics>"
                  "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>")
    assert str(d.root) in d.vmsh("dumpxml", "a")
    d.vmsh("define", d.write("live.xml", d.vmsh("dumpxml", "a")))
    assert str(d.root) not in d.vmsh("dumpxml", "--inactive", "a")
    d.vmsh("destroy", "a")
    d.vmsh("undefine", "a")
    other = re.sub("<uuid>.*</uuid>", "", (d.root / "live.xml").read_text()).replace(">a<", ">b<")
    d.vmsh("define", d.write("b.xml", other))
    assert str(d.root) not in d.vmsh("dumpxml", "b")


@test
def the_name_of_a_channel_names_no_file(d):
    """Of the run's own files, of another run, or elsewhere."""
    victim = d.root / "victim"
    victim.write_text("kept")
    for name in ("monitor", "status", "live.xml", "../../../../victim", "..", "x" * 200):
        said = start(d, "a", f"<channel type='unix'><target type='virtio' name='{name}'/></channel>")
        assert "started" in said, said
        assert d.vmsh("domstate", "a").strip() == "paused", name
        d.vmsh("destroy", "a")
        d.vmsh("undefine", "a")
    assert victim.read_text() == "kept"


@test
def what_is_in_the_way_stays(d):
    path = d.root / "here"
    for device in (serial(path), viewer(path)):
        path.write_text("kept")
        assert "is no socket" in start(d, "a", device)
        assert path.read_text() == "kept"
        path.unlink()
        os.mkfifo(path)
        assert "is no socket" in start(d, "a", device)
        path.unlink()
        with listener(path) as s:
            assert "somebody listens" in start(d, "a", device)
            s.settimeout(5)
            with socket.socket(socket.AF_UNIX) as c:
                c.connect(str(path))
        assert path.is_socket()  # and now nobody does
        assert "started" in start(d, "a", device)
        d.vmsh("destroy", "a")
        assert not path.exists()


@test
def a_path_of_odd_characters_is_refused(d):
    """A line of the ledger was once cut at them, and half of the path removed."""
    victim = d.root / "victim"
    victim.write_text("kept")
    for code in (9, 10, 13):
        said = start(d, "a", serial(f"{victim}&#{code};{d.root}/x"))
        assert "control character" in said or "cannot be" in said, said
        assert victim.read_text() == "kept" and d.vmsh("domstate", "a").strip() == "shut off"
    for odd in ("a b", "%20", "=x", "ü", "back\\slash"):
        assert "started" in start(d, "a", serial(f"{d.root}/{odd}"))
        assert (d.root / odd).is_socket()
        d.vmsh("destroy", "a")
        assert not (d.root / odd).exists()


@test
def what_took_the_place_of_a_socket_stays(d):
    path = d.root / "here"
    for device in (serial(path), viewer(path)):
        for again in (False, True):
            assert "started" in start(d, "a", device)
            path.unlink()
            with listener(path) if again else contextlib.nullcontext():
                if not again:
                    path.write_text("kept")
                d.end()
                d.start()
                d.vmsh("destroy", "a")
            assert path.exists()
            path.unlink()
    assert "started" in start(d, "a", serial(path))
    path.unlink()
    with listener(path):
        pass
    d.vmsh("destroy", "a")
    assert path.is_socket()  # left by somebody else, if dead


@test
def a_killed_start_takes_its_sockets_along(d):
    path = d.root / "here"
    for how in ("kill-intent", "kill-fact", "kill-after"):
        d.end()
        d.start(VMD_FAULT=f"start/open files:{how}")
        start(d, "a", serial(path) + viewer(d.root / "there"))
        assert d.wait_killed() == -9
        d.start()
        wait_for(lambda: not path.exists() and not (d.root / "there").exists())


main()
