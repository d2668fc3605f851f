#!/usr/bin/env python3
"""Scores conf against the corpus without a daemon: parse, fill, check and dump every document in
one process (conf_answer) and compare with the oracle, with the corpus' own comparison.

    ninja -C build tests/golden/conf_answer
    tests/golden/conf-score.py                         # domain, domainfull, mutant
    tests/golden/conf-score.py --kind domain --only '^disk-' --verbose
    tests/golden/conf-score.py --failures 20 --top 30  # the frequent differences first
    tests/golden/conf-score.py --show domain/NAME      # unified diff of one document
    tests/golden/conf-score.py --fast                  # documents a second, nothing compared

The corpus is looked for in ../shared/corpus beside the source (or $VMD_CORPUS); exit 77 (skip) when
it is not there.
"""
import argparse
import difflib
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


def corpus_dir():
    names = [os.environ.get("VMD_CORPUS", "")]
    up = TOP
    for _ in range(3):
        up = os.path.dirname(up)
        names.append(os.path.join(up, "shared", "corpus"))
    return next((n for n in names if n and os.path.exists(os.path.join(n, "score.py"))), None)


class Answerer:
    def __init__(self, program):
        # the emulators of the host that the oracle was asked on
        caps = [os.path.join(HERE, "caps", f"qemu-10.0-{arch}.json") for arch in ("x86_64", "i386")]
        self.argv = [program, *caps]
        self.p = None

    def ask(self, kind, xml):
        """(True, dump) or (False, code, message); a crash is code -1."""
        if self.p is None:
            self.p = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        data = xml.encode()
        try:
            self.p.stdin.write(f"{kind} {len(data)}\n".encode() + data)
            self.p.stdin.flush()
        except BrokenPipeError:
            pass
        head = self.p.stdout.readline().split()
        if not head:
            status = self.p.wait()
            self.p = None
            return False, -1, f"crashed ({status})"
        body = self.p.stdout.read(int(head[-1])).decode()
        if head[0] == b"ok":
            return True, body
        return False, int(head[1]), body


def define(a, case):
    """What score.py's run_domain says of a daemon."""
    r = a.ask("define", case["xml"])
    if not r[0]:
        return {"crash": r[2]} if r[1] == -1 else \
            {"accepted": False, "code": r[1], "domain": 20, "message": r[2]}
    res = {"accepted": True, "dump": r[1]}
    if "passwd" in case["xml"]:
        s = a.ask("secure", case["xml"])
        if s[0] and s[1] != r[1]:
            res["secure"] = s[1]
    again = a.ask("define", r[1])
    if not again[0]:
        res["again_error"] = again[2]
    elif again[1] != r[1]:
        res["again"] = again[1]
    return res


def show(score, corpus, a, name):
    kind, name = name.split("/", 1)
    case = next(c for c in corpus.cases(kind) if c["name"] == name)
    oracle = corpus.oracle(kind)[name]
    print(case["xml"])
    r = define(a, case)
    if not (r.get("accepted") and oracle["accepted"]):
        print("oracle:", oracle.get("dump") or (oracle["code"], oracle["message"]))
        print("ours:", r.get("dump") or r)
        return
    print("\n".join(difflib.unified_diff(oracle["dump"].splitlines(), r["dump"].splitlines(),
                                         "libvirtd", "vmd", n=2, lineterm="")))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--kind", action="append")
    p.add_argument("--only", help="documents whose name matches this regexp")
    p.add_argument("--show", help="KIND/NAME")
    p.add_argument("--verbose", action="store_true", help="every document that differs")
    p.add_argument("--failures", type=int, default=0, help="that many of them")
    p.add_argument("--top", type=int, default=12, help="length of the rankings")
    p.add_argument("--fast", action="store_true", help="only time it")
    p.add_argument("--program", default=os.path.join(TOP, "build", "tests", "golden", "conf_answer"))
    o = p.parse_args()
    top = corpus_dir()
    if not top:
        print("skip: no corpus beside the source")
        return 77
    os.environ["SCORE_REEXEC"] = "1"
    sys.dont_write_bytecode = True
    sys.path.insert(0, top)
    try:
        import score
    except (ImportError, SystemExit):
        os.execv("/usr/bin/python3", ["/usr/bin/python3", *sys.argv]) \
            if sys.executable != "/usr/bin/python3" else sys.exit(77)
    corpus, a = score.Corpus(top), Answerer(o.program)
    if o.show:
        show(score, corpus, a, o.show)
        return 0
    for kind in o.kind or ["domain", "domainfull", "mutant"]:
        oracle = corpus.oracle(kind)
        cases = [c for c in corpus.cases(kind)
                 if c["name"] in oracle and (not o.only or re.search(o.only, c["name"]))]
        t0 = time.monotonic()
        if o.fast:
            for c in cases:
                a.ask("define", c["xml"])
            print(f"{kind}: {len(cases) / (time.monotonic() - t0):.0f} a second")
            continue
        tally = score.Tally(kind)
        left = 10 ** 6 if o.verbose else o.failures
        rows = []
        for c in cases:
            c["kind"] = kind
            row = tally.add(c, oracle[c["name"]], define(a, c))
            if row["outcome"] != "ok" and left:
                left -= 1
                rows.append(row)
        print(tally.line(time.monotonic() - t0))
        for row in rows:
            score.Runner.show(None, kind, row)
        if o.top:
            tally.report(o.top)
    return 0


sys.exit(main())
