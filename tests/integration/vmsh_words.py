#!/usr/bin/env python3
"""What vmsh has beyond virsh: several domains at once, waiting for a state, columns to choose, JSON of
everything, scripts that stop at the first error, and a word for slips."""
import json
import os
import re
import subprocess
import time

from harness import VMSH, domain, main, need, need_own_network, test, until_heard
from terminal import Terminal


def define(d, *names):
    for name in names:
        d.vmsh("define", d.write(f"{name}.xml", domain(name)))


def run(d, *argv, stdin=None, **env):
    done = subprocess.run([VMSH, "-c", d.uri, *argv], text=True, capture_output=True, timeout=60,
                          input=stdin, env={**os.environ, **env})
    return done.stdout, done.stderr, done.returncode


@test
def several_domains_at_once(d):
    define(d, "web1", "web2", "db")
    assert d.vmsh("start", "web*").count("started") == 2
    assert d.vmsh("list", "--name").split() == ["web1", "web2"]
    out, err, status = run(d, "suspend", "web1", "nosuch", "web2")
    assert status == 1 and out.count("suspended") == 2 and "'nosuch'" in err, (out, err)
    out, err, status = run(d, "--errexit", "resume", "nosuch", "web1")
    assert status == 1 and "resumed" not in out, (out, err)
    assert "no domain's name is like 'x*'" in run(d, "start", "x*")[1]
    assert d.vmsh("destroy", "web?", "web1").count("destroyed") == 2
    assert d.vmsh("autostart", "db", "web1", "--disable").count("unmarked") == 2


@test
def a_state_is_waited_for(d):
    define(d, "a")
    with subprocess.Popen([VMSH, "-c", d.uri, "wait", "a", "running", "--timeout", "60"],
                          stdout=subprocess.PIPE, text=True) as waits:
        d.vmsh("start", "a")
        assert waits.communicate(timeout=60)[0] == "Domain 'a' is running\n\n"
        assert waits.returncode == 0
    assert run(d, "wait", "a", "running", "--timeout", "0")[2] == 0
    begin = time.monotonic()
    out, err, status = run(d, "wait", "a", "shutoff", "--timeout", "1")
    assert status == 1 and "domain 'a' is not shutoff in time" in err and not out.strip()
    assert time.monotonic() - begin > 0.9
    assert "domain 'a' has no address yet" in run(d, "wait", "a", "address", "--timeout", "0")[1]
    assert "domain 'a' has no agent that answers yet" in run(d, "wait", "a", "agent", "--timeout", "0")[1]
    with subprocess.Popen([VMSH, "-c", d.uri, "wait", "a", "shutoff"], stdout=subprocess.PIPE,
                          text=True) as waits:
        d.vmsh("destroy", "a")
        assert "is shutoff" in waits.communicate(timeout=60)[0] and waits.returncode == 0
    with subprocess.Popen([VMSH, "-c", d.uri, "wait", "a", "gone"], stdout=subprocess.PIPE,
                          text=True) as waits:
        d.vmsh("undefine", "a")
        # It may have come too late to find the domain at all.
        assert waits.wait(60) in (0, 1)
    assert "did you mean paused?" in run(d, "wait", "a", "pasued")[1]


@test
def columns_are_chosen(d):
    define(d, "a", "b")
    d.vmsh("start", "b")
    lines = d.vmsh("list", "--all", "-o", "name,state,memory,cpus").splitlines()
    assert lines[0].split() == ["Name", "State", "Memory", "CPUs"], lines
    assert lines[2].split() == ["b", "running", "64.00", "MiB", "1"], lines
    rows = json.loads(d.vmsh("list", "--all", "--json", "-o", "name,id,memory,cpus,address,autostart,uptime"))
    assert rows[0]["uptime"] in range(0, 600) and rows[1]["uptime"] is None, rows
    assert re.fullmatch(r"b +\d+m \d+s", d.vmsh("list", "-o", "name,uptime").splitlines()[2].strip())
    assert [r["name"] for r in rows] == ["b", "a"]
    assert rows[0]["memory"] == 64 << 20 and rows[0]["cpus"] == 1 and rows[0]["id"] > 0
    assert rows[1]["id"] is None and rows[1]["address"] is None and rows[1]["autostart"] is False
    assert "did you mean 'memory'?" in run(d, "list", "-o", "memroy")[1]
    assert "there are id,name" in run(d, "list", "-o", "frob")[1]


