#!/usr/bin/env python3
"""Filters of packets: what a definition may say and how it is spelled, what refers to what, and what
an ended daemon leaves. No interface has one yet: a domain that names one is refused at its start."""
import re

from harness import Skip, domain, main, need_own_network, same, test

UUID = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6c{:02d}"


def xml(name, n, inner="", more=""):
    return f"<filter name='{name}' {more}><uuid>{UUID.format(n)}</uuid>{inner}</filter>"


def define(d, name, n, inner="", more="", status=0):
    return d.vmsh("nwfilter-define", d.write("filter.xml", xml(name, n, inner, more)), status=status)


def rule(inner, attributes=""):
    return f"<rule action='drop' direction='in' {attributes}>{inner}</rule>"


def element_of(d, name):
    return re.search(r"<rule[^>]*>\s*(<[^>]*/>)", d.vmsh("nwfilter-dumpxml", name))[1]


def refused(d, inner, what, more=""):
    before = d.vmsh("nwfilter-list")
    out = define(d, "bad", 90, inner, more, status=1)
    assert what in out, out
    assert d.vmsh("nwfilter-list") == before


@test
def are_defined_listed_and_kept(d):
    define(d, "a", 1, rule("<tcp dstportstart='22'/>"))
    define(d, "b", 2, "<filterref filter='a'/>", "chain='ipv4'")
    rows = [line.split() for line in d.vmsh("nwfilter-list").splitlines()[2:] if line]
    assert rows == [[UUID.format(1), "a"], [UUID.format(2), "b"]], rows
    assert "chain='ipv4' priority='-700'" in d.vmsh("nwfilter-dumpxml", "b")
    assert d.vmsh("nwfilter-dumpxml", UUID.format(1)) == d.vmsh("nwfilter-dumpxml", "a")
    before = d.vmsh("nwfilter-dumpxml", "a")
    d.kill()
    d.start()
    assert d.vmsh("nwfilter-dumpxml", "a") == before
    define(d, "a", 1, rule("<udp/>"))
    assert element_of(d, "a") == "<udp/>"
    d.vmsh("nwfilter-undefine", "b")
    assert "no nwfilter with matching name 'b'" in d.vmsh("nwfilter-dumpxml", "b", status=1)


@test
def values_are_spelled_in_one_way(d):
    for given, kept in (
            ("<tcp dstportstart='0x16' srcipmask='255.255.0.0' srcipaddr='10.1.2' flags='syn,ack/'/>",
             "<tcp srcipaddr='10.1.0.2' srcipmask='16' dstportstart='0x16' flags='SYN,ACK/NONE'/>"),
            ("<tcp srcipaddr='$IP[ @1 ]' state='new, RELATED' match='yes'/>",
             "<tcp srcipaddr='$IP[@1]' state='NEW,RELATED'/>"),
            ("<mac srcmacaddr='1:2:3:4:5:A' protocolid='2048' match='no'/>",
             "<mac match='no' srcmacaddr='01:02:03:04:05:0a' protocolid='ipv4'/>"),
            ("<ipv6 protocol='6' dstportend='7' srcipaddr='a:0:0::1' srcipmask='ffff::'/>",
             "<ipv6 srcipaddr='a::1' srcipmask='16' protocol='tcp' dstportend='7'/>"),
            ("<arp opcode='0x1' gratuitous='yes'/>", "<arp opcode='Request' gratuitous='true'/>"),
            ("<stp root-cost='-1' type='1f'/>", "<stp type='0x1f' root-cost='4294967295'/>"),
            ("<all-ipv6 ipset='s' ipsetflags='SRC,dst' dstipto='a::2'/>",
             "<all-ipv6 dstipto='a::2' ipset='s' ipsetflags='src,dst'/>"),
            ("<icmp type='8' connlimit-above='010'/>", "<icmp connlimit-above='10' type='8'/>"),
            ("<vlan vlanid='4095' encap-protocol='ARP' comment='a &amp; b'/>",
             "<vlan vlanid='4095' encap-protocol='arp' comment='a &amp; b'/>"),
            ("<udp srcportstart='1'/><tcp/><udp srcportstart='2'/>", "<udp srcportstart='2'/>")):
        define(d, "a", 1, rule(given))
        assert element_of(d, "a") == kept, (given, element_of(d, "a"))
    define(d, "a", 1, rule("", "priority='1001' statematch='0'") + "<filterref filter='x'>"
           "<parameter name='B' value='2'/><parameter name='A' value='1'/><parameter name='b d' value='1'/>"
           "<parameter name='B' value='1'/></filterref>" + rule(""))
    text = d.vmsh("nwfilter-dumpxml", "a")
    assert "<rule action='drop' direction='in' priority='500' statematch='false'/>" in text, text
    assert re.findall(r"(\w)' value='(\d)", text) == [("A", "1"), ("B", "2"), ("B", "1")], text


