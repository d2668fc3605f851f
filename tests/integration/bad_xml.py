"""Definitions that are wrong: a clear error each, and the daemon stays up."""
import os
import shutil

from harness import Failed, domain, main, same, test
from slowness import libvirt

BOMB = ("<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY {chr(98 + i)} '{('&' + chr(97 + i) + ';') * 10}'>" for i in range(9))
        + "]><domain type='qemu'><name>&j;</name></domain>")
OUTSIDE = ("<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
           "<domain type='qemu'><name>&x;</name></domain>")
GOOD = domain("good")

# text, what the error must say
WRONG = {
    "empty": ("", "mpty"),
    "no XML": ("hello", "Start tag expected"),
    "cut off": (GOOD[:len(GOOD) // 2], "line"),
    "another document": ("<network><name>n</name></network>", "network"),
    "no name": ("<domain type='qemu'/>", "name"),
    "empty name": (GOOD.replace(">good<", "><"), "name"),
    "name with a slash": (GOOD.replace(">good<", ">a/b<"), "/"),
    "bad uuid": (GOOD.replace("</name>", "</name><uuid>xyz</uuid>"), "uuid"),
    "no memory": (GOOD.replace("<memory unit='MiB'>64</memory>", ""), "emory"),
    "words for memory": (GOOD.replace(">64<", ">much<"), "much"),
    "unknown unit": (GOOD.replace("'MiB'", "'parsec'"), "parsec"),
    "negative vcpus": (GOOD.replace("<vcpu>1<", "<vcpu>-1<"), "vcpu"),
    "no such machine": (GOOD.replace("q35", "pdp11"), "pdp11"),
    "no such arch": (GOOD.replace("x86_64", "vax"), "vax"),
    "no such type": (GOOD.replace("type='qemu'", "type='magic'"), "magic"),
    "entity bomb": (BOMB, ""),
    "outside entity": (OUTSIDE, ""),
    "deep": ("<domain type='qemu'><name>x</name><metadata>" + "<a>" * 5000, ""),
    "10 MB": (GOOD.replace("</name>", "</name><description>" + "x" * 10_000_000
                           + "</description>"), ""),
    "binary": ("<domain>\x01\x02</domain>", ""),
    "no such disk bus": (domain("good", "<disk type='file'><source file='/x'/>"
                                "<target dev='vda' bus='warp'/></disk>"), "warp"),
    "two disks of one name": (domain("good", 2 * "<disk type='file'><source file='/x'/>"
                                     "<target dev='vda' bus='virtio'/></disk>"), "vda"),
    "no target": (domain("good", "<disk type='file'><source file='/x'/></disk>"), "target"),
}


@test
def wrong_documents_are_refused_with_a_reason(d):
    for name, (text, says) in WRONG.items():
        out = d.vmsh("define", d.write("wrong.xml", text), status=1)
        assert "error:" in out, f"{name}: {out}"
        assert says in out, f"{name}: no {says!r} in: {out[:400]}"
        assert len(out) < 2000, f"{name}: {len(out)} characters of error"
    assert d.vmsh("list", "--all", "--name").strip() == ""
    d.vmsh("define", d.write("good.xml", GOOD))


# Who says what is wrong, as numbers of the protocol: the reader of values, what the document describes,
# or the driver that was asked.
XML, QEMU, STORAGE, NETWORK, DOMAIN, SECRET, NWFILTER = 5, 10, 18, 19, 20, 30, 33
ORIGINS = [
    ("defineXML", GOOD.replace("<vcpu>1<", "<vcpu>-1<"), XML),
    ("defineXML", GOOD[:len(GOOD) // 2], DOMAIN),
    ("defineXML", GOOD.replace("<memory unit='MiB'>64</memory>", ""), DOMAIN),
    ("lookupByName", "nobody", QEMU),
    ("networkDefineXML", "<network>", NETWORK),
    ("networkDefineXML", "<network><name>a/b</name></network>", NETWORK),
    ("storagePoolDefineXML", "<pool type='dir'><name>p</name></pool>", STORAGE),
    ("nwfilterDefineXML", "<filter>", NWFILTER),
    ("secretDefineXML", "<secret>", SECRET),
]


@test
def an_error_says_where_it_comes_from(d):
    c = libvirt.open(d.uri)
    for call, text, origin in ORIGINS:
        try:
            getattr(c, call)(text)
        except libvirt.libvirtError as e:
            assert e.get_error_domain() == origin, (call, e.get_error_domain(), origin, str(e))
        else:
            raise AssertionError(f"{call} took {text}")
    c.close()


@test
def nothing_is_lost_by_a_wrong_redefinition(d):
    d.vmsh("define", d.write("good.xml", GOOD))
    before = d.vmsh("dumpxml", "good")
    uuid = d.vmsh("domuuid", "good").strip()
    wrong = GOOD.replace("</name>", f"</name><uuid>{uuid}</uuid>").replace("q35", "pdp11")
    d.vmsh("define", d.write("wrong.xml", wrong), status=1)
    assert d.vmsh("dumpxml", "good") == before


@test
def names_and_uuids_are_taken_once(d):
    d.vmsh("define", d.write("good.xml", GOOD))
    uuid = d.vmsh("domuuid", "good").strip()
    other = GOOD.replace("</name>", "</name><uuid>11111111-2222-4333-8444-555555555555</uuid>")
    out = d.vmsh("define", d.write("other.xml", other), status=1)
    assert "already" in out and uuid in out, out
    renamed = GOOD.replace(">good<", ">better<").replace("</name>", f"</name><uuid>{uuid}</uuid>")
    out = d.vmsh("define", d.write("renamed.xml", renamed), status=1)
    assert "already" in out and "good" in out, out


@test
def a_missing_image_is_named_and_nothing_is_left(d):
    missing = domain("good", "<disk type='file'><driver name='qemu' type='raw'/>"
                     "<source file='/nowhere/disk.img'/><target dev='vda' bus='virtio'/></disk>")
    d.vmsh("define", d.write("good.xml", missing))
    before = d.inventory()
    out = d.vmsh("start", "good", status=1)
    assert "/nowhere/disk.img" in out and "No such file" in out, out
    same(before, d.inventory())


@test
def an_image_is_written_by_one(d):
    image = d.write("disk.img", "")
    os.truncate(image, 1 << 20)
    disk = (f"<disk type='file'><driver name='qemu' type='raw'/><source file='{image}'/>"
            "<target dev='vda' bus='virtio'/></disk>")
    for name in ("first", "second"):
        d.vmsh("define", d.write(f"{name}.xml", domain(name, disk)))
    d.vmsh("start", "first", "--paused")
    out = d.vmsh("start", "second", "--paused", status=1)
    assert "first" in out and str(image) in out, out
    d.kill()
    d.start()
    out = d.vmsh("start", "second", "--paused", status=1)
    assert "first" in out, out
    d.vmsh("destroy", "first")
    d.vmsh("start", "second", "--paused")


@test
def a_qemu_that_dies_early_is_quoted(d):
    odd = domain("odd").replace("<domain type='qemu'>", "<domain type='qemu' xmlns:qemu="
                                "'http://libvirt.org/schemas/domain/qemu/1.0'>").replace(
        "</domain>", "<qemu:commandline><qemu:arg value='-nosuchoption'/></qemu:commandline></domain>")
    d.vmsh("define", d.write("odd.xml", odd))
    try:
        d.vmsh("start", "odd")
    except Failed as e:
        assert "nosuchoption" in str(e), e
    else:
        raise AssertionError("it started")


@test
def validate_refuses_what_nobody_knows(d):
    element = GOOD.replace("</name>", "</name>\n<colour>blue</colour>")
    attribute = domain("good", "\n<rng model='virtio' shade='dark'>"
                       "<backend model='builtin'/></rng>")
    for text, says in ((element, "colour"), (attribute, "shade")):
        path = d.write("odd.xml", text)
        line = 1 + text[:text.index(says)].count("\n")
        out = d.vmsh("define", "--validate", path, status=1)
        assert "XML document failed to validate against schema" in out, out
        assert says in out and f"line {line}" in out, out
        d.vmsh("define", path)
        assert says not in d.vmsh("dumpxml", "good")
        d.vmsh("define", "--validate", d.write("own.xml", d.vmsh("dumpxml", "good")))
        d.vmsh("undefine", "good")


@test
def validate_refuses_what_has_another_shape(d):
    for old, new, says in (("<vcpu>1</vcpu>", "\n<vcpus>1</vcpus>", "element 'vcpus' holds no text: '1'"),
                           ("<vcpu>1</vcpu>", "<vcpu>1</vcpu>\n<vcpu>2</vcpu>", "only one element 'vcpu'"),
                           ("<devices>", "\n<devices>a disk", "element 'devices' holds no text: 'a disk"),
                           ("'MiB'>64<", "'MiB'>\n64 pages<", "value '\n64 pages' of element 'memory'")):
        text = GOOD.replace(old, new)
        path = d.write("odd.xml", text)
        out = d.vmsh("define", "--validate", path, status=1)
        assert "XML document failed to validate against schema" in out and "(line " in out, out
        assert says in out, out
    d.vmsh("define", "--validate", d.write("good.xml", GOOD))


@test
def what_nobody_knows_is_told(d):
    good = GOOD.replace("</name>", "</name><uuid>11111111-2222-4333-8444-555555555555</uuid>")
    odd = good.replace("</uuid>", "</uuid>\n<colour>blue</colour>\n").replace("<memory", "<memory glimmer='x'")
    colour = "element 'colour' in element 'domain' (line 2) is not known and has no effect"
    shade = "attribute 'glimmer' in element 'memory' (line 3) is not known and has no effect"

    def messages():
        return [line.split("ignored configuration: ")[1] for line in d.vmsh("dominfo", "good").splitlines()
                if "ignored configuration: " in line]

    said = d.vmsh("define", d.write("odd.xml", odd))
    assert f"warning: {colour}\nwarning: {shade}" in said, said
    assert messages() == [colour, shade]
    if shutil.which("virsh"):
        assert f"Messages:       ignored configuration: {colour}" in d.virsh("dominfo", "good")
    log = d.log.read_text()
    assert f"domain 'good': {colour}" in log and f"domain 'good': {shade}" in log, log
    d.vmsh("attach-device", "--config", "good", d.write("rng.xml", "<rng model='virtio' tint='2'>"
                                                       "<backend model='builtin'/></rng>"))
    assert len(messages()) == 3 and "'tint'" in messages()[0]
    d.vmsh("define", d.write("good.xml", good))
    assert messages() == []
    said = d.vmsh("create", d.write("odd.xml", odd))
    assert f"warning: {colour}" in said and messages() == [colour, shade], said


main()
