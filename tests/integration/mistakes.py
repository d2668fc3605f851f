#!/usr/bin/env python3
"""Forty mistakes that people make, and what they are told: each message names what it is about, why
it cannot be, the line where a document has one, and what to do next. QEMU's own words never come
first, and nobody is told of an internal error for a mistake of theirs."""
import socket

from harness import domain, main, need_own_network, test

DOMAIN = """<domain type='qemu'>
  <name>m</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  BODY
  <devices>
    DEVICES
  </devices>
</domain>
"""


def xml(body="", devices=""):
    return DOMAIN.replace("BODY", body).replace("DEVICES", devices)


def disk(source="/IMAGE", kind="raw", target="vda", bus="virtio", more=""):
    return (f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>"
            f"<source file='{source}'/><target dev='{target}' bus='{bus}'/>{more}</disk>")


USER = "<interface type='user'>{}</interface>"
PLAIN = xml()

# What is tried ("define" stops there, "start" goes on, else it is a command of vmsh), the document, and
# words that the message has: object, cause, line, next step.
MISTAKES = {
    "a port is taken": ("start", xml(devices="<graphics type='vnc' port='5977'/>"),
                        ["domain 'm'", "VNC port 5977", "taken", "autoport='yes'"]),
    "raw is said to be qcow2": ("start", xml(devices=disk(kind="qcow2")),
                                ["disk 'vda'", "not in qcow2 format", "write type='raw'"]),
    "sorce": ("define", xml(devices=disk().replace("source", "sorce")),
              ["vda", "'sorce'", "'disk'", "line 7", "did you mean 'source'?"]),
    "no such bridge": ("start", xml(devices="<interface type='bridge'><source bridge='br77'/>"
                                            "</interface>"),
                       ["interface 'net0'", "bridge 'br77' does not exist", "make it"]),
    "MBs": ("define", PLAIN.replace("MiB", "MBs"), ["memory", "'MBs'", "line 3", "use b, KiB, MiB"]),
    "it runs already": ("running", "start m", ["'m'", "already active", "id "]),
    "no such image": ("start", xml(devices=disk("/nosuch/disk.img")),
                      ["'/nosuch/disk.img'", "No such file", "hint: "]),
    "a folder as image": ("start", xml(devices=disk("/tmp")),
                          ["disk 'vda'", "'/tmp' is a folder", "name a file in <source>"]),
    "a target twice": ("define", xml(devices=disk() + disk("/x.img")),
                       ["disk 'vda'", "another disk", "vda, vdb"]),
    "a bus that is none": ("define", xml(devices=disk(bus="virtoi")),
                           ["'bus'", "'target'", "'virtoi'", "line 7", "Did you mean 'virtio'?"]),
    "a machine that is none": ("define", PLAIN.replace("q35", "q53"),
                               ["os:", "no machine 'q53'", "-machine help"]),
    "an architecture that is none": ("define", PLAIN.replace("x86_64", "x86-64"),
                                     ["os:", "'x86-64'", "vmsh capabilities"]),
    "an element that is not closed": ("define", "<domain type='qemu'>\n<name>m</name>\n"
                                      "<memory>64</memry>\n</domain>",
                                      ["memory", "memry", "3", "close each element"]),
    "a network as a domain": ("define", "<network><name>m</name></network>",
                              ["<network>", "expecting <domain>", "vmsh net-define"]),
    "no name": ("define", PLAIN.replace("<name>m</name>", ""),
                ["'name'", "'domain'", "line 1", "write <name>"]),
    "a name of a folder": ("define", PLAIN.replace("<name>m</name>", "<name>a/b</name>"),
                           ["'a/b'", "'/'", "leave out"]),
    "no memory": ("define", PLAIN.replace("<memory unit='MiB'>64</memory>", ""),
                  ["no memory", "write <memory"]),
    "memory in words": ("define", PLAIN.replace(">64<", ">lots<"),
                        ["'memory'", "'lots'", "line 3", "write a whole number"]),
    "no vcpu": ("define", xml("<vcpu>0</vcpu>"), ["vcpu", "at least one"]),
    "too many vcpus": ("define", xml("<vcpu>9999</vcpu>"),
                       ["vcpu: 9999", "at most", "or fewer in <vcpu>"]),
    "a uuid that is none": ("define", xml("<uuid>nonsense</uuid>"),
                            ["'uuid'", "'nonsense'", "line 5", "leave <uuid> out"]),
    "a MAC that is none": ("define", xml(devices=USER.format("<mac address='52:54:zz'/>")),
                           ["'mac'", "'52:54:zz'", "line 7", "leave <mac> out"]),
    "a MAC of a group": ("define", xml(devices=USER.format("<mac address='01:54:00:11:22:33'/>")),
                         ["MAC", "multicast", "line 7", "first byte be even"]),
    "no such network": ("start", xml(devices="<interface type='network'><source network='nosuch'/>"
                                             "</interface>"),
                        ["interface 'net0'", "'nosuch'", "vmsh net-list --all"]),
    "an interface's type": ("define", xml(devices="<interface type='bridged'/>"),
                            ["'type'", "'interface'", "'bridged'", "line 7", "Did you mean 'bridge'?"]),
    "no such emulator": ("define", xml(devices="<emulator>/usr/bin/qemu-nosuch</emulator>"),
                         ["/usr/bin/qemu-nosuch", "No such file", "leave <emulator> out"]),
    "a model that is none": ("start", xml(devices=USER.format("<model type='e1000000'/>")),
                             ["domain 'm'", "'net0'", "no model 'e1000000'", "domcapabilities"]),
    "one place for two": ("define", xml(devices=2 * USER.format(
        "<address type='pci' bus='0' slot='0x1e' function='0'/>")),
        ["PCI", "00:1e.0", "leave <address> out"]),
    "no such kernel": ("start", PLAIN.replace("hvm</type>", "hvm</type><kernel>/nosuch/k</kernel>"),
                       ["'/nosuch/k'", "No such file", "hint: "]),
    "what discard may be": ("define", xml(devices=disk().replace("type='raw'", "type='raw' "
                                                                 "discard='maybe'")),
                            ["'discard'", "'driver'", "'maybe'", "line 7", "unmap, ignore"]),
    "what boots": ("define", PLAIN.replace("hvm</type>", "hvm</type><boot dev='usb'/>"),
                   ["'dev'", "'boot'", "'usb'", "line 4", "hd, cdrom"]),
    "an address of somebody else": ("start", xml(devices="<graphics type='vnc' autoport='yes' "
                                                         "listen='203.0.113.9'/>"),
                                    ["domain 'm'", "VNC", "'203.0.113.9'", "<listen"]),
    "more memory than there is": ("start", PLAIN.replace("'MiB'>64", "'TiB'>64"),
                                  ["domain 'm'", "MiB of memory", "less in <memory>"]),
    "the host's processor without KVM": ("start", xml("<cpu mode='host-passthrough'/>"),
                                         ["'host-passthrough'", "qemu", "type='kvm'"]),
    "a name that is taken": ("running", "define OTHER", ["domain 'm'", "uuid", "another <name>"]),
    "a name with a slip": ("running", "domstate webservre",
                           ["'webservre'", "did you mean 'webserver'?"]),
    "more memory than it may have": ("running", "setmem m 1T", ["'m'", "65536", "vmsh setmaxmem"]),
    "more vcpus than it may have": ("running", "setvcpus m 99", ["99 > 1", "vmsh setvcpus"]),
    "it runs on": ("running", "resume m", ["'m'", "already running", "domstate"]),
    "no such disk": ("running", "detach-disk m vdz", ["vdz", "domblklist"]),
    "no such file": ("running", "define /nosuch.xml", ["'/nosuch.xml'", "No such file", "hint: "]),
    "no such pool": ("running", "vol-create-as nopool v 1M", ["'nopool'", "pool-list"]),
    "a pool's type": ("running", "pool-define-as p dri --target /x",
                      ["'dri'", "Did you mean 'dir'?"]),
    "a pool without a place": ("running", "pool-define-as p dir", ["target path", "--target"]),
    "no agent": ("running", "domifaddr m --source agent", ["agent", "not configured", "<channel"]),
    "a command with a slip": ("running", "lsit", ["'lsit'", "did you mean 'list'?"]),
    "an option with a slip": ("running", "list --al", ["--al", "did you mean --all?"]),
}


