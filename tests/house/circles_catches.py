#!/usr/bin/python3
"""The test of circles catches what it is for: small houses, built, each with one thing wrong, or none."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import circles

COMPILER = "cc"


def wrongs(files):
    """Of sources that say which symbols they define and which they call: "vm_new: emulator_get"."""
    with tempfile.TemporaryDirectory() as tmp:
        root, commands = Path(tmp).resolve(), []
        for name, text in files.items():
            defined, _, called = text.partition(":")
            code = "".join(f"void {other}(void);\n" for other in called.split())
            code += f"void {defined}(void) {{ {' '.join(f'{other}();' for other in called.split())} }}\n"
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(code)
            made = name.replace("/", "_") + ".o"
            subprocess.run([COMPILER, "-c", "-o", root / made, root / name], check=True)
            commands.append({"directory": tmp, "file": name, "output": made})
        (root / "compile_commands.json").write_text(json.dumps(commands))
        sources = dict(circles.objects(root, root))
        found = circles.symbols("nm", list(sources.values()))
        return list(circles.wrongs(circles.needs({s: found[str(o)] for s, o in sources.items()})))


class Catches(unittest.TestCase):
    def check(self, files, *expected):
        found = wrongs(files)
        self.assertEqual(len(found), len(expected), found)
        for line, part in zip(found, expected):
            self.assertIn(part, line)

    def test_fine(self):
        self.check({"src/qemu/qemu.c": "qemu_init: recover_all vm_new", "src/qemu/life/recover.c": "recover_all: stop",
                    "src/qemu/life/stop.c": "stop: recover_all vm_new", "src/qemu/vm/vm.c": "vm_new: emulator_get",
                    "src/qemu/emulator/emulator.c": "emulator_get:", "src/base/log.c": "log_line: g_print",
                    "src/core/flow.c": "flow_run: log_line", "tools/vmsh.c": "vm_new: log_line"})

    def test_arrows(self):
        self.check({"src/qemu/vm/vm.c": "vm_new: vm_start", "src/qemu/life/start.c": "vm_start:"},
                   "src/qemu/vm/vm.c: vm_start is in src/qemu/life/start.c: wing vm may not use life")

    def test_circles(self):
        self.check({"src/rpc/server.c": "server_new: on_host", "src/rpc/methods/on_host.c": "on_host: server_new"},
                   "a circle of 2 files goes through src/rpc, src/rpc/methods")
        self.check({"src/conf/domain/rows/a.c": "a: b", "src/conf/common.c": "b: c", "src/conf/domain/fill/c.c": "c: a",
                    "src/conf/other.c": "d: a b c"}, "a circle of 3 files")

    def test_rooms(self):
        self.check({"src/core/a.c": "a: b", "src/base/b.c": "b: a"}, "goes through src/base, src/core")


if __name__ == "__main__":
    if not circles.shutil.which(COMPILER) or not circles.shutil.which("nm"):
        sys.exit(circles.SKIPPED)
    unittest.main()
