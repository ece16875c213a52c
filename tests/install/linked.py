#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each program links what it needs and no more, and the running service maps no more than that.

usage: linked.py P11DBUS SUPERVISOR KEYS MODULE
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
GIO = {"libgio-2.0", "libgobject-2.0", "libglib-2.0"}
# What a compiler or libc brings along anywhere, and a sanitizer.
EVERYWHERE = {"libc", "libm", "libpthread", "libdl", "libgcc_s", "ld-linux", "ld-linux-x86-64",
              "ld-linux-aarch64", "linux-vdso", "libasan", "libubsan", "libtsan", "libstdc++"}
NEEDS = {
    "p11dbus-supervisor": GIO,
    "p11dbus-keys": {"libcrypto"},
    "p11dbus.so": {"libnettle"},
}
# Never in the process, by whatever way.
NEVER = {
    "p11dbus-supervisor": {"libcrypto", "libnettle", "libp11", "libjson-glib-1.0"},
    "p11dbus-keys": GIO | {"libp11", "libp11-kit", "libjson-glib-1.0", "libnettle", "libssl"},
}


def stem(path):
    """libgio-2.0 of /usr/lib/libgio-2.0.so.0.7400.6"""
    return re.sub(r"\.so[.\d]*$", "", os.path.basename(path))


def needed(path):
    said = subprocess.run(["readelf", "-d", path], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout
    return {stem(name) for name in re.findall(r"\(NEEDED\).*\[(.*)\]", said)} - EVERYWHERE


def mapped(pid, program):
    """The libraries in a process; where its memory is closed to this user, those it starts with."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
            text = file.read()
    except PermissionError:
        text = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True,
                              encoding="utf-8").stdout
    return {stem(path) for path in re.findall(r"(\S*/\S+\.so[.\d]*)", text)}


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


def measure(supervisor, keys):
    """Runs beside a service (with-service); returns what is wrong with its processes."""
    service = os.environ["P11DBUS_SERVICE_PID"]
    faults = []
    for pid, program in [(service, supervisor)] + [(pid, keys) for pid in children(service)]:
        name = os.path.basename(program)
        libraries = mapped(pid, program)
        if not NEEDS[name] <= libraries:
            faults.append(f"process {pid} is no {name}: {sorted(libraries)}")
        if libraries & NEVER[name]:
            faults.append(f"{name} maps {sorted(libraries & NEVER[name])}")
    return faults if children(service) else ["the service has no worker"]


def main(p11dbus, supervisor, keys, module):
    faults = []
    for path in (supervisor, keys, module):
        wanted = NEEDS[os.path.basename(path)]
        if needed(path) != wanted:
            faults.append(f"{path} links {sorted(needed(path))}, not {sorted(wanted)}")
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run([os.path.join(HERE, "..", "make-keys"), directory + "/keys", "p256"],
                       check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run([os.path.join(HERE, "..", "with-service"), p11dbus,
                               directory + "/keys", sys.executable, os.path.abspath(__file__),
                               "--measure", supervisor, keys], check=False)
    print("\n".join(faults))
    return 1 if faults or done.returncode else 0


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        found = measure(*sys.argv[2:])
        print("\n".join(found))
        sys.exit(1 if found else 0)
    sys.exit(main(*(os.path.abspath(path) for path in sys.argv[1:])))
