#!/usr/bin/env python3
"""Who may do what by the rules of vmd.conf: users and groups of this host, names of objects, rights."""
import os
import shutil
import signal

from harness import VMSH, domain, main, need, need_root, test, wait_for

# Of every Debian: uid, gid. The daemon itself is root.
USERS = {"games": (5, 60), "mail": (8, 8), "news": (9, 9)}


def conf(d, *rows):
    path = d.root / "etc/vmd/vmd.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{row}\n" for row in rows))


def begin(d, *rows):
    """With vmd.sock open to all; without a group that manages, unless a row names one."""
    need_root("users of its own")
    d.end()
    group = () if any(row.startswith("unix_sock_group") for row in rows) else ('unix_sock_group = ""',)
    conf(d, "unix_sock_rw_perms = 0666", *group, *rows)
    d.start()
    os.chmod(d.root, 0o755)
    shutil.copy(VMSH, d.root / "vmsh")
    for name in ("web-1", "web-2", "db"):
        d.vmsh("define", d.write(f"{name}.xml", domain(name, memory=32)))


def read_again(d, *rows):
    before = len(d.log.read_text())
    conf(d, "unix_sock_rw_perms = 0666", 'unix_sock_group = ""', *rows)
    os.kill(d.pid, signal.SIGHUP)
    wait_for(lambda: "from now on" in d.log.read_text()[before:] or "stay as they" in d.log.read_text()[before:])
    return d.log.read_text()[before:]


def as_user(d, name, *argv, groups=(), uri=None, status=0):
    uid, gid = USERS[name]
    beside = f"--groups={','.join(str(USERS[g][1]) for g in groups)}" if groups else "--clear-groups"
    return d.run(need("setpriv"), f"--reuid={uid}", f"--regid={gid}", beside, d.root / "vmsh",
                 "-c", uri or d.uri, *argv, status=status)


@test
def a_user_may_what_a_rule_says(d):
    begin(d, "access_rule = allow games domain:start,domain:stop web-*", "access_rule = deny news *",
          "access_rule = allow all domain:start db")
    as_user(d, "games", "start", "web-1")
    as_user(d, "games", "destroy", "web-1")
    as_user(d, "games", "start", "db")
    said = as_user(d, "games", "destroy", "db", status=1)
    assert "uid 5 may not domain:stop of db: no access_rule of vmd.conf allows it" in said, said
    said = as_user(d, "games", "undefine", "web-1", status=1)
    assert "domain:delete of web-1" in said, said
    assert "web-1" in as_user(d, "mail", "list", "--all")
    said = as_user(d, "news", "list", "--all", status=1)
    assert "line 4 of vmd.conf forbids it (deny news *)" in said, said
    as_user(d, "news", "start", "db", status=1)
    d.vmsh("destroy", "db")
    assert "refused: uid 5 may not domain:stop of db" in d.log.read_text()


@test
def a_group_is_ones_own_or_one_of_many(d):
    begin(d, "access_rule = allow @mail domain:*", "access_rule = allow @mail connect:*")
    as_user(d, "mail", "start", "db")
    as_user(d, "games", "destroy", "db", status=1)
    as_user(d, "games", "destroy", "db", groups=("news", "mail"))
    new = d.write("new.xml", domain("new", memory=32))
    new.chmod(0o644)
    as_user(d, "games", "define", new, status=1)
    as_user(d, "mail", "define", new)


@test
def members_of_the_group_that_manages_need_no_rule(d):
    begin(d, "unix_sock_group = news", "access_rule = allow games domain:start *")
    as_user(d, "mail", "start", "db", groups=("news",))
    as_user(d, "news", "destroy", "db")
    as_user(d, "mail", "start", "db", status=1)
    as_user(d, "games", "start", "db")
    d.vmsh("destroy", "db")


@test
def others_may_be_told_nothing(d):
    begin(d, "others_read = no", "access_rule = allow games *")
    for uri in (d.uri, d.ro_uri):
        said = as_user(d, "mail", "list", "--all", uri=uri, status=1)
        assert "uid 8 may not connect:" in said and "no access_rule" in said, said
    assert "db" in as_user(d, "games", "list", "--all")
    assert "db" in as_user(d, "games", "list", "--all", uri=d.ro_uri)
    said = as_user(d, "games", "start", "db", uri=d.ro_uri, status=1)
    assert "read only access" in said, said


@test
def rules_count_for_those_who_are_connected(d):
    begin(d, "access_rule = allow games domain:start db")
    as_user(d, "games", "start", "db")
    d.vmsh("destroy", "db")
    told = read_again(d, "access_rule = allow games domain:start web-1")
    assert "access_rule was 'allow games domain:start db' and is 'allow games domain:start web-1'" in told, told
    as_user(d, "games", "start", "db", status=1)
    as_user(d, "games", "start", "web-1")
    read_again(d)
    as_user(d, "mail", "destroy", "web-1")  # without a rule the socket decides


@test
def without_polkit_nobody_gets_its_yes(d):
    """What it says where it is there: tests/host."""
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={d.root}/no-bus"
    begin(d, "access_polkit = yes", "access_rule = allow mail domain:start *")
    del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]
    said = as_user(d, "games", "start", "db", status=1)
    assert "uid 5 may not domain:start of db: " in said and "no message bus" in said, said
    assert "db" in as_user(d, "games", "list", "--all")
    as_user(d, "mail", "start", "db")


@test
def mistakes_are_told_with_their_lines(d):
    begin(d)
    told = read_again(d, "access_rule = allow", "access_rule = permit games *", "access_rule = allow vmd-no-such *",
                      "access_rule = allow @vmd-no-such *", "access_rule = allow games domain:begin",
                      "access_rule = allow games * a b")
    for line, words in ((3, "is not of the form EFFECT WHO RIGHTS [NAMES]"), (4, "'permit' is not allow or deny"),
                        (5, "no user 'vmd-no-such'"), (6, "no group 'vmd-no-such'"),
                        (7, "no right 'domain:begin'"), (8, "is not of the form EFFECT WHO RIGHTS")):
        assert any(f"vmd.conf:{line}: " in said and words in said for said in told.splitlines()), (line, words, told)


main()
