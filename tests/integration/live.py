#!/usr/bin/env python3
"""What the document of a running domain says is what its QEMU says: the CPU and its features, the
memory, the consoles. The guests are paused before their first instruction."""
import datetime
import json
import pathlib
import re
import subprocess
import time
import xml.etree.ElementTree as ET
import zoneinfo

from harness import VMSH, domain, main, need, skip, test, wait_for

SPELLED = {"cmp_legacy": "cmp-legacy", "ds_cpl": "ds-cpl", "fxsr_opt": "fxsr-opt",
           "lahf_lm": "lahf-lm", "nodeid_msr": "nodeid-msr", "pclmuldq": "pclmulqdq",
           "perfctr_core": "perfctr-core", "perfctr_nb": "perfctr-nb", "tsc_adjust": "tsc-adjust"}


def xml(name, extra="", devices="", memory=32):
    return domain(name, devices, memory, machine="pc", extra=extra)


def start(d, name, text):
    d.vmsh("define", d.write(f"{name}.xml", text))
    d.vmsh("start", name, "--paused")
    return ET.fromstring(d.vmsh("dumpxml", name))


def ask(d, name, command, **arguments):
    line = json.dumps({"execute": command, "arguments": arguments} if arguments
                      else {"execute": command})
    return json.loads(d.vmsh("qemu-monitor-command", name, line))["return"]


def guest_cpu(d, name, of="feature-words"):
    path = ask(d, name, "query-cpus-fast")[0]["qom-path"]
    return ask(d, name, "qom-get", path=path, property=of)


def words(d, name):
    """The feature words, each a set of registers, in an order of their own."""
    return sorted(json.dumps(w, sort_keys=True) for w in guest_cpu(d, name))


CPUS = {
    "default": "",
    "named": "<cpu mode='custom'><model>Haswell</model></cpu>",
    "amd": "<cpu mode='custom'><model>EPYC</model></cpu>",
    "old": "<cpu mode='custom'><model>core2duo</model></cpu>",
    "chosen": "<cpu mode='custom'><model>Penryn</model><feature policy='require' name='rdrand'/>"
              "<feature policy='disable' name='nx'/><feature policy='optional' name='pcid'/>"
              "<feature policy='force' name='ds'/><feature policy='forbid' name='svm'/></cpu>",
    "host": "<cpu mode='host-model'><feature policy='disable' name='avx2'/></cpu>",
}


@test
def the_cpu_is_the_guests(d):
    for name, cpu in CPUS.items():
        live = start(d, name, xml(name, cpu)).find("cpu")
        assert live.get("mode") == "custom" and live.get("check") == "full", ET.tostring(live)
        assert live.find("model").get("fallback") == "forbid"
        features = live.findall("feature")
        assert len({f.get("name") for f in features}) == len(features)
        for f in features:
            qemu = guest_cpu(d, name, SPELLED.get(f.get("name"), f.get("name")))
            assert qemu == (f.get("policy") in ("require", "force")), f"{name}: {f.attrib}"
        inactive = ET.fromstring(d.vmsh("dumpxml", name, "--inactive")).find("cpu")
        assert inactive.get("check") != "full", ET.tostring(inactive)
        d.vmsh("destroy", name)


@test
def the_live_cpu_makes_the_same_cpu(d):
    """Who has only the live document gets the CPU that the guest has."""
    for name, cpu in CPUS.items():
        live = start(d, name, xml(name, cpu)).find("cpu")
        before = words(d, name)
        d.vmsh("destroy", name)
        d.vmsh("undefine", name)
        again = start(d, name, xml(name, ET.tostring(live, encoding="unicode"))).find("cpu")
        assert words(d, name) == before, name
        assert ET.tostring(again) == ET.tostring(live), name
        d.vmsh("destroy", name)


