# SPDX-License-Identifier: MIT
"""p11dbus as a host: no module spoils the output or the exit code, whatever it does."""

import os
import signal
import subprocess
from socket import socketpair

from harness import KEYS, P11DBUS, RUDE, SOFTHSM, Case, Terminal, Token, check, main, openssl_verify

token = Token({name: KEYS[name] for name in ("rsa", "p256")}) if SOFTHSM else None


class Host(Case):
    def setUp(self):
        super().setUp()
        self.write("data", os.urandom(100_000))

    def rude(self, code, behaviour, *words, **options):
        return self.expect(code, *words, "-m", RUDE,
                           env={"RUDE": behaviour, "RUDE_MODULE": SOFTHSM}, **options)

    def sign(self, code, behaviour, *words, key="rsa", **options):
        return self.rude(code, behaviour, "sign", "-k", f"pkcs11:token=demo;object={key}",
                         "--pin-file", token.pin_file, *words, **options)

    def assert_good(self, key="rsa"):
        self.assertTrue(openssl_verify(token.public(key), "data.sig", "data"))

    def everything(self):
        """Every command that loads a module, in both forms, with errors: name, exit code, words."""
        self.sign(0, "", "--force", "-o", "good.sig", "data")
        key = ["-k", "pkcs11:token=demo;object=rsa"]
        none = ["-k", "pkcs11:token=demo;object=none"]
        pin = ["--pin-file", token.pin_file]
        commands = [
            (0, ["list", "--login", "--token", "demo", *pin]),
            (0, ["list", "mechanisms", "--token", "demo"]),
            (4, ["list", "pkcs11:token=none"]),
            (6, ["list", "--login", "--token", "demo", "--no-input"]),
            (0, ["sign", *key, *pin, "--force", "data"]),
            (3, ["sign", *key, *pin, "missing"]),
            (4, ["sign", *none, *pin, "--force", "data"]),
            (9, ["sign", *key, *pin, "-a", "ecdsa-sha256", "--force", "data"]),
            (0, ["verify", *key, "-s", "good.sig", "data"]),
            (1, ["verify", *key, "-s", "good.sig", "good.sig"]),
            (4, ["verify", *none, "-s", "good.sig", "data"]),
        ]
        return commands + [(code, [*words, "--json"]) for code, words in commands] + [
            (0, ["sign", *key, *pin, "-o", "-", "data"])]

    def assert_unspoilt(self, behaviours):
        commands = self.everything()
        good = [self.rude(code, "", *words).out for code, words in commands]
        for behaviour in behaviours:
            for (code, words), out in zip(commands, good):
                with self.subTest(behaviour=behaviour, words=words):
                    result = self.rude(code, behaviour, *words)
                    self.assertEqual(result.out, out)
                    if "--json" in words:
                        result.json()
        self.assert_good()

    def test_what_a_module_prints_is_not_in_the_result(self):
        self.assertIn("Welcome", self.rude(0, "chatty", "list").err)
        self.assert_unspoilt(["chatty", "talk-at-once", "talk-in-thread", "talk-at-exit",
                              "talk-at-finalize"])

    def test_a_module_that_closes_stdout_does_not_close_ours(self):
        self.assert_unspoilt(["close-stdout", "steal-stdout", "close-stdout talk-in-thread",
                              "steal-stdout talk-in-thread"])

    def test_a_crash_at_exit_does_not_change_the_result(self):
        self.assert_unspoilt(["crash-at-exit", "crash-at-finalize",
                              "talk-at-once crash-at-finalize", "leave-at-finalize"])

    def test_a_module_that_does_not_end_does_not_keep_us(self):
        self.sign(0, "hang-at-finalize", "data")
        self.assert_good()

    def test_a_crash_in_a_call_is_a_failure_of_the_device(self):
        result = self.sign(7, "crash-at-sign", "data")
        self.assertIn("crashed", result.err)
        self.assertEqual(os.listdir("."), ["data"])

    def test_a_module_that_ends_the_process_or_its_stack_is_a_failure_of_the_device(self):
        for behaviour, what in (("exit-at-sign", "ended the program"),
                                ("overflow-at-sign", "crashed")):
            with self.subTest(behaviour=behaviour):
                result = self.sign(7, behaviour, "data", "--json")
                self.assertIn(what, result.json()["error"]["message"])
                self.assertEqual(os.listdir("."), ["data"])

    def test_a_module_that_leaves_without_a_word_says_nothing_is_good(self):
        self.sign(0, "", "-o", "good.sig", "data")
        for behaviour in ("leave-at-start", "leave-at-search"):
            for words in (["list"], ["audit"],
                          ["verify", "-k", "pkcs11:token=demo;object=rsa", "-s", "good.sig",
                           "good.sig"]):
                with self.subTest(behaviour=behaviour, words=words):
                    result = self.rude(7, behaviour, *words, "--json")
                    self.assertIn("ended the program", result.json()["error"]["message"])

    def test_a_signature_of_no_possible_size_is_not_written(self):
        for behaviour in ("no-size", "half-size", "huge-size"):
            for key in ("rsa", "p256"):
                for form in ("der", "raw"):
                    with self.subTest(behaviour=behaviour, key=key, form=form):
                        self.sign(7, behaviour, "-f", form, "data", key=key)
                        self.assertEqual(os.listdir("."), ["data"])

    def test_a_device_that_fails_is_7(self):
        error = self.rude(7, "device-error", "list", "--json").json()["error"]
        self.assertEqual(error["ckr"], "CKR_DEVICE_ERROR")

    def test_timeout_is_8(self):
        result = self.sign(8, "hang-at-sign", "--timeout", "1", "--json", "data")
        self.assertEqual(result.json()["error"]["code"], 8)
        self.assertEqual(os.listdir("."), ["data"])

    def test_hashed_mechanism_missing_on_the_token(self):
        self.sign(0, "no-hashes", "data")
        self.assert_good()
        self.sign(0, "no-hashes", "--force", "-o", "data.sig", stdin=self.read("data"))
        self.assert_good()

    def test_token_that_takes_little_data(self):
        self.sign(0, "small-buffer", "data")
        self.assert_good()

    def test_no_mechanism_at_all_is_9(self):
        self.assertIn("CKR_MECHANISM_INVALID", self.sign(9, "no-mechanisms", "data").err)

    def test_a_module_that_finds_what_was_not_asked_for(self):
        self.sign(4, "finds-all", key="none")
        self.sign(0, "finds-all", "data")
        self.assert_good()

    def test_module_that_cannot_be_loaded_is_7(self):
        self.write("text.so", "not a library")
        for module in ("/nonexistent.so", "./text.so", "no-such-name"):
            self.assertIn("cannot load", self.expect(7, "list", "-m", module).err)
        self.expect(7, "list", "-m", RUDE, env={"RUDE_MODULE": "/nonexistent.so"})

    def test_bus_is_for_our_own_module(self):
        self.expect(2, "list", "-m", SOFTHSM, "--bus", "session")

    def test_closed_standard_descriptors(self):
        command = f"exec '{P11DBUS}' sign -m '{SOFTHSM}' -k pkcs11:object=rsa " \
                  f"--pin-file '{token.pin_file}' --force data"
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                check("sh", "-c", f"{command} {closed}")
                self.assert_good()
        done = subprocess.run(["sh", "-c", f"{command} -o - >&-"], check=False,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 3, done.stderr)
        done = subprocess.run(["sh", "-c", f"{command} - <&-"], check=False,  # nothing is no data
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (3, b""), done.stderr)

    def left(self, *words, socket=False, **options):
        """A run whose standard output nobody reads any more; how it ended, and what it said."""
        read_end, write_end = [end.detach() for end in socketpair()] if socket else os.pipe()
        os.close(read_end)
        done = subprocess.run([P11DBUS, *words], stdout=write_end, check=False,
                              stderr=subprocess.PIPE, **options)
        os.close(write_end)
        return done.returncode, done.stderr

    def test_reader_that_hangs_up(self):
        """As of other programs in a pipeline: SIGPIPE, which a shell shows as 141, and no word."""
        key = ("-k", "pkcs11:token=demo;object=rsa", "--pin-file", token.pin_file)
        for words in (["list", "-m", SOFTHSM], ["list", "-m", SOFTHSM, "--json"],
                      ["list", "mechanisms", "-m", SOFTHSM], ["--help"], ["sign", "--help"],
                      ["sign", "-m", SOFTHSM, *key, "-o", "-", "data"],
                      ["sign", "-m", SOFTHSM, *key, "--json", "data", "--force"],
                      ["smoke", SOFTHSM, "--check", "info-*"], ["smoke", "--list-checks"],
                      ["smoke", SOFTHSM, "--check", "info-*", "--json"], ["complete", "--", ""]):
            with self.subTest(words=words):
                self.assertEqual(self.left(*words), (-signal.SIGPIPE, b""))
                self.assertEqual(self.left(*words, socket=True), (-signal.SIGPIPE, b""))
                ignored = self.left(*words, restore_signals=False,
                                    preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
                self.assertEqual(ignored, (3, b""))

    def test_reader_that_hangs_up_hides_no_failure(self):
        self.sign(0, "", "data")
        self.write("other", "other")
        code, said = self.left("verify", "--pubkey", token.public("rsa"), "-s", "data.sig", "--json",
                               "other")
        self.assertEqual(code, 1, said)

    def test_smoke_ends_when_nobody_reads(self):
        log = os.path.abspath("log")
        self.left("smoke", RUDE, "--level", "read",
                  env={**os.environ, "RUDE_MODULE": SOFTHSM, "RUDE_LOG": log})
        every = self.expect(0, "smoke", SOFTHSM, "--level", "load", "--json").json()["checks"]
        self.assertLess(self.read("log").decode().count("initialize"), len(every))

    def test_in_a_pipeline_of_a_shell(self):
        script = "set -o pipefail; \"$0\" list mechanisms -m \"$1\" | head -n 1 > /dev/null"
        done = subprocess.run(["bash", "-c", script, P11DBUS, SOFTHSM], check=False,
                              capture_output=True)
        self.assertIn(done.returncode, (0, 141))  # as fast as head is
        self.assertEqual((done.stdout, done.stderr), (b"", b""))

    def test_a_disk_that_is_full_is_3(self):
        with open("/dev/full", "wb") as full:
            for words in (["list", "mechanisms", "-m", SOFTHSM], ["--help"], ["smoke", SOFTHSM]):
                done = subprocess.run([P11DBUS, *words], stdout=full, check=False,
                                      stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, 3)
                self.assertIn(b"cannot write to standard output: No space left", done.stderr)

    def test_nothing_calls_dlclose(self):
        symbols = check("nm", "-D", "-u", P11DBUS).decode()
        self.assertNotIn("dlclose", symbols)
        for name in ("PKCS11_CTX_unload", "PKCS11_open_session", "PKCS11_release_all_slots"):
            self.assertNotIn(name, symbols)  # libp11's ways to close the module or its sessions
        self.assertIn("C_GetFunctionList", check("nm", "-D", RUDE).decode())


class Help(Case):
    def test_help_and_version_are_0_on_stdout(self):
        for words in (["--help"], ["-h"], ["--version"], ["list", "--help"], ["sign", "-h"],
                      ["verify", "--help"], ["serve", "--help"], ["smoke", "--help"],
                      ["sign", "--version"]):
            with self.subTest(words=words):
                result = self.expect(0, *words)
                self.assertTrue(result.out)
                self.assertEqual(result.err, "")

    def commands(self):
        return self.expect(0, "complete", "--", "").out.decode().splitlines()[1:]

    def helps(self):
        """Every help that there is, by the words that print it."""
        names = [line.split("\t")[0] for line in self.commands()]
        self.assertLessEqual({"list", "sign", "verify", "serve", "smoke", "help"}, set(names))
        return [["--help"]] + [[name, "--help"] for name in names]

    def test_help_of_a_command_ends_with_two_examples(self):
        for command, _ in self.helps()[1:]:
            text = self.expect(0, command, "--help").out.decode()
            examples = text.rstrip().split("Examples:\n")[1].splitlines()
            self.assertEqual(len(examples), 2, text)
            for example in examples:
                self.assertIn("p11dbus " + command, example)

    def assert_fits(self, text, width):
        lines = text.splitlines()
        for line in lines:
            self.assertLessEqual(len(line), width, line)
        options = text.split("Options:\n")[-1].split("\n\n")[0] if "Options:" in text else ""
        for line in options.splitlines():
            self.assertRegex(line, r"^  -|^ {20,30}\S")  # what goes on is below what it goes on with

    def test_help_fits_the_terminal(self):
        for words in self.helps():
            with self.subTest(words=words):
                self.assert_fits(self.expect(0, *words).out.decode(), 80)
                for columns, most in ((60, 80), (80, 80), (100, 100), (250, 100)):
                    terminal = Terminal(*words, size=(24, columns))
                    self.assertEqual(terminal.end(), 0)
                    shown = terminal.output.decode().replace("\r", "").lstrip()
                    self.assert_fits(shown.split("Examples:")[0], min(columns, most))

    def test_help_as_a_command(self):
        for words in self.helps():
            self.assertEqual(self.expect(0, "help", *words[:-1]).out, self.expect(0, *words).out)
        self.assertIn("sign", self.expect(2, "help", "sgin").err)
        self.expect(2, "help", "sign", "verify")

    def test_usage_errors_are_json_for_whoever_asks_for_json(self):
        for words in (["sgin", "--json", "-k", "pkcs11:"], ["--json", "sign"], ["--nonsense", "--json"],
                      ["--json"], ["help", "sgin", "--json"], ["serve", "--json"],
                      ["sign", "--nonsense", "--json"], ["nonsense", "--json", "--", "x"]):
            with self.subTest(words=words):
                error = self.expect(2, *words).json()["error"]
                self.assertTrue(error["hint"])
        for words in (["sgin"], ["sgin", "--", "--json"]):
            self.assertEqual(self.expect(2, *words).out, b"")

    def test_every_option_of_a_synopsis_is_in_the_help(self):
        text = self.expect(0, "sign", "--help").out.decode()
        for option in ("--key", "--algorithm", "--format", "--output", "--force", "--pin-file",
                       "--pin-fd", "--no-input", "--last-try", "--module", "--bus", "--token",
                       "--label", "--id", "--json", "--quiet", "--verbose", "--color",
                       "--timeout"):
            self.assertIn(option, text)

    def test_usage_errors_are_2_on_stderr(self):
        for words in ([], ["nonsense"], ["--nonsense"], ["smoke", "--level"], ["sign", "--nonsense"],
                      ["list", "--timeout", "x"], ["serve", "--keys", ".", "more"],
                      ["list", "--timeout", "-1"], ["verify"]):
            with self.subTest(words=words):
                result = self.expect(2, *words)
                self.assertEqual(result.out, b"")
                self.assertIn("p11dbus: ", result.err)


if __name__ == "__main__":
    main()
