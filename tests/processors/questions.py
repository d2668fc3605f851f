#!/usr/bin/python3
"""Asks a daemon what depends on the processor: questions.py URI prints a line for each question.
processors.c answers the same from a recording; NAME.answers is what libvirtd 11.3 said on it."""
import re
import sys
import xml.etree.ElementTree as ET

import libvirt

RESULTS = {libvirt.VIR_CPU_COMPARE_INCOMPATIBLE: "incompatible",
           libvirt.VIR_CPU_COMPARE_IDENTICAL: "identical",
           libvirt.VIR_CPU_COMPARE_SUPERSET: "superset"}
MODELS = """486 pentium3 qemu64 kvm32 kvm64 kvm64-v1 Conroe Penryn Nehalem Westmere Westmere-v2 SandyBridge
    IvyBridge Haswell Haswell-noTSX Broadwell Skylake-Client Skylake-Server Skylake-Server-v1
    Cascadelake-Server Icelake-Server SapphireRapids Denverton Opteron_G1 Opteron_G3 Opteron_G4 EPYC EPYC-v3
    EPYC-Rome EPYC-Milan EPYC-Genoa Dhyana""".split()
OTHERS = "kvm64 Westmere Haswell-noTSX EPYC".split()
MIGRATABLE = 2


def say(name, what, how=str):
    try:
        outcome = how(what())
    except libvirt.libvirtError as e:
        outcome = f"error {e.get_error_code()}"
    print(f"{name}: {outcome}", flush=True)


def short(text):
    """The model, its vendor, and the features."""
    root = ET.fromstring(text)
    words = [root.findtext("model"), root.findtext("vendor") or "-"]
    for f in root.findall("feature"):
        words.append({"disable": "-"}.get(f.get("policy"), "+") + f.get("name"))
    return " ".join(words)


def host_cpu(c):
    return re.search(r"<cpu>.*?</cpu>", c.getCapabilities(), re.DOTALL)[0]


def host_model(c):
    caps = c.getDomainCapabilities(None, "x86_64", "pc", "kvm")
    mode = ET.fromstring(caps).find("cpu/mode[@name='host-model']")
    mode.tag = "cpu"
    mode.attrib.clear()
    return ET.tostring(mode, encoding="unicode")


def cpu(model):
    return f"<cpu><arch>x86_64</arch><model>{model}</model></cpu>"


def ask_host(c):
    host = host_cpu(c)
    say("host", lambda: host, short)
    for model in MODELS:
        say(f"compare {model}", lambda: c.compareCPU(cpu(model), 0), RESULTS.get)
    say("compare itself", lambda: c.compareCPU(host, 0), RESULTS.get)
    say("baseline", lambda: c.baselineCPU([host], 0), short)
    say("baseline, migratable", lambda: c.baselineCPU([host], MIGRATABLE), short)
    for model in OTHERS:
        say(f"baseline with {model}", lambda: c.baselineCPU([host, cpu(model)], 0), short)


def ask_kvm(c):
    def compare(xml):
        return lambda: c.compareHypervisorCPU(None, "x86_64", "pc", "kvm", xml, 0)

    def baseline(*xmls, flags=0):
        return lambda: c.baselineHypervisorCPU(None, "x86_64", "pc", "kvm", list(xmls), flags)

    host, model_of_host = host_cpu(c), host_model(c)
    say("kvm", lambda: model_of_host, short)
    for model in MODELS:
        say(f"kvm compare {model}", compare(cpu(model)), RESULTS.get)
    say("kvm compare itself", compare(model_of_host), RESULTS.get)
    say("kvm compare host", compare(host), RESULTS.get)
    say("kvm baseline", baseline(model_of_host), short)
    say("kvm baseline, migratable", baseline(model_of_host, flags=MIGRATABLE), short)
    say("kvm baseline of host", baseline(host), short)
    for model in OTHERS:
        say(f"kvm baseline with {model}", baseline(host, cpu(model)), short)


def main():
    libvirt.registerErrorHandler(lambda *_: None, None)
    c = libvirt.open(sys.argv[1])
    ask_host(c)
    try:
        host_model(c)
    except libvirt.libvirtError:
        return
    ask_kvm(c)


main()
