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
            "src/qemu/vm/vm.c": '#include "vm.h"\n#include "core/core.h"\n#include <glib.h>\n',
            "src/qemu/vm/vm.h": '#include "qemu/qemu.h"\n#include "../../host/host.h"\n',
            "src/qemu/life/x.c": '#include "qemu/vm/vm.h"\n',
            "src/qemu/qemu.c": '#include "qemu/vm/vm.h"\n',
            "src/core/offload.c": "static GThreadPool *pool;\n",
            "src/base/x.c": '/* goto, pthread_create, #include "qemu/qemu.h" */\n'
                            'char *s = "goto";\n/*\n#include "rpc/rpc.h"\n*/\n',
            "src/wire/wire.h": "",
            "tools/vmsh/vmsh.c": '#include "base/base.h"\n#include "wire/wire.h"\n#include "vmsh.h"\n',
            "tools/vmsh/vmsh.h": "",
            "tools/schemadoc/schemadoc.c": '#include "conf/conf.h"\n',
            "daemon/main.c": '#include "rpc/rpc.h"\n#include "storage/storage.h"\n',
        })

    def test_arrows(self):
        self.check({"src/base/x.c": '\n#include "core/core.h"\n'}, "x.c:2: wrong arrow: base")
        self.check({"src/conf/x.c": '#include "core/core.h"\n'}, "conf may not use core")
        self.check({"src/core/x.h": '#include <conf/conf.h>\n'}, "core may not use conf")
        self.check({"src/storage/x.c": '#include "qemu/qemu.h"\n'}, "storage may not use")
        self.check({"src/qemu/x.c": '#  include "../rpc/rpc.h"\n'}, "qemu may not use rpc")

    def test_doors(self):
        self.check({"src/core/flow.h": "", "src/qemu/x.c": '#include "core/flow.h"\n'},
                   "walks around the door core/core.h")
        self.check({"src/rpc/rpc_priv.h": "", "daemon/x.c": '#include "rpc/rpc_priv.h"\n'},
                   "walks around the door rpc/rpc.h")
        self.check({"src/qemu/x.c": '#include "nowhere.h"\n'}, "in no room")
        self.check({"src/extra/x.c": ""}, "extra is no room")

    def test_wings(self):
        doors = {f"src/qemu/{wing}/{wing}.h": "" for wing in house.WINGS["src/qemu"]}
        self.check({**doors, "src/qemu/vm/x.c": '#include "qemu/life/life.h"\n'},
                   "wing vm of src/qemu may not use life")
        self.check({**doors, "src/qemu/vm/x_priv.h": "",
                    "src/qemu/ops/x.c": '#include "qemu/vm/x_priv.h"\n'},
                   "walks around the door vm/vm.h")
        self.check({**doors, "src/rpc/x.c": '#include "qemu/vm/vm.h"\n'},
                   "walks around the door qemu/qemu.h")
        self.check({"src/qemu/extra/x.c": ""}, "extra is no wing of src/qemu")

    def test_tools(self):
        self.check({"tools/vmsh/x.c": '#include "rpc/rpc.h"\n'}, "a tool like this may not")
        self.check({"tools/vmsh/x.c": '#include "conf/conf.h"\n'}, "a tool like this may not")
        self.check({"tools/schemadoc/schemadoc.c": '#include "core/core.h"\n'}, "a tool like this may not")

    def test_words(self):
        self.check({"src/rpc/x.c": "void f(void)\n{\n    goto out;\n}\n"}, "x.c:3: goto")
        self.check({"src/qemu/x.c": "\npthread_mutex_t m;\n"}, "x.c:2: pthread_mutex_t belongs")
        self.check({"src/qemu/x.c": "g_thread_new(a);\n"}, "g_thread_new belongs")

    def test_names(self):
        self.check({"src/rpc/x.h": "typedef struct Seat Seat;\n",
                    "src/rpc/x.c": "struct Seat {\n    int a;\n};\ntypedef struct nl_sock NlSock;\n",
                    "src/host/x.c": "typedef struct nl_sock NlSock;\ntypedef struct Row {\n} Row;\n"})
        self.check({"src/rpc/x.c": "struct Seat {\n    int a;\n};\n",
                    "src/host/x.c": "struct Seat {\n};\n"}, "Seat is another thing elsewhere too")
        self.check({"src/host/x.c": "typedef int (*Reader)(int a);\n",
                    "src/rpc/x.c": "\ntypedef enum {\n    A,\n} Reader;\n"},
                   "x.c:4: Reader is another thing elsewhere too")

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
