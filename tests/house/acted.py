#!/usr/bin/python3
"""What a definition says is acted on, refused, or known to mean nothing.

Lists the members of the structs in src/conf/def_*.h that no code outside src/conf reads. Each must be in
a row of src/qemu/life/refused.c, be reached through such a member only, or stand in NOTHING_TO_DO with
its reason. A reason that is not needed any more is wrong too.

gcc tells who reads what (clang also counts what is only written): every member is marked as deprecated, with its name, in a copy of the
headers, and the sources are looked at with that copy in front.

usage: acted.py SOURCE-ROOT BUILD-ROOT
"""
import collections
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# Headers of what vmd reads and writes, and does not run or runs in part: nothing in them is looked at.
LATER = {"def_storage.h": "most kinds of pools are not there yet"}
# They read definitions to show or to change them, or to refuse a start.
SHOWING = {"limits.c", "refused.c"}

SECRET_USE = "what clients look a secret up by"
WHILE_READ = "only while a document is read"
IN_CONF = "conf itself acts on it: it decides what is filled in"
ONE_WORD = "there is one word for it, or conf refuses the others"
LIVE = "vmd writes it into what runs, or would; clients read it"
CHECKED = "conf refuses it at define, as libvirt does"
ELSEWHERE = "libvirt's QEMU driver does nothing with it either"
GOES_WITH = "says nothing without what it stands beside, which is refused"
HOST_CARDS = "of modes private, vepa, passthrough and hostdev, which the start of a network refuses"
NOTHING_TO_DO = {
    "BandwidthDef.idle": WHILE_READ,
    "VirtualPort.instanceid": GOES_WITH,
    "VirtualPort.interfaceid": GOES_WITH,
    "VirtualPort.managerid": GOES_WITH,
    "VirtualPort.profileid": GOES_WITH,
    "VirtualPort.type": GOES_WITH,
    "VirtualPort.typeid": GOES_WITH,
    "VirtualPort.typeidversion": GOES_WITH,
    "VlanDef.tags": GOES_WITH,
    "VlanDef.trunk": GOES_WITH,
    "VlanTag.id": GOES_WITH,
    "VlanTag.native_mode": GOES_WITH,
    "ForwardDef.addresses": HOST_CARDS,
    "ForwardDef.driver": HOST_CARDS,
    "ForwardDef.driver_model": HOST_CARDS,
    "ForwardDef.managed": HOST_CARDS,
    "ForwardDef.pf": HOST_CARDS,
    "ForwardPci.pci": HOST_CARDS,
    "ForwardPci.type": HOST_CARDS,
    "ForwardPf.dev": HOST_CARDS,
    "NetworkDef.trust_guest_rx_filters": HOST_CARDS,
    "Portgroup.trust_guest_rx_filters": HOST_CARDS,
    "ForwardDef.connections": LIVE,
    "NetworkPortDef.group": "the name of where the port's settings come from, which stand beside it",
    "ForwardInterface.connections": LIVE,
    "ForwardPci.connections": LIVE,
    "NetworkDef.connections": LIVE,
    "ForwardDef.mode": IN_CONF,
    "ForwardDef.interfaces": IN_CONF,
    "ForwardInterface.dev": IN_CONF,
    "NetworkDef.ipv6": "what guests send each other passes in any case",
    "DeviceInfo.has_master": WHILE_READ,
    "AuthDef.type": GOES_WITH,
    "SecretDef.description": "for people",
    "SecretDef.use": SECRET_USE,
    "SecretUse.type": SECRET_USE,
    "SecretUse.id": SECRET_USE,
    "CharDef.has_target": WHILE_READ,
    "CharEnd.live_path": WHILE_READ,
    "GraphicsDef.is_live": WHILE_READ,
    "ShmemDef.bytes": WHILE_READ,
    "ShmemDef.msi": "has no attributes then, and they say all",
    "CharSource.ends": "read through char_end",
    "CharEnd.master": "type nmdm, which the command line refuses",
    "CharEnd.slave": "type nmdm, which the command line refuses",
    "CharEnd.seclabels": "of its members one asks for something",
    "DiskSource.seclabels": "of its members one asks for something",
    "SeclabelDef.relabel": "vmd relabels nothing; who wants it names a label",
    "SeclabelDef.imagelabel": LIVE,
    "SeclabelDef.labelskip": LIVE,
    "ClockDef.adjustment_word": "'reset': the clock begins as written, which it does",
    "CpuCache.level": ONE_WORD,
    "CryptoDef.model": ONE_WORD,
    "CryptoDef.type": ONE_WORD,
    "DataStore.format": ONE_WORD,
    "DiskDriver.name": ONE_WORD,
    "DiskSource.vhost_type": ONE_WORD,
    "HubDef.type": ONE_WORD,
    "NetSource.type": ONE_WORD,
    "NvmeSource.type": ONE_WORD,
    "PstoreDef.backend": ONE_WORD,
    "RedirDef.bus": ONE_WORD,
    "ReservationsDef.mode": ONE_WORD,
    "ReservationsDef.type": ONE_WORD,
    "SliceDef.type": ONE_WORD,
    "TpmSocket.mode": ONE_WORD,
    "TpmSocket.type": ONE_WORD,
    "HostdevVhost.protocol": ONE_WORD,
    "HostdevDef.driver_name": ONE_WORD,
    "HostdevDef.sgio": "'filtered' is what Linux does; conf refuses the other word",
    "DiskDef.sgio": "'filtered' is what Linux does; conf refuses the other word",
    "FsDef.type": ONE_WORD,
    "DiskDef.mirror": LIVE,
    "DiskDef.snapshot": "for snapshots, which are not there yet",
    "NetworkSource.tls_hostname": GOES_WITH,
    "NvmeSource.managed": "the row of the namespace looks at it",
    "MemoryDevice.current": LIVE,
    "GraphicsListen.from_config": LIVE,
    "HostdevSource.autoaddress": LIVE,
    "HostdevSource.missing": LIVE,
    "HostdevUsb.port": LIVE,
    "DomainDef.bootloader": CHECKED,
    "DomainDef.bootloader_args": CHECKED,
    "MemtuneDef.min_guarantee": CHECKED,
    "NetDef.routes": CHECKED,
    "NetIp.peer": CHECKED,
    "HostdevSource.write_filtering": CHECKED,
    "VideoDef.accel2d": CHECKED,
    "GraphicsDef.multi_user": "type rdp, which conf refuses",
    "GraphicsDef.replace_user": "type rdp, which conf refuses",
    "GraphicsDef.username": "type rdp, which conf refuses",
    "HostdevSource.block": "mode capabilities, which the command line refuses",
    "HostdevSource.chardev": "mode capabilities, which the command line refuses",
    "HostdevSource.interface": "mode capabilities, which the command line refuses",
    "NetSource.connectionid": GOES_WITH,
    "NetSource.portgroupid": GOES_WITH,
    "NetSource.switch_portid": GOES_WITH,
    "NetSource.switchid": GOES_WITH,
    "NetSource.name": GOES_WITH,
    "NetDef.managed": GOES_WITH,
    "NetDef.hostdev_driver": GOES_WITH,
    "NetDef.hostdev_model": GOES_WITH,
    "NetBackend.type": IN_CONF,
    "NetIp.family": "the address shows it",
    "NumaCache.line_unit": "how it is written",
    "NumaCache.size_unit": "how it is written",
    "OsDef.firmware": IN_CONF,
    "OsDef.firmware_features": IN_CONF,
    "DomainDef.on_lockfailure": "there are no locks that could fail; leases are refused",
    "HostdevDef.shareable": "nothing keeps two domains from one device of the host",
    "FsDef.gids": "conf drops it without uids, which are refused",
    "VideoDef.rendernode": "of a renderer beside QEMU, which is refused",
    "SpiceOptions.channels": "of its members one asks for something",
    "DomainDef.perf": "of its members one asks for something",
    "PerfEvent.name": GOES_WITH,
    "FeaturesDef.gic": "its version says all",
    "FeaturesDef.hap": ELSEWHERE,
    "FeaturesDef.pae": ELSEWHERE,
    "FeaturesDef.privnet": ELSEWHERE,
    "FeaturesDef.unknown_msrs": ELSEWHERE,
    "FeaturesDef.viridian": ELSEWHERE,
    "FeaturesDef.xen": ELSEWHERE,
    "FsDef.driver_format": ELSEWHERE,
    "NetDef.backenddomain": ELSEWHERE,
    "NetDef.guest_dev": ELSEWHERE,
    "NetDef.mac_check": ELSEWHERE,
    "NetDef.mac_type": ELSEWHERE,
    "OsDef.root": ELSEWHERE,
    "TimerDef.catchup": ELSEWHERE,
    "TimerDef.mode": ELSEWHERE,
    "VideoDef.vgaconf": ELSEWHERE,
}

