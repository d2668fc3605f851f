"""Definitions as files: what cannot be read is listed with its reason and keeps its file; what lacks
what define fills in is filled in; what is edited by hand beside the daemon counts."""
import os
import re
import shutil
import struct
from xml.etree import ElementTree

import rpc
from harness import domain, main, test, wait_for

UUID = "c7a5fdbd-edaf-9455-926a-d65c16db18%02d"


def text(name, number=None, **how):
    uuid = f"<uuid>{UUID % number}</uuid>" if number is not None else ""
    return domain(name, **how).replace("<memory", uuid + "<memory", 1)


def folder(d):
    return d.root / "etc/vmd/qemu"


def file(d, name):
    return folder(d) / f"{name}.xml"


def kinds(d):
    """name: words of its reason, for each file that is put there broken."""
    good = text("good", 1)
    texts = {"empty": b"", "cut": text("cut", 2)[:-20].encode(), "zero": bytes(4096),
             "latin": text("latin", 3).replace("<memory", "<title>\xe4</title><memory").encode("latin-1"),
             "control": text("control", 4).replace("<memory", "<title>\x01</title><memory").encode(),
             "other": text("another", 5).encode(), "twin": text("twin", 1).encode(),
             "noname": text("noname", 6).replace("<name>noname</name>", "").encode(),
             "net": b"<network><name>net</name></network>",
             "baduuid": text("baduuid").replace("<memory", "<uuid>1234</uuid><memory").encode()}
    for name, data in texts.items():
        file(d, name).write_bytes(data)
    file(d, "good").write_text(good)
    with open(file(d, "huge"), "wb") as f:
        f.truncate(64 << 20)
    file(d, "folder").mkdir()
    os.mkfifo(file(d, "pipe"))
    file(d, "link").symlink_to("good.xml")
    return {"empty": "", "cut": "", "zero": "", "latin": "", "control": "", "other": "another",
            "twin": "good", "noname": "name", "net": "<network>", "baduuid": "1234", "huge": "large",
            "folder": "a folder", "pipe": "a pipe", "link": "a symbolic link"}


def content(path):
    if path.is_symlink():
        return os.readlink(path)
    if path.is_file():
        return path.stat().st_ino, path.stat().st_size, path.read_bytes()[:100000]
    return path.stat().st_ino


def names(d):
    return sorted(d.vmsh("list", "--all", "--name").split())


CHANGES = (
    ("start", "{n}"), ("dumpxml", "{n}"), ("dominfo", "{n}"), ("desc", "{n}", "--config", "new words"),
    ("desc", "{n}", "--config", "--title", "--new-desc", "t"),
    ("metadata", "{n}", "urn:a", "--key", "a", "--set", "<a/>", "--config"),
    ("domrename", "{n}", "{n}-2"), ("setvcpus", "{n}", "1", "--config"),
    ("setmem", "{n}", "32M", "--config"), ("autostart", "{n}"),
    ("set-lifecycle-action", "{n}", "crash", "destroy", "--config"),
    ("vcpupin", "{n}", "0", "0", "--config"), ("emulatorpin", "{n}", "0", "--config"),
    ("attach-disk", "{n}", "/dev/null", "vdb", "--config"), ("domblklist", "{n}"),
    ("schedinfo", "{n}", "--config", "--set", "cpu_shares=100"),
)


def messages(d, name):
    """What a client can read about the domain; None: nothing here can ask for it."""
    return d.virsh("dominfo", name, status=None) if shutil.which("virsh") else None


def tells(d, name, words):
    said = messages(d, name)
    assert said is None or words in said, f"{name}: {said}"


def refuses_all(d, name, words):
    for change in CHANGES:
        argv = [word.format(n=name) for word in change]
        said = d.vmsh(*argv, status=1)
        assert name in said and words in said, f"{argv}: {said}"


@test
def broken_files_are_told_and_kept(d):
    reasons = kinds(d)
    d.end()
    for name in reasons:
        os.symlink(file(d, name), folder(d) / "autostart" / f"{name}.xml")
    (d.root / "run/vmd/qemu/autostarted").unlink(missing_ok=True)
    before = {name: content(file(d, name)) for name in reasons}
    listed = sorted(os.listdir(folder(d)))
    d.start()
    assert names(d) == sorted([*reasons, "good"]), names(d)
    told = d.log.read_text()
    for name, words in reasons.items():
        assert d.vmsh("domstate", name).strip() == "shut off"
        refuses_all(d, name, words)
        tells(d, name, words)
        assert str(file(d, name)) in told, f"the log does not speak of {name}"
    d.vmsh("list", "--all", "--title", status=None)
    after = {name: content(file(d, name)) for name in reasons}
    assert before == after
    assert listed == sorted(os.listdir(folder(d)))
    d.vmsh("start", "good")
    d.vmsh("destroy", "good")


