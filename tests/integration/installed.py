#!/usr/bin/env python3
"""Files that the distribution has installed are of all guests, and no guest's to write: firmware first
of all."""
import os
import pathlib
import re
import shutil
import uuid

from harness import domain, firmware, main, test

UUID = uuid.uuid5(uuid.NAMESPACE_DNS, "installed")


def start(d, os_extra="", devices=""):
    text = domain("a", devices, memory=32).replace("</os>", os_extra + "</os>")
    d.vmsh("define", d.write("a.xml", text.replace("<memory", f"<uuid>{UUID}</uuid><memory", 1)))
    return d.vmsh("start", "a", "--paused", status=None)


def written(d):
    """What QEMU has open for writing, of files."""
    (pid,) = d.qemus()
    found = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        flags = int(re.search(r"flags:\s*(\d+)", pathlib.Path(
            f"/proc/{pid}/fdinfo/{entry.name}").read_text())[1], 8)
        if flags & os.O_ACCMODE != os.O_RDONLY and os.readlink(entry).startswith("/"):
            found.add(os.readlink(entry))
    return found


def code():
    return re.search(">(/usr[^<]*)<", firmware())[1]


def told(said):
    """Who has installed it is told, or, where nobody can write there anyway, that."""
    return "distribution" in said or "Read-only file system" in said


@test
def firmware_of_the_host_is_only_read(d):
    for loader in (f"<loader type='pflash'>{code()}</loader>",
                   f"<loader type='pflash' stateless='yes'>{code()}</loader>",
                   f"<loader type='pflash' readonly='yes'>{code()}</loader>", firmware()):
        assert "started" in start(d, loader), loader
        assert not [path for path in written(d) if path.startswith("/usr")], (loader, written(d))
        d.vmsh("destroy", "a")
        d.vmsh("undefine", "a", "--nvram")
    link = d.root / "link.fd"
    link.symlink_to(code())
    for loader in (f"<loader type='pflash' readonly='no'>{code()}</loader>",
                   f"<loader type='pflash' readonly='no'>{link}</loader>",
                   f"<loader type='pflash'>{link}</loader>",
                   f"<loader type='pflash' readonly='yes'>{code()}</loader><nvram>{code()}</nvram>",
                   f"<loader type='pflash' readonly='yes'>{code()}</loader>"
                   f"<nvram template='{code()}'>/usr/share/vmd-test-none.fd</nvram>"):
        said = start(d, loader)
        assert told(said) and "/usr/" in said, said
    assert not os.path.exists("/usr/share/vmd-test-none.fd")


@test
def a_copy_is_the_guests_own(d):
    """Code and variables in one file, as of old."""
    own = d.root / "own.fd"
    shutil.copy(code(), own)
    for attributes in ("", " readonly='no'"):
        assert "started" in start(d, f"<loader type='pflash'{attributes}>{own}</loader>")
        assert str(own) in written(d)
        d.vmsh("destroy", "a")
    assert "started" in start(d, f"<loader type='pflash' stateless='yes'>{own}</loader>")
    assert str(own) not in written(d)


@test
def so_it_is_with_disks(d):
    def disk(device, extra=""):
        return (f"<disk type='file' device='{device}'><driver name='qemu' type='raw'/>"
                f"<source file='{code()}'/><target dev='sda' bus='sata'/>{extra}</disk>")

    said = start(d, devices=disk("disk"))
    assert told(said), said
    for devices in (disk("cdrom"), disk("disk", "<readonly/>").replace("sata", "scsi")):
        said = start(d, devices=devices)
        assert "started" in said, said
        d.vmsh("destroy", "a")


main()
