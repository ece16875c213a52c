#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GnuTLS makes keys on a token of p11dbus.so, signs, decrypts, and serves TLS with them; openssl checks
what comes of it.

usage: gnutls.py P11DBUS MODULE

On a token without a PIN and on one with it. Prints TAP, as applications.py does.
"""

import os
import sys

import tls
from applications import main, need, run, serving

PIN = "123456"
SECRET = b"what nobody else is to read"
TEMPLATE = 'cn = "%s"\nexpiration_days = 2\nsigning_key\n'
FOR = {"authority": "ca\ncert_signing_key\ncrl_signing_key\n", "server": "encryption_key\n"}


class Token:
    """The token by its URL, with its PIN in the environment if it has one."""

    def __init__(self, place, module):
        self.place, self.module = place, module
        self.pin = {"GNUTLS_PIN": PIN} if place.keys else {}
        self.login = ["--login"] if place.keys else []
        for name, purpose in FOR.items():
            with open(self.path(name), "w", encoding="ascii") as out:
                out.write(TEMPLATE % name + purpose)

    def path(self, name):
        return os.path.join(self.place.directory, name)

    @staticmethod
    def url(label, kind="private"):
        return "pkcs11:token=store;object=%s;type=%s" % (label, kind)

    def p11tool(self, *arguments):
        return run("p11tool", "--provider", self.module, "--batch", *self.login, *arguments,
                   env=self.pin)

    def certtool(self, *arguments):
        return run("certtool", "--provider", self.module, *arguments, env=self.pin)


def p11tool_generates(token):
    for label, options in (("authority", ["ecdsa", "--curve", "secp256r1"]),
                           ("server", ["rsa", "--bits", "2048"])):
        token.p11tool("--generate-privkey", *options, "--label", label, "--outfile",
                      token.path(label + ".pem"), "pkcs11:token=store")
        said = token.p11tool("--test-sign", token.url(label))
        need("Verifying against public key in the token... ok" in said, "not verified", said)


def certtool_signs_certificates(token):
    """That of an authority, and with it that of a server and a list; and one by RSA-PSS."""
    authority = token.path("authority.crt")
    for label, options in ("server", ["--sign-params", "rsa-pss"]), ("authority", []):
        token.certtool("--generate-self-signed", "--load-privkey", token.url(label),
                       "--load-pubkey", token.path(label + ".pem"), "--template", token.path(label),
                       *options, "--outfile", authority)
        run("openssl", "verify", "-check_ss_sig", "-CAfile", authority, authority, preload=False)
    request, certificate = token.path("server.req"), token.path("server.crt")
    token.certtool("--generate-request", "--load-privkey", token.url("server"), "--load-pubkey",
                   token.path("server.pem"), "--template", token.path("server"), "--outfile", request)
    run("openssl", "req", "-verify", "-noout", "-in", request, preload=False)
    signing = ["--load-ca-privkey", token.url("authority"), "--load-ca-certificate", authority,
               "--template", token.path("server")]
    token.certtool("--generate-certificate", "--load-request", request, *signing, "--outfile",
                   certificate)
    run("openssl", "verify", "-CAfile", authority, certificate, preload=False)
    token.certtool("--generate-crl", "--load-certificate", certificate, *signing, "--outfile",
                   token.path("crl"))
    run("openssl", "crl", "-in", token.path("crl"), "-CAfile", authority, "-noout", preload=False)


def certtool_signs_files(token):
    for label, action in ("authority", "--p7-sign"), ("server", "--p7-detached-sign"):
        signature = token.path("signature")
        token.certtool(action, "--load-privkey", token.url(label), "--load-certificate",
                       token.path(label + ".crt"), "--infile", token.place.small, "--outder",
                       "--outfile", signature)
        content = ["-content", token.place.small] if "detached" in action else []
        run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, *content,
            "-CAfile", token.path("authority.crt"), "-purpose", "any", "-out", "/dev/null",
            preload=False)


DECRYPT = """
import ctypes, ctypes.util, sys
module, url, file = (word.encode() for word in sys.argv[1:])
class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("size", ctypes.c_uint)]
gnutls = ctypes.CDLL(ctypes.util.find_library("gnutls"))
def ask(name, *arguments):
    code = getattr(gnutls, name)(*arguments)
    assert code == 0, "%s: %d" % (name, code)
