#!/usr/bin/python3
"""The house test: who may use whom, told from the #includes.

A wrong arrow, a door walked around, a thread outside core/offload.c, a goto and a type's name that
stands for two things fail it. Lengths are printed, worst first, and fail nothing.

usage: house.py SOURCE-ROOT
"""
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

# A room, and the rooms it may use.
ARROWS = {
    "base": set(),
    "conf": {"base"},
    "core": {"base"},
    "wire": {"base"},
    "host": {"base", "core"},
    "network": {"base", "conf", "core", "host"},
    "storage": {"base", "conf", "core", "host"},
    "qemu": {"base", "conf", "core", "host", "network", "storage"},
    "rpc": {"base", "conf", "core", "wire", "host", "network", "storage", "qemu"},
    "daemon": {"base", "conf", "core", "wire", "host", "network", "storage", "qemu", "rpc"},
}
# A wing of a room, and the wings of that room it may use. What stands in the room's own folder is its
# front hall: the door, which every wing may open, and the files that use all wings. Outside the room
# a wing has no door.
WINGS = {
    "src/conf/domain": {
        "rows": set(),
        "fill": {"rows"},
        "check": {"rows"},
    },
    "src/rpc": {
        "methods": set(),
    },
    "src/qemu": {
        "emulator": set(),
        "args": {"emulator"},
        "vm": {"emulator"},
        "life": {"emulator", "args", "vm"},
        "ops": {"emulator", "args", "vm", "life"},
    },
}
# Programs of tools/, and the headers of other rooms they may include.
TOOLS = [
    ("schemadoc", {"base/base.h", "conf/conf.h"}),
    ("", {"base/base.h", "wire/wire.h"}),
]
THREADS_IN = "src/core/offload.c"

FUNCTION_P95, FUNCTION_MAX = 60, 100
FILE_MEDIAN, FILE_MAX, ROWS_FILE_MAX = 300, 1000, 1500
WORST = 10

NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)
THREAD = re.compile(r"\b(pthread_\w+|GThread\w*|g_thread_\w+|g_task_run_in_thread\w*|thrd_\w+)\b")
GOTO = re.compile(r"\bgoto\b")
# Where a type gets its meaning; "typedef struct X X;" gives it none.
MEANING = re.compile(r"^(?:typedef )?(?:struct|enum|union) (?P<tag>[A-Z]\w*) \{"
                     r"|^\} (?P<tail>[A-Z]\w*);"
                     r"|^typedef [^;{}]*?\(\*(?P<pointer>[A-Z]\w*)\)\([^;]*;"
                     r"|^typedef (?!(?:struct|enum|union) (?P<same>\w+) (?P=same);)[^;{}()]*?"
                     r"(?P<plain>[A-Z]\w*)(?:\([^;]*\))?;", re.M)


