# SPDX-License-Identifier: MIT
"""Choosing keys: exactly the one that was named, or an error that says what there is."""

from harness import KEYS, SOFTHSM, Case, Token, check, main

if SOFTHSM:
    token = Token({name: KEYS[name] for name in ("rsa", "p256")})
    token.add_key("twin1", "11", KEYS["p256"][1], label="twin")
    token.add_key("twin2", "12", KEYS["p256"][1], label="twin")
    token.add_token("second")
    token.add_key("far", "21", KEYS["p256"][1], token="second")
    check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=web",
          "-outform", "DER", "-out", token.path("web.der"))
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login", "--pin",
          "123456", "--write-object", token.path("web.der"), "--type", "cert", "--label",
          "web-cert", "--id", "02")


class Choosing(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")

    def sign(self, code, *words, **options):
        return self.expect(code, "sign", "-m", SOFTHSM, "--pin-file", token.pin_file, *words,
                           "--force", "data", **options)

    def assert_signed_by(self, key):
        self.expect(0, "verify", "--pubkey", token.public(key), "-s", "data.sig", "data")

    def test_uri(self):
        for uri, key in (("pkcs11:token=demo;object=rsa", "rsa"),
                         ("pkcs11:token=demo;id=%02", "p256"),
                         ("pkcs11:token=demo;id=%02;type=private", "p256"),
                         ("pkcs11:token=demo;object=twin;id=%11", "twin1"),
                         ("pkcs11:token=second", "far"),
                         ("pkcs11:token=second;object=far;slot-description=SoftHSM%20slot%20ID"
                          "%200x0", None)):
            with self.subTest(uri=uri):
                result = self.sign(0 if key else 4, "-k", uri)
                if key:
                    self.assert_signed_by(key)
                else:
                    self.assertIn("no token is like that", result.err)

    def test_options(self):
        self.sign(0, "--token", "demo", "--label", "rsa")
        self.assert_signed_by("rsa")
        self.sign(0, "--token", "demo", "--id", "02")
        self.assert_signed_by("p256")
        self.sign(0, "-k", "pkcs11:token=demo", "--label", "twin", "--id", "12")
        self.assert_signed_by("twin2")
        self.sign(0, "-k", "pkcs11:token=demo;object=rsa", "--label", "rsa", "--id", "01")
        self.assert_signed_by("rsa")

    def test_nothing_matched_is_4(self):
        for words in (["-k", "pkcs11:token=demo;object=none"], ["--token", "none", "--id", "01"],
                      ["-k", "pkcs11:token=demo;object=rsa", "--id", "02"],
                      ["-k", "pkcs11:token=demo;object="],
                      ["-k", "pkcs11:token=demo;manufacturer=nobody;object=rsa"],
                      ["-k", "pkcs11:token=demo;library-manufacturer=nobody;object=rsa"]):
            with self.subTest(words=words):
                self.assertIn("hint", self.sign(4, *words).err)

    def test_more_than_one_is_5_with_the_candidates(self):
        result = self.sign(5, "-k", "pkcs11:token=demo;object=twin")
        self.assertIn("id=%11", result.err)
        self.assertIn("id=%12", result.err)
        error = self.sign(5, "-k", "pkcs11:token=demo", "--json").json()["error"]
        self.assertEqual(error["code"], 5)
        self.assertIn("object=rsa", error["hint"])

    def test_every_candidate_listed_names_one_key(self):
        error = self.sign(5, "-k", "pkcs11:token=demo;object=twin", "--json").json()["error"]
        uris = [line.strip() for line in error["hint"].splitlines() if "pkcs11:" in line]
        self.assertEqual(len(uris), 2)
        for uri in uris:
            self.sign(0, "-k", uri)

    def test_a_pin_is_for_one_token(self):
        result = self.sign(5, "-k", "pkcs11:object=far")
        self.assertIn("token=demo", result.err)
        self.assertIn("token=second", result.err)

    def test_contradiction_is_2(self):
        for words in (["-k", "pkcs11:token=demo;object=rsa", "--label", "p256"],
                      ["-k", "pkcs11:token=demo", "--token", "second"],
                      ["-k", "pkcs11:token=demo;id=%01", "--id", "02"]):
            with self.subTest(words=words):
                self.sign(2, *words)

    def test_bad_uris_and_ids_are_2(self):
        for words in (["-k", "rsa"], ["-k", "pkcs11:object=%zz"], ["-k", "pkcs11:type=nonsense"],
                      ["-k", "pkcs11:x-unknown-thing=1;object=rsa"], ["--id", "0"],
                      ["--id", "xy"], ["--token", "x" * 33], ["-k", "pkcs11:"],
                      ["-k", "pkcs11:object=rsa;type=public"],
                      ["-k", "pkcs11:object=rsa?module-path=/tmp/evil.so"]):
            with self.subTest(words=words):
                self.sign(2, *words)

    def test_certificate_chooses_the_private_key_with_its_id(self):
        self.sign(0, "-k", "pkcs11:token=demo;object=web-cert;type=cert")
        self.assert_signed_by("p256")
        self.sign(4, "-k", "pkcs11:token=demo;object=none;type=cert")

    def test_pin_value_is_refused_and_never_shown(self):
        for uri in ("pkcs11:token=demo;object=rsa?pin-value=123456",
                    "pkcs11:token=demo;object=%zz?pin-value=123456"):
            result = self.sign(2, "-k", uri, "--json")
            self.assertNotIn("123456", result.err)
            self.assertNotIn(b"123456", result.out)

    def test_pin_source_is_in_no_message(self):
        result = self.sign(4, "-k", f"pkcs11:token=demo;object=none?pin-source=file:{token.pin_file}")
        self.assertNotIn("pin-source", result.err)


if __name__ == "__main__":
    main()
