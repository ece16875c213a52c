# SPDX-License-Identifier: MIT
"""Standard input and output by all their names, wherever a command takes the name of a file; and files
that are nothing but a descriptor."""

import os
import subprocess

from harness import (KEYS, P11DBUS, PIN, RUDE, SOFTHSM, Case, Terminal, Token, check, main,
                     openssl_verify)

token = Token({name: KEYS[name] for name in ("rsa", "p256")}) if SOFTHSM else None
NAMES = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "//dev/./fd/0", "/proc/thread-self/fd/0",
         "link")
MODULE = ("-m", SOFTHSM)
KEY = ("-k", "pkcs11:token=demo;object=p256")
DATA = b"some data\n"


class Standard(Case):
    def setUp(self):
        super().setUp()
        self.write("data", DATA)
        self.write("pin", PIN + "\n")
        os.symlink("/dev/stdin", "link")
        self.expect(0, "sign", *MODULE, *KEY, "--pin-file", "pin", "data")
        self.kept = sorted(os.listdir("."))

    def sign(self, code, *words, **options):
        return self.expect(code, "sign", *MODULE, *KEY, "--pin-file", "pin", *words, **options)

    def assert_good(self, signature):
        self.write("signature", signature)
        self.assertTrue(openssl_verify(token.public("p256"), "signature", "data"))
        os.remove("signature")

    def verify(self, code, *words, **options):
        return self.expect(code, "verify", *words, **options)

    def test_what_is_signed(self):
        for name in NAMES:
            with self.subTest(name=name):
                self.assert_good(self.sign(0, name, stdin=DATA).out)
                document = self.sign(0, name, "--json", stdin=DATA).json()["results"][0]
                self.assertIsNone(document["out"])
                self.sign(0, name, "-o", "out", "--force", stdin=DATA)
                self.assertIn("once", self.sign(2, name, "-", stdin=DATA).err)
                self.assertEqual(sorted(set(os.listdir(".")) - {"out"}), self.kept)

    def test_that_a_terminal_is_read_is_said(self):
        words = ("verify", "--pubkey", token.public("p256"), "-s", "data.sig")
        for more, said in (((), True), (("-",), True), (("--quiet",), False)):
            with self.subTest(more=more):
                terminal = Terminal(*words, *more)
                if said:
                    terminal.read_until(b"reading from the terminal, up to Ctrl-D")
                terminal.type(DATA + b"\x04")
                self.assertEqual(terminal.end(), 0, terminal.output)
                self.assertEqual(b"reading" in terminal.output, said)
        self.assertNotIn("terminal", self.verify(0, *words[1:], stdin=DATA).err)

    def test_what_is_verified(self):
        public = token.public("p256")
        for name in NAMES:
            with self.subTest(name=name):
                trust = ("--pubkey", public)
                self.verify(0, *trust, "-s", "data.sig", name, stdin=DATA)
                self.verify(1, *trust, "-s", "data.sig", name, stdin=b"other")
                self.verify(0, *trust, "-s", name, "data", stdin=self.read("data.sig"))
                self.verify(0, "--pubkey", name, "-s", "data.sig", "data", stdin=self.read(public))
                self.assertIn("once", self.verify(2, *trust, "-s", name, "-", stdin=DATA).err)

    def test_certificates_and_lists(self):
        check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=web",
              "-out", "crt")
        self.sign(0, "-f", "cms", "--cert", "crt", "data")
        self.sign(0, "-f", "ssh", "-n", "file", "-o", "data.ssh", "data")
        listed = b"me " + check("ssh-keygen", "-i", "-m", "PKCS8", "-f", token.public("p256"))
        for name in NAMES:
            with self.subTest(name=name):
                self.sign(0, "-f", "cms", "--force", "--cert", name, "data", stdin=self.read("crt"))
                self.sign(2, "-f", "cms", "--force", "--cert", name, stdin=self.read("crt"))
                for option, signature in (("--cert", "data.sig"), ("--CAfile", "data.p7s")):
                    self.verify(0, option, name, "-s", signature, "data", stdin=self.read("crt"))
                self.verify(0, "--allowed-signers", name, "-I", "me", "-s", "data.ssh", "data",
                            stdin=listed)

    def test_the_pin(self):
        for name in NAMES:
            with self.subTest(name=name):
                words = ("sign", *MODULE, "--force")
                pin = PIN.encode() + b"\n"
                self.expect(0, *words, *KEY, "--pin-file", name, "data", stdin=pin)
                self.expect(0, "list", *MODULE, "--login", "--token", "demo", "--pin-file", name,
                            stdin=pin)
                self.expect(2, *words, *KEY, "--pin-file", name, stdin=pin)
                if name not in ("-", "//dev/./fd/0"):  # in a URI // is a host
                    uri = f"{KEY[1]}?pin-source=file:{os.path.abspath(name)}"
                    self.expect(0, *words, "-k", uri, "data", stdin=pin)
                    self.expect(2, *words, "-k", uri, stdin=pin)

    def test_outputs(self):
        for name in NAMES[1:]:
            self.assertIn("standard input", self.sign(2, "-o", name, "--force", "data").err)
        os.symlink("/dev/stdout", "other")
        for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "other"):
            self.assert_good(self.sign(0, "-o", name, "data").out)

    def test_outputs_that_are_descriptors(self):
        """Another descriptor is written to where it stands; its name is not replaced by a file."""
        os.symlink("/proc/self/fd/2", "name")  # as /dev/stderr is, which root could replace
        words = [P11DBUS, "sign", *MODULE, *KEY, "--pin-file", "pin", "data", "-o"]
        for name in ("/dev/fd/2", "/proc/self/fd/2", "name"):
            for force in ((), ("--force",)):
                with self.subTest(name=name, force=force):
                    with open("log", "wb") as log:
                        log.write(b"before\n")
                        log.flush()
                        done = subprocess.run([*words, name, *force], check=False, stderr=log)
                    self.assertEqual(done.returncode, 0, self.read("log"))
                    self.assertTrue(self.read("log").startswith(b"before\n"))
                    self.assert_good(self.read("log")[len(b"before\n"):])
                    self.assertTrue(os.path.islink("name"))
        os.remove("log")
        script = '"$0" "$@" 7> out 8< data.sig'
        for number, code in ((7, 0), (8, 3), (9, 3)):
            done = subprocess.run(["bash", "-c", script, *words, f"/dev/fd/{number}", "--force"],
                                  check=False, capture_output=True)
            self.assertEqual((done.returncode, done.stdout), (code, b""), done.stderr)
            if code == 0:
                self.assert_good(self.read("out"))
        self.assertEqual(self.read("data"), DATA)

    def test_a_file_without_a_name_gets_no_neighbour(self):
        script = '"$0" "$@" <(printf "some data\\n")'
        words = (P11DBUS, "sign", *MODULE, *KEY, "--pin-file", "pin")
        done = subprocess.run(["bash", "-c", script, *words], check=False, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"-o OUT", done.stderr)
        done = subprocess.run(["bash", "-c", script, *words, "-o", "-"], check=True,
                              capture_output=True)
        self.assert_good(done.stdout)
        done = subprocess.run(["bash", "-c", script, *words, "--json"], check=True,
                              capture_output=True)
        self.assertIn(b'"out" : null', done.stdout)
        self.assertEqual(sorted(os.listdir(".")), self.kept)

    def test_what_others_have_read_is_not_signed(self):
        """A token without hashes is given what is signed a second time."""
        self.write("all", b"read already\n" + DATA)
        for rude in ("no-hashes", ""):
            with open("all", "rb") as stdin:
                os.lseek(stdin.fileno(), len(b"read already\n"), os.SEEK_SET)
                done = subprocess.run(
                    [P11DBUS, "sign", "-m", RUDE, "-k", "pkcs11:token=demo;object=rsa", "--pin-file",
                     "pin", "-"], stdin=stdin, check=True, capture_output=True,
                    env={**os.environ, "RUDE": rude, "RUDE_MODULE": SOFTHSM})
            self.write("signature", done.stdout)
            self.assertTrue(openssl_verify(token.public("rsa"), "signature", "data"))


if __name__ == "__main__":
    main()
