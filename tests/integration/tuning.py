#!/usr/bin/env python3
"""What a domain may use of its host, as stock virsh shows and changes it; and what the host says of its
memory and its firmware."""
import os
import pathlib
import re

from harness import QEMU, domain, main, need_own_network, test, wait_for

TUNED = "<iothreads>2</iothreads>"


def define(d, name="t", extra=TUNED, **how):
    return d.virsh("define", d.write(f"{name}.xml", domain(name, extra=extra, **how)))


def disk(d):
    path = d.root / "disk.img"
    path.write_bytes(bytes(1 << 20))
    return (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{path}'/>"
            "<target dev='vda' bus='virtio'/></disk>")


def value(text, name):
    found = re.search(rf"^{re.escape(name)}\s*:\s*(\S+)", text, re.M)
    assert found, f"no {name} in:\n{text}"
    return found.group(1)


@test
def limits_are_kept_in_the_definition(d):
    define(d, devices=disk(d))
    d.virsh("schedinfo", "t", "--config", "--set", "vcpu_quota=20000", "vcpu_period=50000")
    shown = d.virsh("schedinfo", "t", "--config")
    assert value(shown, "vcpu_quota") == "20000" and value(shown, "vcpu_period") == "50000"
    d.virsh("memtune", "t", "--config", "--hard-limit", "400000")
    assert value(d.virsh("memtune", "t", "--config"), "hard_limit") == "400000"
    assert value(d.virsh("memtune", "t", "--config"), "soft_limit") == "unlimited"
    d.virsh("blkiotune", "t", "--config", "--weight", "300", "--device-weights", "/dev/null,200")
    assert value(d.virsh("blkiotune", "t", "--config"), "device_weight") == "/dev/null,200"
    d.virsh("blkdeviotune", "t", "vda", "--config", "--total-iops-sec", "1000")
    d.virsh("blkdeviotune", "t", "vda", "--config", "--read-iops-sec", "10")
    shown = d.virsh("blkdeviotune", "t", "vda", "--config")
    assert value(shown, "read_iops_sec") == "10" and value(shown, "total_iops_sec") == "0"
    before = d.virsh("dumpxml", "t")
    d.kill()
    d.start()
    assert d.virsh("dumpxml", "t") == before
    for wrong, code in (("schedinfo t --config --set vcpu_period=1", "out of range"),
                        ("memtune t --config --swap-hard-limit 1000", "hard_limit"),
                        ("blkiotune t --config --device-weights /dev/null", "blkio device"),
                        ("blkdeviotune t vdz --total-iops-sec 1 --config", "vdz")):
        assert code in d.virsh(*wrong.split(), status=1)
    assert d.virsh("dumpxml", "t") == before


@test
def a_disk_is_slowed_while_it_runs(d):
    define(d, devices=disk(d))
    d.virsh("start", "t")
    d.virsh("blkdeviotune", "t", "vda", "--live", "--total-bytes-sec", "1048576")
    said = d.virsh("qemu-monitor-command", "t", '{"execute":"query-block"}')
    assert '"bps":1048576' in said, said
    assert value(d.virsh("blkdeviotune", "t", "vda"), "total_bytes_sec") == "1048576"
    assert value(d.virsh("blkdeviotune", "t", "vda", "--config"), "total_bytes_sec") == "0"
    d.kill()
    d.start()
    assert value(d.virsh("blkdeviotune", "t", "vda"), "total_bytes_sec") == "1048576"


@test
def a_disk_that_the_definition_lost_is_not_slowed_by_half(d):
    disks = disk(d) + disk(d).replace("disk.img", "b.img").replace("vda", "vdb")
    (d.root / "b.img").write_bytes(bytes(1 << 20))
    define(d, devices=disks)
    d.virsh("start", "t")
    uuid = d.virsh("domuuid", "t").strip()
    text = d.virsh("dumpxml", "t", "--inactive")
    disks = re.findall(r" *<disk .*?</disk>\n", text, re.S)
    d.virsh("define", d.write("less.xml", text.replace(disks[1], "")))
    assert d.virsh("domuuid", "t").strip() == uuid
    assert "vdb" in d.virsh("blkdeviotune", "t", "vdb", "--live", "--config", "--total-bytes-sec",
                            "1048576", status=1)
    assert '"bps":1048576' not in d.virsh("qemu-monitor-command", "t", '{"execute":"query-block"}')
    assert value(d.virsh("blkdeviotune", "t", "vdb"), "total_bytes_sec") == "0"


