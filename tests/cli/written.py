# SPDX-License-Identifier: MIT
"""Files however they are written down: what openssl or ssh-keygen takes, run beside, is taken here;
what they do not take may be."""

import base64
import subprocess

from cmstoken import ROOT, Cms, authority, openssl_verify, token
from harness import SOFTHSM, check, main, ssh_line

MARK = b"\xef\xbb\xbf"


def taken(*command, stdin=b""):
    """Whether a program says yes."""
    return subprocess.run(command, input=stdin, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def oddities(text):
    """Ways to write down one block of PEM, each with whether it has to be taken, be it that openssl takes
    it or not; None: as openssl does."""
    lines = text.rstrip(b"\n").split(b"\n")
    first, body, last = lines[0], lines[1:-1], lines[-1]
    for name, ends in (("LF", b"\n"), ("CR LF", b"\r\n")):
        plain = b"".join(line + ends for line in lines)
        yield name, plain, True
        yield name + " and a mark", MARK + plain, True
        yield name + " behind text", b"subject=x" + ends + b"# comment" + ends * 2 + plain, True
        yield name + " behind a mark and text", MARK + b"subject=x" + ends + plain, True
        yield name + " behind empty lines", ends * 3 + plain, True
        yield name + " before text", plain + b"more" + ends * 2, True
        yield name + " and blanks", b"".join(line + b" \t" + ends for line in lines), True
        yield name + " and empty lines", (ends * 2).join(lines) + ends, True
        yield name + " without the last one", plain[:-len(ends)], True
        yield name + ", indented", b"".join(b"  " + line + ends for line in lines), None
        yield name + ", indented inside", b"".join(
            [first + ends, *(b"  " + line + ends for line in body), last + ends]), True
        yield name + " behind a first line alone", b"-----BEGIN" + ends + plain, True
    yield "one line", b"\n".join([first, b"".join(body), last]), True
    yield "short lines", b"\n".join([first, *(bytes([byte]) for byte in b"".join(body)), last]), True
    yield "CR", b"\r".join(lines), None
    yield "UTF-16", text.decode().encode("utf-16"), None
    for name, content in (("comment inside", [first, body[0], b"# x", *body[1:], last]),
                          ("header", [first, b"Comment: x", b"", *body, last]),
                          ("another end", [first, *body, b"-----END OTHER-----"]),
                          ("no end", [first, *body]), ("no beginning", [*body, last]),
                          ("behind something", [b"x " + first, *body, last]),
                          ("a character too many", [first, *body, b"x", last]),
                          ("small letters", [first.lower(), *body, last.lower()])):
        yield name, b"\n".join(content) + b"\n", False


class Written(Cms):
    def agree(self, content, theirs, ours, name, expected):
        """theirs: whether their program takes the file "odd"; ours: our command, with it too."""
        self.write("odd", content)
        theirs, result = theirs(), self.run_p11dbus("verify", *ours)
        with self.subTest(name=name, ours=ours):
            self.assertIn(result.code, (0, 1, 3), result)
            if theirs or expected:
                self.assertEqual(result.code, 0, result)
            elif expected is False:
                self.assertNotEqual(result.code, 0, result)
        return theirs

    def agree_on_all(self, text, theirs, ours):
        answers = [self.agree(content, theirs, ours, name, expected)
                   for name, content, expected in oddities(text)]
        self.assertGreater(answers.count(True), 15)  # or we would not have been compared
        self.assertGreater(answers.count(False), 8)

    def openssl_sign(self, key="rsa"):
        check("openssl", "dgst", "-sha256", "-sign", token.path(key + ".key"), "-out", "sig", "data")

    def openssl_cms(self, form):
        check("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", form, "-out",
              "cms." + form, "-signer", token.path("rsa.crt"), "-inkey", token.path("rsa.key"),
              "-certfile", token.path("intermediate.crt"))

    def test_public_keys(self):
        self.openssl_sign()
        self.agree_on_all(self.read(token.public("rsa")),
                          lambda: taken("openssl", "dgst", "-sha256", "-verify", "odd",
                                        "-signature", "sig", "data"),
                          ("--pubkey", "odd", "-s", "sig", "data"))

    def test_certificates(self):
        self.openssl_sign()
        self.agree_on_all(self.read(token.path("rsa.crt")),
                          lambda: taken("openssl", "x509", "-in", "odd", "-noout"),
                          ("--cert", "odd", "-s", "sig", "data"))

    def test_authorities(self):
        self.openssl_cms("DER")
        self.agree_on_all(self.read(ROOT),
                          lambda: openssl_verify("cms.DER", "-content", "data",
                                                 authorities="odd") is not None,
                          ("--CAfile", "odd", "-s", "cms.DER", "data"))

    def test_lists_of_revoked_certificates(self):
        self.openssl_cms("DER")
        root, intermediate = authority.revoke("root"), authority.revoke("intermediate")
        self.agree_on_all(self.read(root), lambda: taken("openssl", "crl", "-in", "odd", "-noout"),
                          ("--CAfile", ROOT, "--crl", intermediate, "--crl", "odd", "-s", "cms.DER",
                           "data"))

    def test_cms(self):
        self.openssl_cms("PEM")
        self.agree_on_all(self.read("cms.PEM"),
                          lambda: openssl_verify("odd", "-content", "data", form="PEM") is not None,
                          ("--CAfile", ROOT, "-s", "odd", "data"))
        # Behind the signer's certificate, too.
        self.write("odd", self.read(token.path("rsa.crt")) + self.read("cms.PEM"))
        self.verify(0, "-s", "odd", "data")

    def test_certificates_to_sign_with(self):
        for name, content, expected in oddities(self.read(token.path("p256.crt"))):
            self.write("odd", content)
            result = self.run_p11dbus("sign", "-m", SOFTHSM, "-k", "pkcs11:token=plain;object=bare",
                                      "--pin-file", token.pin_file, "-f", "cms", "--cert", "odd",
                                      "--force", "data")
            theirs = taken("openssl", "x509", "-in", "odd", "-noout")
            with self.subTest(name=name):
                # It is read, and then found to be of another key.
                read = "does not belong" in result.err or "another key" in result.err
                self.assertEqual(read, bool(theirs or expected) if expected is not None else read,
                                 result)
                self.assertNotEqual(result.code, 0)

    def test_ssh_signatures(self):
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=ed25519", "-f", "ssh",
                    "--pin-file", token.pin_file, "data")
        self.write("allowed", "me " + ssh_line(token.public("ed25519")))
        data = self.read("data")
        answers = []
        for name, content, expected in oddities(self.read("data.sig")):
            answers.append(self.agree(
                content, lambda: taken("ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "me", "-n",
                                       "file", "-s", "odd", stdin=data),
                ("--allowed-signers", "allowed", "-I", "me", "-s", "odd", "data"), name, expected))
        self.assertGreater(answers.count(True), 5)

    def test_allowed_signers_and_lines_of_keys(self):
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:token=demo;object=ed25519", "-f", "ssh",
                    "--pin-file", token.pin_file, "data")
        data = self.read("data")
        line = ssh_line(token.public("ed25519")).encode()
        for ends in (b"\n", b"\r\n"):
            for before in (b"", MARK, b"# comment" + ends, ends * 2, b" \t" + ends,
                           MARK + b"# comment" + ends + ends):
                for after in (b"", ends, b" \t" + ends, ends * 2 + b"# comment"):
                    name = (ends, before, after)
                    self.agree(before + b"me " + line + after,
                               lambda: taken("ssh-keygen", "-Y", "verify", "-f", "odd", "-I", "me",
                                             "-n", "file", "-s", "data.sig", stdin=data),
                               ("--allowed-signers", "odd", "-I", "me", "-s", "data.sig", "data"),
                               name, True)
                    for option in ("--pubkey", "--cert"):
                        self.agree(before + line + b" me@example.org" + after,
                                   lambda: taken("ssh-keygen", "-l", "-f", "odd"),
                                   (option, "odd", "-s", "data.sig", "data"), name, True)

    def test_der_with_something_behind(self):
        """White space; anything else is no signature any more, though openssl does not mind."""
        for name in ("rsa.crt", "root.crt"):
            check("openssl", "x509", "-in", token.path(name), "-outform", "DER", "-out", name)
        check("openssl", "pkey", "-pubin", "-in", token.public("rsa"), "-outform", "DER", "-out", "pub")
        for issuer in ("root", "intermediate"):
            check("openssl", "crl", "-in", authority.revoke(issuer), "-outform", "DER", "-out",
                  issuer + ".crl")
        self.openssl_cms("DER")
        self.openssl_sign()
        for more in (b"\n", b"\r\n", b"\n\n", b" \n"):
            for name in ("rsa.crt", "root.crt", "pub", "root.crl", "cms.DER", "sig"):
                self.write("odd " + name, self.read(name) + more)
            with self.subTest(more=more):
                self.assertTrue(taken("openssl", "x509", "-in", "odd rsa.crt", "-noout"))
                self.assertTrue(taken("openssl", "dgst", "-sha256", "-verify", "odd pub",
                                      "-signature", "odd sig", "data"))
                self.assertIsNotNone(openssl_verify("odd cms.DER", "-content", "data",
                                                    authorities=ROOT))
                self.expect(0, "verify", "--cert", "odd rsa.crt", "-s", "sig", "data")
                self.expect(0, "verify", "--pubkey", "odd pub", "-s", "odd sig", "data")
                self.expect(0, "verify", "--CAfile", "odd root.crt", "--crl", "odd root.crl", "--crl",
                            "intermediate.crl", "-s", "odd cms.DER", "data")
        self.write("odd", self.read("cms.DER") + b"\0")
        self.verify(1, "-s", "odd", "data")

    def test_signatures_in_binary_with_a_line_end_behind(self):
        for key in ("p256", "p384", "p521", "ed25519"):
            for form in ("der", "raw", "ssh"):
                self.expect(0, "sign", "-m", SOFTHSM, "-k", f"pkcs11:token=demo;object={key}", "-f",
                            form, "--encoding", "binary", "--pin-file", token.pin_file, "--force",
                            "data")
                good = self.read("data.sig")
                for more, code in ((b"\n", 0), (b"\r\n", 0), (b"\0", 1), (b"\nx", 1)):
                    self.write("odd", good + more)
                    with self.subTest(key=key, form=form, more=more):
                        words = ("-s", "odd", "-f", form, "data")
                        self.expect(code, "verify", "--pubkey", token.public(key), *words)
                        self.expect(1, "verify", "--pubkey", token.public(key), *words[:-1], "other")

    def test_lists_of_checksums(self):
        digest = check("openssl", "dgst", "-sha256", "-r", "data").split()[0]
        for before in (b"", MARK, MARK + b"\r\n", b"# text\n\n"):
            for ends in (b"\n", b"\r\n"):
                self.write("SUMS", before + digest + b"  data" + ends + ends)
                check("openssl", "dgst", "-sha256", "-sign", token.path("p256.key"), "-out",
                      "SUMS.sig", "SUMS")
                with self.subTest(before=before, ends=ends):
                    self.expect(0, "verify", "--pubkey", token.public("p256"), "--checksums", "SUMS")

    def test_signatures_in_text(self):
        """As base64 and xxd -r have it, which openssl and shells pipe signatures through."""
        self.openssl_sign("p256")
        good = self.read("sig")
        for encoding, text in (("base64", base64.b64encode(good)), ("hex", good.hex().encode()),
                               ("hex", good.hex(":").upper().encode())):
            for before, between, after in ((b"", b"", b""), (b"", b"\n", b"\n"),
                                           (MARK, b"\r\n", b"\r\n"), (b"\n \n", b" \n\n", b" \t\n")):
                lines = [text[at:at + 60] for at in range(0, len(text), 60)]
                self.write("odd", before + between.join(lines) + after)
                for words in ([], ["--encoding", encoding]):
                    with self.subTest(encoding=encoding, before=before, words=words):
                        self.expect(0, "verify", "--pubkey", token.public("p256"), "-s", "odd",
                                    *words, "data")
                        self.expect(1, "verify", "--pubkey", token.public("p256"), "-s", "odd",
                                    *words, "other")


if __name__ == "__main__":
    main()
