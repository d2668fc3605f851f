#!/usr/bin/env python3
"""A new emulated TPM comes from its factory: with an endorsement key, certificates, and whole or not at
all."""
import os
import pathlib
import shutil
import threading

from harness import domain, main, need, same, test, wait_for

LOG = ("Successfully created RSA 2048 EK", "Successfully created EK certificate",
       "Successfully created platform certificate", "Successfully authored TPM state")

# A swtpm_setup that leaves a swtpm behind, as the real one does, and never ends.
HANGS = """#!/bin/sh
dir=$(echo "$*" | sed 's/.*--tpm-state \\([^ ]*\\).*/\\1/')
cd "$dir" || exit # the whole path is longer than a socket's may be
swtpm socket --tpm2 --tpmstate "dir=$dir" --ctrl type=unixio,path=control &
cp /bin/sleep "$dir/swtpm_waits"
exec "$dir/swtpm_waits" 1000
"""


def define(d, version="2.0", name="a"):
    model = "tpm-crb" if version == "2.0" else "tpm-tis"
    devices = f"<tpm model='{model}'><backend type='emulator' version='{version}'/></tpm>"
    d.vmsh("define", d.write("a.xml", domain(name, devices, memory=16)))


def state(d):
    return sorted(p.name for p in (d.root / "var/lib/vmd/qemu/swtpm").glob("*/*") if p.name[0] != ".")


def use(d, script):
    """A daemon whose swtpm_setup is a script."""
    folder = d.root / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "swtpm_setup"
    program.write_text(script)
    program.chmod(0o755)
    d.end()
    d.start(PATH=f"{folder}:{os.environ['PATH']}")


def machine():
    """Where the host's own authority is; it is not a test's to write to."""
    folder = pathlib.Path("/var/lib/swtpm-localca")
    return sorted((p.name, p.stat().st_mtime) for p in folder.iterdir()) if folder.exists() else None


@test
def a_new_one_has_a_key_and_certificates(d):
    real, before = need("swtpm_setup"), machine()
    use(d, f"#!/bin/sh\necho \"$@\" >>{d.root}/calls\nexec {real} \"$@\"\n")
    for version, file in (("2.0", "tpm2-00.permall"), ("1.2", "tpm-00.permall")):
        define(d, version)
        d.vmsh("start", "a")
        assert state(d) == [file]
        log = d.root / "var/log/vmd/qemu/a-swtpm.log"
        said = log.read_text()
        assert all(words.replace("RSA 2048 ", "" if version == "1.2" else "RSA 2048 ") in said
                   for words in LOG), said
        log.unlink()
        called = (d.root / "calls").read_text()
        for words in ("--create-ek-cert", "--create-platform-cert", "--lock-nvram", "--vmid a:"):
            assert words in called, called
        d.vmsh("destroy", "a")
        d.vmsh("start", "a")  # it is not new any more
        d.vmsh("destroy", "a")
        assert (d.root / "calls").read_text() == called
        (d.root / "calls").unlink()
        d.vmsh("undefine", "a")
        assert state(d) == []
    assert (d.root / "var/lib/vmd/qemu/swtpm-ca/issuercert.pem").exists()
    assert machine() == before


@test
def one_that_cannot_be_made_leaves_nothing(d):
    real = need("swtpm_setup")
    (d.root / "var/lib/vmd/qemu/swtpm").mkdir(parents=True)
    define(d)
    use(d, f"#!/bin/sh\n{real} \"$@\"; echo 'out of keys' >&2; exit 1\n")
    shutil.rmtree(d.root / "var/lib/vmd/qemu/swtpm-ca", ignore_errors=True)
    before = d.inventory()
    said = d.vmsh("start", "a", status=1)
    assert "swtpm_setup exited with status 1" in said and "out of keys" in said, said
    assert state(d) == []
    (d.root / "bin/swtpm_setup").unlink()
    (d.root / "bin/swtpm_setup").symlink_to("/bin/true")
    said = d.vmsh("start", "a", status=1)
    assert "swtpm_setup has made no" in said, said
    shutil.rmtree(d.root / "var/lib/vmd/qemu/swtpm-ca")
    same(before, d.inventory())
    (d.root / "bin/swtpm_setup").unlink()
    d.vmsh("start", "a")
    assert state(d) == ["tpm2-00.permall"]


