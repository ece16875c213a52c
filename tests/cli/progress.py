# SPDX-License-Identifier: MIT
"""The bar that shows how far long reading is: on a terminal, after a second, and nowhere else."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from harness import KEYS, P11DBUS, SOFTHSM, Case, Token, main, openssl_verify

token = Token({"rsa": KEYS["rsa"]}) if SOFTHSM else None
PIECE = bytes(1 << 16)


class Run:
    """p11dbus sign of what is fed to its standard input, with stderr on a pseudo-terminal."""

    def __init__(self, *words, columns=80, environment=None):
        self.terminal, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.process = subprocess.Popen(
            [P11DBUS, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=rsa", "--pin-file",
             token.pin_file, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave,
            env={**os.environ, "TERM": "xterm", **(environment or {})}, start_new_session=True)
        os.close(slave)
        self.seen = b""
        self.fed = 0

    def look(self, seconds):
        """Takes what appears on the terminal within seconds; whether there was any."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            self.seen += os.read(self.terminal, 65536)
        except OSError:  # the other end is closed
            return False
        return True

    def feed(self, until):
        """Feeds it, slowly, until that is true; at most 30 seconds long."""
        end = time.monotonic() + 30
        while not until() and time.monotonic() < end:
            self.process.stdin.write(PIECE)
            self.process.stdin.flush()
            self.fed += len(PIECE)
            self.look(0.02)

    def end(self):
        out = self.process.communicate(timeout=60)[0]
        while self.look(0):
            pass
        os.close(self.terminal)
        return out


class Progress(Case):
    def finish(self, run):
        signature = run.end()
        self.assertEqual(run.process.returncode, 0, run.seen)
        self.write("signature", signature)
        self.write("data", bytes(run.fed))
        self.assertTrue(openssl_verify(token.public("rsa"), "signature", "data"))

    def test_a_bar_appears_and_goes_away(self):
        run = Run()
        run.feed(lambda: run.seen.count(b"\r") >= 3)
        self.assertIn(b"standard input", run.seen)
        self.assertIn(b"a second", run.seen)
        self.finish(run)
        self.assertTrue(run.seen.endswith(b"\r\033[K"), run.seen)

    def test_it_fits_a_narrow_terminal(self):
        run = Run(columns=30)
        run.feed(lambda: run.seen.count(b"\r") >= 3)
        self.finish(run)
        for line in run.seen.decode().replace("\033[K", "").split("\r"):
            self.assertLess(len(line), 30)

    def test_no_bar_where_nobody_wants_one(self):
        for words, environment in ((["-q"], {}), ([], {"TERM": "dumb"})):
            with self.subTest(words=words, environment=environment):
                run = Run(*words, environment=environment)
                start = time.monotonic()
                run.feed(lambda: run.seen or time.monotonic() - start > 1.5)
                self.finish(run)
                self.assertEqual(run.seen, b"")


if __name__ == "__main__":
    main()
