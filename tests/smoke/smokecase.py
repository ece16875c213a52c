# SPDX-License-Identifier: MIT
"""What the tests of p11dbus smoke share.

$FAULTY_MODULE_SO is the module whose faults are chosen by name (faulty-module.c)."""

import os

from harness import KEYS, PIN, SOFTHSM, Case, Token  # noqa: F401 (for those that import us)

FAULTY = os.environ["FAULTY_MODULE_SO"]


class SmokeCase(Case):
    """Runs p11dbus smoke; token, if set, is the SoftHSM token that is used."""

    token = None

    def smoke(self, code, *words, **options):
        return self.expect(code, "smoke", "--no-input", *words, **options)

    def results(self, code, *words, **options):
        """The results by id, as JSON has them; the whole document is checked on the way."""
        document = self.smoke(code, "--json", *words, **options).json()
        self.assertEqual(sorted(document), ["checks", "gone", "info", "module", "schema",
                                            "summary", "untested"])
        self.assertEqual(document["schema"], 1)
        counted = dict.fromkeys(document["summary"], 0)
        for check in document["checks"]:
            self.assertEqual(set(check), {"detail", "harm", "id", "known", "level", "ms", "remedy",
                                          "reproduce", "section", "spec", "status"})
            counted[check["status"]] += 1
        self.assertEqual(counted, document["summary"])
        self.assertEqual(sorted(counted), ["crash", "fail", "hang", "pass", "skip", "warn"])
        return {check["id"]: check for check in document["checks"]}

    def faulty(self, code, fault, *words, runner=None, **options):
        """The same for the faulty module, with the PIN and with that fault."""
        environment = {"FAULT": fault, "FAULTY_MODULE": SOFTHSM, **options.pop("env", {})}
        return (runner or self.results)(code, FAULTY, "--level", "write", "--pin-file",
                                        self.token.pin_file, *words, env=environment, **options)

    def assert_result(self, result, status, detail=""):
        self.assertEqual(result["status"], status, result)
        self.assertRegex(result["detail"], detail or "^")

    def assert_all(self, results, status, but=()):
        """Every result has that status, apart from those that are named. How long things take says
        something of a busy machine too."""
        for name, result in results.items():
            if name == "times":
                self.assertIn(result["status"], (status, "warn"), result)
            elif name not in but:
                self.assertEqual(result["status"], status, result)


def list_checks(case, *words):
    """The rows of the table of checks."""
    return case.smoke(0, "--list-checks", "--json", *words).json()["available"]
