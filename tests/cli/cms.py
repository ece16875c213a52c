# SPDX-License-Identifier: MIT
"""CMS signatures: what openssl and certtool say of ours, and what we say of theirs."""

import base64
import os
import resource
import shutil
import subprocess

from harness import KEYS, P11DBUS, RUDE, SOFTHSM, Case, Token, check, main

P12 = {"rsa": KEYS["rsa"], "p256": KEYS["p256"], "p384": KEYS["p384"], "p521": KEYS["p521"]}
HASHES = {"rsa": "rsa-sha256", "p256": "ecdsa-sha256", "p384": "ecdsa-sha384",
          "p521": "ecdsa-sha512", "ed25519": "ed25519"}


class Authority:
    """A root, an intermediate, and what they issue; DIR/NAME.crt and .der are certificates."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("root", "intermediate", "stranger"):
            check("openssl", "genpkey", *KEYS["p256"][1], "-out", self.path(name + ".key"))
        for name in ("root", "stranger"):
            check("openssl", "req", "-x509", "-new", "-key", self.path(name + ".key"), "-subj",
                  f"/O=Test/CN={name}", "-days", "30", "-out", self.path(name + ".crt"))
        self.issue("intermediate", self.path("intermediate.key"), "root",
                   "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign")

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, key, issuer="intermediate", extensions="keyUsage=digitalSignature",
              days=30, subject=None):
        request, config = self.path(name + ".csr"), self.path(name + ".cnf")
        check("openssl", "req", "-new", "-key", key, "-subj", f"/O=Test/CN={subject or name}",
              "-out", request)
        with open(config, "w", encoding="ascii") as file:
            file.write("subjectKeyIdentifier=hash\n" + extensions + "\n")
        dates = ["-days", str(days)]
        check("openssl", "x509", "-req", "-in", request, "-CA", self.path(issuer + ".crt"),
              "-CAkey", self.path(issuer + ".key"), "-set_serial", "0x" + os.urandom(8).hex(),
              *dates, "-extfile", config, "-out", self.path(name + ".crt"))
        check("openssl", "x509", "-in", self.path(name + ".crt"), "-outform", "DER", "-out",
              self.path(name + ".der"))
        return self.path(name + ".crt")


def put_certificate(store, label, identifier, der):
    """Puts a certificate on a token."""
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", store, "--login", "--pin",
          "123456", "--write-object", der, "--type", "cert", "--id", identifier, "--label", label)


token = authority = None
if SOFTHSM:
    token = Token()  # "demo": with an Ed25519 key, which libp11 fails on
    authority = Authority(token.directory)
    token.add_token("plain")
    for key, (identifier, arguments) in P12.items():
        token.add_key(key, identifier, arguments, token="plain")
    token.add_key("bare", "77", KEYS["p256"][1], token="plain")  # no certificate
    for key, (identifier, arguments) in KEYS.items():
        authority.issue(key, token.path(key + ".key"))
        for place in ("demo", "plain") if key in P12 else ("demo",):
            put_certificate(place, key, identifier, token.path(key + ".der"))
    check("openssl", "x509", "-in", token.path("intermediate.crt"), "-outform", "DER", "-out",
          token.path("intermediate.der"))
    for place in ("demo", "plain"):
        put_certificate(place, "intermediate", "f0", token.path("intermediate.der"))
ROOT = authority.path("root.crt") if authority else None


def openssl_verify(signature, *options, form="DER", authorities=None):
    """The content, if openssl finds the signature good; else None."""
    done = subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", form, "-in",
                           signature, "-CAfile", authorities or ROOT, "-purpose", "any", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    return done.stdout if done.returncode == 0 else None


def certificates_in(signature, form="DER"):
    """The subjects of the certificates in a signature, sorted: DER does that too."""
    pem = check("openssl", "pkcs7", "-inform", form, "-in", signature, "-print_certs", "-noout")
    return sorted(line.split(b"CN = ")[-1].decode() for line in pem.splitlines()
                  if line.startswith(b"subject"))


class Cms(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("other", b"some date\n")

    def sign(self, code, key, *words, place="plain", module=SOFTHSM, **options):
        return self.expect(code, "sign", "-m", module, "-k", f"pkcs11:token={place};object={key}",
                           "--pin-file", token.pin_file, "-f", "cms", *words, **options)

    def verify(self, code, *words, trust=("--CAfile", ROOT), **options):
        return self.expect(code, "verify", *trust, *words, **options)

    def read(self, name):
        with open(name, "rb") as file:
            return file.read()


class Sign(Cms):
    def test_every_key_both_ways_detached_and_attached(self):
        for place, keys in (("plain", P12), ("demo", P12)):
            for key in keys:
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
                    self.verify(0, "-s", "data.p7m")

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
        self.verify(0, "-s", "data.p7m")

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
        log = self.write("log")
        env = {"RUDE_MODULE": SOFTHSM, "RUDE_LOG": log}
        for cert in (token.path("p384.crt"), "pkcs11:token=demo;object=p384;type=cert"):
            result = self.sign(4, "rsa", "--cert", cert, "data", module=RUDE, env=env)
            self.assertIn("another key", result.err)
        self.assertNotIn(b"sign", self.read(log))
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

    def test_expired_one_signs_and_is_said(self):
        authority.issue("expired", token.path("bare.key"), days=-1)
        result = self.sign(0, "bare", "--cert", token.path("expired.crt"), "data")
        self.assertIn("expired", result.err)
        result = self.verify(1, "-s", "data.p7s", "data")
        self.assertIn("signature is valid", result.err)
        self.assertIn("expired", result.err)


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
        self.verify(0, "-s", "sig")
        self.verify(0, "-s", "sig", "data")
        self.assertIn("other data", self.verify(1, "-s", "sig", "other").err)
        self.verify(0, "-s", "-", stdin=self.read("sig"))
        self.assertEqual(self.verify(0, "-s", "sig", "-o", "-").out, b"some data\n")
        self.verify(0, "-s", "sig", "-o", "out")
        self.assertEqual(self.read("out"), b"some data\n")
        self.verify(3, "-s", "sig", "-o", "out")
        self.verify(0, "-s", "sig", "-o", "out", "--force")

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

    def test_what_a_certificate_is_for(self):
        for name, extensions, code in (
                ("code", "extendedKeyUsage=codeSigning", 0),
                ("nonrepudiation", "keyUsage=nonRepudiation", 0),
                ("agreement", "keyUsage=keyAgreement", 1),
                ("server", "extendedKeyUsage=serverAuth", 0)):
            with self.subTest(name=name):
                authority.issue(name, token.path("bare.key"), extensions=extensions)
                self.sign(0, "bare", "--cert", token.path(name + ".crt"), "--force", "data")
                result = self.verify(code, "-s", "data.p7s", "data")
                if code:
                    self.assertIn("keyUsage", result.err)

    def test_expired_authority(self):
        check("openssl", "genpkey", *KEYS["p256"][1], "-out", token.path("gone.key"))
        authority.issue("gone", token.path("gone.key"), "root",
                        "basicConstraints=critical,CA:TRUE", days=-1)
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
                      ["--CAfile", ROOT, "--json", "-o", "-"]):
            with self.subTest(words=words):
                self.expect(2, "verify", *words, "-s", "data.p7s", "data")


if __name__ == "__main__":
    main()
