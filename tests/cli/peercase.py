# SPDX-License-Identifier: MIT
"""A row of the table of peers: what a tool that people use today did, and what is done here."""

import os
import shutil
import subprocess

from harness import Case

rows = []


def print_rows():
    print("\n\nrow | the peer | here")
    for row in rows:
        print(" | ".join(row))


class PeerCase(Case):
    def setUp(self):
        super().setUp()
        self.done = []

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
