# SPDX-License-Identifier: MIT
"""Kills whoever writes to a key directory at every system call of the write, and has each of them
fail: what is there afterwards is what was there before, or what was to be there."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

WRITER = sys.argv.pop(1)
DRAFT = ".p11dbus-draft"
# of a write, as libc makes them here and elsewhere
CALLS = ("openat", "unlinkat", "write", "fsync", "close", "rename", "renameat", "renameat2", "linkat", "unlink")


def write(directory, action, passphrase=None, inject=None, log=None):
    command = [WRITER, directory, action] + ([passphrase] if passphrase else [])
    if inject or log:
        strace = ["strace", "-qq", "-o", log or "/dev/null", "-e", "trace=" + ",".join("?" + call for call in CALLS)]
        command = strace + (["-e", f"inject={inject}"] if inject else []) + ["--"] + command
    # leak checkers cannot work below strace
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=60)


class Killed(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.number = 0

    def fresh(self, before):
        self.number += 1
        directory = os.path.join(self.scratch, "keys")
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(before, directory)
        return directory

    def make(self, passphrase):
        before = os.path.join(self.scratch, "before")
        os.mkdir(before, 0o700)
        command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "old.key"]
        command += ["-aes-256-cbc", "-pass", f"pass:{passphrase}"] if passphrase else []
        subprocess.run(command, cwd=before, check=True, capture_output=True)
        os.chmod(os.path.join(before, "old.key"), 0o600)
        return before

    def look(self, directory, passphrase):
        answer = write(directory, "look", passphrase)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertFalse(os.path.exists(os.path.join(directory, DRAFT)), "drafts are swept away")
        return sorted(answer.stdout.splitlines())

    def calls_of(self, before, action, passphrase):
        """The system calls from the first that is about the draft on: each its name and how often it was made."""
        log = os.path.join(self.scratch, "log")
        answer = write(self.fresh(before), action, passphrase, log=log)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        counts, calls, begun = {}, [], False
        with open(log, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                found = re.match(r"(\w+)\(", line)
                if not found:
                    continue
                name = found[1]
                counts[name] = counts.get(name, 0) + 1
                # the first is that of the sweep, when the directory is opened
                begun = begun or (counts.get("fsync", 0) == 0 and DRAFT in line and "O_CREAT" in line)
                begun = begun or (action == "destroy" and "old.key" in line and name == "unlinkat")
                if begun:
                    calls.append((name, counts[name]))
        self.assertIn("fsync", counts)
        return calls

    def check(self, action, passphrase=None):
        before = self.make(passphrase)
        old = self.look(self.fresh(before), passphrase)
        directory = self.fresh(before)
        answer = write(directory, action, passphrase)
        self.assertIn("result 0", answer.stdout)
        new = self.look(directory, passphrase)
        self.assertNotEqual(old, new)
        seen = set()
        calls = self.calls_of(before, action, passphrase)
        for name, when in calls:
            directory = self.fresh(before)
            answer = write(directory, action, passphrase, inject=f"{name}:signal=KILL:when={when}")
            self.assertLess(answer.returncode, 0, (name, when))
            now = self.look(directory, passphrase)
            self.assertIn(now, (old, new), (name, when))
            seen.add(tuple(now))
        self.assertEqual(seen, {tuple(old), tuple(new)}, "killed before and after")
        for name, when in calls:
            for error in ("ENOSPC", "EIO"):
                directory = self.fresh(before)
                answer = write(directory, action, passphrase, inject=f"{name}:error={error}:when={when}")
                self.assertEqual(answer.returncode, 0, (name, when, error, answer.stderr))
                now = self.look(directory, passphrase)
                self.assertIn(now, (old, new), (name, when, error))
                if now == old and "result 0" in answer.stdout:
                    self.fail(f"said to be done, and is not: {name} {when} {error}")

    def test_pair_is_generated(self):
        self.check("generate")

    def test_pair_is_generated_behind_a_passphrase(self):
        self.check("generate", "secret")

    def test_key_is_renamed(self):
        self.check("rename")

    def test_locked_key_is_renamed(self):
        self.check("rename", "secret")

    def test_key_is_destroyed(self):
        self.check("destroy")

    def opens(self, directory, name, passphrase):
        command = ["openssl", "pkey", "-in", name, "-passin", f"pass:{passphrase}", "-noout"]
        return subprocess.run(command, cwd=directory, capture_output=True, check=False).returncode == 0

    def test_each_key_has_the_old_or_the_new_passphrase(self):
        before = self.make("secret")
        shutil.copy(os.path.join(before, "old.key"), os.path.join(before, "second.key"))
        names, seen = ("old.key", "second.key"), set()
        for name, when in self.calls_of(before, "pin", "secret"):
            directory = self.fresh(before)
            answer = write(directory, "pin", "secret", inject=f"{name}:signal=KILL:when={when}")
            self.assertLess(answer.returncode, 0, (name, when))
            changed = [self.opens(directory, each, "changed") for each in names]
            old = [self.opens(directory, each, "secret") for each in names]
            self.assertEqual([is_new != is_old for is_new, is_old in zip(changed, old)], [True, True], (name, when))
            seen.add(sum(changed))
            again = write(directory, "pin", "secret" if any(old) else "changed")
            if any(old):
                self.assertIn("result 0\n", again.stdout, "the same change once more")
            self.assertTrue(all(self.opens(directory, each, "changed") for each in names))
        self.assertEqual(seen, {0, 1, 2})

    def test_full_disk_is_an_error_of_its_own(self):
        before = self.make(None)
        old = self.look(self.fresh(before), None)
        counts = dict(self.calls_of(before, "generate", None))
        directory = self.fresh(before)
        answer = write(directory, "generate", inject=f"fsync:error=ENOSPC:when={counts['fsync'] - 1}")
        self.assertIn("result 31\n", answer.stdout, "CKR_DEVICE_MEMORY")
        self.assertIn("No space left on device", answer.stderr)
        self.assertEqual(self.look(directory, None), old)

    def test_without_a_rename_that_replaces_nothing(self):
        before = self.make(None)
        directory = self.fresh(before)
        answer = write(directory, "generate", inject="renameat2:error=EINVAL")
        self.assertIn("result 0\n", answer.stdout)
        self.assertIn("private-key new signs", self.look(directory, None))


if __name__ == "__main__":
    unittest.main(verbosity=2)
