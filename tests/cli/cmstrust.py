# SPDX-License-Identifier: MIT
"""p11dbus verify --CAfile: whom authorities vouch for, and what for, beside openssl cms."""

from cmstoken import Cms, authority, openssl_verify, token
from harness import KEYS, check, main


class Purpose(Cms):
    def test_what_a_certificate_is_for(self):
        # Each as openssl has it that checks for mail, and as it is without, for mail, code, any.
        for name, extensions, openssl, codes in (
                ("all", "basicConstraints=CA:FALSE", True, (0, 0, 0, 0)),
                ("mail", "extendedKeyUsage=emailProtection", True, (0, 0, 1, 0)),
                ("mixed", "extendedKeyUsage=serverAuth,emailProtection", True, (0, 0, 1, 0)),
                ("code", "extendedKeyUsage=codeSigning", False, (0, 1, 0, 0)),
                ("document", "extendedKeyUsage=1.3.6.1.5.5.7.3.36", False, (0, 1, 1, 0)),
                ("server", "extendedKeyUsage=serverAuth", False, (1, 1, 1, 0)),
                ("critical", "extendedKeyUsage=critical,serverAuth,clientAuth", False,
                 (1, 1, 1, 0)),
                ("stamp", "extendedKeyUsage=critical,timeStamping", False, (1, 1, 1, 0)),
                ("own", "extendedKeyUsage=1.3.6.1.4.1.99999.1", False, (1, 1, 1, 0)),
                ("nonrepudiation", "keyUsage=nonRepudiation", True, (0, 0, 0, 0)),
                ("agreement", "keyUsage=keyAgreement", False, (1, 1, 1, 1)),
                # RFC 5280 lets whoever checks choose whether any purpose is that one.
                ("any", "extendedKeyUsage=anyExtendedKeyUsage", False, (0, 0, 0, 0))):
            authority.issue(name, token.path("bare.key"), extensions=extensions)
            self.sign(0, "bare", "--cert", token.path(name + ".crt"), "--force", "data")
            self.assertEqual(
                openssl_verify("data.p7s", "-content", "data", "-purpose", "smimesign") is not None,
                openssl, name)
            for purpose, code in zip((None, "email", "code", "any"), codes):
                with self.subTest(name=name, purpose=purpose):
                    words = ["--purpose", purpose] if purpose else []
                    result = self.verify(code, "-s", "data.p7s", *words, "data", "--json")
                    self.assertEqual(result.json()["reason"], "untrusted" if code else None)
                    if code:
                        self.assertIn("signature is valid", result.err)
                        self.assertIn(extensions.split("=")[0], result.err)
                    if code and not extensions.startswith("keyUsage"):
                        self.assertIn(extensions.split(",")[-1].split("=")[-1], result.err)

    def test_what_an_authority_may_vouch_for(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("limited.key"))
        authority.issue("limited", token.path("limited.key"), "root",
                        "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=serverAuth")
        authority.issue("below", token.path("bare.key"), "limited")
        self.write("chain", self.read(token.path("below.crt")) +
                   self.read(token.path("limited.crt")))
        self.sign(0, "bare", "--cert", "chain", "data")
        self.assertIsNone(openssl_verify("data.p7s", "-content", "data", "-purpose", "smimesign"))
        result = self.verify(1, "-s", "data.p7s", "data")
        self.assertIn("serverAuth", result.err)
        self.assertIn("CN=limited", result.err)
        self.verify(0, "-s", "data.p7s", "data", "--purpose", "any")

    def test_signing_warns_of_what_verify_refuses(self):
        for name, extensions, warns in (("server", "extendedKeyUsage=serverAuth", True),
                                        ("agreement", "keyUsage=keyAgreement", True),
                                        ("mail", "extendedKeyUsage=emailProtection", False),
                                        ("all", "keyUsage=digitalSignature", False)):
            authority.issue(name, token.path("bare.key"), extensions=extensions)
            result = self.sign(0, "bare", "--cert", token.path(name + ".crt"), "--force", "data")
            with self.subTest(name=name):
                self.assertEqual("verify will refuse" in result.err, warns, result)
                self.assertEqual(extensions.split("=")[0] in result.err, warns, result)
                self.verify(int(warns), "-s", "data.p7s", "data")


if __name__ == "__main__":
    main()
