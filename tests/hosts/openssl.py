#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""openssl signs, decrypts and derives with keys of p11dbus.so, through libp11's engine and through the
provider for PKCS#11; openssl without either checks it.

usage: openssl.py P11DBUS MODULE

Prints TAP, as applications.py does. The provider (package pkcs11-provider) is tested where the system
has it: Debian 13 has, 12 has not.
"""

import os
import re
import subprocess
import sys

from applications import Failure, main, need, run
from ciphers import PADDINGS, SECRET, encrypted, options, path
from secrets import content, make_peer

PIN = "123456"
GENERATES = {"made-rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
             "made-p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]}


class Engine:
    """Its URIs are not openssl's: a PIN is among the attributes of the path."""

    name = "engine"
    pin_attribute = ";pin-value="
    form = ("-keyform", "engine")

    def __init__(self, _, module):
        self.env = {"PKCS11_MODULE_PATH": module}

    def openssl(self, command, *arguments):
        return run("openssl", command, "-engine", "pkcs11", *arguments, env=self.env)


CONFIGURATION = """
openssl_conf = init
[init]
providers = providers
[providers]
default = default_provider
pkcs11 = pkcs11_provider
[default_provider]
activate = 1
[pkcs11_provider]
module = %s
pkcs11-module-path = %s
pkcs11-module-encode-provider-uri-to-pem = true
activate = 1
"""


class Provider:
    """openssl finds it by the URI alone."""

    name = "provider"
    pin_attribute = "?pin-value="
    form = ()
    module = os.path.join(
        re.search('"(.*)"', subprocess.run(["openssl", "version", "-m"], stdout=subprocess.PIPE,
                                           check=True).stdout.decode()).group(1), "pkcs11.so")

    def __init__(self, place, module):
        with open(path(place, "provider.conf"), "w", encoding="utf-8") as conf:
            conf.write(CONFIGURATION % (Provider.module, module))
        self.env = {"OPENSSL_CONF": path(place, "provider.conf")}

    def openssl(self, command, *arguments):
        return run("openssl", command, *arguments, env=self.env)


def uri(way, key, pin):
    return "pkcs11:token=store;object=%s;type=private%s" % (
        key, way.pin_attribute + pin.replace(" ", "%20") if pin else "")


def signs(place, module, kind, key, pin, public=None):
    way = kind(place, module)
    signature = path(place, "signature")
    said = way.openssl("dgst", *way.form, "-sha256", "-sign", uri(way, key, pin), "-out",
                       signature, place.large)
    need("PIN" not in said, "asks for a PIN", said)
    run("openssl", "dgst", "-sha256", "-verify", public or place.public(key), "-signature",
        signature, place.large, preload=False)


def decrypts(place, module, kind, padding, pin):
    way = kind(place, module)
    said = way.openssl("pkeyutl", "-decrypt", *way.form, "-inkey", uri(way, "rsa", pin),
                       "-in", encrypted(place, padding), *options(PADDINGS[padding][0]))
    need(SECRET in said, "not what was encrypted", said)


def derives(place, module, kind, pin):
    way = kind(place, module)
    agreed = make_peer(place)
    way.openssl("pkeyutl", "-derive", *way.form, "-inkey", uri(way, "p256", pin), "-peerkey",
                path(place, "peer.PEM"), "-out", path(place, "derived"))
    need(content(path(place, "derived")) == agreed, "not what the other side has")


def needs_the_pin(place, module, kind):
    for pin in "1234567", None:
        try:
            signs(place, module, kind, "rsa", pin)
        except Failure as failure:
            need(re.match(r"exit [1-9]\d* of openssl dgst", str(failure)), "it crashed", str(failure))
            continue
        raise Failure("it signs without the PIN")


def provider_generates(place, module, key, pin):
    """openssl makes a key on the token, and writes a PEM of its URI."""
    way = Provider(place, module)
    on_token = "pkcs11:token=store;object=%s" % key
    way.openssl("genpkey", "-propquery", "provider=pkcs11", *GENERATES[key], "-pkeyopt",
                "pkcs11_uri:%s;id=%%4d%%42%s" % (on_token, way.pin_attribute + pin if pin else ""),
                "-out", path(place, "uri.pem"))
    public = path(place, "made.pem")
    way.openssl("pkey", "-pubin", "-in", on_token + ";type=public", "-pubout", "-out", public)
    signs(place, module, Provider, key, pin, public)
    run("p11tool", "--provider", module, "--batch", *(["--login", "--set-pin", pin] if pin else []),
        "--delete", on_token)


def signs_with_what_was_made(place, module, kind):
    public = path(place, "made.pem")
    run("pkcs11-tool", "--module", module, "--keypairgen", "--key-type", "EC:prime256v1", "--label",
        "made", "--id", "4d41")
    run("p11tool", "--provider", module, "--batch", "--export-pubkey", "--outfile", public,
        "pkcs11:object=made;type=private")
    signs(place, module, kind, "made", None, public)
    run("p11tool", "--provider", module, "--batch", "--delete", "pkcs11:object=made")


KINDS = [Engine]
# It loads modules with RTLD_DEEPBIND, which a sanitizer's runtime refuses.
if os.path.exists(Provider.module) and not os.environ.get("HOST_PRELOAD"):
    KINDS.append(Provider)


def checks_of(pins, wrong):
    def checks(place, module):
        for kind, pin in ((kind, pin) for kind in KINDS for pin in pins):
            by = "the %s and %s" % (kind.name, "a PIN" if pin else "no PIN")
            for key in "rsa", "p256":
                yield "openssl signs with %s by %s" % (key, by), (
                    lambda k=kind, n=key, p=pin: signs(place, module, k, n, p))
            for padding in PADDINGS:
                yield "openssl decrypts %s by %s" % (padding, by), (
                    lambda k=kind, n=padding, p=pin: decrypts(place, module, k, n, p))
            yield "openssl derives by %s" % by, (
                lambda k=kind, p=pin: derives(place, module, k, p))
        for kind in KINDS if wrong else ():
            yield "openssl signs nothing by the %s without the PIN" % kind.name, (
                lambda k=kind: needs_the_pin(place, module, k))
    return checks


def checks_of_made(place, module):
    for kind in KINDS:
        yield "openssl signs by the %s with a key that pkcs11-tool made" % kind.name, (
            lambda k=kind: signs_with_what_was_made(place, module, k))
    if Provider in KINDS:
        for key in GENERATES:
            yield "openssl generates %s by the provider" % key, (
                lambda k=key: provider_generates(place, module, k, None))


if __name__ == "__main__":
    main([(["rsa", "p256"], checks_of([None, "any PIN"], False)),
          (["rsa:rsa:" + PIN, "p256:p256:" + PIN], checks_of([PIN], True)),
          ([], checks_of_made, "--writable")], __file__, sys.argv[1:])
