#!/usr/bin/env python3
"""The same story against vmd and against libvirtd: clients must not see a difference. Needs
libvirtd and the Python binding; where they are missing the test is skipped."""
import concurrent.futures
import pathlib
import re
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
    # What was undefined is not there any more, also while it runs.
    "define anew while it runs:",
    # The call is described as telling whether the definition differs from what runs; it does here.
    "updated:",
}

# Of the walk: a pattern of the question, and why vmd's answer is another one.
WALK_ON_PURPOSE = {
    r"gone .*(flags| [238]( .*)?| by init| of odd key)$": "who asks about nobody is told so first",
    r"off (shutdown by init|send key of odd key|set time)$": "the same about a domain that is off",
    r"gone pm suspend of odd kind": "the same",
    r"(conn|ro) stats, enforced nonsense": "enforced is enforced",
    r"(conn|ro) cells free memory of none": "an argument out of range is one",
    r".* pm wakeup": "the state is known without asking QEMU",
    r".* monitor, broken": "an argument that is no JSON is a wrong argument",
    r"(on|ro) messages": "no privilege of QEMU taints it here, as it opens nothing itself",
    r"(on|ro) scheduler type": "the definition of a running one has parameters as well",
    r"on (set )?(scheduler|quota).*": "their count is known, then the flags are looked at",
    r"ro scheduler.*": "the same",
    r"ro addresses by 5": "an unknown source may be one that changes something",
    r"ro (stats of block|block stats with backing)": "not there yet: the threshold",
    r".* addresses by 2": "libvirtd cannot read its own kernel's answer",
    r"off stats of cpu_total": "what is off takes no time",
    r"(conn|ro) suspend for no time.*": "not there yet",
    r".* (set )?perf( events)?": "not there yet",
    r".* stats of dirtyrate": "not there yet",
    r".* (max (downtime|speed)|compression cache|backup)": "not there yet: migration, backup",
    r".* managed save (xml|remove)": "not there yet",
    r".* (block|memory) peek.*": "not there yet",
    r".* block resize of none": "not there yet",
    r"off (stats of block|block stats with backing)": "not there yet: sizes of a domain that is off",
}

# Of the questions about CPUs, likewise.
CPUS_ON_PURPOSE = {
    r".*baseline (\S+-v\d|(Skylake-Client|Cascadelake-Server|Icelake-Server)-noTSX\S*)":
        "a name of QEMU's that all use stays, also where libvirt has none like it",
    r".*baseline of (itself|host)": "likewise: the host is called by such a name",
    r"qemu baseline Icelake-Server Cascadelake-Server.*": "the nearest is one that libvirt has not",
    r"kvm baseline EPYC EPYC-Rome.*": "QEMU's Opteron_G2 has no rdtscp",
    r"baseline of one, (another arch.*|power|s390x)": "there is no emulator of it here to ask, nor CPUID",
    r"models of (ppc64|ppc64le|sparc|alpha)": "likewise; and there being none is no error",
    r"(qemu|kvm) compare.*, another arch, our model": "another architecture is another one",
    r".* (compare|baseline) for xen": "QEMU does not run Xen's guests",
    r".*feature of odd policy": "a word that is none is refused, wherever it stands",
    r".*baseline of (one|two), (match odd, custom|check odd)": "two things are wrong",
    r".*compare validated, two models": "the first one counts",
}

# Of the suites.
SUITES_ON_PURPOSE = {
    r"(transient is persistent|persistent still|on updated)": "the definition differs from what runs",
    r"persistent defined on": "what was undefined is defined anew",
    r"off (save|managed save|dump|migrate|migrate max speed|peek|signal|block (resize|pull|commit)|"
    r"snapshot|perf|dirty)": "not there yet",
    r"on messages": "no privilege of QEMU taints it here, as it opens nothing itself",
    r"console (the first|gone)": "who is put out of a console hears its end, not a failure",
    r"rename to '\.\.'": "it would name a file elsewhere",
    r"(rename to|rename) ('xxx.*|'line.*|names)": "a name is one line, and fits a file's name with its ending",
    r"name ('\.'|'xxx.*)": "the same",
    r"host .*interface.*": "the libvirtd of the tests has no driver of interfaces",
    r"host (pool sources|pool capabilities|node suspend|save image|restore)": "not there yet",
}

