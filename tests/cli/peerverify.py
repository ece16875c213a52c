# SPDX-License-Identifier: MIT
"""How checking signatures goes, beside its peers (peercase.py)."""

import hashlib
import os
import shutil

from authority import Authority
from harness import SOFTHSM, main, ssh_line
from peercase import P256, RSA, TOOL, PeerCase, print_rows, token

SIGNIFY = "signify-openbsd" if shutil.which("signify-openbsd") else "signify"  # Fedora's name
authority = Authority(token.directory) if SOFTHSM else None


def tearDownModule():
    print_rows()


class Verifying(PeerCase):
    def test_bad_signature(self):
        self.p11dbus(0, "sign", "-k", RSA, "data")
        done = self.peer("pkcs11-tool", *TOOL, "--verify", "--mechanism", "SHA256-RSA-PKCS",
                         "--id", "01", "--input-file", "other", "--signature-file", "data.sig")
        self.note_exit("pkcs11-tool --verify", done)
        self.assertIn("BAD signature", self.p11dbus(1, "verify", "-k", RSA, "-s", "data.sig",
                                                    "other").err)
        self.expect(1, "verify", "--pubkey", token.public("rsa"), "-s", "data.sig", "other")
        # 1 is that and nothing else.
        self.p11dbus(0, "verify", "-k", RSA, "-s", "data.sig", "data")
        self.p11dbus(2, "verify", "-k", RSA)
        self.p11dbus(3, "verify", "-k", RSA, "-s", "missing", "data")
        self.p11dbus(3, "verify", "-k", RSA, "-s", "data.sig", "missing")
        self.p11dbus(4, "verify", "-k", RSA + "x", "-s", "data.sig", "data")
        self.p11dbus(7, "verify", "-k", RSA, "-s", "data.sig", "data", module="/nonexistent.so")
        self.p11dbus(9, "verify", "-k", RSA, "-a", "ecdsa-sha256", "-s", "data.sig", "data")
        self.here("1, and only that")

    def list_release(self):
        """Digests of data and other as BSD's programs write them, and what signify made of them."""
        self.write("SHA256", "".join(
            f"SHA256 ({name}) = {hashlib.sha256(self.read(name)).hexdigest()}\n"
            for name in ("data", "other")))
        self.p11dbus(0, "sign", "-k", P256, "--force", "SHA256")

    def peers_of_lists(self, what):
        """Runs signify -C and sha256sum -c on the list, signed for both."""
        self.peer(SIGNIFY, "-G", "-n", "-p", "key.pub", "-s", "key.sec")
        self.peer(SIGNIFY, "-S", "-e", "-s", "key.sec", "-m", "SHA256", "-x", "list.sig")
        self.note_exit(f"signify -C, {what}", self.peer(SIGNIFY, "-C", "-p", "key.pub",
                                                        "-x", "list.sig"))
        self.note_exit(f"sha256sum -c, {what}", self.peer("sha256sum", "-c", "SHA256"))

    def check_list(self, code):
        return self.expect(code, "verify", "--pubkey", token.public("p256"), "--checksums",
                           "SHA256")

    def test_list_of_checksums(self):
        self.list_release()
        self.peers_of_lists("all is well")
        self.assertIn("Good checksum of other (sha256)", self.check_list(0).err)
        os.remove("other")
        self.peers_of_lists("a file is missing")
        self.assertIn("other is not there", self.check_list(3).err)
        self.write("other", b"changed\n")
        self.peers_of_lists("a file was changed")
        self.assertIn("BAD checksum of other", self.check_list(1).err)
        self.here("0; 3 for one that is missing; 1 for one that was changed; others go on")

    def test_list_of_checksums_with_a_bad_signature(self):
        self.list_release()
        self.peers_of_lists("before")
        self.write("SHA256", self.read("SHA256").replace(b"data", b"date"))
        if os.path.exists("list.sig"):
            self.write("list.sig", self.read("list.sig").replace(b"data", b"date"))
            self.note_exit("signify -C, the list was changed", self.peer(
                SIGNIFY, "-C", "-p", "key.pub", "-x", "list.sig"))
        self.note("sha256sum -c looks at no signature")
        result = self.check_list(1)
        self.assertIn("BAD signature of SHA256", result.err)
        self.assertNotIn("checksum of", result.err)
        self.here("1, and no file is looked at")

    def test_list_of_checksums_that_leads_out(self):
        os.mkdir("release")
        os.chdir("release")
        self.write("data", b"some data\n")
        os.symlink("../other", "other")
        self.list_release()
        self.peers_of_lists("a link leads out")
        self.assertIn("other: it lies outside of the directory", self.check_list(3).err)
        os.remove("other")
        self.write("other", self.read("../data"))
        self.list_release()
        self.write("SHA256", self.read("SHA256").replace(b"other", b"../data"))
        self.p11dbus(0, "sign", "-k", P256, "--force", "SHA256")
        self.peers_of_lists("a name leads out")
        self.assertIn("../data: it lies outside of the directory", self.check_list(3).err)
        self.here("3, what lies outside is not read; others go on")

    def sign_cms(self, name, extensions="keyUsage=digitalSignature", **options):
        """Signs data with a certificate of that name; returns who is trusted, as a file."""
        authority.issue(name, token.path("p256.key"), extensions=extensions, **options)
        self.peer("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out",
                  "data.p7s", "-signer", authority.path(name + ".crt"), "-inkey",
                  token.path("p256.key"), "-certfile", authority.path("intermediate.crt"))
        return authority.path("root.crt")

    def openssl_cms(self, what, *words, trusted):
        self.note_exit(f"openssl cms -verify {what}", self.peer(
            "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "data.p7s", "-content",
            "data", "-out", "content", "-CAfile", trusted, *words))

    def verify_cms(self, code, *words, trusted):
        return self.expect(code, "verify", "--CAfile", trusted, "-s", "data.p7s", *words, "data",
                           "--json")

    def test_revoked_certificates(self):
        root = self.sign_cms("web")
        good = {name: authority.revoke(name, out=self.write(name + ".good"))
                for name in ("root", "intermediate")}
        revoked = {"the signer": (good["root"], authority.revoke("intermediate", "web", out="1")),
                   "its issuer": (authority.revoke("root", "intermediate", out="2"),
                                  good["intermediate"])}
        for who, lists in revoked.items():
            both = self.write("both", b"".join(self.read(path) for path in (root, *lists)))
            self.openssl_cms(f"-crl_check, {who} is revoked", "-crl_check", trusted=both)
            self.assertIn("revoked", self.verify_cms(1, "--crl", lists[0], "--crl", lists[1],
                                                     trusted=root).json()["detail"])
            self.verify_cms(1, trusted=both)
        self.openssl_cms("of a file with lists, without -crl_check", trusted=both)
        self.openssl_cms("-crl_check without a list", "-crl_check", trusted=root)
        self.verify_cms(0, *(word for path in good.values() for word in ("--crl", path)),
                        trusted=root)
        self.verify_cms(1, "--crl", good["root"], trusted=root)
        self.here("1, anywhere in the chain; a list that is there is asked")

    def test_a_certificate_at_a_time(self):
        shutil.copy(authority.path("intermediate.key"), authority.path("past.key"))
        past = authority.issue("past", authority.path("past.key"), "root",
                               "basicConstraints=critical,CA:TRUE", expired=True)
        both = self.write("both", self.read(self.sign_cms("gone", issuer="past", expired=True)) +
                          self.read(past))
        time = ("-attime", "1579089600")  # 2020-01-15T12:00:00Z
        self.openssl_cms("of an expired signer", "-partial_chain", trusted=both)
        self.openssl_cms("-attime", "-partial_chain", *time, trusted=both)
        self.openssl_cms("-attime 2020-01-15", "-partial_chain", "-attime", "2020-01-15",
                         trusted=both)
        self.assertIn("expired", self.verify_cms(1, trusted=both).json()["detail"])
        document = self.verify_cms(0, "--at", "2020-01-15T12:00:00Z", trusted=past).json()
        self.assertEqual((document["at"], document["at_claimed"]), ("2020-01-15T12:00:00Z", False))
        self.verify_cms(1, "--at", "2021-01-15T12:00:00Z", trusted=past)
        self.verify_cms(2, "--at", "1579089600", trusted=past)
        # What it claims itself is today.
        self.assertTrue(self.verify_cms(1, "--at", "signing-time", trusted=past).json()["at_claimed"])
        self.here("1 now, 0 then; the time as RFC 3339, or as claimed and called so")

    def test_what_a_certificate_is_for(self):
        for extension, usual, email, code in (("serverAuth", 1, 1, 1), ("codeSigning", 0, 1, 0),
                                              ("emailProtection", 0, 0, 1)):
            root = self.sign_cms("use", "extendedKeyUsage=" + extension)
            self.openssl_cms(f"of {extension}", trusted=root)
            self.openssl_cms(f"-purpose any of {extension}", "-purpose", "any", trusted=root)
            for words, expected in (((), usual), (("--purpose", "email"), email),
                                    (("--purpose", "code"), code), (("--purpose", "any"), 0)):
                detail = self.verify_cms(expected, *words, trusted=root).json()["detail"]
                self.assertEqual(extension in (detail or ""), expected == 1)
        self.here("mail, code and documents unless one is named; no web server's")

    def test_an_allowed_signer_at_a_time(self):
        self.p11dbus(0, "sign", "-k", P256, "-f", "ssh", "data")
        self.write("allowed", 'alice@example.org valid-after="20200101Z",valid-before="20200201Z" '
                   + ssh_line(token.public("p256")) + "\n")
        words = ("-f", "allowed", "-I", "alice@example.org", "-n", "file", "-s", "data.sig")
        for time, there, code in (("2019-12-31T12:00:00Z", "20191231120000Z", 1),
                                  ("2020-01-15T12:00:00Z", "20200115120000Z", 0),
                                  ("2020-02-02T12:00:00Z", "20200202120000Z", 1)):
            with open("data", "rb") as data:
                self.note_exit(f"ssh-keygen -Y verify -O verify-time={there}", self.peer(
                    "ssh-keygen", "-Y", "verify", "-O", "verify-time=" + there, *words, stdin=data))
            document = self.expect(code, "verify", "--allowed-signers", "allowed", "-I",
                                   "alice@example.org", "-s", "data.sig", "--at", time, "data",
                                   "--json").json()
            self.assertEqual((document["at"], document["reason"]),
                             (time, "not-allowed" if code else None))
        self.here("the same; and says as of when")

    def test_several_keys_in_a_file(self):
        self.p11dbus(0, "sign", "-k", P256, "data")
        self.write("keys", self.read(token.public("rsa")) + self.read(token.public("p256")))
        self.note_exit("openssl dgst -verify, by the second key", self.peer(
            "openssl", "dgst", "-sha256", "-verify", "keys", "-signature", "data.sig", "data"))
        result = self.expect(0, "verify", "--pubkey", "keys", "-s", "data.sig", "data", "--json")
        self.assertEqual(result.json()["match"]["number"], 2)
        self.assertIn("2nd of 2", result.err)
        self.assertEqual(self.expect(1, "verify", "--pubkey", "keys", "-s", "data.sig", "other",
                                     "--json").json()["tried"], 2)
        self.here("any of them, and says which")


if __name__ == "__main__":
    main()
