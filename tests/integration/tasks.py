"""Long work on volumes: it holds up nobody but who wants the same volume, is seen, can be ended, and leaves
nothing when it is ended, by whatever. The work is a real copy by a real qemu-img, held by SIGSTOP."""
import contextlib
import json
import os
import select
import pathlib
import random
import re
import signal
import subprocess
import time

from harness import VMSH, main, need, need_root, skip, test, wait_for
from terminal import Terminal

MIB = 1 << 20
SIZE = 160 * MIB
NEW = "<volume><name>{}</name><target><format type='{}'/></target></volume>"


LOOK_UP = """
import libvirt, sys
libvirt.open(sys.argv[1]).storagePoolLookupByName("x").storageVolLookupByName("copy")
"""


def pool(d):
    need("qemu-img")
    need("virsh")
    folder = d.root / "x"
    folder.mkdir(exist_ok=True)
    part = os.urandom(MIB)
    with open(folder / "r", "wb") as f:
        for _ in range(SIZE // MIB):
            f.write(part)
    (folder / "small").write_bytes(part)
    d.virsh("pool-create-as", "x", "dir", "--target", folder)
    return folder


def jobs(d):
    return json.loads(d.vmsh("jobs", "--json"))


def copies(d):
    """Pids of the daemon's children that copy."""
    found = []
    for pid in pathlib.Path(f"/proc/{d.pid}/task/{d.pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"qemu-img") and words[1] == b"convert":
                found.append(int(pid))
    return found


@contextlib.contextmanager
def held_copy(d, *command):
    """COMMAND, or vol-create-from, has begun; its qemu-img stands still. Gives client and pid."""
    command = command or ("virsh", "-c", d.uri, "vol-create-from", "x",
                          d.write("copy.xml", NEW.format("copy", "qcow2")), "r", "--inputpool", "x")
    client = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)
    pid = wait_for(lambda: copies(d), 30, every=0.001)[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield client, pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        client.kill()
        client.communicate()


def left(folder):
    return sorted(os.listdir(folder))


@test
def a_copy_holds_nobody_up_but_who_wants_its_volumes(d):
    folder = pool(d)
    other = d.write("other.xml", NEW.format("other", "qcow2"))
    with held_copy(d) as (client, pid):
        (job,) = jobs(d)
        assert (job["kind"], job["subject"], job["thing"], job["state"]) == ("clone", "x", "copy", "running"), job
        assert job["uid"] == os.getuid() and job["owner"].startswith("client ") and job["unit"] == "bytes"
        name = f"task '{job['id']} (clone)'"
        for words in (("pool-list",), ("pool-info", "x"), ("vol-list", "x"), ("vol-info", "r", "--pool", "x"),
                      ("vol-dumpxml", "small", "x"), ("pool-refresh", "x"), ("vol-create-as", "x", "new", "1M"),
                      ("vol-resize", "new", "2M", "--pool", "x"), ("vol-wipe", "new", "x"), ("vol-delete", "new", "x"),
                      ("vol-create-from", "x", other, "r", "--inputpool", "x"), ("vol-delete", "other", "x"),
                      ("vol-download", "r", d.root / "down", "--pool", "x", "--length", "1000")):
            d.virsh(*words, timeout=20)
        assert "copy" not in d.virsh("vol-list", "x") and "small" in d.virsh("vol-list", "x")
        for words in (("vol-delete", "r", "x"), ("vol-wipe", "r", "x"), ("vol-resize", "r", "1G", "--pool", "x"),
                      ("vol-upload", "r", "/dev/null", "--pool", "x"), ("vol-create-as", "x", "copy", "1M"),
                      ("vol-clone", "small", "copy", "--pool", "x"), ("pool-destroy", "x")):
            assert name in d.virsh(*words, status=1), words
        out = d.run("/usr/bin/python3", "-c", LOOK_UP, d.uri, status=1)
        assert f"{name} is making it" in out, out
        assert "asynchronous jobs running" in d.virsh("pool-destroy", "x", status=1)
        assert f"vmsh job-abort {job['id']}" in d.vmsh("vol-wipe", "r", "--pool", "x", status=1)
        assert re.search(rf"{job['id']} +clone +x/copy +running", d.vmsh("jobs")), d.vmsh("jobs")
        assert [j["id"] for j in jobs(d)] == [job["id"]] and client.poll() is None
        os.kill(pid, signal.SIGCONT)
        out, _ = client.communicate(timeout=60)
        assert client.returncode == 0, out
    assert jobs(d) == [] and "copy" in d.virsh("vol-list", "x")
    assert subprocess.run(["qemu-img", "compare", "-q", folder / "r", folder / "copy"]).returncode == 0
    assert left(folder) == ["copy", "r", "small"]
    d.virsh("vol-delete", "r", "x")
    d.virsh("pool-destroy", "x")


@test
def a_task_is_aborted(d):
    folder = pool(d)
    with held_copy(d) as (client, pid):
        (job,) = jobs(d)
        number = str(job["id"])
        assert "read" in d.vmsh("job-abort", number, uri=d.ro_uri, status=1)
        assert "no task 4711" in d.vmsh("job-abort", "4711", status=1)
        assert jobs(d)[0]["state"] == "running" and number in d.vmsh("jobs", uri=d.ro_uri)
        d.vmsh("job-abort", number)
        out, _ = client.communicate(timeout=60)
        assert client.returncode == 1 and f"task '{number} (clone)' was aborted by client" in out, out
    wait_for(lambda: jobs(d) == [])
    assert left(folder) == ["r", "small"] and "copy" not in d.virsh("vol-list", "x")
    d.virsh("vol-delete", "r", "x")  # nothing of it is held any more
    d.virsh("pool-destroy", "x")


@test
def a_client_may_leave(d):
    folder = pool(d)
    with held_copy(d) as (client, pid):
        client.kill()
        client.wait()
        assert [j["thing"] for j in jobs(d)] == ["copy"]
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: "copy" in d.virsh("vol-list", "x"), 60)
    assert left(folder) == ["copy", "r", "small"] and jobs(d) == []


@test
def a_killed_daemon_leaves_nothing(d):
    folder = pool(d)
    with held_copy(d) as (client, pid):
        (job,) = jobs(d)
        assert list((d.root / "run/vmd/tasks").glob("*.json"))
        d.kill()
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists())
        assert any(name.startswith(".vmd-") for name in left(folder))
        d.start()
    wait_for(lambda: left(folder) == ["r", "small"])
    wait_for(lambda: jobs(d) == [])
    assert re.search(rf"task {job['id']} \(clone\) of storage pool 'x': 'copy', of client \d+ .* is undone",
                     d.log.read_text()), d.tail()
    assert not list((d.root / "run/vmd/tasks").iterdir())
    assert "running" in d.virsh("pool-info", "x")
    d.virsh("vol-clone", "small", "copy", "--pool", "x")
    d.virsh("vol-delete", "copy", "x")


