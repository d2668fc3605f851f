#!/usr/bin/env python3
"""Stock virsh over TLS: stunnel with the settings that are installed stands before the daemon, and who
has no certificate of the right authority gets nowhere. The certificates are made as docs/service.md
says."""
import contextlib
import os
import re
import shlex
import subprocess

from harness import SOURCE, VMSH, domain, main, need, need_own_network, test, unpacked, wait_for

PORT = 16514


def as_documented(folder, what):
    """Runs those lines of the page."""
    page = (SOURCE / "docs/service.md").read_text().split("## TLS")[1].split("\n## ")[0]
    lines = [line.strip() for line in page.splitlines() if line.startswith("    openssl ") and what in line]
    assert lines, page
    for line in lines:
        words = shlex.split(line.replace("host.example", "localhost").replace("rsa:3072", "rsa:2048"))
        subprocess.run(words, cwd=folder, check=True, capture_output=True)


def authority(folder):
    folder.mkdir()
    as_documented(folder, "-out ca.pem")
    as_documented(folder, "-CA ca.pem")
    (folder / "cacert.pem").symlink_to("ca.pem")
    return folder


@contextlib.contextmanager
def listening(d, pki):
    """What vmd-tls.service does, without systemd."""
    need_own_network()
    programs = unpacked("stunnel4")
    (d.root / "vmd-tls-helper").symlink_to(VMSH)
    text = (SOURCE / "data/stunnel.conf.in").read_text()
    text = text.replace("@clientdir@", str(d.root)).replace("vmd:///system", d.uri).replace(":::", "127.0.0.1:") \
        .replace("/run/credentials/vmd-tls.service", str(pki))
    assert re.search(f"accept = .*:{PORT}$", text, re.M)
    log = d.root / "stunnel.log"
    with open(log, "w", encoding="utf-8") as out, subprocess.Popen(
            [programs / "usr/bin/stunnel4", d.write("stunnel.conf", text)], stderr=out, stdout=out) as process:
        try:
            wait_for(lambda: "Configuration successful" in log.read_text(), 30)
            yield log
        finally:
            process.terminate()


def virsh(d, pki, *words, status=0):
    return d.virsh(*words, uri=f"qemu+tls://localhost:{PORT}/system?pkipath={pki}", status=status)


def kept_out(d, pki):
    """What virsh says; an old one dies of what it writes to a connection that is shut."""
    told = virsh(d, pki, "list", status=None)
    assert "Id" not in told, told


@test
def a_certificate_lets_in_and_none_does_not(d):
    need("openssl")
    d.vmsh("define", d.write("a.xml", domain("a")))
    pki = authority(d.root / "pki")
    (d.root / "pool").mkdir()
    d.vmsh("pool-create-as", "p", "dir", "--target", d.root / "pool")
    (d.root / "pool/v").write_bytes(os.urandom(1 << 20))
    d.vmsh("pool-refresh", "p")
    with listening(d, pki) as log:
        assert " a " in virsh(d, pki, "list", "--all")
        virsh(d, pki, "vol-download", "v", d.root / "v", "--pool", "p")
        assert (d.root / "v").read_bytes() == (d.root / "pool/v").read_bytes()
        assert "CN=somebody" in log.read_text(), log.read_text()
        nobody = d.root / "nobody"
        nobody.mkdir()
        (nobody / "cacert.pem").symlink_to(pki / "ca.pem")
        kept_out(d, nobody)
        wait_for(lambda: "peer did not return a certificate" in log.read_text())
        stranger = authority(d.root / "stranger")
        kept_out(d, stranger)  # it does not take that host
        # Nor does the host take it; virsh itself would not show such a certificate.
        shown = subprocess.run(["openssl", "s_client", "-connect", f"localhost:{PORT}", "-cert", stranger / "clientcert.pem",
                                "-key", stranger / "clientkey.pem"], input="", text=True, capture_output=True)
        assert shown.returncode == 1, shown
        wait_for(lambda: "certificate verify failed" in log.read_text())
        assert " a " in virsh(d, pki, "list", "--all")


main()
