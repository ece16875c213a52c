# SPDX-License-Identifier: MIT
"""p11dbus smoke as its users see it: what is chosen, what is printed, the exit code, the PIN."""

import os
import pty
import re
import shlex
import shutil
import subprocess
from xml.etree import ElementTree

from harness import NOT_ROOT, PIN, P11DBUS, RUDE, Terminal, check, main, needs_containers
from smokecase import FAULTY, KEYS, SOFTHSM, SmokeCase, Token, list_checks

QUICK = ("--check", "info-strings", "--check", "size-lists")


class Choosing(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({"p256": KEYS["p256"]})

    def test_list_of_checks(self):
        rows = list_checks(self)
        names = [row["id"] for row in rows]
        self.assertEqual(len(names), len(set(names)))
        for row in rows:
            self.assertRegex(row["id"], "^[a-z-]+$")
            self.assertIn(row["level"], ("load", "read", "sign", "write"))
            self.assertIn(row["needs"], ("nothing", "a token", "a private key"))
            self.assertRegex(row["harm"], r"^[A-Z].*\.$")
            self.assertTrue(row["spec"])
        text = self.smoke(0, "--list-checks").out.decode()
        for name in names:
            self.assertRegex(text, f"(?m)^{name} ")
        self.assertEqual([row["id"] for row in list_checks(self, "--check", "fork-*", "--skip",
                                                           "*-sign")],
                         ["fork-child", "fork-parent"])

    def test_levels_include_those_before_them(self):
        counts = []
        for level in ("load", "read", "sign", "write"):
            rows = list_checks(self, "--level", level)
            counts.append(len(rows))
            self.assertIn(level, {row["level"] for row in rows})
        self.assertEqual(counts, sorted(set(counts)))

    def test_read_is_the_usual_level(self):
        results = self.results(0, SOFTHSM)
        self.assertEqual(list(results),
                         [row["id"] for row in list_checks(self, "--level", "read")])

    def test_results_come_in_the_order_of_the_table_whatever_runs_beside_what(self):
        alone = self.results(0, SOFTHSM, "--skip", "unload*")
        beside = self.results(0, SOFTHSM, "--skip", "unload*", "--jobs", "8")
        self.assertEqual(list(alone), list(beside))
        self.assertEqual([row["status"] for row in alone.values()],
                         [row["status"] for row in beside.values()])

    def test_what_logs_in_does_not_disturb_what_runs_beside_it(self):
        for _ in range(3):
            self.assert_all(self.results(0, SOFTHSM, "--level", "sign", "--check", "sign-*",
                                         "--check", "*-attributes", "--check", "stale-*",
                                         "--pin-file", self.token.pin_file, "--jobs", "8"), "pass")

    def test_usage_errors(self):
        for words in (["--check", "nonsense"], ["--skip", "nonsense"], ["--level", "high"],
                      ["--check", "sign-verify", "--level", "load"], ["--jobs", "0"],
                      ["--json", "--tap"], ["--junit", "--tap"], ["--json", "--junit"], [SOFTHSM, SOFTHSM], [SOFTHSM, "-m", SOFTHSM],
                      ["pkcs11:nonsense=1"], ["pkcs11:", "pkcs11:"], [SOFTHSM, "--bus", "session"],
                      ["--check", "*", "--skip", "*"]):
            with self.subTest(words=words):
                self.smoke(2, *words)

    def test_a_module_that_cannot_be_loaded_is_7(self):
        self.write("text.so", "no library")
        for module in ("/nonexistent.so", "./text.so", "libz.so.1", "no-such-name"):
            with self.subTest(module=module):
                self.assertIn("cannot load the module", self.smoke(7, module).err)
                error = self.smoke(7, module, "--json").json()["error"]
                self.assertEqual(error["code"], 7)
        self.smoke(7, RUDE, env={"RUDE_MODULE": "/nonexistent.so"})

    @needs_containers
    def test_the_module_by_option_and_by_name(self):
        os.makedirs("config/pkcs11/modules")
        self.write("config/pkcs11/modules/mine.module", f"module: {SOFTHSM}\n")
        environment = {"XDG_CONFIG_HOME": os.path.abspath("config")}
        for words in (["-m", SOFTHSM], ["mine"], ["-m", "mine"]):
            self.assert_all(self.results(0, *words, *QUICK, env=environment, prefix=NOT_ROOT),
                            "pass")

    def test_a_uri_chooses_the_token(self):
        here = self.results(0, SOFTHSM, "pkcs11:token=demo", "--check", "stale-session")
        self.assert_result(here["stale-session"], "pass")
        gone = self.results(4, SOFTHSM, "pkcs11:token=other", "--check", "stale-session")
        self.assert_result(gone["stale-session"], "skip", "no token is like that")

    def test_what_was_not_looked_for_is_not_gone(self):
        """A glob may mean a check that was left out, and a URI leaves tokens out."""
        self.write("known", "* *never* # old\ninfo-strings *never* # old\nstale-* *never* # old\n")
        words = ("--known", "known", "--json", "--check", "stale-*", "--check", "info-strings")
        for more, gone in (([], ["info-strings *never*", "stale-* *never*"]),
                           (["--skip", "stale-object"], ["info-strings *never*"]),
                           (["pkcs11:token=demo"], ["info-strings *never*"])):
            with self.subTest(more=more):
                self.assertEqual(self.smoke(0, SOFTHSM, *words, *more).json()["gone"], gone)


class Untested(SmokeCase):
    """What could not be tested is said once, in the headline, and is never exit 0."""

    @classmethod
    def setUpClass(cls):
        cls.token = Token({"p256": KEYS["p256"]})

    def assert_untested(self, code, why, *words, **options):
        text = self.smoke(code, *words, **options).out.decode()
        self.assertEqual(len(re.findall("(?m)^  NOT TESTED: ", text)), 1, text)
        self.assertRegex(text, f"(?m)^  NOT TESTED: .*{why}")
        self.assertRegex(self.smoke(code, *words, "-q", **options).err, why)
        self.assertRegex(self.smoke(code, *words, "--tap", **options).out.decode(),
                         f"(?m)^# NOT TESTED: .*{why}")
        document = self.smoke(code, *words, "--json", **options).json()
        self.assertEqual([one["code"] for one in document["untested"]], [code])
        return document

    def test_a_module_that_cannot_be_initialised_is_7_and_passes_nothing(self):
        for level in ("load", "read", "sign"):
            with self.subTest(level=level):
                document = self.assert_untested(
                    7, "cannot initialise the module .*CKR_GENERAL_ERROR", SOFTHSM, "--level", level,
                    "--skip", "*-leak", env={"SOFTHSM2_CONF": "/nonexistent"})
                self.assertIsNone(document["info"])
                self.assertEqual(document["summary"]["pass"], 0, document)

    def test_no_token_is_4_where_the_level_needs_one(self):
        self.write("empty.conf", "directories.tokendir = none\n")
        os.mkdir("none")
        environment = {"SOFTHSM2_CONF": os.path.abspath("empty.conf")}
        words = (SOFTHSM, "--check", "info-strings", "--check", "stale-session")
        self.assert_untested(4, "no token is initialised", *words, env=environment)
        self.smoke(0, *words, "--level", "load", env=environment)

    def test_a_missing_pin_is_6_where_the_level_needs_it(self):
        self.assert_untested(6, "no PIN was given", SOFTHSM, "--level", "sign", "--check", "sign-*")
        self.smoke(0, SOFTHSM, "--level", "sign", "--check", "info-strings")

    def test_a_uri_that_matches_nothing_is_4(self):
        for level, uri, why in (("load", "pkcs11:token=none", "no token is like that"),
                                ("read", "pkcs11:token=none", "no token is like that"),
                                ("read", "pkcs11:object=none", "nothing .* matches pkcs11:object"),
                                ("sign", "pkcs11:object=none", "no private key .* pkcs11:object")):
            with self.subTest(level=level, uri=uri):
                self.assert_untested(4, why, SOFTHSM, uri, "--level", level, "--check",
                                     "sign-verify" if level == "sign" else "info-strings",
                                     "--pin-file", self.token.pin_file)

    def test_a_token_without_keys_is_4_where_they_are_to_be_used(self):
        other = Token({})
        self.assert_untested(4, "no private key that can sign", SOFTHSM, "--level", "sign",
                             "--check", "sign-verify", "--pin-file", other.pin_file)
        os.environ["SOFTHSM2_CONF"] = self.token.path("softhsm2.conf")

    def test_a_missing_probe_is_7(self):
        shutil.copy(P11DBUS, "p11dbus")
        done = subprocess.run(["./p11dbus", "smoke", SOFTHSM, "--check", "info-*", "--check",
                               "output"], stdout=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 7)
        self.assertRegex(done.stdout, rb"(?m)^  NOT TESTED: .*unload-probe is not there")
        self.assertRegex(done.stdout, rb"(?m)^  skip   output ")
        self.assertRegex(done.stdout, rb"(?m)^  pass   info-strings ")

    def test_the_higher_exit_code_counts(self):
        environment = {"FAULT": "info-strings", "FAULTY_MODULE": SOFTHSM}
        words = (FAULTY, "--level", "sign", "--check", "info-*")
        self.smoke(1, *words, env=environment)
        self.smoke(6, *words, "--check", "sign-verify", env=environment)

    def test_the_headline_says_what_the_module_says_of_itself(self):
        text = self.smoke(0, SOFTHSM, *QUICK).out.decode()
        self.assertRegex(text, r"\n  SoftHSM, Implementation of PKCS11, version 2\.\d+, for "
                               r"PKCS#11 \d\.\d+\n")
        info = self.smoke(0, SOFTHSM, *QUICK, "--json").json()["info"]
        self.assertEqual(info["manufacturer"], "SoftHSM")


class Output(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({"p256": KEYS["p256"]})

    def faulty_text(self, code, fault, *words):
        return self.faulty(code, fault, *words, runner=self.smoke).out.decode()

    def test_a_failed_check_says_what_a_host_would_suffer(self):
        text = self.faulty_text(1, "unload-crash", "--check", "unload-crash", *QUICK)
        self.assertRegex(text, r"(?m)^  CRASH  unload-crash +\d+ ms  SIGSEGV in faulty-module")
        self.assertRegex(text, r"(?m)^         A host .* dies soon afterwards\. \(POSIX dlclose\)$")
        self.assertRegex(text, r"(?m)^         Remedy: .*libp11dbus-keep\.so")
        self.assertRegex(text, r"(?m)^  pass   info-strings ")
        self.assertEqual(text.splitlines()[-1], "3 checks: 2 pass, 1 crash")
        self.assertNotIn("\033", text)

    def test_quiet_prints_what_failed(self):
        text = self.faulty_text(1, "info-strings", *QUICK, "-q")
        self.assertRegex(text, "^  FAIL   info-strings")
        self.assertNotIn("size-lists", text)
        self.assertEqual(self.faulty_text(0, "none", *QUICK, "-q"), "")

    def test_what_a_module_says_cannot_move_the_cursor(self):
        text = self.faulty_text(1, "output:escape", "--check", "output")
        self.assertIn(r"\x1b[31m", text)
        self.assertNotIn("\033", text)

    def test_tap(self):
        text = self.faulty_text(1, "info-strings", *QUICK, "--check", "sign-verify", "--tap")
        self.assertRegex(text, r"^TAP version 13\n1\.\.3\n")
        self.assertRegex(text, r"(?m)^not ok 1 - info-strings\n# fail: .*\n# A host .*\n"
                               r"ok 2 - size-lists\nok 3 - sign-verify$")
        text = self.smoke(6, SOFTHSM, "--level", "sign", "--check", "sign-verify", "--tap")
        self.assertRegex(text.out.decode(), "(?m)^ok 1 - sign-verify # SKIP no PIN was given")

    def test_junit(self):
        words = (*QUICK, "--check", "fork-child", "--check", "destroyed-object")
        for fault, kind in (("info-strings", "failure"), ("fork-child:crash", "error")):
            root = ElementTree.fromstring(self.faulty_text(1, fault, *words, "--junit"))
            suite, = root.findall("testsuite")
            cases = {case.get("name"): case for case in suite.findall("testcase")}
            self.assertEqual(len(cases), int(suite.get("tests")))
            self.assertEqual([case.get("name") for case in cases.values() if len(case)],
                             [fault.split(":")[0]])
            wrong, = suite.iter(kind)
            self.assertRegex(wrong.text, r"Reproduce: ")
            self.assertEqual(suite.get("failures" if kind == "failure" else "errors"), "1")
        root = ElementTree.fromstring(self.smoke(6, SOFTHSM, "--level", "sign", "--check", "sign-*",
                                                 "--junit").out)
        self.assertEqual(len(list(root.iter("skipped"))), 4)
        self.assertEqual([error.get("type") for error in root.iter("error")], ["untested"])

    def test_what_a_module_says_is_well_formed_xml(self):
        text = self.faulty_text(1, "output:escape", "--check", "output", "--junit")
        self.assertIn(r"\x1b[31m", next(ElementTree.fromstring(text).iter("failure")).get("message"))

    def test_the_table_wraps_at_words_within_the_terminal(self):
        environment = {"FAULT": "stale-object", "FAULTY_MODULE": SOFTHSM}
        whole = None
        for columns in (60, 80, 200):
            terminal = Terminal("smoke", "--no-input", "--color", "never", FAULTY, "--check",
                                "stale-object", "--check", "stays-mapped", "-q", env=environment,
                                size=(24, columns))
            self.assertEqual(terminal.end(), 1)
            text = terminal.output.decode().replace("\r\n", "\n")
            lines = [line.rsplit("\033[K", 1)[-1] for line in text.split("\n")]
            self.assertLessEqual(max(map(len, lines)), columns, text)
            # The same words, none of them cut.
            words = re.sub(r"\d+ ms|0x[0-9a-f]+", "", " ".join(lines)).split()
            whole = whole or words
            self.assertEqual(words, whole)

    def test_json_says_what_reproduces_a_finding(self):
        found = self.faulty(1, "stale-session", "--check", "stale-session")["stale-session"]
        self.assertIn("the last one + 4096", found["reproduce"])
        self.assertEqual((found["level"], found["section"]),
                         ("read", "5.6 Session management functions"))
        self.assertTrue(found["harm"])
        found = self.faulty(1, "unload-crash", "--check", "unload-crash")["unload-crash"]
        self.assertIn("libp11dbus-keep.so", found["remedy"])
        self.assertIsNone(found["section"])
        program, *words = shlex.split(found["reproduce"])
        self.assertEqual(program, "p11dbus-unload-probe")
        environment = {**os.environ, "FAULT": "unload-crash", "FAULTY_MODULE": SOFTHSM}
        done = subprocess.run([os.environ["UNLOAD_PROBE"], *words], check=False, env=environment,
                              stdout=subprocess.DEVNULL)
        self.assertEqual(done.returncode, -11)
        for row in list_checks(self):
            self.assertEqual(row["section"] is None, not re.search(", [0-9]", row["spec"]))

    def test_strict(self):
        words = ("--check", "close-on-exec", "--check", "info-strings")
        self.faulty_text(0, "close-on-exec", *words)
        self.assertIn("ok 1 - close-on-exec", self.faulty_text(0, "close-on-exec", *words, "--tap"))
        self.assertIn("not ok 1 - close-on-exec",
                      self.faulty_text(1, "close-on-exec", *words, "--tap", "--strict"))
        self.faulty_text(0, "none", *words, "--strict")
        rsa = Token({"rsa": KEYS["rsa"]})
        words = (SOFTHSM, "--level", "sign", "--check", "sign-short", "--pin-file", rsa.pin_file)
        self.smoke(0, *words)
        self.smoke(1, *words, "--strict")
        os.environ["SOFTHSM2_CONF"] = self.token.path("softhsm2.conf")

    def test_a_terminal_gets_colours_and_progress(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([P11DBUS, "smoke", SOFTHSM, *QUICK], stdout=theirs,
                                   stderr=theirs, env={**os.environ, "TERM": "xterm"},
                                   start_new_session=True)
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 4096):
                text += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        self.assertEqual(process.wait(), 0)
        self.assertIn("[1/2] info-strings …", text.decode())
        self.assertIn(b"\r\033[K", text)
        self.assertIn(b"\033[32mpass", text)

    def test_what_the_module_prints_is_shown_with_verbose_only(self):
        for words, shown in (([], False), (["-v"], True)):
            done = self.faulty(0, "output", *QUICK, *words, runner=self.smoke)
            self.assertEqual("Welcome!" in done.err, shown)
            self.assertNotIn(b"Welcome!", done.out)

    def test_the_probe_alone(self):
        probe = os.environ["UNLOAD_PROBE"]
        lines = check(probe, FAULTY, "load", "initialize", "slots", "finalize", "close", "mapped",
                      env={**os.environ, "FAULTY_MODULE": SOFTHSM}).decode().splitlines()
        self.assertRegex("\n".join(lines), r"(?m)^step load 0 \d+\nstep initialize 0 \d+$")
        self.assertIn("mapped 0", lines)
        self.assertEqual(subprocess.run([probe, SOFTHSM, "nonsense"], check=False,
                                        stderr=subprocess.DEVNULL).returncode, 2)

    def test_nothing_but_the_probe_calls_dlclose(self):
        self.assertNotIn(b"dlclose", check("nm", "-D", "-u", P11DBUS))
        self.assertIn(b"dlclose", check("nm", "-D", "-u", os.environ["UNLOAD_PROBE"]))
        needed = re.findall(rb"NEEDED.*\[(.*)\]", check("readelf", "-d", os.environ["UNLOAD_PROBE"]))
        self.assertEqual(needed, [b"libc.so.6"])


class Known(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({"p256": KEYS["p256"]})

    def known(self, code, text, *words, fault="info-strings", runner=None):
        self.write("known", text)
        return self.faulty(code, fault, *QUICK, "--known", "known", *words, runner=runner)

    def test_what_is_known_does_not_fail(self):
        found = self.known(0, "info-strings *NUL* # the vendor mends it in 2.1\n")["info-strings"]
        self.assertEqual((found["status"], found["known"]), ("fail", "the vendor mends it in 2.1"))
        text = self.known(0, "info-* # so it is\n", runner=self.smoke).out.decode()
        self.assertRegex(text, r"(?m)^  FAIL   info-strings .*NUL at byte 6; [^\n]*\n         Known: so it is$")
        self.assertEqual(text.splitlines()[-1], "2 checks: 1 pass, 1 fail, 1 of them known")
        text = self.known(0, "info-* # so it is\n", "--tap", runner=self.smoke).out.decode()
        self.assertRegex(text, "(?m)^not ok 1 - info-strings # TODO known: so it is$")
        self.known(0, "close-on-exec # so it is\n", "--check", "close-on-exec", "--strict",
                   fault="close-on-exec")

    def test_another_finding_of_the_same_check_fails(self):
        found = self.known(1, "info-strings *UTF-8* # old\n")["info-strings"]
        self.assertIsNone(found["known"])

    def test_what_is_gone_is_told(self):
        done = self.known(0, "info-strings # old\nstale-object # not looked for\n", fault="none",
                          runner=self.smoke)
        self.assertRegex(done.err, r"known, line 1: info-strings \* is found no more")
        self.assertNotIn("stale-object", done.err)
        done = self.known(0, "info-strings # old\n", "--json", fault="none", runner=self.smoke)
        self.assertEqual(done.json()["gone"], ["info-strings *"])

    def test_a_file_that_is_none(self):
        for text in ("info-strings\n", "nonsense # why\n"):
            self.assertIn("known, line 1", self.known(3, text, runner=self.smoke).err)
        self.smoke(3, SOFTHSM, *QUICK, "--known", "missing")


class Pins(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({"p256": KEYS["p256"]})

    def logins(self, code, *words, **options):
        """How often the module was logged in to."""
        environment = {"RUDE_MODULE": SOFTHSM, "RUDE_LOG": os.path.abspath("log"),
                       **options.pop("env", {})}
        self.smoke(code, RUDE, *words, env=environment, **options)
        with open("log", encoding="ascii") as file:
            return file.read().count("login")

    def test_read_never_logs_in(self):
        self.assertEqual(self.logins(0, "--pin-file", self.token.pin_file), 0)

    def test_what_needs_no_login_does_not_log_in(self):
        self.write("wrong", "987654")
        self.assertEqual(self.logins(0, "--level", "write", *QUICK, "--pin-file", "wrong"), 0)

    def test_a_wrong_pin_is_tried_once(self):
        self.write("wrong", "987654")
        self.assertEqual(self.logins(6, "--level", "sign", "--pin-file", "wrong"), 1)
        self.smoke(0, SOFTHSM, "--level", "sign", "--check", "sign-verify", "--pin-file",
                   self.token.pin_file)

    def test_the_last_try_is_left(self):
        done = self.smoke(6, RUDE, "--level", "sign", "--pin-file", self.token.pin_file,
                          env={"RUDE_MODULE": SOFTHSM, "RUDE": "final-try"})
        self.assertIn("one more wrong PIN locks", done.err)

    def test_the_pin_from_the_environment(self):
        results = self.results(0, SOFTHSM, "--level", "sign", "--check", "sign-verify",
                               env={"P11DBUS_PIN": PIN})
        self.assert_result(results["sign-verify"], "pass")

    def test_without_a_pin_the_reason_is_said(self):
        results = self.results(6, SOFTHSM, "--level", "sign", "--check", "sign-*")
        self.assert_all(results, "skip")
        self.assert_result(results["sign-verify"], "skip", "no PIN was given")

    def test_nothing_of_it_stays_on_the_token(self):
        before = check("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "-O")
        self.results(0, SOFTHSM, "--level", "write", "--check", "mechanisms*", "--check",
                     "destroyed-*", "--pin-file", self.token.pin_file)
        self.assertEqual(before, check("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN,
                                       "-O"))


class Keep(SmokeCase):
    def test_a_host_that_would_crash_survives_with_it(self):
        environment = {"FAULT": "unload-crash", "FAULTY_MODULE": SOFTHSM}
        command = [os.environ["UNLOAD_PROBE"], FAULTY, "load", "initialize", "finalize", "close",
                   "wait", "fork"]
        for preload, code in (("", -11), (os.environ["KEEP_SO"], 0)):
            done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL,
                                  env={**os.environ, **environment, "LD_PRELOAD": preload})
            self.assertEqual(done.returncode, code)

    def test_it_is_dlclose_and_nothing_else(self):
        names = re.findall(rb" T (\w+)", check("nm", "-D", os.environ["KEEP_SO"]))
        self.assertEqual(names, [b"dlclose"])


if __name__ == "__main__":
    main()
