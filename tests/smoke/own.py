# SPDX-License-Identifier: MIT
"""Our own module passes every check, beside a service on a private bus."""

import json
import os
import subprocess

from harness import P11DBUS, check, main
from smokecase import SmokeCase

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
# A module that is built with a sanitizer needs its runtime in the probe, which is not.
PRELOAD = {"LD_PRELOAD": os.environ["HOST_PRELOAD"]} if os.environ.get("HOST_PRELOAD") else {}
# What it cannot do yet, and says so.
NOT_THERE = {"logout": "no key here needs a login"}


class Own(SmokeCase):
    def beside_a_service(self, *words, program=(P11DBUS,), locked=False, code=0):
        check(os.path.join(TESTS, "make-keys"), "keys", "rsa", "p256", "p384", "ed25519", "ed448",
              *(["locked:p256:123456"] if locked else []))
        done = subprocess.run([os.path.join(TESTS, "with-service"), P11DBUS, "keys", *program,
                               "smoke", "--json", "--no-input", *words], stdout=subprocess.PIPE,
                              check=False, env={**os.environ, **PRELOAD})
        self.assertEqual(done.returncode, code, done.stdout)
        return {row["id"]: row for row in json.loads(done.stdout)["checks"]}

    def test_it_passes_all(self):
        results = self.beside_a_service("--level", "write")
        for name, reason in NOT_THERE.items():
            self.assert_result(results.pop(name), "skip", reason)
        self.assert_all(results, "pass")
        self.assert_result(results["stays-mapped"], "pass", "leaves the module mapped")

    def test_the_bus_by_option(self):
        script = 'bus=$DBUS_SESSION_BUS_ADDRESS; unset DBUS_SESSION_BUS_ADDRESS; ' \
                 'exec "$@" --bus "$bus"'
        results = self.beside_a_service("--check", "times", "--check", "stale-*",
                                        program=("sh", "-c", script, "sh", P11DBUS))
        self.assert_all(results, "pass")
        self.assertIn("the first search", results["times"]["detail"])

    def test_a_key_that_wants_a_login_is_left_out(self):
        results = self.beside_a_service("--level", "sign", "--check", "sign-verify", locked=True)
        self.assert_result(results["sign-verify"], "pass")

    def test_only_keys_that_want_a_login(self):
        results = self.beside_a_service("pkcs11:object=locked", "--level", "sign", "--check",
                                        "sign-verify", locked=True, code=6)
        self.assert_result(results["sign-verify"], "skip", "no PIN was given")

    def test_without_a_service_it_passes_what_needs_none(self):
        results = self.results(4, env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent",
                                       **PRELOAD})
        for result in results.values():
            skipped = result["detail"] == "the module shows no token"
            self.assert_result(result, "skip" if skipped else "pass")


if __name__ == "__main__":
    main()
