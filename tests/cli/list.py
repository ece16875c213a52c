# SPDX-License-Identifier: MIT
"""p11dbus list: the table for people, and schema 1 for programs."""

import os

from harness import KEYS, PIN, RUDE, SOFTHSM, Case, Token, check, main

if SOFTHSM:
    token = Token()
    check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj",
          "/CN=web/O=\N{GREEK SMALL LETTER PI}\n\033[31m", "-utf8", "-days", "30", "-out",
          token.path("web.pem"))
    check("openssl", "x509", "-in", token.path("web.pem"), "-outform", "DER", "-out",
          token.path("web.der"))
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login", "--pin", PIN,
          "--write-object", token.path("web.der"), "--type", "cert", "--label",
          "w\N{LATIN SMALL LETTER E WITH ACUTE}b\033[2J\n\N{RIGHT-TO-LEFT OVERRIDE}", "--id", "02")


class List(Case):
    def list(self, code, *words, **options):
        return self.expect(code, "list", "-m", SOFTHSM, *words, **options)

    def private(self, code, *words, **options):
        return self.list(code, "--login", "--pin-file", token.pin_file, *words, **options)

    def objects(self, *words):
        document = self.private(0, "--json", *words).json()
        self.assertEqual(document["schema"], 1)
        return [entry for one in document["tokens"] for entry in one["objects"]]

    def test_json_has_the_keys_of_the_schema(self):
        document = self.private(0, "--json").json()
        demo = next(one for one in document["tokens"] if one["label"] == "demo")
        self.assertLessEqual({"uri", "label", "serial", "flags", "objects"}, set(demo))
        self.assertIn("login-required", demo["flags"])
        for entry in demo["objects"]:
            self.assertLessEqual({"uri", "class", "label", "id", "key_type", "bits", "curve",
                                  "can", "always_authenticate", "certificate"}, set(entry))
            if entry["certificate"]:
                self.assertLessEqual({"subject", "issuer", "not_before", "not_after", "sha256",
                                      "pem"}, set(entry["certificate"]))

    def test_json_says_what_keys_are(self):
        private = {entry["label"]: entry for entry in self.objects()
                   if entry["class"] == "private-key"}
        self.assertEqual(set(private), set(KEYS))
        self.assertEqual((private["rsa"]["key_type"], private["rsa"]["bits"],
                          private["rsa"]["curve"]), ("rsa", 2048, None))
        self.assertEqual((private["p521"]["key_type"], private["p521"]["bits"],
                          private["p521"]["curve"]), ("ec", 521, "P-521"))
        self.assertEqual((private["ed25519"]["key_type"], private["ed25519"]["curve"]),
                         ("ec-edwards", "Ed25519"))
        self.assertEqual(private["rsa"]["id"], "01")
        self.assertIn("sign", private["rsa"]["can"])
        self.assertIs(private["rsa"]["always_authenticate"], False)

    def test_json_of_a_certificate(self):
        entry, = [entry for entry in self.objects("certs")]
        view = entry["certificate"]
        with open(token.path("web.pem"), encoding="ascii") as file:
            self.assertEqual(view["pem"], file.read())
        fingerprint = check("openssl", "x509", "-in", token.path("web.pem"), "-noout",
                            "-fingerprint", "-sha256").decode().strip().split("=")[1]
        self.assertEqual(view["sha256"], fingerprint.replace(":", "").lower())
        self.assertIn("\N{GREEK SMALL LETTER PI}", view["subject"])
        for member in ("not_before", "not_after"):
            self.assertRegex(view[member], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        dates = check("openssl", "x509", "-in", token.path("web.pem"), "-noout", "-dates",
                      "-dateopt", "iso_8601").decode().split("\n")
        self.assertEqual(view["not_before"], dates[0].split("=")[1].replace(" ", "T"))
        self.assertEqual(view["not_after"], dates[1].split("=")[1].replace(" ", "T"))

    def test_every_uri_listed_names_its_object(self):
        for entry in self.objects("objects"):
            again = self.objects("objects", entry["uri"])
            self.assertEqual([other["uri"] for other in again], [entry["uri"]])

    def test_short_uris_of_the_table_name_one_object(self):
        table = self.private(0, "keys").out.decode()
        uris = [line.strip() for line in table.splitlines()
                if line.strip().startswith("pkcs11:") and ";object=" in line]
        self.assertEqual(len(uris), 2 * len(KEYS))
        for uri in uris:
            self.assertEqual(len(self.objects(uri)), 1)

    def test_words_narrow(self):
        classes = {word: {entry["class"] for entry in self.objects(word)}
                   for word in ("keys", "certs", "objects", "tokens", "mechanisms")}
        self.assertEqual(classes["keys"], {"private-key", "public-key"})
        self.assertEqual(classes["certs"], {"certificate"})
        self.assertEqual(classes["objects"], {"private-key", "public-key", "certificate"})
        self.assertEqual((classes["tokens"], classes["mechanisms"]), (set(), set()))

    def test_mechanisms(self):
        document = self.list(0, "mechanisms", "--json", "--token", "demo").json()
        names = {entry["name"]: entry for entry in document["tokens"][0]["mechanisms"]}
        self.assertIn("sign", names["sha256-rsa-pkcs"]["flags"])
        self.assertIn(b"sha256-rsa-pkcs", self.list(0, "mechanisms").out)

    def test_private_keys_are_shown_after_login_only(self):
        self.assertNotIn(b"private key", self.list(0).out)
        self.assertIn(b"private key", self.private(0).out)

    def test_what_a_login_would_show_is_said(self):
        def hidden(run, *words):
            return next(one["hidden_keys"] for one in run(0, "--json", *words).json()["tokens"]
                        if one["label"] == "demo")

        more = f"--login shows {len(KEYS)} keys more, which are private"
        for words in ([], ["keys"], ["objects"]):
            self.assertEqual(hidden(self.list, *words), len(KEYS))
            self.assertIn(more, self.list(0, *words).out.decode())
            self.assertIsNone(hidden(self.private, *words))
            self.assertNotIn("--login", self.private(0, *words).out.decode())
        for words in (["certs"], ["pkcs11:token=demo;type=cert"]):
            self.assertIsNone(hidden(self.list, *words))
            self.assertIn("--login shows what is private", self.list(0, *words).out.decode())
        for words in (["tokens"], ["mechanisms"]):
            self.assertNotIn("--login", self.list(0, *words).out.decode())

    def test_nothing_matched_is_4(self):
        for uri in ("pkcs11:token=none", "pkcs11:token=demo;object=none"):
            self.list(4, uri)
            self.assertEqual(self.list(4, "--json", uri).json()["error"]["code"], 4)

    def test_control_characters_are_escaped(self):
        for words in (["certs"], ["objects"]):
            out = self.list(0, *words).out.decode()
            for character in ("\033", "\N{RIGHT-TO-LEFT OVERRIDE}", "\a"):
                self.assertNotIn(character, out)
            self.assertIn("w\N{LATIN SMALL LETTER E WITH ACUTE}b\\x1b[2J\\x0a\\u{202e}", out)

    def test_control_characters_of_tokens_are_escaped(self):
        env = {"RUDE": "escape binary", "RUDE_MODULE": SOFTHSM}
        out = self.expect(0, "list", "-m", RUDE, env=env).out
        self.assertNotIn(b"\033", out)
        self.assertNotIn(b"\a", out)
        self.assertIn(rb"\x1b[31mred", out)
        result = self.expect(0, "list", "-m", RUDE, "--json", env=env)
        self.assertNotIn("\x85", result.out.decode())
        document = result.json()
        self.assertTrue(document["tokens"][0]["manufacturer"].startswith("\033[31mred\033[0m\a\x85"))

    def test_a_token_that_says_nothing_of_its_maker(self):
        env = {"RUDE": "nameless", "RUDE_MODULE": SOFTHSM}
        out = self.expect(0, "list", "tokens", "-m", RUDE, env=env).out.decode()
        self.assertIn("token-initialized", out)
        self.assertNotIn(", serial", out)
        self.assertFalse([line for line in out.splitlines() if line and not line.strip()], out)

    def test_modules_that_are_particular_about_attributes(self):
        def objects(result):
            return [entry for one in result.json()["tokens"] for entry in one["objects"]]

        wanted = objects(self.private(0, "objects", "--json"))
        for rude in ("one-attribute", "exact-buffers", "one-attribute exact-buffers"):
            result = self.expect(0, "list", "-m", RUDE, "--login", "--pin-file", token.pin_file,
                                 "objects", "--json", env={"RUDE": rude, "RUDE_MODULE": SOFTHSM})
            self.assertEqual(objects(result), wanted, rude)

    def test_a_large_certificate(self):
        names = ",".join(f"DNS:host-{i}.example.org" for i in range(190))
        check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=big",
              "-addext", f"subjectAltName={names}", "-outform", "DER", "-out", "big.der")
        arguments = ["pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login",
                     "--pin", PIN, "--type", "cert", "--label", "big"]
        check(*arguments, "--write-object", "big.der")
        try:
            entry, = self.objects("certs", "pkcs11:object=big")
        finally:
            check(*arguments, "--delete-object")
        self.assertGreater(os.path.getsize("big.der"), 4096)
        self.assertEqual(entry["certificate"]["pem"].encode(),
                         check("openssl", "x509", "-inform", "DER", "-in", "big.der"))

    def test_no_uri_holds_a_pin(self):
        os.environ["MY_PIN"] = PIN
        result = self.list(0, "--login", "--json", "pkcs11:token=demo?pin-source=env:MY_PIN")
        self.assertNotIn(b"pin-source", result.out)
        self.assertNotIn(PIN.encode(), result.out)

    def test_color(self):
        self.assertNotIn(b"\033", self.list(0).out)
        self.assertIn(b"\033[1m", self.list(0, "--color", "always").out)
        self.list(2, "--color", "sometimes")

    def test_usage(self):
        for words in (["nonsense"], ["keys", "nonsense"], ["keys", "pkcs11:", "more"],
                      ["pkcs11:object=%zz"]):
            self.list(2, *words)
            self.assertEqual(self.list(2, "--json", *words).json()["error"]["code"], 2)


if __name__ == "__main__":
    main()
