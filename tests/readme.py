#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the recipes of the README that carry the mark of being tested, as they stand there.

usage: readme.py README P11DBUS MODULE

They run in their order, in one shell and one empty directory, on a private session bus, where p11-kit
knows the module as if it were installed: in a container. Where none can be made (inside of many a
container) recipes are left out that need that, or begin one themselves; beside a sanitizer those of Java.
$HOST_PRELOAD is preloaded into every program of theirs, as in hosts/applications.py. Recipes that
audit are run once more on a bus without a service, where they must fail: nothing was looked at.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

from configured import container

RECIPE = re.compile(r"^\*\*(?P<title>[^*]+)\*\* ✓\n.*?^```sh\n(?P<script>.*?)^```$", re.M | re.S)


def read(readme):
    """The titles and scripts of all tested recipes that can be run here."""
    with open(readme, encoding="utf-8") as text:
        recipes = RECIPE.findall(text.read())
    if len(recipes) < 4:
        sys.exit("only %d tested recipes found in %s" % (len(recipes), readme))
    return recipes


def script_of(recipes):
    """All of recipes as one script, which says where it is."""
    # What a recipe that failed has left running must end.
    parts = ["set -eux\n", "trap 'kill ${service-} ${mine-} || :; wait' EXIT\n"]
    for title, script in recipes:
        parts.append(": == %s ==\n%s" % (title.replace("'", ""), script))
    return "".join(parts)


def run(script, directory, environment, prefix=()):
    """The exit code of script on a session bus of its own, in the container prefix."""
    if environment.get("HOST_PRELOAD"):
        script = "export LD_PRELOAD=%s\n%s" % (environment["HOST_PRELOAD"], script)
    return subprocess.run([*prefix, "dbus-run-session", "--", "sh", "-c", script], cwd=directory,
                          env=environment, timeout=300, check=False).returncode


def check_audits(recipes, directory, environment):
    """Ends the program unless those of recipes that audit fail where no service runs."""
    audits = [recipe for recipe in recipes if "p11dbus audit" in recipe[1]]
    for title, script in audits:
        if run("set -eux\n" + script, directory, environment) == 0:
            sys.exit("without a service, this recipe finds nothing wrong: %s" % title)
    if not audits:
        sys.exit("no recipe audits")


def main(readme, p11dbus, module):
    with tempfile.TemporaryDirectory() as directory:
        # python3 is the one that runs this: the system's, which has the packages.
        programs = [os.path.dirname(os.path.abspath(p11dbus)), os.path.dirname(sys.executable),
                    "/usr/sbin"]
        environment = dict(
            os.environ,
            PATH=":".join([*programs, os.environ["PATH"]]),
            MODULE=os.path.abspath(module),
            HOME=directory,
        )
        recipes = read(readme)
        prefix = container(directory, environment["MODULE"], alone=False)
        absent = [] if prefix else ["bwrap"]
        # Debian 13 has it in a package that need not be installed.
        if not prefix or not shutil.which("systemd-cryptenroll"):
            absent.append("systemd-cryptenroll")
        # Java has signal handlers of its own, which a sanitizer's runtime does not bear.
        if environment.get("HOST_PRELOAD"):
            absent.append("keytool")
        recipes = [recipe for recipe in recipes
                   if not any(name + " " in recipe[1] for name in absent)]
        code = run(script_of(recipes), directory, environment, prefix)
        if code == 0:
            check_audits(recipes, directory, environment)
        sys.exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