@test
def answers_in_ones_own_words(d):
    define(d, "a", "b")
    d.vmsh("autostart", "a")
    assert d.vmsh("list", "--all", "--format", r"{name}\t{state}: {id} {{x}") == \
        "a\tshut off: - {x}\nb\tshut off: - {x}\n"
    assert d.vmsh("dominfo", "a", "--format", "{name} {max_memory} {autostart}") == f"a {64 << 20} true\n"
    assert d.vmsh("list", "--all", "-o", "name,memory", "--format", "{name}={memory}").splitlines()[0] == \
        f"a={64 << 20}"
    assert d.vmsh("domstats", "--state", "--format", "{name} {stats.state.state}") == "a 5\nb 5\n"
    assert d.vmsh("domstate", "a", "--format", "it is {}") == "it is shut off\n"
    for words, says in ((("list", "--all", "--format", "{nam}"), "there is no '{nam}' in this answer; it has id, name, state"),
                        (("domstate", "a", "--format", "{x}"), "it is one value, '{}'"),
                        (("list", "--all", "--format", "a {name"), "no '}' follows '{name'")):
        out, err, status = run(d, *words)
        assert status == 1 and says in err and not out, (out, err)
    assert run(d, "domstate", "nosuch", "--format", "{}")[1].startswith("error: failed to get domain 'nosuch'")
    d.vmsh("list", "--format", "{name}", status=0)
    # A command's own --format stays its own.
    assert d.vmsh("domxml-to-native", "--format", "qemu-argv", "--domain", "a").startswith("/usr/bin/qemu")


@test
def everything_is_json(d):
    define(d, "a")
    d.vmsh("start", "a", "--paused")

    def ask(*argv):
        return json.loads(d.vmsh("--json", *argv))
    assert ask("domstate", "a") == "paused" and ask("domid", "a") > 0
    assert ask("domstate", "a", "--reason") == "paused (unknown)" or "paused" in ask("domstate", "a")
    assert ask("hostname") == os.uname().nodename and ask("uri") == d.uri
    assert ask("dumpxml", "a").startswith("<domain type='qemu' id=")
    assert ask("resume", "a") is None
    info = ask("dominfo", "a")
    assert info["max_memory"] == 64 << 20 and info["persistent"] is True and info["autostart"] is False, info
    assert ask("vcpuinfo", "a")[0]["vcpu"] == 0
    assert ask("nodeinfo")["memory_size"] > 1 << 28
    assert ask("list")[0]["name"] == "a"
    folder = d.root / "p"
    folder.mkdir()
    d.vmsh("pool-create-as", "p", "dir", "--target", folder)
    d.vmsh("vol-create-as", "p", "v", "1M")
    assert ask("pool-info", "p")["capacity"] > 1 << 20
    [pool] = ask("pool-list", "--details")
    assert isinstance(pool["capacity"], int) and pool["state"] == "running"
    assert ask("vol-list", "p", "--details")[0]["capacity"] == 1 << 20
    assert ask("memtune", "a", "--config")["hard_limit"] == "unlimited"


@test
def what_it_is_made_of(d):
    base, top = d.root / "base.raw", d.root / "top.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "raw", base, "1M"], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", top],
                   check=True)
    for path in (base, top):
        path.chmod(0o666)
    devices = (f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{top}'/>"
               "<target dev='vda' bus='virtio'/></disk>"
               "<interface type='user'><mac address='52:54:00:11:22:44'/><model type='virtio'/></interface>")
    d.vmsh("define", d.write("g.xml", domain("g", devices=devices)))
    d.vmsh("start", "g")
    told = d.vmsh("graph", "g")
    assert told.startswith("g (running)\n├─ controller pci 0: pcie-root\n"), told
    assert f"├─ disk vda: virtio, qcow2, {top}\n│  └─ on: raw, {base}\n" in told, told
    assert "└─ interface 52:54:00:11:22:44: virtio, user" in told, told
    assert "│  ├─ controller pci 1: pcie-root-port\n" in told, told
    tree = json.loads(d.vmsh("graph", "g", "--json"))
    assert tree["text"] == "g (running)" and tree["below"][0]["text"] == "controller pci 0: pcie-root"


