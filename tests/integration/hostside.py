#!/usr/bin/env python3
"""What a VM takes from its host: links, ports, passwords, variables of the firmware, a TPM, consoles."""
import os
import pathlib
import socket
import subprocess
import time

from harness import domain, firmware, guest, links, main, need, need_own_network, test, wait_for


def ip(*argv):
    subprocess.run(["ip", *argv], check=True)


def create(d, name, devices="", **how):
    d.virsh("create", "--paused", d.write(f"{name}.xml", domain(name, devices, **how)))


def gone(d, before):
    wait_for(lambda: links() == before, 5)
    assert not d.qemus()


@test
def taps_join_their_bridge(d):
    need_own_network()
    ip("link", "add", "br-test", "type", "bridge")
    ip("link", "set", "br-test", "mtu", "1400", "up")
    before = links()
    create(d, "a", "<interface type='bridge'><source bridge='br-test'/><model type='virtio'/>"
                   "<mac address='52:54:00:01:02:03'/></interface>"
                   "<interface type='ethernet'><target dev='eth-test'/><model type='e1000'/></interface>")
    made = set(links()) - set(before)
    assert len(made) == 2 and "eth-test" in made, made
    tap, = made - {"eth-test"}
    sys_net = pathlib.Path("/sys/class/net")
    assert os.path.basename(os.readlink(sys_net / tap / "master")) == "br-test"
    assert (sys_net / tap / "address").read_text().strip() == "fe:54:00:01:02:03"
    assert (sys_net / tap / "mtu").read_text().strip() == "1400"
    assert int((sys_net / tap / "flags").read_text(), 16) & 1, "the tap is not up"
    assert f"<target dev='{tap}'/>" in d.virsh("dumpxml", "a")
    assert tap in d.virsh("domiflist", "a") and "rx_bytes" in d.virsh("domifstat", "a", tap)
    d.kill()
    d.start()
    assert "rx_bytes" in d.virsh("domifstat", "a", tap)
    d.virsh("destroy", "a")
    gone(d, before)


@test
def a_bridge_that_is_not_there_is_named(d):
    need_own_network()
    before = links()
    out = d.virsh("create", d.write("a.xml", domain(
        "a", "<interface type='bridge'><source bridge='br-none'/></interface>")), status=1)
    assert "br-none" in out, out
    gone(d, before)


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 5) as s:
        s.recv(12)
        s.sendall(b"RFB 003.008\n")
        count = s.recv(1)[0]
        return list(s.recv(count))


@test
def ports_are_counted_and_locked(d):
    vnc = "<graphics type='vnc' autoport='yes'{}/><video><model type='vga'/></video>"
    create(d, "a", vnc.format(""))
    create(d, "b", vnc.format(" passwd='secret'"))
    shown = [d.virsh("domdisplay", n).strip() for n in ("a", "b")]
    ports = [5900 + int(s.rsplit(":", 1)[1]) for s in shown]
    assert len(set(ports)) == 2, shown
    assert 1 in greeting(ports[0])   # none
    assert greeting(ports[1]) == [2]  # a password
    assert "secret" not in d.virsh("dumpxml", "b")
    assert "secret" in d.virsh("dumpxml", "b", "--security-info")
    assert b"secret" not in b"".join(
        pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in d.qemus())
    d.kill()
    d.start()
    create(d, "c", vnc.format(""))
    assert d.virsh("domdisplay", "c").strip() not in shown


@test
def the_screen_can_be_seen(d):
    create(d, "a", "<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>")
    d.virsh("resume", "a")
    shot = d.root / "shot"
    wait_for(lambda: "failed" not in d.virsh("screenshot", "a", shot, status=None))
    assert shot.read_bytes()[:4] in (b"\x89PNG", b"P6\n7"), shot.read_bytes()[:4]
    d.virsh("send-key", "a", "KEY_LEFTCTRL", "KEY_LEFTALT", "KEY_DELETE")


@test
def a_tpm_has_a_helper(d):
    need("swtpm")
    create(d, "a", "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>")
    assert len(d.qemus()) == 2, d.qemus()
    d.kill()
    d.start()
    d.virsh("destroy", "a")
    wait_for(lambda: not d.qemus(), 5)


@test
def the_firmware_keeps_its_variables(d):
    text = domain("a").replace("</os>", firmware() + "</os>")
    template = text.split("template='")[1].split("'")[0]
    d.virsh("define", d.write("a.xml", text))
    d.virsh("start", "--paused", "a")
    made = list((d.root / "var/lib/vmd/qemu/nvram").iterdir())
    assert len(made) == 1 and made[0].stat().st_size == os.path.getsize(template), made
    d.virsh("destroy", "a")
    out = d.virsh("undefine", "a", status=1)
    assert "nvram" in out, out
    d.virsh("undefine", "--nvram", "a")
    assert not made[0].exists()


@test
def a_console_speaks_both_ways(d):
    kernel = guest()
    d.virsh("create", d.write("a.xml", domain("a", "<serial type='pty'/><console type='pty'/>",
                                              memory=256, kernel=kernel)))
    console = subprocess.Popen(
        ["script", "-qec", f"virsh -c '{d.uri}' console a", "/dev/null"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    os.set_blocking(console.stdout.fileno(), False)
    heard = b""

    def hears(what):
        nonlocal heard
        heard += console.stdout.read() or b""
        return what in heard

    try:
        wait_for(lambda: hears(b"Connected to domain"), 20)
        end = time.monotonic() + 120
        while not hears(b"sum=42"):
            assert time.monotonic() < end, heard[-500:]
            console.stdin.write(b"echo sum=$((6*7))\r")
            console.stdin.flush()
            time.sleep(2)
        busy = d.run("script", "-qec", f"virsh -c '{d.uri}' console a", "/dev/null", status=None)
        assert "Active console session exists" in busy, busy
    finally:
        console.kill()
        console.wait()


main()
