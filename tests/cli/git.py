# SPDX-License-Identifier: MIT
"""p11dbus-git-sign: git signs with a key on a token, and ssh-keygen checks it as ever."""

import os
import subprocess
import unittest

from harness import P11DBUS, Case, check
from served import Bus, Service, make_keys

GOOD = 'Good "git" signature for release@example.org'
COMMIT = ["commit", "-q", "-S", "--allow-empty", "-m", "message"]


class Git(Case):
    """A repository, and a token "keys" with the keys "release" and, behind a passphrase,
    "locked"."""

    def setUp(self):
        super().setUp()
        make_keys("keys", "release:p384", "locked:p256:open sesame")
        bus = Bus()
        self.addCleanup(bus.end)
        service = Service("--keys", "keys")
        self.addCleanup(service.end)
        self.assertTrue(service.ready)
        self.key = self.expect(0, "list", "keys", "pkcs11:object=release", "--export",
                               "ssh").out.decode()
        self.write("allowed", "release@example.org " + self.key)
        self.git(0, "init", "-q")
        for name, value in (("user.name", "Release"), ("user.email", "release@example.org"),
                            ("user.signingKey", "pkcs11:token=keys;object=release"),
                            ("gpg.format", "ssh"), ("gpg.ssh.program", "p11dbus-git-sign"),
                            ("gpg.ssh.allowedSignersFile", os.path.abspath("allowed"))):
            self.git(0, "config", name, value)

    def git(self, code, *words, **more):
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM":
                       "/dev/null", "PATH": os.path.dirname(P11DBUS) + ":" + os.environ["PATH"]}
        done = subprocess.run(["git", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**environment, **more}, check=False, start_new_session=True)
        self.assertEqual(min(done.returncode, 1), code, done.stdout)
        return done.stdout.decode()

    def test_commits_and_tags(self):
        self.git(0, *COMMIT)
        self.assertIn(GOOD, self.git(0, "verify-commit", "HEAD"))
        self.assertIn(GOOD, self.git(0, "log", "-1", "--show-signature"))
        self.git(0, "tag", "-s", "-m", "message", "v1")
        self.assertIn(GOOD, self.git(0, "verify-tag", "v1"))

    def test_allowed_signers_are_asked(self):
        self.git(0, *COMMIT)
        self.write("allowed", "other@example.org " + self.key)
        self.assertNotIn(GOOD, self.git(0, "verify-commit", "HEAD"))
        self.write("allowed", "")
        self.git(1, "verify-commit", "HEAD")

    def test_what_cannot_be_signed_is_not_committed(self):
        said = self.git(1, "-c", "user.signingKey=pkcs11:object=none", *COMMIT,
                        P11DBUS_PIN="open sesame")
        self.assertIn("no private key matches", said)
        self.git(1, "rev-parse", "--verify", "HEAD")

    def test_a_pin_comes_from_where_it_always_comes(self):
        words = ["-c", "user.signingKey=pkcs11:object=locked", *COMMIT]
        self.assertIn("no terminal", self.git(1, *words))
        self.git(0, *words, P11DBUS_PIN="open sesame")

    def test_a_key_in_a_file_is_for_ssh_keygen(self):
        check("ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", "id")
        with open("id.pub", encoding="ascii") as file:
            self.write("allowed", "release@example.org " + file.read())
        self.git(0, "-c", "user.signingKey=" + os.path.abspath("id"), *COMMIT)
        self.assertIn(GOOD, self.git(0, "verify-commit", "HEAD"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
