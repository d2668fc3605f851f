#!/usr/bin/env python3
"""Secrets: what they are for, their values, who may see them, what is on disk, and what is left in
memory when a value is gone."""
import base64
import os
import re
import stat
import subprocess

from harness import VMSH, main, need, same, test, until_heard

UUID = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6c{:02d}"
VALUE = b"a value that nobody else has: 4711\0with a zero"


def secret(n, usage="", attrs="", more=""):
    kinds = {"volume": "volume", "iscsi": "target"}
    kind, _, name = usage.partition(" ")
    tag = kinds.get(kind, "name")
    use = f"<usage type='{kind}'><{tag}>{name}</{tag}></usage>" if usage else ""
    return f"<secret {attrs}><uuid>{UUID.format(n)}</uuid>{more}{use}</secret>"


def define(d, n, *args, status=0, **how):
    return d.vmsh("secret-define", d.write("secret.xml", secret(n, *args, **how)), status=status)


def set_value(d, n, value=VALUE, status=0):
    d.root.joinpath("value").write_bytes(value)
    return d.vmsh("secret-set-value", UUID.format(n), "--file", d.root / "value", "--plain", status=status)


def refused(out, what):
    assert what in out, out


@test
def are_defined_listed_and_shown(d):
    define(d, 1, "volume /var/images/a")
    define(d, 2, "ceph client.admin secret", "private='yes'", "<description>of &amp; for</description>")
    define(d, 3, "iscsi target", "ephemeral='yes'")
    define(d, 4, "tls name")
    define(d, 5, "vtpm guest")
    define(d, 6)
    rows = [line.split(None, 1) for line in d.vmsh("secret-list").splitlines()[2:] if line]
    assert [(u, w.strip()) for u, w in rows] == [(UUID.format(n + 1), use) for n, use in enumerate(
        ["volume /var/images/a", "ceph client.admin secret", "iscsi target", "tls name", "vtpm guest",
         "Unused"])], rows
    xml = d.vmsh("secret-dumpxml", UUID.format(2))
    assert "<description>of &amp; for</description>" in xml and "private='yes'" in xml, xml
    for option, n in (("ephemeral", 1), ("no-ephemeral", 5), ("private", 1), ("no-private", 5)):
        assert d.vmsh("secret-list", f"--{option}").count(UUID[:20]) == n, option
    before = [d.vmsh("secret-dumpxml", UUID.format(n)) for n in (1, 2, 4, 5, 6)]
    d.kill()
    d.start()
    assert [d.vmsh("secret-dumpxml", UUID.format(n)) for n in (1, 2, 4, 5, 6)] == before
    refused(d.vmsh("secret-dumpxml", UUID.format(3), status=1), "no secret with matching uuid")


@test
def are_for_one_thing(d):
    define(d, 1, "ceph one")
    refused(define(d, 2, "ceph one", status=1), f"UUID {UUID.format(1)} already defined for use with one")
    refused(define(d, 1, "ceph two", status=1), "is already defined for use with one")
    define(d, 1, "ceph one", "private='yes'")
    refused(define(d, 1, "ceph one", "private='no'", status=1), "cannot change private flag")
    refused(define(d, 3, "ceph ", status=1), "Ceph usage specified, but name is missing")
    refused(define(d, 3, "bogus x", status=1), "bogus")
    refused(define(d, 3, "", "private='1'", status=1), "private")
    refused(define(d, 3, more="<odd/>", status=0), "created")
    bad = d.write("bad.xml", "<secret><odd/></secret>")
    refused(d.vmsh("secret-define", "--validate", bad, status=1), "odd")
    d.vmsh("secret-undefine", UUID.format(1))
    define(d, 2, "ceph one")


@test
def have_values(d):
    define(d, 1, "volume /a")
    refused(d.vmsh("secret-get-value", UUID.format(1), status=1), "does not have a value")
    set_value(d, 1)
    text = base64.b64encode(VALUE).decode()
    assert d.vmsh("secret-get-value", UUID.format(1)).strip() == text
    plain = subprocess.run([VMSH, "-c", d.uri, "secret-get-value", "--plain", UUID.format(1)],
                           capture_output=True, check=True)
    assert plain.stdout == VALUE + b"\n", plain
    file = d.root / "etc/vmd/secrets" / f"{UUID.format(1)}.base64"
    assert file.read_text() == text and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    d.kill()
    d.start()
    assert d.vmsh("secret-get-value", UUID.format(1)).strip() == text
    set_value(d, 1, b"x" * 65536)
    refused(set_value(d, 1, b"x" * 65537, status=1), "65536")
    refused(set_value(d, 1, b"", status=1), "1 to 65536 bytes")
    d.vmsh("secret-undefine", UUID.format(1))
    assert not file.exists() and not file.with_suffix(".xml").exists()


@test
def private_ones_are_not_given_out(d):
    define(d, 1, "ceph c", "private='yes'")
    set_value(d, 1)
    refused(d.vmsh("secret-get-value", UUID.format(1), status=1), "secret is private")
    refused(d.vmsh("-r", "secret-get-value", UUID.format(1), status=1), "read-only")
    refused(d.vmsh("-r", "secret-list"), UUID.format(1))
    define(d, 2)
    set_value(d, 2)
    refused(d.vmsh("-r", "secret-get-value", UUID.format(2), status=1), "read-only")


