#!/usr/bin/env python3
"""Files of networks, pools, filters and secrets are cut off, emptied, changed by a bit and removed, and a
new daemon begins: what is active stays so, what is lost is told, and nothing is left at the end. Those of
VMs are in damage.py. VMD_DAMAGE_SEED chooses other bits."""
import os
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import links, main, need, need_own_network, same, test, wait_for  # noqa: E402

SEED = int(os.environ.get("VMD_DAMAGE_SEED", "7"))
NETWORK = ("<network><name>n</name><uuid>11111111-2222-4333-8444-555555555501</uuid><bridge name='br-hurt'/><ip address='10.9.7.1' prefix='24'><dhcp>"
           "<range start='10.9.7.2' end='10.9.7.9'/></dhcp></ip></network>")
UUIDS = {"filter": "11111111-2222-4333-8444-555555555502", "secret": "11111111-2222-4333-8444-555555555503"}


def change_bit(path, bit):
    text = bytearray(path.read_bytes())
    text[bit // 8 % len(text)] ^= 1 << bit % 8
    path.write_bytes(text)


def damages(path, chance):
    """(what, how) of what can be done to a file."""
    text = path.read_bytes()
    if text:
        yield "emptied", lambda: path.write_bytes(b"")
        yield "cut off", lambda: path.write_bytes(text[:len(text) * 6 // 10])
        yield "changed", lambda: change_bit(path, chance.randrange(len(text) * 8))
    yield "removed", path.unlink


def files(d, *folders):
    return [p for folder in folders for p in sorted((d.root / folder).iterdir()) if p.is_file()]


def restart(d, between=lambda: None):
    d.kill()
    d.log.write_text("")
    between()
    d.start()


# ---- networks


def is_up(d):
    """All of the network is there, and once."""
    servers = [p for p in d.processes() if p.startswith("dnsmasq")]
    return "n" in d.vmsh("net-list", "--name").split() and len(servers) == 1 and "br-hurt" in links()


def hurt_network(d, path, what, how):
    where = f"{path.relative_to(d.root)} {what}"
    held = path.read_bytes() if "etc" in path.parts else None
    restart(d, how)
    assert "n" in d.vmsh("net-list", "--all", "--name").split(), f"{where}: it is forgotten\n{d.tail()}"
    if path.suffix == ".ledger" and what == "cut off":  # as if its start had been interrupted: then it is down
        wait_for(lambda: is_up(d) or "it is down" in d.log.read_text())
    else:
        wait_for(lambda: is_up(d))
    if path.suffix == ".ledger":
        assert re.search("cannot be read|is lost|it is down", d.log.read_text()), f"{where}: was not told"
    if not is_up(d):
        wait_for(lambda: not d.processes() and "br-hurt" not in links())
        d.vmsh("net-start", "n")
    if held is not None:
        path.write_bytes(held)


@test
def networks(d):
    """Guests stay connected, and nothing of a network is left when it has ended."""
    need("dnsmasq")
    need_own_network()
    for steps in (("net-start", "net-destroy", "net-undefine"), ("net-start",)):
        empty = d.steady_inventory()  # the second time: with folders that are made once
        d.vmsh("net-define", d.write("n.xml", NETWORK))
        for step in steps:
            d.vmsh(step, "n")
    chance = random.Random(SEED)
    for path in files(d, "run/vmd/network", "etc/vmd/network"):
        for what, how in list(damages(path, chance)) if path.exists() else []:
            if path.exists():
                hurt_network(d, path, what, how)
    restart(d)
    d.vmsh("net-destroy", "n")
    d.vmsh("net-undefine", "n")
    after = d.steady_inventory()
    after["files"] = [f for f in after["files"] if ".broken-" not in f]
    same(empty, after)


# ---- pools, filters, secrets


def define_others(d):
    """A pool that is active, a filter, and a secret with its value."""
    (d.root / "images").mkdir()
    texts = {"pool": f"<pool type='dir'><name>p</name><target><path>{d.root}/images</path></target></pool>",
             "nwfilter": f"<filter name='f'><uuid>{UUIDS['filter']}</uuid><rule action='drop' direction='in'/></filter>",
             "secret": f"<secret><uuid>{UUIDS['secret']}</uuid><usage type='ceph'><name>s</name></usage></secret>"}
    for kind, text in texts.items():
        d.vmsh(f"{kind}-define", d.write(f"{kind}.xml", text))
    d.vmsh("pool-start", "p")
    d.vmsh("pool-autostart", "p")
    d.vmsh("secret-set-value", UUIDS["secret"], "YWJj")


def states_of_others(d):
    return (d.vmsh("pool-list", "--name").split(), "f" in d.vmsh("nwfilter-list").split(),
            d.vmsh("secret-get-value", UUIDS["secret"], status=None).strip())


@test
def pools_filters_and_secrets(d):
    """What cannot be read is there again when its file is."""
    define_others(d)
    before = states_of_others(d)
    chance = random.Random(SEED)
    for path in files(d, "run/vmd/storage", "etc/vmd/storage", "etc/vmd/nwfilter", "etc/vmd/secrets"):
        for what, how in list(damages(path, chance))[:-1]:
            where, held = f"{path.relative_to(d.root)} {what}", path.read_bytes()
            restart(d, how)
            assert "p" in d.vmsh("pool-list", "--name").split(), f"{where}: the pool is down\n{d.tail()}"
            assert path.suffix == ".ledger" or what == "changed" or \
                re.search("cannot be read|holds no value", d.log.read_text()), f"{where}: was not told\n{d.tail()}"
            path.write_bytes(held)
            restart(d)
            assert states_of_others(d) == before, f"{where}: {states_of_others(d)}\n{d.tail()}"


main()
