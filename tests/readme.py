#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the recipes of the README that carry the mark of being tested, as they stand there.

usage: readme.py README P11DBUS MODULE

A recipe that begins a container is left out where none can be made (inside of many a container).
They run in their order, in one shell and one empty directory, on a private session bus.
$HOST_PRELOAD is preloaded into every program of theirs, as in hosts/applications.py.
"""

import os
import re
import subprocess
import sys
import tempfile

RECIPE = re.compile(r"^\*\*(?P<title>[^*]+)\*\* ✓\n.*?^```sh\n(?P<script>.*?)^```$", re.M | re.S)


def script_of(readme):
    """All tested recipes as one script, which says where it is."""
    with open(readme, encoding="utf-8") as text:
        recipes = RECIPE.findall(text.read())
    if len(recipes) < 4:
        sys.exit("only %d tested recipes found in %s" % (len(recipes), readme))
    if subprocess.run("bwrap --ro-bind / / --unshare-all true 2>/dev/null", shell=True,
                      check=False).returncode != 0:
        recipes = [recipe for recipe in recipes if "bwrap " not in recipe[1]]
    # What a recipe that failed has left running must end.
    parts = ["set -eux\n", "trap 'kill ${service-} ${mine-} || :; wait' EXIT\n"]
    for title, script in recipes:
        parts.append(": == %s ==\n%s" % (title.replace("'", ""), script))
    return "".join(parts)


def main(readme, p11dbus, module):
    with tempfile.TemporaryDirectory() as directory:
        # python3 is the one that runs this: the system's, which has the packages.
        programs = [os.path.dirname(os.path.abspath(p11dbus)), os.path.dirname(sys.executable)]
        environment = dict(
            os.environ,
            PATH=":".join([*programs, os.environ["PATH"]]),
            MODULE=os.path.abspath(module),
            HOME=directory,
        )
        script = script_of(readme)
        if environment.get("HOST_PRELOAD"):
            script = "export LD_PRELOAD=%s\n%s" % (environment["HOST_PRELOAD"], script)
        sys.exit(subprocess.run(["dbus-run-session", "--", "sh", "-c", script], cwd=directory,
                                env=environment, timeout=300, check=False).returncode)


if __name__ == "__main__":
    main(*sys.argv[1:])
