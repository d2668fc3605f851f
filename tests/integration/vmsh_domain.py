#!/usr/bin/env python3
"""vmsh with domains: their lives, console, editor, events, screens; what it prints is compared with
what virsh prints of the same daemon."""
import json
import subprocess
import time

from harness import VMSH, domain, guest, main, need, same_words, test, virsh_is_older, wait_for
from terminal import Terminal

DEVICES = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
           "<source file='{image}'/><target dev='vda' bus='virtio'/></disk>"
           "<disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>"
           "<interface type='user'><model type='virtio'/></interface>"
           "<serial type='pty'/><console type='pty'/>"
           "<graphics type='vnc' port='-1' autoport='yes'/><video><model type='vga'/></video>")


def define(d, name="a", **how):
    image = d.root / f"{name}.img"
    with open(image, "wb") as f:
        f.truncate(10 << 20)
    image.chmod(0o666)
    xml = domain(name, devices=DEVICES.format(image=image), **how)
    return d.vmsh("define", d.write(f"{name}.xml", xml))


@test
def a_life(d):
    assert define(d) == f"Domain 'a' defined from {d.root}/a.xml\n\n"
    assert d.vmsh("list") == " Id   Name   State\n--------------------\n\n"
    assert " -    a      shut off\n" in d.vmsh("list", "--all")
    assert d.vmsh("start", "a", "--paused") == "Domain 'a' started\n\n"
    assert "error: Domain is already active: 'a' runs as id " in d.vmsh("start", "a", status=1)
    assert d.vmsh("domstate", "a").strip() == "paused"
    assert d.vmsh("resume", "a") == "Domain 'a' resumed\n\n"
    assert d.vmsh("domstate", "a", "--reason").strip() == "running (unpaused)"
    assert d.vmsh("suspend", "a") == "Domain 'a' suspended\n\n"
    assert d.vmsh("domstate", "a", "--reason").strip() == "paused (user)"
    assert d.vmsh("reset", "a") == "Domain 'a' was reset\n\n"
    assert d.vmsh("destroy", "a") == "Domain 'a' destroyed\n\n"
    told = d.vmsh("destroy", "a", status=1)
    assert told.startswith("\nerror: Failed to destroy domain 'a'\nerror: ") or \
        "error: Failed to destroy domain 'a'\nerror: Requested operation is not valid" in told
    assert d.vmsh("autostart", "a") == "Domain 'a' marked as autostarted\n\n"
    assert d.vmsh("autostart", "a", "--disable") == "Domain 'a' unmarked as autostarted\n\n"
    assert d.vmsh("undefine", "a") == "Domain 'a' has been undefined\n\n"
    assert d.vmsh("-q", "list", "--all") == ""


@test
def json_of_tables(d):
    define(d)
    assert json.loads(d.vmsh("list", "--all", "--json")) == \
        [{"id": None, "name": "a", "state": "shut off"}]
    info = json.loads(d.vmsh("--json", "dominfo", "a"))
    assert (info["name"], info["max_memory"], info["cpus"]) == ("a", 64 << 20, 1)
    disks = json.loads(d.vmsh("domblklist", "a", "--details", "--json"))
    assert [disk["target"] for disk in disks] == ["vda", "sda"] and disks[1]["source"] is None
    assert json.loads(d.vmsh("vcpucount", "a", "--json")) == \
        {"maximum_config": 1, "current_config": 1}
    [vcpu] = json.loads(d.vmsh("vcpuinfo", "a", "--json"))
    assert (vcpu["vcpu"], vcpu["cpu"], vcpu["cpu_time"]) == (0, None, None)
    [stats] = json.loads(d.vmsh("domstats", "--state", "--json"))
    assert stats["name"] == "a" and stats["stats"]["state.state"] == 5


READS = """list --all
list --all --title
list --all --name
list --all --uuid
list --all --id --name
list --inactive
list --state-paused --state-shutoff
dominfo a
domstate a --reason
domid a
domuuid a
domname {uuid}
dumpxml a
dumpxml a --inactive --security-info
dumpxml a --xpath //devices/disk/target --wrap
domblklist a
domblklist a --details
domblkinfo a vda
domblkinfo a --all --human
domiflist a
domcontrol a
vcpucount a
vcpuinfo a
vcpuinfo a --pretty
vcpucount a --maximum --config
domdisplay a
domdisplay a --all
vncdisplay a
domjobinfo a
desc a
desc a --title
domstats --state --balloon --vcpu a
vcpupin a
vcpupin a --vcpu 0 --config
vcpupin a 7
vcpupin a 7 0
vcpupin a 0 99999
vcpupin a 0 0,^0
emulatorpin a
schedinfo a
schedinfo a --config
schedinfo a --config vcpu_quota=20000
schedinfo a --config nonsense=1
set-lifecycle-action a crash restart --config
set-lifecycle-action a frob restart
domifaddr a
domifaddr a --source frob
dompmwakeup a
sysinfo
nodeinfo
nodecpumap
nodecpumap --pretty
hostname
maxvcpus
capabilities
domcapabilities
domcapabilities --xpath //path
domstate nosuch
resume nosuch
shutdown a --mode frob
dumpxml
event --list
event
screenshot a --screen x"""


