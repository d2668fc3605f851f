#!/usr/bin/env python3
"""What clients change is told: who asked, what, of which object, and what became of it; as lines of the
log, and with fields to the journal."""
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import uuid

from harness import OUTER_NETWORK, VMD, domain, main, need_root, skip, test, wait_for

UUID = str(uuid.uuid5(uuid.NAMESPACE_DNS, "audit"))
NETWORK = "<network><name>n</name><forward mode='open'/><bridge name='vmdaudit0'/></network>"


def xml(name="a"):
    return domain(name).replace("<memory", f"<uuid>{UUID}</uuid><memory", 1)


def lines(d, word):
    return [line for line in d.log.read_text().splitlines() if f": {word}" in line and "(pid " in line]


def only(d, word):
    found = wait_for(lambda: lines(d, word))
    assert len(found) == 1, found
    return found[0]


@test
def what_is_done_is_told_once(d):
    d.vmsh("define", d.write("a.xml", xml()))
    assert re.match(rf"info: uid {os.geteuid()} \(pid \d+, client \d+\): DOMAIN_DEFINE_XML\w* of domain 'a': done$",
                    only(d, "DOMAIN_DEFINE_XML"))
    d.vmsh("start", "a", "--paused")
    assert only(d, "DOMAIN_CREATE").endswith(" of domain 'a': done")
    d.vmsh("destroy", "a")
    d.vmsh("net-define", d.write("n.xml", NETWORK))
    assert only(d, "NETWORK_DEFINE_XML").endswith(" of network 'n': done")
    d.vmsh("pool-define-as", "p", "dir", "--target", d.root / "pool")
    d.vmsh("pool-build", "p")
    d.vmsh("pool-start", "p")
    assert only(d, "STORAGE_POOL_BUILD").endswith(" of pool 'p': done")
    d.vmsh("vol-create-as", "p", "v", "1M")
    assert only(d, "STORAGE_VOL_CREATE_XML").endswith(" of pool 'p': done")
    d.vmsh("vol-delete", "v", "--pool", "p")
    assert only(d, "STORAGE_VOL_DELETE").endswith(" of volume 'v': done")
    d.vmsh("dominfo", "a")
    d.vmsh("dumpxml", "a")
    assert not lines(d, "DOMAIN_GET"), d.tail()
    d.vmsh("dumpxml", "a", "--security-info")
    assert only(d, "DOMAIN_GET_XML_DESC").endswith(" of domain 'a': done")


@test
def what_fails_and_what_is_refused_is_told(d):
    d.vmsh("define", d.write("a.xml", xml()))
    d.vmsh("start", "a", "--paused")
    d.vmsh("start", "a", status=1)
    d.vmsh("resume", "a")
    d.vmsh("resume", "a", status=None)
    d.vmsh("setmem", "a", "1G", "--live", status=1)
    (failed,) = [line for line in lines(d, "DOMAIN_SET_MEMORY") if "failed: " in line]
    assert re.search(r"of domain 'a': failed: .+", failed), failed
    d.vmsh("define", d.write("bad.xml", "<domain type='qemu'><name>x</name></domain>"), status=1)
    assert "failed: " in wait_for(lambda: lines(d, "DOMAIN_DEFINE_XML")[1:])[0]
    if os.geteuid() == 0:
        said = d.vmsh("destroy", "a", uri=d.ro_uri, status=1)
        assert "read only access prevents DOMAIN_DESTROY: " in said and str(d.socket) in said, said
        line = only(d, "DOMAIN_DESTROY")
        assert " of domain 'a': refused: read only access" in line, line


@test
def a_hostile_name_makes_no_line(d):
    d.vmsh("desc", "a\nerror: b", "x", "--config", status=1)
    d.vmsh("undefine", "x" * 5000, status=1)
    text = d.log.read_text()
    assert "\nerror: b" not in text and max(map(len, text.splitlines())) < 5000


@test
def secrets_are_not_told(d):
    d.vmsh("secret-define", d.write("s.xml", f"<secret><uuid>{UUID}</uuid><usage type='tls'><name>of mine"
                                             "</name></usage></secret>"))
    d.vmsh("secret-set-value", UUID, "cGFzc3dvcmQtb2YtbWluZQ==")
    assert only(d, "SECRET_SET_VALUE").endswith(" of secret 'of mine': done")
    assert "password-of" not in d.log.read_text() and "cGFz" not in d.log.read_text()


