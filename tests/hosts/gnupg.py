#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""GnuPG signs and decrypts with keys of p11dbus.so, in OpenPGP and S/MIME, through gnupg-pkcs11-scd,
which gives its agent the tokens of a module as cards. A GnuPG that has the public key alone checks what
it signed, and encrypts what it decrypts, as openssl does.

usage: gnupg.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import contextlib
import os
import re
import sys
import tempfile

from applications import Failure, main, make_certified, need, run

PIN = "123456"
SECRET = "what nobody else is to read\n"
PINENTRY = """#!/bin/sh
echo OK
while read -r command _; do
    case $command in
    GETPIN) printf 'D %s\\nOK\\n' "$(cat "${0%/*}/pin")" ;;
    *) echo OK ;;
    esac
    [ "$command" != BYE ] || exit
done
"""
# For a key that gpg is told of by its keygrip, "existing" to gpg.
PARAMETERS = """
Key-Type: RSA
Key-Grip: %(grip)s
Key-Usage: sign,cert
Subkey-Type: RSA
Subkey-Grip: %(grip)s
Subkey-Usage: encrypt
Name-Real: Somebody
Expire-Date: 0
%%no-protection
%%commit
"""


def path(place, name):
    return os.path.join(place.directory, name)


def write(name, text, mode=0o600):
    with open(name, "w", encoding="ascii") as out:
        out.write(text)
    os.chmod(name, mode)


class Home:
    """GnuPG's directory, with the module as a card. Its daemon of cards alone loads the module, so
    nothing is preloaded into the rest."""

    def __init__(self, directory, module, pin):
        self.directory = directory
        scd, pinentry = (os.path.join(directory, name) for name in ("scd", "pinentry"))
        write(scd, '#!/bin/sh\nLD_PRELOAD=$HOST_PRELOAD exec gnupg-pkcs11-scd "$@"\n', 0o700)
        write(pinentry, PINENTRY, 0o700)
        write(os.path.join(directory, "pin"), pin)
        write(os.path.join(directory, "gpg-agent.conf"),
              "scdaemon-program %s\npinentry-program %s\n" % (scd, pinentry))
        write(os.path.join(directory, "gnupg-pkcs11-scd.conf"),
              "providers p11dbus\nprovider-p11dbus-library %s\n" % module)

    def run(self, program, *arguments, typed=None):
        return run(program, *arguments, env={"GNUPGHOME": self.directory}, preload=False, typed=typed)

    def gpg(self, *arguments, typed=None):
        return self.run("gpg", "--batch", "--yes", "--quiet", *arguments, typed=typed)

    def own(self, name):
        """Makes an OpenPGP key of the one whose certificate is of that name."""
        self.gpg("--card-status")
        learnt = self.run("gpg-connect-agent", "SCD LEARN", "LEARN", "/bye")
        found = re.search(r"^S KEY-FRIEDNLY ([0-9A-F]{40}) /CN=%s on store$" % name, learnt, re.M)
        need(found, "no such key", learnt)
        self.gpg("--full-generate-key", typed=PARAMETERS % {"grip": found.group(1)})
        need("Card serial no." in self.gpg("-K", "--with-keygrip"), "the key is on no card")


@contextlib.contextmanager
def home(module, pin):
    # Its sockets want a short name.
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as directory:
        made = Home(directory, module, pin)
        try:
            yield made
        finally:
            made.run("gpgconf", "--kill", "all")


def uses_openpgp(place, module, name, pin):
    """Signs for gpgv, and decrypts what a GnuPG encrypted that has the public key and no card."""
    public, signature, encrypted = (path(place, end) for end in ("public", "signature", "encrypted"))
    with home(module, pin) as mine, tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as other:
        mine.own(name)
        mine.gpg("--output", public, "--export")
        mine.gpg("--output", signature, "--detach-sign", place.large)
        said = run("gpgv", "--keyring", public, signature, place.large, preload=False)
        need("Good signature" in said, "no good signature", said)
        theirs = {"GNUPGHOME": other}
        try:
            run("gpg", "--batch", "--import", public, env=theirs, preload=False)
            run("gpg", "--batch", "--yes", "--trust-model", "always", "--recipient", "Somebody", "--output",
                encrypted, "--encrypt", env=theirs, typed=SECRET, preload=False)
        finally:
            run("gpgconf", "--kill", "all", env=theirs, preload=False)
        said = mine.gpg("--decrypt", encrypted)
        need(said.endswith(SECRET), "not what was encrypted", said)


