#!/usr/bin/python3
"""One story told through the stock library: story.py URI prints what a client sees, a line each, with
names and numbers that may differ left out. twin.py runs it against vmd and against libvirtd and
compares the lines."""
import sys
import threading
import time

import libvirt

DOMAIN = """<domain type='qemu'><name>story</name><uuid>5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6b01</uuid>
<title>a title</title><metadata><app:x xmlns:app='http://example.org/app'>1</app:x></metadata>
<memory unit='MiB'>64</memory><vcpu>2</vcpu><os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/><apic/></features><on_crash>destroy</on_crash>
<devices><serial type='pty'/><console type='pty'/>
<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>
<memballoon model='virtio'/></devices></domain>"""


def quiet(_ctx, _err):
    pass


class Story:
    def __init__(self, uri):
        libvirt.registerErrorHandler(quiet, None)
        libvirt.virEventRegisterDefaultImpl()
        threading.Thread(target=self.loop, daemon=True).start()
        self.conn = libvirt.open(uri)
        self.events = []
        self.conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         self.on_lifecycle, None)
        self.conn.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT,
                                         lambda *_: self.events.append("reboot"), None)

    @staticmethod
    def loop():
        while True:
            libvirt.virEventRunDefaultImpl()

    def on_lifecycle(self, _conn, _dom, event, detail, _user):
        self.events.append(f"{event}/{detail}")

    def tell(self, name, what):
        """Does one thing and prints its outcome and the events that it caused."""
        try:
            outcome = what()
        except libvirt.libvirtError as e:
            outcome = f"error {e.get_error_code()}"
        if isinstance(outcome, (libvirt.virDomain, libvirt.virConnect)):
            outcome = "ok"
        end = time.monotonic() + 0.4
        seen = len(self.events)
        while time.monotonic() < end:
            time.sleep(0.05)
            if len(self.events) != seen:
                seen, end = len(self.events), time.monotonic() + 0.3
        print(f"{name}: {outcome} [{' '.join(self.events)}]", flush=True)
        self.events.clear()


def reads(s, d):
    """What can be asked of a domain in any state."""
    s.tell("state", d.state)
    s.tell("info", lambda: d.info()[:4])
    s.tell("active", d.isActive)
    s.tell("persistent", d.isPersistent)
    s.tell("updated", d.isUpdated)
    s.tell("autostart", d.autostart)
    s.tell("id", lambda: d.ID() > 0)
    s.tell("os type", d.OSType)
    s.tell("max memory", d.maxMemory)
    s.tell("title", lambda: d.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None))
    s.tell("description", lambda: d.metadata(libvirt.VIR_DOMAIN_METADATA_DESCRIPTION, None))
    s.tell("metadata", lambda: d.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT,
                                          "http://example.org/app"))
    s.tell("managed save", lambda: d.hasManagedSaveImage(0))
    s.tell("job", lambda: d.jobInfo()[0])
    s.tell("abort job", d.abortJob)
    s.tell("stats keys", lambda: stats_keys(s, d))
    s.tell("interface stats of none", lambda: d.interfaceStats("nosuch"))
    s.tell("block stats of none", lambda: d.blockStats("nosuch"))
    s.tell("snapshots", lambda: d.snapshotNum())


def stats_keys(s, d):
    groups = (libvirt.VIR_DOMAIN_STATS_STATE | libvirt.VIR_DOMAIN_STATS_BALLOON
              | libvirt.VIR_DOMAIN_STATS_VCPU | libvirt.VIR_DOMAIN_STATS_INTERFACE
              | libvirt.VIR_DOMAIN_STATS_BLOCK)
    got = s.conn.domainListGetStats([d], groups)[0][1]
    return sorted(k for k in got if not k.startswith(("vcpu.0.", "vcpu.1.", "balloon.")))


def wrong_calls(s, d):
    s.tell("suspend", d.suspend)
    s.tell("resume", d.resume)
    s.tell("shutdown", d.shutdown)
    s.tell("reboot", d.reboot)
    s.tell("reset", d.reset)
    s.tell("destroy", d.destroy)
    s.tell("memory stats", lambda: sorted(d.memoryStats()) and "some")
    s.tell("vcpus", lambda: len(d.vcpus()[0]))
    s.tell("screenshot", lambda: d.screenshot(s.conn.newStream(), 0) and "picture")
    s.tell("send key", lambda: d.sendKey(0, 0, [28], 1))
    s.tell("console", lambda: d.openConsole(None, s.conn.newStream(), 0))


def life(s):
    c = s.conn
    s.tell("no such name", lambda: c.lookupByName("story"))
    s.tell("no such uuid", lambda: c.lookupByUUIDString("5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6b01"))
    s.tell("no such id", lambda: c.lookupByID(99999))
    s.tell("garbage", lambda: c.defineXML("<domain"))
    s.tell("not a domain", lambda: c.defineXML("<network/>"))
    s.tell("no name", lambda: c.defineXML("<domain type='qemu'/>"))
    s.tell("define", lambda: c.defineXML(DOMAIN))
    d = c.lookupByName("story")
    reads(s, d)
    wrong_calls(s, d)
    s.tell("same name, another uuid", lambda: c.defineXML(DOMAIN.replace("6b01", "6b02")))
    s.tell("same uuid, another name", lambda: c.defineXML(DOMAIN.replace(">story<", ">tale<")))
    s.tell("define again", lambda: c.defineXML(DOMAIN))
    s.tell("autostart on", lambda: d.setAutostart(1))
    s.tell("autostart", d.autostart)
    s.tell("autostart off", lambda: d.setAutostart(0))
    s.tell("start paused", lambda: d.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED))
    reads(s, d)
    s.tell("start again", d.create)
    s.tell("resume", d.resume)
    s.tell("resume again", d.resume)
    s.tell("suspend", d.suspend)
    s.tell("suspend again", d.suspend)
    s.tell("resume", d.resume)
    s.tell("reset", d.reset)
    s.tell("memory stats", lambda: bool(d.memoryStats()))
    s.tell("vcpus", lambda: len(d.vcpus()[0]))
    s.tell("send key", lambda: d.sendKey(0, 0, [28], 1))
    s.tell("define while it runs", lambda: c.defineXML(DOMAIN.replace(">64<", ">96<")))
    s.tell("updated", d.isUpdated)
    s.tell("undefine while it runs", d.undefine)
    s.tell("persistent", d.isPersistent)
    s.tell("define anew while it runs", lambda: c.defineXML(DOMAIN))
    s.tell("destroy", d.destroy)
    s.tell("destroy again", d.destroy)
    s.tell("start", d.create)
    s.tell("graceful destroy", lambda: d.destroyFlags(libvirt.VIR_DOMAIN_DESTROY_GRACEFUL))
    s.tell("set title", lambda: d.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "new", None, None))
    s.tell("title", lambda: d.metadata(libvirt.VIR_DOMAIN_METADATA_TITLE, None))
    s.tell("rename", lambda: d.rename("tale"))
    s.tell("undefine", d.undefine)
    s.tell("undefine again", d.undefine)
    s.tell("create transient", lambda: c.createXML(DOMAIN))
    s.tell("persistent", lambda: c.lookupByName("story").isPersistent())
    s.tell("destroy transient", lambda: c.lookupByName("story").destroy())
    s.tell("gone", lambda: c.lookupByName("story"))
    s.tell("domains", c.numOfDomains)


def main():
    s = Story(sys.argv[1])
    life(s)
    s.conn.close()


main()
