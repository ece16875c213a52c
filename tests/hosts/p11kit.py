#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""p11-kit brings p11dbus.so to applications: by its proxy, from a configuration of our own, and by its
server, in another process.

usage: p11kit.py P11DBUS MODULE

Keys are made, signed with, decrypted with and destroyed through both, in a host that forks, on a token
without a PIN and on one with it; openssl checks what comes of it. Prints TAP, as applications.py does.
"""

import contextlib
import os
import sys

from applications import main, need, run, serving

PIN = "123456"
SECRET = "what nobody else is to read"
PROXY, CLIENT = (
    os.path.join(run("pkg-config", "--variable=" + variable, "p11-kit-1", preload=False).strip(), name)
    for variable, name in (("libdir", "p11-kit-proxy.so"), ("p11_module_path", "p11-kit-client.so")))

# The host. The proxy is p11-kit's library itself, which is told where its configuration is: for root
# it reads none of a user's.
HOST = """
import ctypes, os, sys
from PyKCS11 import *
module, configuration, pin, *files = sys.argv[1:]
names = [os.fsencode(configuration + end) for end in ("/pkcs11.conf", "/none", "/modules", "/none",
                                                      "/none")]
if configuration:
    ctypes.CDLL(module).p11_kit_override_system_files(*names) # which it keeps
library = PyKCS11Lib()
library.load(module)

def begin():
    slot, = [slot for slot in library.getSlotList(tokenPresent=True)
             if library.getTokenInfo(slot).label.strip() == "store"]
    for name in "CKM_RSA_PKCS", "CKM_ECDSA", "CKM_RSA_PKCS_KEY_PAIR_GEN":
        assert name in library.getMechanismList(slot), name
    session = library.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
    if pin:
        session.login(pin)
    return session

def key_of(session, kind):
    key, = session.findObjects([(CKA_CLASS, kind), (CKA_LABEL, "made")])
    return key

def sign(session):
    return bytes(session.sign(key_of(session, CKO_PRIVATE_KEY), open(files[0], "rb").read(),
                              Mechanism(CKM_SHA256_RSA_PKCS, None)))

session = begin()
if not files:
    both = [(CKA_TOKEN, True), (CKA_LABEL, "made")]
    session.generateKeyPair(
        [(CKA_CLASS, CKO_PUBLIC_KEY), (CKA_MODULUS_BITS, 2048), (CKA_PUBLIC_EXPONENT, (1, 0, 1)),
         *both],
        [(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_SIGN, True), (CKA_DECRYPT, True), *both])
    sys.exit()
signature = sign(session)
open(files[1], "wb").write(signature)
child = os.fork()
if child == 0: # which begins anew, with a login of its own
    library.load(module)
    os._exit(0 if sign(begin()) == signature else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child"
assert sign(session) == signature, "another one after a child had used the module"
print(bytes(session.decrypt(key_of(session, CKO_PRIVATE_KEY), open(files[2], "rb").read(),
                            Mechanism(CKM_RSA_PKCS, None))).decode())
for kind in CKO_PRIVATE_KEY, CKO_PUBLIC_KEY:
    session.destroyObject(key_of(session, kind))
"""


def path(place, name):
    return os.path.join(place.directory, name)


def works(place, module, configuration="", env=None):
    """A key is made in one process and used in another and its child."""
    host = [sys.executable, "-c", HOST, module, configuration, PIN if place.keys else ""]
    key, public = os.path.join(place.keys_directory, "made.key"), path(place, "made.pem")
    signature, encrypted = path(place, "signature"), path(place, "encrypted")
    run(*host, env=env)
    run("openssl", "pkey", "-pubin", "-in", key, "-pubout", "-out", public, preload=False)
    with open(path(place, "secret"), "w", encoding="ascii") as out:
        out.write(SECRET)
    run("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-in", path(place, "secret"),
        "-out", encrypted, preload=False)
    said = run(*host, place.small, signature, encrypted, env=env)
    need(said.endswith(SECRET + "\n"), "not what was encrypted", said)
    run("openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, place.small,
        preload=False)
    need(not os.path.exists(key), "the key is still there")


def proxy_works(place, module):
    configuration = path(place, "configuration")
    os.makedirs(os.path.join(configuration, "modules"))
    with open(os.path.join(configuration, "modules", "p11dbus.module"), "w", encoding="utf-8") as out:
        out.write("module: %s\n" % module)
    works(place, PROXY, configuration)


@contextlib.contextmanager
def server(place, module):
    """p11-kit's server with our module, until the end of the block; gives the environment of its
    client."""
    socket = path(place, "p11-kit.socket")
    with serving(["p11-kit", "server", "--foreground", "--name", socket, "--provider", module,
                  "pkcs11:token=store"], "^P11_KIT_SERVER_PID="):
        yield {"P11_KIT_SERVER_ADDRESS": "unix:path=" + socket}


def client_works(place, module):
    with server(place, module) as env:
        works(place, CLIENT, env=env)


def checks(place, module):
    what = " with a PIN" if place.keys else ""
    yield "p11-kit's proxy generates, signs, decrypts and destroys" + what, (
        lambda: proxy_works(place, module))
    yield "so does its client, by its server" + what, lambda: client_works(place, module)


if __name__ == "__main__":
    main([([], checks, "--writable"), (["locked:p256:" + PIN], checks, "--writable")], __file__,
         sys.argv[1:])
