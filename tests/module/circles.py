# SPDX-License-Identifier: MIT
"""No file of a directory needs itself through others, and what is a record does not wait.

usage: circles.py DIRECTORY
"""
import pathlib
import re
import sys

directory = pathlib.Path(sys.argv[1])
needs = {}  # noun: the nouns whose headers it includes
for path in sorted(directory.rglob("*.[ch]")):
    included = re.findall(r'^#include "([^"]+)\.h"', path.read_text(), re.M)
    needs.setdefault(path.stem, set()).update(included)
assert len(needs) > 20, "is this the directory?"


def way(noun, goal, seen):
    """How noun comes to need goal, or None."""
    for other in sorted(needs.get(noun, set()) - {noun}):
        if other == goal:
            return [goal]
        if other not in seen:
            seen.add(other)
            rest = way(other, goal, seen)
            if rest:
                return [other] + rest
    return None


circles = [[noun] + found for noun in needs if (found := way(noun, noun, set()))]
for circle in circles:
    print("needs itself:", " -> ".join(circle))

waits = [
    path
    for path in sorted((directory / "state").glob("*.c"))
    if re.search(r"p11d_lock_(wait|give)|p11d_channel_(call|receive|send)|poll\(", path.read_text())
]
for path in waits:
    print("waits:", path)
sys.exit(1 if circles or waits else 0)
