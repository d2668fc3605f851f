#!/usr/bin/env python3
"""vmsh as a program: its options, lines, errors and their hints, JSON, the interactive shell, ssh,
a session that starts its own daemon. Where virsh is installed, their words are compared."""
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from harness import VMD, VMSH, main, need, skip, test, virsh_is_older, wait_for
from terminal import Terminal


def run(*argv, status=0, stdin="", **env):
    """stdout and stderr of a vmsh that must end with STATUS."""
    done = subprocess.run([VMSH, *argv], input=stdin, text=True, capture_output=True, timeout=30,
                          env={**os.environ, **env})
    assert done.returncode == status, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


@test
def options_and_help():
    assert run("--version")[0] == run("-v")[0] != ""
    usage, _ = run("--help")
    assert "--connect" in usage and "dumpxml" in usage
    everything, _ = run("help")
    assert "Domain Management (help keyword 'domain'):" in everything
    group, _ = run("help", "monitor")
    assert "domstats" in group and "nodeinfo" not in group
    one, _ = run("help", "start")
    assert "start <domain> [--console]" in one and one == run("start", "--help")[0]
    page, _ = run("--man")
    assert page.startswith(".TH VMSH 1")
    assert "Transports: unix, ssh" in run("-V")[0]
    assert run("--version=long")[0] == run("-V")[0] and run("--version=short") == run("-v")
    for wrong, named in ((["-qx"], "'-x'"), (["-d", "x"], "-d: x"), (["-l", "/nonexistent/log"], "No such"),
                         (["--version=odd"], "'odd'")):
        assert named in run(*wrong, status=1)[1], wrong
    names = [line.split()[0] for line in run("help", "domain")[0].splitlines()[1:] if line]
    assert names == sorted(names) and "start" in names
    for wrong in (["--frob"], ["-c"], ["help", "frob"], ["frob"]):
        assert run(*wrong, status=1)[1].startswith("error: "), wrong


@test
def lines_and_their_status():
    assert run("echo a; echo 'b;c'")[0] == "a\nb;c\n"
    assert run("-q", "echo", "a b")[0] == "a b"
    assert run("echo a", "b", status=1)[1].startswith("error: unknown command: 'echo a'")
    # Nothing runs before all of the line is understood; then the last one gives the status.
    assert run("echo a; frob", status=1)[0] == ""
    assert run("cd /nonexistent; echo a")[0].endswith("a\n")
    assert run("echo a; cd /nonexistent", status=1)[0].startswith("a\n")
    assert run(stdin="echo one\necho two # three\n")[0] == "one\ntwo\n"
    assert run("-t", "echo", "a")[0].splitlines()[1].startswith("(Time: ")
    assert run("cd /; pwd")[0] == "\n/\n\n"


@test
def what_it_does_is_told(d):
    log = d.root / "log"
    at = ["-c", d.uri, "-l", str(log)]
    assert run(*at, "domstate a", status=1)[1].startswith("error: failed to get domain")
    assert " error: failed to get domain 'a'" in log.read_text()
    out, told = run(*at, "-d", "0", "hostname")
    assert out == run("-c", d.uri, "hostname")[0]
    assert f"info: connected to {d.uri}" in told and "CONNECT_GET_HOSTNAME: answered after" in told
    assert "CONNECT_GET_HOSTNAME" in log.read_text()
    assert "info: " in run(*at, "-d", "1", "hostname")[1]
    assert "debug: " not in run(*at, "-d", "1", "hostname")[1]
    assert "ignoring debug level 9" in run(*at, "-d", "9", "hostname")[1]


@test
def what_is_missing_is_named():
    _, told = run("-c", "qemu+unix:///system?socket=/nonexistent", "list", status=1)
    assert told.splitlines()[0] == "error: failed to connect to the hypervisor"
    assert "Failed to connect socket to '/nonexistent': No such file" in told
    assert "hint: " in told and "systemctl start vmd" in told
    _, told = run("-q", "-c", "qemu+unix:///system?socket=/nonexistent", "list", status=1)
    assert "hint" not in told
    assert "xen://" in run("-c", "xen:///system", "list", status=1)[1]
    assert "hint: 'vmsh help start'" in run("start", status=1)[1]


