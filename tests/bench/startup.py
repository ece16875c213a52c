# SPDX-License-Identifier: MIT
"""What it takes to start: p11dbus list on a running service, against p11-kit and p11tool that list the
tokens of the same module, taken in turn, so that the ratios hold on a noisy machine; and one more
service until it is ready.

usage: startup.py P11DBUS MODULE P11_KIT_CONFIGS
  P11_KIT_CONFIGS: the directory in which packages tell p11-kit of their modules. It is replaced by
  one that names our module alone (in a container), and measured as it is too."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 100
HERE = os.path.dirname(os.path.abspath(__file__))


def p11_kit_command():
    """p11-kit before 0.25 has no list-tokens; its list-modules lists their tokens too."""
    text = subprocess.run(["p11-kit", "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False).stdout
    return "list-tokens" if b"list-tokens" in text else "list-modules"


def seconds(command):
    quiet = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_WRONLY, 0) for fd in (1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    took = time.perf_counter() - begin
    if code != 0:
        sys.exit(f"{command}: exit {code}")
    return took


def seconds_until_ready(p11dbus, keys):
    """One more service on this bus, under a name of its own."""
    read_end, write_end = os.pipe()
    begin = time.perf_counter()
    service = subprocess.Popen(
        [p11dbus, "serve", "--quiet", "--keys", keys, "--name", "org.p11dbus.Startup",
         "--ready-fd", str(write_end)], pass_fds=[write_end])
    os.close(write_end)
    ready = os.read(read_end, 1)
    took = time.perf_counter() - begin
    os.close(read_end)
    service.terminate()
    if service.wait() != 0 or not ready:
        sys.exit("p11dbus serve does not get ready")
    return took


def measure(title, p11dbus, module, keys):
    subjects = {
        "p11dbus list": [p11dbus, "list"],
        "p11dbus list tokens": [p11dbus, "list", "tokens"],
        "p11dbus --help": [p11dbus, "--help"],
        "p11dbus complete COMMAND": [p11dbus, "complete", "--", ""],
        "p11dbus complete KEY": [p11dbus, "complete", "--", "sign", "-k", ""],
        "p11dbus serve, ready": None,
        "p11-kit " + p11_kit_command(): ["p11-kit", p11_kit_command()],
        "p11tool --list-tokens": ["p11tool", "--provider", module, "--list-tokens"],
    }
    times = {name: [] for name in subjects}
    for run in range(-3, RUNS):  # the first ones warm up
        for name, command in subjects.items():
            took = seconds(command) if command else seconds_until_ready(p11dbus, keys)
            if run >= 0:
                times[name].append(took)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"\n{title}: medians of {RUNS} runs, taken in turn")
    for name, value in medians.items():
        print(f"  {name:24} {1000 * value:8.2f} ms   "
              f"p11dbus list = {medians['p11dbus list'] / value:.2f} x")
    sys.stdout.flush()


def main(p11dbus, module, configs):
    p11dbus, module = os.path.abspath(p11dbus), os.path.abspath(module)
    with tempfile.TemporaryDirectory() as directory:
        keys, alone, beside = (os.path.join(directory, name) for name in ("keys", "alone", "beside"))
        subprocess.run([os.path.join(HERE, "..", "make-keys"), keys, "p256", "rsa", "ed25519"],
                       check=True)
        os.mkdir(alone)
        shutil.copytree(configs, beside)
        for title, directory in (("p11-kit with our module alone", alone),
                                 ("p11-kit with ours beside those of this machine", beside)):
            with open(os.path.join(directory, "p11dbus.module"), "w", encoding="utf-8") as file:
                file.write(f"module: {module}\n")
            subprocess.run([os.path.join(HERE, "..", "with-service"), p11dbus, keys,
                            "bwrap", "--dev-bind", "/", "/", "--bind", directory, configs,
                            sys.executable, os.path.abspath(__file__), p11dbus, module,
                            "--measure", title, keys], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 6 and sys.argv[3] == "--measure":
        measure(sys.argv[4], *sys.argv[1:3], sys.argv[5])
    else:
        main(*sys.argv[1:4])
