#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Knot DNS and OpenDNSSEC make keys through p11dbus.so, sign with them and remove them; ldns, which is
neither, verifies the zones.

usage: zones.py P11DBUS MODULE

Prints TAP, as applications.py does. Knot logs in before it makes a key, whether it must or not, so it
is always given a PIN for that. OpenDNSSEC is tested where the system has it (Debian 13 does not).
"""

import base64
import os
import re
import shutil
import sys

from applications import HERE, Failure, main, need, run

sys.path.append(os.path.join(HERE, ".."))
from configured import container

PIN = "123456"
ZONE = "example.com"
KNOT = """
database:
    storage: %(directory)s
keystore:
  - id: store
    backend: pkcs11
    config: "pkcs11:token=store%(pin)s %(module)s"
policy:
  - id: manual
    manual: on
    keystore: store
    algorithm: %(algorithm)s
    nsec3: on
zone:
  - domain: example.com
    storage: %(directory)s
    file: zone
    dnssec-signing: on
    dnssec-policy: manual
"""
RECORDS = """
example.com. 3600 SOA ns.example.com. host.example.com. 1 3600 900 86400 300
example.com. 3600 NS ns.example.com.
ns.example.com. 3600 A 192.0.2.1
"""
OPENDNSSEC = """<?xml version="1.0" encoding="UTF-8"?>
<Configuration><RepositoryList><Repository name="store">
<Module>%s</Module><TokenLabel>store</TokenLabel><PIN>%s</PIN>
</Repository></RepositoryList></Configuration>
"""
# What Knot is to make. GnuTLS 3.7 asks for keys of Ed25519 by a mechanism that makes none.
ALGORITHMS = ["ecdsap256sha256", "rsasha256"]
if tuple(map(int, re.search(r"p11tool (\d+)\.(\d+)", run("p11tool", "--version")).groups())) > (3, 7):
    ALGORITHMS.append("ed25519")


def path(place, *names):
    return os.path.join(place.directory, *names)


def write(name, text):
    with open(name, "w", encoding="utf-8") as out:
        out.write(text)


class Knot:
    """A zone that Knot is to sign, and its database of keys, empty at first. Its GnuTLS loads what
    p11-kit is configured for, too; that is nothing else here, if it can be helped."""

    def __init__(self, place, module, pin, algorithm="ecdsap256sha256"):
        self.prefix = container(place.directory, module, alone=True)
        self.directory = path(place, "knot")
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(os.path.join(self.directory, "signed"))
        self.conf = os.path.join(self.directory, "conf")
        self.algorithm = algorithm
        write(self.conf, KNOT % {"directory": self.directory, "module": module,
                                 "algorithm": algorithm,
                                 "pin": ";pin-value=" + pin.replace(" ", "%20") if pin else ""})
        write(os.path.join(self.directory, "zone"), RECORDS)

    def keymgr(self, *arguments):
        return run(*self.prefix, "keymgr", "-c", self.conf, ZONE, *arguments)

    def generate(self, *arguments):
        """Makes a key; returns its id in hex, which is that on the token too."""
        said = self.keymgr("generate", "algorithm=" + self.algorithm, *arguments)
        found = re.search(r"^[0-9a-f]{40}$", said, re.M)
        need(found, "no id", said)
        return found.group()

    def sign_and_verify(self):
        """Signs the zone; Knot checks it, and ldns."""
        signed = os.path.join(self.directory, "signed")
        run(*self.prefix, "kzonesign", "-c", self.conf, "-o", signed, ZONE)
        run("kzonecheck", "-d", "on", "-o", ZONE, os.path.join(signed, "zone"), preload=False)
        said = run("ldns-verify-zone", "-V", "3", os.path.join(signed, "zone"), preload=False)
        need("Zone is verified and complete" in said, "not verified", said)


def objects_of(module, key, pin):
    """The classes of the objects with that id."""
    login = ["--login", "--pin", pin] if pin else []
    shown = run("pkcs11-tool", "--module", module, *login, "-O")
    return sorted(re.findall(r"^(\w+ Key) Object.*\n(?:  .*\n)*?  ID: +%s$" % key, shown, re.M))


def knot_signs_with_a_file(place, module, pin):
    """With the key of a file, and whatever PIN where none is needed."""
    knot = Knot(place, module, pin)
    knot.keymgr("import-pkcs11", place.id("p256").lower(), "algorithm=" + knot.algorithm, "ksk=yes",
                "zsk=yes")
    knot.sign_and_verify()


def knot_generates(place, module, pin, algorithm):
    knot = Knot(place, module, pin, algorithm)
    keys = [knot.generate("ksk=yes", "zsk=no"), knot.generate("zsk=yes")]
    knot.sign_and_verify()
    for key in keys:
        need(objects_of(module, key, pin) == ["Private Key", "Public Key"], "not a pair")
    knot.keymgr("delete", keys[0])
    need(not objects_of(module, keys[0], pin), "something of the key is left")
    need(len(objects_of(module, keys[1], pin)) == 2, "another key is gone")


def knot_needs_the_pin(place, module):
    for pin in "1234567", None:
        knot = Knot(place, module, pin)
        before = sorted(os.listdir(place.keys_directory))
        try:
            made = knot.generate("ksk=yes")
        except Failure as failure:
            need("key generation error" in str(failure), "for another reason", str(failure))
            need(sorted(os.listdir(place.keys_directory)) == before, "files have come")
            continue
        raise Failure("a key is made without the PIN\n%s" % made)


def modulus(record):
    """That of the RSA key in a DNSKEY record (RFC 3110), in hex."""
    key = base64.b64decode(re.search(r"DNSKEY\s+257 3 8 (\S+)", record).group(1))
    return key[1 + key[0]:].hex().upper()


def opendnssec_generates(place, module, pin):
    conf = path(place, "opendnssec.xml")
    write(conf, OPENDNSSEC % (module, pin))
    tool = ["ods-hsmutil", "-c", conf]
    made = run(*tool, "generate", "store", "rsa", "2048")
    key = re.search(r"successful: ([0-9a-f]{32})", made)
    need(key, "no key", made)
    key = key.group(1)
    need(re.search(r"^store\s+%s\s+RSA/2048" % key, run(*tool, "list"), re.M), "it is not listed")
    public = path(place, "public.pem")
    run("p11tool", "--provider", module, "--batch", "--login", "--set-pin", pin, "--export-pubkey",
        "--outfile", public, "pkcs11:token=store;type=public;id=%" + "%".join(re.findall("..", key)))
    told = run("openssl", "rsa", "-pubin", "-in", public, "-noout", "-modulus", preload=False)
    record = run(*tool, "dnskey", key, ZONE, "257", "8")
    need(told.strip() == "Modulus=" + modulus(record), "another key is published", record)
    run(*tool, "remove", key)
    need(key not in run(*tool, "list"), "it is still there")


def opendnssec_tests(place, module, pin):
    """Its own test, which ends badly for keys of DSA and of 768 bits, and gives up that of ECDSA, for
    SoftHSM too."""
    conf = path(place, "opendnssec.xml")
    write(conf, OPENDNSSEC % (module, pin))
    try:
        said = run("ods-hsmutil", "-c", conf, "test", "store")
    except Failure as failure:
        said = str(failure)
    for what in "1024-bit RSA", "2048-bit RSA", "4096-bit RSA", "ED25519", "ED448":
        need(re.search(r"Generating %s key\.\.\. OK\n.*\n(Signing .*\.\.\. OK\n)+Deleting key\.\.\. OK\n" %
                       what, said), "no " + what, said)


def checks_of_files(place, module):
    for pin in "any PIN", None:
        yield "Knot signs a zone with a key of a file and %s" % ("a PIN" if pin else "no PIN"), (
            lambda p=pin: knot_signs_with_a_file(place, module, p))


def checks_of_generated(place, module, which):
    for algorithm in ALGORITHMS:
        yield "Knot generates, signs with and deletes %s of %s" % (which, algorithm), (
            lambda a=algorithm: knot_generates(place, module, PIN, a))
    if shutil.which("ods-hsmutil"):
        yield "OpenDNSSEC generates and removes %s" % which, (
            lambda: opendnssec_generates(place, module, PIN))


def checks_without_pins(place, module):
    yield from checks_of_generated(place, module, "keys")
    if shutil.which("ods-hsmutil"):
        yield "OpenDNSSEC tests keys", lambda: opendnssec_tests(place, module, PIN)


def checks_of_pins(place, module):
    yield from checks_of_generated(place, module, "encrypted keys")
    yield "Knot generates nothing without the PIN", lambda: knot_needs_the_pin(place, module)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    main([(["p256"], checks_of_files), ([], checks_without_pins, "--writable"),
          (["locked:p256:" + PIN], checks_of_pins, "--writable")],
         __file__, sys.argv[1:])
