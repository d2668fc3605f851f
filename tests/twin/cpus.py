#!/usr/bin/python3
"""Asks what can be asked about CPUs through the stock library: cpus.py URI [RO-URI] prints a line for
each question. twin.py compares the lines of vmd with those of libvirtd. CPUS_WORDS=1: errors in full."""
import os
import re
import sys
import xml.etree.ElementTree as ET

import libvirt

RESULTS = {libvirt.VIR_CPU_COMPARE_INCOMPATIBLE: "incompatible",
           libvirt.VIR_CPU_COMPARE_IDENTICAL: "identical",
           libvirt.VIR_CPU_COMPARE_SUPERSET: "superset"}
# Nearly a Haswell.
GROWN = """pclmuldq fma pcid sse4.2 x2apic movbe popcnt tsc-deadline aes xsave avx fsgsbase bmi1 avx2 smep
    bmi2 erms invpcid rdtscp""".split()
FAIL, VALIDATE = 1, 2
EXPAND, MIGRATABLE = 1, 2
# Of which no two emulators or libraries should tell different stories.
MODELS = """486 pentium pentium2 pentium3 qemu32 qemu64 kvm32 kvm64 coreduo core2duo n270 Conroe Penryn
    Nehalem Nehalem-IBRS Westmere SandyBridge SandyBridge-IBRS IvyBridge Haswell Haswell-noTSX
    Haswell-noTSX-IBRS Broadwell Broadwell-noTSX Skylake-Client Skylake-Client-noTSX-IBRS Skylake-Server
    Skylake-Server-v1 Skylake-Server-v4 Cascadelake-Server Cascadelake-Server-noTSX Cooperlake
    Icelake-Server Icelake-Server-noTSX Icelake-Server-v5 SapphireRapids SapphireRapids-v2 Snowridge
    Denverton athlon phenom Opteron_G1 Opteron_G2 Opteron_G3 Opteron_G4 Opteron_G5 EPYC EPYC-v2 EPYC-IBPB
    EPYC-Rome EPYC-Rome-v4 EPYC-Milan EPYC-Genoa Dhyana""".split()
SOME = "qemu64 Penryn Westmere Haswell-noTSX Skylake-Server Icelake-Server Opteron_G3 EPYC".split()


def error_text(e):
    words = f" ({e.get_error_message()!r})" if os.environ.get("CPUS_WORDS") else ""
    return f"error {e.get_error_code()}{words}"


def say(name, what, how=str):
    try:
        outcome = how(what())
    except libvirt.libvirtError as e:
        outcome = error_text(e)
    print(f"{name}: {outcome}", flush=True)


def cpu(model, *features, attributes="", more="", arch="x86_64"):
    """features: "policy name". What has a mode or a match is a guest's, and of no architecture."""
    listed = "".join("<feature policy='%s' name='%s'/>" % tuple(f.split()) for f in features)
    arch = f"<arch>{arch}</arch>" if arch and not attributes else ""
    model = f"<model>{model}</model>" if model else ""
    return f"<cpu {attributes}>{arch}{model}{more}{listed}</cpu>"


def short(text):
    """A <cpu> on one line: what surrounds the features, then them."""
    root = ET.fromstring(text)
    words = [" ".join([root.tag] + [f"{k}={v}" for k, v in sorted(root.attrib.items())])]
    for e in root:
        if e.tag == "feature":
            words.append({"require": "+", "disable": "-"}.get(e.get("policy"), "?") + e.get("name"))
        else:
            words.append(" ".join([e.tag, e.text or ""] + [f"{k}={v}" for k, v in e.attrib.items()]))
    return ", ".join(words)


def result(n):
    return RESULTS.get(n, n)


# ---- what a CPU may be told as

