#!/usr/bin/env python3
"""A guest from few words: its volumes, its seed, its definition; and nothing where it cannot be."""
import json
import os
import subprocess
import xml.etree.ElementTree as ET

from harness import VMSH, main, need, test

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB somebody@\"here\""


def prepare(d):
    need("qemu-img")
    folder = d.root / "images"
    folder.mkdir()
    d.vmsh("pool-create-as", "default", "dir", "--target", folder)
    image = d.root / "cloud.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
    (d.root / "key.pub").write_text(f"# mine\n{KEY}\n\n")
    return folder, image


def fails(d, *argv):
    done = subprocess.run([VMSH, "-c", d.uri, "create-guest", *map(str, argv)], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 1, done.stdout
    return done.stderr


def seed_files(iso):
    need("xorriso")
    out = iso.parent.parent / "seed"
    subprocess.run(["xorriso", "-osirrox", "on", "-indev", iso, "-extract", "/", out], check=True,
                   capture_output=True)
    label = subprocess.run(["xorriso", "-indev", iso, "-pvd_info"], capture_output=True, text=True).stdout
    assert "cidata" in label, label
    return {name: (out / name).read_text() for name in ("user-data", "meta-data")}


@test
def few_words_make_a_guest(d):
    need("xorrisofs")
    folder, image = prepare(d)
    words = ("web", "--image", image, "--size", "128M", "--cpus", "2", "--memory", "128M", "--network", "user",
             "--user", "me", "--ssh-key", d.root / "key.pub")
    shown = d.vmsh("create-guest", *words, "--print")
    assert "# volume web.qcow2 of pool default" in shown and "ssh_authorized_keys" in shown, shown
    assert os.listdir(folder) == [] and "web" not in d.vmsh("list", "--all", "--name"), "it is shown alone"

    said = d.vmsh("create-guest", *words)
    assert said == "Guest 'web' was made and started\n\n", said
    assert sorted(os.listdir(folder)) == ["web-seed.iso", "web.qcow2"]
    info = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", folder / "web.qcow2"], check=True,
                                     capture_output=True).stdout)
    assert info["virtual-size"] == 128 << 20 and info["format"] == "qcow2", info
    xml = ET.fromstring(d.vmsh("dumpxml", "web"))
    assert d.vmsh("domstate", "web").strip() == "running"
    assert xml.find("vcpu").text == "2" and xml.find("memory").text == str(128 << 10)
    assert [t.get("dev") for t in xml.findall("devices/disk/target")] == ["vda", "sda"]
    assert xml.find("devices/interface").get("type") == "user"
    files = seed_files(folder / "web-seed.iso")
    assert files["user-data"].startswith("#cloud-config\nhostname: \"web\"\nusers:\n  - name: \"me\"\n"), files
    assert f"      - {json.dumps(KEY)}\n" in files["user-data"], files
    assert 'local-hostname: "web"\n' in files["meta-data"] and 'instance-id: "' in files["meta-data"]
    d.vmsh("destroy", "web")
    said = d.vmsh("undefine", "web", "--remove-all-storage")
    assert os.listdir(folder) == [], said


@test
def a_volume_may_be_below(d):
    folder, image = prepare(d)
    d.vmsh("vol-import", "default", image, "--name", "base.qcow2")
    (d.root / "data").write_text("#cloud-config\npackages: [nginx]\n")
    d.vmsh("create-guest", "one", "--image", "base.qcow2", "--network", "user", "--memory", "64M", "--user-data",
           d.root / "data")
    info = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", folder / "one.qcow2"], check=True,
                                     capture_output=True).stdout)
    assert info["backing-filename"] == str(folder / "base.qcow2") and info["virtual-size"] == 64 << 20, info
    assert seed_files(folder / "one-seed.iso")["user-data"] == "#cloud-config\npackages: [nginx]\n"
    d.vmsh("destroy", "one")


@test
def what_cannot_be_leaves_nothing(d):
    folder, image = prepare(d)
    (d.root / "private").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    (d.root / "none").write_text("# no key\n")
    d.vmsh("create-guest", "first", "--image", image, "--network", "user", "--memory", "64M")
    there = sorted(os.listdir(folder))
    for words, says in (
            (("first", "--image", image), "there is a domain 'first' already"),
            (("a/b", "--image", image), "'a/b' cannot be a guest's name"),
            (("x", "--image", d.root / "nowhere"), "is neither a file that can be read nor a volume of pool 'default'"),
            (("x", "--image", image, "--pool", "other"), "other"),
            (("x", "--image", image, "--ssh-key", d.root / "private"), "is a private key"),
            (("x", "--image", image, "--ssh-key", d.root / "none"), "has no key in it"),
            (("x", "--image", image, "--ssh-key", d.root / "absent"), "absent"),
            (("x", "--image", image, "--user-data", d.root / "none", "--user", "me"), "mutually exclusive"),
            (("x", "--image", image, "--size", "1M", "--network", "user"), "--size makes nothing smaller"),
            (("x", "--image", image, "--network", "nowhere"), "nowhere"),
            (("x", "--image", image, "--network", "bridge=nowhere"), "nowhere"),
            (("x", "--image", image, "--memory", "much"), "much")):
        error = fails(d, *words)
        assert says in error, (words, error)
        assert sorted(os.listdir(folder)) == there, words
        assert d.vmsh("list", "--all", "--name").split() == ["first"], words
    d.vmsh("destroy", "first")


if __name__ == "__main__":
    main()
