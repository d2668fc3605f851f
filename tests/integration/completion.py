#!/usr/bin/env python3
"""What bash and zsh complete of vmsh's command lines, in a terminal, as people type it."""
import os

from harness import SOURCE, VMSH, domain, main, need, test
from terminal import Terminal


class Shell(Terminal):
    """One with vmsh in its PATH."""

    def __init__(self, d, *argv, **env):
        (d.root / "bin").mkdir(exist_ok=True)
        if not (d.root / "bin/vmsh").exists():
            (d.root / "bin/vmsh").symlink_to(VMSH)
        super().__init__(*argv, PATH=f"{d.root}/bin:{os.environ['PATH']}", PS1="> ", HOME=str(d.root), **env)
        self.until("> ")

    def completes(self, typed, to):
        """TYPED and a tab become TO."""
        self.type(f"{typed}\t")
        self.until(to)
        self.type("\x15")  # the line is taken back
        self.type("echo e''mpty\n")
        self.until("empty\r\n")
        self.until("> ")

    def lists(self, typed, *words):
        self.type(f"{typed}\t\t")
        for word in sorted(words):
            self.until(word)
        self.type("\x15")
        self.type("echo e''mpty\n")
        self.until("empty\r\n")
        self.until("> ")


class Bash(Shell):
    def __init__(self, d):
        super().__init__(d, need("bash"), "--norc", "--noprofile", "-i", INPUTRC="/dev/null", HISTFILE="")
        self.type(f". {SOURCE}/data/completion/vmsh.bash; alias; "
                  "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; echo lo''aded\n")
        self.until("loaded\r\n")
        self.until("> ")


class Zsh(Shell):
    def __init__(self, d):
        super().__init__(d, need("zsh"), "-f", "-i", ZDOTDIR=str(d.root))
        self.type(f"unsetopt prompt_sp beep; fpath=({SOURCE}/data/completion $fpath); "
                  "autoload -U compinit; compinit -u -D; echo lo''aded\n")
        self.until("loaded\r\n")
        self.until("> ")


def furnish(d):
    d.vmsh("define", d.write("a.xml", domain("guest-one")))
    d.vmsh("define", d.write("b.xml", domain("guest-two")))
    d.vmsh("define", d.write("c.xml", domain("other")))
    d.vmsh("pool-define-as", "apool", "dir", "--target", d.root / "pool")
    d.vmsh("pool-build", "apool")
    d.vmsh("pool-start", "apool")
    d.vmsh("vol-create-as", "apool", "disk-one.raw", "1M")
    d.vmsh("net-define", d.write("n.xml", "<network><name>anet</name><bridge name='vmdcompl0'/></network>"))


def completes_all(d, b):
    b.completes("vmsh undef", "vmsh undefine ")
    b.completes("vmsh --readon", "vmsh --readonly ")
    b.completes("vmsh start --pau", "vmsh start --paused ")
    b.type(f"export LIBVIRT_DEFAULT_URI='{d.uri}' VMSH_DEFAULT_CONNECT_URI='{d.uri}'\n")
    b.until("> ")
    b.completes("vmsh start oth", "vmsh start other ")
    b.completes("vmsh start gue", "guest-")
    b.lists("vmsh start guest-", "guest-one", "guest-two")
    b.completes("vmsh start --domain oth", "--domain other ")
    if isinstance(b, Bash):  # zsh shows the end of a long line
        b.completes(f"vmsh -c {d.uri} undefine oth", "undefine other ")
    b.completes("vmsh net-start an", "net-start anet ")
    b.completes("vmsh pool-info ap", "pool-info apool ")
    b.completes("vmsh vol-delete dis", "vol-delete disk-one.raw ")
    b.completes("vmsh define /etc/passw", "define /etc/passwd")
    b.type("exit\n")
    b.status()


@test
def commands_options_and_names(d):
    furnish(d)
    completes_all(d, Bash(d))


@test
def zsh_does_the_same(d):
    furnish(d)
    completes_all(d, Zsh(d))


@test
def nothing_is_started_for_it(d):
    d.end()
    b = Bash(d)
    b.type(f"vmsh -c {d.uri} start gue\t")
    b.type("\x15echo st''ill\n")
    b.until("still\r\n")
    b.type("exit\n")
    b.status()
    assert not d.socket.exists()


main()