REFUSED = {
    "check='partial'><model>qemu64</model><feature policy='require' name='pcid'/>":
        "Host CPU does not provide required features: pcid",
    "check='partial'><model>qemu64</model><feature policy='forbid' name='sse4.1'/>":
        "Host CPU provides forbidden features: sse4.1",
    "check='full'><model>qemu64</model>":
        "guest CPU doesn't match specification: extra features: hypervisor,lahf_lm",
    "check='full'><model>qemu64</model><feature policy='require' name='hypervisor'/>"
    "<feature policy='require' name='lahf_lm'/><feature policy='require' name='pcid'/>":
        "guest CPU doesn't match specification: missing features: pcid",
}


@test
def a_cpu_is_checked_as_asked(d):
    for cpu, why in REFUSED.items():
        d.vmsh("define", d.write("a.xml", xml("a", f"<cpu mode='custom' {cpu}</cpu>")))
        said = d.vmsh("start", "a", status=1)
        assert why in said, said
        assert not d.qemus()
        d.vmsh("undefine", "a")
    same = ("<cpu mode='custom' check='full'><model>qemu64</model>"
            "<feature policy='require' name='hypervisor'/>"
            "<feature policy='require' name='lahf_lm'/></cpu>")
    start(d, "a", xml("a", same))


@test
def the_least_may_be_more(d):
    live = start(d, "a", xml("a", "<cpu match='minimum'><model>qemu32</model></cpu>")).find("cpu")
    assert live.findtext("model") != "qemu32" and live.get("match") == "exact", ET.tostring(live)


@test
def a_maximum_stays_one(d):
    live = start(d, "a", xml("a", "<cpu mode='maximum'/>")).find("cpu")
    assert live.attrib == {"mode": "maximum", "check": "none"}, live.attrib


@test
def memory_comes_in_whole_mib(d):
    cells = ("<vcpu>2</vcpu><cpu><numa><cell id='0' cpus='0' memory='33000'/>"
             "<cell id='1' cpus='1' memory='40000'/></numa></cpu>")
    live = start(d, "a", xml("a", cells, memory=72).replace("<vcpu>1</vcpu>", ""))
    assert [c.get("memory") for c in live.iter("cell")] == ["33792", "40960"]
    size = ask(d, "a", "query-memory-size-summary")["base-memory"]
    assert int(live.findtext("memory")) * 1024 == size == (33792 + 40960) * 1024
    inactive = ET.fromstring(d.vmsh("dumpxml", "a", "--inactive"))
    assert [c.get("memory") for c in inactive.iter("cell")] == ["33000", "40000"]


@test
def a_balloon_that_nobody_took_is_all_there(d):
    live = start(d, "a", xml("a", "<currentMemory unit='MiB'>16</currentMemory>",
                             "<memballoon model='virtio'/>"))
    assert live.findtext("currentMemory") == live.findtext("memory")
    inactive = ET.fromstring(d.vmsh("dumpxml", "a", "--inactive"))
    assert inactive.findtext("currentMemory") == str(16 * 1024)


@test
def a_clock_is_that_of_its_zone(d):
    if not pathlib.Path("/usr/share/zoneinfo/Asia/Tokyo").exists():
        skip("no database of time zones is installed")
    for number, zone in enumerate(("Asia/Tokyo", "America/New_York", "Asia/Kolkata", "UTC")):
        start(d, f"z{number}", xml(f"z{number}", f"<clock offset='timezone' timezone='{zone}'/>"))
        shown = ask(d, f"z{number}", "qom-get", path="/machine", property="rtc-time")
        there = datetime.datetime.now(zoneinfo.ZoneInfo(zone))
        seen = there.replace(hour=shown["tm_hour"], minute=shown["tm_min"], day=shown["tm_mday"])
        assert abs(there - seen) < datetime.timedelta(minutes=3), (zone, shown, there)
        path = pathlib.Path(f"/proc/{d.qemus()[-1]}/environ").read_bytes()
        assert b"TZ=" in path and b"zoneinfo" not in path


def image(target, path, policy, device="disk", form="raw"):
    bus = {"v": "virtio", "f": "fdc", "h": "ide"}[target[0]]
    policy = policy and f"startupPolicy='{policy}'"
    return (f"<disk type='file' device='{device}'><driver name='qemu' type='{form}'/>"
            f"<source file='{path}' {policy}/>"
            f"<target dev='{target}' bus='{bus}'/></disk>")


