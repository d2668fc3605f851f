"""Programs in terminals, for tests of what people type and see."""
import os
import pty
import select
import time


class Terminal:
    """A program in a terminal of its own."""

    def __init__(self, *argv, **env):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env, TERM="dumb")
            os.execvp(argv[0], argv)

    def until(self, text, seconds=10):
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], \
                f"no {text!r} in {self.seen!r}"
            try:
                data = os.read(self.fd, 4096)
            except OSError:
                data = b""
            assert data, f"it ended before {text!r}: {self.seen!r}"
            self.seen += data.decode(errors="replace")
        before, self.seen = self.seen.split(text, 1)
        return before

    def type_until(self, keys, text, seconds=30):
        """Types KEYS again and again: what is typed before a program has taken the terminal is
        lost."""
        end = time.monotonic() + seconds
        while True:
            self.type(keys)
            try:
                return self.until(text, 2)
            except AssertionError:
                if time.monotonic() > end:
                    raise

    def type(self, text):
        os.write(self.fd, text.encode())

    def status(self, seconds=30):
        """Reads to the end and reaps it; what does not end is hung up on."""
        end = time.monotonic() + seconds
        try:
            while select.select([self.fd], [], [], max(0, end - time.monotonic()))[0] and \
                    os.read(self.fd, 4096):
                pass
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
