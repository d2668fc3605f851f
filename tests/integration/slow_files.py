"""A folder in user space whose files say nothing: slow_files.py MOUNTPOINT COUNT. Stopped (SIGSTOP) it
is the file server that does not answer; continued, it comes back as if nothing had been. Needs
python3-fusepy and a /dev/fuse."""
import errno
import stat
import sys

import fusepy

SIZE = 4096


class Folder(fusepy.Operations):
    def __init__(self, count):
        self.names = [f"file-{i}" for i in range(count)]
        self.known = set(self.names)

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path[1:] in self.known:
            return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": SIZE, "st_blocks": 8}
        raise fusepy.FuseOSError(errno.ENOENT)

    def readdir(self, path, fh):
        return [".", "..", *self.names]

    def read(self, path, size, offset, fh):
        return b"\0" * max(0, min(size, SIZE - offset))

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bfree": 1 << 19,
                "f_bavail": 1 << 19}


# Nothing is remembered by the kernel: each look is a question to this process.
fusepy.FUSE(Folder(int(sys.argv[2])), sys.argv[1], foreground=True, nothreads=True, entry_timeout=0,
            attr_timeout=0)