@test
def ephemeral_ones_are_never_on_disk(d):
    before = d.steady_inventory()["files"]
    folder = d.root / "etc/vmd/secrets"
    define(d, 1, "ceph c", "ephemeral='yes'")
    set_value(d, 1)
    assert d.steady_inventory()["files"] == before
    define(d, 1, "ceph c")  # kept from now on, with its value
    assert sorted(p.suffix for p in folder.glob(f"{UUID.format(1)}*")) == [".base64", ".xml"]
    define(d, 1, "ceph c", "ephemeral='yes'")
    assert d.steady_inventory()["files"] == before
    assert d.vmsh("secret-get-value", UUID.format(1)).strip() == base64.b64encode(VALUE).decode()


@test
def what_an_ended_daemon_left_is_settled(d):
    define(d, 1, "ceph c")
    set_value(d, 1)
    define(d, 2, "ceph d")
    folder = d.root / "etc/vmd/secrets"
    d.kill()
    (folder / f"{UUID.format(1)}.xml").unlink()
    (folder / f"{UUID.format(2)}.base64").write_text("!!!")
    (folder / f"{UUID.format(3)}.xml").write_text("<secret>")
    (folder / f"{UUID.format(3)}.base64").write_text("YWJj")
    (folder / f"{UUID.format(4)}.base64.new").write_text("YWJj")
    d.start()
    assert d.vmsh("secret-list").count(UUID[:20]) == 1
    refused(d.vmsh("secret-get-value", UUID.format(2), status=1), "does not have a value")
    assert {p.name for p in folder.glob("*.base64*")} == {f"{UUID.format(n)}.base64" for n in (2, 3)}
    assert UUID.format(3) in d.tail(100) and "YWJj" not in d.tail(100)


def memory_has(d, what):
    """How often bytes stand in the daemon's memory."""
    count = 0
    with open(f"/proc/{d.pid}/maps") as maps, open(f"/proc/{d.pid}/mem", "rb", 0) as mem:
        for line in maps:
            low, high, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if not rights.startswith("rw"):
                continue
            low, high = int(low, 16), int(high, 16)
            for at in range(low, min(high, low + (1 << 32)), 1 << 24):
                try:
                    mem.seek(at)
                    count += mem.read(min(high - at, 1 << 24)).count(what)
                except OSError:
                    pass
    return count


@test
def nothing_of_a_value_stays_in_memory(d):
    if d.is_sanitized():
        d.end()
        d.start(ASAN_OPTIONS="quarantine_size_mb=64")
    long = os.urandom(50000)
    define(d, 1, "ceph c")
    define(d, 2, "ceph d", "ephemeral='yes'")
    for n, value in ((1, VALUE), (2, long)):
        set_value(d, n, value)
        d.vmsh("secret-get-value", UUID.format(n))
        d.vmsh("secret-list")
    looked_for = [VALUE, base64.b64encode(VALUE)[4:-4], long[20:60], long[30000:30050],
                  base64.b64encode(long)[400:450]]
    assert [memory_has(d, what) for what in looked_for] == [1, 0, 1, 1, 0]
    for n in (1, 2):
        d.vmsh("secret-undefine", UUID.format(n))
    assert [memory_has(d, what) for what in looked_for] == [0] * 5
    assert VALUE[:20].decode() not in d.tail(1000)


@test
def clients_hear_of_them(d):
    heard = subprocess.Popen([need("virsh"), "-c", d.uri, "secret-event", "--event", "lifecycle", "--loop",
                              "--timeout", "20"], stdout=subprocess.PIPE, text=True)
    until_heard(heard, lambda: define(d, 9))
    value = subprocess.Popen([need("virsh"), "-c", d.uri, "secret-event", "--event", "value-changed",
                              "--timeout", "20"], stdout=subprocess.PIPE, text=True)
    define(d, 1, "ceph c")
    line = until_heard(value, lambda: set_value(d, 1))
    assert line.strip() == f"event 'value-changed' for secret {UUID.format(1)}", line
    d.vmsh("secret-undefine", UUID.format(1))
    lines = [heard.stdout.readline()]
    while f"{UUID.format(1)}: Undefined" not in lines[-1]:
        lines.append(heard.stdout.readline())
    assert f"event 'lifecycle' for secret {UUID.format(1)}: Defined\n" in lines
    for process in (heard, value):
        process.kill()
        process.wait()
    define(d, 2)
    ours = subprocess.Popen([VMSH, "-c", d.uri, "secret-event", "--event", "value-changed", "--secret",
                             UUID.format(2), "--timeout", "20"], stdout=subprocess.PIPE, text=True)
    line = until_heard(ours, lambda: set_value(d, 2))
    assert line.strip() == f"event 'value-changed' for secret {UUID.format(2)}", line
    assert ours.wait(20) == 0
    assert d.vmsh("secret-event", "--list").split() == d.virsh("secret-event", "--list").split()


@test
def stock_clients_use_them(d):
    d.write("secret.xml", secret(1, "volume /a"))
    refused(d.virsh("secret-define", d.root / "secret.xml"), "created")
    d.virsh("secret-set-value", UUID.format(1), "--base64", "YWJj")
    assert d.virsh("secret-get-value", UUID.format(1)).strip() == "YWJj"
    assert "volume /a" in d.virsh("secret-list")
    assert d.virsh("secret-dumpxml", UUID.format(1)).strip() == d.vmsh("secret-dumpxml", UUID.format(1)).strip()
    before = d.steady_inventory()
    for n in range(10, 40):
        define(d, n)
        d.virsh("secret-undefine", UUID.format(n))
    same(before, d.steady_inventory())


if __name__ == "__main__":
    main()
