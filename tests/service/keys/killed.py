# SPDX-License-Identifier: MIT
"""Kills whoever writes to a key directory at every system call of the write, and has each of them
fail: what is there afterwards is what was there before, or what was to be there."""
import concurrent.futures
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

WRITER = sys.argv.pop(1)
HIDDEN = [".p11dbus-lock", ".p11dbus-token"]
# of a write, as libc makes them here and elsewhere
CALLS = ("openat", "unlinkat", "write", "fsync", "close", "rename", "renameat", "renameat2", "linkat", "unlink",
         "fchmod", "flock")


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

    def fresh(self, before):
        directory = tempfile.mkdtemp(dir=self.scratch)
        shutil.copytree(before, directory, dirs_exist_ok=True)
        return directory

    def make(self, passphrase, *actions):
        """A directory with a key, and what the actions of the writer made of it."""
        before = os.path.join(self.scratch, "before")
        os.mkdir(before, 0o700)
        command = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "old.key"]
        command += ["-aes-256-cbc", "-pass", f"pass:{passphrase}"] if passphrase else []
        subprocess.run(command, cwd=before, check=True, capture_output=True)
        os.chmod(os.path.join(before, "old.key"), 0o600)
        self.act(before, passphrase, *actions)
        return before

    def act(self, directory, passphrase, *actions):
        for action in actions:
            self.assertIn("result 0\n", write(directory, action, passphrase).stdout, action)

    def look(self, directory, passphrase):
        answer = write(directory, "look", passphrase)
        if answer.returncode == 3:
            return ["another PIN"]
        self.assertEqual(answer.returncode, 0, answer.stderr)
        left = [name for name in os.listdir(directory) if name.startswith(".") and name not in HIDDEN]
        self.assertEqual(left, [], "drafts are swept away")
        return sorted(answer.stdout.splitlines())

    def looks(self, directory, passphrases):
        return tuple(tuple(self.look(directory, passphrase)) for passphrase in passphrases)

    def calls_of(self, before, action, passphrase):
        """The system calls of the act that are about what it writes: each its name and how often it was made."""
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
                begun = (begun or "/act/begin" in line) and "/act/end" not in line
                # those that read are so many, and fail elsewhere
                reads = name == "close" or (name == "openat" and "O_CREAT" not in line)
                if begun and not reads and "/act/begin" not in line:
                    calls.append((name, counts[name]))
        self.assertIn("fsync", [name for name, _ in calls])
        return calls

    def check(self, action, passphrase=None, prepare=(), passphrases=None):
        """passphrases: by which it is looked at."""
        passphrases = passphrases or (passphrase,)
        before = self.make(passphrase, *prepare)
        old = self.looks(self.fresh(before), passphrases)
        directory = self.fresh(before)
        answer = write(directory, action, passphrase)
        self.assertIn("result 0\n", answer.stdout, answer.stderr)
        new = self.looks(directory, passphrases)
        self.assertNotEqual(old, new)
        seen = set()
        calls = self.calls_of(before, action, passphrase)

        def kill(call):
            name, when = call
            directory = self.fresh(before)
            answer = write(directory, action, passphrase, inject=f"{name}:signal=KILL:when={when}")
            now = self.looks(directory, passphrases)
            # What was read as it changed is read once more, so that not all runs have as many calls.
            self.assertIn(now, (old, new) if answer.returncode < 0 else (new,), call)
            seen.add(now)

        def fail(call):
            (name, when), error = call
            directory = self.fresh(before)
            answer = write(directory, action, passphrase, inject=f"{name}:error={error}:when={when}")
            self.assertEqual(answer.returncode, 0, (call, answer.stderr))
            now = self.looks(directory, passphrases)
            self.assertIn(now, (old, new), call)
            if now == old and "result 0\n" in answer.stdout:
                self.fail(f"said to be done, and is not: {call}")

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(kill, calls))
            list(pool.map(fail, zip(calls, itertools.cycle(("ENOSPC", "EIO")))))
        self.assertEqual(seen, {old, new}, "killed before and after")

    def test_pair_is_generated_behind_a_passphrase(self):
        self.check("generate", "secret")

    def test_locked_key_is_renamed(self):
        self.check("rename", "secret")

    def test_key_is_destroyed(self):
        self.check("destroy")

    def test_secret_key_is_generated_behind_a_passphrase(self):
        self.check("secret", "secret")

    def test_secret_key_is_copied(self):
        self.check("copy", prepare=["secret"])

    def test_data_are_created(self):
        self.check("data")

    def test_data_behind_a_passphrase_are_changed(self):
        self.check("change-data", "secret", prepare=["data"])

    def test_data_are_destroyed(self):
        self.check("destroy-data", prepare=["data"])

    def test_all_keys_have_the_old_pin_or_the_new_one(self):
        self.check("pin", "secret", prepare=["secret", "data"], passphrases=("secret", "changed"))

    def test_token_is_initialised_or_as_it_was(self):
        before = self.make(None)
        os.remove(os.path.join(before, "old.key"))
        self.act(before, None, "initialise", "generate", "data")
        self.make = lambda *_: before
        self.check("initialise")

    def test_first_pin_is_that_of_all_keys_or_of_none(self):
        before = self.make(None)
        os.remove(os.path.join(before, "old.key"))
        self.act(before, None, "initialise", "secret", "data")
        self.make = lambda *_: before
        self.check("first-pin", passphrases=(None, "secret", "wrong"))

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