def fails_with_another_pin(place, module):
    with home(module, PIN) as mine:
        mine.own("locked")
        # Both forget the right one.
        mine.run("gpgconf", "--kill", "all")
        write(os.path.join(mine.directory, "pin"), "1234567")
        try:
            said = mine.gpg("--output", path(place, "signature"), "--detach-sign", place.small)
        except Failure as failure:
            need("signing failed" in str(failure), "for another reason", str(failure))
            return
        raise Failure("it signs\n" + said)


def trust(home_directory, certificate):
    run("gpgsm", "--batch", "--import", certificate, env={"GNUPGHOME": home_directory}, preload=False)
    digest = run("openssl", "x509", "-in", certificate, "-noout", "-fingerprint", "-sha1",
                 preload=False).split("=")[1].strip()
    write(os.path.join(home_directory, "trustlist.txt"), digest + " S relax\n")
    run("gpgconf", "--kill", "all", env={"GNUPGHOME": home_directory}, preload=False)


def uses_smime(place, module, name, pin):
    """Decrypts what openssl encrypted, and signs for a GnuPG without a card. (For openssl every other
    signature is too long by a zero: GnuPG writes those of gnupg-pkcs11-scd so, whatever the module.)"""
    certificate = os.path.join(place.keys_directory, name + ".crt")
    encrypted, signature, opened = (path(place, end) for end in ("enveloped", "signed", "opened"))
    write(opened, SECRET)
    run("openssl", "cms", "-encrypt", "-aes256", "-binary", "-in", opened, "-outform", "DER", "-out",
        encrypted, certificate, preload=False)
    gpgsm = ("gpgsm", "--batch", "--yes", "--disable-crl-checks")
    with home(module, pin) as mine:
        mine.run("gpgsm", "--batch", "--learn-card")
        said = mine.run(*gpgsm, "--decrypt", encrypted)
        need(SECRET in said, "not what was encrypted", said)
        trust(mine.directory, certificate)  # it signs with no other
        mine.run(*gpgsm, "--local-user", "/CN=" + name, "--output", signature, "--detach-sign",
                 place.large)
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as other:
        try:
            trust(other, certificate)
            said = run(*gpgsm, "--verify", signature, place.large, env={"GNUPGHOME": other},
                       preload=False)
            need("Good signature" in said, "no good signature", said)
        finally:
            run("gpgconf", "--kill", "all", env={"GNUPGHOME": other}, preload=False)


def makes_a_key(place, module):
    """In a directory that may be written to, with a certificate, without which GnuPG sees no key."""
    make_certified(module, "made", "4d41")
    uses_openpgp(place, module, "made", "no PIN")


def checks(place, module):
    yield "gpg signs and decrypts", lambda: uses_openpgp(place, module, "rsa", "no PIN")
    yield "gpgsm signs and decrypts", lambda: uses_smime(place, module, "rsa", "no PIN")


def checks_of_pins(place, module):
    yield "gpg signs and decrypts with the PIN", lambda: uses_openpgp(place, module, "locked", PIN)
    yield "gpgsm signs and decrypts with the PIN", lambda: uses_smime(place, module, "locked", PIN)
    yield "gpg does not sign with another PIN", lambda: fails_with_another_pin(place, module)


def checks_of_made(place, module):
    yield "gpg signs and decrypts with a key that pkcs11-tool made", lambda: makes_a_key(place, module)


if __name__ == "__main__":
    main([(["rsa"], checks), (["locked:rsa:" + PIN], checks_of_pins),
          ([], checks_of_made, "--writable")], __file__, sys.argv[1:])