def described():
    """(name, document): each is compared, and made a baseline of."""
    yield "plain", cpu("qemu64")
    yield "no arch", cpu("qemu64", arch=None)
    yield "i686", cpu("qemu32", arch="i686")
    yield "another arch", cpu("cortex-a57", arch="aarch64")
    yield "another arch, our model", cpu("qemu64", arch="aarch64")
    yield "power", cpu("POWER9", arch="ppc64le")
    yield "s390x", cpu("z14", arch="s390x")
    yield "no such arch", cpu("qemu64", arch="nosuch")
    yield "no such model", cpu("nosuch")
    yield "guest of an arch", "<cpu match='exact'><arch>x86_64</arch><model>qemu64</model></cpu>"
    yield "mode and an arch", "<cpu mode='custom'><arch>x86_64</arch><model>qemu64</model></cpu>"
    yield "no model", cpu(None)
    yield "no model, features", cpu(None, "require sse2")
    yield "empty", "<cpu/>"
    yield "model of blanks", "<cpu><arch>x86_64</arch><model> qemu64 </model></cpu>"
    yield "empty model", "<cpu><arch>x86_64</arch><model/></cpu>"
    yield "grown", cpu("Penryn", *(f"require {f}" for f in GROWN))
    yield "guest, grown", cpu("Penryn", *(f"require {f}" for f in GROWN), attributes="match='exact'")
    yield "two models", "<cpu><arch>x86_64</arch><model>qemu64</model><model>Penryn</model></cpu>"
    yield "no such feature", cpu("qemu64", "require nosuch")
    yield "feature twice", cpu("qemu64", "require sse2", "require sse2")
    yield "feature both ways", cpu("qemu64", "require sse2", "disable sse2")
    yield "feature of no name", "<cpu><arch>x86_64</arch><model>qemu64</model><feature/></cpu>"
    yield "feature of no policy", ("<cpu><arch>x86_64</arch><model>qemu64</model>"
                                   "<feature name='avx'/></cpu>")
    yield "feature of odd policy", cpu("qemu64", "maybe sse2")
    for policy in "force", "require", "optional", "disable", "forbid":
        yield f"{policy} what is there", cpu("Penryn", f"{policy} sse2")
        yield f"{policy} what is more", cpu("Penryn", f"{policy} avx2")
        yield f"{policy} what nobody has", cpu("Penryn", f"{policy} xop")
        yield f"guest, {policy} what is there", cpu("Penryn", f"{policy} sse2",
                                                    attributes="match='exact'")
        yield f"guest, {policy} what is more", cpu("Penryn", f"{policy} avx2",
                                                   attributes="match='exact'")
        yield f"guest, {policy} what nobody has", cpu("Penryn", f"{policy} xop",
                                                      attributes="match='exact'")
    for match in "minimum", "exact", "strict", "odd":
        yield f"match {match}", cpu("Penryn", attributes=f"match='{match}'")
        yield f"match {match}, custom", cpu("Penryn", attributes=f"match='{match}' mode='custom'")
        yield f"match {match}, no model", cpu(None, attributes=f"match='{match}'")
        yield f"match {match}, a feature", cpu("Penryn", "require sse2", attributes=f"match='{match}'")
        yield f"match {match}, small", cpu("kvm32", attributes=f"match='{match}'")
        yield f"match {match}, small, a feature", cpu("kvm32", "disable pni",
                                                      attributes=f"match='{match}'")
    for mode in "custom", "host-model", "host-passthrough", "maximum", "odd":
        yield f"mode {mode}", cpu("Penryn", attributes=f"mode='{mode}'")
        yield f"mode {mode}, no model", cpu(None, attributes=f"mode='{mode}'")
        yield f"mode {mode}, feature", cpu(None, "require avx2", attributes=f"mode='{mode}'")
    for check in "none", "partial", "full", "odd":
        yield f"check {check}", cpu("Penryn", attributes=f"mode='custom' check='{check}'")
    for fallback in "allow", "forbid", "odd":
        yield f"fallback {fallback}", (f"<cpu mode='custom' match='exact'><model fallback='{fallback}'>"
                                       "Penryn</model></cpu>")
    yield "vendor id", ("<cpu mode='custom' match='exact'><model vendor_id='GenuineIntel'>Penryn</model>"
                        "</cpu>")
    yield "short vendor id", ("<cpu mode='custom' match='exact'><model vendor_id='short'>Penryn</model>"
                              "</cpu>")
    for vendor in "Intel", "AMD", "Hygon", "nosuch", "":
        yield f"vendor {vendor}", cpu("Penryn", more=f"<vendor>{vendor}</vendor>")
        yield f"guest of vendor {vendor}", cpu("Penryn", more=f"<vendor>{vendor}</vendor>",
                                               attributes="match='exact'")
        yield f"AMD's model of vendor {vendor}", cpu("Opteron_G3", more=f"<vendor>{vendor}</vendor>")
        yield f"small of vendor {vendor}", cpu("kvm32", more=f"<vendor>{vendor}</vendor>",
                                               attributes="match='exact'")
        yield f"small, less, of vendor {vendor}", cpu("kvm32", "disable pni", attributes="match='exact'",
                                                      more=f"<vendor>{vendor}</vendor>")
        yield f"nobody's model of vendor {vendor}", cpu("qemu64", more=f"<vendor>{vendor}</vendor>")
    yield "topology", cpu("Penryn", more="<topology sockets='1' cores='2' threads='2'/>")
    yield "odd topology", cpu("Penryn", more="<topology sockets='1' cores='two' threads='2'/>")
    yield "no cores", cpu("Penryn", more="<topology sockets='1' cores='0' threads='2'/>")
    yield "numa", cpu("Penryn", more="<numa><cell id='0' cpus='0' memory='512' unit='MiB'/></numa>",
                      attributes="mode='custom'")
    yield "cache", cpu("Penryn", more="<cache level='3' mode='emulate'/>", attributes="mode='custom'")
    yield "counter", cpu("Penryn", more="<counter name='tsc' frequency='2000000000' scaling='yes'/>")
    yield "microcode", cpu("Penryn", more="<microcode version='1'/>")
    yield "odd microcode", cpu("Penryn", more="<microcode version='one'/>")
    yield "signature", cpu("Penryn", more="<signature family='6' model='23' stepping='10'/>")
    yield "maxphysaddr", cpu("Penryn", more="<maxphysaddr mode='emulate' bits='42'/>")
    yield "fewer bits", cpu("Penryn", more="<maxphysaddr mode='emulate' bits='36'/>")
    yield "bits of the host", cpu("Penryn", more="<maxphysaddr mode='passthrough' limit='40'/>",
                                  attributes="match='exact'")
    yield "odd element", cpu("Penryn", more="<nosuch/>")
    yield "pages", cpu("Penryn", more="<pages unit='KiB' size='4'/>")
    yield "no cpu", "<domain/>"
    yield "cpu in a domain", f"<domain type='qemu'>{cpu('Penryn')}</domain>"
    yield "capabilities", f"<capabilities><host>{cpu('Penryn')}</host></capabilities>"
    yield "broken", "<cpu><model>"
    yield "text", "qemu64"
    yield "nothing", ""