@test
def the_log_is_followed(d):
    define(d, "a", "b")
    assert "was never started" in run(d, "logs", "a")[1]
    d.vmsh("start", "a")
    told = d.vmsh("logs", "a")
    assert "qemu-system" in told and "-machine" in told, told
    assert len(d.vmsh("logs", "a", "--lines", "2").strip().splitlines()) <= 2
    with subprocess.Popen([VMSH, "-c", d.uri, "logs", "a", "--lines", "0", "--follow"],
                          stdout=subprocess.PIPE, text=True) as follows:
        try:
            path = d.root / "var/log/vmd/qemu/a.log"

            def poke():
                with open(path, "a") as log:
                    log.write("a word more\n")
            assert until_heard(follows, poke) == "a word more\n"
            path.rename(path.with_suffix(".log.0"))
            path.write_text("a new file\n")
            while (line := follows.stdout.readline()) == "a word more\n":
                pass
            assert line == "a new file\n", line
        finally:
            follows.terminate()


@test
def who_takes_what(d):
    define(d, "idle")
    d.vmsh("define", d.write("busy.xml", domain("busy", memory=96)))
    d.vmsh("start", "idle", "busy")
    d.vmsh("suspend", "idle")
    lines = d.vmsh("top", "--count", "2", "--interval", "1", "--sort", "name").splitlines()
    assert lines[0].split() == ["Name", "CPU", "%", "Memory", "Disk/s", "Net/s"], lines
    assert sum(line.split()[:1] == ["busy"] for line in lines) == 2, lines
    rows = json.loads(d.vmsh("top", "--count", "1", "--interval", "1", "--sort", "cpu", "--json"))
    assert [r["name"] for r in rows] == ["busy", "idle"], rows
    assert rows[0]["cpu_percent"] >= rows[1]["cpu_percent"] and rows[0]["memory"] > 1 << 20
    assert "cannot sort by 'frob'" in run(d, "top", "--sort", "frob")[1]


@test
def errors_are_json(d):
    out, err, status = run(d, "--json", "domstate", "nosuch")
    error = json.loads(err)["error"]
    assert status == 1 and not out.strip()
    assert error["message"] == "failed to get domain 'nosuch'" and "list --all" in error["hint"]
    define(d, "a")
    error = json.loads(run(d, "suspend", "a", "--json")[1])["error"]
    assert error["code"] == 55 and error["doing"] == "Failed to suspend domain 'a'", error
    assert json.loads(run(d, "--json", "lsit")[1])["error"]["hint"].startswith("did you mean 'list'?")


@test
def a_script_stops(d):
    script = "domstate nosuch\necho behind it\n"
    out, _, status = run(d, stdin=script)
    assert "behind it" in out and status == 0
    out, err, status = run(d, "--errexit", stdin=script)
    assert "behind it" not in out and "'nosuch'" in err and status == 1
    out, _, status = run(d, "--errexit", "domstate nosuch; echo behind it")
    assert "behind it" not in out and status == 1


@test
def slips_have_a_word(d):
    define(d, "webserver")
    for line, word in (("domstate webserevr", "did you mean 'webserver'?"),
                       ("satrt webserver", "did you mean 'start'?"),
                       ("start webserver --pasued", "did you mean --paused?"),
                       ("frobnicate", "'vmsh help' lists the commands")):
        assert word in run(d, line)[1], (line, run(d, line))


@test
def errors_have_a_colour_on_a_terminal(d):
    for env, coloured in (({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
        words = [f"{k}={v}" for k, v in env.items()]
        t = Terminal("env", *words, VMSH, "-c", d.uri, "domstate", "nosuch")
        seen = t.until("failed to get domain")
        assert ("\033[31merror:" in seen) == coloured, seen
        assert t.status() == 1


@test
def ssh_that_ends_is_named():
    """Nothing listens for ssh in a network of one's own."""
    need("ssh")
    need_own_network()
    done = subprocess.run([VMSH, "-c", "vmd+ssh://localhost/system?no_verify=1", "uri"], text=True,
                          capture_output=True, timeout=60)
    assert done.returncode == 1 and "ssh to 'localhost' ended before vmd answered" in done.stderr
    assert "ssh: connect to host localhost port 22" in done.stderr, done.stderr
    assert "hint: 'ssh localhost vmsh uri' must work" in done.stderr, done.stderr


@test
def the_environment_names_the_daemon(d):
    for name in ("VMSH_DEFAULT_URI", "VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"):
        done = subprocess.run([VMSH, "uri"], text=True, capture_output=True,
                              env={**os.environ, name: d.uri})
        assert done.stdout.strip() == d.uri, (name, done)


main()