@test
def broken_ones_are_undefined_or_defined_anew(d):
    reasons = kinds(d)
    d.end()
    d.start()
    uuids = {name: d.vmsh("domuuid", name).strip() for name in reasons}
    d.end()
    d.start()
    assert uuids == {name: d.vmsh("domuuid", name).strip() for name in reasons}
    for name in reasons:
        if name == "folder":
            assert "irectory" in d.vmsh("undefine", name, status=1)
            assert "irectory" in d.vmsh("define", d.write("new.xml", text(name, 50)), status=1)
            continue
        d.vmsh("define", d.write("new.xml", text(name, 50)))
        assert d.vmsh("domuuid", name).strip() == UUID % 50
        assert "broken" not in (messages(d, name) or "")
        d.vmsh("start", name)
        d.vmsh("destroy", name)
        d.vmsh("undefine", name)
        assert not file(d, name).exists() and name not in names(d)
    assert names(d) == ["folder", "good"]
    reasons = kinds_again(d)
    for name in reasons:
        d.vmsh("undefine", name)
        assert not os.path.lexists(file(d, name))
    assert names(d) == ["folder", "good"]
    file(d, "folder").rmdir()
    d.vmsh("undefine", "folder")
    assert names(d) == ["good"]


def kinds_again(d):
    file(d, "folder").rmdir()
    reasons = kinds(d)
    d.end()
    d.start()
    assert names(d) == sorted([*reasons, "good"]), names(d)
    del reasons["folder"]
    return reasons


@test
def what_is_not_said_is_filled_in(d):
    bare = ("<domain type='qemu'><name>%s</name><memory unit='MiB'>64</memory>"
            "<os><type>hvm</type></os><devices><interface type='user'/></devices></domain>")
    d.end()
    for name in ("a", "b"):
        file(d, name).write_text(bare % name)
    file(d, "c").write_text(re.sub("<os>.*</os>", "<os><type machine='q35'>hvm</type></os>", bare % "c"))
    file(d, "d").write_text(text("d", 9))
    d.start()
    uuids = {name: d.vmsh("domuuid", name).strip() for name in "abcd"}
    assert len(set(uuids.values())) == 4 and uuids["d"] == UUID % 9
    for name in "abcd":
        d.vmsh("start", name)
        assert "<emulator>" in d.vmsh("dumpxml", name)
        d.vmsh("destroy", name)
    dumps = {name: d.vmsh("dumpxml", name) for name in "abcd"}
    for name in "abcd":
        assert "<emulator>" in dumps[name] and "machine='pc-" in dumps[name], dumps[name]
    assert "<mac address" in dumps["a"]
    d.kill()
    d.start()
    assert uuids == {name: d.vmsh("domuuid", name).strip() for name in "abcd"}
    assert dumps == {name: d.vmsh("dumpxml", name) for name in "abcd"}
    d.vmsh("desc", "b", "--config", "words")
    assert "<description>words</description>" in d.vmsh("dumpxml", "b")


@test
def a_uuid_is_given_once(d):
    d.end()
    file(d, "a").write_text(text("a"))
    d.start()
    uuid = d.vmsh("domuuid", "a").strip()
    assert uuid.strip("0-") and uuid in file(d, "a").read_text()
    d.kill()
    d.start()
    assert d.vmsh("domuuid", "a").strip() == uuid


@test
def what_cannot_be_run_says_so(d):
    d.end()
    file(d, "a").write_text(text("a", 1).replace("<devices>", "<devices><emulator>/nowhere/qemu</emulator>"))
    twice = "<disk type='file'><source file='/dev/null'/><target dev='vda'/></disk>" * 2
    file(d, "b").write_text(text("b", 2, devices=twice))
    os.symlink(file(d, "a"), folder(d) / "autostart/a.xml")
    before = content(file(d, "a")), content(file(d, "b"))
    (d.root / "run/vmd/qemu/autostarted").unlink(missing_ok=True)
    d.start()
    assert "/nowhere/qemu" in d.vmsh("start", "a", status=1)
    assert "vda" in d.vmsh("start", "b", status=1)
    assert "/nowhere/qemu" in d.vmsh("dumpxml", "a")
    assert before == (content(file(d, "a")), content(file(d, "b")))
    wait_for(lambda: "autostart of domain 'a'" in d.log.read_text())


