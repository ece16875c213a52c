#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What "meson install" brings works where it is put: in a staged root, on a bus of its own.

usage: staged.py BUILD PREFIX P11_KIT_MODULES
       staged.py --inside PREFIX COUNT

P11_KIT_MODULES: where this machine's p11-kit looks for modules. Prints TAP. The staged files are
seen in their places by a container (bwrap), in which the second form runs; where none can be made
that part is skipped. Programs of p11-kit are left out where $HOST_PRELOAD says that they
would need a sanitizer preloaded.
"""

import json
import os
import re
import select
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "org.p11dbus.Tokens1"
CONTAINER = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all",
             "--die-with-parent", "--new-session")
WANTED = (  # below the prefix; * is the directory of libraries, which has many names
    "bin/p11dbus", "bin/p11dbus-git-sign", "libexec/p11dbus-unload-probe",
    "libexec/p11dbus-supervisor", "libexec/p11dbus-keys", "*/pkcs11/p11dbus.so",
    "*/p11dbus/libp11dbus-keep.so", "share/dbus-1/services/org.p11dbus.Tokens1.service",
    "*/systemd/user/p11dbus.service", "share/p11-kit/modules/p11dbus.module",
    "share/dbus-1/interfaces/org.p11dbus.xml", "share/doc/p11dbus/LICENSE",
    "share/doc/p11dbus/README.md", "share/doc/p11dbus/NEWS.md", "share/man/man1/p11dbus-serve.1",
    "share/bash-completion/completions/p11dbus", "share/p11dbus/p11dbus.schema.json",
)


def run(*command, code=0, **options):
    """Runs a program that ends with code; returns all that it says."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120,
                          encoding="utf-8", check=False, **options)
    if done.returncode != code:
        raise AssertionError(f"exit {done.returncode} of {command}\n{done.stdout}")
    return done.stdout


def need(condition, *what):
    if not condition:
        raise AssertionError(" ".join(str(one) for one in what))


class Plan:
    """Prints TAP."""

    def __init__(self, count=0):
        self.count, self.failed = count, 0

    def check(self, what, act, *arguments):
        self.count += 1
        try:
            act(*arguments)
            print(f"ok {self.count} - {what}", flush=True)
        except AssertionError as error:
            self.failed += 1
            print(f"not ok {self.count} - {what}")
            print("\n".join("# " + line for line in str(error).splitlines()), flush=True)

    def end(self, skipped=""):
        """Prints the plan; returns the exit code."""
        if skipped:
            self.count += 1
            print(f"ok {self.count} - in its place # SKIP {skipped}")
        print(f"1..{self.count}")
        return 1 if self.failed else 0


# --- The files ---


