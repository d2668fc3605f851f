#!/usr/bin/python3
"""What the suites of other clients go through, retold: suites.py URI RO-URI prints a line for each step,
its answer or its error, and the events that it caused. The scenes are those of the technology
compatibility kit, of the virsh tests of avocado, of the Python test API, and of what virt-manager,
Vagrant, Terraform, Ansible, Pacemaker and Nova do with a connection. twin.py compares the lines of vmd
with those of libvirtd."""
import os
import re
import shutil
import sys
import tempfile
import threading
import time

import libvirt

LIVE, CONFIG = 1, 2
IMAGE = f"{tempfile.mkdtemp(prefix='vmd-suites-', dir='/var/tmp')}/image"
UUID = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6c{:02d}"
EVENTS = {0: "life", 1: "reboot", 4: "io", 5: "graphics", 7: "reason", 9: "disk", 10: "tray", 13: "balloon",
          15: "removed", 17: "tunable", 18: "agent", 19: "added", 20: "moved", 21: "job", 22: "failed",
          23: "metadata"}


def domain(name, number, devices="", body="", memory=64, os_more="", kind="qemu"):
    return f"""<domain type='{kind}'><name>{name}</name><uuid>{UUID.format(number)}</uuid>
<memory unit='MiB'>{memory}</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type>{os_more}</os>
<features><acpi/><apic/></features>{body}<devices>{devices}</devices></domain>"""


SERIAL = "<serial type='pty'/><console type='pty'/>"
DISK = f"""<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{IMAGE}'/>
<target dev='vda' bus='virtio'/></disk>"""
NIC = "<interface type='user'><mac address='52:54:00:11:22:44'/><model type='virtio'/></interface>"
VNC = "<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>"
AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
FULL = SERIAL + DISK + NIC + VNC + AGENT


class Client:
    """A connection that remembers the events it was told of."""

    def __init__(self, uri):
        self.uri = uri
        self.conn = libvirt.open(uri)
        self.events = []
        for number, name in EVENTS.items():
            self.conn.domainEventRegisterAny(None, number, self.heard, name)

    def heard(self, _conn, dom, *rest):
        name = rest[-1]
        detail = "/".join(shape(x) for x in rest[:-1])
        self.events.append(f"{name} {masked(dom.name())} {detail}".strip())

    def tell(self, name, what, how=None):
        """Does one thing, waits until it is quiet, prints its outcome and the events it caused."""
        outcome = answer(what, how)
        print(f"{name}: {outcome} [{', '.join(self.quiet())}]", flush=True)

    def quiet(self):
        """The events until there are no more."""
        end = time.monotonic() + 0.2
        seen = len(self.events)
        while time.monotonic() < end:
            time.sleep(0.02)
            if len(self.events) != seen:
                seen, end = len(self.events), time.monotonic() + 0.2
        told, self.events[:] = list(self.events), []
        return told

    def say(self, name, what, how=None):
        print(f"{name}: {answer(what, how)}", flush=True)


