#!/usr/bin/python3
"""Walks every call of the connection, the host and a domain through the stock library: walk.py URI
RO-URI prints a line for each, the shape of its answer or the number and the origin of its error. A domain
is asked while it is off, while it runs, when nobody knows it, and over a read-only connection.
twin.py compares the lines of vmd with those of libvirtd."""
import os
import re
import sys
import tempfile
import time

import libvirt
import libvirt_qemu

UUID = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6b0a"
DOMAIN = f"""<domain type='qemu'><name>walk</name><uuid>{UUID}</uuid>
<memory unit='MiB'>64</memory><vcpu current='1'>2</vcpu><iothreads>2</iothreads>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<features><acpi/><apic/></features><on_crash>destroy</on_crash>
<devices><serial type='pty'/><console type='pty'/>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='IMAGE'/>
<target dev='vda' bus='virtio'/></disk>
<disk type='file' device='cdrom'><target dev='sda' bus='sata'/><readonly/></disk>
<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
<graphics type='vnc' autoport='yes'/><video><model type='vga'/></video>
<memballoon model='virtio'/></devices></domain>"""
# Not while it runs: a host need not have the cgroups that libvirtd then wants.
TUNED = "<cputune><shares>1024</shares><period>100000</period><quota>50000</quota></cputune><os>"
AGENT = DOMAIN.replace("<memballoon", """<channel type='unix'><target type='virtio'
name='org.qemu.guest_agent.0'/></channel><memballoon""")
OTHER = (DOMAIN.replace("walk", "nobody").replace(UUID, UUID[:-1] + "b")
         .replace("<memballoon model='virtio'/>", "<memballoon model='none'/>"))
LIVE, CONFIG, MAXIMUM = 1, 2, 4


def shape(value):
    """An answer with what differs between hosts and daemons left out."""
    if isinstance(value, dict):
        return "{" + " ".join(sorted(f"{k}:{type(v).__name__}" for k, v in value.items())) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(shape(v) for v in value) + "]"
    if isinstance(value, str):
        return "text" if len(value) > 20 else repr(value)
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10 else "number"
    return type(value).__name__


def say(name, what, how=shape):
    try:
        outcome = how(what())
    except libvirt.libvirtError as e:
        outcome = f"error {e.get_error_code()} of {e.get_error_domain()}"
        if os.environ.get("WALK_WORDS"):
            outcome += f" ({e.get_error_message()!r})"
    except (LookupError, TypeError) as e:  # the binding looks names up among those it was told
        outcome = f"{type(e).__name__} of the binding"
    print(f"{name}: {outcome}", flush=True)


def plain(value):
    return repr(value)


def bit(value):
    return "some" if value else "none"