def compare(d):
    uuid = d.vmsh("domuuid", "a").strip()
    differs = []
    for line in READS.format(uuid=uuid).splitlines():
        theirs = run("virsh", "-c", d.uri, line)
        ours = run(VMSH, "-c", d.uri, line)
        if virsh_is_older() and "doesn't support option" in theirs[1]:
            continue
        if not same_words(ours[0], theirs[0]) or ours[2] != theirs[2] or (theirs[1] and not ours[1]):
            differs.append(f"{line}:\n--- virsh {theirs[2]}\n{theirs[0]}{theirs[1]}"
                           f"--- vmsh {ours[2]}\n{ours[0]}{ours[1]}")
    assert not differs, "\n".join(differs)[:5000]


def run(*argv):
    done = subprocess.run(argv, text=True, capture_output=True, timeout=30)
    return done.stdout, done.stderr, done.returncode


@test
def words_of_virsh_off(d):
    need("virsh")
    define(d, extra="<title>its title</title><description>what it is</description>")
    define(d, "b")
    compare(d)


@test
def words_of_virsh_on(d):
    need("virsh")
    define(d)
    d.vmsh("start", "a", "--paused")
    compare(d)
    d.vmsh("destroy", "a")


CPUS = {
    "one": "<cpu><model>qemu64</model></cpu>",
    "two": "<?xml version='1.0'?><cpu><arch>x86_64</arch><model>Penryn</model></cpu>"
           "<cpu><arch>x86_64</arch><model>Westmere</model></cpu>",
    "unknown": "<cpu><arch>x86_64</arch><model>nosuch</model></cpu>",
    "missing": "<cpu><arch>x86_64</arch><model>qemu32</model><feature policy='require' name='xop'/>"
               "<feature policy='require' name='tbm'/></cpu>",
    "none": "<x/>",
    "broken": "<cpu>\n<model",
}


@test
def cpus_of_a_file(d):
    need("virsh")
    files = [d.write(name, text) for name, text in CPUS.items()]
    for name in "capabilities", "domcapabilities":
        files.append(d.write(name, d.vmsh(name)))
    differs = []
    for command in ("cpu-compare", "cpu-compare --error", "cpu-baseline", "cpu-baseline --features",
                    "hypervisor-cpu-compare --virttype qemu", "hypervisor-cpu-baseline --virttype qemu",
                    "hypervisor-cpu-baseline --virttype qemu --migratable"):
        for path in [*files, d.root / "not-there"]:
            theirs, ours = (run(program, "-c", d.uri, f"{command} {path}") for program in ("virsh", VMSH))
            if theirs[0] != ours[0] or theirs[2] != ours[2] or (not theirs[0] and not ours[1]):
                differs.append((command, path.name, theirs, ours))
    assert not differs, differs
    assert "line 2" in d.vmsh("cpu-baseline", d.root / "broken", status=1)
    assert run("virsh", "-c", d.uri, "cpu-models", "x86_64") == run(VMSH, "-c", d.uri, "cpu-models", "x86_64")
    usable = json.loads(d.vmsh("hypervisor-cpu-models", "--virttype", "qemu", "--json"))
    assert "qemu64" in usable and set(usable) < set(d.vmsh("hypervisor-cpu-models", "--all").split())
    assert "qemu64" in d.vmsh("hypervisor-cpu-baseline", "--virttype", "qemu", "--model", "qemu64")
    assert "--model" in d.vmsh("hypervisor-cpu-baseline", status=1)


@test
def events(d):
    define(d)
    with subprocess.Popen([VMSH, "-c", d.uri, "event", "--event", "lifecycle", "--domain", "a",
                           "--loop", "--timeout", "20"], stdout=subprocess.PIPE, text=True) as watch:
        with subprocess.Popen([VMSH, "-c", d.uri, "event", "--all", "--json", "--timeout", "20"],
                              stdout=subprocess.PIPE, text=True) as one:
            time.sleep(0.5)
            d.vmsh("start a --paused; resume a; destroy a")
            first = json.loads(one.stdout.readline())
            assert (first["event"], first["domain"]) == ("lifecycle", "a"), first
            assert one.stdout.read().strip() == ""
            assert one.wait(10) == 0
        seen = []
        while not seen or "Stopped" not in seen[-1]:
            seen.append(watch.stdout.readline())
            assert seen[-1], seen
        watch.send_signal(2)
        assert "event loop interrupted" in watch.stdout.read()
        assert watch.wait(10) == 0
    assert "event 'lifecycle' for domain 'a': Started Booted\n" in seen, seen
    assert seen[-1] == "event 'lifecycle' for domain 'a': Stopped Destroyed\n", seen
    told = d.vmsh("event", "--event", "reboot", "--timeout", "1", status=1)
    assert told == "event loop timed out\nevents received: 0\n\n", told


