#!/usr/bin/env python3
"""The same story against vmd and against libvirtd: clients must not see a difference. Needs
libvirtd and the Python binding; where they are missing the test is skipped."""
import concurrent.futures
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from harness import main, need, need_root, skip, test  # noqa: E402

# What vmd answers on purpose in another way: a prefix of the story's line, and why.
ON_PURPOSE = {
    # libvirtd asks QEMU to end itself first, whose farewell then makes an event of a shutdown that
    # no guest has done.
    "destroy:",
    "graceful destroy:",
    "destroy transient:",
    # One reset is one reboot event, not two.
    "reset:",
    # The call is described as telling whether the definition differs from what runs; it does here.
    "updated:",
}

LIBVIRTD = r"""
set -e
ip link set lo up
for d in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p $d; mount -t tmpfs t $d
done
mkdir -p /run/lock /run/libvirt /var/lib/libvirt/{images,qemu,boot} /var/cache/libvirt/qemu \
    /var/log/libvirt/qemu /var/lib/libvirt/qemu/{save,snapshot,dump,ram,nvram,channel,checkpoint}
printf 'user = "root"\ngroup = "root"\nstdio_handler = "file"\n' >/etc/libvirt/qemu.conf
libvirtd >/dev/null 2>&1 & pid=$!
for i in $(seq 200); do [ -S /run/libvirt/libvirt-sock ] && break; sleep 0.05; done
/usr/bin/python3 "$1" 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock'
kill $pid; wait $pid 2>/dev/null || true
"""


def libvirt_binding():
    if subprocess.run(["/usr/bin/python3", "-c", "import libvirt"], capture_output=True).returncode:
        skip("python3-libvirt is not installed")


def lines(text):
    return [line for line in text.splitlines() if line]


@test
def clients_see_no_difference(d):
    libvirt_binding()
    need("libvirtd")
    need("tini")
    need_root("for a libvirtd of its own")
    story = str(HERE / "story.py")
    with concurrent.futures.ThreadPoolExecutor() as both:
        ours = both.submit(d.run, "/usr/bin/python3", story, d.uri, timeout=300)
        theirs = both.submit(d.run, "unshare", "-mnpf", "--mount-proc", "--propagation", "private",
                             "tini", "-s", "--", "bash", "-c", LIBVIRTD, "-", story, timeout=300)
    ours, theirs = lines(ours.result()), lines(theirs.result())
    differ = 0
    for mine, other in zip(ours, theirs):
        if mine != other and not any(mine.startswith(p) for p in ON_PURPOSE):
            print(f"# vmd:      {mine}\n# libvirtd: {other}")
            differ += 1
    assert len(ours) == len(theirs), f"{len(ours)} lines, libvirtd has {len(theirs)}"
    assert differ == 0, f"{differ} lines differ"


main()
