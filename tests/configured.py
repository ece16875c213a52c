# SPDX-License-Identifier: MIT
"""p11-kit's configuration with a module that is not installed."""

import os
import shutil
import subprocess
import tempfile


def container(directory, module, alone):
    """What runs a command where p11-kit is configured for module, alone or beside what it has here;
    nothing where no container can be made (inside of many a container). Writes into directory."""
    prefix = ["bwrap", "--dev-bind", "/", "/"]
    if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return []
    known = subprocess.run(["pkg-config", "--variable=p11_module_configs", "p11-kit-1"], text=True,
                           stdout=subprocess.PIPE, check=True).stdout.strip()
    modules, empty = (tempfile.mkdtemp(prefix=".", dir=directory) for _ in range(2))
    if not alone:
        shutil.copytree(known, modules, dirs_exist_ok=True)
    with open(os.path.join(modules, "p11dbus.module"), "w", encoding="utf-8") as out:
        out.write("module: %s\n" % module)
    prefix += ["--ro-bind", modules, known]
    if alone and os.path.isdir("/etc/pkcs11"):
        prefix += ["--ro-bind", empty, "/etc/pkcs11"]
    return prefix
