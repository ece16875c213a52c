# SPDX-License-Identifier: MIT
"""p11dbus verify --CAfile -I: whom a certificate is of, beside openssl cms."""

from cmstoken import Cms, authority, openssl_verify, token
from harness import KEYS, check, main

NAMES = ("subjectAltName=email:Web@example.org,DNS:www.example.org,DNS:*.example.net,"
         "URI:https://example.org/Web,otherName:1.2.3.4;UTF8:other")


class Identity(Cms):
    def sign_as(self, name, extensions="keyUsage=digitalSignature", **options):
        """With a certificate of that name."""
        authority.issue(name, token.path("bare.key"), extensions=extensions, **options)
        self.sign(0, "bare", "--cert", token.path(name + ".crt"), "--force", "data")

    def test_nobody_named(self):
        self.sign_as("named", NAMES)
        result = self.verify(0, "-s", "data.p7s", "data", "--json")
        self.assertIn("anyone under these authorities counts", result.err)
        self.assertIsNone(result.json()["identity"])

    def test_who_has_signed(self):
        self.sign_as("named", NAMES)
        for identity in ("Web@example.org", "Web@EXAMPLE.org", "www.example.org",
                         "WWW.Example.ORG", "*.example.net", "https://example.org/Web",
                         "CN=named,O=Test"):
            with self.subTest(identity=identity):
                result = self.verify(0, "-s", "data.p7s", "-I", identity, "data", "--json")
                self.assertIn(f"{identity} has signed", result.err)
                document = result.json()
                self.assertEqual((document["identity"], document["signer"]),
                                 (identity, "CN=named,O=Test"))

    def test_who_has_not(self):
        self.sign_as("named", NAMES)
        for identity in ("web@example.org", "example.org", ".example.org", "*.example.org",
                         "a.example.net", ".example.net", "*@example.org", "@example.org",
                         "https://example.org/web", "https://example.org", "named", "CN=named",
                         "O=Test,CN=named", "/O=Test/CN=named", "CN=named,O=Test,", "other",
                         "rsa@example.org"):
            with self.subTest(identity=identity):
                result = self.verify(1, "-s", "data.p7s", "-I", identity, "data", "--json")
                document = result.json()
                self.assertEqual((document["reason"], document["trusted"]), ("not-allowed", True))
                self.assertIn(f"it is not by {identity}: the certificate is of CN=named,O=Test, "
                              "Web@example.org, www.example.org", result.err)

    def test_a_mailbox_in_the_subject_is_none_of_the_names(self):
        self.sign_as("old", subject="old/emailAddress=old@example.org")
        self.verify(1, "-s", "data.p7s", "-I", "old@example.org", "data")
        self.verify(0, "-s", "data.p7s", "-I", "emailAddress=old@example.org,CN=old,O=Test",
                    "data")

    def test_a_name_of_one_kind_is_none_of_another(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("mails.key"))
        authority.issue("mails", token.path("mails.key"), "root",
                        "basicConstraints=critical,CA:TRUE\n"
                        "nameConstraints=critical,permitted;email:example.net")
        for name, identity in (("URI:web@example.org", "web@example.org"),
                               ("DNS:web@example.org", "web@example.org"),
                               ("email:www.example.org", "www.example.org"),
                               ("URI:www.example.org", "www.example.org"),
                               ("email:https://example.org/", "https://example.org/"),
                               ("DNS:https://example.org/", "https://example.org/")):
            with self.subTest(name=name):
                kind = "-verify_email" if "@" in identity else "-verify_hostname"
                authority.issue("odd", token.path("bare.key"), "root",
                                "subjectAltName=critical," + name, empty=True)
                self.sign(0, "bare", "--cert", token.path("odd.crt"), "--force", "data")
                if "/" not in identity:  # openssl has no word for URIs
                    self.assertIsNone(openssl_verify("data.p7s", "-content", "data", kind,
                                                     identity))
                result = self.verify(1, "-s", "data.p7s", "-I", identity, "data", "--json")
                self.assertEqual(result.json()["reason"], "not-allowed")
                self.assertRegex(result.json()["signer"], "^serial [0-9a-f]* of CN=root,O=Test$")
        # What an authority may say of mail says nothing of URIs.
        authority.issue("odd", token.path("bare.key"), "mails",
                        "subjectAltName=URI:web@example.org")
        self.write("chain", self.read(token.path("odd.crt")) + self.read(token.path("mails.crt")))
        self.sign(0, "bare", "--cert", "chain", "--force", "data")
        self.verify(0, "-s", "data.p7s", "data")
        self.verify(1, "-s", "data.p7s", "-I", "web@example.org", "data")

    def test_an_alternative_name_that_looks_like_a_subject(self):
        subject = "CN=rsa,O=Test"
        authority.issue("odd", token.path("bare.key"), empty=True, extensions=(
            "subjectAltName=critical,@all\n[all]\nDNS.1=" + subject.replace(",", "\\,")))
        self.sign(0, "bare", "--cert", token.path("odd.crt"), "--force", "data")
        result = self.verify(0, "-s", "data.p7s", "data", "--json")
        self.assertRegex(result.json()["signer"], "^serial ")
        self.verify(1, "-s", "data.p7s", "-I", subject, "data")

    def test_an_identity_that_is_no_text(self):
        self.sign(0, "rsa", "data")
        document = self.verify(1, "-s", "data.p7s", "-I", b"x\xff\xfc", "data", "--json").json()
        self.assertEqual(document["identity"], "x\ufffd\ufffd")
        self.assertEqual(document["reason"], "not-allowed")

    def test_letters_of_the_subject(self):
        self.sign_as("letters", subject="Zoë, Web")
        for identity in ("CN=Zoë\\, Web,O=Test", r"CN=Zo\C3\AB\, Web,O=Test"):
            self.verify(0, "-s", "data.p7s", "-I", identity, "data")
        self.verify(1, "-s", "data.p7s", "-I", "CN=Zoë, Web,O=Test", "data")

    def test_who_is_not_trusted_has_no_name(self):
        self.sign_as("named", NAMES)
        document = self.verify(1, "-s", "data.p7s", "-I", "Web@example.org", "data", "--json",
                               trust=("--CAfile", token.path("stranger.crt"))).json()
        self.assertEqual((document["reason"], document["trusted"]), ("untrusted", False))

    def test_one_of_several(self):
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out", "sig",
              "-certfile", token.path("intermediate.crt"),
              *(word for name in ("rsa", "p256")
                for word in ("-signer", token.path(name + ".crt"),
                             "-inkey", token.path(name + ".key"))))
        for name in ("rsa", "p256"):
            self.verify(0, "-s", "sig", "-I", f"CN={name},O=Test", "data")
        result = self.verify(1, "-s", "sig", "-I", "CN=p384,O=Test", "data")
        self.assertRegex(result.err, "certificate is of CN=.*,O=Test and CN=.*,O=Test")

    def test_an_empty_subject(self):
        for extensions, name in ((NAMES, "Web@example.org"),
                                 ("subjectAltName=critical,URI:https://example.org/",
                                  "https://example.org/"),
                                 ("subjectAltName=otherName:1.2.3.4;UTF8:other", None),
                                 ("keyUsage=digitalSignature", None)):
            self.sign_as("empty", extensions, empty=True)
            serial = check("openssl", "x509", "-in", token.path("empty.crt"), "-noout", "-serial")
            name = name or f"serial {serial.decode().strip()[7:].lower()} of CN=intermediate,O=Test"
            with self.subTest(extensions=extensions):
                result = self.verify(0, "-s", "data.p7s", "data", "--json")
                self.assertEqual(result.json()["signer"], name)
                self.assertIn(f"data by {name} (", result.err)
                result = self.verify(1, "-s", "data.p7s", "-I", "x", "data")
                self.assertIn("the certificate is of " + name, result.err)
                result = self.verify(1, "-s", "data.p7s", "data",
                                     trust=("--CAfile", token.path("stranger.crt")))
                self.assertIn(f"the certificate of {name} is not trusted", result.err)

    def test_usage(self):
        self.sign(0, "rsa", "data")
        self.verify(2, "-s", "data.p7s", "-I", "", "data")
        self.verify(2, "-s", "data.p7s", "-I", "x", "data", trust=("--pubkey", token.public("rsa")))


if __name__ == "__main__":
    main()
