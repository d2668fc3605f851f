#!/usr/bin/env python3
"""Filters of packets in force: a hostile guest cannot send what is forbidden and can send what is allowed,
and the same the other way. Judged by frames that arrive: the guest's side is the descriptor of its tap, which
this test takes a copy of from its QEMU; the other side is a raw socket on a link of the same bridge. Behind each
frame goes one that every filter here lets through: what has not come before that one, does not come."""
import contextlib
import ctypes
import json
import os
import pathlib
import re
import select
import socket
import struct
import subprocess
import threading

from harness import SOURCE, Skip, domain, main, need, need_own_network, need_root, same, test, wait_for

MAC, PEER, OTHER = "52:54:00:00:00:aa", "52:54:00:00:00:bb", "52:54:00:00:00:cc"
ALL, STP = "ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:00"
IP, PEER_IP, OTHER_IP = "10.5.0.2", "10.5.0.1", "10.5.0.66"
IP6, PEER_IP6, OTHER_IP6 = "fd05::2", "fd05::1", "fd05::66"
MARK = 0x88b5  # a type of frames for experiments
SECONDS = 10


def run(*argv, ok=(0,)):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=30)
    assert done.returncode in ok, f"{argv}: {done.stderr}"
    return done.stdout


# ---- frames

def mac(text):
    return bytes(int(b, 16) for b in text.split(":"))


