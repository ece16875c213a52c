#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""systemd-cryptenroll binds encrypted volumes to keys of p11dbus.so, and cryptsetup opens them with
nothing but the key: by systemd's plugin for it, as at boot, up to where a kernel would map the volume.

usage: disks.py P11DBUS MODULE

Prints TAP, as applications.py does. What is opened is checked by cryptsetup itself: the key that comes
out of the token has to open a key slot. Both find the module in p11-kit's configuration, for which a
container with another one is made.
"""

import os
import re
import shutil
import subprocess
import sys

from applications import Failure, main, need, run

PIN = "123456"
PASSPHRASE = "to begin with"


def path(place, name):
    return os.path.join(place.directory, name)


def container(place, module):
    """What runs a command where p11-kit knows of our module alone."""
    modules, empty = path(place, "modules"), path(place, "empty")
    for directory in modules, empty:
        os.makedirs(directory, exist_ok=True)
    with open(os.path.join(modules, "p11dbus.module"), "w", encoding="utf-8") as out:
        out.write("module: %s\n" % module)
    known = run("pkg-config", "--variable=p11_module_configs", "p11-kit-1", preload=False).strip()
    prefix = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", modules, known]
    if os.path.isdir("/etc/pkcs11"):
        prefix += ["--ro-bind", empty, "/etc/pkcs11"]
    return prefix


def make_volume(place, name):
    volume = path(place, name)
    with open(volume, "wb") as out:
        out.truncate(20 << 20)
    run("cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
        "--pbkdf-force-iterations", "1000", "--key-file", "-", volume, typed=PASSPHRASE, preload=False)
    return volume


def enrol(place, module, volume, uri):
    return run(*container(place, module), "systemd-cryptenroll", "--pkcs11-token-uri=" + uri, volume,
               env={"PASSWORD": PASSPHRASE, "PIN": PIN})


def opens(place, module, volume, pin=None):
    return run(*container(place, module), "cryptsetup", "open", "--verbose", "--test-passphrase",
               "--token-only", volume, typed=pin and pin + "\n")


def fails(what, function, *arguments):
    try:
        output = function(*arguments)
    except Failure as failure:
        return str(failure)
    raise Failure("%s\n%s" % (what, output))


def is_enrolled(volume):
    return "systemd-pkcs11" in run("cryptsetup", "luksDump", volume, preload=False)


def opens_what_it_enrolled(place, module, uri, pin=None):
    volume = make_volume(place, "volume")
    fails("it opens before it is enrolled", opens, place, module, volume, pin)
    enrol(place, module, volume, uri)
    said = opens(place, module, volume, pin)
    need("Key slot 1 unlocked" in said, "another slot", said)


def refuses_a_wrong_pin(place, module):
    """Which is asked for anew each time, by cryptsetup."""
    volume = path(place, "volume")
    said = fails("a wrong PIN opens it", opens, place, module, volume, "1234567")
    need("PIN" in said, "not for the PIN", said)
    opens(place, module, volume, PIN)


def opens_with_no_other_key(place, module):
    """The volume is bound to the key, not to its name."""
    volume = make_volume(place, "volume")
    enrol(place, module, volume, "pkcs11:token=store;object=rsa")
    store = place.keys_directory
    run("openssl", "genpkey", "-algorithm", "RSA", "-out", path(place, "other"), preload=False)
    os.chmod(path(place, "other"), 0o600)
    for name in "rsa.crt", "rsa.key":
        shutil.move(os.path.join(store, name), path(place, "kept." + name))
    shutil.copy2(path(place, "other"), os.path.join(store, "rsa.key"))
    fails("another key opens it", opens, place, module, volume)
    for name in "rsa.crt", "rsa.key":
        shutil.move(path(place, "kept." + name), os.path.join(store, name))
    opens(place, module, volume)


def never_enrols_what_does_not_open(place, module, key):
    """Either the volume is refused or it opens: what systemd does with keys other than RSA depends
    on its version."""
    volume = make_volume(place, "volume")
    try:
        enrol(place, module, volume, "pkcs11:token=store;object=" + key)
    except Failure as failure:
        need(not is_enrolled(volume), "enrolled in spite of that", str(failure))
        return
    opens(place, module, volume)


def checks(place, module):
    for uri in "pkcs11:token=store;object=rsa", "pkcs11:token=store;id=%" + "%".join(re.findall("..", place.id("rsa"))):
        yield "cryptsetup opens what was enrolled by " + uri.split(";")[1].split("=")[0], (
            lambda u=uri: opens_what_it_enrolled(place, module, u))
    yield "cryptsetup opens nothing with another key of that name", (
        lambda: opens_with_no_other_key(place, module))
    for key in place.keys[1:]:
        yield "no volume is enrolled by %s that does not open" % key, (
            lambda k=key: never_enrols_what_does_not_open(place, module, k))


def checks_of_pins(place, module):
    yield "cryptsetup opens with the PIN what was enrolled", (
        lambda: opens_what_it_enrolled(place, module, "pkcs11:token=store;object=rsa", PIN))
    yield "cryptsetup does not open it with another PIN", lambda: refuses_a_wrong_pin(place, module)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if subprocess.run(["bwrap", "--dev-bind", "/", "/", "true"], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        print("1..0 # SKIP no container can be made here")
        sys.exit(0)
    main([(["rsa", "p256", "rsapss", "ed25519"], checks),
          (["rsa:rsa:" + PIN], checks_of_pins)], __file__, sys.argv[1:])
