#!/usr/bin/env python3
"""Answers in JSON are what docs/json.md says: every command that has a shape of its own is there, and
is tried, on a domain that is off and on one that runs."""
import json
import re
import subprocess

from harness import SOURCE, VMSH, domain, main, need_own_network, need_root, test

PAGE = SOURCE / "docs/json.md"
DEVICES = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{image}'/>"
           "<target dev='vda' bus='virtio'/></disk><interface type='user'><mac address='52:54:00:11:22:44'/></interface>"
           "<interface type='network'><source network='n'/><mac address='52:54:00:11:22:55'/></interface>"
           "<serial type='pty'/>")
# What is tried in their place needs more than this test has.
ELSEWHERE = {
    "domfsinfo": "an agent", "domtime": "an agent", "guestinfo": "an agent", "guestvcpus": "an agent",
    "adopt": "libvirt's files", "event": "an event", "domlaunchsecinfo": "a confidential guest",
    "nodesevinfo": "a processor with SEV",
}
RUNS = """blockjob a vda
cpu-models x86_64
hypervisor-cpu-models
domblkinfo a vda
domblkinfo a --all
domblklist a
domblklist a --details
domblkstat a vda
domifaddr a
domiflist a
domifstat a 52:54:00:11:22:55
graph a
daemon-status
freecell
freecell --all
nodecpumap
nodecpustats
nodecpustats --percent
nodeinfo
nodememstats
iface-list --all
jobs
cpu-stats a --total
emulatorpin a
schedinfo a
vcpupin a
confinement a
dominfo a
dommemstat a
domstats
domstats a
list --all
list --all --title
list --all -o id,name,uuid,state,memory,max_memory,cpus,cpu_time,uptime,address,autostart,persistent,title
net-dhcp-leases n
net-explain n
net-info n
net-list --all
net-port-list n
net-repairs n
nodedev-info computer
nodedev-list
nwfilter-binding-list
nwfilter-list
freepages --cellno 0 --pagesize 4
freepages --all
blkdeviotune a vda
blkiotune a
domiftune a 52:54:00:11:22:44
iothreadinfo a
memtune a
numatune a
node-memory-tune
pool-info p
pool-list --all
pool-list --all --details
secret-list
top --count 1
domjobinfo a
vcpucount a
vcpuinfo a
vcpuinfo a --pretty
vol-info v p
vol-list p
vol-list p --details""".splitlines()


# ---- shapes, as the page writes them

class Shape:
    """number, text, flag, null; a|b; [of]; {key: of, perhaps?: of}, {*: of} for keys of any name."""
    TOKEN = re.compile(r"\s*([\[\]{}|:,]|[\w*]+\??)")

    def __init__(self, text):
        self.tokens = self.TOKEN.findall(text)
        assert "".join(self.tokens) == re.sub(r"\s", "", text), text
        self.root = self.either()
        assert not self.tokens, (text, self.tokens)

    def take(self, wanted=None):
        token = self.tokens.pop(0)
        assert wanted in (None, token), (wanted, token, self.tokens)
        return token

    def either(self):
        ways = [self.one()]
        while self.tokens and self.tokens[0] == "|":
            self.take()
            ways.append(self.one())
        return ways

    def one(self):
        token = self.take()
        if token == "[":
            of = self.either()
            self.take("]")
            return [of]
        if token != "{":
            assert token in ("number", "text", "flag", "null"), token
            return token
        keys = {}
        while self.tokens[0] != "}":
            key = self.take()
            self.take(":")
            keys[key] = self.either()
            if self.tokens[0] == ",":
                self.take()
        self.take("}")
        return keys


def misfit(ways, value, where=""):
    """What is wrong with it; None: nothing."""
    wrongs = [misfit_one(way, value, where) for way in ways]
    return None if None in wrongs else max(wrongs, key=len)


