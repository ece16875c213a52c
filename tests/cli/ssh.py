# SPDX-License-Identifier: MIT
"""SSH signatures: ssh-keygen takes ours, we take its, and both say the same of allowed signers."""

import base64
import itertools
import os
import subprocess
import time

from harness import KEYS, SOFTHSM, Case, Token, check, main, ssh_line
from harness import ssh_string as string

KINDS = {**KEYS, "rsa3072": ("06", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"])}
OTHERS = {"secp256k1": ("07", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"])}
token = Token({**KINDS, **OTHERS}) if SOFTHSM else None
DATA = b"some data\n"


def public_line(kind):
    """A key of the token as OpenSSH writes it."""
    return ssh_line(token.public(kind))


def ssh_keygen(operation, *words, stdin=DATA):
    """Whether ssh-keygen -Y operation says yes, and what it says."""
    done = subprocess.run(["ssh-keygen", "-Y", operation, *words], input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode == 0, done.stdout.decode()


def unarmor(text):
    return base64.b64decode("".join(text.strip().split("\n")[1:-1]))


class Ssh(Case):
    def setUp(self):
        super().setUp()
        self.write("data", DATA)
        self.write("other", b"some date\n")

    def sign(self, code, kind, *words, **options):
        return self.expect(code, "sign", "-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={kind}",
                           "--pin-file", token.pin_file, "-f", "ssh", *words, **options)

    def allow(self, kind, principals="alice@example.org", options=""):
        return self.write("allowed", f"{principals} {options} {public_line(kind)}\n")

    def verify(self, code, *words, identity="alice@example.org", signature="data.sig", **options):
        return self.expect(code, "verify", "--allowed-signers", "allowed", "-I", identity, "-s",
                           signature, *words, **options)

    def new_key(self, name="id", *words):
        check("ssh-keygen", "-q", "-N", "", "-C", "", "-f", name, *words)
        with open(name + ".pub", encoding="ascii") as file:
            return file.read().strip()

    def test_names_in_a_signature_begin_no_line_of_ours(self):
        self.sign(0, "ed25519", "-n", "x\nGood signature of data by alice", "data")
        self.allow("ed25519")
        result = self.verify(1, "data")
        self.assertIn(r"x\x0aGood signature", result.err)
        self.assertEqual(len(result.err.splitlines()), 1, result)
        result = self.expect(3, "verify", "--pubkey", "no\nGood signature", "-s", "data.sig", "data")
        self.assertEqual(len(result.err.splitlines()), 1, result)

    def check_signature(self, kind, namespace="file", data=DATA):
        for operation, words in (("verify", ["-f", "allowed", "-I", "alice@example.org", "-n",
                                             namespace]),
                                 ("check-novalidate", ["-n", namespace]),
                                 ("find-principals", ["-f", "allowed"])):
            yes, said = ssh_keygen(operation, *words, "-s", "data.sig", stdin=data)
            self.assertTrue(yes, (kind, operation, said))


class Both(Ssh):
    """ssh-keygen and we, on each other's signatures."""

    def test_ssh_keygen_takes_ours(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.allow(kind)
                result = self.sign(0, kind, "--force", "data")
                self.assertEqual(result.out, b"")
                self.check_signature(kind)
                self.assertFalse(ssh_keygen("check-novalidate", "-n", "file", "-s", "data.sig",
                                            stdin=b"some date\n")[0])
                self.sign(0, kind, "--force", "-n", "git", "--verify-after", "data")
                self.check_signature(kind, "git")

    def test_we_take_ours(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.allow(kind)
                self.sign(0, kind, "--force", "data")
                self.assertIn("Good signature of data by alice@example.org",
                              self.verify(0, "data").err)
                self.verify(1, "other")
                self.expect(0, "verify", "--pubkey", token.public(kind), "-s", "data.sig", "data")
                self.expect(1, "verify", "--pubkey", token.public(kind), "-s", "data.sig", "other")
                self.expect(0, "verify", "-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={kind}",
                            "-s", "data.sig", "-f", "ssh", "data")

    def test_certificate_names_the_key(self):
        check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=x",
              "-out", "cert.pem")
        self.sign(0, "p256", "data")
        self.expect(0, "verify", "--cert", "cert.pem", "-s", "data.sig", "data")
        self.expect(1, "verify", "--cert", "cert.pem", "-s", "data.sig", "other")

    def test_we_take_those_of_ssh_keygen(self):
        for name, words in (("rsa", ["-t", "rsa", "-b", "2048"]), ("p256", ["-t", "ecdsa"]),
                            ("p384", ["-t", "ecdsa", "-b", "384"]),
                            ("p521", ["-t", "ecdsa", "-b", "521"]),
                            ("ed25519", ["-t", "ed25519"])):
            line = self.new_key(name, *words)
            self.write("allowed", "alice@example.org " + line)
            for hash_name in ("sha512", "sha256"):
                with self.subTest(key=name, hash=hash_name):
                    yes, signature = ssh_keygen("sign", "-q", "-f", name, "-n", "mail", "-O",
                                                "hashalg=" + hash_name)
                    self.assertTrue(yes, signature)
                    self.write("data.sig", signature)
                    self.verify(0, "-n", "mail", "data")
                    self.verify(1, "-n", "mail", "other")
                    self.verify(1, "data")
                    self.expect(0, "verify", "--pubkey", name + ".pub", "-n", "mail", "-s",
                                "data.sig", "data")

    def test_armor_is_the_same_to_the_byte(self):
        """RSA gives the same signature each time."""
        check("ssh-keygen", "-q", "-N", "", "-t", "rsa", "-b", "2048", "-m", "PEM", "-f", "id")
        check("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "id", "-out", "id.p8")
        check("softhsm2-util", "--import", "id.p8", "--token", "demo", "--label", "same", "--id",
              "77", "--pin", "123456")
        yes, theirs = ssh_keygen("sign", "-q", "-f", "id", "-n", "file")
        self.assertTrue(yes, theirs)
        self.assertEqual(self.sign(0, "same", stdin=DATA).out.decode(), theirs)

    def test_leading_zeros_of_r_and_s(self):
        names = [self.write(f"file{i}", str(i)) for i in range(40)]
        self.sign(0, "p521", *names)
        for i, name in enumerate(names):
            yes, said = ssh_keygen("check-novalidate", "-n", "file", "-s", name + ".sig",
                                   stdin=str(i).encode())
            self.assertTrue(yes, said)
            self.expect(0, "verify", "--pubkey", token.public("p521"), "-s", name + ".sig", name)


class Signing(Ssh):
    def test_algorithms(self):
        self.allow("rsa")
        for words, name in (([], b"rsa-sha2-512"), (["-a", "rsa-sha512"], b"rsa-sha2-512"),
                            (["-a", "rsa-sha256"], b"rsa-sha2-256"),
                            (["-a", "sha256"], b"rsa-sha2-256")):
            self.sign(0, "rsa", "--force", *words, "data")
            with open("data.sig", encoding="ascii") as file:
                self.assertIn(name, unarmor(file.read()))
            self.check_signature("rsa")
            self.verify(0, "data")
        for kind, algorithm in (("rsa", "rsa-sha1"), ("rsa", "rsa-sha384"), ("rsa", "rsa-pss"),
                                ("p256", "sha512"), ("p384", "ecdsa-sha256")):
            with self.subTest(kind=kind, algorithm=algorithm):
                result = self.sign(9, kind, "--force", "-a", algorithm, "data")
                self.assertIn("hint: use ", result.err)

    def test_keys_that_ssh_does_not_have(self):
        self.assertIn("SSH has RSA", self.sign(9, "secp256k1", "data").err)
        self.assertEqual(sorted(os.listdir(".")), ["data", "other"])

    def test_usage(self):
        self.sign(2, "p256", "-n", "", "data")
        self.sign(2, "p256", "--prehashed", "data")
        self.expect(2, "sign", "-k", "pkcs11:object=p256", "-n", "file", "data")

    def test_files_streams_and_encodings(self):
        self.allow("ed25519")
        self.write("large", os.urandom(5_000_001))
        self.sign(0, "ed25519", "large", "data", "other")
        for name in ("large", "data", "other"):
            self.verify(0, name, signature=name + ".sig")
        with open("large", "rb") as file:
            yes, said = ssh_keygen("verify", "-f", "allowed", "-I", "alice@example.org", "-n",
                                   "file", "-s", "large.sig", stdin=file.read())
        self.assertTrue(yes, said)
        self.write("data.sig", self.sign(0, "ed25519", stdin=DATA).out)
        self.check_signature("ed25519")
        self.verify(0, stdin=DATA)
        self.verify(1, stdin=b"")
        for encoding in ("binary", "base64", "hex", "pem"):
            self.sign(0, "ed25519", "--encoding", encoding, "--force", "data")
            self.verify(0, "data")
            self.verify(0, "--encoding", encoding, "data")

    def test_json(self):
        self.allow("p384")
        one, = self.sign(0, "p384", "--json", "data").json()["results"]
        self.assertEqual((one["format"], one["algorithm"]), ("ssh", "ecdsa-sha384"))
        self.assertTrue(base64.b64decode(one["signature"]).startswith(b"SSHSIG"))
        document = self.verify(0, "--json", "data").json()
        self.assertEqual((document["valid"], document["signer"], document["format"],
                          document["algorithm"], document["reason"]),
                         (True, "alice@example.org", "ssh", "ecdsa-sha384", None))
        self.assertIn(document["key"], check("ssh-keygen", "-l", "-f",
                                             self.write("key", public_line("p384"))).decode())
        document = self.verify(1, "--json", "data", identity="eve").json()
        self.assertEqual((document["valid"], document["signer"], document["reason"]),
                         (False, None, "not-allowed"))


class Verifying(Ssh):
    def test_reasons(self):
        self.allow("p256")
        self.sign(0, "p256", "data")
        self.sign(0, "rsa", "other")
        self.assertIn("lists this key for eve", self.verify(1, "data", identity="eve").err)
        self.assertIn('it is for namespace "file", not for "git"',
                      self.verify(1, "-n", "git", "data").err)
        self.assertIn("it is not by the key in",
                      self.expect(1, "verify", "--pubkey", token.public("rsa"), "-s", "data.sig",
                                  "data").err)
        self.assertIn("lists this key", self.verify(1, "other", signature="other.sig").err)
        self.assertIn("it is no SSH signature", self.verify(1, "data", signature="data").err)
        self.expect(1, "verify", "--pubkey", token.public("p256"), "-f", "ssh", "-s", "data",
                    "data")

    def test_files_that_cannot_be_read_are_3_also_with_a_bad_signature(self):
        self.verify(3, "data", signature="missing")
        for signature in ("data", "data.sig"):
            self.sign(0, "p256", "--force", "data")
            self.expect(3, "verify", "--allowed-signers", "missing", "-I", "a", "-s", signature,
                        "data")
            self.allow("p256")
            self.verify(3, "missing", signature=signature)
            self.verify(3, ".", signature=signature)

    def test_lines_that_make_no_sense(self):
        self.sign(0, "p256", "data")
        line = "alice@example.org " + public_line("p256")
        self.write("allowed", "\nalice@example.org nonsense\n")
        self.assertIn("allowed:2: ", self.verify(3, "data").err)
        self.verify(1, "data", identity="bob@example.org")
        self.write("allowed", "alice@example.org nonsense\n" + line)
        self.verify(0, "data")
        self.write("allowed", b"\0\n" + line.encode())
        self.assertIn("is no text", self.verify(3, "data").err)

    def test_usage(self):
        self.allow("p256")
        self.sign(0, "p256", "data")
        words = ["verify", "-s", "data.sig", "data"]
        for wrong in (["--allowed-signers", "allowed"], ["-I", "alice@example.org"],
                      ["--pubkey", token.public("p256"), "-I", "alice@example.org"],
                      ["--pubkey", token.public("p256"), "--allowed-signers", "allowed", "-I",
                       "alice@example.org"],
                      ["--allowed-signers", "allowed", "-I", ""],
                      ["--allowed-signers", "-", "-I", "a", "-s", "-"],
                      ["--allowed-signers", "allowed", "-I", "a", "-n", ""],
                      ["--allowed-signers", "allowed", "-I", "a", "-f", "der"],
                      ["--pubkey", token.public("p256"), "-f", "der", "-n", "file"],
                      ["--pubkey", token.public("p256"), "-a", "sha256"],
                      ["--pubkey", token.public("p256"), "--prehashed"]):
            with self.subTest(wrong=wrong):
                self.expect(2, *words, *wrong)

    def test_every_flipped_or_missing_byte_is_bad(self):
        for kind in ("rsa", "p256", "ed25519"):
            self.allow(kind)
            self.sign(0, kind, "--encoding", "binary", "--force", "data")
            good = self.read("data.sig")
            bads = [good[:i] + bytes([good[i] ^ 1]) + good[i + 1:] for i in range(len(good))]
            bads += [good[:i] for i in range(0, len(good), 5)] + [good + b"\0", good + good]
            for number, bad in enumerate(bads):
                self.write("bad", bad)
                with self.subTest(kind=kind, number=number):
                    self.verify(1, "data", signature="bad")
                    if number % 10 == 0:
                        self.expect(1, "verify", "--pubkey", token.public(kind), "-s", "bad",
                                    "data")

    def test_what_ssh_does_not_allow(self):
        """SHA-1 with RSA, short RSA keys and other hashes of the data."""
        def sshsig(key, algorithm, hash_name, signed):
            data = b"SSHSIG" + string(b"file") + string(b"") + string(hash_name)
            digest = check("openssl", "dgst", "-" + hash_name.decode(), "-binary", "data")
            self.write("tbs", data + string(digest))
            check("openssl", "dgst", "-" + signed, "-sign", key, "-out", "raw", "tbs")
            check("openssl", "pkey", "-in", key, "-pubout", "-out", "public")
            line = check("ssh-keygen", "-i", "-m", "PKCS8", "-f", "public").decode()
            self.write("allowed", "alice@example.org " + line)
            raw = self.read("raw")
            self.write("data.sig", b"SSHSIG\0\0\0\1" + string(base64.b64decode(line.split()[1])) +
                       string(b"file") + string(b"") + string(hash_name) +
                       string(string(algorithm) + string(raw)))

        key = token.path("rsa.key")
        sshsig(key, b"rsa-sha2-256", b"sha256", "sha256")
        self.verify(0, "data")
        sshsig(key, b"rsa-sha2-512", b"sha256", "sha256")
        self.verify(1, "data")
        sshsig(key, b"ssh-rsa", b"sha512", "sha1")
        self.assertIn('SSH allows no signature "ssh-rsa"', self.verify(1, "data").err)
        sshsig(key, b"rsa-sha2-512", b"sha384", "sha512")
        self.verify(1, "data")
        self.assertFalse(ssh_keygen("check-novalidate", "-n", "file", "-s", "data.sig")[0])
        check("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1016",
              "-out", "short.key")
        check("openssl", "pkey", "-in", "short.key", "-pubout", "-out", "short.pub")
        self.write("data.sig", self.sshsig_of_short_key())
        self.assertIn("less than 1024 bits",
                      self.expect(1, "verify", "--pubkey", "short.pub", "-s", "data.sig",
                                  "data").err)

    def sshsig_of_short_key(self):
        modulus = check("openssl", "rsa", "-pubin", "-in", "short.pub", "-noout", "-modulus")
        blob = (string(b"ssh-rsa") + string(b"\1\0\1") +
                string(b"\0" + bytes.fromhex(modulus.decode().split("=")[1])))
        return (b"SSHSIG\0\0\0\1" + string(blob) + string(b"file") + string(b"") +
                string(b"sha512") + string(string(b"rsa-sha2-512") + string(bytes(127))))

    def test_certificates_are_said_to_be_unsupported(self):
        self.new_key("ca", "-t", "ed25519")
        self.new_key("id", "-t", "ed25519")
        check("ssh-keygen", "-q", "-s", "ca", "-I", "name", "-n", "alice@example.org", "id.pub")
        yes, signature = ssh_keygen("sign", "-q", "-f", "id-cert.pub", "-n", "file")
        if not yes:  # it wants an agent for that
            self.skipTest(signature)
        self.write("data.sig", signature)
        with open("ca.pub", encoding="ascii") as file:
            self.write("allowed", "alice@example.org cert-authority " + file.read())
        self.assertIn("ssh-keygen -Y verify", self.verify(9, "data").err)


    def test_security_keys_are_said_to_be_unsupported(self):
        self.allow("ed25519")
        kind = b"sk-ssh-ed25519@openssh.com"
        blob = string(kind) + string(bytes(32)) + string(b"ssh:")
        signed = string(kind) + string(bytes(64)) + bytes(5)  # with flags and a counter
        self.write("data.sig", b"SSHSIG\0\0\0\1" + string(blob) + string(b"file") + string(b"") +
                   string(b"sha512") + string(signed))
        self.assertIn(kind.decode(), self.verify(9, "data").err)
        self.verify(3, "missing")

    def test_nothing_may_follow_the_signature(self):
        self.allow("ed25519")
        self.sign(0, "ed25519", "--encoding", "binary", "data")
        good = self.read("data.sig")
        size = 4 + 11 + 4 + 64  # of "ssh-ed25519" and the signature
        self.assertEqual(good[-size - 4:-size], size.to_bytes(4, "big"))
        self.write("bad", good[:-size - 4] + string(good[-size:] + b"x"))
        self.verify(1, "data", signature="bad")


class AllowedSigners(Ssh):
    """The same file, identity and namespace: the same answer as ssh-keygen's."""

    def lines(self):
        now = time.time()

        def moment(seconds, layout="%Y%m%d%H%M%S", zone="Z"):
            at = time.gmtime(now + seconds) if zone else time.localtime(now + seconds)
            return time.strftime(layout, at) + zone

        key, other = public_line("p256"), public_line("rsa")
        day = 86400
        for principals in ("alice@example.org", "*", "*@example.org", "a?ice@*", "?", "bob,alice@*",
                           "!alice@*,*", "*,!alice@example.org", "!bob@*", "*@example.org,!bob@*",
                           "Alice@example.org", '"alice@example.org"', '"a b,alice@example.org"',
                           'al"ice@example.org"', "[a]lice@example.org", "alice@example.org,",
                           ",", "\\*", "**@**", "", '"', '""'):
            yield f"{principals} {key}\n"
        for options in ('namespaces="file"', 'namespaces="git"', 'NAMESPACES="g*,f?le"',
                        'namespaces="*,!git"', 'namespaces=""', "namespaces=file", "namespaces",
                        'namespaces="file', 'namespaces="a b",cert-authority', "cert-authority",
                        "Cert-Authority", "unknown", 'unknown="x"', 'namespaces="file",',
                        'namespaces="file",,cert-authority', 'namespaces="file" cert-authority',
                        'namespaces="file",namespaces="git"', "no-cert-authority",
                        'namespaces="\\"x,file"', 'cert-authority="x"', "cert-authorityx"):
            yield f"alice@example.org {options} {key}\n"
            yield f"bob@example.org {options} {key}\nalice@example.org {key}\n"
        for seconds, zone in itertools.product((-400 * day, -2 * day, 2 * day), ("Z", "", "z")):
            for layout in ("%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S", "%Y%m%d%H", "%Y-%m-%d"):
                at = moment(seconds, layout, zone)
                yield f'alice@example.org valid-after="{at}" {key}\n'
                yield f'alice@example.org Valid-Before="{at}",namespaces="file" {key}\n'
        yield (f'alice@example.org valid-after="{moment(-day)}",valid-before="{moment(day)}" '
               f"{key}\n")
        yield (f'alice@example.org valid-after="{moment(day)}",valid-before="{moment(-day)}" '
               f"{key}\n")
        for at in ("20240230Z", "20241301Z", "20240001Z", "20240100Z", "202401012460Z", "00010101Z",
                   "2024010100000Z", "Z", "", "19700101Z", "20240101ZZ", "20240101 ", "+2024010Z"):
            yield f'alice@example.org valid-after="{at}" {key}\n'
        yield f"\n\n# comment\n  # more\n\t\nalice@example.org {key} a comment\n"
        yield f"alice@example.org {key}"
        yield f"alice@example.org {key}\r\n"
        yield f"  alice@example.org\t\t{key.replace(' ', '   ')}\n"
        yield f"alice@example.org {other}\nalice@example.org {key}\n"
        yield f"alice@example.org {other}\n"
        yield f"alice@example.org nonsense\nalice@example.org {key}\n"
        yield f"alice@example.org {key}\nalice@example.org nonsense\n"
        yield f"alice@example.org\nalice@example.org {key}\n"
        yield f"alice@example.org {key[:-8]}\nalice@example.org {key}\n"
        yield f"alice@example.org ssh-rsa {key.split()[1]}\nalice@example.org {key}\n"
        yield f"alice@example.org {key.split()[0]}\nalice@example.org {key}\n"
        yield f'alice@example.org namespaces="git" {key}\nalice@example.org {key}\n'
        yield f"alice@example.org cert-authority {key}\nalice@example.org {key}\n"
        yield f"alice@example.org # {key}\n"
        yield f"#alice@example.org {key}\n"
        yield ""

    def test_the_same_answers(self):
        for namespace in ("file", "git"):
            self.sign(0, "p256", "-n", namespace, "-o", namespace + ".sig", "data")
        answers = {True: 0, False: 0}
        for line in self.lines():
            self.write("allowed", line)
            for identity, namespace in (("alice@example.org", "file"), ("bob@example.org", "file"),
                                        ("alice@example.org", "git")):
                words = ["-I", identity, "-n", namespace, "-s", namespace + ".sig"]
                theirs, said = ssh_keygen("verify", "-f", "allowed", *words)
                ours = self.run_p11dbus("verify", "--allowed-signers", "allowed", *words, "data")
                with self.subTest(line=line, identity=identity, namespace=namespace):
                    self.assertIn(ours.code, (0, 1, 3), ours)
                    self.assertEqual(ours.code == 0, theirs, (said, ours))
                answers[theirs] += 1
        self.assertGreater(min(answers.values()), 50, answers)

    def test_at_a_time_as_ssh_keygen_has_it(self):
        self.sign(0, "p256", "data")
        self.allow("p256", options='valid-after="20200101Z",valid-before="20200201Z"')
        for at, time, code in (("20191231235959Z", "2019-12-31T23:59:59Z", 1),
                               ("20200101000000Z", "2020-01-01T00:00:00Z", 0),
                               ("20200115120000Z", "2020-01-15T13:00:00+01:00", 0),
                               ("20200201000000Z", "2020-02-01T00:00:00Z", 0),
                               ("20200201000001Z", "2020-02-01T00:00:01Z", 1)):
            with self.subTest(time=time):
                theirs, said = ssh_keygen("verify", "-f", "allowed", "-I", "alice@example.org",
                                          "-n", "file", "-s", "data.sig", "-O",
                                          "verify-time=" + at)
                self.assertEqual(theirs, code == 0, said)
                result = self.verify(code, "--at", time, "data", "--json")
                document = result.json()
                self.assertEqual((document["reason"], document["at_claimed"]),
                                 ("not-allowed" if code else None, False))
                self.assertIn(f"as of {document['at']}", result.err)
        self.verify(1, "data")
        self.assertIn("do not claim", self.verify(2, "--at", "signing-time", "data").err)
        self.verify(2, "--at", "20200115Z", "data")
        self.expect(2, "verify", "--pubkey", token.public("p256"), "--at", "2020-01-15T12:00:00Z",
                    "-s", "data.sig", "data")

    def test_the_same_answers_in_another_time_zone(self):
        self.sign(0, "p256", "data")
        for offset, hours in itertools.product(("-11", "+11", "0"), range(-14, 15, 4)):
            at = time.strftime("%Y%m%d%H%M", time.gmtime(time.time() + 3600 * hours + 60))
            # This zone has summer time on all days.
            environment = {"TZ": f"STD{offset}DST,0/0,J365/25"}
            self.allow("p256", options=f'valid-after="{at}"')
            words = ["-I", "alice@example.org", "-n", "file", "-s", "data.sig"]
            done = subprocess.run(["ssh-keygen", "-Y", "verify", "-f", "allowed", *words],
                                  input=DATA, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={**os.environ, **environment}, check=False)
            ours = self.run_p11dbus("verify", "--allowed-signers", "allowed", *words, "data",
                                    env=environment)
            with self.subTest(offset=offset, hours=hours):
                self.assertEqual(ours.code == 0, done.returncode == 0, (done.stdout, ours))


if __name__ == "__main__":
    main()