@test
def editing(d):
    define(d)

    def editor(name, script):
        path = d.write(name, f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)
        return {"VISUAL": "", "EDITOR": str(path)}

    assert d.vmsh("edit", "a", env={"VISUAL": "true"}) == \
        "Domain 'a' XML configuration not changed.\n\n"
    more = editor("more", "sed -i 's/<memory.*/<memory unit=\"MiB\">96<\\/memory>/;/<currentMem/d' $1")
    assert d.vmsh("edit", "a", env=more) == "Domain 'a' XML configuration edited.\n\n"
    assert "Max memory:     98304 KiB" in d.vmsh("dominfo", "a")
    broken = editor("broken", "echo '<x' >> $1")
    assert "error: " in d.vmsh("edit", "a", env=broken, status=1)
    # In a terminal it asks; the second try repairs what the first broke.
    repair = editor("repair", "if grep -q '<x' $1; then sed -i '/<x/d; s/>1</>2</' $1; "
                    "else echo '<x' >> $1; fi")
    t = Terminal(VMSH, "-c", d.uri, "edit", "a", **repair)
    t.until("Failed. Try again? [y,n,i,f,?]: ")
    t.type("?\n")
    t.until("y - yes, start editor again")
    t.until("Failed. Try again? [y,n,i,f,?]: ")
    t.type("y\n")
    t.until("XML configuration edited.")
    assert t.status() == 0
    assert "CPU(s):         2" in d.vmsh("dominfo", "a")


@test
def console(d):
    """Both ways, out with the escape key and in again, and to its end."""
    kernel = guest()
    xml = domain("a", devices="<serial type='pty'/><console type='pty'/>", memory=192, kernel=kernel)
    d.vmsh("define", d.write("a.xml", xml))
    told = d.vmsh("start", "a", "--paused", "--console", status=1)
    assert "Cannot run interactive console without a controlling TTY" in told, told
    t = Terminal(VMSH, "-c", d.uri, "console", "a", "--resume")
    t.until("Connected to domain 'a'\r\nEscape character is ^] (Ctrl + ])")
    t.until("# ", 120)
    t.type("echo the answer is $((6 * 7))\r")
    t.until("the answer is 42")
    t.type("\x1d")
    assert t.status() == 0
    t = Terminal(VMSH, "-c", d.uri, "-e", "^A", "console", "a")
    t.until("Escape character is ^A (Ctrl + A)")
    t.type_until("\r", "# ")
    d.vmsh("destroy", "a")
    assert t.status() == 0


@test
def devices(d):
    define(d)
    d.vmsh("start", "a")
    assert d.vmsh("send-key", "a", "KEY_LEFTCTRL", "KEY_A") == "\n"
    assert "error: invalid keycode: 'KEY_FROB'" in d.vmsh("send-key", "a", "KEY_FROB", status=1)
    picture = d.root / "screen"
    wait_for(lambda: "Screenshot saved to" in d.vmsh("screenshot", "a", picture, status=None))
    assert picture.read_bytes()[:2] in (b"P6", b"\x89P")
    assert d.vmsh("domstats", "--state", "a").startswith("Domain: 'a'\n  state.state=1\n")
    assert "actual 65536\n" in d.vmsh("dommemstat", "a")
    assert "vda rd_req " in d.vmsh("domblkstat", "a", "vda")
    answer = d.vmsh("qemu-monitor-command", "a", "--pretty", '{"execute":"query-status"}')
    assert json.loads(answer)["return"]["status"] == "running"
    assert d.vmsh("qemu-monitor-command", "a", "--hmp", "info status").startswith("VM status: ")
    d.vmsh("destroy", "a")


@test
def words(d):
    define(d)
    assert d.vmsh("desc", "a") == "No description for domain: a\n"
    assert d.vmsh("desc", "a", "what", "it", "is") == "Domain description updated successfully\n"
    assert d.vmsh("desc", "a") == "what it is\n"
    assert d.vmsh("metadata", "a", "http://x/y", "--key", "k", "--set", "<n>1</n>") == \
        "Metadata modified\n\n"
    assert "<n>1</n>" in d.vmsh("metadata", "a", "http://x/y")
    assert d.vmsh("metadata", "a", "http://x/y", "--remove") == "Metadata removed\n\n"
    assert d.vmsh("domrename", "a", "b") == "Domain successfully renamed\n\n"
    assert d.vmsh("-q", "list", "--all", "--name") == "b\n"


main()
