#!/usr/bin/env python3
"""The corpus beside this tree, given to a real daemon: its scores must not fall. Skips where there is
no corpus. score.py there says what each measure means."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SHARED, main, skip, test  # noqa: E402

# kind: least percentage of each measure
LEAST = {
    "domain": {"accept": 99, "reject": 97, "exact": 99, "stable": 100},
    "domainfull": {"accept": 99, "reject": 97, "exact": 99, "stable": 100},
    "device": {"accept": 99, "reject": 97, "exact": 99},
    "pool": {"accept": 99, "reject": 99, "exact": 99},
    # What is refused of volumes is encrypted.
    "volume": {"accept": 88, "reject": 99, "exact": 88},
    "mutant": {"accept": 97, "reject": 97, "exact": 97},
    "nwfilter": {"accept": 100, "reject": 100, "exact": 100, "stable": 100},
    "secret": {"accept": 100, "reject": 100, "exact": 100, "stable": 100},
    # The corpus was asked on a processor of another vendor than some hosts have: KVM then gives
    # guests other CPUID words, of libvirtd's as of ours.
    "start": {"accept": 100, "same machine": 88, "same beside CPUID": 99},
}
# measure: its count in score.py's summary, and of how many
COUNTS = {"accept": ("acc", "o_acc"), "reject": ("rej", "o_rej"), "exact": ("full", "o_acc"),
          "stable": ("stable", "o_stable"), "same machine": ("same", "o_acc"),
          "same beside CPUID": ("beside", "o_acc")}
REFUSED = ("refused", "base refused") # where the oracle accepts
NO_KVM = "domain type 'kvm': emulator '/usr/bin/qemu-system-"


def hide_swtpm():
    """The host that the corpus was asked on had no TPM to give. This mount namespace is ours alone."""
    path = shutil.which("swtpm")
    if path and os.path.exists("/etc/vmd-peer"):
        subprocess.run(["mount", "--bind", "/dev/null", path], check=True)


def scores(d, kind):
    """What score.py counted."""
    program, told = SHARED / "corpus/score.py", d.root / "scores.json"
    if not program.exists():
        skip("there is no corpus beside the tree")
    print("\n".join(f"# {line}" for line in d.run(
        "/usr/bin/python3", program, "--socket", d.socket, "--kind", kind, "--failures", "5", "--top",
        "0", "--json", told, timeout=600).splitlines()))
    counts = json.loads(told.read_text())["kinds"][0]
    if not os.path.exists("/dev/kvm"):
        leave_out_kvm(counts)
    counts["beside"] = sum(same_beside_cpuid(row) for row in counts["rows"] if row["outcome"] not in REFUSED)
    return counts


def leave_out_kvm(counts):
    """The corpus was asked on a host with KVM. One without refuses domains of type 'kvm', as libvirtd
    does there, and such a refusal says nothing of the document."""
    rows = [row for row in counts["rows"] if NO_KVM in (row.get("detail") or "")
            and row["outcome"] in REFUSED]
    print(f"# {len(rows)} of {len(counts['rows'])} need KVM, which this host has not: left out")
    assert len(rows) < len(counts["rows"]) / 4, "so many do not need it"
    for row in rows:
        counts["o_acc" if row["oracle"] else "o_rej"] -= 1


def same_beside_cpuid(row):
    paths = [diff[0] for diff in row.get("diffs", [])]
    return all(path == "cpuid" or path.startswith("domain/") for path in paths)


def add_test(kind, least):
    def score(d):
        counts, low = scores(d, kind), []
        for measure, wanted in least.items():
            got, of = (counts.get(name, 0) for name in COUNTS[measure])
            percent = 100 * got / max(of, 1)
            print(f"# {kind}: {measure} {percent:.1f} %, at least {wanted}")
            low += [measure] if percent < wanted else []
        low += [trouble for trouble in ("crash", "timeout", "lost") if counts.get(trouble)]
        assert not low, f"{kind}: {', '.join(low)}"
    score.__name__ = f"score_of_{kind}"
    test(score)


for kind_and_least in LEAST.items():
    add_test(*kind_and_least)
hide_swtpm()
main()