COMPILER = "gcc"
SKIPPED = 77
COMMENT = re.compile(r"/\*.*?\*/", re.S)
NAME = re.compile(r"[A-Za-z_]\w*")
DECLARATION = re.compile(r"(?:const )?(?:struct )?(\w+)\b(?: \*const)?\s*(.*)$", re.S)


class Members:
    """The members of the structs in a header, and the header with each of them marked."""

    def __init__(self, text):
        self.types = {}  # "NetDef.vlan": words of its type and of its comment
        self.stack, self.decl, self.out = [], "", []
        for line in COMMENT.sub(lambda m: m[0] if "\n" not in m[0] else "", text).splitlines():
            self.line(line)
        self.text = "\n".join(self.out) + "\n"

    def owner(self):
        return next((name for name in reversed(self.stack) if name), None)

    def mark(self, name, words):
        self.types[f"{self.owner()}.{name}"] = words
        return f'__attribute__((deprecated("{self.owner()}.{name}")))'

    def line(self, line):
        code = COMMENT.sub("", line).strip()
        opened = re.match(r"(?:typedef )?(?:struct|union|enum)(?: (\w+))? \{$", code)
        if opened:
            self.stack.append("enum" if "enum" in code else opened[1] or "")
            self.out.append(code)
        elif code.startswith("}") and self.stack:
            self.close(code)
        elif self.stack and self.stack[-1] != "enum":
            self.decl += " " + line.strip()
            if COMMENT.sub("", self.decl).rstrip().endswith(";"):
                self.declare(self.decl)
                self.decl = ""
        else:
            self.out.append(line)

    def close(self, code):
        inner, name = self.stack.pop(), code[1:].strip(" ;")
        if inner == "" and name and self.owner():
            code = f"}} {name} {self.mark(name, set())};"
        self.out.append(code)

    def declare(self, text):
        kind, names = DECLARATION.match(COMMENT.sub("", text).strip().rstrip(";").strip()).groups()
        words = {kind, *re.findall(r"\w+", " ".join(COMMENT.findall(text)))}
        marked = [f"{name.strip()} {self.mark(NAME.search(name)[0], words)}" for name in names.split(",")]
        prefix = text.strip()[:text.strip().index(kind)]
        self.out.append(f"{prefix}{kind} {', '.join(marked)};")


