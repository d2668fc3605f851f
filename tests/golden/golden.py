#!/usr/bin/env python3
"""Documents of our own and what vmd makes of them: domain/NAME.xml is read, completed and written,
and must be domain/NAME.dump, which read again stays as it is, validates, and fits docs/domain.rng.
What another host is given of some is domain/NAME.migratable.
The same of network/NAME.xml and pool/NAME.xml; what these may not say is in their refused.txt.
The pages of docs/ that schemadoc writes must be what it writes. Prints TAP.

    golden.py CONF_ANSWER SCHEMADOC [--update]
"""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
PAGES = {"reference": TOP / "docs/domain-reference.md", "rng": TOP / "docs/domain.rng"}


class Answerer:
    def __init__(self, program):
        caps = sorted((HERE / "caps").glob("*.json"), reverse=True)  # x86_64 first
        self.p = subprocess.Popen([program, *caps],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, xml):
        """(True, dump) or (False, message)."""
        data = xml.encode()
        self.p.stdin.write(f"{kind} {len(data)}\n".encode() + data)
        self.p.stdin.flush()
        head = self.p.stdout.readline().split()
        self.code = int(head[1]) if head[0] == b"error" else None
        return head[0] == b"ok", self.p.stdout.read(int(head[-1])).decode()


class Tap:
    def __init__(self):
        self.n = self.bad = 0

    def say(self, name, why):
        """why: empty when all is well; "# SKIP ..." is not a failure."""
        self.n += 1
        skip = why.startswith("# SKIP")
        ok = skip or not why
        self.bad += not ok
        print(f"{'ok' if ok else 'not ok'} {self.n} - {name}{' ' + why if skip else ''}")
        for line in why.splitlines() if not ok else []:
            print("#", line)


def first_difference(want, got):
    a, b = want.splitlines(), got.splitlines()
    n = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"line {n + 1}: expected {a[n:n + 1]}, got {b[n:n + 1]}"


def matches(path, got, update):
    if update:
        path.write_text(got)
    want = path.read_text() if path.exists() else ""
    return "" if want == got else f"{path.name}: {first_difference(want, got)}"


def document(answerer, path, update, read="secure", reread="validate"):
    ok, dump = answerer.ask(read, path.read_text())
    if not ok:
        return dump
    again = answerer.ask(reread, dump)
    if again != (True, dump):
        return f"read again: {first_difference(dump, again[1]) if again[0] else again[1]}"
    return matches(path.with_suffix(".dump"), dump, update)


def refused_document(path, where):
    """(text, line): a definition with what is refused, each element on a line of its own."""
    names = path.split("/")
    given = dict([where.removeprefix("@").split(" is ")]) if where else {}
    attrs = {names[-2]: "".join(f" {k}='{v.split(', ')[0]}'" for k, v in given.items()),
             "domain": " type='qemu'"}
    opened = [f"<{n}{attrs.get(n, '')}>" for n in names[:-1]]
    opened[0] += "<name>n</name><memory>262144</memory>"
    opened[0] += "" if "os" in names else "<os><type arch='x86_64' machine='pc'>hvm</type></os>"
    lines = [*opened, f"<{names[-1]}/>", *(f"</{n}>" for n in reversed(names[:-1]))]
    return "\n".join(lines), len(names)


def refused(answerer, path, where):
    text, line = refused_document(path, where)
    ok, why = answerer.ask("define", text)
    name = path.split("/")[-1]
    return "" if not ok and f"element '{name}'" in why and f"(line {line})" in why else why


def refusals(answerer, tap, path, kind):
    """Each line of PATH: an error's number and a part of its sentence, a tab, a document."""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            continue
        want, xml = line.split("\t")
        code, part = want.split(" ", 1)
        ok, why = answerer.ask(kind, xml)
        as_told = not ok and part in why and answerer.code == int(code)
        tap.say(f"{kind}: {part}", "" if as_told else "accepted" if ok else f"{answerer.code}: {why}")


def fits_grammar():
    if not shutil.which("xmllint"):
        return "# SKIP no xmllint"
    r = subprocess.run(["xmllint", "--noout", "--relaxng", PAGES["rng"],
                        *sorted(HERE.glob("domain/*.dump"))], capture_output=True, text=True)
    return "" if r.returncode == 0 else \
        "\n".join(line for line in r.stderr.splitlines() if not line.endswith(" validates"))


def main():
    answer, schemadoc = sys.argv[1:3]
    update = "--update" in sys.argv
    answerer, tap = Answerer(answer), Tap()
    for path in sorted(HERE.glob("domain/*.xml")):
        tap.say(path.stem, document(answerer, path, update))
    for path in sorted(HERE.glob("domain/*.migratable")):
        _, dump = answerer.ask("migratable", path.with_suffix(".xml").read_text())
        tap.say(f"{path.stem}, migratable", matches(path, dump, update))
    for kind in ("network", "pool"):
        for path in sorted(HERE.glob(f"{kind}/*.xml")):
            tap.say(f"{kind} {path.stem}", document(answerer, path, update, kind, kind))
        refusals(answerer, tap, HERE / f"{kind}/refused.txt", kind)
    for name, page in PAGES.items():
        text = subprocess.run([schemadoc, name], capture_output=True, text=True, check=True).stdout
        tap.say(page.name, matches(page, text, update))
    rows = subprocess.run([schemadoc, "refused"], capture_output=True, text=True, check=True).stdout
    for path, where in (row.split("\t") for row in rows.splitlines()):
        tap.say(f"{path} is refused with its line", refused(answerer, path, where))
    tap.say("the dumps fit the grammar", fits_grammar())
    print(f"1..{tap.n}")
    return tap.bad > 0


if __name__ == "__main__":
    sys.exit(main())
