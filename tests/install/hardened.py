#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every program and library that is installed is hardened, with any compiler.

usage: hardened.py BUILD FORTIFIED FILE...

FORTIFIED: "true" unless the build is one that cannot be (a sanitizer, no optimisation).
"""

import json
import os
import re
import subprocess
import sys

PROTECTED = "-fstack-protector-strong"
FORTIFY = re.compile(r"-D_FORTIFY_SOURCE=[23]\b")
# Too small for either: a function without an array, and none that glibc would check.
PLAIN = ("libp11dbus-keep.so",)


def readelf(*words):
    return subprocess.run(["readelf", "-W", *words], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout


def faults_of_file(path, fortified):
    """What the linker and the compiler left out of path."""
    headers, dynamic, symbols = readelf("-hl", path), readelf("-d", path), readelf("--dyn-syms", path)
    flags = " ".join(re.findall(r"\((?:FLAGS|FLAGS_1|BIND_NOW)\)(.*)", dynamic))
    wants = {
        "position independence": re.search(r"Type:\s+DYN", headers),
        "the mark of a PIE": "INTERP" not in headers or re.search(r"\bPIE\b", flags),
        "GNU_RELRO": "GNU_RELRO" in headers,
        "BIND_NOW": re.search(r"\b(BIND_)?NOW\b", flags) or "(BIND_NOW)" in dynamic,
        "a stack that is not executed": re.search(r"GNU_STACK.* RW ", headers),
        "code that is not relocated": "TEXTREL" not in dynamic,
    }
    if os.path.basename(path) not in PLAIN:
        wants["a protected stack"] = "__stack_chk_fail" in symbols
        wants["fortified functions"] = not fortified or re.search(r" __(?!stack)\w+_chk\b", symbols)
    return [f"{path}: lacks {name}" for name, is_so in wants.items() if not is_so]


def faults_of_commands(build, fortified):
    """What was left out where any source but a test was compiled."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        commands = [one for one in json.load(file) if not one["output"].startswith("tests/")]
    faults = [] if len(commands) > 100 else [f"only {len(commands)} sources found"]
    for one in commands:
        if PROTECTED not in one["command"]:
            faults.append(f"{one['output']}: without {PROTECTED}")
        if fortified and not FORTIFY.search(one["command"]):
            faults.append(f"{one['output']}: not fortified")
    return faults


def faults_of_module(path):
    """The module does nothing when it is loaded (what else it must not do: module/guest.c)."""
    size = re.search(r"\(INIT_ARRAYSZ\)\s+(\d+)", readelf("-d", path))
    pointer = 8 if "ELF64" in readelf("-h", path) else 4
    # The compiler's own start-up code is one function.
    return [f"{path}: has a constructor"] if size and int(size[1]) > pointer else []


def main(build, fortified, *files):
    fortified = fortified == "true"
    faults = faults_of_commands(build, fortified)
    for path in files:
        faults += faults_of_file(path, fortified)
        if os.path.basename(path) == "p11dbus.so" and fortified:  # a sanitizer brings constructors
            faults += faults_of_module(path)
    print("\n".join(faults) or f"{len(files)} files, no fault")
    sys.exit(1 if faults or not files else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