def usb(policy, inside="<vendor id='0x1d6f'/><product id='0xfff1'/>"):
    return (f"<hostdev mode='subsystem' type='usb'><source startupPolicy='{policy}'>{inside}</source>"
            "</hostdev>")


@test
def what_may_miss_is_left_out(d):
    there, gone = d.write("there.img", "x" * 1048576), d.root / "gone.img"
    need("qemu-img")
    d.run("qemu-img", "create", "-q", "-f", "raw", gone, "1M")
    over = d.root / "over.qcow2"
    d.run("qemu-img", "create", "-q", "-f", "qcow2", "-b", gone, "-F", "raw", over)
    gone.unlink()
    devices = "".join((
        image("vda", there, "optional"), image("vdb", gone, "optional"), image("vdc", over, "optional", form="qcow2"),
        image("hdc", gone, "optional", "cdrom"), image("fda", gone, "optional", "floppy"),
        image("hdd", d.write("cd.iso", "x" * 65536), "requisite", "cdrom"), usb("optional"),
        usb("optional", "<address bus='77' device='99'/>")))
    d.vmsh("define", d.write("a.xml", xml("a", devices=devices)))
    with subprocess.Popen([VMSH, "-c", d.uri, "event", "--event", "disk-change", "--domain", "a", "--loop",
                           "--timeout", "3"], stdout=subprocess.PIPE, text=True) as events:
        time.sleep(1)  # until it listens
        d.vmsh("start", "a", "--paused")
        told = [line for line in events.communicate()[0].splitlines() if "disk-change" in line]
    assert len(told) == 4 and all(f"{gone}" in line or f"{over}" in line for line in told), told
    assert [("virtio-disk" in line, "missing" in line or "drop" in line) for line in told].count((True, True)) == 2, told
    live = ET.fromstring(d.vmsh("dumpxml", "a"))
    shown = {disk.find("target").get("dev"): disk.find("source") for disk in live.findall("devices/disk")}
    assert set(shown) == {"vda", "hdc", "fda", "hdd"}, shown
    assert shown["vda"].get("file") and shown["hdd"].get("file")
    assert [shown[t] is None or shown[t].get("file") for t in ("hdc", "fda")] in ([True, True], [None, None])
    assert live.findall("devices/hostdev") == []
    kept = ET.fromstring(d.vmsh("dumpxml", "--inactive", "a"))
    assert len(kept.findall("devices/disk")) == 6 and len(kept.findall("devices/hostdev")) == 2
    for policy, target, device in (("", "vdb", "disk"), ("mandatory", "vdb", "disk"),
                                   ("mandatory", "hdc", "cdrom"), ("requisite", "hdc", "cdrom")):
        said = d.vmsh("create", d.write("b.xml", xml("b", devices=image(target, gone, policy, device))), status=1)
        assert str(gone) in said and "No such file" in said, said
    for policy in ("mandatory", "requisite"):
        said = d.vmsh("create", d.write("b.xml", xml("b", devices=usb(policy))), status=1)
        assert "1d6f:fff1" in said and "is not there" in said, said


@test
def a_partition_is_of_the_running_one(d):
    live = start(d, "a", xml("a"))
    assert live.findtext("resource/partition") == "/machine"
    assert "<resource>" not in d.vmsh("dumpxml", "a", "--inactive")
    own = "<resource><partition>/mine</partition></resource>"
    d.vmsh("define", d.write("b.xml", xml("b", own)))
    assert "'partition'" in d.vmsh("start", "b", status=1)


@test
def consoles_name_their_terminals(d):
    two = ("<serial type='pty'/><console type='pty'><target type='serial'/></console>"
           "<console type='pty'><target type='virtio'/></console>")
    live = start(d, "a", xml("a", devices=two))
    first, second = live.findall("devices/console")
    assert re.match(r"/dev/pts/\d+$", first.get("tty")) and second.get("tty") is None
    assert first.find("source").get("path") == first.get("tty")
    assert second.find("source").get("path") != first.get("tty")


