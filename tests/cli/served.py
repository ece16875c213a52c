# SPDX-License-Identifier: MIT
"""Our own service on a private bus, for the tests that need one."""

import os
import signal
import subprocess
import tempfile

from harness import P11DBUS, check

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def make_keys(directory, *keys):
    """Makes a key directory; keys as tests/make-keys takes them."""
    check(os.path.join(TESTS, "make-keys"), directory, *keys)


class Bus:
    """A private session bus; this process and its children use it."""

    def __init__(self, *options):
        self.process = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address=1", *options],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.address = self.process.stdout.readline().decode().strip()
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = self.address

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Service:
    """p11dbus serve, which is ready once this returns; words: its further options."""

    def __init__(self, *words):
        read_end, write_end = os.pipe()
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [P11DBUS, "serve", "--ready-fd", str(write_end), *words], pass_fds=[write_end],
            stderr=self.errors)
        os.close(write_end)
        self.ready = os.read(read_end, 1) == b"\n"
        os.close(read_end)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.errors.seek(0)
        self.said = self.errors.read().decode()
        self.errors.close()
        return code

    def end_well(self):
        """Ends it, which must have been ready and have nothing to complain of."""
        code = self.end()
        if not self.ready or code != 0:
            raise AssertionError(f"serve: exit {code}: {self.said}")