@test
def no_moment_of_a_kill_leaves_a_half(d):
    """What is under way beside each other is whole or not there, and the pool knows which."""
    folder = pool(d)
    (folder / "r").write_bytes(os.urandom(32 * MIB))
    data = d.root / "data"
    data.write_bytes(os.urandom(8 * MIB))
    os.truncate(folder / "small", 8 * MIB)  # so that an upload makes it no larger
    d.virsh("pool-refresh", "x")
    work = (("vol-create-from", "x", d.write("q.xml", NEW.format("q", "qcow2")), "r", "--inputpool", "x"),
            ("vol-create-from", "x", d.write("w.xml", NEW.format("w", "raw")), "r", "--inputpool", "x"),
            ("vol-create-as", "x", "n", "64M"), ("vol-wipe", "small", "x"),
            ("vol-upload", "small", data, "--pool", "x"), ("vol-resize", "small", "40M", "--pool", "x", "--allocate"))
    for moment in range(8):
        clients = [subprocess.Popen(["virsh", "-q", "-c", d.uri, *map(str, words)], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL) for words in random.sample(work, 3)]
        time.sleep(0.06 * moment)
        d.kill()
        for client in clients:
            client.wait(30)
        d.start()
        wait_for(lambda: not [name for name in left(folder) if name.startswith(".")])
        wait_for(lambda: not list((d.root / "run/vmd/tasks").iterdir()))
        listed = d.virsh("vol-list", "x")
        for name in ("q", "w", "n"):
            assert (folder / name).exists() == (f" {name} " in listed), (name, listed, left(folder))
            if (folder / name).exists():
                assert name == "n" or not subprocess.run(
                    ["qemu-img", "compare", "-q", folder / name, folder / "r"]).returncode, name
                d.virsh("vol-delete", name, "x")
        assert (folder / "small").stat().st_size in (8 * MIB, 40 * MIB) and left(folder) == ["r", "small"]
        os.truncate(folder / "small", 8 * MIB)
        d.virsh("pool-refresh", "x")


