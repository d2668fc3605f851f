"""One client that fuzzes: fuzz_client.py SOCKET SEED TABLE. It calls whatever the protocol has, with
arguments that are well formed, nearly so, or not at all, goes on until its input ends, and prints how
many calls it made and how many were answered. TABLE is what siege.py has written of the protocol."""
import array
import json
import os
import random
import socket
import struct
import sys
import threading

import rpc

SOCKET, SEED, TABLE = sys.argv[1:4]
chance = random.Random(int(SEED))
with open(TABLE) as file:
    table = json.load(file)
(I32, U32, I64, U64, STR, OPT_STR, OPT_I32, UUID, REF, OPT, LIST, I32S, U32S, U64S, STRS, BYTES, CHARS,
 TEXT, VALUE) = range(19)
SIZES = {I32: 32, U32: 32, I64: 64, U64: 64, I32S: 32, U32S: 32, U64S: 64}
LISTS = {I32S: I32, U32S: U32, U64S: U64, STRS: STR}
PATIENCE = 2.0
AT_ONCE = 20  # calls that are sent before the answers are read


def number(bits):
    edges = (0, 0, 0, 0, 1, 1, 2, 3, 1 << chance.randrange(bits), (1 << bits) - 1, 1 << (bits - 1),
             chance.getrandbits(bits))
    return chance.choice(edges).to_bytes(bits // 8, "big")


def mutated(data):
    data = bytearray(data)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        what = chance.randrange(4)
        if what == 0:
            data[at:at + chance.randrange(9)] = b""
        elif what == 1:
            data[at:at] = bytes(chance.getrandbits(8) for _ in range(chance.randrange(1, 9)))
        elif what == 2 and data:
            data[at - 1] ^= 1 << chance.randrange(8)
        else:
            data[at:at] = data[:chance.randrange(200)]
    return bytes(data)


def text():
    word = chance.choice(table["words"]).encode()
    word = mutated(word) if chance.random() < 0.2 else word
    return struct.pack(">I", len(word)) + word + bytes(-len(word) % 4)


def value():
    kind = chance.randrange(1, 8)
    body = text() if kind == 7 else number(64 if kind in (3, 4, 5) else 32)
    return struct.pack(">I", kind) + body


def member(kind, of, depth):
    if kind in (I32, U32, I64, U64):
        return number(SIZES[kind])
    if kind == STR:
        return text()
    if kind in (OPT_STR, OPT_I32, OPT):
        below = {OPT_STR: STR, OPT_I32: I32, OPT: REF}[kind]
        return struct.pack(">I", 1) + member(below, of, depth) if chance.random() < 0.6 else bytes(4)
    if kind == UUID:
        return bytes.fromhex(chance.choice(table["uuids"]))
    if kind == REF:
        return message(of, depth + 1)
    if kind in LISTS or kind == LIST:
        count = chance.choice((0, 1, 1, 2, 5))
        return struct.pack(">I", count) + b"".join(member(LISTS.get(kind, REF), of, depth) for _ in range(count))
    if kind == BYTES:
        data = bytes(chance.getrandbits(8) for _ in range(chance.randrange(40)))
        return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)
    if kind == VALUE:
        return value()
    return bytes(4)  # characters of four bytes: none


def message(name, depth=0):
    if depth > 4:
        return b""
    return b"".join(member(kind, of, depth) for _, kind, of in table["fields"].get(name, []))


def call(client):
    program, procedure, args = chance.choice(table["procedures"])
    payload, how = message(args), {}
    odd = chance.random()
    if odd < 0.15:
        payload = mutated(payload)
    elif odd < 0.18:
        how = {"kind": chance.randrange(9), "status": chance.randrange(4)}
    elif odd < 0.20:
        program, procedure = chance.choice(((program, 5000), (0x12345678, 1), (rpc.KEEPALIVE, 1)))
    elif odd < 0.22:
        how = {"version": chance.randrange(4)}
    return client.pack(procedure, payload, program=program, **how)


def read_answers(client, counts, over):
    try:
        while not over.is_set():
            client.read()
            counts[1] += 1
    except (OSError, EOFError, struct.error):
        pass


def go_on(client, counts):
    """A burst, then a rest until it is answered or PATIENCE is over. Now and then half a message ends
    it, or bytes that are none, or descriptors that nobody has asked for."""
    over = threading.Event()
    reader = threading.Thread(target=read_answers, args=(client, counts, over), daemon=True)
    client.socket.settimeout(PATIENCE)
    reader.start()
    try:
        for _ in range(chance.randrange(1, 200)):
            if ended():
                break
            data = b"".join(call(client) for _ in range(chance.randrange(1, AT_ONCE)))
            sent = data[:chance.randrange(len(data))] if chance.random() < 0.01 else data
            if chance.random() < 0.02:
                client.socket.sendmsg([sent], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0]))])
            else:
                client.socket.sendall(sent)
            counts[0] += AT_ONCE // 2
            if len(sent) < len(data):
                break
    except OSError:
        pass
    over.set()
    client.socket.close()
    reader.join(PATIENCE)


def ended():
    return not watching.is_alive()


watching = threading.Thread(target=sys.stdin.read, daemon=True)
watching.start()
counts = [0, 0]
print("ready", flush=True)
while not ended():
    try:
        go_on(rpc.Client(SOCKET), counts)
    except (OSError, EOFError, AssertionError):
        watching.join(0.05)  # too many, for now
print(*counts, flush=True)
os._exit(0)
