# SPDX-License-Identifier: MIT
"""What list tells to auditors: how keys are kept, what certificates say, whose public key is which.

The oracles are openssl and pkcs11-tool, and p11-kit's trust module over anchors of our own."""

import hashlib
import os

from harness import (KEYS, NOT_ROOT, PIN, SOFTHSM, Case, Token, check, main,
                     needs_containers)

NAMES = ["DNS:web.example.org", "email:root@example.org", "URI:https://example.org/",
         "IP Address:192.0.2.1"]
EXTENSIONS = ["-addext", "subjectAltName=DNS:web.example.org,email:root@example.org,"
              "URI:https://example.org/,IP:192.0.2.1",
              "-addext", "basicConstraints=critical,CA:FALSE",
              "-addext", "keyUsage=digitalSignature,keyAgreement",
              "-addext", "extendedKeyUsage=emailProtection,1.2.3.4"]


def certificate(name, key, *arguments):
    check("openssl", "req", "-x509", "-new", "-key", token.path(f"{key}.key"), "-subj",
          f"/CN={name}", "-days", "90", *arguments, "-out", token.path(f"{name}.pem"))
    check("openssl", "x509", "-in", token.path(f"{name}.pem"), "-outform", "DER", "-out",
          token.path(f"{name}.der"))


def pkcs11_tool(*words):
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login", "--pin", PIN,
          *words)


if SOFTHSM:
    token = Token({name: KEYS[name] for name in ("rsa", "p256", "ed25519")})
    certificate("leaf", "p256", *EXTENSIONS)
    certificate("root", "rsa", "-sha1")
    for label, identifier in (("leaf", "02"), ("root", "01")):
        pkcs11_tool("--write-object", token.path(f"{label}.der"), "--type", "cert", "--label", label,
                    "--id", identifier)
    pkcs11_tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "made", "--id", "20",
                "--sensitive")
    pkcs11_tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "loose", "--id", "21",
                "--extractable")


def spki(name):
    """The SHA-256 of the SubjectPublicKeyInfo of a key of the token, as openssl has it."""
    return hashlib.sha256(check("openssl", "pkey", "-pubin", "-in", token.public(name),
                                "-outform", "DER")).hexdigest()