def host_cpu(c):
    return re.search(r"<cpu>.*?</cpu>", c.getCapabilities(), re.DOTALL)[0]


def host_model(c, virttype):
    caps = c.getDomainCapabilities(None, "x86_64", "pc", virttype)
    mode = ET.fromstring(caps).find("cpu/mode[@name='host-model']")
    mode.tag = "cpu"
    mode.attrib.clear()
    return ET.tostring(mode, encoding="unicode")


# ---- the questions

def compare(c):
    for model in MODELS:
        say(f"compare model {model}", lambda: c.compareCPU(cpu(model)), result)
        say(f"compare guest's model {model}", lambda: c.compareCPU(cpu(model, attributes="match='exact'")),
            result)
    for name, xml in described():
        say(f"compare, {name}", lambda: c.compareCPU(xml), result)
        say(f"compare or fail, {name}", lambda: c.compareCPU(xml, FAIL), result)
        say(f"compare validated, {name}", lambda: c.compareCPU(xml, VALIDATE), result)
    say("compare itself", lambda: c.compareCPU(host_cpu(c)), result)
    say("compare itself strictly",
        lambda: c.compareCPU(host_cpu(c).replace("<cpu", "<cpu match='strict'")), result)
    say("compare host model", lambda: c.compareCPU(host_model(c, "qemu")), result)
    say("compare with odd flags", lambda: c.compareCPU(cpu("qemu64"), 64), result)


def compare_guest(c, virttype):
    def ask(xml, flags=0, emulator=None, arch="x86_64", machine="pc", virttype=virttype):
        return lambda: c.compareHypervisorCPU(emulator, arch, machine, virttype, xml, flags)

    for model in MODELS:
        say(f"{virttype} compare model {model}", ask(cpu(model)), result)
        say(f"{virttype} compare guest's model {model}", ask(cpu(model, attributes="match='exact'")),
            result)
    for name, xml in described():
        say(f"{virttype} compare, {name}", ask(xml), result)
        say(f"{virttype} compare or fail, {name}", ask(xml, FAIL), result)
        say(f"{virttype} compare validated, {name}", ask(xml, VALIDATE), result)
    say(f"{virttype} compare host model", lambda: ask(host_model(c, virttype))(), result)
    say(f"{virttype} compare host", lambda: ask(host_cpu(c))(), result)
    say(f"{virttype} compare with odd flags", ask(cpu("qemu64"), 64), result)
    targets(f"{virttype} compare", lambda **to: ask(cpu("qemu64"), **to), result)


