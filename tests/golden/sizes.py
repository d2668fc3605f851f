"""A document takes time that grows as it does: n and 4n of everything that can stand in it many times, parsed,
filled in, checked and written again. Processor time is measured, so a busy machine does not matter much."""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
# A time below LITTLE says nothing of how it grows; a sanitizer's build takes some times as long.
MANY, RATIO, LITTLE, SANITIZED = 2500, 6, 0.3, 5
TICKS = os.sysconf("SC_CLK_TCK")


def letters(i):
    text = ""
    i += 1
    while i > 0:
        i -= 1
        text = chr(97 + i % 26) + text
        i //= 26
    return text


def mac(i):
    return f"<mac address='52:54:00:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}'/>"


def hostdev(kind, source):
    return f"<hostdev mode='subsystem' type='{kind}'><source>{source}</source></hostdev>"


def pci(i):
    return f"<address domain='{i >> 13:#x}' bus='{i >> 5 & 255:#x}' slot='{i & 31:#x}' function='0'/>"


def scsi(i):
    return f"<adapter name='scsi_host0'/><address bus='{i >> 14}' target='{i >> 7 & 127}' unit='{i & 127}'/>"


# name: one of them in <devices>
DEVICES = {
    "channels": lambda i: f"<channel type='pty'><target type='virtio' name='c.{i}'/></channel>",
    "channels with sockets": lambda i: f"<channel type='unix'><target type='virtio' name='c.{i}'/></channel>",
    "channels with ports": lambda i: f"<channel type='pty'><target type='virtio' name='c.{i}'/><address "
                                     f"type='virtio-serial' controller='{i // 30}' bus='0' port='{i % 30 + 1}'/></channel>",
    "root ports": lambda i: "<controller type='pci' model='pcie-root-port'/>",
    "bridges": lambda i: f"<controller type='pci' index='{i}' model='{'pcie-root-port' if i else 'pcie-root'}'/>",
    "SCSI controllers": lambda i: "<controller type='scsi' model='virtio-scsi'/>",
    "serial controllers": lambda i: f"<controller type='virtio-serial' index='{i}'/>",
    "USB controllers": lambda i: f"<controller type='usb' index='{i}' model='qemu-xhci'/>",
    "SCSI disks": lambda i: f"<disk type='file'><source file='/x/{i}'/><target dev='sd{letters(i % 2000)}' bus='scsi'/></disk>",
    "virtio disks": lambda i: f"<disk type='file'><source file='/x/{i}'/><target dev='vd{letters(i)}' bus='virtio'/></disk>",
    "USB disks": lambda i: f"<disk type='file'><source file='/x/{i}'/><target dev='sd{letters(i)}' bus='usb'/></disk>",
    "interfaces": lambda i: f"<interface type='user'>{mac(i)}<model type='virtio'/></interface>",
    "interfaces of the host": lambda i: f"<interface type='hostdev'>{mac(i)}<source><address type='pci' {pci(i)[9:]}</source></interface>",
    "boot orders": lambda i: f"<interface type='user'>{mac(i)}<boot order='{i + 1}'/></interface>",
    "serial ports": lambda i: "<serial type='pty'/>",
    "consoles": lambda i: "<console type='pty'><target type='virtio'/></console>",
    "USB inputs": lambda i: "<input type='tablet' bus='usb'/>",
    "virtio inputs": lambda i: "<input type='tablet' bus='virtio'/>",
    "names of devices": lambda i: f"<input type='tablet' bus='usb'><alias name='ua-{i}'/></input>",
    "PCI devices of the host": lambda i: hostdev("pci", pci(i)),
    "USB devices of the host": lambda i: hostdev("usb", f"<address bus='{1 + i // 120}' device='{1 + i % 120}'/>"),
    "SCSI devices of the host": lambda i: hostdev("scsi", scsi(i)),
    "hubs": lambda i: "<hub type='usb'/>",
    "redirections": lambda i: "<redirdev bus='usb' type='tcp'><source mode='connect' host='h' service='1'/></redirdev>",
    "folders": lambda i: f"<filesystem type='mount'><source dir='/x/{i}'/><target dir='t{i}'/></filesystem>",
    "screens": lambda i: "<video><model type='virtio'/></video>",
    "graphics": lambda i: "<graphics type='vnc' autoport='yes'/>",
    "sound cards": lambda i: "<sound model='ich6'/>",
    "random numbers": lambda i: "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>",
    "shared memory": lambda i: f"<shmem name='s{i}'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
    "watchdogs": lambda i: "<watchdog model='i6300esb'/>",
    "crypto devices": lambda i: "<crypto model='virtio' type='qemu'><backend model='builtin'/></crypto>",
    "memory devices": lambda i: "<memory model='dimm'><target><size unit='MiB'>128</size><node>0</node></target></memory>",
    "smartcards": lambda i: "<smartcard mode='host'/>",
    "unknown elements": lambda i: f"<zzz{i}/>",
}
# name: before them, one of them, after them; processors: as many
OTHERS = {
    "metadata": ("<metadata>", lambda i: f"<a{i}:b xmlns:a{i}='http://x/{i}'/>", "</metadata>"),
    "processors": ("<vcpus>", lambda i: f"<vcpu id='{i}' enabled='yes' hotpluggable='{'yes' if i else 'no'}'/>", "</vcpus>"),
    "cells": ("<cpu><numa>", lambda i: f"<cell id='{i}' cpus='{i}' memory='1024'/>", "</numa></cpu>"),
    "pins": ("<cputune>", lambda i: f"<vcpupin vcpu='{i}' cpuset='0'/>", "</cputune>"),
    "threads": ("<iothreadids>", lambda i: f"<iothread id='{i + 1}'/>", "</iothreadids>"),
    "features": ("<cpu mode='custom'><model>qemu64</model>", lambda i: f"<feature policy='disable' name='f{i}'/>", "</cpu>"),
    "strings": ("<sysinfo type='smbios'><oemStrings>", lambda i: f"<entry>e{i}</entry>", "</oemStrings></sysinfo>"),
    "firmware entries": ("<sysinfo type='fwcfg'>", lambda i: f"<entry name='opt/c/e{i}'>v</entry>", "</sysinfo>"),
    "words for QEMU": ("<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
                       lambda i: f"<qemu:arg value='x{i}'/>", "</qemu:commandline>"),
}


