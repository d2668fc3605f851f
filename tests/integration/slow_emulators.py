"""An emulator that takes its time, or never answers, or lies where nothing answers, costs only those
something who asked for it: they wait, and are told what for; everybody else's reads stay quick."""
import contextlib
import os
import signal
import subprocess
import threading
import time

from harness import QEMU, VMSH, domain, main, stopped, test, wait_for
from slowness import check_quick, connect, libvirt, mounted

CROWD = 50


def script(d, name, text, interpreter="/bin/sh"):
    path = d.root / name
    path.write_text(f"#!{interpreter}\necho $$ >> {path}.pids\n{text}\n")
    path.chmod(0o755)
    return path


def pids(path):
    with contextlib.suppress(FileNotFoundError):
        return [int(pid) for pid in open(f"{path}.pids")]
    return []


def document(name, emulator):
    xml = domain(name)
    return xml[:xml.index("<devices>")] + f"<devices><emulator>{emulator}</emulator></devices></domain>"


def defines(c, xml):
    try:
        return c.defineXML(xml)
    except libvirt.libvirtError:
        return None


class Asked:
    """One question on a connection of its own, in a thread: ok, error and seconds when it is over."""
    def __init__(self, d, question):
        self.c = libvirt.open(d.uri)
        self.ok, self.error, self.begun = None, None, time.monotonic()
        self.thread = threading.Thread(target=self.ask, args=(question,))
        self.thread.start()

    def ask(self, question):
        try:
            self.ok = question(self.c)
        except libvirt.libvirtError as e:
            self.error = str(e)
        self.seconds = time.monotonic() - self.begun

    def is_over(self):
        return not self.thread.is_alive()

    def end(self, seconds=60):
        self.thread.join(seconds)
        assert self.is_over(), "no answer"
        self.c.close()
        return self


def well(d):
    c = connect(d)
    d.vmsh("define", d.write("well.xml", domain("well")))
    dom = c.lookupByName("well")
    return c, [dom.info, lambda: dom.XMLDesc(0), c.listAllDomains, c.getHostname]


@test
def who_asks_for_a_slow_emulator_waits_alone(d):
    c, reads = well(d)
    slow = script(d, "slow", f"sleep 5\nexec {QEMU} \"$@\"")
    asked = [Asked(d, lambda c: c.defineXML(document("slow", slow)).name()),
             Asked(d, lambda c: c.createXML(document("now", slow), libvirt.VIR_DOMAIN_START_PAUSED).name()),
             Asked(d, lambda c: c.domainXMLToNative("qemu-argv", document("native", slow))),
             Asked(d, lambda c: c.getDomainCapabilities(str(slow)))]
    wait_for(lambda: pids(slow))
    check_quick(d, "beside a probe of 5 s", reads)
    assert not any(a.is_over() for a in asked)
    d.vmsh("start", "well", "--paused")
    check_quick(d, "beside that and a start", reads)
    for a in asked:
        a.end()
    assert [a.error for a in asked] == [None] * 4
    assert asked[0].ok == "slow" and asked[1].ok == "now" and str(slow) in asked[2].ok
    assert asked[0].seconds > 4
    assert len(pids(slow)) <= 3, "one probe, of an accelerator or two, and one start"
    before = time.monotonic()
    c.defineXML(document("again", slow))
    assert time.monotonic() - before < 2
    c.close()


@test
def all_who_ask_for_one_that_hangs_share_a_probe(d):
    c, reads = well(d)
    hung = script(d, "hung", "exec sleep 1000")
    asked = [Asked(d, lambda c, i=i: c.defineXML(document(f"hung-{i}", hung))) for i in range(CROWD)]
    left = subprocess.Popen([VMSH, "-c", d.uri, "define", d.write("left.xml", document("left", hung))],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(lambda: pids(hung))
    check_quick(d, "beside an emulator that hangs", reads)
    left.kill()
    left.wait()
    c.defineXML(domain("other"))
    assert not any(a.is_over() for a in asked)
    assert len(pids(hung)) == 1
    os.kill(pids(hung)[0], signal.SIGKILL)
    for a in asked:
        a.end()
        assert str(hung) in a.error and "ended before it had answered" in a.error, a.error
    assert len(pids(hung)) == 1
    # What it was asked for was not done by halves.
    assert sorted(dom.name() for dom in c.listAllDomains()) == ["other", "well"]
    script(d, "hung", f"exec {QEMU} \"$@\"")
    wait_for(lambda: defines(c, document("mended", hung)))  # a failure is believed for a second
    c.close()


@test
def an_emulator_on_a_server_that_does_not_answer(d):
    c, reads = well(d)
    with mounted(d) as (path, server):
        with stopped(server):
            asked = Asked(d, lambda c: c.defineXML(document("far", path / "file-1")))
            check_quick(d, "beside a file that cannot be looked at", reads)
            c.defineXML(domain("other"))
            assert not asked.is_over()
        assert "file-1" in asked.end().error
        near = script(d, "near", "", path / "file-2")
        with stopped(server):
            asked = Asked(d, lambda c: c.defineXML(document("far", near)))
            check_quick(d, "beside a program that cannot be run", reads)
            assert not asked.is_over()
        assert str(near) in asked.end().error and "Permission denied" in asked.error, asked.error
        c.close()


@test
def a_boot_waits_for_no_emulator(d):
    c, _ = well(d)
    slow = script(d, "slow", f"exec {QEMU} \"$@\"")
    c.defineXML(document("slow", slow)).setAutostart(1)
    c.close()
    d.end()
    slow = script(d, "slow", f"sleep 5\nexec {QEMU} \"$@\"")
    (d.root / "run/vmd/qemu/autostarted").unlink()
    begun = time.monotonic()
    d.start()
    c = connect(d)
    assert time.monotonic() - begun < 4
    dom = c.lookupByName("slow")
    check_quick(d, "after a boot", [dom.info, lambda: dom.XMLDesc(0), c.listAllDomains])
    assert not dom.isActive()
    wait_for(dom.isActive, 40)
    dom.destroy()
    c.close()


main()
