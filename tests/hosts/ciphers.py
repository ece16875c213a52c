#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real applications decrypt through p11dbus.so what openssl encrypted, and verify what they signed.

usage: ciphers.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import os
import re
import sys

from applications import Failure, main, need, run

SECRET = "what nobody else is to read\n"
PRIVATE = "pkcs11:token=store;object=rsa;type=private"
# How openssl pads, and how pkcs11-tool is told to. (Its provider for PKCS#11 1.0 has no hash that is not
# named.)
PADDINGS = {
    "PKCS #1 v1.5": (["rsa_padding_mode:pkcs1"], ["RSA-PKCS"]),
    "OAEP with SHA-1": (["rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1"],
                        ["RSA-PKCS-OAEP", "--hash-algorithm", "SHA-1"]),
    "OAEP with SHA-256": (["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"],
                          ["RSA-PKCS-OAEP", "--hash-algorithm", "SHA256"]),
}


def path(place, name):
    return os.path.join(place.directory, name)


def options(words):
    return [word for setting in words for word in ("-pkeyopt", setting)]


def write(path_of_file, text):
    with open(path_of_file, "w", encoding="ascii") as out:
        out.write(text)


def make_secret(place):
    write(path(place, "secret"), SECRET)
    return path(place, "secret")


def encrypted(place, padding):
    """The file with the secret, encrypted for the key."""
    run("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", place.public("rsa"), "-in",
        make_secret(place), "-out", path(place, "encrypted"), *options(PADDINGS[padding][0]),
        preload=False)
    return path(place, "encrypted")


def pkcs11_tool_decrypts(place, module, padding):
    output = path(place, "decrypted")
    run("pkcs11-tool", "--module", module, "--decrypt", "--id", place.id("rsa"), "--mechanism",
        *PADDINGS[padding][1], "--input-file", encrypted(place, padding), "--output-file", output)
    with open(output, encoding="ascii") as decrypted:
        need(decrypted.read() == SECRET, "not what was encrypted")


def pkcs11_tool_verifies(place, module, key, mechanism):
    what = ["pkcs11-tool", "--module", module, "--id", place.id(key), "--mechanism", mechanism]
    signature = path(place, "signature")
    run(*what, "--sign", "--input-file", place.large, "--output-file", signature)
    for file, verdict in (place.large, "Signature is valid"), (place.small, "Invalid signature"):
        try:
            said = run(*what, "--verify", "--input-file", file, "--signature-file", signature)
        except Failure as failure:  # since OpenSC 0.26
            said = str(failure)
        need(verdict in said, verdict, said)


def pkcs11_tool_tests(place, module):
    said = run("pkcs11-tool", "--module", module, "--test")
    need("No errors" in said, "errors", said)
    for padding in "RSA-PKCS", "RSA-X-509":
        need(len(re.findall(r"^    %s: OK$" % padding, said, re.M)) >= 1, padding, said)


def p11tool_verifies(_, module):
    said = run("p11tool", "--provider", module, "--test-sign", PRIVATE)
    need("Verifying against public key in the token... ok" in said, "not verified", said)


def checks(place, module):
    for padding in PADDINGS:
        yield "pkcs11-tool decrypts " + padding, (
            lambda p=padding: pkcs11_tool_decrypts(place, module, p))
    for key, mechanism in (("rsa", "SHA256-RSA-PKCS"), ("rsa", "SHA384-RSA-PKCS-PSS"),
                           ("p256", "ECDSA-SHA256")):
        yield "pkcs11-tool verifies with %s and %s" % (key, mechanism), (
            lambda k=key, m=mechanism: pkcs11_tool_verifies(place, module, k, m))
    yield "pkcs11-tool tests what there is", lambda: pkcs11_tool_tests(place, module)
    yield "p11tool signs and verifies", lambda: p11tool_verifies(place, module)


if __name__ == "__main__":
    main([(["rsa", "p256"], checks)], __file__, sys.argv[1:])
