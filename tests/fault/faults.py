#!/usr/bin/env python3
"""Every row of every flow fails, is cancelled and is killed: the host is clean after.

The rows come from the daemon itself (vmd --list-steps), so a new row is covered the day it is added, and
a new table once it has a driver (drivers/). VMD_FAULT=TABLE/STEP:HOW makes one row misbehave once; see
docs/flows.md. VMD_FAULTS_PART=1/2 is the first half of them, for two processors; VMD_FAULTS_BUILD names
another build, whose daemon the second half is about: one without sanitizers is twice as fast, and has
other races."""
import contextlib
import itertools
import os
import pathlib
import subprocess
import sys

part, parts = map(int, os.environ.get("VMD_FAULTS_PART", "1/1").split("/"))
if part > 1 and (build := os.environ.get("VMD_FAULTS_BUILD")):
    os.environ.update(VMD=f"{build}/daemon/vmd", VMSH=f"{build}/tools/vmsh")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import drivers  # noqa: E402
from harness import VMD, main, same, test, wait_for  # noqa: E402

FAILS = ("before", "after", "cancel")
KILLS = ("kill-before", "kill-after", "kill-intent", "kill-fact")
KILL_COMMIT, UNDO_KILL = "kill-commit", "undo-kill"
NEED_UNDO = ("kill-intent", "kill-fact", UNDO_KILL)
# A row that learns nothing from its effect has no fact to note.
MAY_MISS = ("kill-fact",)


def rows():
    """{table: [(step, its undo: "-", "undo" for one line, "keyed" for those it enters)]}."""
    listed = subprocess.run([VMD, "--list-steps"], check=True, capture_output=True, text=True).stdout
    tables = {}
    for line in listed.splitlines():
        name, undo = line.rsplit("\t", 1)
        table, step = name.split("/", 1)
        tables.setdefault(table, []).append((step, undo))
    assert tables, "vmd --list-steps names no row"
    return tables


def look(d, driver, at_rest=True):
    return {**d.inventory(at_rest), **driver.more()}


def is_clean(d, driver, before, what):
    """The last clients' connections may not be closed yet."""
    def clean():
        with contextlib.suppress(AssertionError):
            same(before, look(d, driver))
            return True
    try:
        wait_for(clean, 5)
    except AssertionError:
        same(before, look(d, driver), what)


def down(driver):
    """What still stands is taken back, and what is under way waited for."""
    driver.clear()
    wait_for(driver.is_down, 20)


def has_struck(d):
    return "fault:" in d.log.read_text()


def fail(d, driver, fault):
    driver.change(status=1)
    assert has_struck(d), f"{fault}: the row was never reached"
    down(driver)


def kill(d, driver, fault, how):
    """FALSE: the fault does not exist in that row."""
    driver.change(status=None)
    if how == UNDO_KILL and not has_struck(d):
        driver.undo()
    if how in MAY_MISS and not has_struck(d):
        down(driver)
        return False
    assert d.wait_killed() == -9, f"{fault}: the daemon was not killed"
    d.start()
    if how == KILL_COMMIT:
        assert wait_for(driver.stands), f"{fault}: it was done, and is undone"
    down(driver)
    return True


def hurt(d, driver, fault, how, before):
    """One fault, on a daemon of its own that is started and ended here."""
    d.start(VMD_FAULT=fault)
    struck = True
    if how in FAILS:
        fail(d, driver, fault)
    else:
        struck = kill(d, driver, fault, how)
    is_clean(d, driver, before, fault)
    driver.change()  # and it is as good as new
    driver.end()
    is_clean(d, driver, before, f"{fault}, then done and undone")
    d.end()
    d.log.write_text("")
    return struck


def prepare(d, driver):
    d.end()
    d.start()
    driver.prepare()
    clean = look(d, driver)
    driver.change()  # the caches are warm, the log file is there
    there = look(d, driver, at_rest=False)
    for kind in driver.sees():
        assert there[kind] != clean[kind], f"the inventory does not see the {kind} of the change"
    driver.end()
    before = {**d.steady_inventory(), **driver.more()}
    d.end()
    d.log.write_text("")
    return before


def steps_for(table, how):
    """The steps of a table that a fault can strike."""
    steps = rows()[table]
    if how == KILL_COMMIT:
        return [steps[-1][0]]
    return [step for step, undo in steps if undo != "-" or how not in NEED_UNDO]


def fault_of(driver, row, how):
    """Where the end of a change undoes nothing, its failure must."""
    first = f"{row}:after," if how == UNDO_KILL and driver.for_good else ""
    return f"{first}{row}:{how}"


def add_test(table, how):
    def every_row(d):
        if table not in drivers.DRIVERS:
            raise AssertionError(f"no driver makes the rows of '{table}' run")
        driver = drivers.DRIVERS[table](d)
        before = prepare(d, driver)
        steps = [s for s in steps_for(table, how) if driver.reaches(s)]
        struck = [hurt(d, driver, fault_of(driver, f"{table}/{step}", how), how, before) for step in steps]
        assert any(struck) or not steps or (how in MAY_MISS and not driver.learns), \
            f"{how} struck no row"
    every_row.__name__ = f"every_row_of_{table.replace(' ', '_')}_{how.replace('-', '_')}"
    test(every_row)


drivers.load()
for number, (name, way) in enumerate(itertools.product(rows(), (*FAILS, *KILLS, KILL_COMMIT, UNDO_KILL))):
    if number % parts == part - 1:
        add_test(name, way)
main()