@test
def what_cannot_be_is_refused(d):
    for inner, what in (
            (rule("<tcp dstportend='65536'/>"), "65536"), (rule("<all dscp='64'/>"), "dscp"),
            (rule("<tcp srcipaddr='1.2.3.4.5'/>"), "srcipaddr"), (rule("<mac srcmacmask='0f:0:0:0:0:0'/>"), "mask"),
            (rule("<tcp state='OLD'/>"), "OLD"), (rule("<tcp flags='SYN'/>"), "flags"),
            (rule("<ip protocol='icmp' srcportstart='1'/>"), "port specification"),
            (rule("<tcp srcipaddr='$A['/>"), "srcipaddr"), (rule("<arp arpsrcipmask='33'/>"), "33"),
            ("<rule action='odd' direction='in'/>", "odd"), ("<rule action='drop'/>", "direction"),
            (rule("", "priority='x'"), "priority"), ("<filterref/>", "filter")):
        refused(d, inner, what)
    refused(d, "", "longer than 12", "chain='ipv4-123456789'")
    refused(d, "", "Invalid chain name", "chain='odd'")
    refused(d, "", "invalid characters", "chain='arp-a/b'")
    refused(d, "", "priority", "priority='1001'")
    for text, what in (("<filter/>", "no name"), ("<filter name='a/b'/>", "a/b"), ("<odd/>", "odd"),
                       ("<filter name='a'><uuid>x</uuid></filter>", "uuid")):
        assert what in d.vmsh("nwfilter-define", d.write("bad.xml", text), status=1)
    bad = d.write("bad.xml", xml("v", 5, "<odd/>"))
    assert "odd" in d.vmsh("nwfilter-define", "--validate", bad, status=1)


@test
def names_uuids_and_references(d):
    define(d, "a", 1)
    assert "already exists with uuid" in define(d, "a", 2, status=1)
    assert "different name ('a')" in define(d, "b", 1, status=1)
    define(d, "b", 2, "<filterref filter='a'/><filterref filter='nowhere'/>")
    define(d, "c", 3, "<filterref filter='b'/>")
    for inner in ("<filterref filter='a'/>", "<filterref filter='b'/>", "<filterref filter='c'/>"):
        assert "would introduce a loop" in define(d, "a", 1, inner, status=1)
    define(d, "nowhere", 4)
    assert "would introduce a loop" in define(d, "nowhere", 4, "<filterref filter='c'/>", status=1)
    d.vmsh("nwfilter-undefine", "a")  # as libvirtd has it: what is referred to need not be there
    assert "filter='a'" in d.vmsh("nwfilter-dumpxml", "b")


@test
def broken_files_stop_nothing(d):
    define(d, "a", 1)
    define(d, "b", 2)
    folder = d.root / "etc/vmd/nwfilter"
    d.kill()
    (folder / "a.xml").write_text("<filter")
    d.start()
    assert "cannot be read" in d.vmsh("nwfilter-dumpxml", "a", status=1)
    assert d.vmsh("nwfilter-list").count("\n") >= 4
    define(d, "a", 7)
    assert UUID.format(7) in d.vmsh("nwfilter-dumpxml", "a")


@test
def a_domain_with_one_that_is_not_there_is_refused(d):
    need_own_network()
    define(d, "a", 1, "<filterref filter='nowhere'/>")
    for name, missing in (("none", "none"), ("a", "nowhere")):
        nic = f"<interface type='ethernet'><filterref filter='{name}'/></interface>"
        d.vmsh("define", d.write("dom.xml", domain(f"dom-{name}", nic)))
        out = d.vmsh("start", f"dom-{name}", status=1)
        assert f"no nwfilter with matching name '{missing}'" in out, out


@test
def stock_clients_use_them(d):
    before = d.steady_inventory()
    path = d.write("filter.xml", xml("a", 1, rule("<tcp/>")))
    assert "defined from" in d.virsh("nwfilter-define", path)
    assert "a" in d.virsh("nwfilter-list") and UUID.format(1) in d.virsh("nwfilter-list")
    assert d.virsh("nwfilter-dumpxml", "a").strip() == d.vmsh("nwfilter-dumpxml", "a").strip()
    try:
        assert "vnet" not in d.virsh("nwfilter-binding-list")
    except Skip:
        pass
    assert "read only" in d.virsh("nwfilter-undefine", "a", uri=d.ro_uri, status=1)
    d.virsh("nwfilter-undefine", "a")
    same(before, d.steady_inventory())


if __name__ == "__main__":
    main()
