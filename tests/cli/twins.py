# SPDX-License-Identifier: MIT
"""Keys and certificates that have one label and one id: none is taken, and what tells them apart is
said."""

import hashlib
import os
import re

from harness import KEYS, PIN, SOFTHSM, Case, Token, check, main

EC = KEYS["p256"][1]

if SOFTHSM:
    token = Token({"rsa": KEYS["rsa"], "p256": KEYS["p256"], "own": ("06", EC)})

    def path(name):
        return token.path(name)

    def add_twin(name, arguments, label, identifier, to="demo"):
        """Imports a key whose label and id another has already."""
        check("openssl", "genpkey", *arguments, "-out", path(f"{name}.key"))
        check("openssl", "pkey", "-in", path(f"{name}.key"), "-pubout", "-out", path(f"{name}.pub"))
        check("softhsm2-util", "--import", path(f"{name}.key"), "--token", to, "--label", label,
              "--id", identifier, "--pin", PIN, "--force")

    def add_certificate(name, key, label, identifier, subject="/CN=web", to="demo"):
        """Puts a certificate of key on the token; NAME.pem and NAME.der are it."""
        check("openssl", "req", "-x509", "-new", "-key", path(f"{key}.key"), "-subj", subject,
              "-days", "30", "-out", path(f"{name}.pem"))
        check("openssl", "x509", "-in", path(f"{name}.pem"), "-outform", "DER", "-out",
              path(f"{name}.der"))
        check("pkcs11-tool", "--module", SOFTHSM, "--token-label", to, "--login", "--pin", PIN,
              "--write-object", path(f"{name}.der"), "--type", "cert", "--label", label, "--id",
              identifier)

    def sha256(name):
        with open(path(f"{name}.der"), "rb") as der:
            return hashlib.sha256(der.read()).hexdigest()

    def field(name, option):
        """serial or enddate of a certificate, as openssl says it."""
        return check("openssl", "x509", "-in", path(f"{name}.pem"), "-noout", option,
                     "-dateopt", "iso_8601").decode().strip().partition("=")[2]

    # Two of one kind, and two of different kinds.
    for twin, kind in (("ec1", "p256"), ("ec2", "p256"), ("mixed1", "rsa"), ("mixed2", "p384")):
        add_twin(twin, KEYS[kind][1], twin[:-1], "21" if twin < "m" else "22")
    # Two certificates of one key, and one that a public authority might have renewed for another.
    add_certificate("old", "p256", "web", "02")
    add_certificate("new", "p256", "web", "02")
    add_certificate("stranger", "ec1", "stranger", "06")
    # One id for two key pairs whose labels differ.
    token.add_token("shared")
    for twin in ("first", "second"):
        add_twin(twin, EC, twin, "31", to="shared")
        add_certificate(f"{twin}-cert", twin, f"{twin}-cert", "31", to="shared")