class Stage:
    """A root into which all was installed."""

    def __init__(self, build, prefix, root):
        self.root, self.prefix = root, prefix
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root)
        self.files = [os.path.join(at, name) for at, _, names in os.walk(root) for name in names]

    def find(self, pattern):
        """The one file below the prefix that is meant."""
        wanted = re.compile(re.escape(f"{self.root}{self.prefix}/{pattern}").replace(r"\*", ".*"))
        found = [path for path in self.files if wanted.fullmatch(path)]
        need(len(found) == 1, pattern, "is", found, "of", self.files)
        return found[0]

    def read(self, pattern):
        with open(self.find(pattern), encoding="utf-8") as file:
            return file.read()

    def all_is_there(self):
        for pattern in WANTED:
            self.find(pattern)
        outside = [path for path in self.files if not path.startswith(self.root + self.prefix + "/")]
        need(not outside, "outside of the prefix:", outside)

    def files_name_what_is_installed(self):
        bus = self.read("share/dbus-1/services/org.p11dbus.Tokens1.service")
        unit = self.read("*/systemd/user/p11dbus.service")
        program = f"{self.prefix}/bin/p11dbus"
        need(f"\nExec={program} serve\n" in bus, bus)
        need("\nSystemdService=p11dbus.service\n" in bus, bus)
        need(f"\nName={NAME}\n" in bus and f"\nBusName={NAME}\n" in unit, bus, unit)
        need(f"\nExecStart={program} serve\n" in unit, unit)
        module = re.search(r"^module: (.*)$", self.read("share/p11-kit/modules/p11dbus.module"), re.M)
        installed = self.find("*/pkcs11/p11dbus.so")[len(self.root):]
        need(module[1] in (installed, "p11dbus.so"), module[1], "is not", installed)

    def nothing_of_the_build_tree_is_left(self):
        for path in self.files:
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    need("RUNPATH" not in run("readelf", "-d", path), path, "has a RUNPATH")

    def systemd_understands_the_unit(self):
        unit = os.path.join(self.root, "p11dbus.service")
        with open(unit, "w", encoding="utf-8") as file:
            file.write(self.read("*/systemd/user/p11dbus.service").replace(
                f"ExecStart={self.prefix}", f"ExecStart={self.root}{self.prefix}"))
        # The socket of the session bus, which not every system has whose users have a manager.
        for name, text in (("dbus.socket", "[Socket]\nListenStream=%t/bus\n"),
                           ("dbus.service", "[Service]\nExecStart=/bin/true\n")):
            with open(os.path.join(self.root, name), "w", encoding="utf-8") as file:
                file.write(text)
        said = run("systemd-analyze", "--user", "--man=no", "verify", unit,
                   env={**os.environ, "XDG_RUNTIME_DIR": self.root})
        need("p11dbus" not in said, said)


# --- In their place ---


class Bus:
    """A session bus that finds services where sessions do, for a user with a home of its own."""

    def __init__(self, *keys):
        self.home = tempfile.mkdtemp(prefix="p11dbus-home-")
        self.keys = os.path.join(self.home, ".local/share/p11dbus/keys")
        os.environ["HOME"] = self.home
        if keys:
            run(os.path.join(HERE, "..", "make-keys"), self.keys, *keys)
        self.process = subprocess.Popen(["dbus-daemon", "--session", "--nofork",
                                         "--address=unix:tmpdir=" + tempfile.gettempdir(),
                                         "--print-address=1"], stdout=subprocess.PIPE)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = self.process.stdout.readline().decode().strip()

    def owner(self):
        """The process that owns the name, or None."""
        done = subprocess.run(["gdbus", "call", "--session", "--dest", "org.freedesktop.DBus",
                               "--object-path", "/", "--method",
                               "org.freedesktop.DBus.GetConnectionUnixProcessID", NAME],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
                              check=False)
        found = re.match(r"\(uint32 (\d+),\)", done.stdout)
        return int(found[1]) if found else None

    def end(self):
        """Ends the bus, and waits until the service, which is of nobody's then, has ended too."""
        service = self.owner()
        ended = os.pidfd_open(service) if service else None
        self.process.terminate()
        self.process.wait()
        if ended:
            need(select.select([ended], [], [], 60)[0], "the service does not end with its bus")
            os.close(ended)


def first_call_starts_the_service():
    bus = Bus("release:p256")
    need(bus.owner() is None, "a service runs already")
    tokens = json.loads(run("p11dbus", "list", "--json"))["tokens"]
    need([one["label"] for one in tokens] == ["p11dbus"], tokens)
    need(bus.owner(), "no service was started")
    with open("data", "w", encoding="ascii") as file:
        file.write("signed\n")
    run("p11dbus", "sign", "-k", "pkcs11:token=p11dbus;object=release", "--force", "data")
    run("p11dbus", "verify", "--cert", f"{bus.keys}/release.crt", "-s", "data.sig", "data")
    bus.end()


def first_call_makes_the_directory():
    bus = Bus()
    tokens = json.loads(run("p11dbus", "list", "--json"))["tokens"]
    need([one["label"] for one in tokens] == ["p11dbus"], tokens)
    need(os.stat(bus.keys).st_mode & 0o7777 == 0o700, "the directory is open")
    bus.end()


