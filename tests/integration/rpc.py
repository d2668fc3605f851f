"""A bare client of the remote protocol: bytes in, bytes out, nothing checked for it."""
import socket
import struct

REMOTE, QEMU, KEEPALIVE = 0x20008086, 0x20008087, 0x6b656570
CALL, REPLY, EVENT, STREAM, CALL_FDS, REPLY_FDS, HOLE = range(7)
OK, ERROR, CONTINUE = range(3)
OPEN, CLOSE, FEATURE, AUTH_LIST, LIB_VERSION, CPU_MAP = 1, 2, 60, 66, 157, 293


def string(text):
    data = text.encode()
    return struct.pack(">I", len(data)) + data + b"\0" * (-len(data) % 4)


def optional(text):
    return struct.pack(">I", 0) if text is None else struct.pack(">I", 1) + string(text)


class Message:
    def __init__(self, data):
        (self.program, self.version, self.procedure, self.kind, self.serial,
         self.status) = struct.unpack_from(">IIiIII", data)
        self.payload = data[24:]

    def error(self):
        """Code, domain and text of an error reply."""
        assert self.status == ERROR, f"procedure {self.procedure} did not fail"
        code, domain, present = struct.unpack_from(">iiI", self.payload)
        assert present, "an error without a text"
        length, = struct.unpack_from(">I", self.payload, 12)
        return code, domain, self.payload[16:16 + length].decode()


class Client:
    def __init__(self, path, opened=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)  # a hang, not a busy machine
        self.socket.connect(str(path))
        self.serial = 0
        if opened:
            assert self.call(OPEN, optional("qemu:///system") + struct.pack(">I", 0)).status == OK

    def pack(self, procedure, payload=b"", kind=CALL, status=OK, program=REMOTE, version=1,
             serial=None):
        if serial is None:
            self.serial += 1
            serial = self.serial
        return struct.pack(">IIIiIII", 28 + len(payload), program, version, procedure, kind, serial,
                           status) + payload

    def send(self, *what, **how):
        self.socket.sendall(self.pack(*what, **how))

    def bytes(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def read(self):
        length, = struct.unpack(">I", self.bytes(4))
        return Message(self.bytes(length - 4))

    def call(self, *what, **how):
        self.send(*what, **how)
        return self.read()

    def is_closed(self):
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