def connection(tag, c):
    def say_it(name, *rest):
        say(f"{tag} {name}", *rest)
    say_it("type", c.getType)
    say_it("version", c.getVersion)
    say_it("lib version", c.getLibVersion)
    say_it("hostname", c.getHostname, bit)
    say_it("uri", c.getURI, bit)
    say_it("encrypted", c.isEncrypted)
    say_it("secure", c.isSecure)
    say_it("alive", c.isAlive)
    say_it("sysinfo", c.getSysinfo, bit)
    say_it("sysinfo with flags", lambda: c.getSysinfo(1))
    say_it("max vcpus", lambda: c.getMaxVcpus(None))
    say_it("max vcpus of qemu", lambda: c.getMaxVcpus("qemu"))
    say_it("max vcpus of nothing", lambda: c.getMaxVcpus("nothing"))
    say_it("node info", c.getInfo, lambda v: f"{v[0]} {v[2]} {v[4:]}")
    say_it("free memory", c.getFreeMemory, bit)
    say_it("cells free memory", lambda: c.getCellsFreeMemory(0, 1))
    say_it("cells free memory of none", lambda: c.getCellsFreeMemory(7, 1))
    say_it("free pages", lambda: c.getFreePages([4], 0, 1))
    say_it("free pages of two sizes", lambda: c.getFreePages([4, 2048], 0, 1))
    say_it("free pages of host", lambda: c.getFreePages([4], -1, 1))
    say_it("free pages of odd size", lambda: c.getFreePages([5], 0, 1))
    say_it("free pages of no cell", lambda: c.getFreePages([4], 9, 1))
    say_it("cpu map", c.getCPUMap, lambda v: plain(v))
    say_it("cpu stats", lambda: c.getCPUStats(-1))
    say_it("cpu stats of 0", lambda: c.getCPUStats(0))
    say_it("cpu stats of 99", lambda: c.getCPUStats(99))
    say_it("memory stats", lambda: c.getMemoryStats(-1))
    say_it("memory stats of 0", lambda: c.getMemoryStats(0))
    say_it("memory stats of 9", lambda: c.getMemoryStats(9))
    say_it("memory parameters", c.getMemoryParameters)
    say_it("security model", c.getSecurityModel, lambda v: shape(len(v)))
    say_it("sev info", c.getSEVInfo)
    say_it("cpu models", lambda: c.getCPUModelNames("x86_64"), bit)
    say_it("cpu models of nothing", lambda: c.getCPUModelNames("nothing"))
    say_it("capabilities", c.getCapabilities, bit)
    say_it("domain capabilities", c.getDomainCapabilities, bit)
    say_it("domain capabilities of nothing", lambda: c.getDomainCapabilities(None, "nothing"))
    say_it("domain capabilities of virt type", lambda: c.getDomainCapabilities(virttype="nothing"))
    say_it("num of domains", c.numOfDomains)
    say_it("list ids", c.listDomainsID, bit)
    say_it("num of defined", c.numOfDefinedDomains)
    say_it("list defined", c.listDefinedDomains, bit)
    say_it("list all", lambda: sorted(d.name() for d in c.listAllDomains()))
    say_it("list all, bad flags", lambda: c.listAllDomains(1 << 30))
    say_it("stats, bad flags", lambda: c.getAllDomainStats(0, 1 << 20))
    say_it("stats, enforced nonsense", lambda: c.getAllDomainStats(1 << 25, 1 << 31))
    say_it("native", lambda: c.domainXMLToNative("qemu-argv", DOMAIN, 0), bit)
    say_it("native of nothing", lambda: c.domainXMLToNative("nothing", DOMAIN, 0))
    say_it("from native", lambda: c.domainXMLFromNative("qemu-argv", "qemu", 0))


def host_changes(tag, c):
    say(f"{tag} ksm", lambda: c.setMemoryParameters({"shm_pages_to_scan": 100}))
    say(f"{tag} ksm of nonsense", lambda: c.setMemoryParameters({"nonsense": 100}))
    say(f"{tag} alloc pages of odd size", lambda: c.allocPages({5: 1}, 0, 1))
    say(f"{tag} suspend for no time", lambda: c.suspendForDuration(0, 0, 0))


