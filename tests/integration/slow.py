"""Slow files cost nobody anything: a folder of many, one on a server that does not answer, images on
it. Reads of all others stay quick beside them, and what hangs is marked and comes back."""
import contextlib
import os
import pathlib
import signal
import subprocess
import threading
import time

import rpc
from harness import VMSH, domain, firmware, main, skip, stopped, test, wait_for
from slowness import check_quick, connect, libvirt, meanwhile, mounted

MANY = 30000
POOL = "<pool type='dir'><name>{}</name><target><path>{}</path></target></pool>"
RUNNING, INACCESSIBLE = 2, 4
DOMAIN_CREATE, BLOCK_INFO = 9, 194
SYNC_MS = 200
# More than there are workers for errands.
CROWD = 70


def folder(d, name, count):
    path = d.root / name
    path.mkdir()
    for i in range(count):
        (path / f"file-{i}").write_bytes(b"x")
    return path


def check_reads(d, c, path, pool):
    """Everybody's reads, and look-ups of volumes of that pool and of none."""
    dom, p = c.lookupByName("well"), c.storagePoolLookupByName(pool)
    volume = p.storageVolLookupByName("file-7")
    reads = {
        "host": [c.getHostname],
        "domains": [dom.info, dom.state, lambda: dom.XMLDesc(0), c.listAllDomains],
        "pools": [p.info, lambda: p.XMLDesc(0), c.listAllStoragePools, p.isActive],
        "volumes by name": [lambda: p.storageVolLookupByName("file-8")],
        "volumes by path": [lambda: c.storageVolLookupByPath(f"{path}/file-9")],
        "volumes by key": [lambda: c.storageVolLookupByKey(f"{path}/file-9"), volume.path],
        "no volume": [lambda: c.storageVolLookupByPath(f"{path}/nothing"),
                      lambda: c.storageVolLookupByPath("/nowhere/nothing")],
        "a volume": [volume.info, lambda: volume.XMLDesc(0)],
    }
    for what, calls in reads.items():
        for call in calls if what != "no volume" else []:
            call()
        check_quick(d, what, calls)


def state(c, name):
    return c.storagePoolLookupByName(name).info()[0]


