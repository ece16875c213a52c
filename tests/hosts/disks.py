#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""systemd-cryptenroll binds encrypted volumes to keys of p11dbus.so, and cryptsetup opens them with
nothing but the key: by systemd's plugin for it, as at boot, up to where a kernel would map the volume.

usage: disks.py P11DBUS MODULE

Prints TAP, as applications.py does. Debian 13 has it in a package of its own (systemd-cryptsetup), and
where that is not installed nothing is tested. What is opened is checked by cryptsetup itself: the key that comes
out of the token has to open a key slot. Both find the module in p11-kit's configuration, for which a
container with another one is made.
"""

import os
import re
import shutil
import sys

from applications import HERE, Failure, main, make_certified, need, run

sys.path.append(os.path.join(HERE, ".."))
from configured import container

PIN = "123456"
PASSPHRASE = "to begin with"


def path(place, name):
    return os.path.join(place.directory, name)


def make_volume(place, name):
    volume = path(place, name)
    with open(volume, "wb") as out:
        out.truncate(20 << 20)
    run("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", "1000", "--key-file", "-", volume, typed=PASSPHRASE, preload=False)
    return volume


def enrol(place, volume, uri):
    return run(*place.container, "systemd-cryptenroll", "--pkcs11-token-uri=" + uri, volume,
               env={"PASSWORD": PASSPHRASE, "PIN": PIN})


def opens(place, volume, pin=None):
    return run(*place.container, "cryptsetup", "open", "--verbose", "--test-passphrase",
               "--token-only", volume, typed=pin and pin + "\n")


def fails(what, function, *arguments):
    try:
        output = function(*arguments)
    except Failure as failure:
        return str(failure)
    raise Failure("%s\n%s" % (what, output))


def is_enrolled(volume):
    return "systemd-pkcs11" in run("cryptsetup", "luksDump", volume, preload=False)


def opens_what_it_enrolled(place, uri, pin=None):
    volume = make_volume(place, "volume")
    fails("it opens before it is enrolled", opens, place, volume, pin)
    enrol(place, volume, uri)
    said = opens(place, volume, pin)
    need("Key slot 1 unlocked" in said, "another slot", said)


def refuses_a_wrong_pin(place):
    """Which is asked for anew each time, by cryptsetup."""
    volume = path(place, "volume")
    said = fails("a wrong PIN opens it", opens, place, volume, "1234567")
    need("PIN" in said, "not for the PIN", said)
    opens(place, volume, PIN)


def opens_with_no_other_key(place):
    """The volume is bound to the key, not to its name."""
    volume = make_volume(place, "volume")
    enrol(place, volume, "pkcs11:token=store;object=rsa")
    store = place.keys_directory
    run("openssl", "genpkey", "-algorithm", "RSA", "-out", path(place, "other"), preload=False)
    os.chmod(path(place, "other"), 0o600)
    for name in "rsa.crt", "rsa.key":
        shutil.move(os.path.join(store, name), path(place, "kept." + name))
    shutil.copy2(path(place, "other"), os.path.join(store, "rsa.key"))
    fails("another key opens it", opens, place, volume)
    for name in "rsa.crt", "rsa.key":
        shutil.move(path(place, "kept." + name), os.path.join(store, name))
    opens(place, volume)


def never_enrols_what_does_not_open(place, key):
    """Either the volume is refused or it opens: what systemd does with keys other than RSA depends
    on its version."""
    volume = make_volume(place, "volume")
    try:
        enrol(place, volume, "pkcs11:token=store;object=" + key)
    except Failure as failure:
        need(not is_enrolled(volume), "enrolled in spite of that", str(failure))
        return
    opens(place, volume)


def opens_with_what_was_made(place):
    """With a key and certificate that applications made on the token, behind its PIN."""
    make_certified(place.module, "made", "4d41", PIN)
    opens_what_it_enrolled(place, "pkcs11:token=store;object=made", PIN)


def checks(place):
    for uri in "pkcs11:token=store;object=rsa", "pkcs11:token=store;id=%" + "%".join(re.findall("..", place.id("rsa"))):
        yield "cryptsetup opens what was enrolled by " + uri.split(";")[1].split("=")[0], (
            lambda u=uri: opens_what_it_enrolled(place, u))
    yield "cryptsetup opens nothing with another key of that name", (
        lambda: opens_with_no_other_key(place))
    for key in place.keys[1:]:
        yield "no volume is enrolled by %s that does not open" % key, (
            lambda k=key: never_enrols_what_does_not_open(place, k))


def checks_of_pins(place):
    yield "cryptsetup opens with the PIN what was enrolled", (
        lambda: opens_what_it_enrolled(place, "pkcs11:token=store;object=rsa", PIN))
    yield "cryptsetup does not open it with another PIN", lambda: refuses_a_wrong_pin(place)
    yield "cryptsetup opens what was enrolled with a key of pkcs11-tool", (
        lambda: opens_with_what_was_made(place))


def contained(checks_in_it):
    """The checks, beside a container for them."""
    def contained_checks(place, module):
        place.module = module
        place.container = container(place.directory, module, alone=True)
        if not place.container:
            yield "volumes # SKIP no container can be made here", lambda: None
        elif not shutil.which("systemd-cryptenroll"):
            yield "volumes # SKIP systemd-cryptenroll is not installed", lambda: None
        else:
            yield from checks_in_it(place)
    return contained_checks


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    main([(["rsa", "p256", "rsapss", "ed25519"], contained(checks)),
          (["rsa:rsa:" + PIN], contained(checks_of_pins), "--writable")], __file__, sys.argv[1:])
