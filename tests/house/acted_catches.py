#!/usr/bin/python3
"""The test of what is acted on catches what it is for: a small definition and who reads it."""
import json
import tempfile
import unittest
from pathlib import Path

import acted

HEADER = """
typedef struct Inner {
    int deep, deeper; /* off 1 */
    guint8 has_deep;
} Inner;

typedef struct Def {
    char *name, *title;
    union {
        struct {
            int bus;
        } usb;
    };
    Inner *inner;
    GPtrArray *items; /* Inner */
    const char
        *wrapped;
} Def;
"""
PLAIN = "typedef unsigned char guint8;\ntypedef struct GPtrArray GPtrArray;\n" + HEADER
TYPES = ["Def.name", "Def.title", "Def.bus", "Def.usb", "Def.inner", "Def.items", "Def.wrapped", "Inner.deep",
         "Inner.deeper", "Inner.has_deep"]


def ask(code, rows="", nothing=()):
    with tempfile.TemporaryDirectory() as tmp:
        root = Path(tmp).resolve()
        files = {"src/conf/def_x.h": PLAIN, "src/qemu/x.c": '#include "conf/def_x.h"\n' + code,
                 "src/qemu/limits.c": '#include "conf/def_x.h"\nint l(Def *d) { return d->title != 0; }\n',
                 "src/qemu/life/refused.c": "/*" + rows + "*/\nint x;\n"}
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "compile_commands.json").write_text(json.dumps([
            {"directory": tmp, "file": name, "command": f"cc -I{root}/src -c {name}"}
            for name in files if name.endswith(".c")]))
        types, found = acted.readers(root, root)
        always, sometimes = acted.refused(root, types)
        return types, list(acted.wrongs(types, found, always, sometimes, dict.fromkeys(nothing, "")))


ALL = ("#define OF(T, m) __builtin_offsetof(T, m)\n"
       "int f(Def *d, Inner *i) { return d->name && d->usb.bus && d->wrapped && i->deep && d->inner"
       " && d->items && OF(Inner, deeper); }\n")


class Catches(unittest.TestCase):
    def check(self, found, *expected):
        self.assertEqual(len(found), len(expected), found)
        for line, part in zip(found, expected):
            self.assertIn(part, line)

    def test_members(self):
        self.assertEqual(sorted(ask(ALL)[0]), sorted(TYPES))

    def test_shown_only(self):
        self.check(ask(ALL)[1], "Def.title: no code acts on it")
        self.check(ask(ALL, 'REFUSED(Def, title, "x/@title", is_odd, W)')[1])
        self.check(ask(ALL, nothing=["Def.title"])[1])

    def test_below(self):
        code = ALL.replace(" && i->deep", "").replace(" && OF(Inner, deeper)", "").replace(" && d->items", "")
        self.check(ask(code, nothing=["Def.title"])[1], "Def.items", "Inner.deep:", "Inner.deeper:")
        rows = 'REFUSED(Def, items, "x", NULL, W) REFUSED(Def, inner, "x", {}, W)'
        self.check(ask(code, rows.format("NULL"), ["Def.title"])[1])
        self.check(ask(code, rows.format("is_odd"), ["Def.title"])[1], "Inner.deep:", "Inner.deeper:")

    def test_nested(self):
        code = ALL.replace(" && i->deep", "")
        self.check(ask(code, 'REFUSED(Def, inner.deep, "x", is_odd, W)', ["Def.title"])[1])

    def test_stale(self):
        self.check(ask(ALL, nothing=["Def.title", "Def.name", "Def.gone"])[1], "Def.gone: is no member",
                   "Def.name: is read by x.c")


if __name__ == "__main__":
    unittest.main()
