# SPDX-License-Identifier: MIT
"""p11dbus sign: what it writes, where, and that openssl agrees."""

import base64
import os
import stat
import subprocess

from harness import KEYS, P11DBUS, PIN, RUDE, SOFTHSM, Case, Token, check, main, openssl_verify

token = Token() if SOFTHSM else None
DIGESTS = {"rsa": "sha256", "p256": "sha256", "p384": "sha384", "p521": "sha512",
           "ed25519": None}


class Sign(Case):
    def sign(self, code, key, *words, **options):
        return self.expect(code, "sign", "-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={key}",
                           "--pin-file", token.pin_file, *words, **options)

    def sign_from(self, stdin, code, *words):
        """With a file as standard input."""
        done = subprocess.run([P11DBUS, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=rsa",
                               "--pin-file", token.pin_file, *words], stdin=stdin, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, code, done)

    def test_every_kind_of_key_by_default_is_what_openssl_verifies(self):
        self.write("data", b"some data\n")
        for key in KEYS:
            with self.subTest(key=key):
                result = self.sign(0, key, "-o", key + ".sig", "data")
                self.assertEqual(result.out, b"")
                self.assertTrue(openssl_verify(token.public(key), key + ".sig", "data",
                                               digest=DIGESTS[key] or "sha256"))

    def test_file_larger_than_a_mebibyte(self):
        self.write("large", os.urandom(3_000_001))
        for key in ("rsa", "p256", "ed25519"):
            with self.subTest(key=key):
                self.sign(0, key, "--force", "large")
                self.assertTrue(openssl_verify(token.public(key), "large.sig", "large"))

    def test_empty_file(self):
        self.write("empty")
        for key in ("rsa", "p256"):
            self.sign(0, key, "--force", "empty")
            self.assertTrue(openssl_verify(token.public(key), "empty.sig", "empty"))

    def test_algorithms_by_name(self):
        self.write("data", b"some data\n")
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
        for key, name, digest, options in [
                ("rsa", "rsa-sha512", "sha512", []), ("rsa", "sha384", "sha384", []),
                ("rsa", "rsa-sha1", "sha1", []), ("rsa", "rsa-sha224", "sha224", []),
                ("rsa", "rsa-sha3-256", "sha3-256", []),
                ("rsa", "rsa-pss-sha256", "sha256", pss), ("rsa", "rsa-pss", "sha256", pss),
                ("rsa", "rsa-pss-sha512", "sha512", pss),
                ("p256", "ecdsa-sha512", "sha512", []), ("p256", "sha1", "sha1", []),
                ("p521", "ecdsa", "sha512", [])]:
            with self.subTest(algorithm=name):
                self.sign(0, key, "-a", name, "--force", "data")
                self.assertTrue(openssl_verify(token.public(key), "data.sig", "data", *options,
                                               digest=digest))

    def test_raw_is_r_and_s_of_full_length(self):
        self.write("data", b"some data\n")
        for key, size in (("p256", 64), ("p384", 96), ("p521", 132)):
            self.sign(0, key, "-f", "raw", "--force", "data")
            self.assertEqual(os.path.getsize("data.sig"), size)
            self.expect(0, "verify", "--pubkey", token.public(key), "-s", "data.sig", "data")

    def test_stdin_to_stdout(self):
        self.write("data", b"some data\n")
        for words in ([], ["-"]):
            result = self.sign(0, "p256", *words, stdin=b"some data\n")
            self.write("signature", result.out)
            self.assertTrue(openssl_verify(token.public("p256"), "signature", "data"))

    def test_file_to_stdout(self):
        self.write("data", b"some data\n")
        self.write("signature", self.sign(0, "rsa", "-o", "-", "data").out)
        self.assertTrue(openssl_verify(token.public("rsa"), "signature", "data"))
        self.assertEqual(sorted(os.listdir(".")), ["data", "signature"])

    def test_prehashed(self):
        self.write("data", b"some data\n")
        digest = check("openssl", "dgst", "-sha256", "-binary", "data")
        self.write("digest", digest)
        for key, options in (("rsa", []), ("p256", []),
                             ("rsa", ["-sigopt", "rsa_padding_mode:pss"])):
            words = ["-a", "rsa-pss-sha256"] if options else []
            self.sign(0, key, "--prehashed", *words, "--force", "-o", "sig", "digest")
            self.assertTrue(openssl_verify(token.public(key), "sig", "data", *options))
        self.sign(3, "rsa", "--prehashed", "data")
        self.sign(9, "ed25519", "--prehashed", "digest")

    def test_many_files_go_on_after_an_error_and_give_the_highest_code(self):
        for name in ("a", "b", "c"):
            self.write(name, name)
        result = self.sign(3, "p256", "a", "missing", "b", "c")
        self.assertIn("missing", result.err)
        for name in ("a", "b", "c"):
            self.assertTrue(openssl_verify(token.public("p256"), name + ".sig", name))

    def test_output_that_is_there_needs_force(self):
        self.write("data", b"some data\n")
        self.write("data.sig", b"precious")
        result = self.sign(3, "p256", "data")
        self.assertIn("--force", result.err)
        self.assertEqual(self.read("data.sig"), b"precious")
        self.sign(0, "p256", "--force", "data")
        self.assertTrue(openssl_verify(token.public("p256"), "data.sig", "data"))
        self.assertEqual(sorted(os.listdir(".")), ["data", "data.sig"])

    def test_output_does_not_replace_the_input(self):
        self.write("data", b"some data\n")
        os.link("data", "link")
        os.symlink("data", "symbolic")
        for output in ("data", "./data", "link", "symbolic"):
            self.assertIn("lost", self.sign(2, "rsa", "--force", "-o", output, "data").err)
        with open("data", "rb") as stdin:
            self.sign_from(stdin, 2, "--force", "-o", "data")
        with open("data", "rb") as file:
            self.assertEqual(file.read(), b"some data\n")

    def test_standard_output_by_its_other_names(self):
        self.write("data", b"some data\n")
        signature = self.sign(0, "rsa", "-o", "-", "data").out
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            result = self.sign(0, "rsa", "-o", name, "data")
            self.assertEqual((result.out, result.err), (signature, ""))

    def test_standard_input_that_is_the_pin_is_not_signed(self):
        for file in ([], ["-"]):
            result = self.expect(2, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=rsa", "--pin-fd",
                                 "0", *file, stdin=PIN.encode())
            self.assertIn("can be read once", result.err)

    def test_output_has_the_mode_of_any_new_file(self):
        self.write("data", b"some data\n")
        old = os.umask(0o022)
        self.addCleanup(os.umask, old)
        self.sign(0, "p256", "data")
        self.assertEqual(stat.S_IMODE(os.stat("data.sig").st_mode), 0o644)

    def test_output_that_is_replaced_keeps_its_mode(self):
        self.write("data", b"some data\n")
        self.write("data.sig", mode=0o640)
        self.sign(0, "rsa", "--force", "data")
        self.assertEqual(stat.S_IMODE(os.stat("data.sig").st_mode), 0o640)

    def test_output_with_the_longest_name(self):
        name = "a" * (255 - len(".sig"))
        self.write(name)
        self.sign(0, "rsa", name)
        self.assertEqual(sorted(os.listdir(".")), [name, name + ".sig"])

    def test_output_that_cannot_be_written_leaves_nothing(self):
        self.write("data", b"some data\n")
        os.mkdir("full")
        for output in ("missing/out", "full", "data/out"):
            self.sign(3, "p256", "-o", output, "data")
        self.assertEqual(sorted(os.listdir(".")), ["data", "full"])
        self.assertEqual(os.listdir("full"), [])

    def test_full_device_is_an_error(self):
        self.write("data", b"some data\n")
        self.sign(3, "p256", "-o", "/dev/full", "data")
        with open("/dev/full", "wb") as full:
            import subprocess
            from harness import P11DBUS
            done = subprocess.run([P11DBUS, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=p256",
                                   "--pin-file", token.pin_file, "-o", "-", "data"], stdout=full,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stderr.count(b"standard output"), 1, done.stderr)

    def test_file_that_cannot_be_read(self):
        self.sign(3, "p256", "missing")
        self.sign(3, "p256", ".")
        self.assertEqual(os.listdir("."), [])

    def test_algorithm_that_does_not_fit(self):
        self.write("data")
        self.sign(2, "rsa", "-a", "nonsense", "data")
        self.sign(9, "rsa", "-a", "ecdsa-sha256", "data")
        self.sign(9, "p256", "-a", "ed25519", "data")
        self.sign(9, "ed25519", "-a", "sha256", "data")
        self.assertEqual(os.listdir("."), ["data"])

    def test_json(self):
        self.write("data", b"some data\n")
        document = self.sign(3, "p256", "--json", "data", "missing").json()
        self.assertEqual(document["schema"], 1)
        good, bad = document["results"]
        self.assertEqual(set(good), {"file", "key", "algorithm", "format", "signature", "out",
                                     "code"})
        self.assertEqual((good["file"], good["algorithm"], good["format"], good["out"],
                          good["code"]), ("data", "ecdsa-sha256", "der", "data.sig", 0))
        self.assertTrue(good["key"].startswith("pkcs11:"))
        self.assertEqual(self.read("data.sig"), base64.b64decode(good["signature"]))
        self.assertEqual((bad["signature"], bad["out"], bad["code"], bad["error"]["code"]),
                         (None, None, 3, 3))

    def test_json_of_stdin_holds_the_signature(self):
        result = self.sign(0, "rsa", "--json", stdin=b"some data\n").json()["results"][0]
        self.write("data", b"some data\n")
        self.write("sig", base64.b64decode(result["signature"]))
        self.assertIsNone(result["out"])
        self.assertTrue(openssl_verify(token.public("rsa"), "sig", "data"))

    def test_encodings_hold_the_same_signature(self):
        self.write("data", b"some data\n")
        decoders = {"base64": lambda text: base64.b64decode(text, validate=False),
                    "hex": lambda text: bytes.fromhex(text.decode()),
                    "pem": lambda text: base64.b64decode(b"".join(text.splitlines()[1:-1]))}
        for encoding, decode in decoders.items():
            with self.subTest(encoding=encoding):
                text = self.sign(0, "rsa", "--encoding", encoding, "-o", "-", "data").out
                self.assertTrue(text.endswith(b"\n"))
                self.assertTrue(text.isascii())
                self.write("binary", decode(text))
                self.assertTrue(openssl_verify(token.public("rsa"), "binary", "data"))
                self.write("text", text)
                for words in ([], ["--encoding", encoding]):
                    self.expect(0, "verify", "--pubkey", token.public("rsa"), "-s", "text",
                                *words, "data")
        self.sign(2, "rsa", "--encoding", "morse", "data")
        self.write("text", "-----BEGIN SIGNATURE-----\nAAAA\n")
        self.expect(1, "verify", "--pubkey", token.public("rsa"), "-s", "text", "data")

    def test_verify_after(self):
        self.write("data", os.urandom(600_000))
        self.write("small", b"x")
        for key in KEYS:
            if key == "ed25519":  # one piece, and not hashed here
                self.sign(0, key, "--verify-after", "--force", "small")
            result = self.sign(0, key, "--verify-after", "-v", "--force", "data")
            self.assertIn("verifies", result.err)
            self.assertTrue(openssl_verify(token.public(key), "data.sig", "data",
                                           digest=DIGESTS[key] or "sha256"))
        with open("data", "rb") as file:  # standard input, which can be read once
            self.sign(0, "rsa", "--verify-after", "-o", "stdin.sig", stdin=file.read())
        self.sign(0, "rsa", "--verify-after", "-a", "rsa-pss-sha384", "-o", "pss.sig", "data")
        digest = check("openssl", "dgst", "-sha256", "-binary", "data")
        self.sign(0, "p256", "--verify-after", "--prehashed", "-o", "digest.sig", stdin=digest)

    def test_verify_after_catches_a_token_that_signs_wrongly(self):
        self.write("data", b"some data\n")
        for key in ("rsa", "p256", "ed25519"):
            words = ("sign", "-m", RUDE, "-k", f"pkcs11:token=demo;object={key}", "--pin-file",
                     token.pin_file, "data")
            env = {"RUDE": "wrong-signature", "RUDE_MODULE": SOFTHSM}
            result = self.expect(7, *words, "--verify-after", env=env)
            self.assertIn("does not verify", result.err)
            self.assertEqual(os.listdir("."), ["data"])
            self.expect(0, *words, "-o", "unchecked.sig", env=env)
            os.remove("unchecked.sig")

    def test_usage(self):
        self.write("data")
        for words in (["-o", "out", "data", "data"], ["-f", "nonsense", "data"], ["-", "-"],
                      ["--json", "-o", "-", "data"], ["--no-such-option"]):
            self.sign(2, "rsa", *words)
        self.expect(2, "sign", "-m", SOFTHSM, "data")
        self.assertEqual(os.listdir("."), ["data"])

    def test_pin_by_an_option_that_does_not_exist_is_not_repeated(self):
        result = self.expect(2, "sign", f"--pin={PIN}", "--json", "data")
        self.assertIn("--pin", result.err)
        self.assertNotIn(PIN, result.err + result.out.decode())

    def test_pin_is_in_no_output(self):
        self.write("data")
        result = self.sign(0, "rsa", "-v", "--json", "data")
        self.assertNotIn(PIN, result.err)
        self.assertNotIn(PIN.encode(), result.out)


if __name__ == "__main__":
    main()
