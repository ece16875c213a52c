# SPDX-License-Identifier: MIT
"""Keys whose curve is spelled out: by its name where it has one, and refused where it has none."""

import base64
import os
import re
import shutil
import subprocess
import tempfile

from harness import SOFTHSM, Case, Token, check, host_environment, main, openssl_verify
from served import Bus, Service

# What the keys are called, their curve for openssl, how it is shown, and the hash that goes by it.
CURVES = {"e256": ("prime256v1", "P-256", "sha256"), "e384": ("secp384r1", "P-384", "sha384"),
          "e521": ("secp521r1", "P-521", "sha512"),
          "ek1": ("secp256k1", "secp256k1", "sha256")}


def unpack(pem):
    """The DER in a PEM file of one block."""
    with open(pem, encoding="ascii") as file:
        return base64.b64decode("".join(re.findall(r"^[A-Za-z0-9+/=]+$", file.read(), re.M)))


def pack(path, label, der):
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
        file.write(f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}"
                   f"-----END {label}-----\n")


def generate(directory, name, curve, encoding="explicit"):
    key, public = f"{directory}/{name}.key", f"{directory}/{name}.pub"
    check("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
          "-pkeyopt", f"ec_param_enc:{encoding}", "-out", key)
    os.chmod(key, 0o600)
    check("openssl", "pkey", "-in", key, "-pubout", "-out", public)


def spoof(directory, victim, name):
    """Makes a key NAME for victim's public key: its point is the generator, and the private key 1.
    (CVE-2020-0601)."""
    public = unpack(f"{directory}/{victim}.pub")
    point = public[-65:]
    start = public.index(bytes.fromhex("044104")) + 2  # the generator: the first point
    generator = public[start:start + 65]
    assert generator != point and public.count(generator) == 1
    pack(f"{directory}/{name}.pub", "PUBLIC KEY", public.replace(generator, point))
    private = unpack(f"{directory}/{victim}.key")
    scalar = private.index(bytes.fromhex("0201010420")) + 5
    private = private[:scalar] + (1).to_bytes(32, "big") + private[scalar + 32:]
    pack(f"{directory}/{name}.key", "PRIVATE KEY", private.replace(generator, point))


class Foreign(Case):
    """On a token that gives parameters out as they came, and in files."""

    @classmethod
    def setUpClass(cls):
        cls.token = Token({})
        for number, (name, (curve, *_)) in enumerate(CURVES.items()):
            generate(cls.token.directory, name, curve)
            cls.token.add_key(name, f"0{number}", None)
        generate(cls.token.directory, "brain", "brainpoolP384r1")
        cls.token.add_key("brain", "0b", None)
        spoof(cls.token.directory, "e256", "spoof")
        cls.token.add_key("spoof", "0f", None)

    def sign(self, code, name, *words):
        return self.expect(code, "sign", "-m", SOFTHSM, "--pin-file", self.token.pin_file, "-k",
                           f"pkcs11:token=demo;object={name}", "--force", *words)

    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")

    def test_a_token_spells_curves_out(self):
        """Or nothing here is tested."""
        listed = check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--list-objects",
                       "--type", "pubkey").decode()
        self.assertEqual(len(re.findall(r"EC_PARAMS: +30", listed)), len(CURVES) + 2)

    def test_the_name_is_shown(self):
        document = self.expect(0, "list", "keys", "-m", SOFTHSM, "--json", "--login", "--pin-file",
                               self.token.pin_file, "pkcs11:token=demo").json()
        shown = {}
        for item in document["tokens"][0]["objects"]:
            shown.setdefault(item["label"], set()).add(item["curve"])
        for name, (_, curve, _) in CURVES.items():
            self.assertEqual(shown[name], {curve})
        self.assertEqual(shown["brain"], {"brainpoolP384r1"})
        self.assertEqual(shown["spoof"], {None})

    def test_signatures_by_the_usual_hash_verify_everywhere(self):
        names = {name: digest for name, (_, _, digest) in CURVES.items()}
        for name, digest in {**names, "brain": "sha384"}.items():
            public = self.token.public(name)
            check("openssl", "pkey", "-pubin", "-in", public, "-outform", "DER", "-out", "der")
            check("openssl", "req", "-x509", "-new", "-key", self.token.path(f"{name}.key"), "-subj",
                  "/CN=c", "-days", "30", "-out", "crt")
            with self.subTest(name=name):
                self.sign(0, name, "--verify-after", "data")
                self.assertTrue(openssl_verify(public, "data.sig", "data", digest=digest))
                for words in (["--pubkey", public], ["--pubkey", "der"], ["--cert", "crt"],
                              ["-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={name}"]):
                    result = self.expect(0, "verify", *words, "-s", "data.sig", "data")
                    self.assertIn(f"ecdsa-{digest}", result.err)
                self.sign(0, name, "-f", "raw", "-o", "raw", "data")
                self.expect(0, "verify", "--pubkey", public, "-s", "raw", "data")
                self.sign(0, name, "-f", "cms", "--cert", "crt", "-o", "p7s", "data")
                self.expect(0, "verify", "--CAfile", "crt", "-s", "p7s", "data")

    def test_ssh_takes_its_curves_however_they_are_spelled(self):
        self.write("allowed", "me " + self.expect(
            0, "list", "keys", "-m", SOFTHSM, "--export", "ssh",
            "pkcs11:token=demo;object=e384").out.decode())
        self.sign(0, "e384", "-f", "ssh", "-n", "file", "-o", "ssh", "data")
        self.expect(0, "verify", "--allowed-signers", "allowed", "-I", "me", "-s", "ssh", "data")
        self.expect(0, "verify", "--pubkey", self.token.public("e384"), "-s", "ssh", "data")
        with open("data", "rb") as data:
            check("ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "me", "-n", "file", "-s",
                  "ssh", stdin=data)

    def test_exported_keys_name_their_curve(self):
        for name, (curve, *_) in CURVES.items():
            pem = self.expect(0, "list", "keys", "-m", SOFTHSM, "--export", "pem",
                              f"pkcs11:token=demo;object={name}").out
            self.write("pem", pem)
            text = check("openssl", "pkey", "-pubin", "-in", "pem", "-noout", "-text").decode()
            self.assertIn(f"ASN1 OID: {curve}", text)
            self.assertEqual(unpack("pem")[-64:], unpack(self.token.public(name))[-64:])

    def test_another_generator_is_another_curve(self):
        """A stranger's signature "by" the public key of e256."""
        check("openssl", "dgst", "-sha256", "-sign", self.token.path("spoof.key"), "-out", "forged",
              "data")
        check("openssl", "req", "-x509", "-new", "-key", self.token.path("spoof.key"), "-subj",
              "/CN=c", "-days", "30", "-out", "crt")
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-signer", "crt", "-inkey",
              self.token.path("spoof.key"), "-outform", "DER", "-out", "forged.p7s")
        self.assertTrue(openssl_verify(self.token.public("spoof"), "forged", "data"))
        self.expect(1, "verify", "--pubkey", self.token.public("e256"), "-s", "forged", "data")
        for words in (["--pubkey", self.token.public("spoof"), "-s", "forged"],
                      ["--pubkey", self.token.public("spoof"), "-a", "sha256", "-s", "forged"],
                      ["--cert", "crt", "-s", "forged"], ["--CAfile", "crt", "-s", "forged.p7s"],
                      ["--cert", "crt", "-s", "forged.p7s"]):
            with self.subTest(words=words):
                result = self.expect(9, "verify", *words, "data")
                self.assertIn("spelled out by parameters, which are those of no curve", result.err)
        self.sign(9, "spoof", "data")
        self.sign(9, "spoof", "-a", "ecdsa-sha256", "data")
        self.assertFalse(os.path.exists("data.sig"))