LIBVIRTD = r"""
set -e
ip link set lo up
for d in /run /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p $d; mount -t tmpfs t $d
done
# As open as a distribution makes it: libvirtd asks QEMU without privileges what it can do.
if [ -c /dev/kvm ] && mknod -m 666 /run/kvm c 10 232; then mount --bind /run/kvm /dev/kvm; fi
mkdir -p /run/lock /run/libvirt /var/lib/libvirt/{images,qemu,boot} /var/cache/libvirt/qemu \
    /var/log/libvirt/qemu /var/lib/libvirt/qemu/{save,snapshot,dump,ram,nvram,channel,checkpoint}
printf 'user = "root"\ngroup = "root"\nstdio_handler = "file"\nnamespaces = []\n' >/etc/libvirt/qemu.conf
libvirtd >/dev/null 2>&1 & pid=$!
for i in $(seq 200); do [ -S /run/libvirt/libvirt-sock ] && break; sleep 0.05; done
/usr/bin/python3 "$1" 'qemu+unix:///system?socket=/run/libvirt/libvirt-sock' \
    'qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro'
kill $pid; wait $pid 2>/dev/null || true
"""


def libvirt_binding():
    if subprocess.run(["/usr/bin/python3", "-c", "import libvirt"], capture_output=True).returncode:
        skip("python3-libvirt is not installed")


def lines(text):
    return [line for line in text.splitlines() if line]


def private_root():
    """unshare(1) makes nothing private where the root is no mount point: in a chroot."""
    with open("/proc/self/mountinfo") as f:
        mounted = any(line.split()[4] == "/" for line in f)
    return "private" if mounted else "unchanged"


def both(d, script):
    """What the script prints against vmd and against a libvirtd of its own."""
    libvirt_binding()
    need("libvirtd")
    need("tini")
    need_root("for a libvirtd of its own")
    script = str(HERE / script)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        ours = pool.submit(d.run, "/usr/bin/python3", script, d.uri, d.ro_uri, timeout=300)
        theirs = pool.submit(d.run, "unshare", "-mnpf", "--mount-proc", "--propagation",
                             private_root(), "tini", "-s", "--", "bash", "-c", LIBVIRTD, "-",
                             script, timeout=300)
    ours, theirs = lines(ours.result()), lines(theirs.result())
    assert len(ours) == len(theirs), f"{len(ours)} lines, libvirtd has {len(theirs)}"
    return zip(ours, theirs)


def differing(d, script, on_purpose, meaning):
    """{question: both lines} of those that do not mean the same, but for patterns of on_purpose."""
    found = {}
    for mine, other in both(d, script):
        asked = other.split(": ")[0]
        if meaning(mine) != meaning(other) and not any(re.fullmatch(p, asked) for p in on_purpose):
            found[asked] = f"# vmd:      {mine}\n# libvirtd: {other}"
    return found


def alike(d, script, on_purpose, meaning=lambda line: line):
    """The lines of a script mean the same. A libvirtd that is short of time gives answers that it does
    not give again: what differs is asked once more, and both times are printed."""
    differ = differing(d, script, on_purpose, meaning)
    if differ:
        again = differing(d, script, on_purpose, meaning)
        print(*differ.values(), "# once more:", *again.values(), sep="\n")
        differ = differ.keys() & again.keys()
    assert not differ, f"{len(differ)} lines differ"


@test
def clients_see_no_difference(d):
    differ = 0
    for mine, other in both(d, "story.py"):
        if mine != other and not any(mine.startswith(p) for p in ON_PURPOSE):
            print(f"# vmd:      {mine}\n# libvirtd: {other}")
            differ += 1
    assert differ == 0, f"{differ} lines differ"


def validated(line):
    """The rows are the schema: who asks for validation is told what a wrong value is told anyhow."""
    return re.sub(r"error (27|67|92)$", "refused", line) if " validated, " in line else line


@test
def cpus_are_told_alike(d):
    alike(d, "cpus.py", CPUS_ON_PURPOSE, validated)


def meaning(line):
    """The origin of an error is whichever part of libvirtd came across it first: left out."""
    return re.sub(r"(: error \d+) of \d+", r"\1", line)


@test
def every_call_answers_alike(d):
    alike(d, "walk.py", WALK_ON_PURPOSE, meaning)


@test
def suites_of_other_clients_see_no_difference(d):
    alike(d, "suites.py", SUITES_ON_PURPOSE)


main()
