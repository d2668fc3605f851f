#!/usr/bin/python3
"""The house test catches what it is for: small houses, each with one thing wrong, or none."""
import tempfile
import unittest
from pathlib import Path

import house

DOORS = {f"src/{room}/{room}.h": "" for room in house.ARROWS if room != "daemon"}


def wrongs(files):
    with tempfile.TemporaryDirectory() as tmp:
        root = Path(tmp).resolve()
        for name, text in {**DOORS, **files}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        return house.House(root).check_all()


class Catches(unittest.TestCase):
    def check(self, files, *expected):
        found = wrongs(files)
        self.assertEqual(len(found), len(expected), found)
        for line, part in zip(found, expected):
            self.assertIn(part, line)

    def test_fine(self):
        self.check({
            "src/qemu/vm.c": '#include "qemu_priv.h"\n#include "core/core.h"\n#include <glib.h>\n',
            "src/qemu/qemu_priv.h": '#include "qemu.h"\n#include "../network/network.h"\n',
            "src/core/offload.c": "static GThreadPool *pool;\n",
            "src/base/x.c": '/* goto, pthread_create, #include "qemu/qemu.h" */\n'
                            'char *s = "goto";\n/*\n#include "rpc/rpc.h"\n*/\n',
            "src/rpc/wire.h": "",
            "tools/vmsh.c": '#include "base/base.h"\n#include "rpc/wire.h"\n#include "vmsh.h"\n',
            "tools/vmsh.h": "",
            "tools/schemadoc.c": '#include "conf/conf.h"\n',
            "daemon/main.c": '#include "rpc/rpc.h"\n#include "storage/storage.h"\n',
        })

    def test_arrows(self):
        self.check({"src/base/x.c": '\n#include "core/core.h"\n'}, "x.c:2: wrong arrow: base")
        self.check({"src/conf/x.c": '#include "core/core.h"\n'}, "conf may not use core")
        self.check({"src/core/x.h": '#include <conf/conf.h>\n'}, "core may not use conf")
        self.check({"src/network/x.c": '#include "storage/storage.h"\n'}, "network may not use")
        self.check({"src/qemu/x.c": '#  include "../rpc/rpc.h"\n'}, "qemu may not use rpc")

    def test_doors(self):
        self.check({"src/core/flow.h": "", "src/qemu/x.c": '#include "core/flow.h"\n'},
                   "walks around the door core/core.h")
        self.check({"src/rpc/wire.h": "", "daemon/x.c": '#include "rpc/wire.h"\n'},
                   "walks around the door rpc/rpc.h")
        self.check({"src/qemu/x.c": '#include "nowhere.h"\n'}, "in no room")
        self.check({"src/extra/x.c": ""}, "extra is no room")

    def test_tools(self):
        self.check({"tools/vmsh_x.c": '#include "rpc/rpc.h"\n'}, "a tool like this may not")
        self.check({"tools/vmsh_x.c": '#include "conf/conf.h"\n'}, "a tool like this may not")
        self.check({"tools/schemadoc.c": '#include "core/core.h"\n'}, "a tool like this may not")

    def test_words(self):
        self.check({"src/rpc/x.c": "void f(void)\n{\n    goto out;\n}\n"}, "x.c:3: goto")
        self.check({"src/qemu/x.c": "\npthread_mutex_t m;\n"}, "x.c:2: pthread_mutex_t belongs")
        self.check({"src/qemu/x.c": "g_thread_new(a);\n"}, "g_thread_new belongs")

    def test_measures(self):
        text = ("/* }\n */\nstatic int\nf(void)\n{\n    return 1;\n}\n\n"
                "static const int rows[] = {\n    1,\n};\n\nint\nlong_one(int a,\n         int b)\n{\n"
                + "    a++;\n" * 20 + "}\n")
        with tempfile.TemporaryDirectory() as tmp:
            path = Path(tmp) / "x.c"
            path.write_text(text)
            want = [(4, "f"), (24, "long_one")]
            self.assertEqual([(n, name) for n, _, name in house.functions_by_braces([path])], want)
            self.assertEqual(sorted((n, name) for n, _, name in house.functions([path])), want)


if __name__ == "__main__":
    unittest.main()
