#!/usr/bin/env python3
"""What signals do to the daemon: three end it, with a word in its log and its sockets removed; no
other one does, not even one that nobody expects."""
import os
import pathlib
import re
import signal
import subprocess

from harness import VMD, domain, main, test, wait_for

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
# These tell of a fault of the program, or stop it.
NOT_ASKED = ("KILL", "STOP", "TSTP", "TTIN", "TTOU", "ILL", "TRAP", "ABRT", "BUS", "FPE", "SEGV", "SYS")
OTHERS = sorted(set(signal.Signals) - set(ENDS) -
                {getattr(signal, f"SIG{name}") for name in NOT_ASKED})
QUIET = (signal.SIGPIPE, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)


def blocks(pid, number):
    mask = re.search(r"SigBlk:\s*(\w+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]
    return int(mask, 16) >> (number - 1) & 1


@test
def every_other_signal_is_outlived(d):
    d.vmsh("define", d.write("a.xml", domain("a")))
    for number in [*OTHERS, signal.SIGRTMIN + 1, signal.SIGRTMAX]:
        os.kill(d.pid, number)
        if number not in QUIET:
            wait_for(lambda: f"heard signal {int(number)} " in d.log.read_text())
        assert "a" in d.vmsh("list", "--all"), number
        assert d.process.poll() is None, number
    assert "reads its settings again" in d.log.read_text()


@test
def three_signals_end_it_cleanly(d):
    for number in ENDS:
        if not d.process:
            d.start()
        os.kill(d.pid, number)
        assert d.wait_killed() == 0, number
        assert f"heard signal {int(number)} (SIG{number.name[3:]}) of process {os.getpid()}: ends" in \
            d.log.read_text(), d.tail()
        assert not d.socket.exists() and not d.ro_socket.exists(), number


@test
def one_that_comes_while_it_boots_waits(d):
    d.end()
    booting = subprocess.Popen([VMD, "--root", str(d.root)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True)
    wait_for(lambda: blocks(booting.pid, signal.SIGTERM))
    booting.send_signal(signal.SIGHUP)
    booting.send_signal(signal.SIGTERM)
    said = booting.communicate(timeout=30)[1]
    assert booting.returncode == 0, (booting.returncode, said)
    assert not d.socket.exists()


main()