ask("gnutls_pkcs11_init", 0, None)
ask("gnutls_pkcs11_add_provider", module, None)
key = ctypes.c_void_p()
ask("gnutls_privkey_init", ctypes.byref(key))
ask("gnutls_privkey_import_url", key, url, 0)
ciphertext = open(file, "rb").read()
encrypted = Datum(ctypes.cast(ciphertext, ctypes.c_void_p), len(ciphertext))
plain = Datum()
ask("gnutls_privkey_decrypt_data", key, 0, ctypes.byref(encrypted), ctypes.byref(plain))
print(ctypes.string_at(plain.data, plain.size))
"""


def decrypts(token):
    """No tool of GnuTLS decrypts: the library, as programs use it."""
    with open(token.path("plain"), "wb") as out:
        out.write(SECRET)
    run("openssl", "pkeyutl", "-encrypt", "-certin", "-inkey", token.path("server.crt"), "-in",
        token.path("plain"), "-out", token.path("encrypted"), preload=False)
    url = token.url("server") + ("?pin-value=" + PIN if token.pin else "")
    said = run(sys.executable, "-c", DECRYPT, token.module, url, token.path("encrypted"))
    need(repr(SECRET) in said, "not what was encrypted", said)


def serves(token):
    """gnutls-serv signs in TLS 1.3, and decrypts in 1.2 without ephemeral keys."""
    port = tls.free_port()
    with serving(["stdbuf", "-oL", "gnutls-serv", "--echo", "--port", str(port), "--provider",
                      token.module, "--x509keyfile", token.url("server"), "--x509certfile",
                      token.path("server.crt"), "--priority", "NORMAL:+RSA"],
                     r"listening on IPv4 \S+ port \d+\.\.\.done", env=token.pin):
        for ciphers in None, "AES256-GCM-SHA384":
            answer, cipher = tls.ask(port, tls.client_context(token.path("authority.crt"), ciphers))
            need(answer == tls.LINE and ciphers in (None, cipher), "another answer",
                 repr(answer) + cipher)


def p11tool_writes_and_deletes(token):
    """A certificate and a key; the certificate comes back as it was, and nothing is left in the end."""
    kept = set(os.listdir(token.place.keys_directory))
    key, certificate = token.path("written.pem"), token.path("server.crt")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out", key,
        preload=False)
    token.p11tool("--write", "--load-certificate", certificate, "--label", "written", "--id", "57",
                  "pkcs11:token=store")
    token.p11tool("--write", "--load-privkey", key, "--label", "written", "--id", "58",
                  "pkcs11:token=store")
    token.p11tool("--export", token.url("written", "cert"), "--outfile", token.path("again"))
    prints = {run("openssl", "x509", "-in", file, "-noout", "-fingerprint", "-sha256", preload=False)
              for file in (certificate, token.path("again"))}
    need(len(prints) == 1, "another certificate", str(prints))
    said = token.p11tool("--test-sign", token.url("written"))
    need("Verifying against private key parameters... ok" in said, "not verified", said)
    token.p11tool("--set-label", "renamed", token.url("written"))
    token.p11tool("--delete", token.url("renamed"))
    token.p11tool("--delete", token.url("written", "cert"))
    now = set(os.listdir(token.place.keys_directory))
    need(now == kept, "files are left", str(now - kept))


def checks(place, module):
    token = Token(place, module)
    what = " with a PIN" if place.keys else ""
    for title, act in (("p11tool generates keys", p11tool_generates),
                       ("certtool signs certificates, requests and a list of what is revoked",
                        certtool_signs_certificates),
                       ("certtool signs files", certtool_signs_files),
                       ("libgnutls decrypts", decrypts),
                       ("gnutls-serv signs and decrypts in TLS", serves),
                       ("p11tool writes, renames and deletes", p11tool_writes_and_deletes)):
        yield title + what, lambda a=act: a(token)


if __name__ == "__main__":
    main([([], checks, "--writable"), (["locked:p256:" + PIN], checks, "--writable")], __file__,
         sys.argv[1:])