@test
def much_of_one_user_is_counted(d):
    d.vmsh("define", d.write("a.xml", xml()))
    d.vmsh("; ".join(f"desc a --config text{n}" for n in range(150)))
    d.vmsh("autostart", "a")
    assert len(lines(d, "DOMAIN_SET_METADATA")) == 100
    only(d, "DOMAIN_SET_AUTOSTART")
    wait_for(lambda: "50 more lines like this were left out: DOMAIN_SET_METADATA" in d.log.read_text(), 20)


@test
def who_may_do_nothing_has_few_words(d):
    need_root("to have the system's daemon")
    d.vmsh("define", d.write("a.xml", xml()))
    for command in ("autostart a", "start a", "undefine a"):
        d.vmsh("; ".join([command] * 60), uri=d.ro_uri, status=1)
    assert d.log.read_text().count(": refused: ") == 100
    wait_for(lambda: "80 more lines like this were left out: refused calls" in d.log.read_text(), 20)


@test
def it_can_be_switched_off(d):
    conf = d.root / "etc/vmd/vmd.conf"
    conf.write_text("audit = no\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: "audit was 'yes' and is 'no'" in d.log.read_text())
    d.vmsh("define", d.write("a.xml", xml()))
    conf.write_text("log_level = warning\nlog_filters = rpc:info\n")
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: "audit was 'no' and is 'yes'" in d.log.read_text())
    d.vmsh("undefine", "a")
    only(d, "DOMAIN_UNDEFINE")
    assert not lines(d, "DOMAIN_DEFINE")


def fields_of(datagram):
    """The journal's native protocol: NAME=value, or NAME, a length and bytes."""
    found, at = {}, 0
    while at < len(datagram):
        end = datagram.index(b"\n", at)
        name, equals, value = datagram[at:end].partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", datagram[end + 1:end + 9])
            value, end = datagram[end + 9:end + 9 + size], end + 9 + size
        found[name.decode()] = value.decode()
        at = end + 1
    return found


@test
def the_journal_gets_fields(d):
    need_root("for a journal of the test's own")
    if not OUTER_NETWORK:
        skip("a mount namespace of the test's own cannot be made here")
    d.end()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    pathlib.Path("/run/systemd/journal").mkdir(parents=True)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal, open(d.log, "ab") as log:
            journal.bind("/run/systemd/journal/socket")
            journal.settimeout(30)
            stream = os.fstat(log.fileno())
            d.process = subprocess.Popen(
                [VMD, "--root", str(d.root)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, "JOURNAL_STREAM": f"{stream.st_dev}:{stream.st_ino}"})
            wait_for(d.answers)
            d.vmsh("define", d.write("a.xml", xml()))
            d.vmsh("start", "nobody", status=1)
            d.vmsh("undefine", "a", uri=d.ro_uri, status=1)
            seen = []
            while len(seen) < 2:
                fields = fields_of(journal.recv(65536))
                if "VMD_CALL" in fields:
                    seen.append(fields)
    finally:
        subprocess.run(["umount", "-l", "/run"], check=True)
    done, refused = seen
    assert done["VMD_CALL"].startswith("DOMAIN_DEFINE_XML") and done["VMD_RESULT"] == "done"
    assert done["VMD_DOMAIN"] == "a" and done["VMD_UUID"] == UUID, done
    assert done["VMD_CLIENT_UID"] == "0" and int(done["VMD_CLIENT_PID"]) > 0 and done["PRIORITY"] == "6"
    assert refused["VMD_RESULT"] == "refused" and "read only" in refused["VMD_ERROR"], refused
    assert done["MESSAGE_ID"] != refused["MESSAGE_ID"]
    assert all(re.fullmatch("[0-9a-f]{32}", fields["MESSAGE_ID"]) for fields in seen)
    assert not any("VMD_ERROR" in fields for fields in (done,))


@test
def a_debug_log_tells_a_change_row_by_row(d):
    d.end()
    (d.root / "etc/vmd").mkdir(parents=True, exist_ok=True)
    (d.root / "etc/vmd/vmd.conf").write_text("log_filters = core:debug\n")
    d.start()
    d.vmsh("define", d.write("a.xml", xml()))
    d.vmsh("start", "a", "--paused")
    d.vmsh("destroy", "a")

    def rows(what):
        return re.findall(rf"debug: domain 'a': {what}: ([^:]*): (\w+)", d.log.read_text())
    steps = [line.split("\t") for line in subprocess.run(
        [VMD, "--list-steps"], check=True, capture_output=True, text=True).stdout.splitlines()]
    table = [name.split("/")[1] for name, _ in steps if name.startswith("start/")]
    assert [row for row, _ in rows("start")] == table, rows("start")
    assert {became for _, became in rows("start")} == {"done"}
    undone = rows("undo")
    assert undone and {became for _, became in undone} == {"undone"}, d.log.read_text()


main()
