# SPDX-License-Identifier: MIT
"""Keys of RSA-PSS alone, bound to hash, MGF1 and salt or not (RFC 4055), in our own service."""

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest

from harness import Case, check
from served import Bus, Service, make_keys

# label: the kind of key, as tests/make-keys has it, and the hash that it signs with
KEYS = {
    "free": ("rsapss", "sha256"),
    "same": ("rsapss-sha384-sha384-48", "sha384"),
    "mixed": ("rsapss-sha256-sha512-20", "sha256"),
    "short": ("rsapss-sha512-sha1-0", "sha512"),
    "old": ("rsapss-sha1-sha1-20", "sha1"),
}
BOUND = [name for name in KEYS if name != "free"]


def openssl(*words):
    return subprocess.run(["openssl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)


class Pss(Case):
    @classmethod
    def setUpClass(cls):
        cls.top = tempfile.mkdtemp(prefix="p11dbus-pss-")
        cls.keys, cls.locked = os.path.join(cls.top, "keys"), os.path.join(cls.top, "locked")
        make_keys(cls.keys, *(f"{name}:{kind}" for name, (kind, _) in KEYS.items()),
                  "strange:rsapss-sha256-sha512_256-20")
        make_keys(cls.locked, "secret:rsapss-sha256-sha256-32:open sesame")
        for name in KEYS:
            check("openssl", "pkey", "-in", f"{cls.keys}/{name}.key", "-pubout", "-out",
                  cls.public(name))
        cls.bus = Bus()
        cls.service = Service("--keys", cls.keys, "--keys", cls.locked)

    @classmethod
    def tearDownClass(cls):
        cls.service.end()
        cls.bus.end()
        shutil.rmtree(cls.top)

    @classmethod
    def public(cls, name):
        return f"{cls.top}/{name}.pem"

    def setUp(self):
        super().setUp()
        self.write("data", os.urandom(300_000))
        self.write("other", b"other")

    def sign(self, code, name, *words, **options):
        return self.expect(code, "sign", "-k", f"pkcs11:token=keys;object={name}", "--force", *words,
                           **options)

    def agree(self, name, digest):
        """openssl, without being told of parameters, and verify are of one opinion of data.sig."""
        for file, good in ("data", True), ("other", False):
            said = openssl("dgst", "-" + digest, "-verify", self.public(name), "-signature",
                           "data.sig", file)
            self.assertEqual(said.returncode == 0, good, (name, said))
            for words in (("--pubkey", self.public(name)), ("--cert", f"{self.keys}/{name}.crt"),
                          ("-k", f"pkcs11:token=keys;object={name}")):
                self.expect(0 if good else 1, "verify", *words, "-a", "rsa-pss-" + digest, "-s",
                            "data.sig", file)

    def test_what_a_key_is_bound_to_is_what_it_signs_with(self):
        for name, (_, digest) in KEYS.items():
            with self.subTest(name=name):
                signed = self.sign(0, name, "--json", "data").json()["results"][0]
                self.assertEqual(signed["algorithm"], "rsa-pss-" + digest)
                self.agree(name, digest)
                self.expect(0, "verify", "--pubkey", self.public(name), "-s", "data.sig", "data")
                self.sign(0, name, "--verify-after", "-a", "rsa-pss", "data")
                self.agree(name, digest)

    def test_digests(self):
        for name, (_, digest) in KEYS.items():
            with self.subTest(name=name):
                self.write("digest", hashlib.new(digest, self.read("data")).digest())
                self.sign(0, name, "--prehashed", "-o", "data.sig", "digest")
                self.agree(name, digest)
                said = openssl("pkeyutl", "-verify", "-pubin", "-inkey", self.public(name),
                               "-sigfile", "data.sig", "-in", "digest", "-pkeyopt",
                               "digest:" + digest)
                self.assertEqual(said.returncode, 0, said)

    def test_a_key_that_is_bound_to_nothing_takes_any_hash(self):
        for digest in ("sha1", "sha224", "sha384", "sha512", "sha3-256"):
            with self.subTest(digest=digest):
                self.sign(0, "free", "-a", "rsa-pss-" + digest, "data")
                self.agree("free", digest)

    def test_nothing_else_goes_with_it(self):
        for name, (_, digest) in KEYS.items():
            with self.subTest(name=name):
                for words in (("-a", "rsa"), ("-a", "rsa-" + digest), ("-f", "ssh")):
                    refused = self.sign(9, name, *words, "data")
                    self.assertIn("for RSA-PSS alone", refused.err)
        for name in BOUND:
            with self.subTest(name=name):
                refused = self.sign(9, name, "-a", "rsa-pss-sha224", "data")
                self.assertIn(f"for the hash {KEYS[name][1]} alone", refused.err)

    def test_it_is_exported_as_what_it_is(self):
        for name in KEYS:
            self.assertIn(b"rsassaPss", openssl("asn1parse", "-in", self.public(name)).stdout)
            pem = self.read(self.public(name))
            der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
            for kind in "private", "public":
                uri = f"pkcs11:token=keys;object={name};type={kind}"
                with self.subTest(uri=uri):
                    out = self.expect(0, "list", "keys", uri, "--export", "pem").out
                    self.assertEqual(out.split(b"\n", 1)[1], pem)  # below a line with the URI
                    self.assertEqual(self.expect(0, "list", "keys", uri, "--export", "der").out, der)
                    self.expect(9, "list", "keys", uri, "--export", "ssh")

    def test_cms(self):
        for name, (_, digest) in KEYS.items():
            with self.subTest(name=name):
                if digest == "sha1":
                    refused = self.sign(9, name, "-f", "cms", "data")
                    self.assertIn("too weak", refused.err)
                    continue
                authority = f"{self.keys}/{name}.crt"
                for words in ((), ("--attached",)):
                    self.sign(0, name, "-f", "cms", *words, "-o", "data.p7s", "data")
                    self.expect(0, "verify", "--CAfile", authority, "-s", "data.p7s", "data")
                    content = () if words else ("-content", "data")
                    said = openssl("cms", "-verify", "-binary", "-inform", "DER", "-in", "data.p7s",
                                   *content, "-CAfile", authority, "-purpose", "any", "-out",
                                   "/dev/null")
                    self.assertEqual(said.returncode, 0, said)
                self.expect(1, "verify", "--CAfile", authority, "-s", "data.p7s", "other")

    def test_one_that_is_locked(self):
        self.write("pin", "open sesame\n", 0o600)
        uri = "pkcs11:token=locked;object=secret"
        self.expect(0, "sign", "-k", uri, "--pin-file", "pin", "data")
        self.assertEqual(openssl("dgst", "-sha256", "-verify", f"{self.locked}/secret.pub",
                                 "-signature", "data.sig", "data").returncode, 0)
        refused = self.expect(9, "sign", "-k", uri, "--pin-file", "pin", "-a", "rsa-sha256", "--force",
                              "data")
        self.assertIn("for RSA-PSS alone", refused.err)

    def test_one_whose_parameters_have_no_number_says_so(self):
        refused = self.sign(9, "strange", "data")
        self.assertIn("bound to parameters of RSA-PSS that are not supported", refused.err)

    def test_smoke_and_audit_have_nothing_against_it(self):
        module = os.environ["P11DBUS_MODULE_SO"]
        report = self.expect(0, "smoke", module, "--level", "sign", "--no-input", "--json", "--check",
                             "sign-*", "--check", "mechanisms", "--check", "key-pairs").json()
        status = {check["id"]: check["status"] for check in report["checks"]}
        self.assertEqual(status["sign-verify"], "pass", report)
        self.assertEqual(status["mechanisms"], "pass", report)
        self.assertEqual(status["key-pairs"], "pass", report)
        self.expect(0, "audit", "pkcs11:token=keys", "--check", "mismatch", "--check", "*-without-*",
                    "--check", "weak-rsa")


if __name__ == "__main__":
    unittest.main()
