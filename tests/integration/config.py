#!/usr/bin/env python3
"""vmd.conf: what it may say, what it changes, at the start and when it is read again, and what is said
of a mistake."""
import os
import re
import signal
import stat
import subprocess

from harness import VMD, main, need_root, test, wait_for

GROUP = "nogroup"  # of every Debian


def conf(d, text):
    path = d.root / "etc/vmd/vmd.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def vmd(*argv):
    done = subprocess.run([VMD, *map(str, argv)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def budget(d, name):
    (line,) = [line for line in d.vmsh("daemon-status").splitlines() if line.split()[:1] == [name]]
    return line


def read_again(d, *words):
    """SIGHUP, until the log says so, after what it said before."""
    before = len(d.log.read_text())
    os.kill(d.pid, signal.SIGHUP)

    def told():
        new = d.log.read_text()[before:]
        return new if all(word in new for word in words) else None
    return wait_for(told)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@test
def every_mistake_is_told_with_its_line(d):
    d.end()
    path = conf(d, """# a comment
log_leve = debug
log_level = inf

nothing
budget_calls = user=0
budget_calls = user=9
unix_sock_group = "vmd-test-no-such-group"
unix_sock_rw_perms = 0466
log_filters = "qemu:debug
log_filters = qemus:debug
budget_message = user=3
budget_connections = kept=5000
budget_input = all=3X
read_only_socket = maybe
""")
    status, said = vmd("--root", d.root, "--check-config")
    assert status == 1
    for line, words in ((2, "'log_leve'; is log_level meant?"), (3, "'inf' is not debug"),
                        (5, "'nothing' is not KEY"), (6, "user=0"), (7, "in line 6 already"),
                        (8, "no group 'vmd-test-no-such-group'"), (9, "0466"), (10, "no end"),
                        (11, "'qemus:debug' begins with no room"), (12, "'user' has no meaning for this budget"),
                        (13, "kept is not less than all"), (14, "all=3X"), (15, "yes or no")):
        assert re.search(rf"^{re.escape(str(path))}:{line}: .*{re.escape(words)}", said, re.M), (line, said)
    status, again = vmd("--root", d.root)
    assert status == 1 and said.strip() in again, again
    assert not d.socket.exists()


@test
def a_file_that_is_none_is_refused(d):
    d.end()
    for make, words in ((lambda p: os.mkfifo(p), "is no file"), (lambda p: p.mkdir(), "is no file"),
                        (lambda p: p.write_bytes(b"log_level = \0"), "UTF-8"),
                        (lambda p: p.write_bytes(b"# \xff"), "UTF-8"),
                        (lambda p: p.write_text("#" * 300000), "large")):
        path = d.root / "own.conf"
        make(path)
        status, said = vmd("--root", d.root, "--config", path)
        assert status == 1 and words in said and str(path) in said, said
        path.rmdir() if path.is_dir() else path.unlink()
    status, said = vmd("--root", d.root, "--config", path)
    assert status == 1 and "No such file" in said, said
    status, said = vmd("--root", d.root, "--check-config")
    assert status == 0 and "need not be" in said, said


@test
def the_sample_is_good_and_changes_nothing(d):
    sample = subprocess.run([os.path.join(os.environ["VMD_TEST_BUILD"], "daemon/confdoc"), "sample"],
                            check=True, capture_output=True, text=True).stdout
    path = conf(d, sample)
    assert vmd("--root", d.root, "--check-config") == (0, f"{path}: good\n")
    bare = "\n".join(line[1:] for line in sample.splitlines() if re.match(r"#\w+ = ", line))
    assert bare.count(" = ") > 10
    path.write_text(bare)
    assert vmd("--root", d.root, "--check-config") == (0, f"{path}: good\n")
    os.kill(d.pid, signal.SIGHUP)
    d.vmsh("list")
    wait_for(lambda: "reads its settings again" in d.log.read_text())
    d.vmsh("list")
    assert "from now on" not in d.log.read_text() and "stays" not in d.log.read_text(), d.tail()


@test
def a_start_takes_it(d):
    need_root("to give a socket to a group")
    d.end()
    conf(d, f"""unix_sock_group = {GROUP}
unix_sock_rw_perms = "0620" # a comment
read_only_socket=no
budget_registrations = all=4242, kept=42
log_level = error
""")
    d.log.write_text("")
    d.start()
    assert d.socket.stat().st_gid == __import__("grp").getgrnam(GROUP).gr_gid
    assert mode(d.socket) == 0o620 and not d.ro_socket.exists()
    assert "4242" in budget(d, "registrations")
    assert "serves" not in d.log.read_text()


@test
def a_group_that_is_not_there_gives_nothing(d):
    need_root("to have the system's daemon")
    if not re.search("^vmd:", open("/etc/group").read(), re.M):
        assert mode(d.socket) == 0o600
    wait_for(d.ro_socket.exists)  # it comes after the other
    wait_for(lambda: mode(d.ro_socket) == 0o666)
    conf(d, 'unix_sock_group = ""\n')
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: mode(d.socket) == 0o600)


@test
def it_is_read_again(d):
    assert "16384" in budget(d, "registrations")
    path = conf(d, "budget_registrations = all=4242 kept=42\nlog_level = debug\nunix_sock_ro_perms = 0600\n"
                   "read_only_socket = no\n")
    read_again(d, "log_level was 'info' and is 'debug' from now on",
               "read_only_socket is 'no' in the file and stays 'yes' until")
    wait_for(lambda: mode(d.ro_socket) == 0o600)
    assert "4242" in budget(d, "registrations")
    path.write_text("budget_registrations = all=1\nnonsense\n")
    read_again(d, f"error: {path}:1: ", f"error: {path}:2: ", "stay as they were")
    assert "4242" in budget(d, "registrations")
    path.unlink()
    read_again(d, "log_level was 'debug' and is 'info'")
    assert "16384" in budget(d, "registrations")
    assert mode(d.ro_socket) == 0o666


@test
def the_command_line_goes_before_the_file(d):
    d.end()
    path = d.root / "own.conf"
    path.write_text("log_level = error\nlog_filters = core:debug\n")
    run = subprocess.Popen([VMD, "--root", d.root, "--config", path, "--log-level", "debug"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=open(d.log, "wb"))
    d.process = run
    wait_for(d.answers)
    wait_for(lambda: "info: vmd" in d.log.read_text())
    path.write_text("log_level = warning\n")
    read_again(d, "log_level was 'error' and is 'warning'")
    read_again(d, "heard signal")  # still logged: the option holds


@test
def a_budget_of_the_file_holds(d):
    conf(d, "budget_connections = user=3\n")
    read_again(d, "budget_connections was")
    if os.geteuid() != 0:
        return  # nobody else can be asked to connect
    os.chmod(d.root, 0o755)
    script = (f"import socket\nall = [socket.socket(socket.AF_UNIX) for _ in range(9)]\nheld = 0\n"
              f"for s in all:\n s.settimeout(3)\n s.connect({str(d.ro_socket)!r})\n"
              "for s in all:\n"
              " try: held += s.recv(1) != b''\n"
              " except TimeoutError: held += 1\n"
              " except ConnectionError: pass\n"
              "print(held)")
    done = subprocess.run(["/usr/bin/python3", "-c", script], user=65534, group=65534, extra_groups=[],
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "3", done


main()
