#!/usr/bin/env python3
"""Pools that are file systems: made on a loop device, mounted, found again, unmounted."""
import contextlib
import os
import pathlib
import subprocess

from harness import main, need, need_root, same, skip, test, wait_for

MIB = 1 << 20


@contextlib.contextmanager
def device(d, name="disk", size=16):
    need_root("to set up a loop device")
    for program in ("losetup", "mkfs.ext2", "blkid"):
        need(program)
    path = d.root / f"{name}.img"
    with open(path, "wb") as f:
        f.truncate(size * MIB)
    done = subprocess.run(["losetup", "-f", "--show", path], capture_output=True, text=True)
    if done.returncode:
        skip(f"no loop device: {done.stderr.strip()}")
    loop = done.stdout.strip()
    try:
        yield loop
    finally:
        for line in reversed(pathlib.Path("/proc/mounts").read_text().splitlines()):
            if line.split()[0] == loop:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        subprocess.run(["losetup", "-d", loop], check=False)


def mounted(loop):
    return [line.split()[1:4] for line in pathlib.Path("/proc/mounts").read_text().splitlines()
            if line.split()[0] == loop]


def pool(d, loop, kind="ext2", name="f", more="", attributes=""):
    return d.write(f"{name}.xml", f"<pool type='fs' {attributes}><name>{name}</name>"
                                  f"<uuid>5a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0b07</uuid><source><device path='{loop}'/>"
                                  f"<format type='{kind}'/></source><target><path>{d.root}/mnt/{name}</path></target>"
                                  f"{more}</pool>")


@test
def one_is_made_mounted_and_found_again(d):
    with device(d) as loop:
        before = d.steady_inventory()
        d.virsh("pool-define", pool(d, loop))
        assert "No such file" in d.virsh("pool-start", "f", status=1) or not mounted(loop)
        d.virsh("pool-build", "f", "--no-overwrite")
        assert "has something on it" in d.virsh("pool-build", "f", "--no-overwrite", status=1)
        d.virsh("pool-build", "f", "--overwrite")
        d.virsh("pool-build", "f")  # the folder alone
        assert not mounted(loop)
        d.virsh("pool-start", "f")
        (where, kind, options), = mounted(loop)
        assert (where, kind) == (str(d.root / "mnt/f"), "ext2") and {"nodev", "nosuid", "noexec"} <= set(options.split(","))
        d.virsh("vol-create-as", "f", "v", "1M")
        assert (d.root / "mnt/f/v").stat().st_size == MIB
        assert "15." in d.virsh("pool-info", "f") or "MiB" in d.virsh("pool-info", "f")
        for how in (d.kill, d.end):
            how()
            d.start()
            assert "running" in d.virsh("pool-info", "f") and "v" in d.virsh("vol-list", "f")
        assert len(mounted(loop)) == 1
        assert "still active" in d.virsh("pool-delete", "f", status=1)
        assert "already active" in d.virsh("pool-build", "f", "--overwrite", status=1)
        d.virsh("pool-destroy", "f")
        assert not mounted(loop) and not os.listdir(d.root / "mnt/f")
        d.virsh("pool-start", "f")
        assert "v" in d.virsh("vol-list", "f")
        d.virsh("pool-destroy", "f")
        d.virsh("pool-delete", "f")
        assert not (d.root / "mnt/f").exists()
        d.virsh("pool-undefine", "f")
        (d.root / "mnt").rmdir()
        same(before, d.steady_inventory())


@test
def one_is_built_as_it_starts(d):
    with device(d) as loop:
        d.virsh("pool-create", pool(d, loop), "--build", "--overwrite")
        d.virsh("vol-create-as", "f", "v", "1M")
        d.virsh("pool-destroy", "f")
        assert not mounted(loop) and "f" not in d.virsh("pool-list", "--all").split()
        d.virsh("pool-define", pool(d, loop))
        assert "has something on it" in d.virsh("pool-start", "f", "--build", "--no-overwrite", status=1)
        assert not mounted(loop)
        d.virsh("pool-start", "f", "--build")
        assert "v" in d.virsh("vol-list", "f")
        d.virsh("pool-destroy", "f")
        d.virsh("pool-start", "f", "--build", "--overwrite")
        assert "v" not in d.virsh("vol-list", "f").split()
        d.virsh("pool-destroy", "f")


@test
def what_cannot_be_mounted(d):
    with device(d) as loop:
        (d.root / "mnt/f").mkdir(parents=True)
        d.virsh("pool-define", pool(d, loop, kind="auto"))
        before = d.steady_inventory()
        said = d.virsh("pool-start", "f", status=1)
        assert "mount: " in said and "'f'" in said, said
        assert "does not say which file system" in d.virsh("pool-build", "f", "--overwrite", status=1)
        same(before, d.steady_inventory())
        subprocess.run(["mkfs.ext2", "-q", loop], check=True)
        d.virsh("pool-define", pool(d, loop, more="<fs:mount_opts><fs:option name='nonsense'/></fs:mount_opts>",
                                    attributes="xmlns:fs='http://libvirt.org/schemas/storagepool/fs/1.0'"))
        d.virsh("pool-start", "f", status=1)
        assert not mounted(loop)
        d.virsh("pool-define", pool(d, loop, kind="auto"))
        subprocess.run(["mount", "-t", "tmpfs", "other", d.root / "mnt/f"], check=True)
        assert "'other' mounted" in d.virsh("pool-start", "f", status=1)
        subprocess.run(["umount", d.root / "mnt/f"], check=True)
        subprocess.run(["mount", loop, d.root / "mnt/f"], check=True)
        d.virsh("pool-start", "f")  # the mount of another stays
        d.virsh("pool-destroy", "f")
        assert len(mounted(loop)) == 1
        d.virsh("pool-start", "f")
        subprocess.run(["umount", d.root / "mnt/f"], check=True)
        assert "nothing is mounted" in d.virsh("pool-refresh", "f", status=1)
        d.kill()
        d.start()
        wait_for(lambda: "inactive" in d.virsh("pool-info", "f"))
        body = ("<pool type='netfs'><name>n</name><source><host name='127.0.0.1'/><dir path='/x'/>"
                f"<format type='cifs'/></source><target><path>{d.root}/mnt/f</path></target></pool>")
        d.virsh("pool-undefine", "f")
        d.virsh("pool-define", d.write("n.xml", body))
        said = d.virsh("pool-start", "n", status=1)
        assert "mount.cifs" in said, said


@test
def a_guest_holds_its_file_system(d):
    need("qemu-system-x86_64")
    with device(d) as loop:
        d.virsh("pool-create", pool(d, loop), "--build", "--overwrite")
        d.virsh("vol-create-as", "f", "v", "1M")
        d.virsh("create", d.write("g.xml", "<domain type='qemu'><name>guest</name><memory unit='MiB'>32</memory><os>"
                                  "<type arch='x86_64'>hvm</type></os><devices><disk type='volume' device='disk'>"
                                  "<driver name='qemu' type='raw'/><source pool='f' volume='v'/>"
                                  "<target dev='vda' bus='virtio'/></disk></devices></domain>"))
        said = d.virsh("pool-destroy", "f", status=1)
        assert "in use by domain 'guest'" in said and len(mounted(loop)) == 1, said
        d.virsh("destroy", "guest")
        with open(d.root / "mnt/f/v"):  # not a guest: it keeps what it has
            d.virsh("pool-destroy", "f")
            assert not mounted(loop)
        d.virsh("pool-list")


main()