def document(devices="", others="", processors=1):
    return ("<domain type='qemu'><name>m</name><uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid>"
            f"<memory unit='MiB'>65536</memory><vcpu>{processors}</vcpu><os><type arch='x86_64' machine='q35'>hvm</type>"
            f"</os>{others}<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>")


def processor_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def ask(p, xml):
    data = xml.encode()
    begun = processor_seconds(p.pid)
    p.stdin.write(b"define %d\n%s" % (len(data), data))
    p.stdin.flush()
    words = p.stdout.readline().split()
    answer = p.stdout.read(int(words[-1]))
    return processor_seconds(p.pid) - begun, words[0].decode(), answer[:100].decode() if words[0] != b"ok" else ""


def little(p):
    """A sanitizer's shadow is as large as all memory could be."""
    status = pathlib.Path(f"/proc/{p.pid}/status").read_text()
    kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmSize"))
    return LITTLE * (SANITIZED if kib > 1 << 30 else 1)


def check(p, number, name, make):
    small, _, _ = ask(p, make(MANY))
    large, word, why = ask(p, make(4 * MANY))
    good = large < max(RATIO * small, little(p))
    print(f"{'ok' if good else 'not ok'} {number} {name}: {small:.2f} s, {large:.2f} s {word} {why}", flush=True)
    return good


def main():
    p = subprocess.Popen([sys.argv[1], *sorted(map(str, (HERE / "caps").glob("*.json")))], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)
    print(f"1..{len(DEVICES) + len(OTHERS) + 1}")
    bad, number = 0, 0
    for name, one in DEVICES.items():
        number += 1
        bad += not check(p, number, name, lambda n, one=one: document("".join(map(one, range(n)))))
    for name, (begin, one, end) in OTHERS.items():
        number += 1
        bad += not check(p, number, name, lambda n, b=begin, o=one, e=end: document(
            others=b + "".join(map(o, range(n))) + e, processors=n))
    # A number stands for as many controllers as it says.
    far = "<disk type='file'><source file='/x'/><target dev='sda' bus='scsi'/><address type='drive' controller='{}'/></disk>"
    seconds, word, _ = ask(p, document(far.format(100000000)))
    good = word == "error" and seconds < little(p)
    print(f"{'ok' if good else 'not ok'} {number + 1} a controller far away: {seconds:.2f} s {word}")
    p.stdin.close()
    p.wait()
    return 1 if bad or not good else 0


sys.exit(main())
