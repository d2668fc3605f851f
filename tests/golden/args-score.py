#!/usr/bin/env python3
"""Compares command lines with libvirtd's: of every document that it stored, the dump goes to
args_golden and its options are compared with those of domxml-to-native.

    tests/golden/args-score.py build/tests/golden/args_golden [--only REGEX] [--top N]

The corpus is looked for in ../shared/corpus beside the source (or $VMD_CORPUS); exit 77 (skip) when
it is not there. What differs by design is left out: the master key, the monitor, host-model (the
oracle had another CPU), MACs and ids that are made up anew each time.
"""
import argparse
import collections
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
LEAST = 0.95


def corpus_dir():
    names = [os.environ.get("VMD_CORPUS", "")]
    up = TOP
    for _ in range(3):
        up = os.path.dirname(up)
        names.append(os.path.join(up, "shared", "corpus"))
    return next((n for n in names if n and os.path.exists(os.path.join(n, "score.py"))), None)


def masked(text):
    text = re.sub(r'"fd":"\d+"|fd=\d+|fds=[\d:]+', "FD", text)
    text = re.sub(r"base=\d{4}-\d\d-\d\dT[\d:]+", "base=*", text)
    text = re.sub(r"52:54:00(:[\da-f]{2}){3}", "MAC", text)
    text = re.sub(r'"guid":"[^"]*"', '"guid":"*"', text)
    # Folders of our own choice: runtime, state.
    text = re.sub(r"(path=|vnc=unix:|\"(?:mem-)?path\":\")/(var|run)/[^,\"]*/", r"\1*/", text)
    return text


def options(words):
    out, cur = collections.Counter(), []
    for word in words + ["-"]:
        if word.startswith("-") and cur and not re.match(r"-\d", word):
            out[masked(" ".join(cur))] += 1
            cur = []
        cur.append(word)
    for text in list(out):
        if "masterKey0" in text or text.startswith("-chardev socket,id=charmonitor"):
            del out[text]
    return out


def answers(program, files):
    """The words of args_golden for each file."""
    out = subprocess.run([program, os.path.join(HERE, "emulators"), "--native", *files],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    got, cur = {}, None
    for line in out.splitlines():
        if line.startswith("### "):
            cur = got.setdefault(line[4:], [])
        else:
            cur.append(line)
    return got


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("--only", default="")
    p.add_argument("--top", type=int, default=20)
    a = p.parse_args()
    corpus = corpus_dir()
    if not corpus:
        print("no corpus beside the source")
        return 77
    with tempfile.TemporaryDirectory() as work:
        want = {}
        for kind in ("domain", "domainfull"):
            for line in open(os.path.join(corpus, kind, "oracle.jsonl")):
                row = json.loads(line)
                native = row.get("native") or {}
                if not native.get("accepted") or not re.search(a.only, row["name"]) \
                        or "host-model" in row["dump"]:
                    continue
                name = os.path.join(work, kind + "-" + row["name"] + ".xml")
                open(name, "w").write(row["dump"])
                want[name] = options(shlex.split(native["argv"])[1:])
        got = answers(a.program, list(want))
    equal, ours, theirs = 0, collections.Counter(), collections.Counter()
    for name, w in want.items():
        g = options(sum((line.split(" ", 1) for line in got.get(name, [])), [])[1:])
        equal += w == g
        for text in (w - g):
            theirs[text, os.path.basename(name)] += 1
        for text in (g - w):
            ours[text, os.path.basename(name)] += 1
    for sign, texts in (("-", theirs), ("+", ours)):
        for (text, name), _ in texts.most_common(a.top):
            print(f"{sign} {text[:300]}   ({name})")
    rate = equal / max(len(want), 1)
    print(f"equal command lines: {equal} of {len(want)}, {100 * rate:.1f}%")
    return 0 if a.only or rate >= LEAST else 1


sys.exit(main())