@test
def a_daemon_answers(d):
    assert d.vmsh("uri") == d.uri + "\n\n"
    assert d.vmsh("hostname").strip() == os.uname().nodename
    info = json.loads(d.vmsh("nodeinfo", "--json"))
    assert info["cpus"] == os.cpu_count()
    assert json.loads(d.vmsh("-j", "nodeinfo")) == info
    assert f"CPU(s):              {os.cpu_count()}\n" in d.vmsh("nodeinfo")
    assert "total" in d.vmsh("nodememstats")
    assert d.vmsh("connect; uri; connect --readonly; uri").count(d.uri) == 2
    assert d.vmsh("-c", d.uri, "-k", "0", "hostname").strip() == os.uname().nodename


@test
def domains_that_are_not_there(d):
    told = d.vmsh("dominfo", "nosuch", status=1)
    assert "error: failed to get domain 'nosuch'\n" in told
    assert "hint: 'vmsh list --all'" in told
    assert "error: Failed to open file '/nonexistent': No such file" in \
        d.vmsh("define", "/nonexistent", status=1)


@test
def the_shell(d):
    """Prompt, commands, completion, history, an interrupt, the end."""
    cache = tempfile.mkdtemp(prefix="vmsh-test-")
    t = Terminal(VMSH, "-c", d.uri, XDG_CACHE_HOME=cache)
    try:
        t.until("Type:  'help' for help")
        t.until("vmsh # ")
        t.type("hostn\t\r")
        t.until(os.uname().nodename)
        t.until("vmsh # ")
        t.type("half a li")
        t.until("li")
        t.type("\x03")
        t.until("vmsh # ")
        t.type("echo ok; frob\r")
        t.until("error: unknown command: 'frob'")
        t.until("vmsh # ")
        t.type("list --no-auto\t\t")
        t.until("--no-autostart")
        t.type("\x15quit\r")
        assert t.status() == 0
        assert "hostname" in pathlib.Path(cache, "vmsh/history").read_text()
    finally:
        shutil.rmtree(cache)


@test
def the_shell_outlives_the_daemon(d):
    t = Terminal(VMSH, "-c", d.uri, XDG_CACHE_HOME=str(d.root))
    t.until("vmsh # ")
    t.type("hostname\r")
    t.until("vmsh # ")
    d.kill()
    t.until("error: Disconnected from")
    t.until("vmsh # ")
    d.start()
    t.type("uri\r")
    t.until(d.uri)
    t.until("vmsh # ")
    t.type("\x04")
    assert t.status() == 0


@test
def a_stopped_daemon_is_noticed(d):
    """Keepalives find out, in a command that waits as well as at the prompt."""
    t = Terminal(VMSH, "-c", d.uri, "-k", "1", "-K", "1", XDG_CACHE_HOME=str(d.root))
    t.until("vmsh # ")
    t.type("hostname\r")
    t.until("vmsh # ")
    with subprocess.Popen([VMSH, "-c", d.uri, "-k", "1", "-K", "1", "event", "--all"],
                          stderr=subprocess.PIPE, text=True) as waits:
        time.sleep(0.5)
        os.kill(d.pid, signal.SIGSTOP)
        try:
            assert "it answers no keepalive" in waits.stderr.read()
            assert waits.wait(10) == 1
            t.until("error: Disconnected from")
        finally:
            os.kill(d.pid, signal.SIGCONT)
    t.type("hostname\r")
    t.until(os.uname().nodename)
    t.type("quit\r")
    assert t.status() == 0


@test
def a_table_fits_the_terminal(d):
    t = Terminal("sh", "-c", f"stty cols 30; exec {VMSH} -c '{d.uri}' list --all")
    assert "State" in t.until("----")
    assert t.status() == 0


@test
def readonly(d):
    assert d.vmsh("-r", "hostname").strip() == os.uname().nodename
    assert d.vmsh("hostname", uri=d.ro_uri).strip() == os.uname().nodename
    told = d.vmsh("-r", "create", d.write("a.xml", "<domain/>"), status=1)
    assert "operation forbidden" in told, told
    assert "hint: this connection is read-only" in told, told


def stand_in(d, name, text):
    path = d.write(name, text)
    path.chmod(0o755)
    return path


SSH = '#!/bin/bash\nwhile [ "$1" != -- ]; do shift; done; shift 2\nexec sh -c "$*"\n'
NC = """#!/usr/bin/env python3
import os, select, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[-1])
while True:
    for fd in select.select([0, s], [], [])[0]:
        data = os.read(0, 65536) if fd == 0 else s.recv(65536)
        if not data:
            sys.exit()
        s.sendall(data) if fd == 0 else os.write(1, data)
"""


