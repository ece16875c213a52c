# SPDX-License-Identifier: MIT
"""p11dbus verify: exit code 1 for a bad signature, and for nothing else."""

import base64
import os
import resource
import subprocess

from harness import SOFTHSM, Case, Token, check, main

KEYS = {"rsa": ("01", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
        "p256": ("02", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
        "p384": ("03", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
        "p521": ("04", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
        "ed25519": ("05", ["-algorithm", "ED25519"])}
token = Token(KEYS) if SOFTHSM else None
HASHES = {"rsa": "-sha256", "p256": "-sha256", "p384": "-sha384", "p521": "-sha512"}


def openssl_sign(key, data, signature, *options, digest=None):
    if key in ("ed25519", "ed448"):
        check("openssl", "pkeyutl", "-sign", "-inkey", token.path(key + ".key"), "-rawin", "-in",
              data, "-out", signature)
    else:
        check("openssl", "dgst", digest or HASHES[key], *options, "-sign",
              token.path(key + ".key"), "-out", signature, data)


class Verify(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("other", b"some date\n")

    def verify(self, code, key, *words, **options):
        return self.expect(code, "verify", "--pubkey", token.public(key), *words, **options)

    def test_signatures_of_openssl(self):
        for key in KEYS:
            with self.subTest(key=key):
                openssl_sign(key, "data", "sig")
                self.assertIn("Good signature", self.verify(0, key, "-s", "sig", "data").err)
                result = self.verify(1, key, "-s", "sig", "other")
                self.assertIn("BAD signature", result.err)
                self.assertEqual(result.out, b"")

    def test_ed448(self):
        check("openssl", "genpkey", "-algorithm", "ED448", "-out", token.path("ed448.key"))
        check("openssl", "pkey", "-in", token.path("ed448.key"), "-pubout", "-out",
              token.public("ed448"))
        openssl_sign("ed448", "data", "sig")
        self.verify(0, "ed448", "-s", "sig", "data")
        self.verify(1, "ed448", "-s", "sig", "other")

    def test_file_larger_than_a_mebibyte(self):
        self.write("large", os.urandom(2_000_001))
        for key in ("rsa", "p256", "ed25519"):
            openssl_sign(key, "large", "sig")
            self.verify(0, key, "-s", "sig", "large")

    def test_every_flipped_byte_is_bad(self):
        for key in ("rsa", "p256", "ed25519"):
            openssl_sign(key, "data", "sig")
            good = self.read("sig")
            for position in {0, 1, 2, 3, 4, len(good) // 2, len(good) - 1}:
                bad = bytearray(good)
                bad[position] ^= 1
                self.write("bad", bytes(bad))
                with self.subTest(key=key, position=position):
                    self.verify(1, key, "-s", "bad", "data")

    def test_truncated_longer_and_empty_signatures_are_bad(self):
        for key in KEYS:
            openssl_sign(key, "data", "sig")
            good = self.read("sig")
            for bad in (b"", good[:1], good[:-1], good + b"\0", good + good, b"x" * 100000):
                self.write("bad", bad)
                with self.subTest(key=key, size=len(bad)):
                    result = self.verify(1, key, "-s", "bad", "data", "--json").json()
                    self.assertFalse(result["valid"])

    def test_signature_of_another_key_is_bad(self):
        check("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-out", "other.key")
        check("openssl", "dgst", "-sha256", "-sign", "other.key", "-out", "sig", "data")
        self.verify(1, "p256", "-s", "sig", "data")
        self.verify(1, "rsa", "-s", "sig", "data")

    def test_raw_is_recognised(self):
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=p384", "-f", "raw",
                    "--pin-file", token.pin_file, "data")
        result = self.verify(0, "p384", "-s", "data.sig", "--json", "data")
        self.assertEqual(result.json()["format"], "raw")
        self.verify(0, "p384", "-s", "data.sig", "-f", "raw", "data")
        self.verify(1, "p384", "-s", "data.sig", "-f", "der", "data")
        openssl_sign("p384", "data", "sig")
        self.verify(1, "p384", "-s", "sig", "-f", "raw", "data")

    def test_algorithm_must_be_the_one_that_was_used(self):
        openssl_sign("rsa", "data", "sig", "-sigopt", "rsa_padding_mode:pss", digest="-sha512")
        self.verify(1, "rsa", "-s", "sig", "data")
        self.verify(1, "rsa", "-s", "sig", "-a", "rsa-pss-sha256", "data")
        self.verify(0, "rsa", "-s", "sig", "-a", "rsa-pss-sha512", "data")
        self.verify(9, "rsa", "-s", "sig", "-a", "ecdsa-sha512", "data")
        self.verify(2, "rsa", "-s", "sig", "-a", "nonsense", "data")

    def test_forms_of_public_keys(self):
        for key in KEYS:
            openssl_sign(key, "data", "sig")
            check("openssl", "pkey", "-pubin", "-in", token.public(key), "-outform", "DER", "-out",
                  "key.der")
            check("openssl", "req", "-x509", "-new", "-key", token.path(key + ".key"), "-subj",
                  "/CN=x", "-out", "cert.pem")
            check("openssl", "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der")
            forms = ["key.der", "cert.pem", "cert.der"]
            ssh = subprocess.run(["ssh-keygen", "-i", "-m", "PKCS8", "-f", token.public(key)],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            if ssh.returncode == 0:
                forms.append(self.write("key.ssh", ssh.stdout))
            elif key != "ed25519":
                self.fail("ssh-keygen does not take " + key)
            for form in forms:
                with self.subTest(key=key, form=form):
                    option = "--cert" if form.startswith("cert") else "--pubkey"
                    self.expect(0, "verify", option, form, "-s", "sig", "data")
                    self.expect(1, "verify", option, form, "-s", "sig", "other")

    def test_openssh_ed25519(self):
        raw = check("openssl", "pkey", "-pubin", "-in", token.public("ed25519"), "-outform",
                    "DER")[-32:]
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + raw
        self.write("key", b"ssh-ed25519 " + base64.b64encode(blob) + b" somebody@somewhere\n")
        openssl_sign("ed25519", "data", "sig")
        self.expect(0, "verify", "--pubkey", "key", "-s", "sig", "data")
        self.write("key", b"ssh-ed25519 " + base64.b64encode(blob[:-1]) + b"\n")
        self.expect(3, "verify", "--pubkey", "key", "-s", "sig", "data")

    def test_openssh_keys_of_another_type(self):
        """Are not supported, and that is said; what only calls itself so is no key."""
        import base64
        openssl_sign("p256", "data", "sig")
        point = check("openssl", "pkey", "-pubin", "-in", token.public("p256"), "-outform",
                      "DER")[-65:]

        def blob(*strings):
            return b"".join(len(string).to_bytes(4, "big") + string for string in strings)

        for kind, content in (
                (b"ecdsa-sha2-1.3.132.0.10", blob(b"ecdsa-sha2-1.3.132.0.10", b"1.3.132.0.10", point)),
                (b"ssh-dss", blob(b"ssh-dss", b"\1", b"\1", b"\1", b"\1")),
                (b"sk-ecdsa-sha2-nistp256@openssh.com",
                 blob(b"sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", point, b"ssh:"))):
            self.write("key", kind + b" " + base64.b64encode(content) + b" me\n")
            result = self.expect(9, "verify", "--pubkey", "key", "-s", "sig", "data")
            self.assertIn(f"SSH keys of type {kind.decode()} are not supported", result.err)
        for kind, content in (
                (b"ecdsa-sha2-nistp256", blob(b"ecdsa-sha2-nistp256", b"nistp384", point)),
                (b"ecdsa-sha2-nistp384", blob(b"ecdsa-sha2-nistp384", b"nistp256", point)),
                (b"ecdsa-sha2-nistp384", blob(b"ecdsa-sha2-nistp256", b"nistp256", point)),
                (b"ecdsa-sha2-nistp256", blob(b"ecdsa-sha2-nistp256", b"nistp256", b"\4A" + point))):
            self.write("key", kind + b" " + base64.b64encode(content) + b" me\n")
            self.expect(3, "verify", "--pubkey", "key", "-s", "sig", "data")
        self.write("key", b"ecdsa-sha2-nistp256 " + base64.b64encode(
            blob(b"ecdsa-sha2-nistp256", b"nistp256", point)) + b" me\n")
        self.expect(0, "verify", "--pubkey", "key", "-s", "sig", "data")

    def test_pkcs1_public_key(self):
        check("openssl", "rsa", "-pubin", "-in", token.public("rsa"), "-RSAPublicKey_out", "-out",
              "pkcs1")
        openssl_sign("rsa", "data", "sig")
        self.expect(0, "verify", "--pubkey", "pkcs1", "-s", "sig", "data")

    def test_standard_input(self):
        openssl_sign("rsa", "data", "sig")
        self.verify(0, "rsa", "-s", "sig", stdin=b"some data\n")
        self.verify(0, "rsa", "-s", "sig", "-", stdin=b"some data\n")
        self.verify(1, "rsa", "-s", "sig", stdin=b"")
        self.verify(0, "rsa", "-s", "-", "data", stdin=self.read("sig"))
        self.verify(2, "rsa", "-s", "-")

    def test_key_on_a_token(self):
        for key in KEYS:
            openssl_sign(key, "data", "sig")
            for uri in (f"pkcs11:token=demo;object={key}",
                        f"pkcs11:token=demo;object={key};type=private",
                        f"pkcs11:token=demo;object={key};type=public"):
                self.expect(0, "verify", "-m", SOFTHSM, "-k", uri, "-s", "sig", "data")
            self.expect(1, "verify", "-m", SOFTHSM, "-k", uri, "-s", "sig", "other")
        self.expect(4, "verify", "-m", SOFTHSM, "-k", "pkcs11:object=none", "-s", "sig", "data")
        self.expect(5, "verify", "-m", SOFTHSM, "-k", "pkcs11:token=demo", "-s", "sig", "data")

    def test_no_module_is_loaded_for_a_key_in_a_file(self):
        openssl_sign("rsa", "data", "sig")
        self.verify(0, "rsa", "-m", "/nonexistent.so", "-s", "sig", "data")

    def test_what_cannot_be_read_is_not_a_bad_signature(self):
        openssl_sign("rsa", "data", "sig")
        self.write("empty")
        self.verify(3, "rsa", "-s", "missing", "data")
        self.verify(3, "rsa", "-s", "sig", "missing")
        self.verify(3, "rsa", "-s", "sig", ".")
        for key in ("missing", "empty", "data", "sig", "."):
            self.expect(3, "verify", "--pubkey", key, "-s", "sig", "data")
        # A truncated signature over an unreadable file is an unreadable file.
        self.verify(3, "rsa", "-s", "empty", "missing")

    def test_a_private_key_is_called_one_and_not_looked_into(self):
        for key in KEYS:
            openssl_sign(key, "data", "sig")
            result = self.expect(3, "verify", "--pubkey", token.path(key + ".key"), "-s", "sig", "data")
            self.assertIn("holds a private key and no public one", result.err)
            self.assertIn("-pubout", result.err)

    def test_mail_with_a_signature_is_no_bad_signature(self):
        check("openssl", "req", "-x509", "-new", "-key", token.path("rsa.key"), "-subj", "/CN=x",
              "-out", "cert.pem")
        check("openssl", "cms", "-sign", "-in", "data", "-signer", "cert.pem", "-inkey",
              token.path("rsa.key"), "-out", "mail")
        result = self.expect(9, "verify", "--cert", "cert.pem", "-s", "mail", "data")
        self.assertIn("S/MIME", result.err)

    def test_files_too_large_to_be_what_they_should_be(self):
        openssl_sign("rsa", "data", "sig")
        with open("huge", "wb") as file:
            file.truncate(2 << 30)
        for words in (["--pubkey", "huge", "-s", "sig"],
                      ["--pubkey", token.public("rsa"), "-s", "huge"]):
            self.assertIn("too large", self.expect(3, "verify", *words, "data").err)

    def test_files_that_memory_does_not_hold(self):
        """Are not read, and nothing is said of what is in them."""
        openssl_sign("rsa", "data", "sig")
        check("openssl", "req", "-x509", "-new", "-key", token.path("rsa.key"), "-subj", "/CN=x",
              "-out", "crt")
        key = token.public("rsa")
        ed25519 = token.public("ed25519")
        self.write("empty.sig", bytes(64))
        with open("zeros", "wb") as file:
            file.truncate(800 << 20)
        with open("endless", "wb") as file:  # larger than anything that is read whole
            file.truncate(5 << 30)
        with open("text", "wb") as file:
            for _ in range(120):
                file.write(b"QUJD" * (1 << 18))

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))

        # A sanitizer needs more addresses than that, and has a limit of its own.
        way = ({"env": {"ASAN_OPTIONS": "max_allocation_size_mb=256:allocator_may_return_null=1"}}
               if os.environ.get("HOST_PRELOAD") else {"preexec_fn": limit})

        def limited(*words):
            return self.expect(3, "verify", *words, **way)

        for words in (["--pubkey", key, "-s", "zeros", "data"],
                      ["--pubkey", key, "-s", "text", "data"],
                      ["--cert", "crt", "-s", "text", "-f", "cms", "data"],
                      ["--pubkey", ed25519, "-s", "empty.sig", "zeros"]):
            with self.subTest(words=words):
                result = limited(*words)
                self.assertIn("there is not enough memory for " +
                              next(name for name in ("zeros", "text") if name in words), result.err)
        for words in (["--pubkey", key, "-s", "endless", "data"],
                      ["--pubkey", "endless", "-s", "sig", "data"],
                      ["--cert", "endless", "-s", "sig", "data"],
                      ["--CAfile", "endless", "-f", "cms", "-s", "sig", "data"],
                      ["--allowed-signers", "endless", "-I", "me", "-f", "ssh", "-s", "sig",
                       "data"]):
            with self.subTest(words=words):
                self.assertIn("endless is too large", limited(*words).err)
        os.chmod("endless", 0o600)
        self.assertIn("too long", self.expect(
            3, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=rsa", "--pin-file", "endless",
            "data").err)

    def test_usage(self):
        openssl_sign("rsa", "data", "sig")
        key = token.public("rsa")
        for words in (["--pubkey", key], ["--pubkey", key, "-"], ["-s", "sig", "data"],
                      ["--pubkey", key, "--cert", key, "-s", "sig", "data"],
                      ["--pubkey", key, "-k", "pkcs11:object=x", "-s", "sig", "data"],
                      ["--pubkey", key, "-s", "sig", "data", "other"],
                      ["--pubkey", key, "-s", "sig", "-f", "nonsense", "data"]):
            with self.subTest(words=words):
                self.expect(2, "verify", *words)

    def test_standard_input_is_read_once(self):
        openssl_sign("rsa", "data", "sig")
        with open(token.public("rsa"), "rb") as file:
            key = file.read()
        self.expect(0, "verify", "--pubkey", "-", "-s", "sig", "data", stdin=key)
        for option in ("--pubkey", "--cert", "--CAfile"):
            for words in (["-s", "sig", "-"], ["-s", "-", "data"]):
                result = self.expect(2, "verify", option, "-", *words, stdin=key)
                self.assertIn("can be read once", result.err)
        self.expect(2, "verify", "--pubkey", "-", "-s", "sig", stdin=key)

    def test_json(self):
        openssl_sign("p256", "data", "sig")
        good = self.verify(0, "p256", "--json", "-s", "sig", "data").json()
        self.assertLessEqual({"schema", "valid", "reason", "key", "format", "code"}, set(good))
        self.assertEqual((good["schema"], good["valid"], good["reason"], good["format"],
                          good["code"]), (1, True, None, "der", 0))
        self.assertIsNone(good["detail"])
        bad = self.verify(1, "p256", "--json", "-s", "sig", "other").json()
        self.assertIn("other data", bad["detail"])
        self.assertEqual((bad["valid"], bad["reason"], bad["code"]), (False, "mismatch", 1))
        bad = self.verify(1, "p256", "--json", "-s", "data", "other").json()
        self.assertEqual((bad["valid"], bad["reason"], bad["code"]), (False, "malformed", 1))
        failed = self.verify(3, "p256", "--json", "-s", "missing", "other").json()
        self.assertEqual(failed["error"]["code"], 3)

    def test_quiet_says_only_what_is_bad(self):
        openssl_sign("p256", "data", "sig")
        self.assertEqual(self.verify(0, "p256", "-q", "-s", "sig", "data").err, "")
        self.assertIn("BAD", self.verify(1, "p256", "-q", "-s", "sig", "other").err)


if __name__ == "__main__":
    main()
