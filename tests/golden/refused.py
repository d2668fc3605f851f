#!/usr/bin/env python3
"""Each row of what a start refuses refuses its document, by name and line, and not the one beside it;
and docs/refused.md lists the rows. Prints TAP.

    refused.py REFUSED_ANSWER VMD
"""
import collections
import pathlib
import subprocess
import sys

from golden import TOP, Tap
from refused_samples import SAMPLES, document, name_and_lines


def rows_of(vmd):
    """(path, which of several of that path, why), as the daemon lists them."""
    seen = collections.Counter()
    for line in subprocess.run([vmd, "--list-refused"], capture_output=True, text=True,
                               check=True).stdout.splitlines():
        path, why = line.split("\t")
        yield path, seen[path], why
        seen[path] += 1


def asked(program, text):
    p = subprocess.run([program], input=text, capture_output=True, text=True)
    return p.stdout.strip() if p.returncode == 0 else f"the sample cannot be read: {p.stderr}"


def trouble(program, path, why, refused, others):
    text = document("x", **refused)
    says = asked(program, text)
    if "other" in refused:  # another row comes first: without that one this one refuses
        text = text.replace("<memory mode='restrictive'", "<memory mode='strict'")
        says = asked(program, text)
    name, lines = name_and_lines(path, text)
    if not any(says.endswith(f"{why} (line {line})") for line in lines) or name not in says:
        return f"expected {name} and one of lines {lines}: {says or 'not refused'}"
    said = [asked(program, document("x", **other)) for other in others]
    return "" if not any(said) else f"also refused: {said}"


def listed(vmd):
    page = (TOP / "docs/refused.md").read_text().splitlines()
    want = [f"| `{path}` | {why} |" for path, _, why in rows_of(vmd)]
    have = [line for line in page if line.startswith("| `")]
    return "" if list(dict.fromkeys(want)) == have else "\n".join(dict.fromkeys(want))


def main():
    program, vmd = sys.argv[1:3]
    tap = Tap()
    rows = list(rows_of(vmd))
    for path, nth, why in rows:
        samples = SAMPLES.get((path, nth))
        tap.say(f"{path} {nth}", trouble(program, path, why, samples[0], samples[1:]) if samples
                else "no sample in refused_samples.py")
    left = set(SAMPLES) - {(path, nth) for path, nth, _ in rows}
    tap.say("every sample has its row", f"no row: {sorted(left)}" if left else "")
    tap.say("docs/refused.md", listed(vmd))
    print(f"1..{tap.n}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
