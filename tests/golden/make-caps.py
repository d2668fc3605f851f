#!/usr/bin/env python3
"""Writes what conf knows of an emulator (EmulatorCaps as JSON), asked of the emulator itself.

    make-caps.py /usr/bin/qemu-system-x86_64 > caps/qemu-10.0-x86_64.json

The snapshots in caps/ let the golden tests run where no QEMU is installed.
"""
import json
import re
import subprocess
import sys


# Properties of devices that a rule of conf asks for; add to it as rules come.
PROPERTIES = ["virtio-gpu-pci.blob", "virtio-gpu-gl-pci.blob", "virtio-net-pci.rss"]


class Qmp:
    def __init__(self, path, *args):
        self.p = subprocess.Popen([path, "-S", "-no-user-config", "-nodefaults", "-nographic",
                                   "-qmp", "stdio", *args],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.p.stdout.readline()
        self("qmp_capabilities")

    def __call__(self, command, **arguments):
        self.p.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.p.stdin.flush()
        while True:
            answer = json.loads(self.p.stdout.readline())
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                return None

    def close(self):
        self.p.kill()
        self.p.wait()


# QEMU's words for what the world calls otherwise; those of src/qemu/probe_read.c.
ARCHES = {"i386": "i686", "arm": "armv7l"}


# Where "virt" is the machine that is meant when none is named.
VIRT = ("aarch64", "arm", "riscv64", "riscv32", "loongarch64")


def model_name(target, name):
    power = target == "ppc64" and re.fullmatch(r"power[0-9]+", name)
    return name.upper() if power else name


def main():
    path = sys.argv[1]
    q = Qmp(path, "-machine", "none")
    target = q("query-target")["arch"]
    v = q("query-version")["qemu"]
    version = v["major"] * 1000000 + v["minor"] * 1000 + v["micro"]
    devices = sorted(t["name"] for t in q("qom-list-types", implements="device", abstract=False))
    usable_devices = [d for d in devices if q("device-list-properties", typename=d) is not None]
    definitions = q("query-cpu-definitions") or []
    # a type may go by several names: the first is the machine's model
    names = {}
    for m in definitions:
        names.setdefault(m["typename"], model_name(target, m["name"]))
    machines = []
    for m in q("query-machines"):
        machines.append({"name": m["name"], "alias": m.get("alias"),
                         "default-cpu": names.get(m.get("default-cpu-type")),
                         "max-cpus": m["cpu-max"], "default": int(m.get("is-default", False)),
                         "hotplug-cpus": int(m["hotpluggable-cpus"]),
                         "deprecated": int(m["deprecated"]),
                         "numa-mem": int(m["numa-mem-supported"]), "acpi": int(m.get("acpi", False))})
    if target in VIRT:
        for m in machines:
            m["default"] = int(m["alias"] == "virt" or m["name"] == "virt")
    models = [{"name": model_name(target, m["name"]), "usable": 0 if "unavailable-features" not in m
               else 2 if m["unavailable-features"] else 1, "deprecated": int(m["deprecated"])}
              for m in definitions]
    # The words are those of src/qemu/confcaps.c.
    schema = q("query-qmp-schema")
    commands = {e["name"] for e in schema if e["meta-type"] == "command"}
    displays = next(set(e["values"]) for e in schema
                    if e["meta-type"] == "enum" and "egl-headless" in e["values"])
    features = [t["name"] for t in q("qom-list-types", implements="user-creatable", abstract=False)]
    features += ["vnc"] if "query-vnc" in commands else []
    # query-spice is there without its module too; the option's parameters are not.
    features += ["spice"] if q("query-command-line-options", option="spice") else []
    features += [w for w in ("sdl", "egl-headless", "dbus") if w in displays]
    features += ["tpm-" + t for t in q("query-tpm-types") or []]
    features += [f"gic-{g['version']}" for g in q("query-gic-capabilities") or [] if g["emulated"]]
    for spec in PROPERTIES:
        device, name = spec.split(".")
        if any(p["name"] == name for p in q("device-list-properties", typename=device) or []):
            features.append(spec)
    q.close()
    json.dump({"path": path, "arch": ARCHES.get(target, target), "version": version,
               "kvm": int(target in ("x86_64", "i386")), "tcg": 1, "devices": usable_devices, "features": sorted(set(features)),
               "machines": machines, "cpu-models": models}, sys.stdout, indent=0)


main()
