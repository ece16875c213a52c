# SPDX-License-Identifier: MIT
"""Times programs that list the objects of our own module.

usage: list.py P11DBUS MODULE

The service runs already, on this session bus. Each round runs every program once, so that what
else the machine does falls on all of them; the medians are compared."""

import os
import shutil
import statistics
import subprocess
import sys
import time

ROUNDS = 5


def seconds(command):
    start = time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def main(p11dbus, module):
    module = os.path.abspath(module)
    ours = [p11dbus, "list", "-m", module]
    commands = {
        "p11dbus list": ours,
        "p11dbus list --json": ours + ["--json"],
        "p11dbus list --format uri": ours + ["--format", "uri"],
        "p11dbus list -v": ours + ["-v"],
        "p11dbus list certs": ours + ["certs"],
        "p11dbus audit": [p11dbus, "audit", "-m", module, "--skip", "not-local"],
        "pkcs11-tool -O": ["pkcs11-tool", "--module", module, "-O"],
        "p11tool --list-all": ["p11tool", "--provider", module, "--list-all"],
    }
    commands = {name: command for name, command in commands.items() if shutil.which(command[0])}
    uris = subprocess.run(commands["p11dbus list --format uri"], stdout=subprocess.PIPE,
                          check=True).stdout.splitlines()
    taken = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(seconds(command))
    base = statistics.median(taken["p11dbus list"])
    print(f"{len(uris)} objects, medians of {ROUNDS} rounds:")
    for name, times in taken.items():
        median = statistics.median(times)
        print(f"  {name:28}{median:8.3f} s {median / base:8.2f} times p11dbus list")


if __name__ == "__main__":
    main(*sys.argv[1:])