def p11kit_shows_a_user_with_keys_the_token():
    bus = Bus("release:p256")
    modules = run("p11-kit", "list-modules")
    need(re.search(r"^ *token: p11dbus$", modules, re.M), modules)
    need(bus.owner(), "no service was started")
    listed = run("p11tool", "--list-tokens")
    need(re.search(r"URL: pkcs11:.*token=p11dbus\b", listed), listed)
    bus.end()


def p11kit_starts_nothing_without_keys():
    bus = Bus()
    modules = run("p11-kit", "list-modules")
    need(re.search(r"^(module: )?p11dbus\b", modules, re.M), modules)
    need("token: p11dbus" not in modules, modules)
    need(bus.owner() is None, "a service was started")
    need(os.listdir(bus.home) == [], os.listdir(bus.home), "was made")
    # GnuTLS asks for tokens because its user does, and has no use for what p11-kit's file says.
    listed = run("p11tool", "--list-tokens")
    need(re.search(r"URL: pkcs11:.*token=p11dbus\b", listed), listed)
    bus.end()


def inside(prefix, count):
    os.environ["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    os.chdir(tempfile.mkdtemp())
    plan = Plan(int(count))
    plan.check("the first call starts the service", first_call_starts_the_service)
    plan.check("the first call makes the directory of keys", first_call_makes_the_directory)
    # With a sanitizer preloaded p11-kit's own program hangs before it has loaded a module.
    if not os.environ.get("HOST_PRELOAD"):
        plan.check("p11-kit shows a user with keys the token",
                   p11kit_shows_a_user_with_keys_the_token)
        plan.check("p11-kit starts nothing without keys", p11kit_starts_nothing_without_keys)
    return plan.end()


def run_inside(stage, p11kit_modules, count):
    """Runs the second form where the staged files are in their places; returns its exit code."""
    scratch = os.path.join(stage.root, "scratch")
    os.mkdir(scratch)
    modules = os.path.dirname(stage.find("share/p11-kit/modules/p11dbus.module"))
    python = "/usr/bin/python3" if sys.executable.startswith(stage.prefix) else sys.executable
    environment = {**os.environ, "TMPDIR": scratch}
    for name in ("XDG_DATA_HOME", "XDG_DATA_DIRS", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    return subprocess.run(
        [*CONTAINER, "--bind", scratch, scratch, "--ro-bind", stage.root + stage.prefix, stage.prefix,
         "--ro-bind", modules, p11kit_modules, python, os.path.abspath(__file__), "--inside",
         stage.prefix, str(count)], env=environment, check=False).returncode


def why_not_inside(prefix):
    """Why the staged files cannot be put in their places, or nothing."""
    if prefix == "/usr" or not os.path.isdir(prefix) or HERE.startswith(prefix + "/"):
        return f"{prefix} cannot be another directory here"
    made = subprocess.run([*CONTAINER, "true"], stderr=subprocess.DEVNULL, check=False).returncode
    return "no container can be made here" if made else ""


def main(build, prefix, p11kit_modules):
    plan = Plan()
    with tempfile.TemporaryDirectory(prefix="p11dbus-stage-") as root:
        stage = Stage(build, prefix, root)
        plan.check("all is installed, below the prefix", stage.all_is_there)
        plan.check("files name what is installed", stage.files_name_what_is_installed)
        plan.check("nothing of the build tree is left", stage.nothing_of_the_build_tree_is_left)
        plan.check("systemd understands the unit", stage.systemd_understands_the_unit)
        reason = why_not_inside(prefix)
        if reason:
            return plan.end(skipped=reason)
        code = run_inside(stage, p11kit_modules, plan.count)
        return code or plan.failed


if __name__ == "__main__":
    sys.exit(inside(*sys.argv[2:]) if sys.argv[1] == "--inside" else main(*sys.argv[1:]))
