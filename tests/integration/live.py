#!/usr/bin/env python3
"""What the document of a running domain says is what its QEMU says: the CPU and its features, the
memory, the consoles. The guests are paused before their first instruction."""
import json
import re
import xml.etree.ElementTree as ET

from harness import domain, main, test

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
def a_partition_is_of_the_running_one(d):
    live = start(d, "a", xml("a"))
    assert live.findtext("resource/partition") == "/machine"
    assert "<resource>" not in d.vmsh("dumpxml", "a", "--inactive")
    own = "<resource><partition>/mine</partition></resource>"
    assert start(d, "b", xml("b", own)).findtext("resource/partition") == "/mine"


@test
def consoles_name_their_terminals(d):
    two = ("<serial type='pty'/><console type='pty'><target type='serial'/></console>"
           "<console type='pty'><target type='virtio'/></console>")
    live = start(d, "a", xml("a", devices=two))
    first, second = live.findall("devices/console")
    assert re.match(r"/dev/pts/\d+$", first.get("tty")) and second.get("tty") is None
    assert first.find("source").get("path") == first.get("tty")
    assert second.find("source").get("path") != first.get("tty")


if __name__ == "__main__":
    main()