@test
def what_takes_a_cgroup_is_refused_for_a_running_one(d):
    define(d)
    d.virsh("start", "t")
    assert "cgroup" in d.virsh("schedinfo", "t", "--live", "--set", "vcpu_quota=20000", status=1)
    assert "cgroup" in d.virsh("memtune", "t", "--live", "--hard-limit", "400000", status=1)
    d.virsh("schedinfo", "t", "--live", status=1)


@test
def a_limit_that_is_not_in_force_is_not_told(d):
    for limit, path in (("schedinfo t --config --set vcpu_quota=20000", "cputune/quota"),
                        ("memtune t --config --hard-limit 400000", "memtune/hard_limit"),
                        ("blkiotune t --config --weight 300", "blkiotune/weight")):
        define(d)
        d.virsh("start", "t")
        d.virsh(*limit.split())  # the running one is as it was
        d.virsh("destroy", "t")
        said = d.virsh("start", "t", status=1)
        assert f"'{path}' would not be in force" in said, said
        d.virsh("undefine", "t")
    mac = "52:54:00:00:00:07"
    define(d, devices=f"<interface type='ethernet'><mac address='{mac}'/></interface>")
    need_own_network()
    d.virsh("start", "t")
    d.virsh("domiftune", "t", mac, "--config", "--inbound", "1000,2000,64")
    d.kill()
    d.start()
    assert value(d.virsh("domiftune", "t", mac, "--config"), "inbound.peak") == "2000"
    assert value(d.virsh("domiftune", "t", mac, "--live"), "inbound.average") == "0"
    d.virsh("domiftune", "t", mac, "--live", "--inbound", "500")
    assert value(d.virsh("domiftune", "t", mac, "--live"), "inbound.average") == "500"
    d.virsh("destroy", "t")
    d.virsh("start", "t")
    assert value(d.virsh("domiftune", "t", mac), "inbound.average") == "1000"


def affinity(tid):
    return os.sched_getaffinity(tid)


def threads(d):
    """Of the QEMU: its vcpu, its iothreads, the rest."""
    pid = d.qemus()[0]
    kinds = {"vcpu": [], "io": [], "rest": []}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        kind = "vcpu" if name.startswith("CPU ") else "io" if name.startswith("IO iothread") \
            else "rest"
        kinds[kind].append(int(task.name))
    return kinds


@test
def threads_are_pinned(d):
    cpu = max(os.sched_getaffinity(0))
    everything = os.sched_getaffinity(0)
    define(d, extra=f"{TUNED}<cputune><vcpupin vcpu='0' cpuset='{cpu}'/></cputune>")
    d.virsh("start", "t")
    assert all(affinity(t) == {cpu} for t in threads(d)["vcpu"])
    assert all(affinity(t) == everything for t in threads(d)["io"])
    d.virsh("emulatorpin", "t", str(cpu), "--live")
    assert all(affinity(t) == {cpu} for t in threads(d)["rest"])
    d.virsh("iothreadpin", "t", "1", str(cpu), "--live", "--config")
    assert sorted(affinity(t) == {cpu} for t in threads(d)["io"]) == sorted(
        [True, everything == {cpu}])
    d.virsh("vcpupin", "t", "0", ",".join(map(str, sorted(everything))), "--live")
    assert all(affinity(t) == everything for t in threads(d)["vcpu"])
    # The next daemon knows the threads.
    d.kill()
    d.start()
    d.virsh("vcpupin", "t", "0", str(cpu), "--live")
    assert all(affinity(t) == {cpu} for t in threads(d)["vcpu"])
    assert re.search(rf"^ 1 +{cpu}$", d.virsh("iothreadinfo", "t"), re.M)


@test
def threads_are_scheduled(d):
    tune = ("<cputune><vcpusched vcpus='0' scheduler='rr' priority='3'/>"
            "<iothreadsched iothreads='2' scheduler='idle'/><emulatorsched scheduler='batch'/></cputune>")
    define(d, extra=TUNED + tune)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        assert "vcpu 0 the scheduler 'rr' with priority 3" in d.virsh("start", "t", status=1)
        return
    d.virsh("start", "t")
    kinds = threads(d)
    vcpu, = kinds["vcpu"]
    assert (os.sched_getscheduler(vcpu), os.sched_getparam(vcpu).sched_priority) == (os.SCHED_RR, 3)
    assert sorted(map(os.sched_getscheduler, kinds["io"])) == [os.SCHED_OTHER, os.SCHED_IDLE]
    assert {os.sched_getscheduler(tid) for tid in kinds["rest"]} == {os.SCHED_BATCH}


