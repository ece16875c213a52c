# SPDX-License-Identifier: MIT
"""In a container: a uid that no database knows, no HOME, no environment."""

import os
import subprocess
import unittest

from harness import P11DBUS, SOFTHSM, SOMEBODY, Case, Result, Token, need_containers
from served import Bus, Service, make_keys

OWN = os.environ["P11DBUS_MODULE_SO"]


class Container(Case):
    def setUp(self):
        super().setUp()
        for name in ("passwd", "group"):
            self.write(name, mode=0o644)
        self.write("data", b"some data\n", mode=0o644)
        os.mkdir("empty", 0o700)

    def inside(self, code, *words, env=(), **options):
        settings = [word for name, value in env for word in ("--setenv", name, value)]
        done = subprocess.run(
            [*SOMEBODY, "--ro-bind", "passwd", "/etc/passwd", "--ro-bind", "group", "/etc/group",
             "--die-with-parent", "--clearenv", *settings, "--", P11DBUS, *words],
            check=False, capture_output=True, timeout=120, **options)
        result = Result(done)
        self.assertEqual(result.code, code, result)
        for word in ("GLib", "WARNING", "getpwuid", "home directory"):
            self.assertNotIn(word, result.err)
        return result

    def test_nothing_is_said_of_the_surroundings(self):
        for code, words in (
                (0, ["--help"]), (0, ["sign", "--help"]), (0, ["--version"]), (2, ["sgin"]),
                (0, ["list", "-m", OWN]),
                (0, ["list", "-m", OWN, "--bus", "session"]),
                (0, ["list", "-m", OWN, "--bus", "unix:runtime=yes;unix:path=/nonexistent"]),
                (7, ["sign", "-m", OWN, "-k", "pkcs11:object=web", "data"]),
                (3, ["verify", "--pubkey", "missing", "-s", "missing", "data"]),
                (7, ["list", "-m", "no-such-name"]), (0, ["complete", "--", "list", "-m", ""]),
                (0, ["complete", "--", "sign", "-m", OWN, "-k", ""]),
                (0, ["smoke", OWN, "--check", "info-strings"]), (7, ["serve", "--keys", "empty"]),
                (7, ["serve", "--keys", "empty", "--bus", "unix:path=/nonexistent"])):
            with self.subTest(words=words):
                self.inside(code, *words)

    @unittest.skipUnless(SOFTHSM, "no SoftHSM here")
    def test_a_module_of_others(self):
        """With a token of its own: those of the system are not for every user."""
        token = Token({})
        listed = self.inside(0, "list", "-m", SOFTHSM,
                             env=[("SOFTHSM2_CONF", token.path("softhsm2.conf"))])
        self.assertIn(b"Token demo", listed.out)

    def test_with_a_service(self):
        make_keys("keys", "p256")
        bus = Bus()
        self.addCleanup(bus.end)
        service = Service("--keys", "keys")
        self.addCleanup(service.end)
        env = (("DBUS_SESSION_BUS_ADDRESS", bus.address),)
        self.assertIn(b"Token keys", self.inside(0, "list", "-m", OWN, env=env).out)
        self.inside(0, "sign", "-m", OWN, "-k", "pkcs11:object=p256", "-o", "sig", "data", env=env)
        self.inside(0, "verify", "--cert", "keys/p256.crt", "-s", "sig", "data")


if __name__ == "__main__":
    need_containers()
    unittest.main(verbosity=2)
