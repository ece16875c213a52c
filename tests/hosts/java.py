#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Java keeps keys and certificates on a token of p11dbus.so, and uses them; openssl checks what comes
of it.

usage: java.py P11DBUS MODULE

On a token without a PIN, where any is right, and on one with it. Prints TAP, as applications.py does.
"""

import os
import sys
import zipfile

import tls
from applications import main, need, run, serving

PIN = "123456"
HERE = os.path.dirname(os.path.abspath(__file__))
# What makes a machine for a second start sooner.
QUICK = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


class Store:
    """The token as Java sees it, and an authority of openssl's."""

    def __init__(self, place, module):
        self.place = place
        self.key, self.authority = self.path("authority.pem"), self.path("authority.crt")
        with open(self.path("java.cfg"), "w", encoding="utf-8") as out:
            out.write("name = p11dbus\nlibrary = %s\nslotListIndex = 0\n" % module)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", self.key, "-out", self.authority, "-subj", "/CN=authority", "-days",
            "2", preload=False)

    def path(self, name):
        return os.path.join(self.place.directory, name)

    def tool(self, name, *arguments):
        """keytool or jarsigner, on the token."""
        return run(name, *("-J" + option for option in QUICK), "-keystore", "NONE", "-storetype",
                   "PKCS11", "-storepass", PIN, "-providerClass", "sun.security.pkcs11.SunPKCS11",
                   "-providerArg", self.path("java.cfg"), *arguments)

    def file(self, name):
        """One that the token keeps."""
        return os.path.join(self.place.keys_directory, name)


def keytool_generates(store):
    """A key of each kind: on the token itself, and an RSA key for which the token comes last among
    those who could make it, so that it is imported."""
    store.tool("keytool", "-genkeypair", "-alias", "made", "-keyalg", "EC", "-groupname",
               "secp256r1", "-dname", "CN=localhost")
    store.tool("keytool", "-genkeypair", "-alias", "rsa", "-keyalg", "RSA", "-keysize", "2048",
               "-dname", "CN=rsa")
    certificate = store.file("rsa.crt")
    run("openssl", "verify", "-check_ss_sig", "-CAfile", certificate, certificate, preload=False)


def keytool_gets_a_certificate(store):
    """By a request, which openssl signs; it comes in the place of the first one."""
    request, certificate = store.path("request.pem"), store.path("chain.pem")
    store.tool("keytool", "-certreq", "-alias", "made", "-file", request)
    run("openssl", "req", "-verify", "-noout", "-in", request, preload=False)
    run("openssl", "x509", "-req", "-in", request, "-CA", store.authority, "-CAkey", store.key,
        "-days", "1", "-out", certificate, preload=False)
    with open(store.authority, encoding="ascii") as issuer, \
            open(certificate, "a", encoding="ascii") as chain:
        chain.write(issuer.read())
    store.tool("keytool", "-importcert", "-noprompt", "-alias", "made", "-file", certificate)
    store.tool("keytool", "-changealias", "-alias", "made", "-destalias", "server")
    said = store.tool("keytool", "-list", "-v", "-alias", "server")
    need("Certificate chain length: 2" in said, "no chain", said)


def jarsigner_signs(store):
    """What a JAR file holds of a signature is CMS of one of its files."""
    jar = store.path("signed.jar")
    with zipfile.ZipFile(jar, "w") as out:
        out.writestr("file", "what is signed\n")
    store.tool("jarsigner", jar, "server")
    with zipfile.ZipFile(jar) as signed:
        signed.extractall(store.path("jar"), ["META-INF/SERVER.SF", "META-INF/SERVER.EC"])
    run("openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
        store.path("jar/META-INF/SERVER.EC"), "-content", store.path("jar/META-INF/SERVER.SF"),
        "-CAfile", store.authority, "-purpose", "any", "-out", "/dev/null", preload=False)


def serves(store, place):
    """place: of the token among the providers. If it is the first, it hashes, and makes the ephemeral
    keys and what is derived of them."""
    with serving(["java", *QUICK, os.path.join(HERE, "TlsServer.java"), store.path("java.cfg"),
                      PIN, str(place)], r"port (\d+)") as found:
        port = int(found.group(1))
        for ciphers in None, "ECDHE-ECDSA-AES256-GCM-SHA384":
            context = tls.client_context(store.authority, ciphers)
            context.set_ecdh_curve("prime256v1")
            answer, _ = tls.ask(port, context)
            need(answer == tls.LINE, "another answer", repr(answer))
        # Its certificate is its own.
        answer, cipher = tls.ask(port, tls.client_context(store.file("rsa.crt"),
                                                          "AES256-GCM-SHA384"))
        need((answer, cipher) == (tls.LINE, "AES256-GCM-SHA384"), "another", repr(answer) + cipher)


def keytool_deletes(store, kept):
    for alias in "server", "rsa":
        store.tool("keytool", "-delete", "-alias", alias)
    files = set(os.listdir(store.place.keys_directory))
    need(files <= kept, "files are left", str(files - kept))


def checks(place, module):
    store = Store(place, module)
    kept = set(os.listdir(place.keys_directory))
    what = " with a PIN" if place.keys else ""
    yield "keytool generates keys" + what, lambda: keytool_generates(store)
    yield "keytool gets a certificate" + what, lambda: keytool_gets_a_certificate(store)
    yield "jarsigner signs" + what, lambda: jarsigner_signs(store)
    where, order = ("behind", 0) if place.keys else ("before", 1)
    yield ("a server of TLS has its key on the token, which comes %s all other providers%s" % (
        where, what), lambda: serves(store, order))
    yield "keytool deletes keys" + what, lambda: keytool_deletes(store, kept)


if __name__ == "__main__":
    main([([], checks, "--writable"), (["locked:p256:" + PIN], checks, "--writable")], __file__,
         sys.argv[1:])