def quiet(text):
    """The text without comments and literals, its lines where they were."""
    return NOISE.sub(lambda m: "\n" * m.group().count("\n") or " ", text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


class House:
    def __init__(self, root):
        self.root = root
        self.files = sorted(f for top in ("src", "daemon", "tools")
                            for f in (root / top).rglob("*") if f.suffix in (".c", ".h", ".inc"))
        self.wrongs = []

    def name(self, path):
        return path.relative_to(self.root).as_posix()

    def room(self, path):
        parts = path.relative_to(self.root).parts
        return parts[1] if parts[0] == "src" else parts[0]

    def wrong(self, path, line, what):
        self.wrongs.append(f"{self.name(path)}:{line}: {what}")

    def resolve(self, path, target):
        """The file of ours that an include names, or None."""
        for base in (path.parent, self.root / "src", self.root / "tools", self.root):
            found = (base / target).resolve()
            if found.is_file() and found.is_relative_to(self.root):
                return found
        return None

    def check_include(self, path, line, quote, target):
        found = self.resolve(path, target)
        if not found:
            if quote == '"':
                self.wrong(path, line, f'"{target}" is in no room')
            return
        mine, theirs = self.room(path), self.room(found)
        if mine == theirs:
            self.check_wings(path, line, found)
            return
        header = found.relative_to(self.root / "src").as_posix() \
            if found.is_relative_to(self.root / "src") else self.name(found)
        if mine == "tools":
            program = path.relative_to(self.root / "tools").parts[0]
            allowed = next(may for prefix, may in TOOLS if program.startswith(prefix))
            if header not in allowed:
                self.wrong(path, line, f'a tool like this may not include "{header}"')
        elif theirs not in ARROWS.get(mine, ()):
            self.wrong(path, line, f"wrong arrow: {mine} may not use {theirs}")
        elif header != f"{theirs}/{theirs}.h":
            self.wrong(path, line, f'"{header}" walks around the door {theirs}/{theirs}.h')

    def check_wings(self, path, line, found):
        """Inside a room: a wing is entered by its door, along its arrows."""
        for hall, arrows in WINGS.items():
            mine, theirs = self.wing(hall, path), self.wing(hall, found)
            if mine is None or theirs in (None, "", mine):
                continue
            if mine and theirs not in arrows.get(mine, ()):
                self.wrong(path, line, f"wrong arrow: wing {mine} of {hall} may not use {theirs}")
            elif found.name != f"{theirs}.h":
                self.wrong(path, line, f'"{found.name}" walks around the door {theirs}/{theirs}.h')

    def wing(self, hall, path):
        """The wing of hall that a file stands in; "" for the hall itself, None for elsewhere."""
        if not path.is_relative_to(self.root / hall):
            return None
        inside = path.relative_to(self.root / hall).parts
        return inside[0] if len(inside) > 1 else ""

    def check(self, path):
        text = path.read_text()
        code = quiet(text)
        # Includes are looked for in the text, for their names are literals; but not in comments.
        for m in INCLUDE.finditer(text):
            line = line_of(text, m.start(1))
            if "include" in code.splitlines()[line - 1]:
                self.check_include(path, line, m[1], m[2])
        if self.name(path) != THREADS_IN:
            for m in THREAD.finditer(code):
                self.wrong(path, line_of(code, m.start()), f"{m[0]} belongs in {THREADS_IN}")
        for m in GOTO.finditer(code):
            self.wrong(path, line_of(code, m.start()), "goto")

    def check_names(self):
        """One thing has one name, and one name stands for one thing, in all programs together."""
        first = {}
        for path in self.files:
            code = quiet(path.read_text())
            for m in MEANING.finditer(code):
                name = m["tag"] or m["tail"] or m["pointer"] or m["plain"]
                # Both ends of one body; and the same line for a library's type in two files.
                meaning = (m[0], None) if m["plain"] else (name, path)
                if first.setdefault(name, meaning) != meaning:
                    self.wrong(path, line_of(code, m.start()), f"{name} is another thing elsewhere too")

    def check_all(self):
        self.check_names()
        for path in self.files:
            room = self.room(path)
            if room in ARROWS or room == "tools":
                self.check(path)
            else:
                self.wrong(path, 1, f"{room} is no room of the house")
            for hall, arrows in WINGS.items():
                wing = self.wing(hall, path)
                if wing and wing not in arrows:
                    self.wrong(path, 1, f"{wing} is no wing of {hall}")
        return self.wrongs


def functions_by_ctags(ctags, paths):
    out = subprocess.run([ctags, "--fields=+ne", "--kinds-c=f", "--language-force=C", "-o", "-",
                          *map(str, paths)], capture_output=True, text=True, check=True).stdout
    for row in out.splitlines():
        name, path = row.split("\t")[:2]
        line, end = re.search(r"\tline:(\d+)", row), re.search(r"\tend:(\d+)", row)
        if line and end:
            yield int(end[1]) - int(line[1]) + 1, Path(path), name


def functions_by_braces(paths):
    """Counts on the house style: a function's name and its closing brace stand in column 0."""
    for path in paths:
        name = None
        for number, line in enumerate(quiet(path.read_text()).splitlines(), 1):
            m = re.match(r"(?:static |const |\w+ \*?)*?(\w+)\(", line)
            if m:
                name, start = m[1], number
            elif line.startswith("}") and name:
                yield number - start + 1, path, name
                name = None
            elif line.rstrip().endswith(";") and not line.startswith((" ", "\t")):
                name = None


def functions(paths):
    ctags = shutil.which("ctags")
    if ctags and "Universal" in subprocess.run([ctags, "--version"], capture_output=True,
                                               text=True).stdout:
        return list(functions_by_ctags(ctags, paths))
    return list(functions_by_braces(paths))


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def measure(house):
    sources = [f for f in house.files if f.suffix == ".c"]
    if not sources:
        return
    found = sorted(functions(sources), key=lambda f: (-f[0], str(f[1])))
    lengths = [f[0] for f in found] or [0]
    print(f"functions: {len(found)}, lines p50 {percentile(lengths, .5)}, "
          f"p95 {percentile(lengths, .95)} (aim {FUNCTION_P95}), "
          f"max {max(lengths)} (aim {FUNCTION_MAX})")
    for length, path, name in found[:WORST]:
        print(f"  {length:5}  {name} ({house.name(path)}){' *' * (length > FUNCTION_MAX)}")

    in_functions = dict.fromkeys(sources, 0)
    for length, path, _ in found:
        in_functions[path] += length
    files = sorted(((len(f.read_text().splitlines()), f) for f in sources),
                   key=lambda f: (-f[0], str(f[1])))
    print(f".c files: {len(files)}, {sum(n for n, _ in files)} lines, "
          f"median {statistics.median(n for n, _ in files):.0f} (aim {FILE_MEDIAN}), "
          f"max {files[0][0]} (aim {FILE_MAX}, rows only {ROWS_FILE_MAX})")
    for n, path in files[:WORST]:
        rows_only = in_functions[path] < n / 10
        print(f"  {n:5}  {house.name(path)}{' (rows)' * rows_only}"
              f"{' *' * (n > (ROWS_FILE_MAX if rows_only else FILE_MAX))}")


def main():
    house = House(Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve())
    wrongs = house.check_all()
    for wrong in wrongs:
        print(wrong)
    print(f"arrows and doors: {len(wrongs)} wrong in {len(house.files)} files")
    measure(house)
    return 1 if wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
