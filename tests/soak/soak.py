#!/usr/bin/env python3
"""Nothing grows: the daemon's memory and descriptors after tens of thousands of calls. Runs on a
build without sanitizers, which keep what was freed."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import domain, main, skip, test  # noqa: E402

try:
    import libvirt
    libvirt.registerErrorHandler(lambda *_: None, None)
except ImportError:
    libvirt = None

BAD_CALLS = int(os.environ.get("VMD_SOAK_BAD", "100000"))
DEFINES = int(os.environ.get("VMD_SOAK_DEFINES", "10000"))
STARTS = int(os.environ.get("VMD_SOAK_STARTS", "500"))
SLACK_KIB = 1024


def rss_kib(d):
    status = pathlib.Path(f"/proc/{d.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def connect(d):
    if libvirt is None:
        skip("python3-libvirt is not installed")
    if d.is_sanitized():
        skip("a sanitizer keeps what was freed")
    return libvirt.open(d.uri)


def same_size(d, what, warm_up, times):
    """WHAT(i), some times to warm up and then TIMES more, must not make the daemon grow."""
    for i in range(warm_up):
        what(i)
    rss, fds = rss_kib(d), d.kept_descriptors()
    for i in range(times):
        what(i)
    grown = rss_kib(d) - rss
    print(f"# {times} times: resident {rss} KiB, {grown:+d} KiB")
    assert grown < SLACK_KIB, f"grew by {grown} KiB"
    assert d.kept_descriptors() == fds, f"{fds} became {d.kept_descriptors()}"


@test
def bad_calls(d):
    c = connect(d)
    wrong = ["<domain", "<domain type='qemu'><name>x</name></domain>", "", "<a/>" * 3,
             domain("x").replace("q35", "pdp11"),
             domain("x", "<disk type='file'><target dev='vda' bus='warp'/></disk>"),
             domain("x").replace(">64<", ">much<")]

    def call(i):
        try:
            if i % 8 == 7:
                c.lookupByName(f"nobody-{i}")
            else:
                c.defineXML(wrong[i % 8 % len(wrong)])
        except libvirt.libvirtError:
            return
        raise AssertionError("a bad call was taken")
    same_size(d, call, 2000, BAD_CALLS)


@test
def define_and_undefine(d):
    c = connect(d)
    text = domain("x", "<serial type='pty'/><interface type='user'/>")
    same_size(d, lambda i: c.defineXML(text).undefine(), 500, DEFINES)


@test
def start_and_destroy(d):
    c = connect(d)
    dom = c.defineXML(domain("x", "<serial type='pty'/>"))

    def call(i):
        dom.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        dom.destroy()
    same_size(d, call, 20, STARTS)


main()