@contextlib.contextmanager
def slow_disk(d):
    """The daemon's disk takes SYNC_MS to confirm what was written."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", d.root], capture_output=True, text=True).stdout
    if kind.strip() in ("tmpfs", "ramfs"):
        skip("the tests' folder is in memory, where nothing is confirmed")
    library = pathlib.Path(os.environ["VMD_TEST_BUILD"]) / "tests/fake/slow-disk.so"
    options = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    d.end()
    d.start(LD_PRELOAD=str(library), VMD_TEST_SYNC_MS=str(SYNC_MS), ASAN_OPTIONS=options)
    yield
    d.end()
    d.start()


NETWORK = "<network><name>{0}</name><bridge name='slow{0}'/></network>"
FILTER = "<filter name='{}'><rule action='drop' direction='in'/></filter>"
SECRET = "<secret><usage type='ceph'><name>{}</name></usage></secret>"


def define_and_undefine(c):
    """Definitions of five kinds, each change of which waits for the disk."""
    start = time.monotonic()
    name = f"d{threading.get_ident()}"
    dom = c.defineXML(domain(name))
    dom.setMetadata(libvirt.VIR_DOMAIN_METADATA_TITLE, "slow", None, None,
                    libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    dom.setAutostart(1)
    dom.setAutostart(0)
    dom.undefine()
    net = c.networkDefineXML(NETWORK.format(str(threading.get_ident())[-6:]))
    net.setAutostart(1)
    net.setAutostart(0)
    net.update(libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, libvirt.VIR_NETWORK_SECTION_DNS_TXT, -1,
               "<txt name='slow' value='disk'/>", libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG)
    net.undefine()
    rules = c.nwfilterDefineXML(FILTER.format(name))
    rules.undefine()
    secret = c.secretDefineXML(SECRET.format(name))
    secret.setValue(b"a word")
    secret.undefine()
    pool = c.storagePoolDefineXML(POOL.format(name, "/nowhere"))
    pool.undefine()
    assert time.monotonic() - start > 14 * SYNC_MS / 1000, "nothing waited for the disk"


@test
def reads_stay_quick_beside_changes_on_a_slow_disk(d):
    connect(d).close()
    with slow_disk(d):
        c = connect(d)
        dom = c.defineXML(domain("well"))
        done = []
        with meanwhile(d, lambda c: done.append(define_and_undefine(c))), \
                meanwhile(d, lambda c: done.append(define_and_undefine(c))):
            wait_for(lambda: done, 60)
            check_quick(d, "reads", [c.getHostname, dom.info, c.listAllDomains, c.listAllNetworks,
                                     lambda: dom.XMLDesc(0), c.listAllStoragePools])
        assert [x.name() for x in c.listAllDomains()] == ["well"]
        c.close()


@test
def what_was_answered_is_on_disk(d):
    """A define that was under way when the daemon died is there in full or not at all."""
    with slow_disk(d):
        c = connect(d)
        c.defineXML(domain("answered"))
        other = subprocess.Popen([VMSH, "-c", d.uri, "define", d.write("x.xml", domain("unanswered"))],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder = d.root / "etc/vmd/qemu"
        wait_for(lambda: [p for p in folder.iterdir() if p.name.endswith(".new")])
        d.kill()
        other.wait(20)
        c.close()
        d.start()
        names = d.vmsh("list", "--all", "--name").split()
        assert names in (["answered"], ["answered", "unanswered"]), names
        assert not [p for p in folder.iterdir() if p.name.endswith(".new")]


@test
def reads_stay_quick_beside_a_large_folder(d):
    c = connect(d)
    d.vmsh("define", d.write("well.xml", domain("well")))
    path = folder(d, "large", MANY)
    pool = c.storagePoolCreateXML(POOL.format("large", path))
    assert pool.numOfVolumes() == MANY
    with meanwhile(d, lambda other: other.storagePoolLookupByName("large").refresh(0)):
        check_reads(d, c, path, "large")
    c.close()


@test
def reads_stay_quick_beside_a_folder_that_hangs(d):
    c = connect(d)
    d.vmsh("define", d.write("well.xml", domain("well")))
    near = folder(d, "near", 10)
    with mounted(d) as (path, server):
        c.storagePoolCreateXML(POOL.format("far", path))
        c.storagePoolCreateXML(POOL.format("near", near))
        with stopped(server):
            with meanwhile(d, lambda other: other.storagePoolLookupByName("far").refresh(0)):
                wait_for(lambda: state(c, "far") == INACCESSIBLE, 5)
                check_reads(d, c, path, "far")
                check_reads(d, c, near, "near")
                c.storagePoolLookupByName("near").refresh(0)
                assert state(c, "near") == RUNNING
                os.kill(server, signal.SIGCONT)
        wait_for(lambda: state(c, "far") == RUNNING, 10)
        c.storagePoolLookupByName("far").refresh(0)
        assert "does not answer" in d.log.read_text() and "answers again" in d.log.read_text()
        c.close()


@test
def a_start_that_hangs_can_be_ended(d):
    c = connect(d)
    near = folder(d, "near", 1)
    with mounted(d) as (path, server):
        pool = c.storagePoolDefineXML(POOL.format("far", path))
        with stopped(server):
            starting = subprocess.Popen(["virsh", "-c", d.uri, "pool-start", "far"],
                                        stderr=subprocess.PIPE, text=True)
            wait_for(lambda: state(c, "far") == INACCESSIBLE, 5)
            begun = time.monotonic()
            c.storagePoolCreateXML(POOL.format("near", near))
            pool.destroy()
            assert time.monotonic() - begun < 2
            assert "outranks" in starting.communicate(timeout=10)[1]
            assert not pool.isActive()
        wait_for(lambda: state(c, "far") == 0, 10)
        pool.create(0)
        assert pool.numOfVolumes() == 10
        c.close()


@test
def a_daemon_starts_beside_a_folder_that_hangs(d):
    c = connect(d)
    with mounted(d) as (path, server):
        pool = c.storagePoolDefineXML(POOL.format("far", path))
        pool.create(0)
        pool.setAutostart(1)
        c.close()
        with stopped(server):
            d.kill()
            begun = time.monotonic()
            d.start()
            assert time.monotonic() - begun < 10
            c = libvirt.open(d.uri)
            pool = c.storagePoolLookupByName("far")
            assert pool.isActive() and state(c, "far") == INACCESSIBLE
            assert pool.numOfVolumes() == 0
        wait_for(lambda: pool.numOfVolumes() == 10, 10)
        assert state(c, "far") == RUNNING
        c.close()


@test
def what_is_beside_the_images_holds_nobody_up(d):
    """The state of a TPM, and the variables of a firmware."""
    c = connect(d)
    with mounted(d) as (path, server):
        tpm = (f"<tpm model='tpm-crb'><backend type='emulator' version='2.0'><source type='dir' path='{path}'/>"
               "</backend></tpm>")
        c.defineXML(domain("sealed", tpm))
        loader = firmware().partition("<nvram")[0]
        c.defineXML(domain("varied").replace("</os>", f"{loader}<nvram>{path}/file-1</nvram></os>"))
        with stopped(server):
            waiting = [subprocess.Popen([VMSH, "-c", d.uri, *words], stderr=subprocess.PIPE, text=True)
                       for words in (("start", "sealed"), ("undefine", "varied", "--nvram"))]
            wait_for(lambda: state_of(c, "sealed") != libvirt.VIR_DOMAIN_SHUTOFF)
            check_quick(d, "beside a TPM and variables that hang", [c.getHostname, c.listAllDomains])
            assert all(process.poll() is None for process in waiting)
            c.lookupByName("sealed").destroy()
        said = [process.communicate(timeout=20)[1] for process in waiting]
        assert "file-1" in said[1] and "varied" in [x.name() for x in c.listAllDomains()], said
        c.close()


def state_of(c, name):
    return c.lookupByName(name).state()[0]


def domain_ref(c, name):
    return rpc.string(name) + c.lookupByName(name).UUID() + b"\xff\xff\xff\xff"


@test
def images_that_hang_keep_nobody_from_starting(d):
    c = connect(d)
    disk = "<disk type='file'><source file='{}/file-1'/><target dev='sda' bus='sata'/></disk>"
    d.vmsh("define", d.write("well.xml", domain("well")))
    with mounted(d) as (path, server):
        for i in range(CROWD):
            c.defineXML(domain(f"hung-{i}", disk.format(path)))
        clients = [rpc.Client(d.socket) for _ in range(CROWD // 5)]
        with stopped(server):
            for i in range(CROWD):
                clients[i // 5].send(DOMAIN_CREATE, domain_ref(c, f"hung-{i}"))  # no answer is waited for
            asking = rpc.Client(d.socket)
            for _ in range(5):
                asking.send(BLOCK_INFO, domain_ref(c, "hung-0") + rpc.string("sda") + b"\0\0\0\0")
            begun = time.monotonic()
            d.vmsh("start", "well", "--paused")
            assert time.monotonic() - begun < 10
            d.vmsh("destroy", "well")
            check_quick(d, "beside starts that hang", [c.getHostname, c.listAllDomains])
            for i in range(CROWD):
                c.lookupByName(f"hung-{i}").destroy()
        assert all(asking.read().serial for _ in range(5))
        for client in (*clients, asking):
            client.socket.close()
        wait_for(lambda: not c.listAllDomains(1), 20)
        c.close()


main()