def reads(tag, c, d):
    def say_it(name, *rest):
        say(f"{tag} {name}", *rest)
    say_it("name", d.name)
    say_it("state", d.state)
    say_it("state, bad flags", lambda: d.state(8))
    say_it("info", d.info, lambda v: shape(v[:4]))
    say_it("active", d.isActive)
    say_it("persistent", d.isPersistent)
    say_it("autostart", d.autostart)
    say_it("os type", d.OSType)
    say_it("max memory", d.maxMemory)
    say_it("max vcpus", d.maxVcpus)
    say_it("managed save", lambda: d.hasManagedSaveImage(0))
    say_it("control", d.controlInfo)
    say_it("control, bad flags", lambda: d.controlInfo(1))
    say_it("messages", d.messages)
    say_it("job", d.jobInfo, lambda v: shape(v[0]))
    say_it("job stats", d.jobStats)
    say_it("job stats, done", lambda: d.jobStats(1))
    say_it("job stats, bad flags", lambda: d.jobStats(8))
    say_it("security label", d.securityLabel, lambda v: shape(len(v)))
    say_it("security labels", d.securityLabelList, lambda v: shape(v is not None))
    say_it("xml", d.XMLDesc, bit)
    say_it("xml, inactive", lambda: d.XMLDesc(2), bit)
    say_it("xml, migratable", lambda: d.XMLDesc(8), bit)
    say_it("xml, cpu", lambda: d.XMLDesc(4), bit)
    say_it("xml, secure", lambda: d.XMLDesc(1), bit)
    say_it("xml, bad flags", lambda: d.XMLDesc(64), bit)
    say_it("metadata of nothing", lambda: d.metadata(2, "http://nothing", 0))
    say_it("metadata of odd kind", lambda: d.metadata(9, None, 0))
    say_it("title", lambda: d.metadata(1, None, 0))
    for flags in (0, LIVE, CONFIG, LIVE | CONFIG, MAXIMUM | CONFIG, MAXIMUM | LIVE, 8):
        say_it(f"vcpus {flags}", lambda: d.vcpusFlags(flags))
    say_it("vcpus", d.vcpus, lambda v: shape([len(v[0]), len(v[1])]))
    for flags in (0, LIVE, CONFIG, LIVE | CONFIG, 8):
        say_it(f"vcpu pins {flags}", lambda: d.vcpuPinInfo(flags), plain)
        say_it(f"emulator pin {flags}", lambda: d.emulatorPinInfo(flags), plain)
        say_it(f"iothreads {flags}", lambda: sorted(d.ioThreadInfo(flags)), plain)
        say_it(f"scheduler {flags}", lambda: d.schedulerParametersFlags(flags))
        say_it(f"blkio {flags}", lambda: d.blkioParameters(flags))
        say_it(f"memory {flags}", lambda: d.memoryParameters(flags))
        say_it(f"numa {flags}", lambda: d.numaParameters(flags))
        say_it(f"interface {flags}", lambda: d.interfaceParameters("52:54:00:11:22:33", flags))
        say_it(f"block tune {flags}", lambda: d.blockIoTune("vda", flags))
    say_it("interface of none", lambda: d.interfaceParameters("vnet99", 0))
    say_it("block tune of none", lambda: d.blockIoTune("vdz", CONFIG))
    say_it("scheduler type", d.schedulerType)
    say_it("scheduler", d.schedulerParameters)
    say_it("perf events", d.perfEvents)
    say_it("guest vcpus", d.guestVcpus)
    say_it("cpu stats", lambda: d.getCPUStats(True))
    say_it("cpu stats of each", lambda: d.getCPUStats(False), lambda v: shape(v[0]))
    say_it("memory stats", d.memoryStats, lambda v: " ".join(
        k for k in ("actual", "last_update", "rss") if k in v))
    say_it("block stats", lambda: d.blockStats("vda"), lambda v: shape(len(v)))
    say_it("block stats of all", lambda: d.blockStats(""), lambda v: shape(len(v)))
    say_it("block stats of none", lambda: d.blockStats("vdz"))
    say_it("block stats flags", lambda: d.blockStatsFlags("vda"))
    say_it("block stats flags of all", lambda: d.blockStatsFlags(""))
    say_it("block stats flags of empty", lambda: d.blockStatsFlags("sda"))
    say_it("block info", lambda: d.blockInfo("vda"), lambda v: shape(v[0] == 1 << 20))
    say_it("block info of empty", lambda: d.blockInfo("sda"))
    say_it("block info of none", lambda: d.blockInfo("vdz"))
    say_it("block job", lambda: d.blockJobInfo("vda", 0))
    say_it("block job of none", lambda: d.blockJobInfo("vdz", 0))
    say_it("disk errors", d.diskErrors)
    say_it("interface stats of none", lambda: d.interfaceStats("vnet99"))
    for source in (0, 1, 2, 5):
        say_it(f"addresses by {source}", lambda: d.interfaceAddresses(source))
    say_it("hostname", d.hostname)
    say_it("hostname by lease", lambda: d.hostname(1))
    say_it("hostname by agent", lambda: d.hostname(2))
    say_it("time", d.getTime)
    say_it("fs info", d.fsInfo)
    say_it("guest info", d.guestInfo)
    say_it("launch security", d.launchSecurityInfo)
    say_it("stats of state", lambda: c.domainListGetStats([d], libvirt.VIR_DOMAIN_STATS_STATE)[0][1])
    for group in ("CPU_TOTAL", "BALLOON", "VCPU", "INTERFACE", "BLOCK", "PERF", "IOTHREAD",
                  "MEMORY", "DIRTYRATE"):
        number = getattr(libvirt, f"VIR_DOMAIN_STATS_{group}")
        say_it(f"stats of {group.lower()}", lambda: stable(c.domainListGetStats([d], number)[0][1]))
    say_it("block stats with backing", lambda: stable(c.domainListGetStats(
        [d], libvirt.VIR_DOMAIN_STATS_BLOCK, 1 << 30)[0][1]))
    say_it("snapshots", d.snapshotNum)
    say_it("snapshot names", d.snapshotListNames)
    say_it("current snapshot", d.snapshotCurrent)
    say_it("snapshot of a name", lambda: d.snapshotLookupByName("none"))
    say_it("has current snapshot", d.hasCurrentSnapshot)
    say_it("checkpoint of a name", lambda: d.checkpointLookupByName("none"))
    say_it("backup", d.backupGetXMLDesc)
    say_it("max downtime", d.migrateGetMaxDowntime)
    say_it("compression cache", d.migrateGetCompressionCache)
    say_it("max speed", d.migrateGetMaxSpeed)
    say_it("managed save xml", d.managedSaveGetXMLDesc)