class Twins(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")

    def sign(self, code, uri, *words):
        result = self.expect(code, "sign", "-m", SOFTHSM, "--pin-file", token.pin_file, "-k", uri,
                             *words, "data")
        if code != 0:
            self.assertEqual((os.listdir(), result.out), (["data"], b""))
        return result

    def cms(self, code, *words, key="p256"):
        return self.sign(code, f"pkcs11:token=demo;object={key};type=private", "-f", "cms", *words)

    def assert_holds(self, name):
        """The CMS that was made names that certificate as its signer, and is good."""
        check("openssl", "cms", "-verify", "-in", "data.p7s", "-inform", "DER", "-content", "data",
              "-noverify", "-binary", "-signer", "signer.pem")
        self.assertEqual(check("openssl", "x509", "-in", "signer.pem", "-outform", "DER"),
                         self.read(path(f"{name}.der")))
        os.remove("data.p7s")

    def test_two_certificates_of_one_key_are_told_apart(self):
        said = self.cms(5).err
        for name in ("old", "new"):
            self.assertIn(f"sha256:{sha256(name)}", said)
            self.assertIn(f"serial number {field(name, '-serial').lower()}", said)
            self.assertIn("until " + field(name, "-enddate").replace(" ", "T"), said)
        self.assertIn("--cert URI|FILE|sha256:HEX", said)
        said = self.cms(5, "--cert", "pkcs11:token=demo;object=web;type=cert").err
        for name in ("old", "new"):
            self.assertIn(f"sha256:{sha256(name)}", said)
        self.assertIn("--cert sha256:HEX chooses one", said)

    def test_a_fingerprint_chooses_one(self):
        for name in ("old", "new"):
            hexes = sha256(name)
            colons = ":".join(re.findall("..", hexes)).upper()
            for fingerprint in (f"sha256:{hexes}", f"sha256:{hexes.upper()}", f"SHA256:{colons}",
                                f"sha256:{colons.lower()}"):
                with self.subTest(fingerprint=fingerprint):
                    self.cms(0, "--cert", fingerprint)
                    self.assert_holds(name)

    def test_a_fingerprint_is_completed(self):
        found = self.expect(0, "complete", "--", "sign", "-m", SOFTHSM, "--cert", "sha256:").out
        for name in ("old", "new", "stranger"):
            self.assertIn(f"sha256:{sha256(name)}".encode(), found)
        self.assertNotIn(b"HEX", found)

    def test_a_fingerprint_is_64_digits_or_a_usage_error(self):
        good = sha256("old")
        for wrong in ("", good[:-1], good[:-2], good + "00", good[:-1] + "g", good + ":", ":" + good,
                      " " + good, good.replace(good[:2], good[:2] + "::", 1), "0x" + good[2:],
                      "4uhdrDe2Bm3EjZQp4gUBkUHOLQ4uVbCHC2TwgxNRb6o"):
            with self.subTest(wrong=wrong):
                self.assertIn("64 hex digits", self.cms(2, "--cert", f"sha256:{wrong}").err)

    def test_a_fingerprint_that_no_certificate_has_is_4(self):
        self.assertIn("no certificate on a token has the fingerprint",
                      self.cms(4, "--cert", "sha256:" + "00" * 32).err)

    def test_a_fingerprint_of_a_certificate_of_another_key_is_4(self):
        said = self.cms(4, "--cert", f"sha256:{sha256('stranger')}").err
        self.assertIn("is of another key", said)

    def test_verify_takes_the_certificate_too(self):
        self.sign(0, "pkcs11:token=demo;object=p256;type=private")
        for name in (f"sha256:{sha256('new')}", "pkcs11:token=demo;object=stranger;type=cert"):
            self.expect(0 if "sha256" in name else 1, "verify", "-m", SOFTHSM, "--cert", name, "-s",
                        "data.sig", "data")
        for code, name in ((2, "sha256:00"), (4, "sha256:" + "00" * 32), (2, "pkcs11:object=a b"),
                           (5, "pkcs11:object=web;type=cert"), (4, "pkcs11:object=none")):
            with self.subTest(name=name):
                self.expect(code, "verify", "-m", SOFTHSM, "--cert", name, "-s", "data.sig", "data")

    def test_key_pairs_with_one_label_and_id_are_told_apart_and_none_is_taken(self):
        public = check("openssl", "pkey", "-pubin", "-in", path("mixed1.pub"), "-outform", "DER")
        for words, told in ((("pkcs11:token=demo;object=mixed",), ("RSA 2048", "P-384",
                             "public key sha256:" + hashlib.sha256(public).hexdigest())),
                            (("pkcs11:token=demo;id=%21",), ("P-256",)),
                            (("pkcs11:token=demo;object=ec;id=%21;type=private",), ("P-256",)),
                            (("pkcs11:token=demo", "--label", "ec", "--id", "21"), ("P-256",))):
            with self.subTest(words=words):
                said = self.sign(5, *words).err
                for text in told:
                    self.assertIn(text, said)
                self.assertIn("no URI can choose one", said)

    def test_their_public_keys_are_told_apart_by_their_digests(self):
        said = self.expect(5, "verify", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=ec", "-s",
                           self.write("sig"), "data").err
        for name in ("ec1", "ec2"):
            public = check("openssl", "pkey", "-pubin", "-in", path(f"{name}.pub"), "-outform", "DER")
            self.assertIn("sha256:" + hashlib.sha256(public).hexdigest(), said)

    def test_a_certificate_of_another_key_with_the_same_id_chooses_none(self):
        said = self.sign(4, "pkcs11:token=demo;object=stranger;type=cert").err
        self.assertIn("is not the key of that certificate", said)
        self.sign(0, "pkcs11:token=demo;object=own")

    def test_a_certificate_whose_id_two_keys_have_chooses_none(self):
        for name in ("first", "second"):
            said = self.sign(5, f"pkcs11:token=shared;object={name}-cert;type=cert").err
            self.assertIn("object=first", said)
            self.assertIn("object=second", said)

    def test_the_public_half_is_of_the_key_and_not_of_its_neighbour(self):
        for name in ("first", "second"):
            uri = f"pkcs11:token=shared;object={name};type=private"
            self.sign(0, uri, "--force", "--verify-after")
            self.expect(0, "verify", "--pubkey", path(f"{name}.pub"), "-s", "data.sig", "data")
            os.remove("data.sig")
            self.assertIn("another has too", self.sign(0, uri, "-v", "-f", "cms").err)
            self.assert_holds(f"{name}-cert")


if __name__ == "__main__":
    main()
