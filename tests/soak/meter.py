"""Somebody else, who reads like any other client: meter.py SOCKET. A call every few milliseconds, and how
long each waits, until its input ends; then it prints how many there were, and the median, the 99th
percentile and the longest, in ms, and last the 99th percentile of asking a process that does nothing
else: so long one waits on this machine, whoever answers. A daemon that begins again is waited for."""
import os
import socket
import struct
import sys
import threading
import time

import rpc

SOCKET = sys.argv[1]
LIST_ALL = 273
EVERY_S = 0.005
CALLS = ((rpc.LIB_VERSION, b""), (LIST_ALL, struct.pack(">iI", 1, 0)), (rpc.LIB_VERSION, b""))

ours, theirs = socket.socketpair()
if os.fork() == 0:
    os.close(0)
    os.setpriority(os.PRIO_PROCESS, 0, 0)  # as the daemon
    ours.close()
    while byte := theirs.recv(1):
        theirs.send(byte)
    os._exit(0)
theirs.close()
watching = threading.Thread(target=sys.stdin.read, daemon=True)
watching.start()
waits, floor, client, number = [], [], None, 0
print("ready", flush=True)
while watching.is_alive():
    try:
        client = client or rpc.Client(SOCKET)
        number += 1
        began = time.perf_counter()
        client.call(*CALLS[number % len(CALLS)])
        waits.append((time.perf_counter() - began) * 1000)
    except (OSError, EOFError):
        client = None
    began = time.perf_counter()
    ours.send(b".")
    ours.recv(1)
    floor.append((time.perf_counter() - began) * 1000)
    time.sleep(EVERY_S)


def part(values, of_1000):
    return sorted(values)[len(values) * of_1000 // 1000]


print(len(waits), *(f"{ms:.1f}" for ms in (part(waits, 500), part(waits, 990), max(waits), part(floor, 990))),
      flush=True)
