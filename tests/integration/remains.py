#!/usr/bin/env python3
"""What a domain leaves when it ends or its definition goes: the firmware's variables and the state of
its TPM."""
import contextlib
import os
import re
import signal
import subprocess
import uuid

from harness import OUTER_NETWORK, domain, firmware, main, need, test, wait_for

UUID = uuid.uuid5(uuid.NAMESPACE_DNS, "remains")


def define(d, attributes="", os_extra="", devices=None):
    """A domain with an emulated TPM, or with other devices."""
    tpm = f"<tpm model='tpm-crb'><backend type='emulator' version='2.0' {attributes}/></tpm>"
    text = domain("a", tpm if devices is None else devices, memory=16)
    text = text.replace("</os>", os_extra + "</os>").replace("<memory", f"<uuid>{UUID}</uuid><memory", 1)
    return d.write("a.xml", text)


def state(d):
    """Whether there is a state of the TPM."""
    return bool(list((d.root / "var/lib/vmd/qemu/swtpm").glob(f"{UUID}/**/tpm2-*.permall")))


def settle(d):
    d.vmsh("destroy", "a", status=None)
    for flags in (["--nvram", "--tpm"], ["--tpm"]):
        d.vmsh("undefine", "a", *flags, status=None)
    assert not state(d)
    assert "a" not in d.vmsh("list", "--all", "--name").split()


OFF = (("", [], False), ("", ["--keep-tpm"], True), ("", ["--tpm"], False),
       ("persistent_state='yes'", [], True), ("persistent_state='yes'", ["--keep-tpm"], True),
       ("persistent_state='yes'", ["--tpm"], False))


@test
def a_tpm_that_is_off_is_kept_or_not_as_asked(d):
    need("swtpm_setup")
    for attributes, flags, kept in OFF:
        d.vmsh("define", define(d, attributes))
        d.vmsh("start", "a")
        d.vmsh("destroy", "a")
        assert state(d), "the state of a defined domain outlives its run"
        d.vmsh("undefine", "a", *flags)
        assert state(d) == kept, (attributes, flags)
        d.vmsh("define", define(d, attributes))
        settle(d)


@test
def a_tpm_that_runs_is_kept_or_not_at_the_end(d):
    need("swtpm_setup")
    for attributes, flags, kept in OFF:
        for killed in (False, True):
            d.vmsh("define", define(d, attributes))
            d.vmsh("start", "a")
            d.vmsh("undefine", "a", *flags)
            assert state(d), "swtpm still has it"
            if killed:
                d.end()
                d.start()
            d.vmsh("destroy", "a")
            assert state(d) == kept, (attributes, flags, killed)
            d.vmsh("define", define(d, attributes))
            settle(d)


@test
def a_transient_domain_takes_its_tpm_along(d):
    need("swtpm_setup")
    for attributes, kept in (("", False), ("persistent_state='yes'", True)):
        for end in ("destroy", "qemu", "daemon", "start"):
            if end == "start":
                d.end()
                d.start(VMD_FAULT="start/save status:after")
            d.vmsh("create", define(d, attributes), status=1 if end == "start" else 0)
            if end == "destroy":
                d.vmsh("destroy", "a")
            elif end in ("qemu", "daemon"):
                if end == "daemon":
                    d.end()
                for pid in d.qemus():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                if end == "daemon":
                    d.start()
                wait_for(lambda: "a" not in d.vmsh("list", "--all", "--name").split())
            assert state(d) == kept, (attributes, end)
            d.vmsh("define", define(d, attributes))
            settle(d)
            if end == "start":
                d.end()
                d.start()


@test
def one_that_is_defined_again_keeps_its_tpm(d):
    need("swtpm_setup")
    d.vmsh("define", define(d))
    d.vmsh("start", "a")
    d.vmsh("undefine", "a", "--tpm")
    d.vmsh("define", define(d))
    d.vmsh("destroy", "a")
    assert state(d)
    settle(d)


def variables(d):
    return (d.root / re.search(r"<nvram[^>]*>(/[^<]*)<", d.vmsh("dumpxml", "a"))[1])


@test
def variables_are_asked_about_also_while_the_guest_runs(d):
    for runs in (False, True):
        for flags, kept in (([], True), (["--keep-nvram"], True), (["--nvram"], False)):
            d.vmsh("define", define(d, os_extra=firmware(), devices=""))
            d.vmsh("start", "a")
            path = variables(d)
            if not runs:
                d.vmsh("destroy", "a")
            if not flags:
                assert "cannot undefine domain with nvram" in d.vmsh("undefine", "a", status=1)
                assert "a" in d.vmsh("list", "--all", "--name").split()
            else:
                d.vmsh("undefine", "a", *flags)
            assert path.exists() == kept, (runs, flags)
            d.vmsh("destroy", "a", status=None)
            assert path.exists() == kept, (runs, flags)
            d.vmsh("define", define(d, os_extra=firmware(), devices=""))
            settle(d)


@test
def what_is_no_file_of_the_guest_is_not_removed(d):
    """A definition may name anything as its variables."""
    folder, link = d.root / "folder", d.root / "link"
    folder.mkdir()
    link.symlink_to("/etc/hostname")
    paths = [folder, link]
    if OUTER_NETWORK:  # else a fault here would harm the machine
        paths += ["/dev/null", re.search("template='([^']*)'", firmware())[1]]
        for path in paths[2:]:
            subprocess.run(["mount", "--bind", path, path], check=True)
    for path in paths:
        extra = re.sub("<nvram.*/>", f"<nvram>{path}</nvram>", firmware())
        d.vmsh("define", define(d, os_extra=extra, devices=""))
        d.vmsh("undefine", "a", "--nvram")
        assert os.path.lexists(path), path


main()
