#!/usr/bin/env python3
"""What a libvirt host has defined is taken over: said first, then done, then done no more; and its own
files are as they were."""
import base64
import hashlib
import json
import os
from pathlib import Path

from harness import main, test

NOTE = "<!--\nWARNING: THIS FILE IS MADE BY A PROGRAM.\n-->\n"
U = "4f3c2a10-0000-4000-8000-0000000000{:02d}"
KINDS = ("filter", "secret", "network", "pool", "domain")


def same(got, want):
    assert got == want, f"{got}\nis not\n{want}"


def domain(name, n, devices="", more=""):
    return (f"<domain type='qemu'><name>{name}</name><uuid>{U.format(n)}</uuid><memory unit='KiB'>65536"
            f"</memory><vcpu placement='static'>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>"
            f"{more}<devices>{devices}</devices></domain>")


def network(name, n, third):
    return (f"<network><name>{name}</name><uuid>{U.format(n)}</uuid><forward mode='nat'/>"
            f"<bridge name='virbr{n}' stp='on' delay='0'/><mac address='52:54:00:00:00:{n:02d}'/>"
            f"<ip address='192.168.{third}.1' netmask='255.255.255.0'><dhcp>"
            f"<range start='192.168.{third}.2' end='192.168.{third}.254'/></dhcp></ip></network>")


def pool(name, n, path):
    return f"<pool type='dir'><name>{name}</name><uuid>{U.format(n)}</uuid><target><path>{path}</path></target></pool>"


MAC = "<rule action='drop' direction='out' priority='500'><mac match='no' srcmacaddr='$MAC'/></rule>"


def filter_of(name, n, rules):
    return f"<filter name='{name}' chain='root'><uuid>{U.format(n)}</uuid>{rules}</filter>"


def tree(d):
    """A host of libvirt's, of twenty definitions: files by their paths."""
    drive = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{d.root}/web.qcow2'/>"
             "<target dev='vda' bus='virtio'/></disk>")
    tpm = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    nvram = (f"<os><type machine='q35'>hvm</type><loader readonly='yes' type='pflash'>{d.root}/CODE.fd</loader>"
             f"<nvram template='{d.root}/VARS.fd'>{d.root}/lib/qemu/nvram/uefi_VARS.fd</nvram></os>")
    (d.root / "CODE.fd").write_bytes(bytes(4096))
    (d.root / "VARS.fd").write_bytes(bytes(4096))
    uefi = domain("uefi", 23, more="<features><acpi/></features>")
    uefi = uefi[:uefi.index("<os>")] + nvram + uefi[uefi.index("</os>") + 5:]
    return {
        "nwfilter/no-mac-spoofing.xml": filter_of("no-mac-spoofing", 10, MAC),
        "nwfilter/clean-traffic.xml": filter_of("clean-traffic", 11, "<filterref filter='no-mac-spoofing'/>"),
        "nwfilter/ours.xml": filter_of("ours", 12, "<rule action='drop' direction='out'><tcp dstportstart='25'/></rule>"),
        f"secrets/{U.format(13)}.xml": f"<secret ephemeral='no' private='no'><uuid>{U.format(13)}</uuid>"
                                       "<usage type='ceph'><name>client.vm secret</name></usage></secret>",
        f"secrets/{U.format(13)}.base64": base64.b64encode(b"a key\0of bytes").decode(),
        f"secrets/{U.format(14)}.xml": f"<secret ephemeral='no' private='yes'><uuid>{U.format(14)}</uuid></secret>",
        "qemu/networks/default.xml": network("default", 15, 177),
        "qemu/networks/lab.xml": network("lab", 16, 178),
        "qemu/networks/busy.xml": network("busy", 17, 179),
        "storage/images.xml": pool("images", 18, d.root / "images"),
        "storage/taken.xml": pool("taken", 19, d.root / "other"),
        "qemu/web.xml": domain("web", 20, drive),
        "qemu/snap.xml": domain("snap", 21),
        "qemu/sealed.xml": domain("sealed", 22, tpm),
        "qemu/uefi.xml": uefi,
        "qemu/running.xml": domain("running", 24),
        "qemu/saved.xml": domain("saved", 25),
        "qemu/lxc.xml": domain("lxc", 26).replace("type='qemu'", "type='lxc'"),
        "qemu/torn.xml": domain("torn", 27)[:100],
        "qemu/odd.xml": network("odd", 28, 180),
        "qemu/empty.xml": "",
        "qemu/twin.xml": domain("twin", 29),
    }


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def prepare(d):
    etc = d.root / "libvirt"
    for name, text in tree(d).items():
        write(etc / name, text if name.endswith("base64") or not text else NOTE + text)
    for mark in ("qemu/autostart/web.xml", "qemu/networks/autostart/default.xml", "storage/autostart/images.xml"):
        (etc / mark).parent.mkdir(exist_ok=True)
        (etc / mark).symlink_to(etc / mark.replace("autostart/", ""))
    for name in ("one", "two"):
        write(d.root / f"lib/qemu/snapshot/snap/{name}.xml", "<domainsnapshot/>")
    (d.root / f"lib/swtpm/{U.format(22)}/tpm2").mkdir(parents=True)
    write(d.root / "lib/qemu/save/saved.save", "memory")
    write(d.root / "libvirt-run/qemu/running.pid", str(os.getpid()))
    write(d.root / "libvirt-run/qemu/web.pid", "4194305")  # over the largest there can be
    write(d.root / "libvirt-run/network/busy.xml", "<networkstatus/>")
    d.vmsh("nwfilter-define", d.write("mac.xml", filter_of("no-mac-spoofing", 41, MAC)))
    d.vmsh("nwfilter-define", d.write("clean.xml", filter_of("clean-traffic", 42, MAC)))
    d.vmsh("pool-define", d.write("taken.xml", pool("taken", 40, d.root / "mine")))
    d.vmsh("define", d.write("twin.xml", domain("two", 29)))


