"""Every procedure that is done, from the daemon's own list: what none of them may accept. Flags that it
does not know, on objects that are there; objects that are not there; and changes over the read-only
socket."""
import csv
import os
import struct
import subprocess
import uuid

import rpc
from harness import SHARED, VMD, domain, main, skip, test

ECHO = os.environ.get("WIRE_ECHO", "build/tests/integration/wire_echo")
INVALID_ARG, DENIED, NO_DOMAIN, NO_NETWORK, NO_POOL, NO_VOLUME = 8, 29, 42, 43, 49, 50
NO_NODE_DEVICE, NO_NWFILTER, NO_SECRET = 53, 62, 66
# WireKind, as wire.h counts them.
(I32, U32, I64, U64, STR, OPT_STR, OPT_I32, UUID, REF, OPT, LIST, I32S, U32S, U64S, STRS, BYTES, CHARS,
 TEXT, VALUE) = range(19)
WRITE = 1 << 1
NUMBERS = {I32: ">i", U32: ">I", I64: ">q", U64: ">Q"}
EMPTY = (OPT_STR, OPT_I32, OPT, LIST, I32S, U32S, U64S, STRS, BYTES, CHARS)

# These end the connection that asks.
LEAVES = {"CONNECT_CLOSE"}


class Method:
    def __init__(self, line):
        self.program, number, self.name, self.subject, flags, self.rights = line.split("\t")
        self.number = int(number)
        self.flags = None if flags == "-" else int(flags, 16)