def targets(tag, ask, how):
    """For which emulator, architecture, machine and kind it is asked."""
    say(f"{tag} for no emulator", ask(emulator="/nosuch"), how)
    say(f"{tag} for no binary", ask(emulator="/etc/passwd"), how)
    say(f"{tag} for an emulator", ask(emulator="/usr/bin/qemu-system-x86_64"), how)
    say(f"{tag} for the emulator alone",
        ask(emulator="/usr/bin/qemu-system-x86_64", arch=None, machine=None, virttype=None), how)
    say(f"{tag} for an emulator of another arch",
        ask(emulator="/usr/bin/qemu-system-x86_64", arch="aarch64"), how)
    say(f"{tag} for aarch64", ask(arch="aarch64", machine=None), how)
    say(f"{tag} for no such arch", ask(arch="nosuch"), how)
    say(f"{tag} for i686", ask(arch="i686"), how)
    say(f"{tag} for no such machine", ask(machine="nosuch"), how)
    say(f"{tag} for q35", ask(machine="q35"), how)
    say(f"{tag} for no such virttype", ask(virttype="nosuch"), how)
    say(f"{tag} for xen", ask(virttype="xen"), how)
    say(f"{tag} for nobody in particular", ask(arch=None, machine=None, virttype=None), how)


PAIRS = [("Penryn", "Westmere"), ("Haswell", "Westmere"), ("Haswell", "Haswell-noTSX"),
         ("Skylake-Server", "Broadwell"), ("Icelake-Server", "Cascadelake-Server"), ("Penryn", "EPYC"),
         ("EPYC", "EPYC-Rome"), ("Opteron_G1", "Opteron_G5"), ("qemu64", "kvm64"), ("qemu32", "Haswell"),
         ("486", "EPYC"), ("Penryn", "nosuch"), ("nosuch", "Penryn")]


def baselines(tag, ask, flags):
    for model in MODELS:
        say(f"{tag} {model}", ask([cpu(model)]), short)
    for model in SOME:
        for flag in flags:
            say(f"{tag} {model}, flags {flag}", ask([cpu(model)], flag), short)
            say(f"{tag} {model} and invtsc, flags {flag}", ask([cpu(model, "require invtsc")], flag),
                short)
    for pair in PAIRS:
        say(f"{tag} {' '.join(pair)}", ask([cpu(m) for m in pair]), short)
        say(f"{tag} {' '.join(pair)} in full", ask([cpu(m) for m in pair], EXPAND), short)
    for name, xml in described():
        say(f"{tag} of one, {name}", ask([xml]), short)
        say(f"{tag} of two, {name}", ask([cpu("Penryn"), xml]), short)
    intel, amd = "<vendor>Intel</vendor>", "<vendor>AMD</vendor>"
    say(f"{tag} of vendors", ask([cpu("Penryn", more=intel), cpu("Westmere", more=intel)]), short)
    say(f"{tag} of a vendor and none", ask([cpu("Penryn", more=intel), cpu("Westmere")]), short)
    say(f"{tag} of none and a vendor", ask([cpu("Penryn"), cpu("Westmere", more=intel)]), short)
    say(f"{tag} of strange vendors", ask([cpu("Penryn", more=intel), cpu("EPYC", more=amd)]), short)
    for a, b in [(36, 40), (40, 36), (36, 36)]:
        say(f"{tag} of {a} and {b} bits", ask([
            cpu("Penryn", more=f"<maxphysaddr mode='emulate' bits='{n}'/>") for n in (a, b)]), short)
        say(f"{tag} of {a} and {b} bits of the host", ask([
            cpu("Penryn", attributes="match='exact'",
                more=f"<maxphysaddr mode='passthrough' limit='{n}'/>") for n in (a, b)]), short)
    say(f"{tag} of bits and none", ask([
        cpu("Penryn", more="<maxphysaddr mode='emulate' bits='36'/>"), cpu("Penryn")]), short)
    say(f"{tag} of three", ask([cpu("Haswell"), cpu("Westmere", "require avx"), cpu("SandyBridge")]),
        short)
    say(f"{tag} of two archs", ask([cpu("qemu32", arch="i686"), cpu("Penryn")]), short)
    say(f"{tag} of osxsave", ask([cpu("Haswell", "require osxsave", "require ospke")]), short)
    say(f"{tag} of none", ask([]), short)
    say(f"{tag} with odd flags", ask([cpu("Penryn")], 64), short)


def baseline(c):
    def ask(xmls, flags=0):
        return lambda: c.baselineCPU(xmls, flags)

    baselines("baseline", ask, (1, 2, 3))
    say("baseline of itself", lambda: ask([host_cpu(c)])(), short)
    say("baseline of itself and another", lambda: ask([host_cpu(c), cpu("Westmere")])(), short)