class Served(Case):
    """In a key directory, with and without a passphrase."""

    @classmethod
    def setUpClass(cls):
        cls.directory_of_all = tempfile.mkdtemp(prefix="p11dbus-keys-")
        cls.keys = os.path.join(cls.directory_of_all, "keys")
        os.mkdir(cls.keys, 0o700)
        for name, (curve, *_) in CURVES.items():
            generate(cls.keys, name, curve)
            generate(cls.keys, "named-" + name, curve, "named_curve")
        spoof(cls.keys, "e256", "spoof")
        cls.bus = Bus()
        cls.service = Service("--keys", cls.keys)

    @classmethod
    def tearDownClass(cls):
        code = cls.service.end()
        cls.bus.end()
        shutil.rmtree(cls.directory_of_all)
        if code != 0 or "spoof.key: private key skipped: its curve is spelled" not in cls.service.said:
            raise AssertionError(f"serve: exit {code}: {cls.service.said}")

    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")

    def test_sign_and_verify(self):
        for name, (_, curve, digest) in CURVES.items():
            with self.subTest(name=name):
                result = self.expect(0, "sign", "-k", f"pkcs11:token=keys;object={name}",
                                     "--verify-after", "--force", "--json", "data")
                self.assertEqual(result.json()["results"][0]["algorithm"], f"ecdsa-{digest}")
                public = f"{self.keys}/{name}.pub"
                self.assertTrue(openssl_verify(public, "data.sig", "data", digest=digest))
                self.expect(0, "verify", "--pubkey", public, "-s", "data.sig", "data")
                self.expect(0, "verify", "-k", f"pkcs11:token=keys;object={name}", "-s", "data.sig",
                            "data")
                listed = self.expect(0, "list", f"pkcs11:token=keys;object={name}", "--json").json()
                self.assertEqual({item["curve"] for item in listed["tokens"][0]["objects"]}, {curve})

    def test_other_hosts_see_the_name(self):
        listed = check("pkcs11-tool", "--module", os.environ["P11DBUS_MODULE_SO"], "--list-objects",
                       "--type", "pubkey", env=host_environment()).decode()
        self.assertEqual(listed.count("EC_PARAMS:"), 2 * len(CURVES), listed)
        self.assertEqual(len(re.findall(r"EC_PARAMS: +06", listed)), 2 * len(CURVES), listed)
        shown = subprocess.run(["p11tool", "--provider", os.environ["P11DBUS_MODULE_SO"], "--batch",
                                "--list-all"], stdout=subprocess.PIPE, check=True,
                               env=host_environment()).stdout.decode()
        for name in ("e384", "e521"):
            self.assertRegex(shown, rf"SECP{name[1:]}R1\)?\n\s*Label: {name}\n")


if __name__ == "__main__":
    main()