def eth(kind, payload, src=MAC, dst=PEER):
    return (mac(dst) + mac(src) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def total(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def arp(op=1, sha=MAC, spa=IP, tha="00:00:00:00:00:00", tpa=PEER_IP, kind=0x806, **frame):
    return eth(kind, struct.pack("!HHBBH", 1, 0x800, 6, 4, op) + mac(sha) + socket.inet_aton(spa) + mac(tha) +
               socket.inet_aton(tpa), **{"dst": ALL, **frame})


def ip4(protocol, payload, src=IP, dst=PEER_IP, tos=0, **frame):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, tos, 20 + len(payload), 1, 0, 64, protocol, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    head = head[:10] + struct.pack("!H", total(head)) + head[12:]
    return eth(0x800, head + payload, **frame)


def ip6(protocol, payload, src=IP6, dst=PEER_IP6, tos=0, **frame):
    head = struct.pack("!IHBB", 6 << 28 | tos << 20, len(payload), protocol, 64)
    return eth(0x86dd, head + socket.inet_pton(socket.AF_INET6, src) + socket.inet_pton(socket.AF_INET6, dst) +
               payload, **frame)


def ports(sport=1000, dport=2000):
    return struct.pack("!HHHH", sport, dport, 12, 0) + b"data"


def tcp_head(sport=1000, dport=2000, flags=2, options=b""):
    options += b"\0" * (-len(options) % 4)
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, (20 + len(options)) // 4 << 4, flags, 99, 0, 0) + options


def udp(sport=1000, dport=2000, **how):
    return ip4(17, ports(sport, dport), **how)


def tcp(sport=1000, dport=2000, flags=2, options=b"", **how):
    return ip4(6, tcp_head(sport, dport, flags, options), **how)


def icmp(kind=8, code=0, **how):
    return ip4(1, struct.pack("!BBHI", kind, code, 0, 1), **how)


def udp6(sport=1000, dport=2000, **how):
    return ip6(17, ports(sport, dport), **how)


def tcp6(sport=1000, dport=2000, **how):
    return ip6(6, tcp_head(sport, dport), **how)


def icmp6(kind=128, code=0, **how):
    return ip6(58, struct.pack("!BBHI", kind, code, 0, 1), **how)


def vlan(number, kind=0x800, payload=b"", **frame):
    return eth(0x8100, struct.pack("!HH", number, kind) + payload, **frame)


def stp(kind=0, flags=0, root=0x8000, cost=1, port=0x8001):
    body = struct.pack("!BBBHBBB", 0x42, 0x42, 3, 0, 0, kind, flags) + struct.pack("!H", root) + mac(OTHER) + \
        struct.pack("!I", cost) + struct.pack("!H", root) + mac(MAC) + struct.pack("!HHHHH", port, 0, 20, 2, 15)
    return (mac(STP) + mac(MAC) + struct.pack("!H", len(body)) + body).ljust(60, b"\0")


def plain(kind=0x1234, **frame):
    return eth(kind, b"something", **frame)


# ---- both ends

def tap_of(qemu):
    """A copy of the tap's descriptor that a QEMU has."""
    found = [int(f.name) for f in pathlib.Path(f"/proc/{qemu}/fd").iterdir()
             if "/dev/net/tun" in os.readlink(f)]
    assert found, "QEMU has no tap"
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(438, os.pidfd_open(qemu), max(found), 0)  # pidfd_getfd
    if fd < 0:
        raise Skip(f"a descriptor of QEMU's cannot be had: {os.strerror(ctypes.get_errno())}")
    os.set_blocking(fd, False)
    return fd


class Ends:
    """The guest's end and the world's end of one filtered link."""

    def __init__(self, d, name="g"):
        self.d, self.name = d, name
        (qemu,) = d.qemus(helpers=False)[-1:]
        self.tap = tap_of(qemu)
        self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.raw.bind(("far", 0))
        self.raw.setblocking(False)
        self.number = 0

    def read(self, out):
        """One frame that has come at the other end; tags of VLANs, which sockets hide, do not matter."""
        with contextlib.suppress(BlockingIOError):
            if not out:
                return os.read(self.tap, 2048)
            frame, where = self.raw.recvfrom(2048)
            return frame if where[2] != socket.PACKET_OUTGOING else None
        end = self.raw if out else self.tap
        assert select.select([end], [], [], SECONDS)[0], "the last frame has not come"
        return None

    def send(self, frame, out):
        if out:
            os.write(self.tap, frame)
        else:
            self.raw.send(frame)

    def mark(self, out):
        self.number += 1
        src, dst = (MAC, PEER) if out else (PEER, MAC)
        return eth(MARK, struct.pack("!I", self.number) + b"mark", src=src, dst=dst)

    def passes(self, frame, out=True, mark=None):
        mark = mark or self.mark(out)
        key = frame[14:40] if frame[12:14] != b"\x81\x00" else frame[18:40]
        self.send(frame, out)
        self.send(mark, out)
        seen = []
        while not seen or seen[-1] != mark[:40]:
            got = self.read(out)
            if got:
                seen.append(got[:40])
        return any(key in s for s in seen[:-1])

    def close(self):
        os.close(self.tap)
        self.raw.close()


def nic(ref, address=MAC, more=""):
    return (f"<interface type='bridge'><mac address='{address}'/><source bridge='br-f'/>"
            f"<model type='e1000'/>{ref}{more}</interface>")


def prepare(d):
    need_root("for links")
    need_own_network()
    need("nft")
    if not os.path.exists("/sys/class/net/br-f"):
        for words in ("link add br-f type bridge forward_delay 0 stp_state 0", "link set br-f up",
                      f"link add far address {PEER} type veth peer name near", "link set near master br-f up",
                      "link set far up"):
            run("ip", *words.split())
        for link in ("br-f", "far", "near"):
            pathlib.Path(f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6").write_text("1")


def define_filter(d, name, inner, chain="root", status=0, more=""):
    known = re.search(r"<uuid>.*</uuid>", d.vmsh("nwfilter-dumpxml", name, status=None))
    return d.vmsh("nwfilter-define", d.write("filter.xml", (
        f"<filter name='{name}' chain='{chain}' {more}>{known[0] if known else ''}{inner}</filter>")), status=status)


@contextlib.contextmanager
def guest(d, ref, name="g", address=MAC):
    d.vmsh("define", d.write("g.xml", domain(name, nic(ref, address), memory=32)))
    d.vmsh("start", name, "--paused")
    ends = Ends(d, name)
    try:
        yield ends
    finally:
        ends.close()
        if not d.process:
            d.start()
        d.vmsh("destroy", name)
        d.vmsh("undefine", name)


def rules_left():
    listed = json.loads(run("nft", "-j", "list", "chains", "bridge"))["nftables"]
    return [c["chain"]["name"] for c in listed if "chain" in c and "/" in c["chain"]["name"]]


def stock(d):
    for path in sorted((SOURCE / "data/nwfilter").glob("*.xml")):
        d.vmsh("nwfilter-define", path)


# ---- the stock filters

@test
def stock_filters_hold_a_hostile_guest(d):
    """(filter, what else the interface says, [(frame, whether it goes out)], [(frame, whether it comes in)])"""
    prepare(d)
    stock(d)
    ip = f"<parameter name='IP' value='{IP}'/>"
    here = {"src": PEER, "dst": MAC}
    good = arp()
    cases = {
        "no-mac-spoofing": ([(udp(), 1), (udp(src=OTHER_IP), 1)], [(plain(**here), 1)]),
        "no-ip-spoofing": ([(udp(), 1), (udp(src=OTHER_IP), 0), (tcp(src="0.0.0.0"), 0),
                            (udp(68, 67, src="0.0.0.0", dst="255.255.255.255"), 1), (udp6(), 1)], []),
        "no-arp-spoofing": ([(arp(), 1), (arp(spa=OTHER_IP), 0), (arp(sha=OTHER), 0), (arp(2, sha=OTHER), 0)],
                            [(arp(sha=PEER, spa=PEER_IP, src=PEER), 1)]),
        "no-ipv6-spoofing": ([(udp6(), 1), (udp6(src=OTHER_IP6), 0), (udp6(src="fe80::1"), 1),
                              (tcp6(src="fe80::1"), 0), (udp(), 1)], []),
        "no-ip-multicast": ([(udp(dst="239.1.1.1"), 0), (udp(dst="223.1.1.1"), 1)], []),
        "no-ipv6-multicast": ([(udp6(dst="ff02::5"), 0), (udp6(), 1)], []),
        "no-mac-broadcast": ([(udp(), 1), (mac(ALL) + udp()[6:], 0), (arp(), 1)], []),
        "no-other-rarp-traffic": ([(arp(3, kind=0x8035), 0), (arp(), 1)],
                                  [(arp(3, kind=0x8035, src=PEER), 0)]),
        "clean-traffic": ([(udp(), 1), (udp(src=OTHER_IP), 0), (arp(), 1), (arp(spa=OTHER_IP), 0),
                           (udp6(), 0), (plain(), 0), (vlan(5), 0),
                           (arp(3, spa="0.0.0.0", tpa="0.0.0.0", tha=MAC, kind=0x8035), 1),
                           (arp(4, kind=0x8035), 0)],
                          [(udp(src=PEER_IP, dst=IP, **{}), 1), (plain(**here), 0), (udp6(), 0)]),
    }
    with guest(d, f"<filterref filter='no-mac-spoofing'>{ip}</filterref>") as ends:
        assert ends.passes(udp()) and ends.passes(plain(src=PEER, dst=MAC), False)
        for out in (udp(), arp(), plain(), udp6()):
            forged = out[:6] + mac(OTHER) + out[12:]
            assert not ends.passes(forged), "no-mac-spoofing"
    params = ip + f"<parameter name='IPV6' value='{IP6}'/>"
    for name, (outs, ins) in cases.items():
        with guest(d, f"<filterref filter='{name}'>{params}</filterref>") as ends:
            for n, (frame, may) in enumerate(outs):
                mark = good if name == "clean-traffic" else None
                if mark and frame == mark:
                    continue
                assert ends.passes(frame, True, mark) == bool(may), f"{name}: out {n}"
            for n, (frame, may) in enumerate(ins):
                frame = frame if frame[:6] == mac(MAC) or frame[:6] == mac(ALL) else mac(MAC) + mac(PEER) + frame[12:]
                mark = arp(sha=PEER, spa=PEER_IP, src=PEER, tpa="10.5.9.9") if name == "clean-traffic" else None
                assert ends.passes(frame, False, mark) == bool(may), f"{name}: in {n}"
    assert rules_left() == []


# ---- rules of each protocol

SAME = dict(src=IP, dst=PEER_IP)
RULES = {
    # protocol: (rule, frames that it is about, frames that it is not about)
    "mac": [("<mac srcmacaddr='52:54:00:00:00:aa'/>", [plain(), udp()], [plain(src=OTHER)]),
            ("<mac srcmacaddr='52:54:00:00:00:00' srcmacmask='ff:ff:ff:ff:ff:00'/>", [plain(), plain(src=OTHER)],
             [plain(src="52:54:00:00:01:aa")]),
            ("<mac dstmacaddr='52:54:00:00:00:bb'/>", [plain()], [plain(dst=ALL)]),
            ("<mac match='no' dstmacaddr='52:54:00:00:00:bb'/>", [plain(dst=ALL)], [plain()]),
            ("<mac dstmacaddr='01:00:00:00:00:00' dstmacmask='80:00:00:00:00:00'/>", [plain()], []),
            ("<mac protocolid='ipv4'/>", [udp()], [udp6(), arp()]),
            ("<mac protocolid='0x1234'/>", [plain()], [plain(0x1235)]),
            ("<mac/>", [], [])],
    "vlan": [("<vlan vlanid='5'/>", [vlan(5)], [vlan(6), udp()]),
             ("<vlan encap-protocol='arp'/>", [vlan(5, 0x806)], [vlan(5, 0x800), arp()]),
             ("<vlan srcmacaddr='52:54:00:00:00:aa' vlanid='7'/>", [vlan(7)], [vlan(7, src=OTHER)])],
    "stp": [("<stp type='0'/>", [stp()], [stp(kind=0x80)]), ("<stp flags='1'/>", [stp(flags=1)], [stp()]),
            ("<stp root-priority='0x1000' root-priority-hi='0x2000'/>", [stp(root=0x1500)], [stp(root=0x2001)]),
            ("<stp root-cost='7'/>", [stp(cost=7)], [stp()]), ("<stp port='3' port-hi='9'/>", [stp(port=5)], [stp()]),
            ("<stp sender-address='52:54:00:00:00:00' sender-address-mask='ff:ff:ff:00:00:00'/>", [stp()], []),
            ("<stp max-age='20' hello-time='2' forward-delay='15'/>", [stp()], []),
            ("<stp root-address='52:54:00:00:00:cc'/>", [stp()], [plain(dst=STP)])],
    "arp": [("<arp opcode='Request'/>", [arp()], [arp(2), udp()]), ("<arp opcode='Reply'/>", [arp(2)], [arp()]),
            ("<arp arpsrcmacaddr='52:54:00:00:00:cc'/>", [arp(sha=OTHER)], [arp()]),
            ("<arp arpdstmacaddr='52:54:00:00:00:cc'/>", [arp(tha=OTHER)], [arp()]),
            ("<arp arpsrcipaddr='10.5.0.66'/>", [arp(spa=OTHER_IP)], [arp()]),
            ("<arp match='no' arpsrcipaddr='10.5.0.66'/>", [arp()], [arp(spa=OTHER_IP)]),
            ("<arp arpsrcipaddr='10.5.0.0' arpsrcipmask='24'/>", [arp()], [arp(spa="10.6.0.1")]),
            ("<arp arpdstipaddr='10.9.9.9' arpdstipmask='255.0.0.0'/>", [arp()], [arp(tpa="11.0.0.1")]),
            ("<arp hwtype='1' protocoltype='0x800'/>", [arp()], [])],
    "rarp": [("<rarp opcode='Request_Reverse'/>", [arp(3, kind=0x8035)], [arp(4, kind=0x8035), arp(3)]),
             ("<rarp arpsrcmacaddr='52:54:00:00:00:aa'/>", [arp(3, kind=0x8035)], [arp(3, sha=OTHER, kind=0x8035)])],
    "ip": [("<ip srcipaddr='10.5.0.2'/>", [udp(), tcp()], [udp(src=OTHER_IP), udp6()]),
           ("<ip srcipaddr='10.5.0.99' srcipmask='24'/>", [udp()], [udp(src="10.6.0.2")]),
           ("<ip dstipaddr='10.5.0.1' protocol='udp'/>", [udp()], [tcp(), udp(dst=OTHER_IP)]),
           ("<ip protocol='tcp' dstportstart='20' dstportend='23'/>", [tcp(dport=22)], [tcp(dport=24), udp(dport=22)]),
           ("<ip protocol='17' srcportstart='53'/>", [udp(53)], [udp(54)]),
           ("<ip dscp='10'/>", [udp(tos=40)], [udp()]), ("<ip match='no' protocol='udp'/>", [tcp()], [udp()])],
    "ipv6": [("<ipv6 srcipaddr='fd05::2'/>", [udp6()], [udp6(src=OTHER_IP6), udp()]),
             ("<ipv6 dstipaddr='fd05::' dstipmask='64'/>", [udp6()], [udp6(dst="fd06::1")]),
             ("<ipv6 protocol='tcp' dstportstart='22'/>", [tcp6(dport=22)], [tcp6(), udp6(dport=22)]),
             ("<ipv6 protocol='icmpv6' type='133' typeend='136'/>", [icmp6(135)], [icmp6(128)])],
    "tcp": [("<tcp dstportstart='22'/>", [tcp(dport=22)], [tcp(), udp(dport=22), tcp6(dport=22)]),
            ("<tcp srcportstart='1' srcportend='9'/>", [tcp(5)], [tcp(10)]),
            ("<tcp srcipaddr='10.5.0.2' dstipaddr='10.5.0.1'/>", [tcp()], [tcp(dst=OTHER_IP)]),
            ("<tcp srcipfrom='10.5.0.1' srcipto='10.5.0.9'/>", [tcp()], [tcp(src=OTHER_IP)]),
            ("<tcp dstipfrom='10.5.0.1' dstipto='10.5.0.9'/>", [tcp()], [tcp(dst=OTHER_IP)]),
            ("<tcp flags='SYN,ACK/SYN'/>", [tcp(flags=2)], [tcp(flags=18)]),
            ("<tcp flags='ALL/NONE'/>", [tcp(flags=0)], [tcp(flags=2)]),
            ("<tcp option='5'/>", [tcp(options=b"\x05\x0a" + bytes(8))], [tcp()]),
            ("<tcp match='no' option='5'/>", [tcp()], [tcp(options=b"\x05\x0a" + bytes(8))]),
            ("<tcp dscp='10'/>", [tcp(tos=40)], [tcp()]),
            ("<tcp srcmacaddr='52:54:00:00:00:aa'/>", [tcp()], [tcp()[:6] + mac(OTHER) + tcp()[12:]])],
    "udp": [("<udp dstportstart='53'/>", [udp(dport=53)], [udp(), tcp(dport=53)])],
    "icmp": [("<icmp type='8' code='0'/>", [icmp()], [icmp(0), udp()]), ("<icmp/>", [icmp(3, 1)], [udp()])],
    "others": [("<sctp dstportstart='9'/>", [ip4(132, ports(1, 9))], [ip4(132, ports(1, 8))]),
               ("<igmp/>", [ip4(2, ports())], [udp()]), ("<esp/>", [ip4(50, ports())], [udp()]),
               ("<ah/>", [ip4(51, ports())], [udp()]), ("<udplite/>", [ip4(136, ports())], [udp()]),
               ("<all/>", [udp(), tcp(), icmp()], [udp6(), arp()]),
               ("<all srcipaddr='10.5.0.66'/>", [udp(src=OTHER_IP)], [udp()]),
               ("<tcp-ipv6 dstportstart='22'/>", [tcp6(dport=22)], [tcp6(), tcp(dport=22)]),
               ("<udp-ipv6 srcipaddr='fd05::2'/>", [udp6()], [udp6(src=OTHER_IP6)]),
               ("<icmpv6 type='128'/>", [icmp6()], [icmp6(129)]), ("<all-ipv6/>", [udp6(), icmp6()], [udp()]),
               ("<esp-ipv6/>", [ip6(50, ports())], [udp6()])],
}


def add_rules_test(protocol):
    def rules(d):
        """What a rule is about is dropped, all else goes; what it accepts goes, all else is dropped."""
        prepare(d)
        define_filter(d, "t", "")
        with guest(d, "<filterref filter='t'/>") as ends:
            for rule, about, others in RULES[protocol]:
                define_filter(d, "t", "<rule action='accept' direction='out' priority='0'><mac protocolid='0x88b5'/>"
                              f"</rule><rule action='drop' direction='out'>{rule}</rule>")
                for n, frame in enumerate(about):
                    assert not ends.passes(frame), f"drop {rule}: {n} has come"
                for n, frame in enumerate(others):
                    assert ends.passes(frame), f"drop {rule}: other {n} has not come"
    rules.__name__ = f"rules_of_{protocol}"
    test(rules)


for family in RULES:
    add_rules_test(family)


@test
def rules_have_directions_and_priorities(d):
    prepare(d)
    here = dict(src=PEER_IP, dst=IP)
    define_filter(d, "t", "")

    def to_guest(frame):
        return mac(MAC) + mac(PEER) + frame[12:]
    with guest(d, "<filterref filter='t'/>") as ends:
        define_filter(d, "t", "<rule action='drop' direction='in'><udp dstportstart='53'/></rule>")
        assert ends.passes(udp(dport=53))
        assert not ends.passes(to_guest(udp(dport=53, **here)), False)
        assert ends.passes(to_guest(udp(dport=54, **here)), False)
        define_filter(d, "t", "<rule action='drop' direction='inout'><ip protocol='udp' dstportstart='53'/></rule>")
        assert not ends.passes(to_guest(udp(dport=53, **here)), False)
        assert not ends.passes(udp(53)) and ends.passes(udp(dport=53)), "the other way the ports are turned"
        define_filter(d, "t", "<rule action='drop' direction='out' priority='10'><ip/></rule>"
                      "<rule action='accept' direction='out' priority='5'><ip protocol='udp'/></rule>")
        assert ends.passes(udp()) and not ends.passes(tcp())
        define_filter(d, "t", "<rule action='accept' direction='out' statematch='false'><tcp dstportstart='22'/></rule>"
                      "<rule action='drop' direction='inout' priority='900'><all/></rule>")
        assert ends.passes(tcp(dport=22)) and not ends.passes(tcp(dport=23)) and ends.passes(arp())
        assert ends.passes(to_guest(tcp(22, 1000, **here)), False), "answers come"
        assert not ends.passes(to_guest(tcp(23, 1000, **here)), False)
        define_filter(d, "sub", "<rule action='return' direction='out'><arp arpsrcipaddr='$IP'/></rule>"
                      "<rule action='drop' direction='out' priority='1000'/>", chain="arp-x")
        define_filter(d, "t", "<filterref filter='sub'><parameter name='IP' value='10.5.0.2'/></filterref>"
                      "<rule action='drop' direction='out'><arp opcode='Reply'/></rule>")
        assert ends.passes(arp()) and not ends.passes(arp(spa=OTHER_IP)) and not ends.passes(arp(2))
        assert "in use" in d.vmsh("nwfilter-undefine", "sub", status=1)
        define_filter(d, "sub", "", chain="arp-x")  # of what is referred to as well
        assert ends.passes(arp(spa=OTHER_IP)) and not ends.passes(arp(2))


@test
def variables_have_values_lists_and_steps(d):
    prepare(d)
    lists = "".join(f"<parameter name='{n}' value='{v}'/>" for n, v in (
        ("A", "10.5.0.2"), ("A", "10.5.0.3"), ("P", "53"), ("P", "80")))
    drop_rest = "<rule action='drop' direction='out' priority='900'><ip/></rule>"
    rule = "<rule action='accept' direction='out'><ip protocol='udp' srcipaddr='{}' dstportstart='{}'/></rule>"
    define_filter(d, "t", rule.format("$A", "$P") + drop_rest)
    with guest(d, f"<filterref filter='t'>{lists}</filterref>") as ends:
        three = "10.5.0.3"
        assert ends.passes(udp(dport=53)) and ends.passes(udp(dport=80, src=three))
        assert not ends.passes(udp(dport=80)) and not ends.passes(udp(dport=53, src=three)), "they go in step"
        define_filter(d, "t", rule.format("$A[@1]", "$P[@2]") + drop_rest)
        assert ends.passes(udp(dport=80)) and ends.passes(udp(dport=53, src=three)), "each with each"
        assert not ends.passes(udp(dport=81))
        define_filter(d, "t", rule.format("$A[1]", "$P[0]") + drop_rest)
        assert ends.passes(udp(dport=53, src=three)) and not ends.passes(udp(dport=53))
        for bad, why in ((rule.format("$B", "$P"), "needs a value for its variable 'B'"),
                         (rule.format("$A", "$A"), "cannot be the value of 'dstportstart' of <ip>"),
                         (rule.format("$A[7]", "$P"), "has no value number 7"),
                         ("<rule action='drop' direction='in'><all ipset='s' ipsetflags='src'/></rule>",
                          "'ipset' (s) of <all> is not supported"),
                         ("<rule action='drop' direction='in'><tcp option='200'/></rule>",
                          "'option' (200) of <tcp> is not supported"),
                         ("<rule action='drop' direction='in'><arp gratuitous='true'/></rule>",
                          "'gratuitous' (true) of <arp> is not supported"),
                         ("<filterref filter='nowhere'/>", "no nwfilter with matching name 'nowhere'")):
            assert why in define_filter(d, "t", bad, status=1), why
            assert ends.passes(udp(dport=53, src=three)) and not ends.passes(udp(dport=53)), "nothing has changed"
    d.vmsh("define", d.write("v.xml", domain("v", nic("<filterref filter='no'/>"))))
    assert "'net0': no nwfilter with matching name 'no'" in d.vmsh("start", "v", status=1)
    stock(d)
    d.vmsh("define", d.write("w.xml", domain("w", nic("<filterref filter='clean-traffic'/>"))))
    said = d.vmsh("start", "w", status=1)
    assert "needs a value for its variable 'IP'" in said and "network with DHCP" in said, said
    assert rules_left() == []


@test
def an_address_of_the_network_is_enough(d):
    prepare(d)
    need("dnsmasq")
    stock(d)
    d.root.chmod(0o755)
    d.vmsh("net-create", d.write("n.xml", (
        "<network><name>n</name><bridge name='br-n' stp='off' delay='0'/><ip address='10.6.0.1' netmask='255.255.255.0'>"
        f"<dhcp><range start='10.6.0.9' end='10.6.0.9'/><host mac='{MAC}' ip='10.6.0.2'/></dhcp></ip></network>")))
    try:
        ref = "<filterref filter='clean-traffic'/>"
        d.vmsh("define", d.write("g.xml", domain("g", nic(ref).replace("'bridge'", "'network'").replace(
            "bridge='br-f'", "network='n'"), memory=32)))
        d.vmsh("start", "g", "--paused")
        rules = run("nft", "list", "table", "bridge", "vmd-filter")
        assert "10.6.0.2" in rules and MAC in rules, rules
        d.vmsh("destroy", "g")
    finally:
        d.vmsh("net-destroy", "n")


def dhcp(kind, mac_address=MAC, *options):
    """A client's DISCOVER (1) or REQUEST (3)."""
    head = struct.pack("!BBBBIHH16s16s192sI", 1, 1, 6, 0, 77, 0, 0x8000, b"", mac(mac_address), b"", 0x63825363)
    payload = head + bytes([53, 1, kind]) + b"".join(options) + b"\xff"
    frame = ip4(17, struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload, "0.0.0.0", "255.255.255.255")
    return mac(ALL) + frame[6:]


def answer_of_dhcp(ends):
    """The address that a server gives, and its own."""
    while True:
        frame = ends.read(False)
        if frame and frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x00\x44":
            return frame[58:62], frame[26:30]


@test
def an_address_that_is_lent_is_learnt(d):
    """A guest without an address may ask for one, and do nothing else; then it may send from that one."""
    prepare(d)
    need("dnsmasq")
    stock(d)
    d.root.chmod(0o755)
    d.vmsh("net-create", d.write("n.xml", (
        "<network><name>n</name><bridge name='br-n' stp='off' delay='0'/><ip address='10.6.0.1' netmask='255.255.255.0'>"
        "<dhcp><range start='10.6.0.9' end='10.6.0.20'/></dhcp></ip></network>")))
    try:
        ref = "<filterref filter='clean-traffic'/>"
        d.vmsh("define", d.write("g.xml", domain("g", nic(ref).replace("'bridge'", "'network'").replace(
            "bridge='br-f'", "network='n'"), memory=32)))
        d.vmsh("start", "g", "--paused")
        run("ip", "link", "set", "near", "master", "br-n")
        ends = Ends(d)
        probe = arp(spa="0.0.0.0", tpa="10.6.0.99")  # what it may send all the time
        assert not ends.passes(udp(src="10.6.0.9"), True, probe) and not ends.passes(udp(), True, probe)
        os.write(ends.tap, dhcp(1))
        offered, server = answer_of_dhcp(ends)
        os.write(ends.tap, dhcp(3, MAC, bytes([50, 4]) + offered, bytes([54, 4]) + server))
        assert answer_of_dhcp(ends)[0] == offered
        own = socket.inet_ntoa(offered)
        wait_for(lambda: f"has the address {own}" in d.log.read_text())
        mark = arp(spa=own, tpa="10.6.0.98")
        assert ends.passes(udp(src=own), True, mark) and not ends.passes(udp(), True, mark)
        d.kill()
        d.start()
        assert ends.passes(udp(src=own), True, mark) and not ends.passes(udp(), True, mark)
        d.vmsh("net-update", "n", "add", "ip-dhcp-host", f"<host mac='{MAC}' ip='10.6.0.2'/>", "--live")
        wait_for(lambda: "has the address 10.6.0.2" in d.log.read_text())
        mark = arp(spa="10.6.0.2", tpa="10.6.0.98")
        assert ends.passes(udp(src="10.6.0.2"), True, mark) and not ends.passes(udp(src=own), True, mark)
        ends.close()
        d.vmsh("destroy", "g")
    finally:
        run("ip", "link", "set", "near", "master", "br-f")
        d.vmsh("net-destroy", "n")
    assert rules_left() == []


# ---- no moment without

class Flood:
    """Frames that the filter forbids, sent without end by the guest or to it."""

    def __init__(self, send):
        self.send, self.stop, self.sent = send, threading.Event(), 0
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.stop.is_set():
            with contextlib.suppress(BlockingIOError, OSError):
                self.send()
                self.sent += 1

    def __enter__(self):
        self.thread.start()
        wait_for(lambda: self.sent > 100)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()


FORBIDDEN = "<rule action='drop' direction='inout' priority='{}'><mac protocolid='0x1234'/></rule>"


def count_arrived(ends, frame):
    """Forbidden frames that have come out by the time that a mark does."""
    mark, n = ends.mark(True), 0
    ends.send(mark, True)
    while True:
        got = ends.read(True)
        if got and got[:40] == mark[:40]:
            return n
        n += bool(got) and frame[12:30] in got


@test
def nothing_slips_through_while_things_change(d):
    prepare(d)
    define_filter(d, "t", FORBIDDEN.format(1))
    define_filter(d, "u", "<rule action='drop' direction='in'><udp/></rule>")
    bad = plain()
    with guest(d, "<filterref filter='t'/>") as ends:
        with Flood(lambda: os.write(ends.tap, bad)) as flood:
            for n in range(2, 22):
                define_filter(d, "t", FORBIDDEN.format(n) + "<filterref filter='u'/>" * (n % 2))
            d.vmsh("define", d.write("h.xml", domain("h", nic("<filterref filter='t'/>", OTHER), memory=32)))
            d.vmsh("start", "h", "--paused")
            d.vmsh("destroy", "h")
            d.vmsh("undefine", "h")
            d.kill()
            d.start()
            define_filter(d, "t", FORBIDDEN.format(30))
            d.kill()
            d.start()
        assert flood.sent > 1000
        assert count_arrived(ends, bad) == 0
        define_filter(d, "t", "")
        assert ends.passes(bad), "the frames would have come"
    assert rules_left() == []


@test
def nothing_comes_in_before_the_filter(d):
    """The bridge is full of forbidden frames for everybody while guests start."""
    prepare(d)
    define_filter(d, "t", FORBIDDEN.format(1))
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind(("far", 0))
    bad = plain(src=PEER, dst=ALL)
    with raw, Flood(lambda: raw.send(bad)):
        for _ in range(3):
            with guest(d, "<filterref filter='t'/>") as ends:
                mark = ends.mark(False)
                raw.send(mark)
                got = b""
                while got[:40] != mark[:40]:
                    got = ends.read(False) or b""
                    assert bad[12:30] not in got, "a frame has come in"
        with guest(d, "<filterref filter='u'/>" if define_filter(d, "u", "") else "") as ends:
            wait_for(lambda: bad[12:30] in (ends.read(False) or b""))


@test
def a_flushed_table_comes_back(d):
    prepare(d)
    define_filter(d, "t", FORBIDDEN.format(1))
    with guest(d, "<filterref filter='t'/>") as ends:
        t = re.search(r"<target dev='(\w+)'", d.vmsh("dumpxml", "g"))[1]
        table = "bridge vmd-filter"

        def told():
            return d.log.read_text().count("table 'bridge vmd-filter' of the packet filter was")
        for words in ("flush ruleset", f"delete table {table}", f"flush chain {table} {t}/out",
                      f"delete rule {table} {t}/out handle", f"insert rule {table} {t}/out accept",
                      f"insert rule {table} out accept", f"flush chain {table} out", f"flush map {table} out",
                      f"delete element {table} out {{ {t} }}; flush set {table} links"):
            assert not ends.passes(plain()), words
            before = told()
            for command in words.split("; "):
                if command.endswith("handle"):
                    listed = run("nft", "-a", "list", "chain", *table.split(), f"{t}/out")
                    command += re.search(r"drop # handle( \d+)", listed)[1]
                run("nft", command)
            wait_for(lambda: told() == before + 1, 2 * (4 if d.is_sanitized() else 1))
            assert not ends.passes(plain()), words
        assert "bridge vmd-filter" in d.log.read_text()
        d.kill()
        run("nft", "flush", "ruleset")
        assert ends.passes(plain())
        d.start()
        wait_for(lambda: not ends.passes(plain()))
        define_filter(d, "t", FORBIDDEN.format(2))
        assert not ends.passes(plain())


UNFILTERED = "<interface type='bridge'><mac address='{}'/><source bridge='br-f'/><model type='e1000'/>{}</interface>"


@test
def the_filter_of_a_running_interface_changes(d):
    """Another one, none, and one again: what each says holds at once, and none lets through for a moment what
    both forbid."""
    prepare(d)
    for name, kind in (("a", "0x1234"), ("b", "0x1235")):
        define_filter(d, name, f"<rule action='drop' direction='out'><mac protocolid='{kind}'/></rule>"
                               "<rule action='drop' direction='out'><mac protocolid='0x1236'/></rule>")

    def update(ref):
        d.vmsh("update-device", "g", d.write("nic.xml", UNFILTERED.format(MAC, ref)), "--live")
    with guest(d, "<filterref filter='a'/>") as ends:
        kinds = 0x1234, 0x1235, 0x1236

        def passing():
            return [ends.passes(plain(kind)) for kind in kinds]
        assert passing() == [False, True, False]
        stop, leaked = threading.Event(), []

        def flood():
            while not stop.is_set():
                os.write(ends.tap, plain(0x1236))
        flooder = threading.Thread(target=flood)
        ends.raw.setblocking(False)
        flooder.start()
        for ref in ("b", "a") * 10:
            update(f"<filterref filter='{ref}'/>")
            with contextlib.suppress(BlockingIOError):
                while True:
                    frame, where = ends.raw.recvfrom(2048)
                    if where[2] != socket.PACKET_OUTGOING and frame[12:14] == b"\x12\x36":
                        leaked.append(frame)
        stop.set()
        flooder.join()
        assert not leaked, f"{len(leaked)} frames"
        assert passing() == [False, True, False]
        update("<filterref filter='b'/>")
        assert passing() == [True, False, False]
        assert "filter='b'" in d.vmsh("dumpxml", "g")
        assert "none" in d.vmsh("update-device", "g", d.write("nic.xml", UNFILTERED.format(
            MAC, "<filterref filter='none'/>")), "--live", status=1)
        assert passing() == [True, False, False]
        update("")
        assert passing() == [True, True, True] and rules_left() == []
        update("<filterref filter='a'/>")
        assert passing() == [False, True, False]
        d.kill()
        d.start()
        assert passing() == [False, True, False]
        assert "a" in d.vmsh("nwfilter-binding-list")
    assert rules_left() == []
    with guest(d, "") as ends:
        assert passing() == [True, True, True]
        update("<filterref filter='a'/>")
        assert passing() == [False, True, False]
        d.kill()
        d.start()
        assert passing() == [False, True, False]
    assert rules_left() == []


@test
def bindings_are_made_and_deleted_by_call(d):
    prepare(d)
    define_filter(d, "t", FORBIDDEN.format(1))
    before = d.steady_inventory()
    xml = ("<filterbinding><owner><name>x</name><uuid>8a3b5a0e-5d2c-4a3e-9d51-0b6a2f1c0c10</uuid></owner>"
           "<portdev name='{}'/><mac address='" + MAC + "'/><filterref filter='{}'/></filterbinding>")
    with guest(d, "") as ends:
        (tap,) = re.findall(r"<target dev='(\w+)'", d.vmsh("dumpxml", "g"))
        path = d.write("b.xml", xml.format(tap, "t"))
        assert ends.passes(plain())
        assert "created from" in d.vmsh("nwfilter-binding-create", path)
        assert not ends.passes(plain())
        assert f"binding '{tap}' already exists" in d.vmsh("nwfilter-binding-create", path, status=1)
        assert f"<portdev name='{tap}'/>" in d.vmsh("nwfilter-binding-dumpxml", tap)
        assert "in use" in d.vmsh("nwfilter-undefine", "t", status=1)
        d.kill()
        d.start()
        assert not ends.passes(plain())
        d.vmsh("nwfilter-binding-delete", tap)
        assert ends.passes(plain()) and rules_left() == []
        assert "no nwfilter binding" in d.vmsh("nwfilter-binding-delete", tap, status=1)
        d.kill()
        d.start()
        assert ends.passes(plain())
    for text, said in (("<filterbinding/>", "no port dev name"), (xml.format("none", "t"), "no link 'none'"),
                       (xml.format("far", "nonesuch"), "'nonesuch' is missing"),
                       (xml.format("../x", "t"), "no link '../x'")):
        assert said in d.vmsh("nwfilter-binding-create", d.write("b.xml", text), status=1)
    same(before, d.steady_inventory())


@test
def bindings_are_shown(d):
    prepare(d)
    define_filter(d, "t", "")
    before = d.steady_inventory()
    assert d.vmsh("nwfilter-binding-list").count("\n") <= 3
    with guest(d, "<filterref filter='t'><parameter name='A' value='1'/></filterref>"):
        tap = re.search(r"<target dev='(\w+)'", d.vmsh("dumpxml", "g"))[1]
        assert json.loads(d.vmsh("nwfilter-binding-list", "--json")) == [{"port": tap, "filter": "t"}]
        xml = d.vmsh("nwfilter-binding-dumpxml", tap)
        uuid = d.vmsh("domuuid", "g").strip()
        flat = re.sub(r">\s+<", "><", xml).strip()
        assert flat == (f"<filterbinding><owner><name>g</name><uuid>{uuid}</uuid></owner><portdev name='{tap}'/>"
                        f"<mac address='{MAC}'/><filterref filter='t'><parameter name='A' value='1'/>"
                        f"<parameter name='MAC' value='{MAC}'/></filterref></filterbinding>"), flat
        assert tap in d.virsh("nwfilter-binding-list")
        assert "filterbinding" in d.virsh("nwfilter-binding-dumpxml", tap)
        d.kill()
        d.start()
        assert d.vmsh("nwfilter-binding-dumpxml", tap) == xml
    assert "no nwfilter binding" in d.vmsh("nwfilter-binding-dumpxml", tap, status=1)
    same({k: v for k, v in before.items() if k == "links"}, d.steady_inventory())


@test
def a_card_that_is_plugged_is_filtered(d):
    prepare(d)
    define_filter(d, "t", FORBIDDEN.format(1))
    d.vmsh("define", d.write("g.xml", domain("g", "<controller type='pci' index='0' model='pcie-root'/>" + "".join(
        f"<controller type='pci' index='{n}' model='pcie-root-port'/>" for n in range(1, 7)), memory=32)))
    d.vmsh("start", "g")
    device = d.write("nic.xml", nic("<filterref filter='t'/>").replace("e1000", "e1000e"))
    d.vmsh("attach-device", "g", device, "--live")
    ends = Ends(d)
    assert not ends.passes(plain()) and ends.passes(udp())
    ends.close()
    assert rules_left()
    d.vmsh("destroy", "g")
    assert rules_left() == []


main()