def told(d, how, what):
    if how == "running":
        return d.vmsh(what.replace("OTHER", str(d.root / "other.xml")), status=1)
    path = d.write("m.xml", what.replace("/IMAGE", str(d.root / "d.raw")))
    if how == "define":
        return d.vmsh("define", path, status=1)
    d.vmsh("define", path)
    try:
        return d.vmsh("start", "m", status=1)
    finally:
        d.vmsh("undefine", "m")


def wrong_with(message, words):
    lacks = [word for word in words if word not in message]
    if lacks:
        return f"it lacks {lacks}"
    if "internal error" in message:
        return "it is no internal error"
    for line in message.splitlines():
        if line.startswith(("error: 20", "error: qemu-system", "error: -", "error: QEMU said")):
            return "QEMU's words come first"
    return None


def check(d, wanted):
    wrong = []
    for name, (how, what, words) in MISTAKES.items():
        if (how == "running") != wanted:
            continue
        message = told(d, how, what)
        why = wrong_with(message, words)
        if why:
            wrong.append(f"{name}: {why}:\n{message}")
    assert not wrong, "\n".join(wrong)


@test
def there_are_forty():
    assert len(MISTAKES) >= 40, len(MISTAKES)


@test
def documents(d):
    need_own_network()
    with open(d.root / "d.raw", "wb") as f:
        f.truncate(10 << 20)
    (d.root / "d.raw").chmod(0o666)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 5977))
        taken.listen()
        check(d, False)


@test
def commands(d):
    d.vmsh("define", d.write("m.xml", PLAIN))
    d.vmsh("define", d.write("w.xml", PLAIN.replace("<name>m<", "<name>webserver<")))
    d.write("other.xml", xml("<uuid>5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6b01</uuid>"))
    d.vmsh("start", "m")
    check(d, True)


@test
def a_port_is_taken_by_whom(d):
    vnc = "<graphics type='vnc' port='5988'/>"
    for name in ("web", "late"):
        d.vmsh("define", d.write(f"{name}.xml", domain(name, devices=vnc)))
    d.vmsh("start", "web")
    message = d.vmsh("start", "late", status=1)
    assert "domain 'late': VNC port 5988 is taken by domain 'web'" in message, message


@test
def it_is_the_same_for_others(d):
    """The text comes from the daemon, so that every client has it; the code is libvirt's."""
    d.vmsh("define", d.write("m.xml", MISTAKES["a model that is none"][1]))
    told_json = d.vmsh("--json", "start", "m", status=1)
    assert '"code":1,' in told_json and "no model 'e1000000'" in told_json, told_json


main()
