# SPDX-License-Identifier: MIT
"""p11dbus list --export and --format uri: what other programs and scripts take from a token."""

import os
import pty
import re
import shutil
import subprocess

from harness import KEYS, P11DBUS, PIN, SOFTHSM, Case, Token, check, main

NASTY = "\033[31mred\n# \N{RIGHT-TO-LEFT OVERRIDE}"

if SOFTHSM:
    token = Token()
    check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=web",
          "-days", "30", "-out", token.path("web.pem"))
    check("openssl", "x509", "-in", token.path("web.pem"), "-outform", "DER", "-out",
          token.path("web.der"))
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo", "--login", "--pin", PIN,
          "--write-object", token.path("web.der"), "--type", "cert", "--label", "web", "--id", "02")
    token.add_token("other")
    token.add_key("k1", "31", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
                  token="other")
    token.add_token("nasty")
    token.add_key("p256", "41", [], label=NASTY, token="nasty")
    token.add_token("empty")


class Export(Case):
    def list(self, code, *words, **options):
        return self.expect(code, "list", "-m", SOFTHSM, *words, **options)

    def export(self, form, *words, code=0):
        return self.list(code, "--export", form, *words)

    def blocks(self, pem, kind):
        return re.findall(f"-----BEGIN {kind}-----\n.*?-----END {kind}-----\n", pem.decode(), re.S)

    def public(self, key):
        with open(token.public(key), encoding="ascii") as file:
            return file.read()

    def test_pem_holds_each_key_and_certificate_once(self):
        for login in ([], ["--login", "--pin-file", token.pin_file]):
            pem = self.export("pem", "pkcs11:token=demo", *login).out
            self.assertEqual(sorted(self.blocks(pem, "PUBLIC KEY")), sorted(map(self.public, KEYS)))
            with open(token.path("web.pem"), encoding="ascii") as file:
                self.assertEqual(self.blocks(pem, "CERTIFICATE"), [file.read()])

    def test_words_and_uris_narrow_what_is_exported(self):
        keys = self.export("pem", "keys", "pkcs11:token=demo").out
        self.assertEqual(len(self.blocks(keys, "PUBLIC KEY")), len(KEYS))
        self.assertEqual(self.blocks(keys, "CERTIFICATE"), [])
        certificates = self.export("pem", "certs").out
        self.assertEqual(self.blocks(certificates, "PUBLIC KEY"), [])
        self.assertEqual(len(self.blocks(certificates, "CERTIFICATE")), 1)
        one = self.export("pem", "pkcs11:token=demo;object=rsa").out
        self.assertEqual(self.blocks(one, "PUBLIC KEY"), [self.public("rsa")])

    def test_openssl_reads_pem_with_the_uris_before_it(self):
        pem = self.export("pem", "pkcs11:token=demo;object=rsa").out
        self.assertRegex(pem, rb"^# pkcs11:\S+;object=rsa;type=public\n-----BEGIN")
        self.write("key.pem", pem)
        self.assertEqual(check("openssl", "pkey", "-pubin", "-in", "key.pem").decode(),
                         self.public("rsa"))
        self.write("web.pem", self.export("pem", "certs").out)
        subject = check("openssl", "x509", "-in", "web.pem", "-noout", "-subject", "-nameopt",
                        "RFC2253")
        self.assertEqual(subject.strip(), b"subject=CN=web")
        check("openssl", "verify", "-CAfile", "web.pem", token.path("web.pem"))

    def test_der_is_the_only_one(self):
        self.write("key.der", self.export("der", "pkcs11:token=demo;object=p384").out)
        self.assertEqual(check("openssl", "pkey", "-pubin", "-inform", "DER", "-in",
                               "key.der").decode(), self.public("p384"))
        self.assertEqual(self.export("der", "certs").out, self.read(token.path("web.der")))

    def test_der_of_many_is_5_with_the_candidates(self):
        result = self.export("der", "pkcs11:token=demo;id=%02", code=5)
        self.assertEqual(result.out, b"")
        self.assertIn("object=web;type=cert", result.err)
        self.assertIn("object=p256;type=public", result.err)

    def test_der_is_not_written_to_a_terminal(self):
        ours, theirs = pty.openpty()
        done = subprocess.run([P11DBUS, "list", "-m", "/nonexistent", "--export", "der"],
                              stdout=theirs, stderr=subprocess.PIPE, check=False)
        os.close(theirs)
        os.close(ours)
        self.assertEqual(done.returncode, 2, done.stderr)  # before the module is loaded
        self.assertIn(b"terminal", done.stderr)

    def test_ssh_lines_are_what_ssh_keygen_makes(self):
        for key in KEYS:
            line = self.export("ssh", f"pkcs11:token=demo;object={key}").out.decode()
            self.write("key.ssh", line)
            bits, fingerprint, comment, kind = check("ssh-keygen", "-l", "-f",
                                                     "key.ssh").decode().split()
            self.assertEqual(comment, key)
            if key == "ed25519":
                self.assertEqual((bits, kind), ("256", "(ED25519)"))
            else:
                theirs = check("ssh-keygen", "-i", "-m", "PKCS8", "-f", token.public(key)).decode()
                self.assertEqual(line.split()[:2], theirs.split()[:2])
            self.assertTrue(fingerprint.startswith("SHA256:"))

    def test_ssh_holds_each_key_once(self):
        out = self.export("ssh", "pkcs11:token=demo").out
        lines = out.decode().splitlines()
        self.assertEqual(sorted(line.split()[2] for line in lines), sorted(KEYS))
        self.write("all.ssh", out)
        self.assertEqual(len(check("ssh-keygen", "-l", "-f", "all.ssh").splitlines()), len(KEYS))
        certificate = self.export("ssh", "certs").out.split()
        self.assertEqual(certificate[2], b"web")
        self.assertIn(certificate[1], out)

    def test_ssh_leaves_out_what_it_has_no_form_for(self):
        self.assertEqual(self.export("ssh", "pkcs11:token=other", code=9).out, b"")
        result = self.export("ssh")
        self.assertIn("object=k1", result.err)
        comments = [line.partition(b" ")[2].partition(b" ")[2] for line in
                    result.out.splitlines()]
        self.assertEqual(len(comments), len(KEYS))
        self.assertNotIn(b"k1", comments)
        self.assertEqual(self.export("ssh", "-q").err, "")

    def test_a_label_stays_in_its_line(self):
        for form in ("ssh", "pem"):
            out = self.export(form, "pkcs11:token=nasty").out.decode()
            for character in ("\033", "\N{RIGHT-TO-LEFT OVERRIDE}"):
                self.assertNotIn(character, out)
            self.assertEqual(sum(not line.startswith("-----") and len(line.split()) > 1
                                 for line in out.splitlines()), 1, out)
        self.assertIn("\\x1b[31mred\\x0a# \\u{202e}\n",
                      self.export("ssh", "pkcs11:token=nasty").out.decode())

    def test_nothing_matched_is_4_and_nothing_exportable_9(self):
        self.export("pem", "pkcs11:token=demo;object=none", code=4)
        self.export("pem", "pkcs11:token=empty", code=4)
        self.export("ssh", "certs", "pkcs11:token=other", code=4)
        self.write("data", b"x" * 40)
        check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "empty", "--login", "--pin", PIN,
              "--write-object", "data", "--type", "data", "--label", "note")
        try:
            self.export("pem", "objects", "pkcs11:token=empty", code=9)
        finally:
            check("pkcs11-tool", "--module", SOFTHSM, "--token-label", "empty", "--login", "--pin",
                  PIN, "--delete-object", "--type", "data", "--label", "note")

    def test_uris_one_a_line(self):
        objects = {entry["uri"] for one in self.list(0, "--json").json()["tokens"]
                   for entry in one["objects"]}
        lines = self.list(0, "--format", "uri").out.decode().splitlines()
        self.assertEqual(set(lines), objects)
        for uri in lines:
            self.assertRegex(uri, r"^pkcs11:[!-~]+$")
            self.assertEqual(self.list(0, "objects", "-f", "uri", uri).out.decode().split(), [uri])
        self.assertEqual(len(self.list(0, "keys", "-f", "uri").out.splitlines()),
                         len(lines) - 1)

    def test_uris_of_tokens(self):
        wanted = [one["uri"] for one in self.list(0, "tokens", "--json").json()["tokens"]]
        lines = self.list(0, "tokens", "-f", "uri").out.decode().splitlines()
        self.assertEqual(lines, wanted)
        self.assertEqual(self.list(0, "tokens", "-f", "uri", wanted[0]).out.decode().split(),
                         [wanted[0]])
        self.assertEqual(self.list(0, "-f", "uri", "pkcs11:token=empty").out, b"")
        self.list(4, "-f", "uri", "pkcs11:token=none")

    def test_a_script_can_loop_over_uris(self):
        script = ('for uri in $("$P11DBUS" list keys -m "$M" -f uri "pkcs11:token=demo"); do '
                  '"$P11DBUS" list -m "$M" --export der "$uri" | openssl pkey -pubin -inform DER '
                  '|| exit 1; done')
        out = check("sh", "-c", script, env={**os.environ, "M": SOFTHSM}).decode()
        self.assertEqual(sorted(self.blocks(out.encode(), "PUBLIC KEY")),
                         sorted(map(self.public, KEYS)))

    def test_usage(self):
        for words in (["--format", "json"], ["--export", "jks"], ["--json", "-f", "uri"],
                      ["--json", "--export", "pem"], ["-f", "uri", "--export", "pem"],
                      ["mechanisms", "-f", "uri"], ["tokens", "--export", "pem"],
                      ["mechanisms", "--export", "ssh"], ["--export", ""], ["--format", ""]):
            result = self.list(2, *words)
            if "--json" not in words:
                self.assertIn("hint: ", result.err)
                self.assertEqual(result.out, b"")
        self.list(0, "-f", "table")


if __name__ == "__main__":
    if not shutil.which("ssh-keygen"):
        print("SKIP: OpenSSH is not installed")
        raise SystemExit(77)
    main()
