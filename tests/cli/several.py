# SPDX-License-Identifier: MIT
"""Several modules in one list: what is wrong with one is told, and the others are shown."""

import os
import shutil

from harness import KEYS, RUDE, SOFTHSM, Case, Token, check, main, needs_containers

token = Token({"p256": KEYS["p256"]}) if SOFTHSM else None
TRUST = os.path.join(check("pkg-config", "--variable=p11_module_path", "p11-kit-1").decode().strip(),
                     "p11-kit-trust.so")
TRUSTED = "System Trust"


class Several(Case):
    def list(self, code, *modules, rude="", words=(), **options):
        arguments = [word for module in modules for word in ("-m", module)]
        return self.expect(code, "list", "tokens", *arguments, *words,
                           env={"RUDE": rude, "RUDE_MODULE": SOFTHSM}, **options)

    def labels(self, result):
        return [one["label"] for one in result.json()["tokens"] if one["label"]]

    def test_all_of_them_are_shown(self):
        result = self.list(0, SOFTHSM, TRUST, words=["--json"])
        self.assertEqual(self.labels(result), ["demo", TRUSTED])
        modules = {one["label"]: one["module"] for one in result.json()["tokens"]}
        self.assertEqual(modules[TRUSTED], os.path.realpath(TRUST))
        table = self.list(0, SOFTHSM, TRUST).out.decode()
        self.assertIn("Token demo", table)
        self.assertIn(f"Token {TRUSTED}", table)

    def test_one_that_fails_is_told_and_the_others_go_on(self):
        result = self.list(7, "./none.so", SOFTHSM, words=["--json"])
        self.assertEqual(self.labels(result), ["demo"])
        error, = result.json()["errors"]
        self.assertEqual(error["code"], 7)
        self.assertIn("./none.so: cannot load the module", error["message"])
        self.assertIn("./none.so: cannot load the module", result.err)
        self.assertIn(b"Token demo", self.list(7, SOFTHSM, "./none.so").out)

    def test_one_that_crashes_or_hangs_does_neither_to_the_others(self):
        for rude, code, text in (("crash-at-start", 7, "crashed"), ("hang-at-start", 8, "in time")):
            with self.subTest(rude=rude):
                result = self.list(code, RUDE, TRUST, rude=rude,
                                   words=["--json", "--timeout", "5"] if code == 8 else ["--json"])
                self.assertEqual(self.labels(result), [TRUSTED])
                error, = result.json()["errors"]
                self.assertEqual(error["code"], code)
                self.assertIn(text, error["message"])
                self.assertIn(RUDE, error["message"])

    def test_whenever_it_fails_the_others_go_on(self):
        """Also where it was fine when it was looked at before."""
        ways = {"leave-at-start": (7, "ended the process"), "crash-at-second-start": (0, None),
                "crash-at-search": (7, "crashed (Segmentation fault)"),
                "crash-at-second-find": (0, None),
                "leave-at-search": (7, "ended the process"),
                "exit-at-search": (7, "ended the process"), "hang-at-search": (8, "in time")}
        for rude, (code, text) in ways.items():
            for command in (["list", "keys"], ["list", "objects", "--format", "uri"], ["audit"]):
                with self.subTest(rude=rude, command=command):
                    self.write("log")
                    env = {"RUDE": rude, "RUDE_MODULE": SOFTHSM, "RUDE_LOG": os.path.abspath("log")}
                    words = ["--timeout", "6"] if code == 8 else []
                    result = self.run_p11dbus(*command, "-m", RUDE, "-m", TRUST, *words, env=env)
                    if command[0] == "list" or code != 0:
                        self.assertEqual(result.code, code, result)
                    self.assertIn(b"token=System%20Trust", result.out)
                    self.assertEqual(b"token=demo" in result.out, code == 0)
                    self.assertIn(text or "", result.err)
                    self.assertEqual(result.err.count(RUDE) > 0, code != 0, result)

    def test_a_crash_is_among_the_errors_once(self):
        configuration = os.environ["SOFTHSM2_CONF"]
        two = Token({}, label="first")
        two.add_token("second")
        os.environ["SOFTHSM2_CONF"] = configuration
        env = {"RUDE": "crash-at-search", "RUDE_MODULE": SOFTHSM,
               "SOFTHSM2_CONF": two.path("softhsm2.conf")}
        for command in ("list", "audit"):
            result = self.expect(7, command, "-m", TRUST, "-m", RUDE, "--json", env=env)
            error, = result.json()["errors"]
            self.assertIn("crashed", error["message"])

    def test_one_that_crashes_at_the_login(self):
        result = self.expect(7, "list", "keys", "-m", TRUST, "-m", RUDE, "--token", "demo",
                             "--login", "--pin-file", token.pin_file, "--json",
                             env={"RUDE": "crash-at-login", "RUDE_MODULE": SOFTHSM})
        self.assertIn("crashed", result.err)
        self.assertGreater(len(result.json()["errors"]), 0)

    def test_mechanisms_and_exports(self):
        alone = self.expect(0, "list", "mechanisms", "-m", SOFTHSM, "--json").json()
        beside = self.expect(0, "list", "mechanisms", "-m", SOFTHSM, "-m", TRUST, "--json").json()
        mechanisms = {one["label"]: one["mechanisms"] for one in beside["tokens"]}
        for one in alone["tokens"]:
            self.assertEqual(mechanisms[one["label"]], one["mechanisms"])
        words = ("--export", "pem", "--token", "demo")
        self.assertEqual(self.expect(0, "list", "-m", TRUST, "-m", SOFTHSM, *words).out,
                         self.expect(0, "list", "-m", SOFTHSM, *words).out)

    def test_the_same_is_shown_as_of_one_module(self):
        words = ("--token", "demo", "--login", "--pin-file", token.pin_file, "--json")
        alone = self.expect(0, "list", "objects", "-m", SOFTHSM, *words).json()
        self.assertEqual(self.expect(0, "list", "objects", "-m", TRUST, "-m", SOFTHSM,
                                     *words).json(), alone)

    def test_the_exit_code_is_the_highest(self):
        self.list(8, "./none.so", RUDE, rude="hang-at-start", words=["--timeout", "3"])

    def test_a_token_that_fails_is_among_the_errors(self):
        result = self.expect(7, "list", "-m", RUDE, "-m", TRUST, "--json", "keys",
                             env={"RUDE": "device-error", "RUDE_MODULE": SOFTHSM})
        self.assertEqual({error["ckr"] for error in result.json()["errors"]}, {"CKR_DEVICE_ERROR"})
        self.assertIn(TRUSTED, self.labels(result))

    def test_where_all_fail_nothing_is_shown(self):
        result = self.list(7, "./none.so", "./no-other.so", words=["--json"])
        self.assertEqual(result.json()["tokens"], [])
        self.assertEqual(len(result.json()["errors"]), 2)

    def test_a_library_by_two_names_is_shown_once(self):
        os.symlink(SOFTHSM, "other.so")
        self.assertEqual(self.labels(self.list(0, SOFTHSM, "./other.so", SOFTHSM,
                                               words=["--json"])), ["demo"])

    def test_a_uri_that_matches_nothing_is_4(self):
        result = self.list(4, SOFTHSM, TRUST, words=["pkcs11:token=none", "--json"])
        self.assertIn("pkcs11:token=none", result.json()["error"]["message"])

    def test_what_is_for_one_module_is_refused(self):
        for option in (["--bus", "session"], ["--init-reserved", "x"]):
            self.assertIn(option[0], self.list(2, SOFTHSM, TRUST, words=option).err)

    def test_a_login_is_for_the_one_token_that_needs_it(self):
        result = self.expect(0, "list", "-m", TRUST, "-m", SOFTHSM, "keys", "--login", "--pin-file",
                             token.pin_file, "--json")
        classes = {entry["class"] for one in result.json()["tokens"] for entry in one["objects"]}
        self.assertEqual(classes, {"private-key", "public-key"})

    @needs_containers
    def test_all_is_what_p11_kit_has_configured(self):
        for place in ("machine", "packages"):
            os.mkdir(place)
        self.write("packages/good.module", f"module: {SOFTHSM}\n", 0o644)
        self.write("packages/bad.module", "module: /nowhere/none.so\n", 0o644)
        self.write("packages/others.module", f"module: {RUDE}\ndisable-in: p11dbus\n", 0o644)
        config = check("pkg-config", "--variable=sysconfdir", "p11-kit-1").decode().strip()
        packages = check("pkg-config", "--variable=p11_module_configs", "p11-kit-1").decode().strip()
        inside = ("bwrap", "--dev-bind", "/", "/", "--bind", "machine", config, "--bind", "packages",
                  packages)
        result = self.list(7, "all", words=["--json"], prefix=inside)
        self.assertEqual(self.labels(result), ["demo"])
        error, = result.json()["errors"]
        self.assertIn("bad: cannot load the module: ", error["message"])
        self.assertIn("others is left out", result.err)
        self.write("packages/others.module", f"module: {RUDE}\n", 0o644)
        result = self.list(7, "all", words=["--json"], prefix=inside, rude="wants-reserved")
        hints = {error["message"].split(":")[0]: error["hint"]
                 for error in result.json()["errors"]}
        self.assertIn("disable-in: p11dbus", hints["others"])
        shutil.rmtree("packages")
        os.mkdir("packages")
        self.assertIn("no module configured", self.list(7, "all", prefix=inside).err)


if __name__ == "__main__":
    main()
