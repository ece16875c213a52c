# SPDX-License-Identifier: MIT
"""What the tests of CMS share: tokens with certificates of an authority, and openssl's word."""

import subprocess

from authority import Authority
from harness import KEYS, PIN, SOFTHSM, Case, Token, check

P12 = {"rsa": KEYS["rsa"], "p256": KEYS["p256"], "p384": KEYS["p384"], "p521": KEYS["p521"]}


def put_certificate(store, label, identifier, der):
    """Puts a certificate on a token."""
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", store, "--login", "--pin",
          PIN, "--write-object", der, "--type", "cert", "--id", identifier, "--label", label)


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
    # Some write "CN = NAME", others "CN=NAME".
    return sorted(line.split(b"CN")[-1].lstrip(b" =").decode() for line in pem.splitlines()
                  if line.startswith(b"subject"))


def take_apart(der):
    """The elements in DER bytes: (tag, content), where content is bytes or elements again."""
    elements = []
    while der:
        tag, size, start = der[0], der[1], 2
        if size > 127:
            start += size & 127
            size = int.from_bytes(der[2:start], "big")
        body, der = der[start:start + size], der[start + size:]
        elements.append((tag, take_apart(body) if tag & 0x20 else body))
    return elements


def put_together(elements):
    der = b""
    for tag, content in elements:
        body = content if isinstance(content, bytes) else put_together(content)
        size = len(body).to_bytes(4, "big").lstrip(b"\0")
        head = bytes([len(body)]) if len(body) < 128 else bytes([128 + len(size)]) + size
        der += bytes([tag]) + head + body
    return der


def signer_of(message):
    """The fields of the one signer of a CMS that was taken apart."""
    return message[0][1][1][1][0][1][-1][1][0][1]


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
