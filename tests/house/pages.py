#!/usr/bin/python3
"""What the pages name must be there: README.md, HACKING, docs/*.md and docs/man.

A file or folder of the tree or a name with an underscore (function, row, setting, variable) in
backticks, a command of vmsh, an option of vmd and a row of a flow fail this test when the tree has none
of that name.

usage: pages.py SOURCE-ROOT VMSH VMD
"""
import re
import subprocess
import sys
from pathlib import Path

PAGES = ("README.md", "HACKING", "docs/*.md", "docs/man/*", "tests/**/README.md", "debian/README*")
CODE = ("src", "daemon", "tools", "tests", "data", "debian")
# Names that stand for something else, and why they are in no file.
OTHERS = {
    "room/room.h",  # of each room
    "domain_uuid",  # what polkit's rules are told; made of the kind's name
}

TICKS = re.compile(r"`([^`\n]+)`")
NAME = re.compile(r"(?:vmd|VMD)?[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+(?:\(\))?")
FILE = re.compile(r"[\w.*-]+(?:/[\w.*-]+)*\.(?:c|h|inc|py|md|rng|build)")
COMMAND = re.compile(r"\bvmsh(?: -[-\w]+(?:[= ](?=[^ ]*[:/])[^ ]+)?)* ([a-z][a-z-]+)")
ROW = re.compile(r'\brows? "([^"]+)"')
OPTION = re.compile(r"(?<![\w-] )\bvmd --([a-z-]+)")
WORD = re.compile(r"\w+")


class Pages:
    def __init__(self, root, commands, steps):
        self.root = root
        self.commands = set(commands)
        self.steps = set(steps)
        files = [f for top in CODE for f in (root / top).rglob("*") if f.is_file()]
        self.names = {f.name for f in files} | {f.name for f in (root / "docs").rglob("*")}
        self.words = set()
        for f in files + [root / "meson.build", root / "meson_options.txt"]:
            if f.is_file():
                self.words.update(w for w in WORD.findall(f.read_text(errors="replace")) if "_" in w)
        self.daemon = "".join(f.read_text() for f in (root / "daemon").glob("*.c"))
        self.wrongs = []

    def has_file(self, name):
        if (self.root / name).exists():
            return True
        if "/" not in name:
            return any(Path(n).match(name) for n in self.names)
        tops = [self.root, self.root / "src", self.root / "tools", self.root / "tests", self.root / "docs",
                *(self.root / "src").glob("*")]
        return any(next(top.glob(name), None) for top in tops if top.is_dir())

    def check_ticked(self, where, text):
        if text in OTHERS or text.startswith("/"):  # a host's path
            return
        path = text.rstrip("/")
        top = path.split("/")[0]
        if re.fullmatch(r"[\w.*/-]+", path) and "/" in text and \
                (top in CODE or top == "docs" or (self.root / "src" / top).is_dir()):
            # "conf/domain" is a folder; "core/flow" is the file of that name.
            if not self.has_file(path) and not self.has_file(path + ".[ch]"):
                self.wrongs.append(f"{where}: there is no '{text}' in the tree")
        elif FILE.fullmatch(path):
            if not self.has_file(path):
                self.wrongs.append(f"{where}: there is no file '{text}' in the tree")
        elif NAME.fullmatch(text):
            if text.removesuffix("()") not in self.words:
                self.wrongs.append(f"{where}: nothing in the tree is called '{text}'")

    def check_commands(self, where, text):
        for m in COMMAND.finditer(text):
            if m[1] not in self.commands:
                self.wrongs.append(f"{where}: vmsh has no command '{m[1]}'")
        for m in OPTION.finditer(text):
            if f'"{m[1]}"' not in self.daemon:
                self.wrongs.append(f"{where}: vmd has no option '--{m[1]}'")

    def check_steps(self, where, line, in_table):
        named = ROW.findall(line)
        if in_table:  # of a page about flows, its first column has rows of flows
            named += [name.strip() for name in line.split("|")[1].split(",")]
        for name in named:
            if name not in self.steps:
                self.wrongs.append(f"{where}: no flow has a row '{name}'")

    def check(self, page):
        name = page.relative_to(self.root).as_posix()
        for number, line in enumerate(page.read_text().splitlines(), 1):
            where = f"{name}:{number}"
            for m in TICKS.finditer(line):
                self.check_ticked(where, m[1])
                self.check_commands(where, m[1])
            in_table = name == "docs/flows.md" and line.startswith("|") and not re.match(r"\|( row |-)", line)
            self.check_steps(where, line, in_table)
            if line.startswith("    "):
                self.check_commands(where, line)
                for word in re.findall(r"(?<!\S)tools/[\w-]+", line):
                    if not (self.root / word).exists():
                        self.wrongs.append(f"{where}: there is no '{word}' in the tree")

    def check_all(self):
        for pattern in PAGES:
            for page in sorted(self.root.glob(pattern)):
                if page.is_file():
                    self.check(page)
        return self.wrongs


def commands_of(vmsh):
    """As `vmsh help` lists them: two blanks or more, the command, its summary."""
    out = subprocess.run([vmsh, "help"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"^ +([a-z][a-z-]*)\s", out, re.M)


def steps_of(vmd):
    """As `vmd --list-steps` prints them: TABLE/STEP, a tab, what its undo is."""
    out = subprocess.run([vmd, "--list-steps"], capture_output=True, text=True, check=True).stdout
    return [line.split("\t")[0].split("/", 1)[1] for line in out.splitlines()]


def main():
    root, vmsh, vmd = Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3]
    pages = Pages(root, commands_of(vmsh), steps_of(vmd))
    for wrong in pages.check_all():
        print(wrong)
    print(f"pages: {len(pages.wrongs)} names that do not exist")
    return 1 if pages.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
