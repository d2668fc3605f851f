"""The protocol table against the wire facts beside the source tree: every procedure's number, name,
messages and rules, and every message's bytes."""
import csv
import importlib.util
import os
import random
import re
import subprocess

from harness import SHARED, main, skip, test

ECHO = os.environ.get("WIRE_ECHO", "build/tests/integration/wire_echo")
READ, WRITE, HIGH, ANON, EVENT, UPLOAD, DOWNLOAD, FDS_IN, FDS_OUT = (
    1 << n for n in (0, 1, 2, 3, 5, 6, 7, 8, 9))
PROGRAMS = {"remote": "20008086", "qemu": "20008087"}
OTHER_NAMES = {
    "-": "None", "remote_nonnull_domain": "DomainRef", "remote_nonnull_network": "NetworkRef",
    "remote_nonnull_network_port": "NetworkPortRef", "remote_nonnull_nwfilter": "NwfilterRef",
    "remote_nonnull_nwfilter_binding": "NwfilterBindingRef", "remote_typed_param": "TypedParam",
    "remote_nonnull_interface": "InterfaceRef", "remote_nonnull_storage_pool": "PoolRef",
    "remote_nonnull_storage_vol": "VolumeRef", "remote_nonnull_node_device": "NodeDeviceRef",
    "remote_nonnull_secret": "StoredSecretRef", "remote_nonnull_domain_checkpoint": "CheckpointRef",
    "remote_nonnull_domain_snapshot": "SnapshotRef", "remote_error": "RemoteError",
    "remote_node_get_cpu_stats": "NodeCpuStat", "remote_node_get_memory_stats": "NodeMemoryStat",
}


def our_name(name):
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    words = re.sub("^remote_", "", name).split("_")
    return "".join(w[:1].upper() + w[1:] for w in words)


def facts():
    folder = SHARED / "wire"
    if not (folder / "procedures.tsv").exists():
        skip(f"the wire facts are not in {folder}")
    return folder


def decoder():
    spec = importlib.util.spec_from_file_location("decode", facts() / "decode.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def expected_flags(row):
    if row["kind"] == "event":
        return EVENT
    flags = WRITE if row["readonly"] == "n" else READ
    flags |= HIGH if row["priority"] == "high" else 0
    flags |= ANON if row["needs_auth"] == "n" else 0
    flags |= UPLOAD if re.search("upload|duplex", row["kind"]) else 0
    flags |= DOWNLOAD if re.search("download|duplex", row["kind"]) else 0
    flags |= FDS_IN if "call" in row["fds"] else 0
    flags |= FDS_OUT if "reply" in row["fds"] else 0
    return flags


@test
def every_procedure_is_as_the_facts_say():
    with open(facts() / "procedures.tsv") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    printed = subprocess.run([ECHO, "procedures"], text=True, capture_output=True, check=True)
    ours = {}
    for line in printed.stdout.splitlines():
        program, number, name, args, ret, flags, bits = line.split()
        ours[program, int(number)] = (name, args, ret, int(flags) & ~(1 << 4), bits != "0")
    for row in rows:
        name = re.sub("^QEMU_PROC_", "QEMU_", re.sub("^REMOTE_PROC_", "", row["name"]))
        wanted = (name, our_name(row["args"]), our_name(row["ret"]), expected_flags(row),
                  row["readonly"] == "cond")
        got = ours.pop((PROGRAMS[row["program"]], int(row["number"])))
        assert got == wanted, f"{got} should be {wanted}"
    assert not ours, f"not in the facts: {ours}"


@test
def every_message_has_the_same_bytes():
    codec = decoder().Codec()
    rng = random.Random(11003)
    names = [n for n, t in codec.types.items()
             if t["kind"] == "struct" and not n.startswith("virNet")]
    lines = []
    for name in names:
        for _ in range(20):
            data = codec.enc(name, codec.rnd(name, rng))
            lines.append((name, data.hex()))
    fed = "".join(f"{our_name(name)} {data}\n" for name, data in lines)
    echoed = subprocess.run([ECHO, "echo"], input=fed, text=True, capture_output=True, check=True)
    got = echoed.stdout.splitlines()
    assert len(got) == len(lines)
    for (name, data), echo in zip(lines, got):
        assert echo == data, f"{name}: {data} came back as {echo}"


main()
