# SPDX-License-Identifier: MIT
"""Options: each is read as getopt(3) reads it, and none that names one thing is taken twice."""

import re
import subprocess
import unittest

from harness import P11DBUS, Case

COMMANDS = ("list", "audit", "sign", "verify", "serve", "smoke")
# "  -k, --key=URI    what it is", with what it is in further lines where it is long.
OPTION = re.compile(r"^  (?:-(?P<letter>\w), )?--(?P<name>[\w-]+)(?P<value>=\S+)?\s"
                    r"(?P<text>.*(?:\n {8,}.*)*)", re.M)
AGAIN = "can be given again"


def options_of(command):
    """Its options, as its help has them: name, letter, what its value is, text."""
    text = subprocess.run([P11DBUS, command, "--help"], stdout=subprocess.PIPE, check=True,
                          encoding="utf-8").stdout
    found = [(match["name"], match["letter"], match["value"], match["text"])
             for match in OPTION.finditer(text)]
    assert len(found) > 5, text
    return found


class Options(Case):
    def assert_twice(self, option, *words):
        result = self.expect(2, *words)
        self.assertIn(f"--{option} is given twice", result.err)
        self.assertIn("give it once", result.err)
        self.assertNotIn("SECRET", result.err)

    def test_every_single_option_of_every_command_is_given_once(self):
        for command in COMMANDS:
            for name, letter, value, text in options_of(command):
                if not value or AGAIN in " ".join(text.split()):
                    continue
                one, other = ("1", "2") if value in ("=N", "=SECONDS", "=DAYS") else ("SECRET1", "SECRET2")
                with self.subTest(command=command, option=name):
                    self.assert_twice(name, command, f"--{name}", one, f"--{name}={other}")
                    if letter:
                        self.assert_twice(name, command, f"--{name}={one}", f"-{letter}{other}")
                        self.assert_twice(name, command, f"-q{letter}", one, f"-{letter}", other)

    def test_flags_may_be_repeated(self):
        for command in COMMANDS:
            flags = [f"--{name}" for name, _, value, _ in options_of(command)
                     if not value and name not in ("help", "version")]
            with self.subTest(command=command):
                self.expect(0, command, *flags, *flags, "-qqvv", "--help", "--help")

    def test_options_that_may_be_repeated_say_so_and_may(self):
        again = {(command, name) for command in COMMANDS
                 for name, _, _, text in options_of(command) if AGAIN in " ".join(text.split())}
        self.assertEqual(again, {("audit", "check"), ("audit", "module"), ("audit", "skip"),
                                 ("list", "module"), ("serve", "keys"), ("verify", "crl"),
                                 ("smoke", "check"), ("smoke", "skip")})
        checks = self.expect(0, "smoke", "--list-checks", "--check", "fork*", "--check=openssl-*",
                             "--skip", "fork-child", "--skip=openssl-last").out
        self.assertIn(b"fork-", checks)
        self.assertNotIn(b"fork-child", checks)
        result = self.expect(3, "serve", "--keys", "here", "--keys", "there")
        self.assertIn("cannot serve here", result.err)

    def test_the_first_key_of_two_is_as_little_taken_as_the_last(self):
        self.write("data")
        self.assert_twice("key", "sign", "-k", "pkcs11:object=a", "-k", "pkcs11:object=b", "data")
        self.assert_twice("key", "sign", "-k", "pkcs11:object=a", "data", "-k", "pkcs11:object=a")
        self.assert_twice("pubkey", "verify", "--pubkey", "a", "--pubkey", "b", "-s", "c", "data")
        self.assert_twice("output", "sign", "-k", "pkcs11:object=a", "-o", "x", "-oy", "data")

    def test_a_value_is_no_option_whatever_it_looks_like(self):
        result = self.expect(2, "sign", "-k", "--key", "data")
        self.assertNotIn("twice", result.err)
        result = self.expect(2, "sign", "--key=--key=a", "--", "-k", "--key")
        self.assertNotIn("twice", result.err)

    def test_a_value_may_be_in_the_word_of_its_short_option(self):
        self.assertIn("--jobs is a number", self.expect(2, "smoke", "-j0", "x.so").err)
        checks = self.expect(0, "smoke", "-qj4", "--list-checks").out
        self.assertTrue(checks)
        result = self.expect(2, "verify", "-s", "a", "-I", "b", "-kpkcs11:object=%zz")
        self.assertIn("URI", result.err)

    def test_a_value_that_is_not_taken_is_told_from_an_unknown_option(self):
        for word in ("--force=yes", "--json=SECRET", "--quiet=", "--no-input=1"):
            result = self.expect(2, "sign", word)
            self.assertIn(f"{word.partition('=')[0]} takes no value", result.err)
            self.assertNotIn("SECRET", result.err)

    def test_a_value_that_is_missing_is_missed(self):
        result = self.expect(2, "sign", "data", "-k")
        self.assertIn("--key needs a value: URI", result.err)

    def test_no_value_is_shown_that_may_be_a_pin(self):
        for words in (["list", "-p97531"], ["list", "-qp97531"], ["sign", "--pin=97531"],
                      ["sign", "--pin-value=97531"], ["list", "--pin-fd", "97531x"],
                      ["list", "--pin-fd=99999999999997531"], ["list", "--pin-fd", "PIN97531"]):
            with self.subTest(words=words):
                self.assertNotIn("97531", self.expect(2, *words).err)

    def test_an_unknown_option_names_those_that_are_near(self):
        for words, name, near in ((["sign", "--kye", "URI"], "--kye", "did you mean --key?"),
                                  (["sign", "--lable=SECRET"], "--lable", "did you mean --label?"),
                                  (["list", "-label", "x"], "-label", "did you mean --label?"),
                                  (["verify", "--pub", "x"], "--pub", "did you mean --pubkey?"),
                                  (["sign", "--pin=SECRET"], "--pin",
                                   "did you mean --pin-file or --pin-fd?"),
                                  (["list", "--frobnicate"], "--frobnicate", None),
                                  (["list", "-x"], "-x", None)):
            with self.subTest(words=words):
                result = self.expect(2, *words)
                self.assertIn(f"Unknown option {name}\n", result.err)
                self.assertIn(f"p11dbus {words[0]} --help", result.err)
                self.assertNotIn("SECRET", result.err)
                if near:
                    self.assertIn(near, result.err)
                else:
                    self.assertNotIn("did you mean", result.err)

    def test_an_unknown_command_names_those_that_are_near(self):
        for word, near in (("sing", "did you mean p11dbus sign?"), ("LIST", "p11dbus list?"),
                           ("ver", "p11dbus verify?"), ("frobnicate", None), ("smoke-chek", None)):
            with self.subTest(word=word):
                result = self.expect(2, word)
                self.assertIn(f'there is no command "{word}"', result.err)
                self.assertIn(near or "hint: p11dbus --help", result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