def shadow(root, folder):
    """The headers of conf below FOLDER, marked. Gives the types of all members."""
    types = {}
    for header in (root / "src/conf").rglob("*.h"):
        text = header.read_text()
        if header.name.startswith("def_") and header.name not in LATER:
            members = Members(text)
            types.update(members.types)
            text = members.text
        copy = folder / header.relative_to(root / "src")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(text)
    return types


def commands(root, build, folder):
    """How the compiler looks at each source that could know of definitions: compiler and options, the
    source, where."""
    seen = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        room = source.relative_to(root).parts[1] if source.is_relative_to(root / "src") else ""
        if source in seen or room in ("", "conf", "base", "core", "host", "wire"):
            continue
        seen.add(source)
        words = shlex.split(entry["command"])
        kept = [w for w in words if w.startswith(("-I", "-D", "-std"))]
        yield (COMPILER, "-Wdeprecated-declarations", f"-I{folder}", *kept), source, entry["directory"]


def run(words, cwd):
    p = subprocess.run(words, cwd=cwd, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    assert p.returncode == 0, p.stderr
    return p.stderr


def ahead(options, cwd, folder):
    """The headers that all sources begin with, read once for those of the same options."""
    header = folder / str(hash(options)) / "ahead.h"
    header.parent.mkdir()
    header.write_text('#include "conf/conf.h"\n' if (folder / "conf/conf.h").exists() else "")
    run([*options, "-x", "c-header", str(header), "-o", f"{header}.gch"], cwd)
    return header


def readers(root, build):
    """Types of all members, and for each member the names of the files outside conf that read it."""
    found = collections.defaultdict(set)

    def look(command):
        options, source, cwd = command
        said = run([*options, "-fsyntax-only", "-include", str(headers[options]), str(source)], cwd)
        return source.name, re.findall(r"is deprecated: (\w+\.\w+) ", said)

    with tempfile.TemporaryDirectory() as tmp:
        types = shadow(root, Path(tmp))
        todo = list(commands(root, build, tmp))
        headers = {options: ahead(options, cwd, Path(tmp))
                   for options, cwd in {options: cwd for options, _, cwd in todo}.items()}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, members in pool.map(look, todo):
                for member in members:
                    found[member].add(name)
    return types, found


def refused(root, types):
    """The members that rows refuse: always, and in some cases."""
    text = (root / "src/qemu/life/refused.c").read_text()
    always, sometimes = set(), set()
    for struct, path, when in re.findall(r'\bREFUSED\(\s*(\w+),\s*([\w.]+),\s*"[^"]*",\s*(\w+),', text):
        *outer, member = path.split(".")
        for name in outer:  # spice.default_mode of GraphicsDef is a member of SpiceOptions
            struct = next(w for w in types[f"{struct}.{name}"] if any(t.startswith(f"{w}.") for t in types))
        (always if when == "NULL" else sometimes).add(f"{struct}.{member}")
    return always, sometimes


def below(types, closed):
    """The members of structs that are reached through members in CLOSED only."""
    holders = collections.defaultdict(set)
    structs = {member.split(".")[0] for member in types}
    for member, words in types.items():
        for struct in words & structs - {member.split(".")[0]}:
            holders[struct].add(member)
    inside = set()
    while True:
        new = {member for member in types if member not in inside and
               holders[member.split(".")[0]] and holders[member.split(".")[0]] <= closed | inside}
        if not new:
            return inside
        inside |= new


def is_mark(member, types):
    """has_MEMBER goes with MEMBER."""
    struct, name = member.split(".")
    return name.startswith("has_") and f"{struct}.{name[4:]}" in types


def wrongs(types, found, always, sometimes, nothing):
    unread = {member for member in types if not found[member] - SHOWING and not is_mark(member, types)}
    closed = always | set(nothing)
    told = closed | sometimes | below(types, closed)
    for member in sorted(unread - told):
        yield f"{member}: no code acts on it, and no row of refused.c refuses it"
    for member in sorted(set(nothing) - unread):
        yield f"{member}: " + ("is read by " + ", ".join(sorted(found[member])) if member in types
                               else "is no member") + "; its reason in NOTHING_TO_DO is not needed"
    for member in sorted(always - set(types)):
        yield f"{member}: a row of refused.c names it, and it is no member"


def main():
    if not shutil.which(COMPILER):
        print(f"{COMPILER} is not installed")
        return SKIPPED
    root, build = (Path(a).resolve() for a in sys.argv[1:3])
    types, found = readers(root, build)
    always, sometimes = refused(root, types)
    said = list(wrongs(types, found, always, sometimes, NOTHING_TO_DO))
    print("\n".join(said))
    print(f"{len(types)} members, {sum(bool(found[m] - SHOWING) for m in types)} are acted on, "
          f"{len(always | sometimes)} refused, {len(NOTHING_TO_DO)} mean nothing; {len(said)} wrong")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