def shape(value):
    if isinstance(value, dict):
        return "{" + " ".join(f"{k}:{shape(v)}" for k, v in sorted(value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(shape(v) for v in value) + "]"
    if isinstance(value, (libvirt.virDomain, libvirt.virConnect, libvirt.virStream)):
        return "ok"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 99999:
        return "number"
    if isinstance(value, str):
        return masked(value)
    return repr(value)


def masked(text):
    """What differs from run to run, from daemon to daemon."""
    for pattern, word in ((r"/dev/pts/\d+", "PTS"), (r"(port=')\d+'", r"\1N'"), (r"(id=')\d+'", r"\1N'"),
                          (r"'/[\w/.-]*/(org\.qemu[\w.]*|channel\d+)'", "'CHANNEL'"), (re.escape(IMAGE), "IMAGE"),
                          (r"[\0-\x1f]", "~")):
        text = re.sub(pattern, word, text)
    return text


def answer(what, how=None):
    try:
        value = what()
        return (how or shape)(value)
    except libvirt.libvirtError as e:
        words = f" ({e.get_error_message()!r})" if os.environ.get("WALK_WORDS") else ""
        return f"error {e.get_error_code()}{words}"
    except (LookupError, TypeError, ValueError) as e:
        return f"{type(e).__name__} of the binding"


def count(value):
    return str(len(value))


def names(domains):
    return " ".join(sorted(masked(d.name()) for d in domains))


def some(value):
    return "some" if value else "none"


def document(text):
    """Neither daemon's place for a domain nor its users and groups: those are its own."""
    text = re.sub(r" *<(resource|seclabel)\b.*?</\1>\n", "", text, flags=re.S)
    return "\n".join(masked(line.strip()) for line in text.splitlines())


def clear(c):
    for d in c.conn.listAllDomains():
        kept = d.isPersistent()
        if d.isActive():
            d.destroy()
        if kept:
            d.undefineFlags(4)
    c.quiet()


# The compatibility kit: lives of domains.

def transient(c):
    xml = domain("t", 1, SERIAL)
    c.tell("transient created", lambda: c.conn.createXML(xml, 0))
    d = c.conn.lookupByName("t")
    c.say("transient lives", lambda: [d.isActive(), d.isPersistent(), d.ID() > 0, d.state()])
    c.say("transient autostart", lambda: d.setAutostart(1))
    c.say("transient autostart, asked", d.autostart)
    c.say("transient inactive xml", lambda: d.XMLDesc(2), some)
    c.say("transient config", lambda: d.setVcpusFlags(1, CONFIG))
    c.say("transient attach config", lambda: d.attachDeviceFlags(NIC, CONFIG))
    c.say("transient title config", lambda: d.setMetadata(1, "x", None, None, CONFIG))
    c.tell("transient title", lambda: d.setMetadata(1, "x", None, None, 0))
    c.say("transient undefine", d.undefine)
    c.say("transient rename", lambda: d.rename("u"))
    c.tell("transient again", lambda: c.conn.createXML(xml, 0))
    c.tell("transient another uuid", lambda: c.conn.createXML(domain("t", 2, SERIAL), 0))
    c.tell("transient another name", lambda: c.conn.createXML(domain("u", 1, SERIAL), 0))
    c.tell("define another uuid", lambda: c.conn.defineXML(domain("t", 2, SERIAL)))
    c.tell("define another name", lambda: c.conn.defineXML(domain("u", 1, SERIAL)))
    c.tell("transient made persistent", lambda: c.conn.defineXML(xml))
    c.say("transient is persistent", lambda: [d.isActive(), d.isPersistent(), d.isUpdated()])
    c.tell("transient undefined", d.undefine)
    c.say("transient is transient", lambda: [d.isActive(), d.isPersistent()])
    c.tell("transient ended", d.destroy)
    c.say("transient gone", lambda: c.conn.lookupByUUIDString(UUID.format(1)))
    c.say("transient gone state", d.state)
    c.say("transient gone create", d.create)


def persistent(c):
    xml = domain("p", 3, SERIAL)
    c.tell("persistent defined", lambda: c.conn.defineXML(xml))
    d = c.conn.lookupByName("p")
    c.say("persistent id", d.ID)
    if hasattr(d, "setAutostartOnce"):  # a binding may be older
        c.say("persistent autostart once", lambda: [d.setAutostartOnce(1), d.autostartOnce(), d.autostart()])
        c.say("persistent autostart both", lambda: [d.setAutostart(1), d.autostartOnce(), d.autostart()])
        c.say("persistent autostart none", lambda: [d.setAutostartOnce(0), d.setAutostart(0),
                                                    d.autostartOnce(), d.autostart()])
    c.tell("persistent redefined", lambda: c.conn.defineXML(domain("p", 3, SERIAL, memory=96)))
    c.say("persistent memory", lambda: d.info()[:4])
    c.tell("persistent as transient", lambda: c.conn.createXML(xml, 0))
    c.say("persistent still", lambda: [d.isActive(), d.isPersistent(), d.info()[1], d.isUpdated()])
    c.tell("persistent ended", d.destroy)
    c.say("persistent memory kept", lambda: d.info()[1])
    c.tell("persistent started", d.create)
    first = d.ID()
    c.tell("persistent redefined on", lambda: c.conn.defineXML(domain("p", 3, SERIAL, memory=128)))
    c.say("persistent both", lambda: [d.info()[1], ">131072<" in d.XMLDesc(2)])
    c.tell("persistent undefined on", d.undefine)
    c.tell("persistent defined on", lambda: c.conn.defineXML(xml))
    c.tell("persistent ended again", d.destroy)
    c.tell("persistent started again", d.create)
    c.say("persistent new id", lambda: d.ID() > first)
    c.say("persistent old id", lambda: c.conn.lookupByID(first))
    c.tell("persistent ended for good", d.destroy)
    c.tell("persistent undefined", d.undefine)
    c.say("persistent undefined again", d.undefine)


def flags_of_create(c):
    xml = domain("f", 4, SERIAL)
    d = c.conn.defineXML(xml)
    for flag, name in ((1, "paused"), (4, "past cache"), (8, "force boot"), (16, "validate"), (32, "nvram")):
        c.tell(f"create {name}", lambda: d.createWithFlags(flag))
        c.say(f"create {name} state", d.state)
        if d.isActive():
            c.tell(f"create {name} end", d.destroy)
    c.tell("create with files", lambda: d.createWithFiles([], 0))
    if d.isActive():
        d.destroy()
    d.undefine()
    c.quiet()
    wrong = xml.replace("<devices>", "<wrong/><devices>")
    c.tell("create wrong", lambda: c.conn.createXML(wrong, 0))
    c.tell("create wrong end", lambda: c.conn.lookupByName("f").destroy())
    c.tell("create wrong, validated", lambda: c.conn.createXML(wrong, 16))
    c.tell("define wrong", lambda: c.conn.defineXMLFlags(wrong, 0))
    c.tell("define wrong, validated", lambda: c.conn.defineXMLFlags(wrong, 1))
    c.tell("define, bad flags", lambda: c.conn.defineXMLFlags(xml, 64))
    clear(c)
    c.tell("create transient paused", lambda: c.conn.createXML(xml, 1))
    c.say("create transient paused state", lambda: c.conn.lookupByName("f").state())
    c.tell("create transient end", lambda: c.conn.lookupByName("f").destroy())
    c.tell("create with odd flags", lambda: c.conn.createXML(xml, 1 << 12))
    c.tell("create nothing", lambda: c.conn.createXML("", 0))
    c.tell("create no kernel", lambda: c.conn.createXML(
        domain("f", 4, os_more="<kernel>/no/such</kernel>"), 0))
    c.tell("create no image", lambda: c.conn.createXML(
        domain("f", 4, DISK.replace(IMAGE, "/no/such")), 0))
    c.say("create left nothing", lambda: c.conn.lookupByName("f"))
    d = c.conn.defineXML(domain("f", 4, DISK.replace(IMAGE, "/no/such")))
    c.quiet()
    c.tell("start no image", d.create)
    c.say("start no image state", d.state)
    d.undefine()


def autodestroy(c):
    for name, make in (("transient", lambda o: o.createXML(domain("a", 5), 2)),
                       ("persistent", lambda o: o.defineXML(domain("a", 5)).createWithFlags(2))):
        other = libvirt.open(c.uri)
        c.tell(f"autodestroy {name}", lambda: shape(make(other)))
        c.say(f"autodestroy {name} lives", lambda: c.conn.lookupByName("a").isActive())
        c.tell(f"autodestroy {name} closed", lambda: [other.close(), time.sleep(2)][0])
        c.say(f"autodestroy {name} state", lambda: c.conn.lookupByName("a").state())
    clear(c)


def flags_of_undefine(c):
    for flags in (1, 2, 4, 8, 16, 32, 64, 12, 96, 128):
        d = c.conn.defineXML(domain("n", 6))
        c.quiet()
        c.tell(f"undefine {flags}", lambda: d.undefineFlags(flags))
    clear(c)
    code = next((p for p in ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd")
                 if os.path.exists(p)), None)
    if code is None:
        return
    store = f"{os.path.dirname(IMAGE)}/nvram"
    uefi = (f"<loader readonly='yes' type='pflash'>{code}</loader>"
            f"<nvram template='{code.replace('CODE', 'VARS')}'>{store}</nvram>")
    d = c.conn.defineXML(domain("n", 6, os_more=uefi))
    c.say("nvram undefine unmade", d.undefine)
    d = c.conn.defineXML(domain("n", 6, os_more=uefi))
    c.say("nvram create", d.create)
    c.say("nvram destroy", d.destroy)
    c.say("nvram made", lambda: os.path.exists(store))
    c.say("nvram reset", lambda: d.createWithFlags(32))
    c.say("nvram destroy again", d.destroy)
    c.say("nvram undefine", d.undefine)
    c.say("nvram undefine both", lambda: d.undefineFlags(12))
    c.say("nvram undefine keep", lambda: d.undefineFlags(8))
    c.say("nvram kept", lambda: os.path.exists(store))
    d = c.conn.defineXML(domain("n", 6, os_more=uefi))
    c.say("nvram undefine with", lambda: d.undefineFlags(4))
    c.say("nvram removed", lambda: os.path.exists(store))
    clear(c)


def filters(c):
    on = c.conn.defineXML(domain("on", 10))
    on.create()
    off = c.conn.defineXML(domain("off", 11))
    off.setAutostart(1)
    still = c.conn.createXML(domain("still", 12), 1)
    for bit in range(16):
        c.say(f"list bit {bit}", lambda: c.conn.listAllDomains(1 << bit), names)
    for flags in (3, 12, 5, 6, 0x30, 0x41, 0x42, 0x81, 0x600, 0x3ff, 0x1400, 0x1500, 0x4000):
        c.say(f"list {flags:#x}", lambda: c.conn.listAllDomains(flags), names)
    c.say("list defined", lambda: sorted(c.conn.listDefinedDomains()))
    c.say("list ids", lambda: c.conn.listDomainsID(), count)
    c.say("list numbers", lambda: [c.conn.numOfDomains(), c.conn.numOfDefinedDomains()])
    for flags in (0, 0x10, 0x20, 0x40, 0x80, 0x100, 1, 2, 4, 8, 1 << 29, 1 << 30, 1 << 31):
        c.say(f"stats of {flags:#x}", lambda: c.conn.getAllDomainStats(1, flags),
              lambda v: " ".join(sorted(f"{d.name()} {s}" for d, s in v)))
    c.say("stats of a list", lambda: c.conn.domainListGetStats([on, off], 1),
          lambda v: " ".join(sorted(f"{d.name()} {s}" for d, s in v)))
    c.say("stats of an empty list", lambda: c.conn.domainListGetStats([], 1), count)
    c.tell("still destroyed", still.destroy)
    c.say("stats of one gone", lambda: c.conn.domainListGetStats([on, still], 1), count)
    c.say("id of one off", off.ID)
    clear(c)


def wrong_when_off(c):
    d = c.conn.defineXML(domain("w", 13, FULL))
    c.quiet()
    calls = {
        "destroy": d.destroy, "suspend": d.suspend, "resume": d.resume, "shutdown": d.shutdown,
        "reboot": d.reboot, "reset": d.reset, "save": lambda: d.save("/var/tmp/vmd-x"),
        "managed save": lambda: d.managedSave(0), "dump": lambda: d.coreDump("/var/tmp/vmd-x", 0),
        "memory": lambda: d.setMemory(65536), "memory live": lambda: d.setMemoryFlags(65536, LIVE),
        "vcpus": lambda: d.setVcpus(1), "vcpus live": lambda: d.setVcpusFlags(1, LIVE),
        "pin": lambda: d.pinVcpu(0, (True,)), "stats of block": lambda: d.blockStats("vda"),
        "stats of interface": lambda: d.interfaceStats("52:54:00:11:22:44"),
        "memory stats": d.memoryStats, "period": lambda: d.setMemoryStatsPeriod(2),
        "period live": lambda: d.setMemoryStatsPeriod(2, LIVE),
        "period config": lambda: d.setMemoryStatsPeriod(2, CONFIG),
        "attach": lambda: d.attachDevice(NIC.replace("44", "45")),
        "attach live": lambda: d.attachDeviceFlags(NIC.replace("44", "46"), LIVE),
        "attach config": lambda: d.attachDeviceFlags(NIC.replace("44", "47"), CONFIG),
        "attach both": lambda: d.attachDeviceFlags(NIC.replace("44", "48"), LIVE | CONFIG),
        "attach twice": lambda: d.attachDeviceFlags(DISK, CONFIG),
        "detach": lambda: d.detachDevice(NIC.replace("44", "45")),
        "detach config": lambda: d.detachDeviceFlags(NIC.replace("44", "47"), CONFIG),
        "detach none": lambda: d.detachDeviceFlags(NIC.replace("44", "99"), CONFIG),
        "detach alias": lambda: d.detachDeviceAlias("ua-none", CONFIG),
        "update none": lambda: d.updateDeviceFlags(NIC.replace("44", "99"), CONFIG),
        "job": d.jobInfo, "abort": d.abortJob, "migrate": lambda: d.migrateSetMaxSpeed(10),
        "migrate max speed": lambda: d.migrateGetMaxSpeed(), "peek": lambda: d.memoryPeek(0, 4, 2),
        "time": d.getTime, "hostname": d.hostname, "agent": lambda: d.fsInfo(),
        "nmi": lambda: d.injectNMI(0), "key": lambda: d.sendKey(0, 0, [28], 1),
        "signal": lambda: d.sendProcessSignal(1, 9, 0), "graphics": lambda: d.openGraphicsFD(0, 0),
        "block resize": lambda: d.blockResize("vda", 1024), "block pull": lambda: d.blockPull("vda"),
        "block commit": lambda: d.blockCommit("vda", None, None),
        "wakeup": lambda: d.pMWakeup(0), "snapshot": lambda: d.snapshotCreateXML("<domainsnapshot/>"),
        "snapshots": lambda: d.listAllSnapshots(), "checkpoints": lambda: d.listAllCheckpoints(),
        "perf": lambda: d.perfEvents(), "errors": d.diskErrors, "label": d.securityLabel,
        "agent timeout": lambda: d.agentSetResponseTimeout(1), "dirty": lambda: d.startDirtyRateCalc(1),
        "iothreads": d.ioThreadInfo,
        "rename itself": lambda: d.rename("w"), "rename flags": lambda: d.rename("x", 1),
    }
    for name, call in calls.items():
        c.tell(f"off {name}", call)
    c.say("off xml", d.XMLDesc, document)
    c.say("off xml migratable", lambda: d.XMLDesc(8), document)
    clear(c)


def on_and_paused(c):
    d = c.conn.defineXML(domain("o", 14, FULL))
    d.createWithFlags(1)
    c.quiet()
    c.say("on state", d.state)
    c.say("on xml", d.XMLDesc, document)
    c.say("on xml migratable", lambda: d.XMLDesc(8), document)
    c.say("on xml inactive", lambda: d.XMLDesc(2) == c.conn.lookupByName("o").XMLDesc(2))
    calls = {
        "create": d.create, "suspend": d.suspend, "reset": d.reset, "shutdown": d.shutdown,
        "resume": d.resume, "resume twice": d.resume, "rename": lambda: d.rename("x"),
        "autostart": lambda: d.setAutostart(1), "autostart off": lambda: d.setAutostart(0),
        "memory more": lambda: d.setMemory(131072), "memory": lambda: d.setMemory(60000),
        "memory both": lambda: d.setMemoryFlags(61440, LIVE | CONFIG),
        "max memory": lambda: d.setMaxMemory(131072),
        "period": lambda: d.setMemoryStatsPeriod(3), "period off": lambda: d.setMemoryStatsPeriod(0),
        "period odd": lambda: d.setMemoryStatsPeriod(-1), "vcpus more": lambda: d.setVcpus(4),
        "vcpus": lambda: d.setVcpus(1), "period both": lambda: d.setMemoryStatsPeriod(4, LIVE | CONFIG),
        "stats of block": lambda: len(d.blockStats("vda")), "by path": lambda: len(d.blockStats(IMAGE)),
        "by nothing": lambda: d.blockStats("vdx"), "info of block": lambda: d.blockInfo(IMAGE)[0],
        "stats of mac": lambda: len(d.interfaceStats("52:54:00:11:22:44")),
        "metadata": lambda: d.setMetadata(2, "<a x='1'/>", "k", "http://u", LIVE),
        "metadata both": lambda: d.setMetadata(2, "<b/>", "k", "http://u", LIVE | CONFIG),
        "metadata gone": lambda: d.setMetadata(2, None, "k", "http://u", LIVE | CONFIG),
        "metadata asked": lambda: d.metadata(2, "http://u", 0),
        "title": lambda: d.setMetadata(1, "t", None, None, LIVE | CONFIG),
        "title gone": lambda: d.setMetadata(1, "", None, None, LIVE | CONFIG),
        "title asked": lambda: d.metadata(1, None, 0),
        "description": lambda: d.setMetadata(0, "a\nb", None, None, CONFIG),
        "description live": lambda: d.metadata(0, None, LIVE),
        "description config": lambda: d.metadata(0, None, CONFIG),
        "key": lambda: d.sendKey(0, 50, [29, 56, 111], 0), "key flags": lambda: d.sendKey(0, 0, [28], 1),
        "keys too many": lambda: d.sendKey(0, 0, list(range(1, 18)), 0),
        "keys none": lambda: d.sendKey(0, 0, [], 0), "nmi": lambda: d.injectNMI(0),
        "agent": lambda: d.shutdownFlags(2), "shutdown both": lambda: d.shutdownFlags(3),
        "shutdown signal": lambda: d.shutdownFlags(8), "shutdown paravirt": lambda: d.shutdownFlags(16),
        "reboot agent": lambda: d.reboot(2), "reboot init": lambda: d.reboot(4),
        "reboot both": lambda: d.reboot(3), "job": lambda: d.jobInfo()[0], "done": lambda: d.jobStats(1),
        "control": d.controlInfo, "messages": d.messages, "launch": d.launchSecurityInfo,
        "lifecycle": lambda: d.setLifecycleAction(0, 2, LIVE | CONFIG),
        "lifecycle odd": lambda: d.setLifecycleAction(2, 9, LIVE),
        "labels": lambda: shape(d.securityLabel()[1]), "create paused": lambda: d.createWithFlags(1),
        "updated": d.isUpdated, "users": lambda: d.setUserPassword("root", "x", 0),
        "agent timeout": lambda: d.agentSetResponseTimeout(1), "agent timeout odd":
            lambda: d.agentSetResponseTimeout(-5), "hostname": d.hostname,
        "suspend again": d.suspend, "suspend twice": d.suspend, "state": d.state,
        "reboot paused": d.reboot, "shutdown paused": lambda: d.shutdownFlags(1),
        "reset paused": d.reset, "state then": d.state,
    }
    for name, call in calls.items():
        c.tell(f"on {name}", call)
    c.tell("on destroyed", d.destroy)
    c.say("on destroyed state", d.state)
    c.say("on left", lambda: d.XMLDesc(0), document)
    clear(c)


def consoles(c):
    d = c.conn.createXML(domain("c", 15, SERIAL + SERIAL.replace("<console type='pty'/>", "") + AGENT + VNC))
    c.quiet()

    def opened(name, flags, stream):
        return lambda: d.openConsole(name, stream, flags)
    first, second, third = (c.conn.newStream(libvirt.VIR_STREAM_NONBLOCK) for _ in range(3))
    c.say("console", opened(None, 0, first))
    c.say("console taken", opened(None, 0, second))
    c.say("console taken, safe", opened(None, 2, second))
    c.say("console forced", opened(None, 1, third))
    c.say("console the first", lambda: first.recv(10))
    c.say("console by alias", opened("serial1", 0, second))
    c.say("console of none", opened("serial9", 0, c.conn.newStream()))
    c.say("console, bad flags", opened(None, 64, c.conn.newStream()))
    c.say("console writes", lambda: third.send(b"x"))
    c.say("console aborts", third.abort)
    c.say("console again", opened(None, 2, c.conn.newStream()))
    c.say("channel", lambda: d.openChannel(None, c.conn.newStream(), 0))
    c.say("channel by name", lambda: d.openChannel("org.qemu.guest_agent.0", c.conn.newStream(), 0))
    c.say("graphics", lambda: os.close(d.openGraphicsFD(0, 0)))
    c.say("graphics past", lambda: d.openGraphicsFD(1, 0))
    c.say("graphics, bad flags", lambda: d.openGraphicsFD(0, 64))
    c.say("graphics skips", lambda: os.close(d.openGraphicsFD(0, 1)))
    stream = c.conn.newStream()
    c.say("picture", lambda: d.screenshot(stream, 0, 0))
    c.say("picture data", lambda: stream.recv(2))
    c.say("picture end", stream.abort)
    c.say("picture past", lambda: d.screenshot(c.conn.newStream(), 3, 0))
    c.say("picture, flags", lambda: d.screenshot(c.conn.newStream(), 0, 1))
    clear(c)
    c.say("console gone", lambda: first.recv(10))


def renames(c):
    d = c.conn.defineXML(domain("r", 16))
    c.conn.defineXML(domain("taken", 17))
    d.setAutostart(1)
    c.quiet()
    c.tell("rename", lambda: d.rename("s"))
    c.say("rename old", lambda: c.conn.lookupByName("r"))
    c.say("rename autostart", lambda: c.conn.lookupByName("s").autostart())
    d = c.conn.lookupByName("s")
    for name in ("taken", "", "a/b", "..", " ", "two words", "ünï", "x" * 300, "line\nbreak"):
        c.tell(f"rename to {name[:9]!r}", lambda: d.rename(name))
    c.say("rename names", lambda: c.conn.listAllDomains(), names)
    clear(c)
    for name in ("a/b", " ", "x y", "", "line\nbreak", "-x", "ünï", ".", "x" * 250):
        c.tell(f"name {name[:9]!r}", lambda: c.conn.defineXML(domain(name, 18)))
        clear(c)


# What management programs ask of a connection and of the host.

def asked_of_the_host(c, ro):
    o = c.conn
    c.say("open", lambda: [o.getType(), o.isAlive(), o.isSecure(), o.isEncrypted()])
    c.say("keepalive", lambda: o.setKeepAlive(5, 3))
    c.say("close callback", lambda: o.registerCloseCallback(lambda *_: None, None))
    c.say("close callback gone", o.unregisterCloseCallback)
    c.say("identity", lambda: ro.setIdentity({"user-name": "x"}, 0))
    for name, call in {
        "networks": o.listAllNetworks, "network names": o.listNetworks, "networks off": o.listDefinedNetworks,
        "number of networks": o.numOfNetworks, "defined networks": o.numOfDefinedNetworks,
        "network": lambda: o.networkLookupByName("default"), "interfaces": o.listAllInterfaces,
        "interface names": o.listInterfaces, "number of interfaces": o.numOfInterfaces,
        "defined interfaces": o.numOfDefinedInterfaces, "interface": lambda: o.interfaceLookupByName("lo"),
        "devices": o.listAllDevices, "device names": lambda: o.listDevices(None),
        "number of devices": lambda: o.numOfDevices(None), "device": lambda: o.nodeDeviceLookupByName("computer"),
        "secrets": o.listAllSecrets, "secret names": o.listSecrets, "number of secrets": o.numOfSecrets,
        "filters": o.listAllNWFilters, "filter names": o.listNWFilters, "number of filters": o.numOfNWFilters,
        "bindings": o.listAllNWFilterBindings, "pools": o.listAllStoragePools,
        "pool sources": lambda: o.findStoragePoolSources("netfs", "<source><host name='x'/></source>", 0),
        "pool capabilities": o.getStoragePoolCapabilities, "begin": lambda: o.changeBegin(0),
        "models": lambda: o.getCPUModelNames("x86_64"), "node suspend": lambda: o.suspendForDuration(0, 1, 0),
        "number of pools": o.numOfStoragePools, "pool": lambda: o.storagePoolLookupByName("nosuch"),
        "volume": lambda: o.storageVolLookupByPath("/no/such"), "volume key": lambda: o.storageVolLookupByKey("x"),
        "save image": lambda: o.saveImageGetXMLDesc("/no/such"), "restore": lambda: o.restore("/no/such"),
        "native from": lambda: o.domainXMLFromNative("qemu-argv", "x", 0),
    }.items():
        c.say(f"host {name}", call, some)
    o = libvirt.open(c.uri)
    for number in range(28):
        def register():
            o.domainEventDeregisterAny(o.domainEventRegisterAny(None, number, lambda *_: None, None))
        c.say(f"event {number}", register)
    c.say("network events", lambda: o.networkEventDeregisterAny(
        o.networkEventRegisterAny(None, 0, lambda *_: None, None)))
    c.say("pool events", lambda: o.storagePoolEventDeregisterAny(
        o.storagePoolEventRegisterAny(None, 0, lambda *_: None, None)))
    c.say("device events", lambda: o.nodeDeviceEventDeregisterAny(
        o.nodeDeviceEventRegisterAny(None, 0, lambda *_: None, None)))
    c.say("secret events", lambda: o.secretEventDeregisterAny(
        o.secretEventRegisterAny(None, 0, lambda *_: None, None)))
    c.say("old events", lambda: [o.domainEventRegister(seen := (lambda *_: None), None),
                                 o.domainEventDeregister(seen)])


def read_only(c, ro):
    d = c.conn.defineXML(domain("ro", 19, FULL))
    d.create()
    d = ro.lookupByName("ro")
    for name, call in {
        "xml": lambda: len(d.XMLDesc(0)) > 0, "secure xml": lambda: d.XMLDesc(1),
        "migratable xml": lambda: len(d.XMLDesc(8)) > 0, "create": d.create, "destroy": d.destroy,
        "screenshot": lambda: d.screenshot(ro.newStream(), 0), "console": lambda: d.openConsole(None, ro.newStream()),
        "graphics": lambda: d.openGraphicsFD(0), "stats": lambda: len(d.blockStats("vda")),
        "define": lambda: ro.defineXML(domain("x", 20)), "metadata": lambda: d.setMetadata(1, "x", None, None),
        "native": lambda: ro.domainXMLToNative("qemu-argv", "<domain/>"), "sysinfo": ro.getSysinfo,
        "job": lambda: d.jobInfo()[0], "abort": d.abortJob, "agent": d.fsInfo, "host name": d.hostname,
        "attach": lambda: d.attachDevice(NIC), "create xml": lambda: ro.createXML(domain("x", 20)),
    }.items():
        c.say(f"ro {name}", call, lambda v: shape(v) if not isinstance(v, str) else some(v))
    clear(c)


def main():
    libvirt.registerErrorHandler(lambda *_: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=lambda: [libvirt.virEventRunDefaultImpl() for _ in iter(int, 1)],
                     daemon=True).start()
    os.chmod(os.path.dirname(IMAGE), 0o755)
    with open(IMAGE, "wb") as f:
        f.truncate(1 << 20)
    os.chmod(IMAGE, 0o666)
    c = Client(sys.argv[1])
    ro = libvirt.openReadOnly(sys.argv[2])
    scenes = [transient, persistent, flags_of_create, autodestroy, flags_of_undefine, filters, wrong_when_off,
              on_and_paused, consoles, renames]
    try:
        for scene in scenes:
            scene(c)
        asked_of_the_host(c, ro)
        read_only(c, ro)
    finally:
        shutil.rmtree(os.path.dirname(IMAGE))


main()
