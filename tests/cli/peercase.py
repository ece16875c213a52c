# SPDX-License-Identifier: MIT
"""What the tools that people use today get wrong, row by row: each test runs such a tool with the
same SoftHSM token, notes what it did, and asserts what p11dbus does. What a tool does is not asserted:
it may have been mended. Each program prints the table of its rows at the end."""

import os
import shutil
import subprocess

from harness import KEYS, PIN, SOFTHSM, Case, Token

RSA = "pkcs11:token=demo;object=rsa"
P256 = "pkcs11:token=demo;object=p256"
TOOL = ("--module", SOFTHSM, "--login", "--pin", PIN, "--token-label", "demo")
token = Token({name: KEYS[name] for name in ("rsa", "p256")}) if SOFTHSM else None
rows = []


def print_rows():
    print("\n\nrow | the peer | here")
    for row in rows:
        print(" | ".join(row))


class PeerCase(Case):
    def setUp(self):
        super().setUp()
        self.done = []
        self.write("data", b"some data\n")
        self.write("other", b"other data\n")

    def p11dbus(self, code, command, *words, module=SOFTHSM, **options):
        pin = ("--pin-file", token.pin_file) if command == "sign" else ()
        return self.expect(code, command, "-m", module, *pin, *words, **options)

    def rude(self, behaviour):
        """The environment in which the rude module does so, and the log of what is called."""
        self.write("log")
        return {"RUDE": behaviour, "RUDE_MODULE": SOFTHSM, "RUDE_LOG": os.path.abspath("log")}

    def peer(self, *command, env=None, stdin=subprocess.DEVNULL):
        """Runs a tool without a terminal; returns how it ended, or None if it is not installed."""
        if not shutil.which(command[0]):
            self.done.append(f"{command[0]}: not installed")
            return None
        return subprocess.run(command, stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**os.environ, **(env or {})},
                              start_new_session=True, timeout=120, check=False)

    def note(self, text):
        """Adds to what is said of the peer."""
        self.done.append(text)

    def note_exit(self, name, done, more=""):
        if done:
            how = f"exit {done.returncode}" if done.returncode >= 0 else \
                f"dies of signal {-done.returncode}"
            self.note(f"{name}: {how}{more}")

    def here(self, text):
        """Ends a row, once all was asserted."""
        row = self.id().split("test_")[1].replace("_", " ")
        rows.append((row, "; ".join(self.done), text))
