#!/usr/bin/python3
"""Which file needs which, told by what the linker would look for: a header may hide it, for a door can
declare what stands in any wing. No wing may need one that its arrows do not lead to, and no circle of
files may go through two wings, or a wing and the front hall of its room.

usage: circles.py SOURCE-ROOT BUILD-ROOT
"""
import collections
import json
import shutil
import subprocess
import sys
from pathlib import Path

from house import WINGS

SKIPPED = 77


def objects(root, build):
    """Source and object file of all that is below src."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        made = Path(entry["directory"], entry["output"])
        if source.is_relative_to(root / "src") and made.exists():
            yield source.relative_to(root).as_posix(), made


def symbols(nm, made):
    """{object file: (what it defines, what it looks for)}."""
    out = subprocess.run([nm, "-A", "-g", "-P", *map(str, made)], check=True, capture_output=True, text=True).stdout
    found = {str(path): (set(), set()) for path in made}
    for line in out.splitlines():
        path, rest = line.split(": ", 1)
        name, kind = rest.split()[:2]
        found[path][kind in "Uwv"].add(name)
    return found


def needs(files):
    """{file: {file that it needs: a symbol of it}}, of {file: (defines, looks for)}."""
    where = {name: file for file, (defined, _) in files.items() for name in defined}
    found = collections.defaultdict(dict)
    for file, (_, wanted) in files.items():
        for name in sorted(wanted):
            if where.get(name, file) != file:
                found[file].setdefault(where[name], name)
    return found


def wing(file):
    """The folder with wings that a file is of, and its wing there; "" for the hall. None: it has none."""
    for hall in WINGS:
        if file.startswith(f"{hall}/"):
            inside = file[len(hall) + 1:].split("/")
            return hall, inside[0] if len(inside) > 1 else ""
    return None


def circles(edges):
    """Sets of files each of which needs all others of its set (Tarjan)."""
    number, low, stack, found = {}, {}, [], []

    def visit(file):
        number[file] = low[file] = len(number)
        stack.append(file)
        for other in edges.get(file, ()):
            if other not in number:
                visit(other)
            if other in stack:
                low[file] = min(low[file], low[other])
        if low[file] == number[file]:
            at = stack.index(file)
            found.append(sorted(stack[at:]))
            del stack[at:]

    for file in sorted(edges):
        if file not in number:
            visit(file)
    return [circle for circle in found if len(circle) > 1]


def wrongs(edges):
    for file in sorted(edges):
        for other, name in sorted(edges[file].items()):
            mine, theirs = wing(file), wing(other)
            if mine and theirs and mine[0] == theirs[0] and mine[1] and theirs[1] not in ("", mine[1]) and \
                    theirs[1] not in WINGS[mine[0]].get(mine[1], ()):
                yield f"{file}: {name} is in {other}: wing {mine[1]} may not use {theirs[1]}"
    for circle in circles(edges):
        folders = sorted({file.rpartition("/")[0] for file in circle})
        if len(folders) > 1:
            yield f"a circle of {len(circle)} files goes through {', '.join(folders)}: {', '.join(circle)}"


def main():
    nm = shutil.which("nm")
    if not nm:
        print("nm is not installed")
        return SKIPPED
    root, build = (Path(a).resolve() for a in sys.argv[1:3])
    sources = dict(objects(root, build))
    assert sources, f"nothing is built in {build}"
    found = symbols(nm, list(sources.values()))
    edges = needs({source: found[str(made)] for source, made in sources.items()})
    said = list(wrongs(edges))
    print("\n".join(said))
    print(f"{len(sources)} files need {sum(map(len, edges.values()))} others; "
          f"circles inside a folder: {[len(c) for c in circles(edges)]}; {len(said)} wrong")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