def stable(stats):
    """Counters that the guest or the host may or may not give are left out."""
    return {k: v for k, v in stats.items() if not k.startswith(("balloon.", "cpu.cache."))
            and ".halt" not in k and ".sum" not in k and ".cur" not in k and ".max" not in k
            and ".exits" not in k and "kvm" not in k and "hits" not in k}


def tuning(tag, d):
    def say_it(name, *rest):
        say(f"{tag} {name}", *rest)
    for flags in (0, LIVE, CONFIG, LIVE | CONFIG, 8):
        say_it(f"pin vcpu {flags}", lambda: d.pinVcpuFlags(0, (True, False), flags))
        say_it(f"vcpu pins {flags}", lambda: d.vcpuPinInfo(CONFIG), plain)
        say_it(f"pin emulator {flags}", lambda: d.pinEmulator((False, True), flags))
        say_it(f"emulator pin {flags}", lambda: d.emulatorPinInfo(CONFIG), plain)
        say_it(f"pin iothread {flags}", lambda: d.pinIOThread(1, (True, False), flags))
        say_it(f"iothreads {flags}", lambda: sorted(d.ioThreadInfo(CONFIG)), plain)
        say_it(f"set scheduler {flags}",
               lambda: d.setSchedulerParametersFlags({"vcpu_quota": 20000}, flags))
        say_it(f"set blkio {flags}", lambda: d.setBlkioParameters({"weight": 500}, flags))
        say_it(f"set memory {flags}", lambda: d.setMemoryParameters({"hard_limit": 400000}, flags))
        say_it(f"set numa {flags}", lambda: d.setNumaParameters({"numa_nodeset": "0"}, flags))
        say_it(f"set interface {flags}", lambda: d.setInterfaceParameters(
            "52:54:00:11:22:33", {"inbound.average": 1000}, flags))
        say_it(f"set block tune {flags}",
               lambda: d.setBlockIoTune("vda", {"total_iops_sec": 1000}, flags))
        say_it(f"block tune {flags}", lambda: d.blockIoTune("vda", CONFIG), plain)
    say_it("pin vcpu", lambda: d.pinVcpu(0, (True, True)))
    say_it("pin vcpu beyond", lambda: d.pinVcpuFlags(7, (True, False), CONFIG))
    say_it("pin vcpu to nothing", lambda: d.pinVcpuFlags(0, (False, False), CONFIG))
    say_it("pin emulator to nothing", lambda: d.pinEmulator((False, False), CONFIG))
    say_it("pin iothread beyond", lambda: d.pinIOThread(9, (True, False), CONFIG))
    say_it("pin iothread to nothing", lambda: d.pinIOThread(1, (False, False), CONFIG))
    say_it("set scheduler", lambda: d.setSchedulerParameters({"cpu_shares": 2048}))
    say_it("set scheduler of nonsense",
           lambda: d.setSchedulerParametersFlags({"nonsense": 1}, CONFIG))
    say_it("set scheduler out of range",
           lambda: d.setSchedulerParametersFlags({"vcpu_period": 1}, CONFIG))
    say_it("set quota out of range",
           lambda: d.setSchedulerParametersFlags({"vcpu_quota": 1}, CONFIG))
    say_it("scheduler again", lambda: d.schedulerParametersFlags(CONFIG), plain)
    say_it("set blkio of nonsense", lambda: d.setBlkioParameters({"nonsense": 1}, CONFIG))
    say_it("set blkio devices", lambda: d.setBlkioParameters(
        {"device_weight": "/dev/null,300"}, CONFIG))
    say_it("set blkio devices, broken", lambda: d.setBlkioParameters(
        {"device_weight": "/dev/null"}, CONFIG))
    say_it("blkio again", lambda: d.blkioParameters(CONFIG), plain)
    say_it("set memory of nonsense", lambda: d.setMemoryParameters({"nonsense": 1}, CONFIG))
    say_it("set memory, swap too small", lambda: d.setMemoryParameters(
        {"swap_hard_limit": 1000}, CONFIG))
    say_it("memory again", lambda: d.memoryParameters(CONFIG), plain)
    say_it("set numa mode", lambda: d.setNumaParameters({"numa_mode": 2}, CONFIG))
    say_it("set numa mode beyond", lambda: d.setNumaParameters({"numa_mode": 77}, CONFIG))
    say_it("set numa to nonsense", lambda: d.setNumaParameters({"numa_nodeset": "x"}, CONFIG))
    say_it("numa again", lambda: d.numaParameters(CONFIG), plain)
    say_it("set interface of none", lambda: d.setInterfaceParameters(
        "vnet99", {"inbound.average": 1000}, CONFIG))
    say_it("set interface outbound", lambda: d.setInterfaceParameters(
        "52:54:00:11:22:33", {"outbound.average": 100, "outbound.peak": 200}, CONFIG))
    say_it("interface again", lambda: d.interfaceParameters("52:54:00:11:22:33", CONFIG), plain)
    say_it("set block tune of none",
           lambda: d.setBlockIoTune("vdz", {"total_iops_sec": 1000}, CONFIG))
    say_it("set block tune, both",
           lambda: d.setBlockIoTune("vda", {"total_iops_sec": 1000, "read_iops_sec": 5}, CONFIG))
    say_it("set block tune of nonsense", lambda: d.setBlockIoTune("vda", {"nonsense": 5}, CONFIG))
    say_it("set block tune, peak", lambda: d.setBlockIoTune(
        "vda", {"total_iops_sec": 1000, "total_iops_sec_max": 2000,
                "total_iops_sec_max_length": 3, "group_name": "slow"}, CONFIG))
    say_it("block tune again", lambda: d.blockIoTune("vda", CONFIG), plain)
    say_it("add iothread", lambda: d.addIOThread(5, CONFIG))
    say_it("add iothread again", lambda: d.addIOThread(5, CONFIG))
    say_it("set iothread", lambda: d.setIOThreadParams(5, {"poll_max_ns": 10}, CONFIG))
    say_it("set iothread of none", lambda: d.setIOThreadParams(9, {"poll_max_ns": 10}, CONFIG))
    say_it("delete iothread", lambda: d.delIOThread(5, CONFIG))
    say_it("delete iothread again", lambda: d.delIOThread(5, CONFIG))
    say_it("set vcpu", lambda: d.setVcpu("1", 1, CONFIG))
    say_it("vcpus again", lambda: d.vcpusFlags(CONFIG))
    say_it("set vcpu off", lambda: d.setVcpu("1", 0, CONFIG))
    say_it("set vcpu 0 off", lambda: d.setVcpu("0", 0, CONFIG))
    say_it("set vcpu beyond", lambda: d.setVcpu("9", 1, CONFIG))
    say_it("set vcpus", lambda: d.setVcpusFlags(2, CONFIG))
    say_it("set vcpus beyond", lambda: d.setVcpusFlags(9, CONFIG))
    say_it("set vcpus to none", lambda: d.setVcpusFlags(0, CONFIG))
    say_it("set vcpus back", lambda: d.setVcpusFlags(1, CONFIG))
    say_it("set memory size", lambda: d.setMemoryFlags(60000, CONFIG))
    say_it("set memory size beyond", lambda: d.setMemoryFlags(600000, CONFIG))
    say_it("set memory size to none", lambda: d.setMemoryFlags(0, CONFIG))
    say_it("set perf", lambda: d.setPerfEvents({"cmt": True}, CONFIG))
    say_it("set guest vcpus", lambda: d.setGuestVcpus("0", 1))
    say_it("block threshold", lambda: d.setBlockThreshold("vda", 4096))
    say_it("lifecycle action", lambda: d.setLifecycleAction(0, 1, CONFIG))
    say_it("lifecycle action of nothing", lambda: d.setLifecycleAction(9, 1, CONFIG))