def baseline_guest(c, virttype):
    def ask(xmls, flags=0, emulator=None, arch="x86_64", machine="pc", virttype=virttype):
        return lambda: c.baselineHypervisorCPU(emulator, arch, machine, virttype, xmls, flags)

    tag = f"{virttype} baseline"
    baselines(tag, ask, (1, 2, 3))
    say(f"{tag} of host model", lambda: ask([host_model(c, virttype)])(), short)
    say(f"{tag} of host model in full", lambda: ask([host_model(c, virttype)], EXPAND)(), short)
    say(f"{tag} of host", lambda: ask([host_cpu(c)])(), short)
    targets(tag, lambda **to: ask([cpu("Penryn")], **to), short)


def names(c):
    for arch in "x86_64", "i686":
        say(f"models of {arch}", lambda: set(MODELS) - set(c.getCPUModelNames(arch)))
    for arch in "aarch64", "ppc64", "ppc64le", "s390x", "riscv64", "sparc", "alpha", "nosuch", "":
        say(f"models of {arch}", lambda: len(c.getCPUModelNames(arch)) > 0)
    say("models with odd flags", lambda: c.getCPUModelNames("x86_64", 1))


def told(c, virttype):
    try:
        caps = ET.fromstring(c.getDomainCapabilities(None, "x86_64", "pc", virttype)).find("cpu")
    except libvirt.libvirtError as e:
        print(f"{virttype} modes: {error_text(e)}")
        return
    say(f"{virttype} host model", lambda: host_model(c, virttype), short)
    for mode in caps:
        enums = " ".join(f"{e.get('name')}={[v.text for v in e]}" for e in mode.findall("enum"))
        print(f"{virttype} mode {mode.get('name')}: {mode.get('supported')} {enums}")
    blockers = {b.get("model"): [f.get("name") for f in b] for b in caps.iter("blockers")}
    for m in caps.findall("mode[@name='custom']/model"):
        if m.text in MODELS:
            print(f"{virttype} custom {m.text}: {sorted(m.attrib.items())} {blockers.get(m.text)}")


# ---- what guests get

GUEST = """<domain type='{}'><name>cpus</name><memory>65536</memory><os><type arch='x86_64'
machine='pc'>hvm</type></os><cpu {}</cpu><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<memballoon model='none'/></devices></domain>"""


def wanted():
    """(name, a <cpu> without its "<cpu ")."""
    yield "host model", "mode='host-model'>"
    yield "host model and more", "mode='host-model'><feature policy='disable' name='hypervisor'/>"
    yield "host model, no x2apic", "mode='host-model'><feature policy='forbid' name='x2apic'/>"
    yield "host passthrough", "mode='host-passthrough'>"
    yield "maximum", "mode='maximum'>"
    for model in "486", "kvm32", "Haswell", "EPYC", "Icelake-Server", "nosuch":
        yield model, f"match='exact'><model>{model}</model>"
        yield f"just {model}", f"match='strict'><model>{model}</model>"
        for check in "none", "full":
            yield f"{model}, check {check}", f"match='exact' check='{check}'><model>{model}</model>"
    yield "at least kvm32", "match='minimum'><model>kvm32</model>"
    yield "at least kvm32 and less", ("match='minimum'><model>kvm32</model>"
                                      "<feature policy='disable' name='pni'/>")
    for vendor in "Intel", "AMD", "nosuch":
        yield f"vendor {vendor}", f"match='exact'><model>kvm32</model><vendor>{vendor}</vendor>"
    for policy in "force", "require", "optional", "disable", "forbid":
        for feature in "sse2", "pcid", "monitor", "invtsc", "nosuch":
            for check in ["partial", "full"] if feature in ("sse2", "invtsc") else ["partial"]:
                yield (f"{policy} {feature}, check {check}", f"match='exact' check='{check}'>"
                       f"<model>kvm32</model><feature policy='{policy}' name='{feature}'/>")


def starts(c, virttype):
    def start(text):
        d = c.createXML(GUEST.format(virttype, text), libvirt.VIR_DOMAIN_START_PAUSED)
        try:
            return re.search(r"<cpu.*?</cpu>|<cpu .*?/>", d.XMLDesc(), re.DOTALL)[0]
        finally:
            d.destroy()

    for name, text in wanted():
        say(f"{virttype} guest, {name}", lambda: start(text), short)


def main():
    libvirt.registerErrorHandler(lambda *_: None, None)
    c = libvirt.open(sys.argv[1])
    say("host", lambda: host_cpu(c), short)
    names(c)
    compare(c)
    baseline(c)
    for virttype in "qemu", "kvm":
        told(c, virttype)
        compare_guest(c, virttype)
        baseline_guest(c, virttype)
        starts(c, virttype)
    c.close()


main()
