# SPDX-License-Identifier: MIT
"""module.conf as an administrator writes it, for a host and for p11dbus itself.

$P11DBUS_MODULE_CONF is its path; a file of ours is there in a mount namespace."""

import os
import shutil
import subprocess
import unittest

from harness import HOST, P11DBUS, Case, need_containers
from served import Bus, Service, make_keys

MODULE = os.environ["P11DBUS_MODULE_SO"]
CONF = os.environ["P11DBUS_MODULE_CONF"]
OTHER = "org.example.Other"


class Settings(Case):
    def setUp(self):
        super().setUp()
        make_keys("keys", "ec:p256")
        make_keys("other", "ec:p256")
        bus = Bus()
        self.addCleanup(bus.end)
        for words in ["--keys", "keys"], ["--keys", "other", "--name", OTHER]:
            service = Service(*words)
            self.addCleanup(service.end)
            self.assertTrue(service.ready)
        self.write("data")

    def confine(self, text):
        """The words that run a command where module.conf is text."""
        base = os.path.dirname(CONF)
        while not os.path.isdir(base):
            base = os.path.dirname(base)
        copy = os.path.join(self.directory, "etc")
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", base, copy], stderr=subprocess.DEVNULL, check=False)
        place = os.path.join(copy, os.path.relpath(CONF, base))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        self.write(place, text, 0o644)
        return ["bwrap", "--dev-bind", "/", "/", "--ro-bind", copy, base, "--die-with-parent"]

    def run_in(self, text, *command):
        done = subprocess.run([*self.confine(text), *command], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120, check=False,
                              env={**os.environ, "P11DBUS_DEBUG": "state"})
        return done.returncode, done.stdout.decode()

    def host(self, text):
        """The tokens that a host sees, and all that was said."""
        said = self.run_in(text, "env", *(f"{name}={value}" for name, value in HOST.items()),
                           "pkcs11-tool", "--module", MODULE, "-L")[1]
        self.assertIn("Available slots", said)
        return [label for label in ("keys", "other") if f": {label}\n" in said], said

    def test_what_it_says_counts(self):
        self.assertEqual(self.host("")[0], ["keys"])
        self.assertEqual(self.host(f"name={OTHER}\nautostart=no\n")[0], ["other"])
        code, said = self.run_in(f"name={OTHER}\n", P11DBUS, "list", "tokens")
        self.assertEqual(code, 0)
        self.assertIn("other", said)

    def test_a_mistake_leaves_no_slots_and_says_where_it_is(self):
        for text, place in (("# ours\nname=bad..name\n", ":2: name=bad..name"),
                            (f"name={OTHER}\ncolour=red\n", ':2: there is no setting "colour"'),
                            (f"name='{OTHER}\n", ":1: a quotation mark"),
                            ("#" * 4097, ": is longer")):
            with self.subTest(text=text[:40]):
                seen, said = self.host(text)
                self.assertEqual(seen, [])
                self.assertIn(CONF + place, said)
                code, said = self.run_in(text, P11DBUS, "sign", "-k", "pkcs11:object=ec", "data")
                self.assertNotEqual(code, 0, said)
                self.assertFalse(os.path.exists("data.sig"))


if __name__ == "__main__":
    need_containers()
    unittest.main(verbosity=2)
