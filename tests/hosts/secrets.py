#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real applications use secret keys through p11dbus.so; openssl checks what they made of them.

usage: secrets.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import hashlib
import os
import sys

from applications import main, need, run

IV = "000102030405060708090a0b0c0d0e0f"
# pkcs11-tool's name of a mode, and openssl's.
MODES = {"AES-CBC": "cbc", "AES-CBC-PAD": "cbc", "AES-ECB": "ecb"}
# pkcs11-tool goes through a file in parts of a kilobyte.
SIZES = {"AES-CBC": 1 << 20, "AES-CBC-PAD": (5 << 20) + 3, "AES-ECB": 992}


def path(place, name):
    return os.path.join(place.directory, name)


def key_id(name):
    return hashlib.sha1(name.encode()).hexdigest()


def hex_of(place, file):
    with open(os.path.join(place.keys_directory, file), "rb") as secret:
        return secret.read().hex()


def content(file):
    with open(file, "rb") as opened:
        return opened.read()


def openssl_iv(mode):
    return [] if mode == "AES-ECB" else ["-iv", IV]


def crypt(place, module, action, mode, source, target):
    iv = [] if mode == "AES-ECB" else ["--iv", IV]
    run("pkcs11-tool", "--module", module, action, "--id", key_id("aes256"), "--mechanism", mode, *iv,
        "--input-file", source, "--output-file", path(place, target))
    return path(place, target)


def pkcs11_tool_crypts(place, module, mode):
    """What it encrypts openssl decrypts, and it decrypts that too."""
    plain = path(place, "plain")
    with open(plain, "wb") as out:
        out.write(os.urandom(SIZES[mode]))
    padding = [] if mode == "AES-CBC-PAD" else ["-nopad"]
    encrypted = crypt(place, module, "--encrypt", mode, plain, "encrypted")
    run("openssl", "enc", "-d", "-aes-256-" + MODES[mode], *padding, "-K",
        hex_of(place, "aes256.aes.secret"), *openssl_iv(mode), "-in", encrypted, "-out",
        path(place, "decrypted"), preload=False)
    need(content(path(place, "decrypted")) == content(plain), "openssl decrypts something else")
    decrypted = crypt(place, module, "--decrypt", mode, encrypted, "again")
    need(content(decrypted) == content(plain), "pkcs11-tool decrypts something else")


def pkcs11_tool_authenticates(place, module, digest, file):
    mac = path(place, "mac")
    run("pkcs11-tool", "--module", module, "--sign", "--id", key_id("hmac"), "--mechanism",
        digest.upper() + "-HMAC", "--input-file", file, "--output-file", mac)
    said = run("openssl", "dgst", "-" + digest, "-mac", "HMAC", "-macopt",
               "hexkey:" + hex_of(place, "hmac.secret"), file, preload=False)
    need(content(mac).hex() in said, "not openssl's HMAC", said)


def shows_no_secret(place, module):
    shown = run("pkcs11-tool", "--module", module, "-O")
    for name, kind in ("aes256", "AES length 32"), ("hmac", "Generic secret length 40"):
        need(kind in shown, kind, shown)
        for file in (name + ".secret", name + ".aes.secret"):
            if os.path.exists(os.path.join(place.keys_directory, file)):
                need(hex_of(place, file) not in shown, "the secret of " + name, shown)


def make_peer(place):
    """The other side's key; and what it makes of ours."""
    peer = path(place, "peer.key")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", peer,
        preload=False)
    for form in "DER", "PEM":
        run("openssl", "pkey", "-in", peer, "-pubout", "-outform", form, "-out",
            path(place, "peer." + form), preload=False)
    run("openssl", "pkeyutl", "-derive", "-inkey", peer, "-peerkey", place.public("p256"), "-out",
        path(place, "agreed"), preload=False)
    return content(path(place, "agreed"))


def pkcs11_tool_derives(place, module):
    agreed = make_peer(place)
    run("pkcs11-tool", "--module", module, "--derive", "--mechanism", "ECDH1-DERIVE", "--id",
        place.id("p256"), "--input-file", path(place, "peer.DER"), "--output-file",
        path(place, "derived"))
    need(content(path(place, "derived")) == agreed, "not what the other side has")


def checks_of_derivation(place, module):
    yield "pkcs11-tool derives a secret", lambda: pkcs11_tool_derives(place, module)


def checks(place, module):
    for mode in MODES:
        yield "pkcs11-tool encrypts and decrypts in %s" % mode, (
            lambda m=mode: pkcs11_tool_crypts(place, module, m))
    for digest in ("sha256", "sha512"):
        for file in (place.small, place.large):
            yield "pkcs11-tool authenticates %s with HMAC and %s" % (
                os.path.basename(file), digest), (
                    lambda d=digest, f=file: pkcs11_tool_authenticates(place, module, d, f))
    yield "pkcs11-tool shows no secret", lambda: shows_no_secret(place, module)


if __name__ == "__main__":
    main([(["aes256", "hmac"], checks), (["p256"], checks_of_derivation)], __file__, sys.argv[1:])
