#!/usr/bin/python3
"""The test of pages catches what it is for: small trees, each with one name that nothing has, or none."""
import tempfile
import unittest
from pathlib import Path

import pages

TREE = {
    "src/core/flow.c": "void flow_run(void);\n",
    "daemon/main.c": '{ "list-steps", 0 },\n',
    "tools/quickstart": "VMD_ROOT=1\n",
    "docs/flows.md": "",
}


def wrongs(name, text):
    with tempfile.TemporaryDirectory() as tmp:
        root = Path(tmp).resolve()
        for path, content in {**TREE, name: text}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
        return pages.Pages(root, ["list", "define"], ["spawn qemu", "make links"]).check_all()


class Catches(unittest.TestCase):
    def check(self, text, *expected, name="docs/x.md"):
        found = wrongs(name, text)
        self.assertEqual(len(found), len(expected), found)
        for line, part in zip(found, expected):
            self.assertIn(part, line)

    def test_fine(self):
        self.check("`core/flow`, `core/flow.c`, `flow.c`, `src/core/`, `tools/*`, `docs/flows.md`,\n"
                   "`flow_run()`, `flow_run`, `VMD_ROOT`, `/etc/vmd/none.c`, `vmsh list --all`, `vmd --list-steps`;\n"
                   "the row \"spawn qemu\"; `a b_c d`\n    build/tools/vmsh define x.xml\n")
        self.check("| row | does |\n|---|---|\n| spawn qemu, make links | - |\n", name="docs/flows.md")

    def test_files(self):
        self.check("a\n`core/gone.c`\n", "x.md:2: there is no 'core/gone.c'")
        self.check("`gone.py`", "no file 'gone.py'")
        self.check("`docs/gone/`", "there is no 'docs/gone/'")
        self.check("    tools/gone\n", "there is no 'tools/gone'", name="README.md")

    def test_names(self):
        self.check("`flow_gone` of it", "nothing in the tree is called 'flow_gone'", name="HACKING")
        self.check("`flow_gone()`", "called 'flow_gone()'")

    def test_commands(self):
        self.check("`vmsh gone`", "vmsh has no command 'gone'")
        self.check("    build/tools/vmsh --json gone x\n", "no command 'gone'")
        self.check("`vmd --gone`", "vmd has no option '--gone'")

    def test_rows(self):
        self.check('the rows "spawn qemu" and so on, the row "gone"', "no flow has a row 'gone'")
        self.check("| row | does |\n| gone, make links | - |\n", "no flow has a row 'gone'",
                   name="docs/flows.md")


if __name__ == "__main__":
    unittest.main()