@test
def through_ssh(d):
    """A stand-in ssh runs the remote command here: what another host would do."""
    stand_in(d, "ssh", SSH)
    path = f"{d.root}:{pathlib.Path(VMSH).parent}:{os.environ['PATH']}"
    uri = f"vmd+ssh://me@there/system?socket={d.socket}"
    assert d.vmsh("hostname", uri=uri, env={"PATH": path}).strip() == os.uname().nodename


@test
def through_ssh_and_netcat(d):
    """Where vmsh is not installed on the other host."""
    if shutil.which("vmsh"):
        skip("vmsh is installed here")
    stand_in(d, "ssh", SSH)
    stand_in(d, "nc", NC)
    uri = f"qemu+ssh://there/system?socket={d.socket}"
    assert d.vmsh("hostname", uri=uri, env={"PATH": f"{d.root}:{os.environ['PATH']}"}).strip() == \
        os.uname().nodename


@test
def relay_under_libvirts_name(d):
    """What stock clients run over ssh is called virt-ssh-helper; vmsh answers to that name."""
    helper = d.root / "virt-ssh-helper"
    helper.symlink_to(pathlib.Path(VMSH).resolve())
    auth_list = struct.pack(">7I", 28, 0x20008086, 1, 66, 0, 7, 0)
    with subprocess.Popen([helper, "-r", f"qemu:///system?socket={d.socket}"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as relay:
        relay.stdin.write(auth_list)
        relay.stdin.flush()
        reply = struct.unpack(">7I", relay.stdout.read(28))
        relay.stdin.close()
        assert reply[1:4] == (0x20008086, 1, 66) and reply[5:] == (7, 0), reply
        assert relay.wait(10) == 0


@test
def a_session_starts_its_daemon():
    home = pathlib.Path(tempfile.mkdtemp(prefix="vmsh-test-"))
    env = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "XDG_CACHE_HOME": str(home / "c"),
           "XDG_CONFIG_HOME": str(home / "e"), "XDG_DATA_HOME": str(home / "d"),
           "PATH": f"{pathlib.Path(VMD).parent}:{os.environ['PATH']}"}
    (home / "run").mkdir(mode=0o700)
    try:
        told = run("-c", "vmd:///session", "hostname", status=1, LIBVIRT_AUTOSTART="0", **env)[1]
        assert "hint: no daemon answers there" in told
        out, _ = run("-c", "vmd:///session", "hostname", **env)
        assert out.strip() == os.uname().nodename
        pid = int((home / "run/vmd/vmd.pid").read_text())
        assert run("-c", "vmd:///session", "uri", **env)[0] == "vmd:///session\n\n"
        assert int((home / "run/vmd/vmd.pid").read_text()) == pid
    finally:
        end_session(home / "run/vmd/vmd.pid")
        shutil.rmtree(home, ignore_errors=True)


def end_session(pid_file):
    if pid_file.exists():
        pid = int(pid_file.read_text())
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: ended(pid))


def ended(pid):
    """Gone, or a zombie that pid 1 has not reaped yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def help_lines(text):
    """An older virsh does not tell which options may go without their name."""
    text = text.replace("vmsh", "virsh")
    return re.sub(r"\[(--[a-z-]+)\] <", r"\1 <", text) if virsh_is_older() else text


def missing(command, ours, theirs):
    """Lines of virsh's help that vmsh lacks, but for the synopsis and what passes descriptors."""
    got = ours.splitlines()
    return [line for line in theirs.splitlines() if line not in got and "pass-fds" not in line
            and not line.startswith(f"    {command} ")]


@test
def the_words_of_virsh():
    """Help, errors and status of what needs no domain: as virsh tells them."""
    need("virsh")
    for command in ("help start", "help domstate", "help list", "help shutdown", "help event"):
        ours = run(*command.split())[0]
        theirs = virsh(*command.split())[0]
        differs = missing(command.split()[1], help_lines(ours), help_lines(theirs))
        assert not differs, f"{command}: {differs}"
    for line in ("frob", "start", "start a --frob", "list --all x", "start --domain", 'echo "a',
                 "dominfo a --domain b", "list --all=3"):
        theirs = virsh(line)
        ours = subprocess.run([VMSH, line], text=True, capture_output=True)
        assert ours.returncode == theirs[2], line
        assert ours.stderr.splitlines()[0] == theirs[1].splitlines()[0], (line, ours.stderr, theirs)


def virsh(*argv):
    done = subprocess.run(["virsh", "-c", "test:///default", *argv], text=True, capture_output=True)
    return done.stdout, done.stderr, done.returncode


main()