def processors(d):
    """Of a guest in which nothing runs that could let one go."""
    def say_it(name, *rest):
        say(f"processors {name}", *rest)
    say_it("one more", lambda: d.setVcpusFlags(2, LIVE))
    for flags in (LIVE, CONFIG):
        say_it(f"counted {flags}", lambda: d.vcpusFlags(flags))
    say_it("written", lambda: "".join(re.findall("<vcpu.*?>", d.XMLDesc())), plain)
    say_it("there already", lambda: d.setVcpu("1", 1, LIVE))
    say_it("the first off", lambda: d.setVcpu("0", 0, LIVE))
    say_it("beyond", lambda: d.setVcpu("9", 1, LIVE))
    say_it("too many", lambda: d.setVcpusFlags(9, LIVE))
    say_it("more at most", lambda: d.setVcpusFlags(2, LIVE | 4))
    say_it("as many", lambda: d.setVcpusFlags(2, LIVE))
    say_it("one less", lambda: d.setVcpusFlags(1, LIVE))
    say_it("seen", lambda: len(d.vcpus()[0]))


def changes(tag, d):
    def say_it(name, *rest):
        say(f"{tag} {name}", *rest)
    say_it("abort job", d.abortJob)
    say_it("abort job, bad flags", lambda: d.abortJobFlags(8))
    say_it("abort job with flags", lambda: d.abortJobFlags(1))
    say_it("shutdown, bad flags", lambda: d.shutdownFlags(256))
    say_it("shutdown by init", lambda: d.shutdownFlags(4))
    say_it("shutdown by agent", lambda: d.shutdownFlags(2))
    say_it("reboot, bad flags", lambda: d.reboot(256))
    say_it("reboot by agent", lambda: d.reboot(2))
    say_it("destroy, bad flags", lambda: d.destroyFlags(64))
    say_it("undefine, bad flags", lambda: d.undefineFlags(1 << 20))
    say_it("create, bad flags", lambda: d.createWithFlags(1 << 20))
    say_it("send key of odd set", lambda: d.sendKey(99, 0, [1], 1))
    say_it("send key of odd key", lambda: d.sendKey(0, 0, [70000], 1))
    say_it("pm suspend", lambda: d.pMSuspendForDuration(0, 0))
    say_it("pm suspend of odd kind", lambda: d.pMSuspendForDuration(9, 0))
    say_it("pm wakeup", d.pMWakeup)
    say_it("set time", lambda: d.setTime({"seconds": 1000}))
    say_it("freeze", d.fsFreeze)
    say_it("thaw", d.fsThaw)
    say_it("trim", lambda: d.fSTrim(None, 0))
    say_it("password", lambda: d.setUserPassword("root", "x"))
    say_it("keys", lambda: d.authorizedSSHKeysGet("root"))
    say_it("agent command", lambda: libvirt_qemu.qemuAgentCommand(
        d, '{"execute":"guest-ping"}', 1, 0))
    say_it("managed save remove", lambda: d.managedSaveRemove(0))
    say_it("block resize of none", lambda: d.blockResize("vdz", 1 << 20, 1))
    say_it("block job abort", lambda: d.blockJobAbort("vda", 0))
    say_it("block peek", lambda: d.blockPeek("vda", 0, 16), lambda v: shape(len(v)))
    say_it("block peek of none", lambda: d.blockPeek("vdz", 0, 16))
    say_it("block peek beyond", lambda: d.blockPeek("vda", 1 << 40, 16))
    say_it("memory peek", lambda: d.memoryPeek(0, 16, 2), lambda v: shape(len(v)))
    say_it("console of none", lambda: d.openConsole("nothing", stream(d), 0))
    say_it("channel of none", lambda: d.openChannel("nothing", stream(d), 0))
    say_it("screenshot of none", lambda: d.screenshot(stream(d), 9, 0))
    say_it("graphics of none", lambda: d.openGraphicsFD(9, 0))
    say_it("graphics", lambda: os.close(d.openGraphicsFD(0, 0)))
    say_it("rename to a path", lambda: d.rename("a/b"))
    say_it("rename to nothing", lambda: d.rename(""))
    say_it("long title", lambda: d.setMetadata(1, "two\nlines", None, None))
    say_it("metadata without key", lambda: d.setMetadata(2, "<a/>", None, "http://u"))
    say_it("metadata broken", lambda: d.setMetadata(2, "<a>", "k", "http://u"))
    say_it("monitor", lambda: libvirt_qemu.qemuMonitorCommand(d, "info name", 1), bit)
    say_it("monitor, broken", lambda: libvirt_qemu.qemuMonitorCommand(d, "{", 0))
    say_it("monitor, nonsense", lambda: libvirt_qemu.qemuMonitorCommand(
        d, '{"execute":"nonsense"}', 0), bit)


