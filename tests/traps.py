# SPDX-License-Identifier: MIT
"""Each trap of TRAPS.md has its tests where it says, and each test named after a trap is in it.

usage: traps.py [DIRECTORY]   (that has TRAPS.md; default: where this file is)

The test of the trap a-name is called trap_a_name, or trap_a_name__aspect where there are several.
"""
import pathlib
import re
import sys

ROW = re.compile(r"^\| `([a-z0-9-]+)` \| ([^|]+) \| ([^|]+) \|$")
# A test of criterion, a function of a program, a function or method of a python program.
TEST = re.compile(
    r"^\s*(?:Test|ParameterizedTest)\([^()]*?\b(trap_\w+)|^[a-z][\w *]*\b(trap_\w+)\([^;]*$|"
    r"^\s*def (?:test_)?(trap_\w+)",
    re.M,
)

directory = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
faults = []


def tests_of(path):
    """The names of traps that have a test in the file."""
    found = TEST.findall(path.read_text())
    names = {next(filter(None, groups)) for groups in found}
    return {name.removeprefix("trap_").split("__")[0].replace("_", "-") for name in names}


def is_built(path):
    """Whether meson.build beside the file, or above it, names it."""
    for parent in path.parents:
        build = parent / "meson.build"
        names = "|".join(re.escape(name) for name in (path.stem, path.name))
        if build.exists() and re.search(rf"['/](?:{names})'", build.read_text()):
            return True
        if parent == directory:
            return False


listed = {}  # trap: its files
for line in (directory / "TRAPS.md").read_text().splitlines():
    row = ROW.match(line)
    if not row:
        if line.startswith("| `"):
            faults.append(f"TRAPS.md: not a name, a sentence and files: {line}")
        continue
    trap, sentence, files = row.groups()
    if trap in listed:
        faults.append(f"TRAPS.md: {trap} is there twice")
    if not sentence.endswith("."):
        faults.append(f"TRAPS.md: {trap}: what goes wrong is a sentence, with a full stop")
    listed[trap] = files.split(", ")

named = {}  # file: the traps that it tests
for path in sorted(directory.rglob("*")):
    if path.suffix in (".c", ".py") and path != pathlib.Path(__file__).resolve():
        traps = tests_of(path)
        if traps:
            named[str(path.relative_to(directory))] = traps

for trap, files in listed.items():
    for name in files:
        if trap not in named.get(name, set()):
            faults.append(f"TRAPS.md: {trap}: {name} has no test of that name")
        elif not is_built(directory / name):
            faults.append(f"TRAPS.md: {trap}: {name} is in no meson.build")
for name, traps in named.items():
    for trap in sorted(traps):
        if name not in listed.get(trap, []):
            faults.append(f"{name}: a test of {trap}, of which TRAPS.md does not say that it is here")

for fault in faults:
    print(fault)
if len(listed) < 40:
    sys.exit("TRAPS.md: is this the list?")
sys.exit(1 if faults else 0)
