#!/usr/bin/env python3
"""tools/console-talk beside consoles that cut, join and disturb what they print. Each console is a
small Python program: what it writes in one call comes in one read."""
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SOURCE, main, test, wait_for  # noqa: E402

TALK = SOURCE / "tools/console-talk"
# What every console begins with: a raw terminal, so that keys come as they are typed.
BEGIN = """
import os, sys, time, tty
tty.setraw(0)
typed = b""
def say(text): os.write(1, text)
def keys(until):
    global typed
    while until not in typed:
        data = os.read(0, 1)
        if not data: sys.exit(3)
        typed += data
    typed = b""
"""
GOOD = BEGIN + r"""
say(b"booting\r\n/ # ")
keys(b"\r")
say(b"echo the answer is $((6 * 7)), says $(hostname)\r\nthe answer is 42, says me\r\n/ # ")
keys(b"\x1d")
"""
BY_BYTE = BEGIN + r"""
for byte in b"booting\r\n/ # ": say(bytes([byte]))
keys(b"\r")
for byte in b"the answer is 42, says me\r\n/ # ": say(bytes([byte]))
keys(b"\x1d")
"""
ALL_AT_ONCE = BEGIN + r"""
say(b"/ # \r\nthe answer is 42, says me\r\n/ # ")
keys(b"\x1d")
"""
DISTURBED = BEGIN + r"""
say(b"/ # ")
keys(b"\r")
say(b"the ans[    3.141592] clocksource: tsc is unstable\r\nwer is 42, says me\r\n/ # ")
keys(b"\r")
say(b"the answer is 42, says me\r\n/ # ")
keys(b"\x1d")
"""
MUTE_SHELL = BEGIN + r"""
for _ in range(9):
    say(b"/ # ")
    keys(b"\r")
"""
ENDS = BEGIN + r"""
say(b"booting\r\nKernel panic\r\n")
"""
ENDS_BADLY = GOOD + "sys.exit(4)\n"
STAYS = BEGIN + r"""
import signal
signal.signal(signal.SIGHUP, signal.SIG_IGN)
say(b"booting\r\n")
time.sleep(1000)
"""
SLOW = BEGIN + r"""
for _ in range(6):
    time.sleep(0.3)
    say(b".")
say(b"/ # ")
keys(b"\r")
say(b"the answer is 42, says me\r\n/ # ")
keys(b"\x1d")
"""


def talk(program, *options):
    return subprocess.run([sys.executable, TALK, *options, sys.executable, "-c", program],
                          stdin=subprocess.DEVNULL, text=True, capture_output=True)


def succeeds(program, *options):
    done = talk(program, *options)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def fails(program, why, *options):
    done = talk(program, *options)
    assert done.returncode == 1 and why in done.stderr, f"{done.returncode}: {done.stderr}"


@test
def answer_and_prompt_come_in_one_read():
    for _ in range(10):
        assert "the answer is 42" in succeeds(GOOD)


@test
def a_stream_cut_into_bytes_is_read():
    succeeds(BY_BYTE)


@test
def a_stream_that_came_in_one_piece_is_read():
    succeeds(ALL_AT_ONCE)


@test
def a_disturbed_answer_is_asked_for_again():
    succeeds(DISTURBED)


@test
def a_shell_that_answers_nothing_fails():
    fails(MUTE_SHELL, "gave no answer")


@test
def the_end_of_the_console_is_told():
    fails(ENDS, "the console ended before '# '")
    fails(ENDS_BADLY, "ended with 4")


@test
def silence_alone_is_timed():
    succeeds(SLOW, "--silence", "1.5")
    fails(STAYS, "silent for 0.5 s", "--silence", "0.5")


@test
def nothing_to_run_is_told():
    done = subprocess.run([sys.executable, TALK], text=True, capture_output=True)
    assert done.returncode == 1 and "console-talk [--silence SECONDS] COMMAND" in done.stderr


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@test
def the_command_ends_with_the_talk():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with tempfile.TemporaryDirectory() as folder:
            note = pathlib.Path(folder, "pid")
            program = f"open({str(note)!r} + 'n', 'w').write(str(__import__('os').getpid()))\n" \
                      f"__import__('os').rename({str(note)!r} + 'n', {str(note)!r})\n" + GOOD
            with subprocess.Popen([sys.executable, TALK, sys.executable, "-c",
                                   program.replace('say(b"booting', 'time.sleep(1000); say(b"boot')],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE) as process:
                wait_for(note.exists, 60)
                pid = int(note.read_text())
                process.send_signal(number)
                assert process.wait(60) == 1
            wait_for(lambda: not is_alive(pid), 60)


main()