@test
def files_change_beside_the_daemon(d):
    for name in "abc":
        d.vmsh("define", d.write("new.xml", text(name)))
    d.vmsh("start", "c")
    whole = file(d, "a").read_text()

    file(d, "a").write_text(whole[:-40])
    refuses_all(d, "a", "")
    assert file(d, "a").read_text() == whole[:-40]
    tells(d, "a", "a.xml")
    file(d, "a").write_text(whole)
    d.vmsh("desc", "a", "--config", "fine again")
    assert "fine again" in d.vmsh("dumpxml", "a")
    d.vmsh("start", "a")
    d.vmsh("destroy", "a")

    file(d, "b").unlink()
    refuses_all(d, "b", "")
    assert not file(d, "b").exists() and "b" in names(d)
    d.vmsh("undefine", "b")
    assert "b" not in names(d)

    # what the hand wrote is what the next change is made to
    edited = file(d, "a").read_text().replace("fine again", "by hand")
    file(d, "a").write_text(edited)
    assert "by hand" in d.vmsh("dumpxml", "a")
    d.vmsh("setmem", "a", "32M", "--config")
    assert "by hand" in file(d, "a").read_text()
    file(d, "a").write_text(edited.replace("<name>a</name>", "<name>z</name>"))
    refuses_all(d, "a", "z")

    # what runs is not touched by it
    file(d, "c").write_text("")
    assert "<name>c</name>" in d.vmsh("dumpxml", "c")
    tells(d, "c", "broken")
    d.vmsh("desc", "c", "--live", "alive")
    assert "c" in d.vmsh("desc", "c", "--config", "never", status=1)
    d.kill()
    d.start()
    assert d.vmsh("domstate", "c").strip() == "running" and names(d) == ["a", "c"]
    assert "alive" in d.vmsh("dumpxml", "c")
    d.vmsh("define", d.write("new.xml", d.vmsh("dumpxml", "c")))
    d.vmsh("destroy", "c")
    d.vmsh("start", "c")


@test
def a_dump_is_what_the_definition_says_now(d):
    vnc = "<graphics type='vnc' passwd='hush'/>"
    for name, devices in (("open", ""), ("locked", vnc)):
        d.vmsh("define", d.write("new.xml", text(name, devices=devices)))
        plain, whole = d.vmsh("dumpxml", name), d.vmsh("dumpxml", name, "--security-info")
        assert whole.strip() == file(d, name).read_text().strip()
        assert ("hush" in whole) == bool(devices) and "hush" not in plain
        d.kill()
        d.start()
        for _ in range(2):  # read, then known
            assert plain == d.vmsh("dumpxml", name)
            assert whole == d.vmsh("dumpxml", name, "--security-info")
        d.vmsh("desc", name, "--config", "changed")
        assert "changed" in d.vmsh("dumpxml", name) and "hush" not in d.vmsh("dumpxml", name)
        edited = file(d, name).read_text().replace("changed", "by hand")
        if not devices:
            edited = edited.replace("  </devices>", vnc + "  </devices>")
        file(d, name).write_text(edited)
        assert "by hand" in d.vmsh("dumpxml", name)
        assert "hush" not in d.vmsh("dumpxml", name)
        assert "hush" in d.vmsh("dumpxml", name, "--security-info")
        d.vmsh("domrename", name, "new-" + name)
        assert f"<name>new-{name}</name>" in d.vmsh("dumpxml", "new-" + name)
        assert "hush" not in d.vmsh("dumpxml", "new-" + name)
        d.vmsh("start", "new-" + name, "--paused")
        assert "by hand" in d.vmsh("dumpxml", "--inactive", "new-" + name)
        d.vmsh("destroy", "new-" + name)
        d.vmsh("undefine", "new-" + name)


@test
def a_definition_that_grew_too_large_is_refused(d):
    """What is written could not be read again: it is not written."""
    d.vmsh("define", d.write("a.xml", text("a", 1)))
    before = content(file(d, "a"))
    quotes = '"' * (2 << 20)  # six bytes each as they are written
    xml = text("a", 1).replace("<memory", f"<description>{quotes}</description><memory")
    assert "bytes" in d.vmsh("define", d.write("a.xml", xml), status=1)
    assert "bytes" in d.vmsh("define", d.write("b.xml", xml.replace(UUID % 1, UUID % 2)
                                               .replace("<name>a<", "<name>b<")), status=1)
    assert before == content(file(d, "a")) and names(d) == ["a"]
    d.kill()
    d.start()
    assert names(d) == ["a"]
    d.vmsh("dumpxml", "a")


