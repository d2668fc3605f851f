#!/usr/bin/env python3
"""The cases beside this tree (../shared/cases), each set by its own runner: documents of the field, public
reports of faults, attacks. Skips where they are not there. An attack that is known to succeed stands in
OPEN: the test fails when it does not any more, so that the table shrinks."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SHARED, VMD, main, need_root, skip, test  # noqa: E402

CASES = SHARED / "cases"
OPEN = {}


def runner(kind):
    path = CASES / kind / "run.sh"
    if not path.exists():
        skip(f"there are no cases beside the tree ({path})")
    return path


def run(*words, env=None, seconds=900):
    """What the runner says, line by line; its status tells no more than that."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=seconds,
                          stdin=subprocess.DEVNULL, env=env)
    lines = (done.stdout + done.stderr).splitlines()
    print("\n".join(f"# {line}" for line in lines))
    assert any(re.match(r"\d+ of \d+ hold", line) for line in lines), "it did not come to its end"
    return lines


def numbers(lines, after):
    """Those of the cases that are named below that line."""
    found, below = [], False
    for line in lines:
        below = line == after or (below and line.startswith("  "))
        match = re.match(r"  (\d\d)-", line)
        if below and match:
            found.append(match[1])
    return found


def all_hold(lines):
    held, of = next(re.match(r"(\d+) of (\d+) hold", x).groups() for x in lines if " hold" in x)
    assert held == of and int(of) > 0, f"{held} of {of} hold"


@test
def documents_of_the_field(d):
    all_hold(run(runner("real"), "-v", d.uri))


@test
def reports_of_faults(d):
    all_hold(run(runner("bugs"), d.uri, d.socket))


@test
def attacks():
    """Each in a machine of its own."""
    need_root("for a machine of its own")
    with tempfile.TemporaryDirectory(prefix="vmd-", dir="/tmp") as seen: # builds may lie in /var/tmp, which is not
        attack = ["env", f"VMD={shutil.copy(VMD, seen)}", runner("attack")]
        lines = run(*attack)
        open_now = numbers(lines, "do not hold:")
        if open_now: # several measure times, and two ran at once
            open_now = numbers(run(*attack, "-j", "1", *open_now), "do not hold:")
    open_now, undecided = set(open_now), set(numbers(lines, "not decided here:"))
    new, held = open_now - set(OPEN), set(OPEN) - open_now - undecided
    assert not new, f"these do not hold any more: {sorted(new)}"
    assert not held, f"these hold now, and OPEN need not name them: {sorted(held)}"


main()
