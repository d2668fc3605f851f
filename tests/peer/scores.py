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
    "mutant": {"accept": 97, "reject": 97, "exact": 97},
    # The corpus was asked on a processor of another vendor than some hosts have: KVM then gives
    # guests other CPUID words, of libvirtd's as of ours.
    "start": {"accept": 100, "same machine": 88, "same beside CPUID": 99},
}
# measure: its count in score.py's summary, and of how many
COUNTS = {"accept": ("acc", "o_acc"), "reject": ("rej", "o_rej"), "exact": ("full", "o_acc"),
          "stable": ("stable", "o_stable"), "same machine": ("same", "o_acc"),
          "same beside CPUID": ("beside", "o_acc")}


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
    counts["beside"] = sum(same_beside_cpuid(row) for row in counts["rows"])
    return counts


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
