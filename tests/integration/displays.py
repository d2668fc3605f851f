#!/usr/bin/env python3
"""Who gets in at a guest's display: spoken with over the wire, as a viewer would."""
import datetime
import os
import re
import socket
import struct
import subprocess

from harness import QEMU, domain, main, need, skip, test

PAST, FUTURE = (str(datetime.datetime.utcnow().year + n) + "-01-01T00:00:00" for n in (-1, 2))


class Wire:
    def __init__(self, port):
        self.s = socket.create_connection(("127.0.0.1", port), 10)

    def get(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data


def openssl(*words, stdin):
    done = subprocess.run([need("openssl"), *words], input=stdin, capture_output=True)
    if done.returncode:
        skip(f"this openssl cannot: {done.stderr.decode(errors='replace')[-200:]}")
    return done.stdout


def vnc_lets_in(port, password):
    """RFC 6143, 7.2.2: the challenge is enciphered with the password, its bits reversed."""
    w = Wire(port)
    w.get(12)
    w.s.sendall(b"RFB 003.008\n")
    kinds = w.get(w.get(1)[0])
    if 1 in kinds:
        return True
    assert 2 in kinds, kinds
    w.s.sendall(b"\x02")
    key = bytes(int(f"{c:08b}"[::-1], 2) for c in password.encode().ljust(8, b"\0"))
    w.s.sendall(openssl("enc", "-des-ecb", "-nopad", "-K", key.hex(), "-provider", "legacy", "-provider",
                        "default", stdin=w.get(16)))
    return w.get(4) == bytes(4)


def spice_lets_in(port, password):
    """The link of the main channel: the password comes enciphered with the server's key."""
    w = Wire(port)
    message = struct.pack("<IBBIII", 0, 1, 0, 0, 0, 18)
    w.s.sendall(b"REDQ" + struct.pack("<III", 2, 2, len(message)) + message)
    magic, _, _, size = struct.unpack("<4sIII", w.get(16))
    reply = w.get(size)
    assert magic == b"REDQ" and struct.unpack("<I", reply[:4])[0] == 0, (magic, reply[:8])
    with open("spice.der", "wb") as f:
        f.write(reply[4:4 + 162])
    w.s.sendall(openssl("pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", "spice.der", "-pkeyopt",
                        "rsa_padding_mode:oaep", stdin=password.encode() + b"\0"))
    try:
        return struct.unpack("<I", w.get(4))[0] == 0
    except (EOFError, ConnectionResetError):
        return False


LETS_IN = {"vnc": vnc_lets_in, "spice": spice_lets_in}


def display(d, kind, attributes):
    """Starts a guest with that display, and returns its port."""
    devices = (f"<graphics type='{kind}' autoport='yes' listen='127.0.0.1' {attributes}/>"
               "<video><model type='vga'/></video>")
    d.vmsh("create", d.write("g.xml", domain("g", devices)))
    return int(re.search(r"<graphics[^>]* port='(\d+)'", d.vmsh("dumpxml", "g"))[1])


def try_all(d, kind):
    os.chdir(d.root)
    for attributes, tries in (
            ("passwd='right'", {"right": True, "wrong": False, "": False}),
            ("passwd=''", {"": False, "right": False}),
            (f"passwd='' passwdValidTo='{FUTURE}'", {"": False}),
            (f"passwd='right' passwdValidTo='{FUTURE}'", {"right": True}),
            (f"passwd='right' passwdValidTo='{PAST}'", {"right": False}),
            ("", {"": True})):
        port = display(d, kind, attributes)
        for password, gets_in in tries.items():
            assert LETS_IN[kind](port, password) == gets_in, (kind, attributes, password, gets_in)
        d.vmsh("destroy", "g")


@test
def an_empty_password_of_vnc_lets_nobody_in(d):
    try_all(d, "vnc")


@test
def an_empty_password_of_spice_lets_nobody_in(d):
    if "addr=" not in subprocess.run([QEMU, "-spice", "help"], capture_output=True, text=True).stdout:
        skip("this QEMU has no SPICE")
    try_all(d, "spice")


main()