def misfit_one(way, value, where):
    if isinstance(way, list):
        if not isinstance(value, list):
            return f"{where}: {value!r} is no list"
        return next(filter(None, (misfit(way[0], v, f"{where}[{i}]") for i, v in enumerate(value))), None)
    if isinstance(way, dict):
        return misfit_object(way, value, where)
    kinds = {"number": (int, float), "text": str, "flag": bool, "null": type(None)}
    right = isinstance(value, kinds[way]) and not (way == "number" and isinstance(value, bool))
    return None if right else f"{where}: {value!r} is no {way}"


def misfit_object(way, value, where):
    if not isinstance(value, dict):
        return f"{where}: {value!r} is no object"
    for key in way:
        if key != "*" and not key.endswith("?") and key not in value:
            return f"{where}: no '{key}' in {sorted(value)}"
    for key, v in value.items():
        of = way.get(key) or way.get(f"{key}?") or way.get("*")
        if not of:
            return f"{where}: '{key}' ({v!r}) is not told of"
        if wrong := misfit(of, v, f"{where}.{key}"):
            return wrong
    return None


def told():
    """Of the page: shapes by command."""
    found = {}
    for name, text in re.findall(r"^    ([a-z-]+) +(\S.*(?:\n     +\S.*)*)", PAGE.read_text(), re.M):
        found.setdefault(name, []).extend(Shape(text).root)
    return found


# ---- the tests

def in_sources():
    """Commands whose row says COMMAND_JSON."""
    rows = re.compile(r'\{ "([a-z0-9-]+)",(?:[^{}]|\{[^{}]*\})*?\}')
    return {m[1] for path in (SOURCE / "tools/vmsh/commands").glob("*.c")
            for m in rows.finditer(path.read_text()) if "COMMAND_JSON" in m[0]}


@test
def the_page_has_them_all():
    shapes, tried = set(told()) - {"error"}, {line.split()[0] for line in RUNS}
    assert in_sources() == shapes, in_sources() ^ shapes
    assert tried | set(ELSEWHERE) == shapes and not tried & set(ELSEWHERE), tried ^ shapes


def world(d):
    image = d.root / "a.img"
    image.write_bytes(bytes(1 << 20))
    image.chmod(0o666)
    (d.root / "pool").mkdir()
    d.vmsh("define", d.write("a.xml", domain("a", DEVICES.format(image=image), extra="<iothreads>1</iothreads>")))
    d.vmsh("pool-create-as", "p", "dir", "--target", d.root / "pool")
    d.vmsh("vol-create-as", "p", "v", "1M")
    d.vmsh("secret-define", d.write("s.xml", "<secret><usage type='volume'><volume>/v</volume></usage></secret>"))
    d.vmsh("net-create", d.write("n.xml", "<network><name>n</name><bridge name='vmdjs0'/>"
                                 "<ip address='192.0.2.1' netmask='255.255.255.0'/></network>"))


OF_DOMAINS = re.compile(r"\S+ a\b|list|domstats|top|net-port-list|jobs|graph")


def tried(d, shapes, runs):
    wrongs, answered = [], set()
    for line in runs:
        done = subprocess.run([VMSH, "-c", d.uri, *line.split(), "--json"], text=True, capture_output=True, timeout=60)
        if done.returncode:
            wrong = misfit(shapes["error"], json.loads(done.stderr.strip().splitlines()[-1]))
        else:
            value = json.loads(done.stdout or "null")
            answered.add(line)
            wrong = misfit(shapes[line.split()[0]], value)
        if wrong:
            wrongs.append(f"{line}: {wrong}")
    assert not wrongs, "\n".join(wrongs)
    return answered


@test
def they_are_as_it_says(d):
    need_root("for a network")
    need_own_network()
    world(d)
    shapes = told()
    answered = tried(d, shapes, RUNS)
    d.vmsh("start", "a")
    answered |= tried(d, shapes, filter(OF_DOMAINS.match, RUNS))
    assert answered == set(RUNS), f"these only fail: {set(RUNS) - answered}"


main()
