#!/usr/bin/env python3
"""What docs/domain.rng refuses, validation refuses: documents of our own, changed at random places in
random ways, are given to both. Prints TAP.

    validate.py CONF_ANSWER [SEED [MUTANTS]]
"""
import copy
import random
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

from golden import HERE, PAGES, Answerer, Tap

QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"
VALUES = ["", " ", "x", "-1", "+3", " 5 ", "5\n", "0", "0x1f", "1f", "99999999999999999999", "4294967296",
          "-0", "1.5", "yes", "on", "default", "no ", "0-3,^2", "52:54:00:01:02:03", "52:54:00:1:2",
          "c7a5fdbd-edaf-9455-926a-d65c16db1809", "c7a5fdbdedaf9455926ad65c16db1809", "c7a5fdbd", "qemu"]
# Documents whose kinds were found by hand: each must be refused.
KNOWN = {
    "vcpus instead of vcpu": ("<memory", "<vcpus>2</vcpus><memory"),
    "two vcpu": ("<memory", "<vcpu>1</vcpu><vcpu>2</vcpu><memory"),
    "text in devices": ("<devices>", "<devices>a disk"),
    "text between elements": ("<os>", "more<os>"),
    "two names": ("<memory", "<name>b</name><memory"),
    "an attribute of another namespace": ("<memory", "<memory x:y='z' xmlns:x='urn:x'"),
    "an element of another namespace": ("<memory", "<x:y xmlns:x='urn:x'/><memory"),
    "text in an empty element": ("<os>", "<features><acpi>on</acpi></features><os>"),
    "a live element with nonsense in it": ("<devices>", "<devices><rng model='virtio'><backend "
                                           "model='builtin'/><alias name='x'><odd/></alias></rng>"),
}
PLAIN = ("<domain type='qemu'><name>a</name><memory>65536</memory><os><type arch='x86_64' machine='pc'>hvm</type>"
         "</os><devices></devices></domain>")


def elements(root):
    """All but what stands in <metadata>, each with its parent."""
    for parent in root.iter():
        if parent.tag == "metadata":
            continue
        for child in parent:
            yield parent, child


class Mutator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.documents = [path.read_text() for path in sorted(HERE.glob("domain/*.xml"))]
        trees = [ET.fromstring(text) for text in self.documents]
        self.names = sorted({e.tag for tree in trees for e in tree.iter()})
        self.attributes = sorted({a for tree in trees for e in tree.iter() for a in e.attrib})
        self.parts = [child for tree in trees for _, child in elements(tree)]

    def change(self, root):
        """One change somewhere; its name."""
        pick = self.random.choice
        parent, child = pick(list(elements(root)))
        at = list(parent).index(child)
        how = pick(["twice", "text", "tail", "rename", "value", "attribute", "drop", "drop attribute", "part"])
        if how == "twice":
            parent.insert(at, copy.deepcopy(child))
        elif how == "text":
            child.text = pick(VALUES)
        elif how == "tail":
            child.tail = pick(VALUES)
        elif how == "rename":
            child.tag = pick([child.tag + "s", *self.names])
        elif how == "value" and child.attrib:
            child.set(pick(sorted(child.attrib)), pick(VALUES))
        elif how == "attribute":
            child.set(pick(self.attributes), pick(VALUES))
        elif how == "drop":
            parent.remove(child)
        elif how == "drop attribute" and child.attrib:
            del child.attrib[pick(sorted(child.attrib))]
        elif how == "part":
            child.insert(0, copy.deepcopy(pick(self.parts)))
        return how

    def mutant(self):
        root = ET.fromstring(self.random.choice(self.documents))
        how = [self.change(root) for _ in range(self.random.choice([1, 1, 1, 2]))]
        return ", ".join(how), ET.tostring(root, encoding="unicode")


def refused_by_grammar(texts):
    """Whether the grammar refuses each of the texts."""
    with tempfile.TemporaryDirectory() as tmp:
        paths = [Path(tmp, f"{n}.xml") for n in range(len(texts))]
        for path, text in zip(paths, texts):
            path.write_text(text)
        said = subprocess.run(["xmllint", "--noout", "--relaxng", PAGES["rng"], *paths],
                              capture_output=True, text=True).stderr.splitlines()
    fine = {line for line in said if line.endswith(" validates")}
    assert len(fine) + sum(line.endswith(" fails to validate") for line in said) == len(texts), said[-3:]
    return [f"{path} validates" not in fine for path in paths]


def main():
    ET.register_namespace("qemu", QEMU)
    answerer, tap = Answerer(sys.argv[1]), Tap()
    seed, count = (int(a) for a in (sys.argv[2:] + ["11", "1500"][len(sys.argv) - 2:]))
    for name, (old, new) in KNOWN.items():
        ok, why = answerer.ask("validate", PLAIN.replace(old, new, 1))
        tap.say(name, "" if not ok and "line 1" in why else f"accepted, or without a line: {why}")
    tap.say("a plain one", "" if answerer.ask("validate", PLAIN)[0] else "refused")
    if not shutil.which("xmllint"):
        tap.say("mutants", "# SKIP no xmllint")
    else:
        mutator = Mutator(seed)
        mutants = [mutator.mutant() for _ in range(count)]
        refused = refused_by_grammar([text for _, text in mutants])
        missed = [f"{how}:\n{text}" for (how, text), wrong in zip(mutants, refused)
                  if wrong and answerer.ask("validate", text)[0]]
        print(f"# {count} mutants of seed {seed}, {sum(refused)} refused by the grammar")
        tap.say("mutants", "\n".join(missed[:3]) if missed else "")
        tap.say("some of both", "" if 0.2 < sum(refused) / count < 0.9 else "the mutants prove little")
    print(f"1..{tap.n}")
    return 1 if tap.bad else 0


if __name__ == "__main__":
    sys.exit(main())
