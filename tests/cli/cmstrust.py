# SPDX-License-Identifier: MIT
"""p11dbus verify --CAfile: whom authorities vouch for, and what for, beside openssl cms."""

import base64
import datetime

from cmstoken import (ROOT, Cms, authority, openssl_verify, put_together, signer_of, take_apart,
                      token)
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


class Revocation(Cms):
    """Each as openssl has it with -crl_check_all, which wants its CRLs among the authorities."""

    def setUp(self):
        super().setUp()
        self.root = authority.revoke("root")
        self.sign(0, "rsa", "data")

    def agree(self, code, *crls, reason=None, authorities=ROOT):
        """Both must find the same with crls."""
        together = self.write("together", b"".join(self.read(path) for path in (authorities, *crls)))
        said = openssl_verify("data.p7s", "-content", "data", "-crl_check_all",
                              authorities=together)
        self.assertEqual(said is None, code == 1)
        words = [word for path in crls for word in ("--crl", path)]
        for trust in (("--CAfile", authorities, *words), ("--CAfile", together)):
            with self.subTest(trust=trust):
                result = self.verify(code, "-s", "data.p7s", "data", "--json", trust=trust)
                document = result.json()
                self.assertEqual((document["reason"], document["trusted"]),
                                 ("untrusted", False) if code else (None, True))
                if reason:
                    self.assertIn("signature is valid", result.err)
                    self.assertIn(reason, result.err)

    def test_good(self):
        self.agree(0, authority.revoke("intermediate"), self.root)
        self.agree(0, authority.revoke("intermediate", "p256"), self.root)

    def test_revoked(self):
        self.agree(1, authority.revoke("intermediate", "p256", "rsa"), self.root,
                   reason="certificate revoked at 2025-12-24T00:00:00Z (CN=rsa")
        self.agree(1, authority.revoke("intermediate"), authority.revoke("root", "intermediate"),
                   reason="certificate revoked at 2025-12-24T00:00:00Z (CN=intermediate")

    def test_a_list_is_missing(self):
        self.agree(1, self.root, reason="none of CN=intermediate,O=Test that covers it (CN=rsa")
        self.agree(1, authority.revoke("intermediate"),
                   reason="none of CN=root,O=Test that covers it (CN=intermediate")
        self.agree(1, authority.revoke("stranger"), reason="unable to get certificate CRL")

    def test_a_list_is_out_of_date(self):
        past = ("20200101000000Z", "20200201000000Z")
        self.agree(1, authority.revoke("intermediate", dates=past), self.root,
                   reason="CRL has expired: the next of CN=intermediate,O=Test was due at "
                          "2020-02-01T00:00:00Z")
        future = ("20980101000000Z", "20990101000000Z")
        self.agree(1, authority.revoke("intermediate", dates=future), self.root,
                   reason="CRL is not yet valid")
        # The newer one counts, wherever it stands.
        old = authority.revoke("intermediate", out="old")
        new = authority.revoke("intermediate", "rsa", out="new",
                               dates=("20260601000000Z", "20991231000000Z"))
        self.agree(1, old, new, self.root, reason="revoked")
        self.agree(1, self.root, new, old, reason="revoked")

    def test_a_list_is_forged(self):
        forged = authority.revoke("stranger", out="forged")
        lines = self.read(authority.revoke("intermediate", "rsa")).splitlines()
        body = base64.b64decode(b"".join(lines[1:-1])).replace(b"251224000000Z", b"991224000000Z")
        changed = self.write("changed", b"-----BEGIN X509 CRL-----\n" + base64.encodebytes(body) +
                             b"-----END X509 CRL-----\n")
        self.agree(1, changed, self.root, reason="CRL signature failure")
        self.agree(1, forged, self.root)

    def test_der(self):
        paths = []
        for issuer in ("root", "intermediate"):
            check("openssl", "crl", "-in", authority.revoke(issuer, "rsa"), "-outform", "DER",
                  "-out", issuer)
            paths += ["--crl", issuer]
        result = self.verify(1, "-s", "data.p7s", *paths, "data")
        self.assertIn("revoked", result.err)

    def test_an_authority_whose_issuer_is_not_there(self):
        path = token.path("intermediate.crt")
        trust = ("--CAfile", path, "--crl", authority.revoke("intermediate"))
        self.verify(0, "-s", "data.p7s", "data", trust=trust)
        self.verify(0, "-s", "data.p7s", "data", trust=(*trust, "--crl", self.root))
        self.verify(1, "-s", "data.p7s", "data", trust=("--CAfile", path, "--crl", self.root))
        self.verify(1, "-s", "data.p7s", "data",
                    trust=("--CAfile", path, "--crl", authority.revoke("intermediate", "rsa")))

    def test_without_lists_revocation_is_not_looked_at(self):
        authority.revoke("intermediate", "rsa")
        self.verify(0, "-s", "data.p7s", "data")

    def test_what_is_no_list(self):
        crl = self.read(self.root)
        self.write("cut", crl[:len(crl) // 2])
        self.write("odd", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n" + crl)
        self.write("behind", self.read(ROOT) + crl[:len(crl) // 2])
        for name in ("cut", "odd", "missing", ".", "data", ROOT):
            self.verify(3, "-s", "data.p7s", "--crl", name, "data")
            self.verify(3, "-s", "data.p7s", "--crl", self.root, "--crl", name, "data")
        for name in ("behind", "cut", "odd"):
            self.verify(3, "-s", "data.p7s", "data", trust=("--CAfile", name))

    def test_usage(self):
        self.expect(2, "verify", "--pubkey", token.public("rsa"), "--crl", self.root, "-s",
                    "data.p7s", "data")
        self.verify(2, "-s", "data.p7s", "--crl", "-", "-")
        self.verify(2, "-s", "data.p7s", "--crl", "pkcs11:object=x", "data")


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


class Time(Cms):
    """With an authority and a signer that were valid in January 2020, and a signature of today."""

    def setUp(self):
        super().setUp()
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("past.key"))
        self.past = authority.issue("past", token.path("past.key"), "root",
                                    "basicConstraints=critical,CA:TRUE", expired=True)
        authority.issue("signer", token.path("bare.key"), "past", expired=True)
        self.sign(0, "bare", "--cert", token.path("signer.crt"), "data")

    def at(self, code, time, *words, trust=None):
        result = self.verify(code, "-s", "data.p7s", "--at", time, *words, "data", "--json",
                             trust=trust or ("--CAfile", self.past))
        document = result.json()
        self.assertEqual(document["reason"], "untrusted" if code else None)
        self.assertEqual(document["at_claimed"], bool(document["at"]) and time == "signing-time")
        return document, result.err

    def test_as_openssl_has_it(self):
        for time, seconds, code in (("2020-01-15T12:00:00Z", 1579089600, 0),
                                    ("2020-01-15T12:00:00+01:00", 1579086000, 0),
                                    ("2020-01-01T00:00:00Z", 1577836800, 0),
                                    ("2019-12-31T23:59:59Z", 1577836799, 1),
                                    ("2020-01-31T23:59:59Z", 1580515199, 0),
                                    ("2020-02-01T00:00:01Z", 1580515201, 1),
                                    ("2038-01-19T03:14:07Z", 2147483647, 1)):
            with self.subTest(time=time):
                said = openssl_verify("data.p7s", "-content", "data", "-partial_chain", "-attime",
                                      str(seconds), authorities=self.past)
                self.assertEqual(said is None, code == 1)
                document, text = self.at(code, time)
                said = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
                self.assertEqual(document["at"], said.strftime("%Y-%m-%dT%H:%M:%SZ"))
                self.assertIn(f"as of {document['at']}", text)

    def test_now_unless_another_time_is_named(self):
        result = self.verify(1, "-s", "data.p7s", "data", "--json", trust=("--CAfile", self.past))
        self.assertIn("expired", result.err)
        self.assertIsNone(result.json()["at"])

    def test_lists_of_revoked_certificates(self):
        then, now = ("20200101000000Z", "20200201000000Z"), ("20260101000000Z", "20991231000000Z")
        for dates, names, code in ((then, (), 0), (then, ("signer",), 1), (now, (), 1)):
            crl = authority.revoke("past", *names, dates=dates)
            both = self.write("both", self.read(self.past) + self.read(crl))
            said = openssl_verify("data.p7s", "-content", "data", "-partial_chain", "-crl_check",
                                  "-attime", "1579089600", authorities=both)
            self.assertEqual(said is None, code == 1)
            self.at(code, "2020-01-15T12:00:00Z", "--crl", crl)

    def claim(self, tag, text):
        """Signs again with openssl, and another signing time."""
        message = take_apart(self.read("data.p7s"))
        signer = signer_of(message)
        attributes = next(content for kind, content in signer if kind == 0xa0)
        for _, attribute in attributes:
            if attribute[0][1] == bytes.fromhex("2a864886f70d010905"):
                attribute[1] = (0x31, [(tag, text)])
        self.write("attributes", put_together([(0x31, attributes)]))
        signature = check("openssl", "dgst", "-sha256", "-sign", token.path("bare.key"),
                          "attributes")
        signer[-1] = (0x04, signature)
        self.write("data.p7s", put_together(message))

    def test_what_the_signer_claims(self):
        self.assertIn("expired", self.at(1, "signing-time")[1])
        for tag, text, year, code in ((0x17, b"200115120000Z", 2020, 0),
                                      (0x18, b"20200115120000Z", 2020, 0),
                                      (0x17, b"190115120000Z", 2019, 1)):
            self.claim(tag, text)
            document, said = self.at(code, "signing-time")
            self.assertEqual(document["at"], f"{year}-01-15T12:00:00Z")
            self.assertIn("when it claims to have been made", said)
        self.at(1, "2026-01-31T12:00:00Z")

    def test_no_claim(self):
        self.claim(0x17, b"nonsense")
        self.assertIn("does not claim when", self.at(1, "signing-time")[1])
        check("openssl", "cms", "-sign", "-binary", "-noattr", "-in", "data", "-outform", "DER",
              "-out", "data.p7s", "-signer", token.path("rsa.crt"), "-inkey",
              token.path("rsa.key"), "-certfile", token.path("intermediate.crt"))
        self.assertIn("does not claim when",
                      self.at(1, "signing-time", trust=("--CAfile", ROOT))[1])

    def test_usage(self):
        for time in ("2020-01-15", "1579089600", "", "yesterday", "2020-02-30T00:00:00Z"):
            self.verify(2, "-s", "data.p7s", "--at", time, "data")
        self.verify(2, "-s", "data.p7s", "--at", "2020-01-15T12:00:00Z", "data",
                    trust=("--cert", token.path("signer.crt")))


class Bound(Cms):
    """RSA-PSS keys that are for one hash, one in MGF1 and salts of some length or more alone."""

    KEYS = {"same": ("sha384", "sha384", 32), "mixed": ("sha256", "sha512", 20)}

    def setUp(self):
        super().setUp()
        for name, (digest, mgf, salt) in self.KEYS.items():
            check("openssl", "genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048",
                  "-pkeyopt", f"rsa_pss_keygen_md:{digest}", "-pkeyopt",
                  f"rsa_pss_keygen_mgf1_md:{mgf}", "-pkeyopt", f"rsa_pss_keygen_saltlen:{salt}",
                  "-out", name + ".key")
            check("openssl", "pkey", "-in", name + ".key", "-pubout", "-out", name + ".pub")
            check("openssl", "req", "-x509", "-new", "-key", name + ".key", "-subj", "/CN=" + name,
                  "-out", name + ".crt")

    def test_bare(self):
        for name, (digest, _, least) in self.KEYS.items():
            for salt in (least, least + 1, 64, "max"):
                check("openssl", "dgst", "-" + digest, "-sign", name + ".key", "-sigopt",
                      f"rsa_pss_saltlen:{salt}", "-out", "sig", "data")
                for words in (("--pubkey", name + ".pub"), ("--cert", name + ".crt")):
                    with self.subTest(name=name, salt=salt, words=words):
                        result = self.expect(0, "verify", *words, "-s", "sig", "data")
                        self.assertIn("rsa-pss-" + digest, result.err)
                        self.expect(1, "verify", *words, "-s", "sig", "other")
                        result = self.expect(9, "verify", *words, "-a", "rsa-pss-sha512", "-s",
                                             "sig", "data")
                        self.assertIn(f"for the hash {digest} alone", result.err)

    def test_cms(self):
        for name, (digest, _, _) in self.KEYS.items():
            check("openssl", "cms", "-sign", "-binary", "-in", "data", "-signer", name + ".crt",
                  "-inkey", name + ".key", "-md", digest, "-keyopt", "rsa_padding_mode:pss",
                  "-outform", "DER", "-out", "sig")
            with self.subTest(name=name):
                self.assertIsNotNone(openssl_verify("sig", "-content", "data",
                                                    authorities=name + ".crt"))
                for trust in (("--CAfile", name + ".crt"), ("--pubkey", name + ".pub")):
                    self.verify(0, "-s", "sig", "data", trust=trust)
                    self.verify(1, "-s", "sig", "other", trust=trust)

    def test_cms_by_other_parameters(self):
        """What a key may not do is no signature of it: the one key with other bounds."""
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-signer", "mixed.crt", "-inkey",
              "mixed.key", "-md", "sha256", "-keyopt", "rsa_padding_mode:pss", "-outform", "DER",
              "-out", "sig")
        sha512 = bytes.fromhex("0609608648016503040203")
        der = self.read("sig")
        at = der.rindex(sha512)  # in MGF1 of what the signature says of itself
        self.write("sig", der[:at] + sha512[:-1] + b"\x02" + der[at + len(sha512):])
        self.assertIsNone(openssl_verify("sig", "-content", "data", authorities="mixed.crt"))
        self.verify(1, "-s", "sig", "data", trust=("--CAfile", "mixed.crt"))


if __name__ == "__main__":
    main()