def define_at(d, place, attributes=""):
    d.vmsh("define", d.write("a.xml", domain("a", (
        f"<tpm model='tpm-crb'><backend type='emulator' version='2.0' {attributes}>{place}</backend></tpm>"),
        memory=16)))


@test
def its_state_is_where_the_definition_says(d):
    need("swtpm_setup")
    mine = d.root / "mine"
    mine.mkdir()
    (mine / "notes").write_text("mine")
    for kind, path, file in (("dir", mine, mine / "tpm2-00.permall"), ("file", mine / "state", mine / "state"),
                             ("dir", mine / "new/below", mine / "new/below/tpm2-00.permall")):
        define_at(d, f"<source type='{kind}' path='{path}'/>")
        d.vmsh("start", "a")
        assert file.stat().st_size > 0
        made = file.stat().st_ino
        d.vmsh("destroy", "a")
        d.vmsh("start", "a")  # it is not new any more
        assert file.stat().st_ino == made or kind == "dir"
        d.vmsh("destroy", "a")
        d.vmsh("undefine", "a", "--tpm")
        assert file.exists(), "what the definition names is not the daemon's to remove"
        assert not list(mine.rglob("setup-*")) and state(d) == []
    assert (mine / "notes").read_text() == "mine"


@test
def a_state_that_cannot_be_made_leaves_the_folder_as_it_was(d):
    real = need("swtpm_setup")
    mine = d.root / "mine"
    mine.mkdir()
    use(d, f"#!/bin/sh\n{real} \"$@\"; exit 1\n")
    for path in (mine, mine / "new"):
        define_at(d, f"<source type='dir' path='{path}'/>")
        d.vmsh("start", "a", status=1)
        assert list(mine.iterdir()) == []
        d.vmsh("undefine", "a")
    for path, words in (("state", "not an absolute path"), (mine / "a,b", "','")):
        define_at(d, f"<source type='file' path='{path}'/>")
        said = d.vmsh("start", "a", status=1)
        assert words in said, said
        d.vmsh("undefine", "a")


@test
def swtpm_logs_as_much_as_the_definition_says(d):
    need("swtpm_setup")
    log = d.root / "var/log/vmd/qemu/a-swtpm.log"
    for attributes, talks in (("", False), ("debug='7'", True)):
        define_at(d, "", attributes)
        d.vmsh("start", "a")
        assert ("Ctrl Cmd" in log.read_text()) == talks, log.read_text()
        d.vmsh("destroy", "a")
        d.vmsh("undefine", "a")


def begin(d):
    """A start that hangs in swtpm_setup."""
    starting = threading.Thread(target=lambda: d.vmsh("start", "a", status=None), daemon=True)
    starting.start()
    wait_for(lambda: all(any(word in p for p in d.processes()) for word in ("swtpm socket", "swtpm_waits")))
    return starting


@test
def one_that_is_not_finished_is_taken_back(d):
    need("swtpm_setup")
    (d.root / "var/lib/vmd/qemu/swtpm").mkdir(parents=True)
    define(d)
    use(d, HANGS)
    before = d.inventory()
    before["files"] += ["var/lib/vmd/qemu/swtpm-ca"] + [
        f"var/lib/vmd/qemu/swtpm-ca/{name}" for name in ("swtpm-localca.conf", "swtpm_setup.conf")]
    before["files"].sort()
    for how in ("destroy", "end", "kill"):
        starting = begin(d)
        if how == "destroy":
            d.vmsh("destroy", "a")
        elif how == "end":
            d.end()
            d.start()
        else:
            d.kill()
            d.start()
        starting.join(20)
        wait_for(lambda: d.vmsh("domstate", "a").strip() == "shut off")
        assert state(d) == [], how
        same(before, d.inventory(), how)
        use(d, HANGS)


main()
