#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What pkcs11-tool tests of a module, and a program of PyKCS11's, over a key directory that has PINs and
may be written to. tests/conformance runs larger suites in the same setting.

usage: suites.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import os
import re
import sys

from applications import main, need, run

PIN, SO_PIN = "123456", "12345678"
LOGIN = ("--login", "--pin", PIN)
# What pkcs11-tool says of a failure, and still ends with exit code 0.
COMPLAINT = re.compile(r"\b(ERR|error|failed|Failed|CKR_(?!OK\b|CRYPTOKI_ALREADY_INITIALIZED\b)\w+)|"
                       r"doesn't|didn't|[1-9]\d* errors")
# What looks like one and is none.
NO_COMPLAINT = re.compile(r"seeding \(C_SeedRandom\) not supported|\(NOTE: doesn't correspond with the key!\)|"
                          r"No errors")

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "with-pykcs11.py")


def tool(module, *arguments):
    """pkcs11-tool's exit code tells of hardly anything: fails by what it says too."""
    said = run("pkcs11-tool", "--module", module, *arguments)
    for line in said.splitlines():
        need(not COMPLAINT.search(NO_COMPLAINT.sub("", line)), line, said)
    return said


def make_token(module):
    tool(module, "--init-token", "--slot-index", "0", "--label", "suites", "--so-pin", SO_PIN)
    tool(module, "--login", "--login-type", "so", "--so-pin", SO_PIN, "--init-pin", "--pin", PIN)
    for number, kind in enumerate(("rsa:2048", "rsa:1024", "EC:prime256v1"), 1):
        tool(module, *LOGIN, "--keypairgen", "--key-type", kind, "--label", "suite%d" % number, "--id",
             "%02d" % number)


def tests(module):
    said = tool(module, *LOGIN, "--test")
    need("No errors" in said, "the end", said)
    for number in 1, 2:
        need(re.search(r"testing key \d \(suite%d\)" % number, said), "key %d" % number, said)
    for what in "SHA256", "RSA-PKCS", "SHA1-RSA-PKCS", "RSA-PKCS-OAEP":
        need(re.search(r"^ +%s: (.*\n)?OK$" % what, said, re.M) or "%s: OK" % what in said, what, said)


def tests_curves(module):
    said = tool(module, *LOGIN, "--session-rw", "--test-ec", "--key-type", "EC:secp384r1", "--id", "77",
                "--label", "curve")
    need("==> OK" in said, "OK", said)


def tests_threads(module):
    """Three threads initialise, list slots and read the token's information while the first one tests:
    if they are not done by then, pkcs11-tool waits half a minute for them."""
    threads = [word for commands in ("INSLGIT0", "ILSLT0GI", "INSLT0T0")
               for word in ("--test-threads", commands)]
    said = tool(module, *LOGIN, *threads, "--test")
    need("No errors" in said, "the first thread", said)
    need("all threads have ended with CKR_OK" in said, "the end", said)
    need(len(re.findall(r"token label +: suites$", said, re.M)) == 4, "what it read", said)


def tests_as_mozilla(place, module):
    """What Firefox did with a token: a key pair, a signature, other ids and labels, a certificate."""
    made = os.path.join(place.directory, "moz")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=moz", "-keyout", made,
        "-outform", "DER", "-out", made + ".der", preload=False)
    said = tool(module, *LOGIN, "--session-rw", "--moz-cert", made + ".der", "--key-type", "RSA:2048",
                "--id", "4d6f7a")
    need("==> OK" in said and "CN=moz" in said, "OK", said)


def checks(place, module):
    yield "pkcs11-tool makes a token with PINs and keys", lambda: make_token(module)
    yield "pkcs11-tool --test", lambda: tests(module)
    yield "pkcs11-tool --test-ec", lambda: tests_curves(module)
    yield "pkcs11-tool --test-fork", lambda: tool(module, "--test-fork")
    yield "pkcs11-tool --test-threads", lambda: tests_threads(module)
    yield "pkcs11-tool --moz-cert", lambda: tests_as_mozilla(place, module)


def checks_of_python(place, module):
    def program():
        tool(module, "--init-token", "--slot-index", "0", "--label", "suites", "--so-pin", SO_PIN)
        tool(module, "--login", "--login-type", "so", "--so-pin", SO_PIN, "--init-pin", "--pin", PIN)
        run(sys.executable, PROGRAM, module, PIN, SO_PIN)
    yield "PyKCS11 generates, uses, changes, destroys, sets PINs and initialises", program


if __name__ == "__main__":
    main([([], checks, "--writable"), ([], checks_of_python, "--writable")], __file__, sys.argv[1:])
