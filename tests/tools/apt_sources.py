#!/usr/bin/env python3
"""tools/apt-sources beside apt set up in other ways than this host's: archives made here, read over
file: URIs, below a configuration of the test's own."""
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
from harness import SOURCE, main, need, test  # noqa: E402

SOURCES = SOURCE / "tools/apt-sources"
CONF = """Dir::Etc::SourceList "{top}/sources.list";
Dir::Etc::SourceParts "{top}/parts";
Dir::Etc::Preferences "{top}/pins";
Dir::Etc::netrc "{top}/passwords";
Dir::Etc::netrcparts "{top}/none";
Dir::Etc::preferencesparts "{top}/none";
Dir::State "{top}/state";
Dir::State::status "/dev/null";
Dir::Cache "{top}/cache";
APT::Sandbox::User "";
Acquire::http::Proxy "http://proxy.invalid:3128";
Acquire::https::CaInfo "{top}/ca.pem";
"""


class Apt:
    """An apt of its own, with archives below its folder."""

    def __init__(self, top):
        self.top = pathlib.Path(top)
        for name in ("parts", "state/lists/partial", "cache/archives/partial"):
            (self.top / name).mkdir(parents=True)
        (self.top / "conf").write_text(CONF.format(top=top))
        self.env = {**os.environ, "APT_CONFIG": str(self.top / "conf")}

    def archive(self, folder, suite, *packages, origin="Debian"):
        """An archive of one suite that has PACKAGES, signed by nobody."""
        place = self.top / folder / "dists" / suite
        index = f"main/binary-{self.architecture()}/Packages"
        text = "".join(f"Package: {p}\nArchitecture: all\nVersion: 1\nFilename: {p}.deb\nSize: 1\n\n"
                       for p in packages).encode()
        (place / index).parent.mkdir(parents=True)
        (place / index).write_bytes(text)
        (place / "Release").write_text(
            f"Origin: {origin}\nLabel: {origin}\nSuite: oldstable\nCodename: {suite}\n"
            f"Components: main\nArchitectures: {self.architecture()}\n"
            f"Date: Sat, 01 Jan 2022 10:00:00 UTC\n"
            f"SHA256:\n {hashlib.sha256(text).hexdigest()} {len(text)} {index}\n")

    @staticmethod
    def architecture():
        return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                              text=True).stdout.strip()

    def debian(self):
        """What a mirror of Debian has, and somebody else's archive that calls itself the same."""
        self.archive("debian", "bookworm", "base-files", "bash")
        self.archive("debian", "bookworm-updates", "tzdata")
        self.archive("other-host", "bookworm-security", "bash")
        self.archive("other", "bookworm", "terraform", origin="Other")
        return self

    def write(self, name, text):
        (self.top / name).write_text(text.replace("TOP", str(self.top)))

    def told(self, *options):
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=self.env, capture_output=True)
        return self.run(*options)

    def run(self, *options):
        done = subprocess.run([SOURCES, *options], env=self.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.replace(str(self.top), "TOP")


@contextlib.contextmanager
def apt():
    need("apt-get")
    with tempfile.TemporaryDirectory(prefix="vmd-apt-") as top:
        yield Apt(top)


def entry(uri, suite, *more):
    return "\n".join(["Types: deb", f"URIs: {uri}", f"Suites: {suite}", "Components: main", *more, ""])


def same(got, *entries):
    expected = "\n".join(entries)
    assert got == expected, f"\n{got}\ninstead of\n{expected}"


BASE = entry("file:TOP/debian/", "bookworm", "Trusted: yes")
UPDATES = entry("file:TOP/debian/", "bookworm-updates", "Trusted: yes")
SECURITY = entry("file:TOP/other-host/", "bookworm-security", "Trusted: yes")
BACKPORTS = entry("file:TOP/debian/", "bookworm-backports", "Trusted: yes")


@test
def one_line_entries():
    with apt() as a:
        a.debian().write("sources.list", """# a comment

deb [trusted=yes] file:TOP/other bookworm main
deb [ trusted=yes arch=%s ] file:TOP/debian bookworm main contrib
  deb [trusted=yes] file:TOP/debian bookworm-updates main  # and another
#deb file:TOP/nowhere bookworm main
""" % a.architecture())
        a.write("parts/security.list", "deb [trusted=yes] file:TOP/other-host bookworm-security main\n")
        same(a.told(), BASE, UPDATES, SECURITY)
        same(a.run("--backports"), BASE, UPDATES, SECURITY, BACKPORTS)
        same(a.run("--base", "--backports"), BASE, BACKPORTS)


@test
def deb822_entries():
    with apt() as a:
        a.debian().write("parts/debian.sources", """# a comment
Types: deb deb-src
Enabled: no
URIs: file:TOP/nowhere
Suites: bookworm
Components: main

# another

Types: deb
URIs: file:TOP/debian
Suites: bookworm bookworm-updates
Components: main
Trusted: yes
Architectures: %s

Types: deb
URIs: file:TOP/other-host
Suites: bookworm-security
Components: main
Trusted: yes
""" % a.architecture())
        same(a.told("--backports"), BASE, UPDATES, SECURITY, BACKPORTS)


@test
def lists_of_mirrors():
    with apt() as a:
        a.debian().write("mirrors.txt", "file:TOP/debian\n")
        a.write("sources.list", "deb [trusted=yes] mirror+file:TOP/mirrors.txt bookworm main\n")
        same(a.told("--backports"),
             entry("mirror+file:TOP/mirrors.txt/", "bookworm", "Trusted: yes"),
             entry("mirror+file:TOP/mirrors.txt/", "bookworm-backports", "Trusted: yes"))
        a.run("--copy", a.top / "root")
        assert (a.top / f"root/{a.top}/mirrors.txt").exists(), "the list of mirrors is not copied"


@test
def backports_of_another_host():
    with apt() as a:
        a.debian().archive("back", "bookworm-backports", "qemu-system-x86")
        a.write("sources.list", "deb [trusted=yes] file:TOP/debian bookworm main\n"
                                "deb [trusted=yes] file:TOP/back bookworm-backports main\n")
        theirs = entry("file:TOP/back/", "bookworm-backports", "Trusted: yes")
        same(a.told(), BASE)
        same(a.run("--backports"), BASE, theirs)


@test
def signatures():
    """A host that trusts one key for Debian has a new Debian trust that one, named or written out."""
    with apt() as a:
        need("gpg")
        home = a.top / "gpg"
        home.mkdir(mode=0o700)
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback",
               "--passphrase", ""]
        key = a.top / "our.gpg"
        try:
            subprocess.run([*gpg, "--quick-gen-key", "ours", "ed25519", "sign", "never"], check=True,
                           capture_output=True)
            subprocess.run([*gpg, "-o", key, "--export", "ours"], check=True, capture_output=True)
            a.debian()
            release = a.top / "debian/dists/bookworm/Release"
            subprocess.run([*gpg, "--clearsign", "-o", release.with_name("InRelease"), release],
                           check=True, capture_output=True)
            armoured = subprocess.run([*gpg, "--armor", "--export", "ours"], check=True, text=True,
                                      capture_output=True).stdout
        finally:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        a.write("sources.list", "deb [signed-by=TOP/our.gpg] file:TOP/debian bookworm main\n")
        same(a.told(), entry("file:TOP/debian/", "bookworm", "Signed-By: TOP/our.gpg"))
        a.run("--copy", a.top / "root")
        assert (a.top / f"root/{key}").read_bytes() == key.read_bytes(), "the key is not copied"
        lines = "\n".join(f" {line or '.'}" for line in armoured.splitlines())
        a.write("sources.list", "")
        a.write("parts/debian.sources", "Types: deb\nURIs: file:TOP/debian\nSuites: bookworm\n"
                                        f"Components: main\nSigned-By:\n{lines}\n")
        same(a.told(), entry("file:TOP/debian/", "bookworm", f"Signed-By:\n{lines}"))


