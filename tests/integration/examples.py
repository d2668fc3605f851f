#!/usr/bin/env python3
"""The commands that README.md and docs/*.md show are typed, block by block, and work; those that this
test cannot type are listed with who does."""
import os
import pathlib
import re
import subprocess

from harness import SOURCE, VMSH, domain, main, need, need_own_network, need_root, test, wait_for
from terminal import Terminal

PROGRAMS = re.compile(r"(VMD_\w+=\S+ )?(vmsh|virsh|build/|meson|tools/\w|apt-get|usermod|systemctl|systemd-|openssl|mkdir|"
                      r"qemu-img|tc|nft|cat|printf)")
# Lines that are typed elsewhere, and where.
ELSEWHERE = {
    r"tools/quickstart": "the test fresh",
    r"tools/(package|test)": "the tests packages and host; this is a part of it",
    r"apt-get install|usermod -a -G vmd|systemd-sysusers|systemctl |systemd-cgls ": "the test host, in a machine with systemd",
    r"meson |ninja |VMD_SIEGE": "who runs the tests has built",
    r"build/daemon/vmd &": "the harness starts it",
    r"build/tools/vmsh start --console guest": "the_main_job, in a terminal",
    r"vmsh adopt": "the test adopt, with a tree of libvirt's",
    r"openssl |virsh -c 'qemu\+tls": "the test tls",
    r"tc qdisc|nft list table": "the test speed",
}


def blocks(page):
    """The indented blocks that begin with a program, each a script."""
    found, block = [], []
    for line in [*(SOURCE / page).read_text().splitlines(), ""]:
        if line.startswith("    ") and (block or PROGRAMS.match(line.strip())):
            block.append(line[4:])
        elif block:
            found.append(block)
            block = []
    return found


def is_elsewhere(line):
    return any(re.match(pattern, line.strip()) for pattern in ELSEWHERE)


def pages():
    return ["README.md", *sorted(str(p.relative_to(SOURCE)) for p in (SOURCE / "docs").glob("*.md"))]


class World:
    """A host where vmd has just been installed: nothing of the machine's is in reach of what is typed."""

    def __init__(self, d):
        need_root("to have a /run and a /srv of the test's own")
        need_own_network()
        for program in ("qemu-img", "xorrisofs", "dnsmasq", "virsh"):
            need(program)
        self.d, self.folder = d, d.root / "home"
        for path in ("/run", "/srv", "/var/log"):
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path], check=True)
        for name in ("run", "var/log"):
            pathlib.Path("/", name, "vmd").symlink_to(d.root / name / "vmd")
        for folder in ("home/.ssh", "home/bin", "home/build/tools"):
            (d.root / folder).mkdir(parents=True)
        for link in ("bin/vmsh", "build/tools/vmsh"):
            (self.folder / link).symlink_to(VMSH)
        (self.folder / ".ssh/id_ed25519.pub").write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB me\n")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.folder / "cloud.qcow2", "64M"], check=True)
        (self.folder / "guest.xml").write_text(domain("guest", "<serial type='pty'/><console type='pty'/>"))
        self.env = {**os.environ, "HOME": str(self.folder), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        for name in ("VMSH_DEFAULT_URI", "VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI"):
            self.env.pop(name, None)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        for path in ("/var/log", "/srv", "/run"):
            subprocess.run(["umount", "-l", path], check=True)

    def type(self, script):
        done = subprocess.run(["sh", "-eu", "-c", script], cwd=self.folder, env=self.env, text=True,
                              capture_output=True, timeout=120)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"


@test
def none_is_forgotten():
    """Each line is of a page that is typed here, or of one that is listed."""
    lines = [(page, line) for page in pages() for block in blocks(page) for line in block]
    assert len(lines) > 60
    used = {pattern for pattern in ELSEWHERE for _, line in lines if re.match(pattern, line.strip())}
    assert used == set(ELSEWHERE), f"no page has {set(ELSEWHERE) - used}"
    typed = ("README.md", "docs/first-guest.md", "docs/service.md")
    others = [(page, line) for page, line in lines
              if page not in typed and PROGRAMS.match(line.strip()) and not is_elsewhere(line)]
    assert not others, others


@test
def a_first_guest(d):
    with World(d) as w:
        for block in blocks("docs/first-guest.md"):
            w.type("\n".join(block))
        assert "web" not in d.vmsh("list", "--all", "--name")
        assert os.listdir("/srv/images") == []


@test
def the_main_job(d):
    """Of README.md; and of docs/service.md what concerns a domain."""
    with World(d) as w:
        typed = 0
        for line in (line for block in blocks("README.md") for line in block):
            if "start --console" in line:
                console_is_left(w)
            elif PROGRAMS.match(line.strip()) and not is_elsewhere(line):
                w.type(line.strip())
                typed += 1
        assert typed >= 7, typed
        d.vmsh("define", d.write("db.xml", domain("db")))
        for block in blocks("docs/service.md"):
            for line in block:
                if not is_elsewhere(line):
                    w.type(line)


def console_is_left(w):
    t = Terminal(VMSH, "start", "--console", "guest", **{k: w.env[k] for k in ("HOME", "PATH")})
    t.until("Escape character", 60)
    t.type("\x1d")
    assert t.status() == 0
    wait_for(lambda: "running" in w.d.vmsh("domstate", "guest"))


main()