@test
def what_does_not_fit_says_how_much_is_missing(d):
    need_root("to mount a small file system")
    folder = pool(d)
    small = d.root / "y"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "t", small], capture_output=True).returncode:
        skip("no tmpfs can be mounted here")
    try:
        d.virsh("pool-create-as", "y", "dir", "--target", small)
        for kind in ("qcow2", "raw", "vmdk"):
            xml = f"<volume><name>copy</name><allocation>0</allocation><target><format type='{kind}'/></target></volume>"
            out = d.virsh("vol-create-from", "y", d.write("v.xml", xml), "r", "--inputpool", "x", status=1)
            missing = int(re.search(r"(\d+) are missing", out)[1])
            assert 130 * MIB < missing < 150 * MIB and "No space left" in out, out
            assert left(small) == [] and jobs(d) == []
        out = d.virsh("vol-create-as", "y", "full", "21M", status=1)
        assert re.search(r"needs 22020096 bytes, \d+ are free, \d+ are missing", out), out
        assert left(small) == []
        d.virsh("pool-destroy", "y")
    finally:
        d.end()
        subprocess.run(["umount", small], check=True)
    assert left(folder) == ["r", "small"]


@test
def bytes_on_their_way_are_a_task(d):
    pool(d)
    fifo = d.root / "fifo"
    os.mkfifo(fifo)
    client = subprocess.Popen([VMSH, "-c", d.uri, "vol-upload", "small", fifo, "--pool", "x"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with open(fifo, "wb", buffering=0) as f:
        f.write(b"u" * 500000)
        (job,) = wait_for(lambda: [j for j in jobs(d) if j["done"] >= 65536])
        assert (job["kind"], job["thing"], job["percent"]) == ("upload", "small", None), job
        name = f"task '{job['id']} (upload)'"
        for words in (("vol-delete", "small", "x"), ("vol-clone", "small", "copy", "--pool", "x"),
                      ("vol-download", "small", d.root / "down", "--pool", "x"), ("pool-destroy", "x")):
            assert name in d.virsh(*words, status=1), words
        d.virsh("vol-clone", "r", "beside", "--pool", "x")
        d.vmsh("job-abort", job["id"])
        wait_for(lambda: jobs(d) == [])
    out, _ = client.communicate(timeout=30)
    assert client.returncode == 1 and f"{name} was aborted by client" in out, out
    d.virsh("vol-delete", "small", "x")
    d.virsh("pool-destroy", "x")


@test
def a_terminal_shows_a_bar(d):
    pool(d)
    t = Terminal(VMSH, "-c", d.uri, "vol-create-from", "x", str(d.write("c.xml", NEW.format("copy", "qcow2"))), "r",
                 "--inputpool", "x")
    pid = wait_for(lambda: copies(d), 30, every=0.001)[0]
    os.kill(pid, signal.SIGSTOP)
    t.until("clone of copy [", 30)
    os.kill(pid, signal.SIGCONT)
    t.until("Vol copy created from input vol r", 60)
    assert t.status() == 0
    assert "[" not in d.vmsh("vol-clone", "small", "quick", "--pool", "x")


@test
def a_slow_download_shows_one(d):
    folder = pool(d)
    (folder / "much").write_bytes(bytes(24 << 20))
    d.vmsh("pool-refresh", "x")
    pipe = d.root / "pipe"
    os.mkfifo(pipe)
    t = Terminal(VMSH, "-c", d.uri, "vol-download", "much", str(pipe), "--pool", "x")
    seen = 0
    with open(pipe, "rb", buffering=0) as reader:
        while data := reader.read(1 << 18):
            seen += len(data)
            if "download of much [" not in t.seen and select.select([t.fd], [], [], 0.05)[0]:
                t.seen += os.read(t.fd, 4096).decode()
    assert seen == 24 << 20
    t.until("download of much [", 10)
    assert t.status() == 0


main()
