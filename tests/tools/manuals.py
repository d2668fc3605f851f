#!/usr/bin/env python3
"""The manual pages as mandoc reads them, without a word of complaint; each program has one."""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SOURCE, main, need, test  # noqa: E402

BUILD = pathlib.Path(os.environ["VMD_TEST_BUILD"])
PAGES = [SOURCE / "docs/man/vmd.8", BUILD / "daemon/vmd.conf.5", BUILD / "tools/vmsh.1"]


@test
def mandoc_has_nothing_to_say(d):
    for page in PAGES:
        said = subprocess.run([need("mandoc"), "-Tlint", page], capture_output=True, text=True)
        assert said.returncode == 0 and not said.stdout, said.stdout


main()
