#!/usr/bin/env python3
"""The scores that conf-score.py gives must not fall. Skips where there is no corpus. Prints TAP.

    corpus.py CONF_ANSWER
"""
import pathlib
import re
import subprocess
import sys

# kind: least percentage of each measure
LEAST = {
    "domain": {"accept": 99.5, "reject": 55, "dump": 98.5, "stable": 99.5},
    "domainfull": {"accept": 99.5, "dump": 99, "stable": 99.5},
    "mutant": {"accept": 97, "reject": 90, "dump": 94},
}


def main():
    score = pathlib.Path(__file__).with_name("conf-score.py")
    r = subprocess.run([sys.executable, score, "--top", "0", "--program", sys.argv[1]],
                       capture_output=True, text=True)
    if r.returncode == 77:
        print("1..0 # SKIP no corpus beside the source")
        return 0
    print(f"1..{sum(map(len, LEAST.values()))}")
    n = bad = 0
    for kind, measures in LEAST.items():
        line = next((line for line in r.stdout.splitlines() if line.split()[:1] == [kind]), "")
        for measure, least in measures.items():
            found = re.search(rf"\b{measure} +([0-9.]+)%", line)
            ok = found is not None and float(found[1]) >= least
            n, bad = n + 1, bad + (not ok)
            print(f"{'ok' if ok else 'not ok'} {n} - {kind}: {measure} "
                  f"{found[1] if found else 'not told'}, at least {least}")
    if bad:
        print("\n".join(f"# {line}" for line in r.stderr.splitlines()[-5:]))
    return bad > 0


sys.exit(main())