@test
def a_processor_that_is_not_there_is_named(d):
    define(d, extra="<cputune><vcpupin vcpu='0' cpuset='1000'/></cputune>")
    assert "pin vcpu 0 to the host's processors 1000" in d.virsh("start", "t", status=1)
    assert not d.qemus()
    define(d, "u")
    d.virsh("start", "u")
    assert "vcpu 7" in d.virsh("vcpupin", "u", "7", "0", status=1)


@test
def iothreads_come_and_go(d):
    define(d)
    d.virsh("iothreadadd", "t", "5", "--config")
    assert "using iothread_id '5'" in d.virsh("iothreadadd", "t", "5", "--config", status=1)
    ids = re.findall(r"^ (\d+) ", d.virsh("iothreadinfo", "t"), re.M)
    assert sorted(ids) == ["1", "2", "5"], ids
    d.virsh("iothreaddel", "t", "1", "--config")
    assert sorted(re.findall(r"^ (\d+) ", d.virsh("iothreadinfo", "t"), re.M)) == ["2", "5"]
    d.virsh("start", "t")
    assert "iothread.count=2" in d.virsh("domstats", "t", "--iothread")
    assert "not there yet" in d.virsh("iothreadadd", "t", "9", "--live", status=1)


@test
def single_processors_are_switched(d):
    d.virsh("define", d.write("v.xml", domain("v").replace("<vcpu>1<", "<vcpu current='1'>4<")))
    d.virsh("setvcpu", "v", "2", "--enable", "--config")
    assert re.search(r"current +config +2", d.virsh("vcpucount", "v"))
    assert "vCPU '0'" in d.virsh("setvcpu", "v", "0", "--disable", "--config", status=1)
    assert "vcpu 9" in d.virsh("setvcpu", "v", "9", "--enable", "--config", status=1)


@test
def what_becomes_of_it_can_be_changed(d):
    define(d)
    d.virsh("start", "t")
    d.virsh("set-lifecycle-action", "t", "reboot", "destroy", "--live")
    assert "<on_reboot>destroy</on_reboot>" in d.virsh("dumpxml", "t")
    assert "<on_reboot>restart</on_reboot>" in d.virsh("dumpxml", "t", "--inactive")
    d.virsh("reset", "t", status=None)  # the end may come before the answer
    wait_for(lambda: "shut off" in d.virsh("domstate", "t"))
    d.virsh("set-lifecycle-action", "t", "poweroff", "coredump-destroy", "--config", status=1)
    d.virsh("set-lifecycle-action", "t", "reboot", "preserve", "--config", status=1)
    d.virsh("set-lifecycle-action", "t", "crash", "coredump-restart", "--config")
    assert "<on_crash>coredump-restart</on_crash>" in d.virsh("dumpxml", "t")


@test
def an_agent_that_is_not_there_is_missed(d):
    agent = ("<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
             "</channel>")
    define(d)
    define(d, "a", devices=agent)
    assert "not running" in d.virsh("domfsinfo", "t", status=1)
    for name, words in (("t", "not configured"), ("a", "not connected")):
        d.virsh("start", name)
        for command in ("domfsinfo", "domtime", "domfsfreeze", "guestinfo", "domifaddr --source agent",
                        "shutdown --mode agent", "set-user-password root x"):
            argv = command.split()
            argv.insert(1, name)
            assert words in d.virsh(*argv, status=1), command
    assert "--" in d.virsh("domifaddr", "t") and "--" in d.virsh("domifaddr", "t", "--source", "arp")


@test
def the_host_tells_its_memory(d):
    assert re.search(r"4KiB: [1-9]\d*", d.virsh("freepages", "--cellno", "0", "--pagesize", "4"))
    assert "page size 5" in d.virsh("freepages", "--cellno", "0", "--pagesize", "5", status=1)
    said = d.virsh("allocpages", "2048", "0", "--cellno", "0", "--add", status=None)
    assert not said.strip() or "not available" in said or "cannot write" in said, said  # none more
    assert "out of range" in d.virsh("allocpages", "2048", "0", "--cellno", "4096", status=1)
    if pathlib.Path("/sys/kernel/mm/ksm").is_dir():
        assert "shm_pages_to_scan" in d.virsh("node-memory-tune")
        assert "read only" in d.virsh("node-memory-tune", "--shm-pages-to-scan", "100", uri=d.ro_uri,
                                      status=1)
    said = d.virsh("sysinfo", status=None)
    assert "<sysinfo type='smbios'>" in said or "SMBIOS information is not available" in said
    assert "cpu_time" in busy(d)


def busy(d):
    define(d, "b")
    d.virsh("start", "b")
    return d.virsh("cpu-stats", "b", "--total")


if QEMU:
    main()
else:
    print("1..0 # SKIP no QEMU")
