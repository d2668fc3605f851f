#!/usr/bin/env python3
"""The scores that conf-score.py gives must not fall; the schema and --validate take what libvirtd
takes and writes. Skips where there is no corpus. Prints TAP.

    corpus.py CONF_ANSWER
"""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RNG = HERE.parent.parent / "docs/domain.rng"

# kind: least percentage of each measure
LEAST = {
    "domain": {"accept": 99.5, "reject": 98.5, "dump": 99.5, "stable": 100},
    "domainfull": {"accept": 99.5, "reject": 98, "dump": 99.5, "stable": 100},
    "mutant": {"accept": 99.5, "reject": 99, "dump": 99},
}


def accepted():
    """(name, text) of each document that libvirtd accepts, and of what it makes of it."""
    top = pathlib.Path(os.environ.get("VMD_CORPUS") or next(
        p / "shared/corpus" for p in HERE.parents if (p / "shared/corpus").is_dir()))
    for kind in ("domain", "domainfull"):
        for p in sorted((top / kind).glob("oracle.jsonl*")):
            with (gzip.open if p.suffix == ".gz" else open)(p, "rt") as f:
                for o in filter(lambda o: o["accepted"], map(json.loads, f)):
                    name = f"{kind}/{o['name']}"
                    yield name, (top / f"{name}.xml").read_text()
                    yield f"{name} (dump)", o["dump"]


def outside_grammar(documents):
    """Those that docs/domain.rng does not take."""
    with tempfile.TemporaryDirectory() as d:
        for i, (_, text) in enumerate(documents):
            pathlib.Path(d, f"{i}.xml").write_text(text)
        r = subprocess.run(["xmllint", "--noout", "--relaxng", RNG,
                            *(f"{i}.xml" for i in range(len(documents)))],
                           cwd=d, capture_output=True, text=True)
    return [documents[int(n)][0] for n in re.findall(r"^(\d+)\.xml fails", r.stderr, re.M)]


def not_valid(program, documents):
    """Those that define --validate refuses."""
    caps = [HERE / "caps" / f"qemu-10.0-{arch}.json" for arch in ("x86_64", "i386")]
    data = b"".join(b"validate %d\n%s" % (len(t.encode()), t.encode()) for _, t in documents)
    out = subprocess.run([program, *caps], input=data, capture_output=True).stdout
    bad = []
    for name, _ in documents:
        head, _, out = out.partition(b"\n")
        if not head.startswith(b"ok "):
            bad.append(name)
        out = out[int(head.split()[-1]) if head else 0:]
    return bad


def main():
    score = pathlib.Path(__file__).with_name("conf-score.py")
    r = subprocess.run([sys.executable, score, "--top", "0", "--program", sys.argv[1]],
                       capture_output=True, text=True)
    if r.returncode == 77:
        print("1..0 # SKIP no corpus beside the source")
        return 0
    documents = list(accepted())
    print(f"1..{sum(map(len, LEAST.values())) + 2}")
    n = bad = 0
    for kind, measures in LEAST.items():
        line = next((line for line in r.stdout.splitlines() if line.split()[:1] == [kind]), "")
        for measure, least in measures.items():
            found = re.search(rf"\b{measure} +([0-9.]+)%", line)
            ok = found is not None and float(found[1]) >= least
            n, bad = n + 1, bad + (not ok)
            print(f"{'ok' if ok else 'not ok'} {n} - {kind}: {measure} "
                  f"{found[1] if found else 'not told'}, at least {least}")
    lint = shutil.which("xmllint")
    for name, wrong in (("docs/domain.rng" + ("" if lint else " # SKIP no xmllint"),
                         outside_grammar(documents) if lint else []),
                        ("--validate", not_valid(sys.argv[1], documents))):
        n, bad = n + 1, bad + bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {n} - what libvirtd accepts and writes fits {name}")
        print("".join(f"# {w}\n" for w in wrong), end="")
    if bad:
        print("\n".join(f"# {line}" for line in r.stderr.splitlines()[-5:]))
    return bad > 0


sys.exit(main())