def stream(d):
    return d.connect().newStream()


def first_counters(c, d):
    """vmd waits 5 ms for a QEMU, and then answers with what it has: asked again, it has them."""
    end = time.monotonic() + 10
    while "block.0.rd.reqs" not in c.domainListGetStats([d], libvirt.VIR_DOMAIN_STATS_BLOCK)[0][1]:
        assert time.monotonic() < end, "QEMU tells no counters"
        time.sleep(0.05)


def walk(c, ro):
    connection("conn", c)
    host_changes("conn", c)
    gone = c.defineXML(OTHER)
    gone.undefine()
    d = c.defineXML(DOMAIN.replace("<os>", TUNED))
    reads("off", c, d)
    changes("off", d)
    tuning("off", d)
    d = c.defineXML(DOMAIN)
    d.create()
    first_counters(c, d)
    reads("on", c, d)
    changes("on", d)
    tuning("on", d)
    connection("ro", ro)
    host_changes("ro", ro)
    d = ro.lookupByName("walk")
    reads("ro", ro, d)
    changes("ro", d)
    c.lookupByName("walk").destroy()
    d = c.defineXML(AGENT)
    d.create()
    changes("agent", d)
    say("agent hostname", d.hostname)
    say("agent time", d.getTime)
    say("agent fs info", d.fsInfo)
    say("agent guest info", d.guestInfo)
    say("agent addresses", lambda: d.interfaceAddresses(1))
    processors(d)
    d.destroy()
    d.undefine()
    reads("gone", c, gone)
    changes("gone", gone)
    tuning("gone", gone)


def main():
    libvirt.registerErrorHandler(lambda *_: None, None)
    global DOMAIN, AGENT, OTHER
    with tempfile.NamedTemporaryFile(dir="/var/tmp", prefix="vmd-walk-") as image:
        image.truncate(1 << 20)
        os.chmod(image.name, 0o666)
        DOMAIN, AGENT, OTHER = (x.replace("IMAGE", image.name) for x in (DOMAIN, AGENT, OTHER))
        walk(libvirt.open(sys.argv[1]), libvirt.openReadOnly(sys.argv[2]))


main()