@test
def proxies_passwords_and_pins():
    with apt() as a:
        a.debian().write("sources.list", "deb [trusted=yes] file:TOP/debian bookworm main\n")
        for name in ("ca.pem", "passwords", "pins"):
            a.write(name, "")
        options = a.told("--options").splitlines()
        assert 'Acquire::http::Proxy "http://proxy.invalid:3128";' in options, options
        assert all(line.startswith("Acquire::") for line in options), options
        a.run("--copy", a.top / "root")
        for copied in (f"{a.top}/ca.pem", "etc/apt/auth.conf", "etc/apt/preferences"):
            assert (a.top / f"root/{copied}").exists(), f"{copied} is not copied"


@test
def no_debian_is_told():
    with apt() as a:
        a.debian().write("sources.list", "deb [trusted=yes] file:TOP/other bookworm main\n")
        subprocess.run(["apt-get", "update", "-qq"], check=True, env=a.env, capture_output=True)
        done = subprocess.run([SOURCES], env=a.env, capture_output=True, text=True)
        assert done.returncode == 1 and "apt has no index of bookworm here" in done.stderr, done


@test
def no_mirror_is_named_in_the_tree():
    named = re.compile(rb"https?://(?!www\.)[\w.-]*\bdebian\b", re.IGNORECASE)
    skipped = shutil.ignore_patterns(".git", "build*", "__pycache__")
    found = []
    for folder, folders, files in os.walk(SOURCE):
        out = skipped(folder, folders)
        folders[:] = [name for name in folders if name not in out]
        found += [path for name in files if (path := os.path.join(folder, name)) != __file__
                  and os.path.isfile(path) and named.search(pathlib.Path(path).read_bytes())]
    assert not found, found


main()