def told(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


def methods():
    return [Method(line) for line in told(VMD, "--list-methods")]


def wire():
    """Of each procedure the arguments' type, ProcFlags and the bits that make it a change; of each type
    its members."""
    procedures, fields = {}, {}
    for line in told(ECHO, "procedures"):
        program, number, _, args, _, how, bits = line.split()
        procedures[program, int(number)] = args, int(how), int(bits)
    for line in told(ECHO, "fields"):
        message, name, kind, of = line.split()
        fields.setdefault(message, []).append((name, int(kind), of))
    return procedures, fields


class Arguments:
    """Bytes of messages: words of NAMES where their members are called so, else empty and zero."""

    def __init__(self, fields, **names):
        self.fields, self.names = fields, names

    def member(self, name, kind, of):
        if kind in NUMBERS:
            return struct.pack(NUMBERS[kind], self.names.get(name, 0))
        if kind in EMPTY:
            return struct.pack(">I", 0)
        if kind == REF:
            return self.pack(of)
        if kind == UUID:
            return self.names["uuid"]
        if kind == STR:
            return rpc.string(self.names.get(name, ""))
        raise AssertionError(f"{name}: members of kind {kind} are not made here")

    def pack(self, message):
        return b"".join(self.member(*f) for f in self.fields.get(message, []))


POOL_CREATE_XML, NETWORK_DEFINE_XML, LIST_POOLS = 76, 41, 281
NETWORK = "<network><name>well</name></network>"
SECRET = "<secret><uuid>{}</uuid><usage type='volume'><volume>well</volume></usage></secret>"
FILTER = "<filter name='well'><uuid>{}</uuid></filter>"
UUID_TEXT = "5b7a7d3c-9d8e-4c1a-8f52-0a4c1f1f6c01"
POOL = "<pool type='dir'><name>well</name><target><path>{}</path></target></pool>"


def world(d):
    """A domain and a network that are off, an active pool with a volume, a secret and a filter. Returns
    Arguments that name them, by subject; those of the connection name the domain."""
    d.vmsh("define", d.write("well.xml", domain("well")))
    d.vmsh("secret-define", d.write("secret.xml", SECRET.format(UUID_TEXT)))
    d.vmsh("nwfilter-define", d.write("filter.xml", FILTER.format(UUID_TEXT)))
    (d.root / "images").mkdir()
    (d.root / "images/one").write_bytes(b"1" * 512)
    made = rpc.Client(d.socket).call(POOL_CREATE_XML, rpc.string(POOL.format(d.root / "images"))
                                     + struct.pack(">I", 0))
    net = rpc.Client(d.socket).call(NETWORK_DEFINE_XML, rpc.string(NETWORK))
    _, fields = wire()
    here = Arguments(fields, uuid=uuid.UUID(d.vmsh("domuuid", "well").strip()).bytes, name="well")
    network = Arguments(fields, uuid=net.payload[-16:], name="well")
    pool = Arguments(fields, uuid=made.payload[-16:], name="well", path=str(d.root / "images"))
    volume = Arguments(fields, uuid=pool.names["uuid"], pool="well", name="one",
                       key=str(d.root / "images/one"), path=str(d.root / "images/one"))
    other = Arguments(fields, uuid=uuid.UUID(UUID_TEXT).bytes, name="well", usage_type=1, usage_id="well")
    return {"none": here, "domain": here, "network": network, "pool": pool, "volume": volume,
            "secret": other, "nwfilter": other, "node_device": Arguments(fields, name="computer")}


def nothing():
    _, fields = wire()
    gone = Arguments(fields, uuid=b"\1" * 16, name="gone", pool="gone", key="/gone", path="/gone", id=77,
                     usage_type=1, usage_id="gone")
    return {"domain": (gone, {NO_DOMAIN}), "network": (gone, {NO_NETWORK}),
            "pool": (gone, {NO_POOL}), "volume": (gone, {NO_POOL, NO_VOLUME}),
            "secret": (gone, {NO_SECRET}), "nwfilter": (gone, {NO_NWFILTER}),
            "node_device": (gone, {NO_NODE_DEVICE})}


def ask(client, method, payload):
    reply = client.call(method.number, payload, program=int(method.program, 16))
    while reply.kind == rpc.EVENT:
        reply = client.read()
    return reply


def code(reply):
    return reply.error()[0] if reply.status == rpc.ERROR else 0


@test
def flags_that_nobody_knows_are_refused(d):
    objects, (procedures, fields) = world(d), wire()
    client, tried = rpc.Client(d.socket), 0
    for m in methods():
        args, _, _ = procedures[m.program, m.number]
        if m.flags is None:
            assert not any(f[0] == "flags" for f in fields.get(args, [])), m.name
            continue
        for bit in range(32):
            if m.flags & 1 << bit:
                continue
            named = Arguments(fields, **{**objects[m.subject].names, "flags": 1 << bit})
            got, _, text = ask(client, m, named.pack(args)).error()
            assert got == INVALID_ARG, f"{m.name} with flag {1 << bit:#x}: {got}: {text}"
            assert "unsupported flags" in text and f"{1 << bit:#x}" in text, text
            tried += 1
    assert tried > 3000, tried


@test
def objects_that_are_not_there_are_told(d):
    objects, (procedures, _) = nothing(), wire()
    client = rpc.Client(d.socket)
    for m in methods():
        if m.subject == "none":
            continue
        args, _, _ = procedures[m.program, m.number]
        gone, wanted = objects[m.subject]
        assert code(ask(client, m, gone.pack(args))) in wanted, m.name


def state(d):
    pools = rpc.Client(d.socket).call(LIST_POOLS, struct.pack(">iI", 1, 0)).payload
    return d.vmsh("dumpxml", "well"), pools, sorted(d.files())


@test
def a_read_only_client_changes_nothing(d):
    objects, (procedures, fields) = world(d), wire()
    before = state(d)
    for m in methods():
        if m.name in LEAVES:
            continue
        args, how, bits = procedures[m.program, m.number]
        client = rpc.Client(d.ro_socket)
        got = code(ask(client, m, objects[m.subject].pack(args)))
        assert (got == DENIED) == bool(how & WRITE), f"{m.name}: {got}"
        for bit in range(32):
            if bits & 1 << bit:
                named = Arguments(fields, **{**objects[m.subject].names, "flags": 1 << bit,
                                             "source": 1 << bit})
                assert code(ask(client, m, named.pack(args))) == DENIED, (m.name, bit)
        client.socket.close()
    assert before == state(d)


# ---- the rights, beside the wire facts

# Who may set a scheduler's parameters may write.
ON_PURPOSE = {"DOMAIN_SET_SCHEDULER_PARAMETERS"}


def kinds_of_rights(text):
    """The rights without their conditions; twice the same is once."""
    return sorted({":".join(right.split(":")[:2]) for right in text.split(",")})


@test
def rights_are_as_the_facts_say():
    facts = SHARED / "wire/procedures.tsv"
    if not facts.exists():
        skip(f"the wire facts are not in {facts}")
    with open(facts) as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        wanted = {(r["program"], int(r["number"])): r["acl"] for r in rows}
    programs = {"20008086": "remote", "20008087": "qemu"}
    for m in methods():
        acl = wanted[programs[m.program], m.number]
        if m.name not in ON_PURPOSE:
            assert kinds_of_rights(m.rights) == kinds_of_rights(acl), f"{m.name}: {m.rights}, not {acl}"


if __name__ == "__main__":
    main()