@test
def an_updated_cpu_is_one_that_any_host_understands(d):
    text = xml("a", "<cpu mode='host-model'><feature policy='disable' name='avx2'/></cpu>")
    d.vmsh("define", d.write("a.xml", text))
    assert ET.fromstring(d.vmsh("dumpxml", "a")).find("cpu").get("mode") == "host-model"
    cpu = ET.fromstring(d.vmsh("dumpxml", "a", "--update-cpu")).find("cpu")
    assert cpu.get("mode") == "custom" and cpu.findtext("model"), ET.tostring(cpu)
    off = [f.get("policy") for f in cpu.findall("feature") if f.get("name") == "avx2"]
    assert off == ["disable"], ET.tostring(cpu)
    assert ET.fromstring(d.vmsh("dumpxml", "a")).find("cpu").get("mode") == "host-model"


@test
def images_below_are_counted_where_asked(d):
    need("qemu-img")
    for name, below in (("base", []), ("top", ["-b", "base", "-F", "qcow2"])):
        d.run("qemu-img", "create", "-q", "-f", "qcow2", *below, d.root / name, "1M")
    disk = (f"<disk type='file'><driver name='qemu' type='qcow2'/><source file='{d.root}/top'/>"
            "<target dev='hda'/></disk>")
    start(d, "a", xml("a", devices=disk))
    stats = d.vmsh("domstats", "a", "--block", "--backing")
    assert "block.count=2" in stats and f"block.1.path={d.root}/base" in stats, stats
    assert "block.1.name=hda" in stats and "block.1.capacity=1048576" in stats, stats
    alone = d.vmsh("domstats", "a", "--block")
    assert "block.count=1" in alone and "block.1." not in alone, alone


SECRET = " passwd='hidden'"
KEPT = """<graphics type='vnc' port='-1' autoport='yes' passwd='hidden'/>
<disk type='file' device='cdrom'><target dev='hda' bus='ide'/><readonly/></disk>
<disk type='file'><source file='{root}/one.img'/><target dev='vda' bus='virtio'/></disk>
<interface type='user'><mac address='52:54:00:00:00:01'/><model type='virtio'/></interface>
<memballoon model='virtio'/>"""
CHANGES = [
    ("desc", "a", "--live", "--title", "other"),
    ("metadata", "a", "urn:x", "--live", "--key", "x", "--set", "<x/>"),
    ("change-media", "a", "hda", "{root}/one.iso", "--insert", "--live"),
    ("change-media", "a", "hda", "--eject", "--live"),
    ("attach-disk", "a", "{root}/two.img", "vdb", "--live"),
    ("blkdeviotune", "a", "vda", "--total-iops-sec", "100", "--live"),
    ("domif-setlink", "a", "52:54:00:00:00:01", "down"),
    ("dommemstat", "a", "--period", "7", "--live"),
    ("set-lifecycle-action", "a", "crash", "preserve", "--live"),
    ("setvcpus", "a", "2", "--live"),
    ("vcpupin", "a", "0", "0", "--live"),
]


def kept_and_fresh(d):
    """The text that is kept between changes, and one that is written each time, as it has a password."""
    fresh = d.vmsh("dumpxml", "a", "--security-info")
    assert SECRET in fresh
    return d.vmsh("dumpxml", "a"), fresh.replace(SECRET, "")


@test
def every_change_of_what_runs_shows_at_once(d):
    for name in ("one.img", "two.img", "one.iso"):
        (d.root / name).write_bytes(bytes(1 << 20))
    text = xml("a", devices=KEPT.format(root=d.root)).replace("<vcpu>1<", "<vcpu current='1'>2<")
    start(d, "a", text)
    shown, fresh = kept_and_fresh(d)
    assert shown == fresh and "<vcpu" in shown
    for words in CHANGES:
        d.vmsh(*(w.format(root=d.root) for w in words))
        after, fresh = kept_and_fresh(d)
        assert after == fresh, f"{words}: {after}"
        assert after != shown, f"{words} shows nowhere"
        shown = after
    d.kill()
    d.start()
    wait_for(lambda: kept_and_fresh(d)[0] == shown, 20)


if __name__ == "__main__":
    main()
