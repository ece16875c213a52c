# SPDX-License-Identifier: MIT
"""p11dbus sign -f cms: what openssl and certtool say of it, and which certificates it holds."""

import base64
import os
import subprocess

from cmstoken import (P12, ROOT, Cms, authority, certificates_in, openssl_verify,
                      put_certificate, token)
from harness import KEYS, P11DBUS, RUDE, SOFTHSM, check, main
from served import Bus, Service


class Sign(Cms):
    def test_every_key_both_ways_detached_and_attached(self):
        for place in ("plain", "demo"):
            for key in P12:
                with self.subTest(place=place, key=key):
                    result = self.sign(0, key, "-v", "--force", "data", place=place)
                    self.assertIn("libp11 is not used" if place == "demo" else "used by libp11",
                                  result.err)
                    self.assertEqual(openssl_verify("data.p7s", "-content", "data"),
                                     b"some data\n")
                    self.assertIsNone(openssl_verify("data.p7s", "-content", "other"))
                    self.assertEqual(certificates_in("data.p7s"), sorted([key, "intermediate"]))
                    self.verify(0, "-s", "data.p7s", "data")
                    self.sign(0, key, "--attached", "--force", "data", place=place)
                    self.assertEqual(openssl_verify("data.p7m"), b"some data\n")
                    self.verify(0, "-s", "data.p7m", "data")

    def test_ed25519_as_certtool_has_it(self):
        self.sign(0, "ed25519", "data", place="demo")
        verify = ["certtool", "--p7-verify", "--load-ca-certificate", ROOT, "--inder", "--infile",
                  "data.p7s", "--load-data"]
        check(*verify, "data")
        self.assertNotEqual(subprocess.run([*verify, "other"], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL, check=False).returncode, 0)
        result = self.verify(0, "-s", "data.p7s", "data", "--json").json()
        self.assertEqual(result["algorithm"], "ed25519")
        self.verify(1, "-s", "data.p7s", "other")
        self.sign(0, "ed25519", "--attached", "data", place="demo")
        self.verify(0, "-s", "data.p7m", "data")

    def test_algorithms_by_name(self):
        for key, name in (("rsa", "rsa-pss-sha256"), ("rsa", "rsa-pss-sha512"),
                          ("rsa", "rsa-sha384"), ("rsa", "rsa-sha3-256"), ("rsa", "sha224"),
                          ("p256", "ecdsa-sha512"), ("p521", "ecdsa-sha256")):
            for place in ("plain", "demo"):
                with self.subTest(algorithm=name, place=place):
                    result = self.sign(0, key, "-a", name, "--force", "--json", "data",
                                       place=place).json()["results"][0]
                    self.assertEqual(openssl_verify("data.p7s", "-content", "data"),
                                     b"some data\n")
                    found = self.verify(0, "-s", "data.p7s", "data", "--json").json()
                    self.assertEqual(found["algorithm"], result["algorithm"])
        shown = check("openssl", "cms", "-cmsout", "-print", "-noout", "-inform", "DER", "-in",
                      "data.p7s")
        self.assertIn(b"signingTime", shown)
        self.sign(9, "rsa", "-a", "rsa-sha1", "--force", "data")
        self.sign(9, "rsa", "-a", "ed25519", "--force", "data")

    def test_encodings(self):
        self.sign(0, "p256", "--encoding", "pem", "-o", "sig.pem", "data")
        self.assertTrue(self.read("sig.pem").startswith(b"-----BEGIN CMS-----\n"))
        self.assertEqual(openssl_verify("sig.pem", "-content", "data", form="PEM"),
                         b"some data\n")
        self.verify(0, "-s", "sig.pem", "data")
        self.sign(0, "p256", "--encoding", "base64", "-o", "sig.b64", "data")
        self.write("sig.der", base64.b64decode(self.read("sig.b64")))
        self.assertIsNotNone(openssl_verify("sig.der", "-content", "data"))

    def test_json(self):
        one = self.sign(0, "rsa", "--json", "data").json()["results"][0]
        self.assertEqual((one["format"], one["out"], one["algorithm"], one["code"]),
                         ("cms", "data.p7s", "rsa-sha256", 0))
        self.assertEqual(base64.b64decode(one["signature"]), self.read("data.p7s"))
        found = self.verify(0, "-s", "data.p7s", "data", "--json").json()
        fingerprint = check("openssl", "x509", "-in", token.path("rsa.crt"), "-noout",
                            "-fingerprint", "-sha256").decode().strip().split("=")[1]
        self.assertEqual((found["valid"], found["trusted"], found["signer"], found["format"],
                          found["key"]), (True, True, "CN=rsa,O=Test", "cms",
                                          fingerprint.replace(":", "").lower()))

    def test_stdin_to_stdout_and_an_empty_file(self):
        self.write("sig", self.sign(0, "rsa", stdin=b"some data\n").out)
        self.verify(0, "-s", "sig", "data")
        self.verify(0, "-s", "sig", stdin=b"some data\n")
        self.write("empty")
        self.sign(0, "rsa", "empty")
        self.assertEqual(openssl_verify("empty.p7s", "-content", "empty"), b"")
        self.sign(0, "rsa", "--attached", "empty")
        self.assertEqual(openssl_verify("empty.p7m"), b"")
        self.verify(0, "-s", "empty.p7m", "empty")
        self.verify(1, "-s", "empty.p7m", "data")

    def test_many_files_one_login(self):
        names = [self.write(f"file{i}", str(i)) for i in range(5)]
        for place in ("plain", "demo"):
            log = self.write("log." + place)
            self.sign(0, "rsa", "--force", *names, place=place, module=RUDE,
                      env={"RUDE_MODULE": SOFTHSM, "RUDE_LOG": log})
            self.assertEqual(self.read(log).split().count(b"login"), 1)
            for name in names:
                self.verify(0, "-s", name + ".p7s", name)

    def test_verify_after(self):
        for key, place in (("rsa", "plain"), ("rsa", "demo"), ("ed25519", "demo")):
            result = self.sign(0, key, "--verify-after", "-v", "--force", "data", place=place)
            self.assertIn("verifies", result.err)

    def test_a_token_that_signs_wrongly_is_found_out_in_any_case(self):
        env = {"RUDE": "wrong-signature", "RUDE_MODULE": SOFTHSM}
        for key, place in (("rsa", "plain"), ("p256", "plain"), ("rsa", "demo"),
                           ("ed25519", "demo")):
            for words in ([], ["--verify-after"]):
                with self.subTest(key=key, place=place, words=words):
                    result = self.sign(7, key, *words, "data", place=place, module=RUDE, env=env)
                    self.assertIn("does not verify", result.err)
        self.assertEqual(sorted(os.listdir(".")), ["data", "other"])

    def test_a_token_that_cannot_says_why(self):
        for key, place, mode, code in (("rsa", "plain", "no-mechanisms", 9),
                                       ("p256", "plain", "no-mechanisms", 9),
                                       ("rsa", "demo", "no-mechanisms", 9),
                                       ("p256", "plain", "crash-at-sign", 7),
                                       ("rsa", "demo", "no-hashes", 0)):
            with self.subTest(key=key, place=place, mode=mode):
                result = self.sign(code, key, "data", place=place, module=RUDE,
                                   env={"RUDE": mode, "RUDE_MODULE": SOFTHSM})
                if code == 9:
                    self.assertIn("CKR_MECHANISM_INVALID", result.err)

    def test_usage(self):
        self.expect(2, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=rsa", "-f", "der", "--attached",
                    "data")
        self.expect(2, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=rsa", "--cert", "x", "data")
        self.sign(2, "rsa", "--prehashed", "data")

    def test_large_file_in_little_memory(self):
        peaks = {}
        with open("large", "wb") as file:
            file.truncate(200 << 20)
        for name in ("data", "large"):
            for words in (["sign", "-m", SOFTHSM, "-k", "pkcs11:token=plain;object=rsa", "-f",
                           "cms", "--pin-file", token.pin_file, name],
                          ["verify", "--CAfile", ROOT, "-s", name + ".p7s", name]):
                process = subprocess.Popen([P11DBUS, *words], stderr=subprocess.DEVNULL)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                self.assertEqual(process.returncode, 0)
                peaks[name, words[0]] = usage.ru_maxrss
        for verb in ("sign", "verify"):
            self.assertLess(peaks["large", verb], 1.5 * peaks["data", verb])


class Certificate(Cms):
    def test_from_a_file_in_pem_and_der(self):
        for form in ("p256.crt", "p256.der"):
            self.sign(0, "bare", "--cert", self.bare_certificate(form), "--force", "data")
            self.assertEqual(openssl_verify("data.p7s", "-content", "data"), b"some data\n")

    def bare_certificate(self, form):
        authority.issue("bare", token.path("bare.key"))
        return token.path("bare" + form[4:])

    def test_chain_of_a_file_is_included_and_nothing_else(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("second.key"))
        authority.issue("second", token.path("second.key"), "root",
                        "basicConstraints=critical,CA:TRUE")
        authority.issue("bare2", token.path("bare.key"), "second")
        chain = b"".join(self.read(token.path(name + ".crt"))
                         for name in ("bare2", "stranger", "second", "root", "rsa"))
        self.write("chain.pem", chain)
        self.sign(0, "bare", "--cert", "chain.pem", "data")
        self.assertEqual(certificates_in("data.p7s"), ["bare2", "second"])
        self.assertIsNotNone(openssl_verify("data.p7s", "-content", "data"))
        self.verify(0, "-s", "data.p7s", "data")

    def test_self_signed_one_is_included(self):
        check("openssl", "req", "-x509", "-new", "-key", token.path("bare.key"), "-subj",
              "/CN=alone", "-out", "alone.crt")
        self.sign(0, "bare", "--cert", "alone.crt", "data")
        self.assertEqual(certificates_in("data.p7s"), ["alone"])
        self.verify(0, "-s", "data.p7s", "data", trust=("--CAfile", "alone.crt"))

    def test_by_uri(self):
        self.sign(0, "rsa", "--cert", "pkcs11:token=demo;object=rsa;type=cert", "data")
        self.assertEqual(certificates_in("data.p7s"), ["intermediate", "rsa"])
        self.sign(4, "rsa", "--cert", "pkcs11:object=none", "--force", "data")
        self.sign(5, "rsa", "--cert", "pkcs11:token=demo", "--force", "data")
        self.sign(2, "rsa", "--cert", "pkcs11:nonsense", "--force", "data")

    def test_of_another_key_is_refused_before_signing(self):
        env = {"RUDE": "crash-at-sign", "RUDE_MODULE": SOFTHSM}
        for cert in (token.path("p384.crt"), "pkcs11:token=demo;object=p384;type=cert"):
            result = self.sign(4, "rsa", "--cert", cert, "data", module=RUDE, env=env)
            self.assertIn("another key", result.err)
        self.assertFalse(os.path.exists("data.p7s"))

    def test_none_and_none_that_can_be_read(self):
        result = self.sign(4, "bare", "data")
        self.assertIn("--cert", result.err)
        self.sign(3, "bare", "--cert", "missing", "data")
        self.sign(3, "bare", "--cert", "data", "data")

    def test_ambiguous(self):
        token.add_token("twice")
        token.add_key("bare", "77", [], token="twice")
        for name in ("old", "new"):
            authority.issue(name, token.path("bare.key"))
        put_certificate("twice", "old", "77", token.path("old.der"))
        put_certificate("twice", "copy", "77", token.path("old.der"))
        self.sign(0, "bare", "data", place="twice")  # a copy is no other certificate
        put_certificate("twice", "wrong", "77", token.path("rsa.der"))
        self.sign(0, "bare", "--force", "data", place="twice")
        self.assertEqual(certificates_in("data.p7s"), ["old"])
        put_certificate("twice", "new", "77", token.path("new.der"))
        result = self.sign(5, "bare", "--force", "data", place="twice")
        self.assertIn("object=new", result.err)
        self.sign(0, "bare", "--force", "--cert", "pkcs11:token=twice;object=new", "data",
                  place="twice")
        self.assertEqual(certificates_in("data.p7s"), ["new"])
        self.sign(0, "old;type=cert", "--force", "data", place="twice")
        self.assertEqual(certificates_in("data.p7s"), ["old"])

    def test_expired_one_signs_and_is_said(self):
        authority.issue("expired", token.path("bare.key"), expired=True)
        result = self.sign(0, "bare", "--cert", token.path("expired.crt"), "data")
        self.assertIn("expired", result.err)
        result = self.verify(1, "-s", "data.p7s", "data")
        self.assertIn("signature is valid", result.err)
        self.assertIn("expired", result.err)


class Served(Cms):
    """Keys of our own service, whose files hold the certificate and that of its issuer."""

    def setUp(self):
        super().setUp()
        os.mkdir("keys", 0o700)
        for key in ("rsa", "p256", "ed25519"):
            self.write(f"keys/{key}.key", self.read(token.path(key + ".key")))
            self.write(f"keys/{key}.crt", self.read(token.path(key + ".crt")) +
                       self.read(token.path("intermediate.crt")))
        bus = Bus()
        self.addCleanup(bus.end)
        service = Service("--keys", "keys")
        self.addCleanup(service.end)
        self.assertTrue(service.ready)

    def test_chain_comes_from_the_file_beside_the_key(self):
        for key in ("rsa", "p256", "ed25519"):
            self.expect(0, "sign", "-k", f"pkcs11:token=keys;object={key}", "-f", "cms", "--force",
                        "data")
            self.assertEqual(certificates_in("data.p7s"), sorted([key, "intermediate"]))
            self.verify(0, "-s", "data.p7s", "data")
            if key != "ed25519":
                self.assertEqual(openssl_verify("data.p7s", "-content", "data"), b"some data\n")

    def test_all_are_listed_and_each_by_its_name(self):
        objects = self.expect(0, "list", "certs", "--json").json()["tokens"][0]["objects"]
        labels = [entry["label"] for entry in objects]
        self.assertEqual(sorted(labels), ["ed25519"] + 3 * ["intermediate"] + ["p256", "rsa"])
        keys = self.expect(0, "list", "keys", "--json").json()["tokens"][0]["objects"]
        ids = {entry["label"]: entry["id"] for entry in keys}
        for entry in objects:
            with self.subTest(label=entry["label"]):
                if entry["label"] == "intermediate":
                    self.assertNotIn(entry["id"], ids.values())
                else:
                    self.assertEqual(entry["id"], ids[entry["label"]])
        self.expect(0, "sign", "-k", "pkcs11:token=keys;object=p256;type=cert", "data")


if __name__ == "__main__":
    main()
