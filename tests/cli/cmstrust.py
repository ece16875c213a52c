# SPDX-License-Identifier: MIT
"""p11dbus verify --CAfile: whom authorities vouch for, and what for, beside openssl cms."""

import base64
import datetime
import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

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

    def test_one_purpose_from_the_signer_to_the_authority(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("mailer.key"))
        authority.issue("mailer", token.path("mailer.key"), "root",
                        "basicConstraints=critical,CA:TRUE\nextendedKeyUsage=emailProtection")
        for usage, code in (("codeSigning", 1), ("codeSigning,emailProtection", 0)):
            authority.issue("below", token.path("bare.key"), "mailer",
                            extensions="extendedKeyUsage=" + usage)
            self.write("chain", self.read(token.path("below.crt")) +
                       self.read(token.path("mailer.crt")))
            self.sign(0, "bare", "--cert", "chain", "--force", "data")
            result = self.verify(code, "-s", "data.p7s", "data")
            self.assertEqual("no one purpose is served by all" in result.err, code == 1)

    def test_what_an_authority_is_trusted_for(self):
        self.sign(0, "rsa", "data")
        for words, mail, usual, code in (
                ("-addreject emailProtection", 1, 0, 0), ("-addreject codeSigning", 0, 0, 1),
                ("-addtrust serverAuth", 1, 1, 1), ("-addtrust emailProtection", 0, 0, 1),
                ("-addreject anyExtendedKeyUsage", 1, 1, 1)):
            check("openssl", "x509", "-in", ROOT, "-trustout", *words.split(), "-out", "trusted")
            self.assertEqual(openssl_verify("data.p7s", "-content", "data", "-purpose", "smimesign",
                                            authorities="trusted") is None, mail == 1, words)
            for purpose, expected in (("email", mail), (None, usual), ("code", code)):
                with self.subTest(words=words, purpose=purpose):
                    asked = ("--purpose", purpose) if purpose else ()
                    result = self.verify(expected, "-s", "data.p7s", *asked, "data",
                                         trust=("--CAfile", "trusted"))
                    self.assertEqual("certificate rejected" in result.err, expected == 1)

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

    def test_an_authority_that_another_one_has_revoked(self):
        lists = ("--crl", authority.revoke("intermediate"),
                 "--crl", authority.revoke("root", "intermediate", out="revoked"))
        path = token.path("intermediate.crt")
        both = self.write("both", self.read(ROOT) + self.read(path))
        for authorities in (path, both, ROOT):
            result = self.verify(1, "-s", "data.p7s", "data",
                                 trust=("--CAfile", authorities, *lists))
            self.assertIn("revoked at 2025-12-24T00:00:00Z (CN=intermediate", result.err)
        # Who only has the name of that one has nothing to say.
        check("openssl", "req", "-x509", "-new", "-key", token.path("stranger.key"), "-subj",
              "/O=Test/CN=root", "-days", "30", "-out", token.path("namesake.crt"))
        shutil.copy(token.path("stranger.key"), token.path("namesake.key"))
        self.verify(0, "-s", "data.p7s", "data",
                    trust=("--CAfile", both, *lists[:2], "--crl", self.root, "--crl",
                           authority.revoke("namesake", "intermediate")))

    def test_changes_alone_are_no_list(self):
        with open(token.path("intermediate.key"), "rb") as file:
            private = serialization.load_pem_private_key(file.read(), None)
        now = datetime.datetime.now(datetime.timezone.utc)
        changes = (x509.CertificateRevocationListBuilder().issuer_name(x509.Name([
            x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Test"),
            x509.NameAttribute(x509.NameOID.COMMON_NAME, "intermediate")])).last_update(now)
            .next_update(now + datetime.timedelta(days=1))
            .add_extension(x509.DeltaCRLIndicator(1), True).sign(private, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM))
        self.write("changes", changes)
        self.write("behind", self.read(ROOT) + changes)
        for words, trust in ((("--crl", "changes"), ()), ((), ("--CAfile", "behind"))):
            options = {"trust": trust} if trust else {}
            result = self.verify(9, "-s", "data.p7s", "--crl", self.root, *words, "data", **options)
            self.assertIn("delta CRL", result.err)

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