def adopt(d, *options, status=1):
    out = json.loads(d.vmsh("adopt", "--etc", d.root / "libvirt", "--state", d.root / "lib", "--run",
                            d.root / "libvirt-run", "--json", *options, status=status))
    return {f"{row['kind']} {row['name']}": (row["state"], row["remarks"] or "") for row in out}, \
        [row["kind"] for row in out]


def seen(folder):
    return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_mode,
                     hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "")
            for p in sorted(Path(folder).rglob("*"))}


def here(d):
    return (d.vmsh("list", "--all", "--name"), d.vmsh("net-list", "--all", "--name"), d.vmsh("secret-list"),
            d.vmsh("pool-list", "--all", "--name"), d.vmsh("nwfilter-list"))


LEFT = {
    "network busy": "is active under libvirtd; stop it there first (virsh net-destroy busy)",
    "pool taken": "another pool of that name is here",
    "domain running": "runs under libvirtd; shut it down there first (virsh shutdown running)",
    "domain saved": "lib/qemu/save/saved.save; start it under libvirtd, or drop that (virsh managedsave-remove",
    "domain lxc": "lxc",
    "domain torn": "this is no XML: line 4",
    "domain odd": "this is no document of a domain",
    "domain empty": "this is no XML",
    "domain twin": "its UUID is that of domain 'two' here",
}
TAKEN = {
    "filter ours": "",
    f"secret {U.format(13)}": "with its value",
    f"secret {U.format(14)}": "has no value",
    "network default": "autostart",
    "network lab": "",
    "pool images": "autostart",
    "domain web": "autostart",
    "domain snap": "2 snapshots stay in",
    "domain sealed": "its TPM begins anew; what libvirt's has sealed is in",
    "domain uefi": "",
}
HERE = {"filter no-mac-spoofing": "", "filter clean-traffic": "its rules differ from those here, which stay"}


def expect(rows, **states):
    """Of each row what it says; none is forgotten, and there are no others."""
    for state, expected in states.items():
        for name, part in expected.items():
            got = rows.get(name)
            assert got and got[0] == state.replace("_", " ") and part in got[1] and bool(part) == bool(got[1]), (name, got)
    same(set(rows), {name for expected in states.values() for name in expected})


@test
def a_host_is_taken_over(d):
    if "default" in d.vmsh("net-list", "--all", "--name"):
        d.vmsh("net-undefine", "default")
    prepare(d)
    before, theirs = here(d), (seen(d.root / "libvirt"), seen(d.root / "lib"), seen(d.root / "libvirt-run"))
    rows, kinds = adopt(d)
    same(here(d), before)
    same(kinds, sorted(kinds, key=KINDS.index))
    expect(rows, left=LEFT, to_take=TAKEN, is_here=HERE)

    rows, _ = adopt(d, "--apply")
    expect(rows, left=LEFT, taken=TAKEN, is_here=HERE)
    assert "web.qcow2" in d.vmsh("dumpxml", "web") and "uefi_VARS.fd" in d.vmsh("dumpxml", "uefi")
    for listing in (("list",), ("net-list",), ("pool-list",)):
        names = d.vmsh(*listing, "--all", "--autostart", "--name").split()
        same(names, {"list": ["web"], "net-list": ["default"], "pool-list": ["images"]}[listing[0]])
    same(base64.b64decode(d.vmsh("secret-get-value", U.format(13))), b"a key\0of bytes")
    same(d.vmsh("domuuid", "web").strip(), U.format(20))
    assert "25" in d.vmsh("nwfilter-dumpxml", "ours")

    after = here(d)
    rows, _ = adopt(d, "--apply")
    expect(rows, left=LEFT, is_here={**{name: rows[name][1] for name in TAKEN}, **HERE})
    same(here(d), after)
    same((seen(d.root / "libvirt"), seen(d.root / "lib"), seen(d.root / "libvirt-run")), theirs)


@test
def no_libvirt_is_said(d):
    out = d.vmsh("adopt", "--etc", d.root / "nowhere", status=1)
    assert "libvirt's definitions are not there" in out and "nowhere" in out, out
    (d.root / "empty").mkdir()
    d.vmsh("adopt", "--etc", d.root / "empty", status=0)


if __name__ == "__main__":
    main()
