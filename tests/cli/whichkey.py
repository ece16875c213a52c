# SPDX-License-Identifier: MIT
"""p11dbus verify with a file of several keys: any of them counts, and it is said which it was."""

import base64
import itertools

from cmstoken import Cms, token
from harness import SOFTHSM, check, main, ssh_line


class Which(Cms):
    """Of an RSA, a P-256 and an Ed25519 key, and others that have made nothing."""

    SIGNERS = ("rsa", "p256", "ed25519")

    def openssl_sign(self, key, data="data"):
        if key == "ed25519":
            check("openssl", "pkeyutl", "-sign", "-inkey", token.path(key + ".key"), "-rawin", "-in",
                  data, "-out", "sig")
        else:
            digest = {"p384": "-sha384", "p521": "-sha512"}.get(key, "-sha256")
            check("openssl", "dgst", digest, "-sign", token.path(key + ".key"), "-out", "sig", data)

    def spki_print(self, key):
        check("openssl", "pkey", "-pubin", "-in", token.public(key), "-outform", "DER", "-out", "der")
        return check("openssl", "dgst", "-sha256", "-r", "der").split()[0].decode()

    def entry(self, key, form):
        """The key in that form; and its kind, name and fingerprint."""
        if form == "PEM":
            return self.read(token.public(key)), ("public key", None, self.spki_print(key))
        if form == "certificate":
            said = check("openssl", "x509", "-in", token.path(key + ".crt"), "-noout",
                         "-fingerprint", "-sha256").decode()
            return self.read(token.path(key + ".crt")), (
                "certificate", f"CN={key},O=Test",
                said.strip().split("=")[1].replace(":", "").lower())
        line = f"{ssh_line(token.public(key))} {key}@example.org\n"
        said = check("ssh-keygen", "-l", "-f", self.write("line", line)).decode()
        return line.encode(), ("SSH key", f"{key}@example.org", said.split()[1])

    def good(self, *words, number, count, entry):
        result = self.expect(0, "verify", *words, "--json")
        document = result.json()
        kind, name, fingerprint = entry
        self.assertEqual(document["match"], {
            "kind": kind, "number": number, "count": count, "name": name,
            "fingerprint": fingerprint})
        ordinal = {1: "1st", 2: "2nd", 3: "3rd"}[number]
        self.assertIn(f", {ordinal} of {count}: {kind}{' ' + name if name else ''}, ", result.err)
        self.assertIn(fingerprint, result.err)
        return document

    def bad(self, *words, tried, text, reason="mismatch", code=1):
        result = self.expect(code, "verify", *words, "--json")
        document = result.json()
        self.assertEqual((document["match"], document["tried"], document["reason"]),
                         (None, tried, reason))
        self.assertIn(text, result.err)

    def test_bare(self):
        """All orders of all forms, each signer; DER, and raw where that is another."""
        for forms in itertools.product(("PEM", "certificate", "SSH"), repeat=3):
            entries = [self.entry(key, form) for key, form in zip(self.SIGNERS, forms)]
            self.write("keys", b"".join(content for content, _ in entries))
            for option in ("--pubkey", "--cert"):
                for number, key in enumerate(self.SIGNERS, 1):
                    with self.subTest(forms=forms, key=key, option=option):
                        self.openssl_sign(key)
                        document = self.good(option, "keys", "-s", "sig", "data", number=number,
                                             count=3, entry=entries[number - 1][1])
                        self.assertEqual(document["tried"], 3)
                        self.bad(option, "keys", "-s", "sig", "other", tried=3,
                                 text="none of the 3 keys that were tried")

    def test_raw(self):
        self.write("keys", self.read(token.public("ed25519")) + self.read(token.public("p384")) +
                   self.read(token.public("p256")))
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=p256", "-f", "raw",
                    "--pin-file", token.pin_file, "data")
        for words in ([], ["-f", "raw"]):
            document = self.good("--pubkey", "keys", "-s", "data.sig", *words, "data", number=3,
                                 count=3, entry=self.entry("p256", "PEM")[1])
            self.assertEqual((document["format"], document["algorithm"]), ("raw", "ecdsa-sha256"))
        self.bad("--pubkey", "keys", "-s", "data.sig", "-f", "der", "data", tried=3,
                 text="none of the 3 keys")

    def test_standard_input_is_read_once_for_all(self):
        self.write("keys", b"".join(self.read(token.public(key))
                                    for key in ("p384", "rsa", "p256", "ed25519")))
        for key in ("p384", "rsa", "p256", "ed25519"):
            self.openssl_sign(key)
            with self.subTest(key=key):
                self.expect(0, "verify", "--pubkey", "keys", "-s", "sig", stdin=b"some data\n")
                self.expect(1, "verify", "--pubkey", "keys", "-s", "sig", stdin=b"some date\n")

    def test_no_key_can_have_made_it(self):
        self.write("keys", self.read(token.public("p256")) + self.read(token.public("ed25519")) +
                   self.read(token.public("p384")))
        self.openssl_sign("rsa")
        self.bad("--pubkey", "keys", "-s", "sig", "data", tried=3, reason="malformed",
                 text="it is not a signature that any of the 3 keys in the file could make")
        self.expect(3, "verify", "--pubkey", "keys", "-s", "sig", "missing")
        result = self.expect(9, "verify", "--pubkey", "keys", "-a", "rsa-sha256", "-s", "sig", "data")
        self.assertIn("none of the 3 keys in keys can be used", result.err)
        # A mismatch where one could have made it.
        self.write("keys", self.read("keys") + check("openssl", "rsa", "-pubin", "-in",
                                                     token.public("rsa"), "-RSAPublicKey_out"))
        self.expect(0, "verify", "--pubkey", "keys", "-s", "sig", "data")
        self.bad("--pubkey", "keys", "-s", "sig", "other", tried=4, text="none of the 4 keys")
        # What a named algorithm cannot be used with is not tried.
        self.bad("--pubkey", "keys", "-a", "rsa-sha512", "-s", "sig", "data", tried=1, text="BAD")

    def test_prehashed(self):
        self.write("keys", self.read(token.public("p384")) + self.read(token.public("ed25519")) +
                   self.read(token.public("p256")))
        for key, digest, number in (("p256", "sha256", 3), ("p384", "sha384", 1)):
            self.openssl_sign(key)
            self.write("digest", check("openssl", "dgst", "-" + digest, "-binary", "data"))
            self.good("--pubkey", "keys", "-s", "sig", "--prehashed", "digest", number=number,
                      count=3, entry=self.entry(key, "PEM")[1])
            self.write("digest", check("openssl", "dgst", "-" + digest, "-binary", "other"))
            self.bad("--pubkey", "keys", "-s", "sig", "--prehashed", "digest", tried=2,
                     text="none of the 2 keys that were tried")
        self.write("digest", bytes(20))
        self.expect(3, "verify", "--pubkey", "keys", "-s", "sig", "--prehashed", "digest")

    def test_ssh(self):
        entries = [self.entry(key, form) for key, form in
                   (("rsa", "SSH"), ("p256", "PEM"), ("ed25519", "SSH"))]
        self.write("keys", b"# who may\r\n\r\n" + b"".join(
            content.replace(b"\n", b"\r\n") for content, _ in entries))
        for number, key in enumerate(("rsa", "p256", "ed25519"), 1):
            self.expect(0, "sign", "-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={key}", "-f",
                        "ssh", "--pin-file", token.pin_file, "--force", "data")
            self.good("--pubkey", "keys", "-s", "data.sig", "data", number=number, count=3,
                      entry=entries[number - 1][1])
            self.bad("--pubkey", "keys", "-s", "data.sig", "other", tried=3, text="it is of other data")
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=p384", "-f", "ssh",
                    "--pin-file", token.pin_file, "--force", "data")
        self.bad("--pubkey", "keys", "-s", "data.sig", "data", tried=3,
                 text="it is by none of the 3 keys in keys")

    def test_cms(self):
        entries = [self.entry(key, "certificate") for key in ("p384", "rsa", "p256")]
        self.write("keys", b"".join(content for content, _ in entries))
        for key, number in (("rsa", 2), ("p256", 3)):
            for options in ([], ["-nocerts"], ["-nocerts", "-noattr"], ["-nocerts", "-md", "sha512"]):
                check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out",
                      "sig", "-signer", token.path(key + ".crt"), "-inkey", token.path(key + ".key"),
                      *options)
                with self.subTest(key=key, options=options):
                    self.good("--cert", "keys", "-s", "sig", "data", number=number, count=3,
                              entry=entries[number - 1][1])
                    self.bad("--cert", "keys", "-s", "sig", "other", tried=3, text="BAD")
        for options, text in (([], "by none of the 3 keys in the file, but by another, whose "
                                   "certificate says CN=p521,O=Test"),
                              (["-nocerts"], "by none of the 3 keys that were tried")):
            check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out",
                  "sig", "-signer", token.path("p521.crt"), "-inkey", token.path("p521.key"),
                  *options)
            self.bad("--cert", "keys", "-s", "sig", "data", tried=3, text=text)

    def test_issuers_stand_behind_a_certificate_and_do_not_count(self):
        """Or whatever an authority has ever issued would be a file with a good signature."""
        for name in ("intermediate", "root"):
            with self.subTest(name=name):
                self.write("chain", b"".join(self.read(token.path(one + ".crt"))
                                             for one in ("p256", "intermediate", "root")))
                check("openssl", "dgst", "-sha256", "-sign", token.path(name + ".key"), "-out", "sig",
                      "data")
                self.expect(1, "verify", "--cert", "chain", "-s", "sig", "data")
                self.expect(0, "verify", "--cert", token.path(name + ".crt"), "-s", "sig", "data")
        self.openssl_sign("p256")
        result = self.expect(0, "verify", "--cert", "chain", "-s", "sig", "data", "--json")
        self.assertEqual((result.json()["match"]["number"], result.json()["match"]["count"]), (1, 1))
        self.assertNotIn(" of 1", result.err)
        # One that was renewed with the same key has issued nothing but itself.
        for days in ("10", "20"):
            check("openssl", "req", "-x509", "-new", "-key", token.path("p384.key"), "-subj",
                  "/CN=same", "-days", days, "-out", days)
        self.write("renewed", self.read("10") + self.read("20"))
        self.openssl_sign("p384")
        self.expect(0, "verify", "--cert", "renewed", "-s", "sig", "data")

    def test_a_key_twice_is_one(self):
        self.openssl_sign("p256")
        for content in (self.read(token.public("p256")) * 2,
                        self.read(token.public("p256")) + self.read(token.path("p256.crt")),
                        self.entry("p256", "SSH")[0] * 2):
            self.write("one", content)
            result = self.expect(0, "verify", "--pubkey", "one", "-s", "sig", "data", "--json")
            self.assertEqual(result.json()["match"]["count"], 1)

    def test_what_cannot_be_read_may_have_made_it(self):
        good, cut = self.read(token.public("p256")), self.read(token.public("p384"))[:60]
        dss = b"ssh-dss " + base64.b64encode(b"\0\0\0\7ssh-dss" + b"\0\0\0\1\1" * 4) + b"\n"
        for content, code, text in (
                (cut + b"\n" + good, 3, "keys:1: the PUBLIC KEY there makes no sense"),
                (good + cut, 3, "keys:5: the PUBLIC KEY there makes no sense"),
                (good + b"ssh-rsa AAAAB3NzaC1yc2E= x\n", 3, "keys:5: the SSH key there makes no sense"),
                (good + dss, 9, "SSH keys of type ssh-dss are not supported")):
            self.write("keys", content)
            with self.subTest(content=content):
                self.openssl_sign("p256")
                self.expect(0, "verify", "--pubkey", "keys", "-s", "sig", "data")
                result = self.expect(code, "verify", "--pubkey", "keys", "-s", "sig", "other")
                self.assertIn("by none of the keys in keys that could be read, and " + text,
                              result.err)
        # SSH says itself which key it was; what makes no such signatures is no trouble.
        self.write("keys", good + dss)
        self.write("more", good + b"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2gu"
                   b"Y29tAAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAAAABHNzaDo=\n")
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=p384", "-f", "ssh",
                    "--pin-file", token.pin_file, "data")
        self.expect(1, "verify", "--pubkey", "keys", "-s", "data.sig", "data")
        self.openssl_sign("p256")
        self.expect(1, "verify", "--pubkey", "more", "-s", "sig", "other")

    def test_a_uri_still_names_one(self):
        self.openssl_sign("p256")
        self.expect(5, "verify", "-m", SOFTHSM, "-k", "pkcs11:token=demo", "-s", "sig", "data")
        document = self.expect(0, "verify", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=p256",
                               "-s", "sig", "data", "--json").json()
        self.assertEqual(document["match"]["count"], 1)


if __name__ == "__main__":
    main()
