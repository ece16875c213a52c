# SPDX-License-Identifier: MIT
"""p11dbus verify of CMS: what openssl and certtool have signed, and what is not what it seems."""

import os
import shutil

from cmstoken import (P12, ROOT, Cms, authority, openssl_verify, put_together, signer_of, take_apart,
                      token)
from harness import KEYS, SOFTHSM, check, main


class Verify(Cms):
    def openssl_sign(self, *options, signers=("rsa",), out="sig", attached=False):
        words = [word for name in signers
                 for word in ("-signer", token.path(name + ".crt"), "-inkey",
                              token.path(name + ".key"))]
        check("openssl", "cms", "-sign", "-binary", *(["-nodetach"] if attached else []), "-in",
              "data", "-outform", "DER", "-out", out, *words, "-certfile",
              token.path("intermediate.crt"), *options)

    def trusts(self, key):
        return (("--CAfile", ROOT), ("--cert", token.path(key + ".crt")),
                ("--pubkey", token.public(key)),
                ("-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={key}"))

    def test_what_openssl_signs(self):
        for key in P12:
            for options in ([], ["-noattr"], ["-keyid"], ["-nosmimecap"], ["-stream"],
                            ["-md", "sha512"]):
                self.openssl_sign(*options, signers=(key,))
                for trust in self.trusts(key):
                    with self.subTest(key=key, options=options, trust=trust):
                        self.verify(0, "-s", "sig", "data", trust=trust)
                        self.verify(1, "-s", "sig", "other", trust=trust)
        self.openssl_sign("-keyopt", "rsa_padding_mode:pss")
        self.verify(0, "-s", "sig", "data")

    def test_what_certtool_signs(self):
        for key in ("rsa", "p256", "ed25519"):
            for options in ([], ["--p7-time"]):
                with self.subTest(key=key, options=options):
                    check("certtool", "--p7-detached-sign", *options, "--load-privkey",
                          token.path(key + ".key"), "--load-certificate", token.path(key + ".crt"),
                          "--infile", "data", "--outder", "--outfile", "sig")
                    self.verify(0, "-s", "sig", "data", trust=("--cert", token.path(key + ".crt")))
                    self.verify(1, "-s", "sig", "other",
                                trust=("--cert", token.path(key + ".crt")))

    def test_attached(self):
        self.openssl_sign(attached=True)
        self.verify(0, "-s", "sig", "data")
        self.assertIn("other data", self.verify(1, "-s", "sig", "other").err)
        self.verify(0, "-s", "-", stdin=self.read("sig"))
        self.assertEqual(self.verify(0, "-s", "sig", "-o", "-").out, b"some data\n")
        self.verify(0, "-s", "sig", "-o", "out")
        self.assertEqual(self.read("out"), b"some data\n")
        self.verify(3, "-s", "sig", "-o", "out")
        self.verify(0, "-s", "sig", "-o", "out", "--force")

    def test_attached_does_not_take_the_place_of_standard_input(self):
        self.openssl_sign(attached=True)
        for stdin in (b"what nobody signed", b"some data\n", b""):
            self.assertIn("no file was named", self.verify(2, "-s", "sig", stdin=stdin).err)
        self.verify(1, "-s", "sig", "-", stdin=b"what nobody signed")
        self.verify(0, "-s", "sig", "-", stdin=b"some data\n")

    def test_content_does_not_replace_the_signature(self):
        self.openssl_sign(attached=True)
        signature = self.read("sig")
        self.verify(2, "-s", "sig", "-o", "./sig", "--force")
        self.assertEqual(self.read("sig"), signature)

    def test_content_is_written_only_if_good_and_if_there_is_any(self):
        self.openssl_sign(attached=True)
        self.verify(1, "-s", "sig", "-o", "out", trust=("--CAfile", token.path("stranger.crt")))
        self.verify(1, "-s", "sig", "-o", "out", trust=("--pubkey", token.public("p384")))
        self.openssl_sign()
        self.verify(2, "-s", "sig", "-o", "out", "data")
        self.verify(2, "-s", "-", stdin=self.read("sig"))
        check("openssl", "dgst", "-sha256", "-sign", token.path("rsa.key"), "-out", "der", "data")
        self.verify(2, "-s", "der", "-o", "out", "data", trust=("--pubkey", token.public("rsa")))
        self.assertFalse(os.path.exists("out"))

    def standard_inputs(self, name):
        """Ways to give a file as standard input, which can be read again or not: a pipe, and itself."""
        def opened():
            file = open(name, "rb")  # pylint: disable=consider-using-with
            self.addCleanup(file.close)
            return {"stdin": file}
        return lambda: {"stdin": self.read(name)}, opened

    def test_text_mode(self):
        self.write("data", b"some\nlines\r\nof\rtext\n")
        self.write("crlf", b"some\r\nlines\r\nof\rtext\r\n")
        self.write("lf", b"some\nlines\nof\rtext\n")
        for options in ([], ["-noattr"], ["-nodetach"], ["-nodetach", "-noattr"],
                        ["-signer", token.path("p256.crt"), "-inkey", token.path("p256.key")]):
            check("openssl", "cms", "-sign", "-in", "data", "-outform", "DER", "-out", "sig",
                  "-signer", token.path("rsa.crt"), "-inkey", token.path("rsa.key"), "-certfile",
                  token.path("intermediate.crt"), *options)
            for trust in self.trusts("rsa")[:2]:
                with self.subTest(options=options, trust=trust):
                    self.verify(0, "-s", "sig", "crlf", trust=trust)
                    for name in ("data", "lf"):
                        result = self.verify(1, "-s", "sig", name, "--json", trust=trust)
                        self.assertEqual(result.json()["reason"], "mismatch")
                        self.assertIn("CR LF at their ends", result.err)
                        self.assertIn("-binary", result.err)
                        for stdin in self.standard_inputs(name):
                            result = self.verify(1, "-s", "sig", "-", trust=trust, **stdin())
                            self.assertIn("-binary", result.err)
                    self.assertNotIn("-binary", self.verify(1, "-s", "sig", "other").err)
        shutil.copy("lf", "data")
        for attached in (False, True):
            self.openssl_sign(attached=attached)
            result = self.verify(1, "-s", "sig", "crlf")
            self.assertIn("same lines with LF at their ends", result.err)
            for stdin in self.standard_inputs("crlf"):
                result = self.verify(1, "-s", "sig", "-", **stdin())
                self.assertIn("same lines with LF at their ends", result.err)
        # Only the line ends must differ: not the key, nor the signature.
        result = self.verify(1, "-s", "sig", "crlf", trust=("--pubkey", token.public("p256")))
        self.sign(0, "p256", "--force", "lf")
        bad = bytearray(self.read("lf.p7s"))
        bad[-1] ^= 1
        self.write("lf.p7s", bytes(bad))
        self.assertNotIn("same lines", self.verify(1, "-s", "lf.p7s", "crlf").err)

    def test_without_certificates(self):
        self.openssl_sign("-nocerts")
        for trust in self.trusts("rsa")[1:]:
            self.verify(0, "-s", "sig", "data", trust=trust)
            self.verify(1, "-s", "sig", "other", trust=trust)
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out", "sig",
              "-signer", token.path("rsa.crt"), "-inkey", token.path("rsa.key"), "-nocerts")
        result = self.verify(1, "-s", "sig", "data", "--json").json()
        self.assertEqual((result["reason"], result["valid"]), ("untrusted", False))
        self.verify(0, "-s", "sig", "data", trust=("--CAfile", token.path("rsa.crt")))
        self.verify(1, "-s", "sig", "data", trust=("--pubkey", token.public("p256")))

    def test_several_signers_must_all_be_good(self):
        self.openssl_sign(signers=("rsa", "p384"))
        result = self.verify(0, "-s", "sig", "data")
        self.assertIn("CN=rsa", result.err)
        self.assertIn("CN=p384", result.err)
        for key in ("rsa", "p384"):
            self.verify(0, "-s", "sig", "data", trust=("--cert", token.path(key + ".crt")))
        self.verify(1, "-s", "sig", "data", trust=("--pubkey", token.public("p256")))
        check("openssl", "req", "-x509", "-new", "-key", token.path("bare.key"), "-subj",
              "/CN=nobody", "-out", token.path("nobody.crt"))
        shutil.copy(token.path("bare.key"), token.path("nobody.key"))
        self.openssl_sign(signers=("rsa", "nobody"))
        result = self.verify(1, "-s", "sig", "data", "--json")
        self.assertEqual(result.json()["reason"], "untrusted")
        self.assertIn("CN=nobody", result.err)

    def test_untrusted_says_that_the_signature_is_valid(self):
        self.sign(0, "rsa", "data")
        result = self.verify(1, "-s", "data.p7s", "data", "--json",
                             trust=("--CAfile", token.path("stranger.crt")))
        document = result.json()
        self.assertEqual((document["reason"], document["trusted"], document["valid"]),
                         ("untrusted", False, False))
        self.assertIn("signature is valid", result.err)
        self.assertIn("local issuer", result.err)
        # An authority counts by itself, whoever issued it.
        self.verify(0, "-s", "data.p7s", "data",
                    trust=("--CAfile", token.path("intermediate.crt")))
        result = self.verify(1, "-s", "data.p7s", "other", "--json",
                             trust=("--CAfile", token.path("stranger.crt"))).json()
        self.assertEqual((result["reason"], result["trusted"]), ("mismatch", None))

    def test_expired_authority(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("gone.key"))
        authority.issue("gone", token.path("gone.key"), "root",
                        "basicConstraints=critical,CA:TRUE", expired=True)
        authority.issue("late", token.path("bare.key"), "gone")
        self.write("chain", self.read(token.path("late.crt")) + self.read(token.path("gone.crt")))
        self.sign(0, "bare", "--cert", "chain", "data")
        result = self.verify(1, "-s", "data.p7s", "data")
        self.assertIn("expired (CN=gone", result.err)

    def test_a_leaf_is_no_authority(self):
        shutil.copy(token.path("bare.key"), token.path("forger.key"))
        authority.issue("forger", token.path("forger.key"))
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("forged.key"))
        authority.issue("forged", token.path("forged.key"), "forger", subject="rsa")
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out", "sig",
              "-signer", token.path("forged.crt"), "-inkey", token.path("forged.key"),
              "-certfile", token.path("forger.crt"), "-certfile", token.path("intermediate.crt"))
        self.assertEqual(self.verify(1, "-s", "sig", "data", "--json").json()["reason"],
                         "untrusted")

    def test_weak_hashes_are_not_checked(self):
        for digest in ("md5", "sha1"):
            self.openssl_sign("-md", digest)
            for trust in self.trusts("rsa")[:2]:
                result = self.verify(9, "-s", "sig", "data", trust=trust)
                self.assertIn(digest, result.err.lower())

    def test_no_byte_can_be_changed_unseen(self):
        for place, key in (("plain", "p256"), ("demo", "ed25519")):
            self.sign(0, key, "--force", "data", place=place)
            good = self.read("data.p7s")
            leaf = good.find(self.read(token.path(key + ".der")))
            attributes = good.find(bytes.fromhex("06092a864886f70d010903"))
            self.assertTrue(0 < leaf < attributes)
            # Versions and lists of what the signers use stand outside of all that is signed.
            is_signed = {*range(leaf, leaf + os.path.getsize(token.path(key + ".der"))),
                         *range(attributes, len(good))}
            for position in range(0, len(good), 13):
                bad = bytearray(good)
                bad[position] ^= 0x41
                self.write("bad", bytes(bad))
                with self.subTest(key=key, position=position):
                    result = self.run_p11dbus("verify", "--CAfile", ROOT, "-f", "cms", "-s", "bad",
                                              "data")
                    self.assertIn(result.code, (1, 9) if position in is_signed else (0, 1, 9),
                                  result)
            for size in (0, 1, 2, 20, len(good) // 2, len(good) - 1):
                self.write("bad", good[:size])
                self.verify(1, "-s", "bad", "data")
            for more in (b"\0", good):
                self.write("bad", good + more)
                self.assertEqual(self.verify(1, "-s", "bad", "data", "--json").json()["reason"],
                                 "malformed")

    def test_signed_attributes_cannot_be_passed_off_as_content(self):
        self.sign(0, "rsa", "data")
        message = take_apart(self.read("data.p7s"))
        self.assertEqual(put_together(message), self.read("data.p7s"))
        signer = signer_of(message)
        attributes = next(element for element in signer if element[0] == 0xa0)
        signer.remove(attributes)
        self.write("bad", put_together(message))
        self.write("attributes", put_together([(0x31, attributes[1])]))
        # This is why: openssl takes the signature for one of the attributes themselves.
        self.assertIsNotNone(openssl_verify("bad", "-content", "attributes"))
        for trust in self.trusts("rsa"):
            result = self.verify(1, "-s", "bad", "attributes", "--json", trust=trust).json()
            self.assertEqual(result["reason"], "malformed")

    def test_what_is_no_cms_signature(self):
        check("openssl", "cms", "-encrypt", "-binary", "-in", "data", "-outform", "DER", "-out",
              "sig", token.path("rsa.crt"))
        check("openssl", "crl2pkcs7", "-nocrl", "-certfile", token.path("rsa.crt"), "-outform",
              "DER", "-out", "certificates")
        for name in ("sig", "certificates", "data", token.path("rsa.der")):
            self.verify(1, "-f", "cms", "-s", name, "data")
            self.verify(3, "-f", "cms", "-s", name, "missing")
        self.openssl_sign()
        self.verify(1, "-f", "der", "-s", "sig", "data", trust=("--pubkey", token.public("rsa")))

    def test_what_cannot_be_read(self):
        self.sign(0, "rsa", "data")
        self.verify(3, "-s", "data.p7s", "missing")
        self.verify(3, "-s", "data.p7s", ".")
        self.verify(3, "-s", "missing", "data")
        for name in ("missing", "data", "."):
            self.verify(3, "-s", "data.p7s", "data", trust=("--CAfile", name))

    def test_usage(self):
        self.sign(0, "rsa", "data")
        key = token.public("rsa")
        for words in (["--CAfile", ROOT, "--pubkey", key], ["--CAfile", ROOT, "--prehashed"],
                      ["--CAfile", ROOT, "-a", "sha256"], ["--CAfile", ROOT, "-f", "der"],
                      ["--CAfile", ROOT, "--purpose", "server"], ["--CAfile", ROOT, "--purpose", ""],
                      ["--pubkey", key, "--purpose", "any"],
                      ["--CAfile", ROOT, "--json", "-o", "-"]):
            with self.subTest(words=words):
                self.expect(2, "verify", *words, "-s", "data.p7s", "data")


if __name__ == "__main__":
    main()
