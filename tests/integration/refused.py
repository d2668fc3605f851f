#!/usr/bin/env python3
"""What a definition may say and nothing acts on: it can be defined, and neither start nor create run it.
Every row of `vmd --list-refused` is walked. Where this host's QEMU cannot have the thing at all, define
says so before."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
from harness import VMD, main, same, test, wait_for  # noqa: E402
from refused import rows_of  # noqa: E402
from refused_samples import SAMPLES, document, name_and_lines  # noqa: E402

EMULATOR = f"<emulator>{os.environ['VMD_TEST_QEMU']}</emulator>" if os.environ.get("VMD_TEST_QEMU") else ""
# Of these, define says itself that this host or its QEMU cannot have them.
HOST = {"/launchSecurity", "/cputune/cachetune", "/cputune/memorytune", "graphics/@defaultMode",
        "graphics/channel/@mode", "backend/encryption/@secret", "backend/profile",
        "backend/active_pcr_banks", "/cpu/@deprecated_features"}


def refusal(path, why, text):
    name, lines = name_and_lines(path, text)
    assert lines, f"{path} is not in:\n{text}"
    return name, [f"{why} (line {line})" for line in lines]


def is_refused(said, path, why, text):
    name, endings = refusal(path, why, text)
    return name in said and any(ending in said for ending in endings)


@test
def every_row_refuses_a_start_and_a_creation(d):
    d.vmsh("domcapabilities")
    before, held = d.inventory(), []
    for number, (path, nth, why) in enumerate(rows_of(VMD)):
        sample = {**SAMPLES[path, nth][0], "emulator": EMULATOR}
        if "other" in sample:  # another row is before it
            path, nth = sample["other"], 0
            why = next(w for p, n, w in rows_of(VMD) if (p, n) == (path, nth))
        text = document(f"d{number}", **sample)
        said = d.vmsh("define", d.write("d.xml", text), status=None)
        if "error:" in said:
            assert path in HOST, f"{path}: {said}"
            held.append(path)
            continue
        shown = d.vmsh("dumpxml", "--inactive", f"d{number}")
        said = d.vmsh("start", f"d{number}", status=1)
        assert is_refused(said, path, why, shown), f"{path}: {said}\n{shown}"
        d.vmsh("undefine", "--nvram", f"d{number}")
        said = d.vmsh("create", d.write("d.xml", text), status=1)
        assert is_refused(said, path, why, text), f"{path}: {said}\n{text}"
        assert d.vmsh("list", "--all", "--name").strip() == ""
    print(f"# cannot be had here at all: {', '.join(held) or 'none'}")
    same(before, d.inventory())


@test
def what_is_beside_it_is_not_refused(d):
    for (path, nth), (_, *others) in SAMPLES.items():
        for other in others:
            text = document("d", **{**other, "emulator": EMULATOR})
            said = d.vmsh("create", "--paused", d.write("d.xml", text), status=None)
            assert "(line " not in said, f"{path} {nth}: {said}"
            d.vmsh("destroy", "d", status=None)


@test
def an_autostart_that_is_refused_is_logged_by_name(d):
    d.vmsh("define", d.write("d.xml", document(
        "limited", elements="<resource><partition>/vms</partition></resource>", emulator=EMULATOR)))
    d.vmsh("autostart", "limited")
    d.kill()
    (d.root / "run/vmd/qemu/autostarted").unlink()
    d.start()
    wait_for(lambda: "element 'partition'" in d.log.read_text())
    log = d.log.read_text()
    assert "limited" in log and "element 'partition' in 'resource'" in log and "(line " in log, log
    assert d.vmsh("list", "--name").strip() == ""


main()
