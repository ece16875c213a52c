# SPDX-License-Identifier: MIT
"""A shell at a terminal, in whose lines tests press the tab key."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import time

PROMPT = b"READY> "
DONE = b"=DONE="
DEADLINE = 60  # seconds, for what takes none


class Shell:
    """An interactive shell; in it, p11dbus is a function that writes its arguments to a file."""

    def __init__(self, words, directory, env):
        self.arguments = os.path.join(directory, "arguments")
        self.seen = b""
        self.terminal, other = pty.openpty()
        self.process = subprocess.Popen(
            words, stdin=other, stdout=other, stderr=other, cwd=directory, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "vt100", "COLUMNS": "400", "ARGUMENTS": self.arguments,
                 **env})
        os.close(other)
        self.wait(PROMPT)

    def wait(self, text):
        """Reads what the shell prints until text was in it."""
        end = time.monotonic() + DEADLINE
        while text not in self.seen:
            if not select.select([self.terminal], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {text!r} but {self.seen!r}")
            self.seen += os.read(self.terminal, 65536)
        before, _, self.seen = self.seen.partition(text)
        return before

    def type(self, keys):
        """Types keys and return; returns the arguments that p11dbus got."""
        os.write(self.terminal, keys.encode() + b"\r")
        self.wait(DONE)
        with open(self.arguments, encoding="utf-8") as file:
            arguments = file.read().split("\n")[:-1]
        self.wait(PROMPT)
        return arguments

    def end(self):
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)
