# SPDX-License-Identifier: MIT
"""Keys that the service has and cannot serve: who asks for one is told why, and its passphrase is no
wrong PIN."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import Case, check, host_environment
from served import Bus, Service, make_keys

LEGACY = ["-provider", "legacy", "-provider", "default"]
PASSPHRASE = "open sesame"
# More guesses than are allowed in a row.
MANY = 25


def encrypt(directory, source, name, *options):
    """Encrypts source as PKCS#8 by the options of openssl."""
    check("openssl", "pkcs8", "-topk8", *LEGACY, *options, "-in", source, "-passout",
          "pass:" + PASSPHRASE, "-out", f"{directory}/{name}.key")
    os.chmod(f"{directory}/{name}.key", 0o600)


class Unsupported(Case):
    # Whose container no passphrase opens, and what is said of it.
    SEALED = {"des": "DES-CBC", "pbe-des": "pbeWithMD5AndDES-CBC", "pbes2-des": "des-cbc"}
    # Of which that is known once it is open.
    STRANGE = {"brain": "its curve is not one of", "dh": "it is neither an RSA",
               "short": "an RSA key must have", "halves": "halves do not belong together"}

    @classmethod
    def setUpClass(cls):
        cls.all = tempfile.mkdtemp(prefix="p11dbus-keys-")
        cls.mixed, cls.sealed, cls.strange = (os.path.join(cls.all, name)
                                              for name in ("mixed", "sealed", "strange"))
        for directory in (cls.mixed, cls.sealed, cls.strange):
            os.mkdir(directory, 0o700)
        plain = cls.make_plain()
        make_keys(cls.mixed, "good:p256:" + PASSPHRASE, "other:p256:something else", "plain:p256")
        for directory in (cls.mixed, cls.sealed):
            check("openssl", "ec", *LEGACY, "-in", plain["p256"], "-des", "-passout",
                  "pass:" + PASSPHRASE, "-out", f"{directory}/des.key")
            os.chmod(f"{directory}/des.key", 0o600)
            encrypt(directory, plain["p256"], "pbe-des", "-v1", "PBE-MD5-DES")
            encrypt(directory, plain["p256"], "pbes2-des", "-v2", "des-cbc")
        for directory in (cls.mixed, cls.strange):
            for name in cls.STRANGE:
                encrypt(directory, plain[name], name)
        shutil.copy(plain["brain"], f"{cls.mixed}/open.key")
        shutil.copy(plain["x25519"], f"{cls.mixed}/x25519.key")
        check("ssh-keygen", "-q", "-t", "ed25519", "-N", PASSPHRASE, "-f", f"{cls.mixed}/ssh.key")
        os.remove(f"{cls.mixed}/ssh.key.pub")
        cls.bus = Bus()
        cls.service = Service("--keys", cls.mixed, "--keys", cls.sealed, "--keys", cls.strange)

    @classmethod
    def make_plain(cls):
        kinds = {"p256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                 "brain": ["EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP320r1"],
                 "x25519": ["X25519"], "dh": ["DH", "-pkeyopt", "group:ffdhe2048"], "short": ["RSA", "-pkeyopt", "rsa_keygen_bits:1016"]}
        plain = {}
        for name, words in kinds.items():
            plain[name] = f"{cls.all}/{name}"
            check("openssl", "genpkey", "-algorithm", *words, "-out", plain[name])
            os.chmod(plain[name], 0o600)
        # The public half of another key, as long as the own one.
        ders = []
        for name in ("a", "b"):
            check("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform",
                  "DER", "-out", f"{cls.all}/{name}")
            with open(f"{cls.all}/{name}", "rb") as file:
                ders.append(file.read())
        with open(f"{cls.all}/joined", "wb") as file:
            file.write(ders[0][:-64] + ders[1][-64:])
        plain["halves"] = f"{cls.all}/halves"
        check("openssl", "pkey", "-inform", "DER", "-in", f"{cls.all}/joined", "-out",
              plain["halves"])
        return plain

    @classmethod
    def tearDownClass(cls):
        code = cls.service.end()
        cls.bus.end()
        shutil.rmtree(cls.all)
        if code != 0:
            raise AssertionError(f"serve: exit {code}: {cls.service.said}")
        for name, why in cls.SEALED.items():
            line = rf"sealed/{name}.key: private key skipped: it is encrypted with {why}, which is"
            if not re.search(line, cls.service.said):
                raise AssertionError(f"not said when {name} was read: {cls.service.said}")
        for name, why in cls.STRANGE.items():
            if not re.search(rf"strange/{name}: private key skipped: .*{why}", cls.service.said):
                raise AssertionError(f"not said when {name} was opened: {cls.service.said}")

    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("right", PASSPHRASE + "\n", 0o600)
        self.write("wrong", "guess\n", 0o600)

    def sign(self, code, token, name, *words):
        return self.expect(code, "sign", "-k", f"pkcs11:token={token};object={name}", "--force",
                           "--no-input", *words, "data")

    def test_a_sealed_key_is_refused_with_the_reason(self):
        for token in ("sealed", "mixed"):
            for name, why in self.SEALED.items():
                for words in ((), ("--pin-file", "right")):
                    with self.subTest(token=token, name=name, words=words):
                        result = self.sign(9, token, name, *words)
                        self.assertIn(f"it is encrypted with {why}, which is not supported",
                                      result.err)

    def test_a_strange_key_is_refused_once_its_passphrase_opens_it(self):
        for token in ("strange", "mixed"):
            for name, why in self.STRANGE.items():
                with self.subTest(token=token, name=name):
                    self.assertIn(why, self.sign(9, token, name, "--pin-file", "right").err)
                    self.sign(6, token, name)
                    self.assertIn("CKR_PIN_INCORRECT",
                                  self.sign(6, token, name, "--pin-file", "wrong").err)
        self.assertIn(self.STRANGE["brain"], self.sign(9, "mixed", "open").err)
        self.assertIn("OPENSSH PRIVATE KEY is not supported", self.sign(9, "mixed", "ssh").err)
        document = self.sign(9, "mixed", "brain", "--pin-file", "right", "--json").json()
        self.assertIn(self.STRANGE["brain"], document["error"]["message"])

    def test_a_key_that_signs_nothing_is_named_and_refused(self):
        key = "pkcs11:token=mixed;object=x25519"
        for entry in self.expect(0, "list", key, "--json").json()["tokens"][0]["objects"]:
            self.assertEqual((entry["key_type"], entry["curve"], entry["bits"]),
                             ("ec-montgomery", "X25519", 255))
        for words in ((), ("-a", "ed25519"), ("-a", "sha256")):
            result = self.sign(9, "mixed", "x25519", *words)
            self.assertIn("no signature is made with a key of type X25519", result.err)
            self.assertIn("take another key", result.err)
        self.write("data.sig", b"nothing")
        self.assertIn("X25519", self.expect(9, "verify", "-k", key, "data").err)

    def test_no_guess_is_counted(self):
        for _ in range(MANY):
            self.sign(9, "strange", "brain", "--pin-file", "right")
            self.sign(9, "sealed", "des", "--pin-file", "right")
        self.sign(9, "strange", "brain", "--pin-file", "right")

    def test_others_are_opened_all_the_same(self):
        self.sign(0, "mixed", "plain")
        self.sign(0, "mixed", "good", "--pin-file", "right")
        self.write("else", "something else\n", 0o600)
        self.sign(0, "mixed", "other", "--pin-file", "else")
        self.sign(6, "mixed", "good", "--pin-file", "wrong")
        self.sign(4, "mixed", "good", "--pin-file", "else")
        self.sign(4, "mixed", "none", "--pin-file", "right")

    def test_a_token_whose_keys_are_sealed_needs_no_login(self):
        tokens = self.expect(0, "list", "tokens", "--json").json()["tokens"]
        needs = {token["label"]: "login-required" in token["flags"] for token in tokens}
        self.assertEqual(needs, {"mixed": True, "sealed": False, "strange": True})

    def test_other_hosts_pass_the_notes_over(self):
        module = os.environ["P11DBUS_MODULE_SO"]
        for command in (["ssh-keygen", "-D", module],
                        ["p11tool", "--provider", module, "--batch", "--list-all", "pkcs11:token=sealed"],
                        ["pkcs11-tool", "--module", module, "--token-label", "mixed",
                         "--list-objects"]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  check=False, env=host_environment())
            self.assertEqual(done.returncode, 0, done)
        self.assertIn(b"org.p11dbus.KeyNotServed", done.stdout)
        keys = self.expect(0, "list", "keys", "pkcs11:token=sealed", "--format", "uri").out
        self.assertEqual(keys, b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