@test
def metadata_leaves_xml(d):
    """Whatever prefix, namespace and text a client gives, the definition can be read again."""
    held = "<metadata><k:x xmlns:k='urn:a&amp;b?c=&lt;'><k:z/></k:x></metadata>"
    for name in ("off", "on"):
        d.vmsh("define", d.write("a.xml", text(name, extra=held)))
    d.vmsh("start", "on")
    for impact, name in (("--config", "off"), ("--live", "on")):
        flags = ("--inactive",) if name == "off" else ()
        for number, key in enumerate(("a b", "1a", "a:b", "k/><x", 'k="1"', "", "xmlns", "k\x01")):
            said = d.vmsh("metadata", name, f"urn:{number}", "--key", key, "--set", "<a/>", impact,
                          status=None)
            assert "error" in said, f"prefix '{key}': {said}"
        for number, uri in enumerate(("urn:a&b", "urn:<", "urn:'\"", "urn:\u6f22", "http://x/?a=1&b=2")):
            d.vmsh("metadata", name, uri, "--key", f"k{number}", "--set", "<a b='&amp;'>&lt;</a>", impact)
            assert "<a b=\"&amp;\">&lt;</a>" in d.vmsh("metadata", name, uri, impact)
        for value in ("<a>&x;</a>", "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "<a", "<a/><b/>", ""):
            d.vmsh("metadata", name, "urn:v", "--key", "v", "--set", value, impact, status=1)
        for words in ("&", "<", "]]>", "\u6f22", "a\nb"):
            d.vmsh("desc", name, impact, words)
            assert words in d.vmsh("desc", name, impact)
        for words in ("\x01", "\x1b[0m"):
            assert "XML" in d.vmsh("desc", name, impact, words, status=1)
        root = ElementTree.fromstring(d.vmsh("dumpxml", name, *flags))
        assert len(root.find("metadata")) == 6
        d.vmsh("metadata", name, "urn:a&b?c=<", impact)
    d.kill()
    d.start()
    for name in ("off", "on"):
        root = ElementTree.fromstring(d.vmsh("dumpxml", name))
        assert len(root.find("metadata")) == 6
    assert "error" in d.vmsh("domrename", "off", os.fsdecode(b"a\xff"), status=1)
    assert "error" in d.vmsh("domrename", "off", "a\x02", status=1)


@test
def odd_names_of_files(d):
    d.end()
    file(d, "x").write_text(text("x", 1))
    (folder(d) / os.fsdecode(b"bad\xff.xml")).write_text(text("bad", 2))
    (folder(d) / "new\nline.xml").write_text(text("new", 3))
    (folder(d) / ("y" * 251 + ".xml")).write_text(text("y" * 251, 4))
    d.start()
    listed = d.vmsh("list", "--all", "--name").split()
    assert len(listed) == 4 and "x" in listed, listed
    for name in listed:
        d.vmsh("undefine", name)
    assert [n for n in os.listdir(folder(d)) if n.endswith(".xml")] == []


DEFINE, SET_MAX_MEMORY, UNDEFINE = 11, 30, 35


def reference(number, name):
    return rpc.string(name) + bytes.fromhex((UUID % number).replace("-", "")) + struct.pack(">i", -1)


@test
def what_no_document_can_say_is_not_written(d):
    d.vmsh("define", d.write("a.xml", text("a", 1)))
    before = content(file(d, "a"))
    client = rpc.Client(d.socket)
    for kib in (1 << 53, 1 << 63, (1 << 64) - 1):
        said = client.call(SET_MAX_MEMORY, reference(1, "a") + struct.pack(">Q", kib)).error()[2]
        assert "could not be read any more" in said, said
        assert content(file(d, "a")) == before
    d.kill()
    d.start()
    assert names(d) == ["a"] and "65536" in d.vmsh("dumpxml", "a")


@test
def a_change_does_not_bring_back_what_is_undefined_beside_it(d):
    client = rpc.Client(d.socket)
    for n in range(40):
        d.vmsh("define", d.write("a.xml", text("a", 1)))
        calls = [client.pack(SET_MAX_MEMORY, reference(1, "a") + struct.pack(">Q", 70000 + i)) for i in range(n % 4)]
        client.socket.sendall(b"".join((*calls, client.pack(UNDEFINE, reference(1, "a")),
                                        client.pack(SET_MAX_MEMORY, reference(1, "a") + struct.pack(">Q", 80000)))))
        answers = {m.serial: m for m in (client.read() for _ in range(len(calls) + 2))}
        assert answers[client.serial - 1].status == rpc.OK
        assert names(d) == [] and os.listdir(folder(d)) in ([], ["autostart"]), n


@test
def a_change_is_made_of_what_is_defined_beside_it(d):
    client = rpc.Client(d.socket)
    document = text("a", 1)
    for n in range(40):
        define = client.pack(DEFINE, rpc.string(document.replace("<memory", f"<title>{n}</title><memory", 1)))
        change = client.pack(SET_MAX_MEMORY, reference(1, "a") + struct.pack(">Q", 70000 + n))
        if n == 0:
            client.socket.sendall(define)
            assert (first := client.read()).status == rpc.OK, first.error()
        client.socket.sendall(b"".join((change, define, change) if n % 2 else (define, change)))
        for _ in range(2 + n % 2):
            message = client.read()
            assert message.status == rpc.OK, message.error()
        assert f"<title>{n}</title>" in (shown := d.vmsh("dumpxml", "a")), f"{n}: {shown[:300]}"


main()