class Details(Case):
    def list(self, *words):
        return self.expect(0, "list", "-m", SOFTHSM, "--token", "demo", "--login", "--pin-file",
                           token.pin_file, *words)

    def objects(self, *words):
        document = self.list("--json", *words).json()
        self.assertEqual(document["errors"], [])
        self.assertEqual({os.path.realpath(one["module"]) for one in document["tokens"]},
                         {os.path.realpath(SOFTHSM)})
        return {(entry["class"], entry["label"]): entry
                for one in document["tokens"] for entry in one["objects"]}

    def test_keys_say_how_they_are_kept(self):
        kept = {label: [self.objects("keys")["private-key", label][member] for member in
                        ("sensitive", "extractable", "always_sensitive", "never_extractable",
                         "local", "modifiable")] for label in ("made", "loose", "rsa")}
        self.assertEqual(kept["made"], [True, False, True, True, True, True])
        self.assertEqual(kept["loose"][1:2] + kept["loose"][3:5], [True, False, True])
        self.assertEqual(kept["rsa"], [True, False, False, False, False, True])

    def test_the_table_says_what_can_leave_the_token(self):
        table = self.list("keys").out.decode()
        loose = next(line for line in table.splitlines() if "private key  loose" in line)
        self.assertIn("extractable", loose)
        self.assertEqual(table.count("extractable"), 1)
        self.assertNotIn("never-extractable", table)
        self.assertIn("kept sensitive, not extractable, always-sensitive, never-extractable, local",
                      self.list("keys", "-v").out.decode())

    def test_public_keys_have_the_hash_that_openssl_computes(self):
        entries = self.objects()
        for label in ("rsa", "p256", "ed25519"):
            for kind in ("private-key", "public-key"):
                self.assertEqual(entries[kind, label]["public_key_sha256"], spki(label), label)
        self.assertEqual(entries["certificate", "leaf"]["public_key_sha256"], spki("p256"))
        self.assertEqual(entries["certificate", "root"]["public_key_sha256"], spki("rsa"))
        self.assertIn(f"public key sha256:{spki('rsa')}", self.list("-v").out.decode())

    def test_a_private_key_alone_has_the_hash_too(self):
        for words in (["pkcs11:object=p256;type=private"], ["keys", "--id", "02"]):
            entry = self.objects(*words)["private-key", "p256"]
            self.assertEqual(entry["public_key_sha256"], spki("p256"))

    def test_certificates_say_what_they_say(self):
        view = self.objects()["certificate", "leaf"]["certificate"]
        serial = check("openssl", "x509", "-in", token.path("leaf.pem"), "-noout",
                       "-serial").decode().strip().split("=")[1].lower()
        self.assertEqual(int(view["serial"], 16), int(serial, 16))
        self.assertEqual((view["signature_algorithm"], view["signature_hash"], view["ca"]),
                         ("ecdsa-with-SHA256", "SHA256", False))
        self.assertEqual(view["names"], NAMES)
        self.assertEqual(view["key_usage"], ["digitalSignature", "keyAgreement"])
        self.assertEqual(view["extended_key_usage"], ["emailProtection", "1.2.3.4"])
        root = self.objects()["certificate", "root"]["certificate"]
        self.assertEqual((root["signature_hash"], root["ca"], root["names"]), ("SHA1", True, []))
        self.assertEqual((root["key_usage"], root["extended_key_usage"]), (None, None))

    def test_the_table_says_what_certificates_say(self):
        table = self.list("certs").out.decode()
        self.assertRegex(table, r"certificate  root .* until \S+, CA")
        self.assertNotRegex(table, r"certificate  leaf .*CA")
        self.assertIn("names " + ", ".join(NAMES), table)
        more = self.list("certs", "-v").out.decode()
        for text in ("issuer CN=leaf", "serial number ", "signed with ecdsa-with-SHA256",
                     "key usage digitalSignature keyAgreement", "signed with sha1WithRSAEncryption",
                     "extended key usage emailProtection 1.2.3.4"):
            self.assertIn(text, more)

    def make_trust(self):
        """A directory for p11-kit's own module: root is an anchor, leaf is distrusted. Returns the path of
        that module, and what it is told."""
        for place, name in (("anchors", "root"), ("blocklist", "leaf")):
            os.makedirs(f"trust/{place}")
            self.write(f"trust/{place}/{name}.pem", open(token.path(f"{name}.pem"), "rb").read())
        modules = check("pkg-config", "--variable=p11_module_path", "p11-kit-1").decode().strip()
        return f"{modules}/p11-kit-trust.so", f"paths='{os.path.abspath('trust')}'"

    def assert_trust(self, *arguments, **options):
        document = self.expect(0, "list", "certs", *arguments, "--json", **options).json()
        found = {entry["certificate"]["subject"]: entry["certificate"]["trust"]
                 for one in document["tokens"] for entry in one["objects"]}
        self.assertEqual(found, {"CN=root": "trusted", "CN=leaf": "distrusted"})
        table = self.expect(0, "list", "certs", *arguments, **options).out.decode()
        self.assertRegex(table, "certificate .*, CA, trusted")
        self.assertRegex(table, "certificate .*, distrusted")

    def test_p11_kits_anchors_and_distrust(self):
        module, told = self.make_trust()
        self.assert_trust("-m", module, "--init-reserved", told)

    @needs_containers
    def test_p11_kits_anchors_and_distrust_in_a_process_of_their_own(self):
        module, told = self.make_trust()
        os.makedirs("user/pkcs11/modules")
        self.write("user/pkcs11/modules/ours.module",
                   f"module: {module}\nx-init-reserved: {told}\n")
        self.assert_trust("-m", "ours", "-m", SOFTHSM, "pkcs11:manufacturer=PKCS%2311%20Kit",
                          env={"XDG_CONFIG_HOME": os.path.abspath("user")}, prefix=NOT_ROOT)


if __name__ == "__main__":
    main()
