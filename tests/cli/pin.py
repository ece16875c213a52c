# SPDX-License-Identifier: MIT
"""PINs: where they come from, that there is one attempt, and that no terminal means exit 6."""

import os
import signal
import sys

from harness import KEYS, PIN, RUDE, SOFTHSM, Case, Terminal, Token, main

token = Token({"p256": KEYS["p256"]}) if SOFTHSM else None
KEY = "pkcs11:token=demo;object=p256"


class Pin(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("pin", PIN + "\n")
        self.write("wrong", "654321\n")

    def sign(self, code, *words, key=KEY, **options):
        return self.expect(code, "sign", "-m", SOFTHSM, "-k", key, *words, "--force", "data",
                           **options)

    def rude(self, code, behaviour, *words, env=None):
        self.write("log")
        result = self.expect(code, "sign", "-m", RUDE, "-k", KEY, *words, "--force", "data",
                             "data", env={"RUDE": behaviour, "RUDE_MODULE": SOFTHSM,
                                          "RUDE_LOG": os.path.abspath("log"), **(env or {})})
        with open("log", encoding="ascii") as file:
            return result, file.read().split()

    def test_sources(self):
        self.sign(0, "--pin-file", "pin")
        self.write("bare", PIN)
        self.sign(0, "--pin-file", "bare")
        self.sign(0, env={"P11DBUS_PIN": PIN})
        path = os.path.abspath("pin")
        for source in (f"file:{path}", f"file://{path}", path):
            self.sign(0, key=f"{KEY}?pin-source={source}")
        self.sign(0, key=f"{KEY}?pin-source=env:MY_PIN", env={"MY_PIN": PIN})
        read_end, write_end = os.pipe()
        os.write(write_end, PIN.encode() + b"\n")
        os.close(write_end)
        self.sign(0, "--pin-fd", str(read_end), pass_fds=[read_end])
        os.close(read_end)

    def test_one_line_end_is_dropped_and_no_more(self):
        for end, code in (("", 0), ("\n", 0), ("\r\n", 0), ("\r", 6), ("\n\n", 6), ("\r\n\n", 6),
                          ("\r\n\r\n", 6), ("\r\r\n", 6), ("\n\r", 6)):
            with self.subTest(end=end):
                self.write("ends", PIN + end)
                self.sign(code, "--pin-file", "ends")
                self.sign(code, key=f"{KEY}?pin-source=file:{os.path.abspath('ends')}")
                self.sign(code, "--pin-fd", "0", stdin=(PIN + end).encode())
        self.write("ends", "\r\n")
        self.assertIn("no PIN was given", self.sign(6, "--pin-file", "ends").err)

    def test_pin_file_that_others_can_read_is_refused(self):
        for mode in (0o644, 0o640, 0o604, 0o660):
            os.chmod("pin", mode)
            self.assertIn("open to others", self.sign(3, "--pin-file", "pin").err)

    def test_source_that_cannot_be_used(self):
        self.sign(3, "--pin-file", "missing")
        self.sign(3, "--pin-fd", "99")
        self.sign(6, key=f"{KEY}?pin-source=env:NOT_SET")
        self.sign(2, key=f"{KEY}?pin-source=%7c/bin/true")
        self.sign(2, "--pin-fd", "3", "--pin-file", "pin")
        self.write("huge", "1" * 5000)
        self.sign(3, "--pin-file", "huge")

    def test_wrong_pin_is_6_with_the_reason(self):
        result = self.sign(6, "--pin-file", "wrong", "--json")
        error = result.json()["error"]
        self.assertEqual((error["code"], error["ckr"]), (6, "CKR_PIN_INCORRECT"))
        self.assertTrue(error["hint"])
        self.assertNotIn("654321", result.err)
        self.assertEqual(sorted(os.listdir(".")), ["data", "pin", "wrong"])

    def test_there_is_one_attempt(self):
        _, log = self.rude(6, "", "--pin-file", "wrong")
        self.assertEqual(log.count("login"), 1)

    def test_empty_pin_is_not_tried(self):
        self.write("empty")
        self.write("newline", "\n")
        for name in ("empty", "newline"):
            result, log = self.rude(6, "", "--pin-file", name)
            self.assertIn("no PIN was given", result.err)
            self.assertNotIn("login", log)
        self.sign(6, env={"P11DBUS_PIN": ""})

    def test_the_module_does_not_find_the_pin_in_the_environment(self):
        for words in ([], ["--pin-file", "pin"]):
            _, log = self.rude(0, "", *words, env={"P11DBUS_PIN": PIN})
            self.assertEqual(log, ["initialize", "login"])

    def test_many_files_are_one_load_and_one_login(self):
        _, log = self.rude(0, "", "--pin-file", "pin")
        self.assertEqual(log, ["initialize", "login"])

    def test_last_try_is_not_taken_unasked(self):
        result, log = self.rude(6, "final-try", "--pin-file", "pin")
        self.assertNotIn("login", log)
        self.assertIn("--last-try", result.err)
        _, log = self.rude(0, "final-try", "--pin-file", "pin", "--last-try")
        self.assertIn("login", log)

    def test_locked_token_is_not_tried(self):
        _, log = self.rude(6, "locked", "--pin-file", "pin", "--last-try")
        self.assertNotIn("login", log)

    def test_no_terminal_or_no_input_is_6_at_once(self):
        self.assertIn("no terminal", self.sign(6).err)
        self.assertIn("must not be asked", self.sign(6, "--no-input").err)

    def test_prompt_names_token_and_key_and_does_not_echo(self):
        terminal = Terminal("sign", "-m", SOFTHSM, "-k", KEY, "data")
        prompt = terminal.read_until(b"): ")
        self.assertIn(b'"demo"', prompt)
        self.assertIn(b"object=p256", prompt)
        terminal.type(PIN.encode() + b"\n")
        self.assertEqual(terminal.end(), 0, terminal.output)
        self.assertNotIn(PIN.encode(), terminal.output)
        self.expect(0, "verify", "--pubkey", token.public("p256"), "-s", "data.sig", "data")

    def test_a_typed_line_may_end_as_in_a_file(self):
        for end in (b"\r", b"\x16\r\n"):  # ^V: the terminal hands over the next as it is
            terminal = Terminal("sign", "-m", SOFTHSM, "-k", KEY, "--force", "data")
            terminal.read_until(b"): ")
            terminal.type(PIN.encode() + end)
            self.assertEqual(terminal.end(), 0, terminal.output)

    def test_empty_answer_is_no_pin(self):
        terminal = Terminal("sign", "-m", SOFTHSM, "-k", KEY, "data")
        terminal.read_until(b"): ")
        terminal.type(b"\n")
        self.assertEqual(terminal.end(), 6)

    def test_interrupt_at_the_prompt_ends_with_the_echo_back_on(self):
        terminal = Terminal("sign", "-m", SOFTHSM, "-k", KEY, "data")
        terminal.read_until(b"): ")
        self.assertFalse(terminal.echoes())
        terminal.type(b"\x03")
        terminal.read_until(b"): \r\n")
        self.assertTrue(terminal.echoes())
        self.assertEqual(terminal.end(), -signal.SIGINT)

    def test_binary_is_not_written_to_a_terminal(self):
        terminal = Terminal("sign", "-m", SOFTHSM, "-k", KEY, "--pin-file", "pin", "-o", "-",
                            "data")
        self.assertEqual(terminal.end(), 2, terminal.output)

    def test_list_needs_no_pin_unless_asked(self):
        self.expect(0, "list", "-m", SOFTHSM, "--no-input")
        self.expect(6, "list", "-m", SOFTHSM, "--login", "--no-input")
        self.expect(6, "list", "-m", SOFTHSM, "--login", "--pin-file", "wrong")


if __name__ == "__main__":
    sys.stdin.close()
    main()
