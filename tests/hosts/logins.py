#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Applications that log in, with a PIN that somebody gave them, on a token that needs no login.

usage: logins.py P11DBUS MODULE

Each signs with a PIN and without; where an application asks for a PIN whatever the token says, it is
given one; openssl is tested in openssl.py. Prints TAP, as applications.py does.
"""

import os
import re
import subprocess
import sys

import p11kit
from applications import main, need, run

PIN = "any PIN"
DIGEST = {"rsa": ["-sha256"], "p256": ["-sha256"]}
TOOL_MECHANISM = {"rsa": "SHA256-RSA-PKCS", "p256": "ECDSA-SHA256"}

# pam_pkcs11 takes modules that belong to root: what makes root of the user whose module this is.
AS_ROOT = [] if os.getuid() == 0 else ["bwrap", "--dev-bind", "/", "/", "--unshare-user",
                                       "--uid", "0", "--gid", "0"]


def path(place, name):
    return os.path.join(place.directory, name)


def check_signature(place, key, options=None):
    place.check(key, options or DIGEST[key], path(place, "signature"), place.small)


def tool_signs(place, module, key, pin, env=None):
    login = ["--login", "--pin", pin] if pin else []
    run("pkcs11-tool", "--module", module, *login, "--sign", "--id", place.id(key), "--mechanism",
        TOOL_MECHANISM[key], "--signature-format", "openssl", "--input-file", place.small,
        "--output-file", path(place, "signature"), env=env)
    check_signature(place, key)


def p11tool_signs(place, module, key, pin):
    said = run("p11tool", "--provider", module, *(["--login"] if pin else []), "--test-sign",
               "pkcs11:token=store;object=%s;type=private" % key,
               env={"GNUTLS_PIN": pin} if pin else None)
    need("Verifying against public key in the token... ok" in said, "not verified", said)
    need("PIN" not in said, "asks for a PIN", said)


PYKCS11 = """
import sys, PyKCS11
from PyKCS11 import CKA_CLASS, CKA_LABEL, CKO_PRIVATE_KEY
module, label, pin, data, signature = sys.argv[1:]
library = PyKCS11.PyKCS11Lib()
library.load(module)
session = library.openSession(library.getSlotList(tokenPresent=True)[0])
if pin:
    session.login(pin)
    assert session.getSessionInfo().state2text() == "CKS_RO_USER_FUNCTIONS"
    try:
        session.login(pin)
        sys.exit("a second login succeeds")
    except PyKCS11.PyKCS11Error as error:
        assert error.value == PyKCS11.CKR_USER_ALREADY_LOGGED_IN, error
key, = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, label)])
made = session.sign(key, open(data, "rb").read(),
                    PyKCS11.Mechanism(PyKCS11.CKM_SHA256_RSA_PKCS, None))
open(signature, "wb").write(bytes(made))
if pin:
    session.logout()
"""


def pykcs11_signs(place, module, key, pin):
    run(sys.executable, "-c", PYKCS11, module, key, pin or "", place.small,
        path(place, "signature"))
    check_signature(place, key)


def p11_kit_signs(place, module, key, pin):
    with p11kit.server(place, module) as env:
        tool_signs(place, p11kit.CLIENT, key, pin, env=env)


STRONGSWAN = """
pki {
  load = pkcs11 random nonce x509 revocation pubkey pkcs1 pkcs8 pem sha1 sha2 gmp openssl
  plugins { pkcs11 { modules { p11dbus { path = %s } } } }
}
"""


def pki_signs(place, module, key, _):
    """Without a PIN strongSwan gives up before it has asked the module for anything."""
    with open(path(place, "strongswan.conf"), "w", encoding="utf-8") as conf:
        conf.write(STRONGSWAN % module)
    made = run("pki", "--self", "--type", "priv", "--keyid", place.id(key), "--dn", "CN=" + key,
               "--lifetime", "5", "--outform", "pem", typed=PIN + "\n",
               env={"STRONGSWAN_CONF": path(place, "strongswan.conf")})
    pem = re.search("-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n", made, re.S)
    need(pem, "no certificate", made)
    with open(path(place, "self.pem"), "w", encoding="utf-8") as out:
        out.write(pem.group())
    run("openssl", "verify", "-check_ss_sig", "-CAfile", path(place, "self.pem"),
        path(place, "self.pem"), preload=False)
    public = run("openssl", "x509", "-in", path(place, "self.pem"), "-noout", "-pubkey",
                 preload=False)
    with open(place.public(key), encoding="utf-8") as expected:
        need(public == expected.read(), "a certificate of another key", public)


PAM = """
pam_pkcs11 {
  nullok = true;
  use_pkcs11_module = p11dbus;
  pkcs11_module p11dbus {
    module = %s;
    slot_num = 0;
    support_threads = true;
    ca_dir = %s;
    crl_dir = %s;
    cert_policy = signature;
  }
  use_mappers = cn;
  mapper cn { module = internal; ignorecase = false; mapfile = file://%s; }
}
"""


def pam_pkcs11_finds(place, module, typed):
    directory = path(place, "pam")
    os.makedirs(directory, exist_ok=True)
    conf, mapping = os.path.join(directory, "conf"), os.path.join(directory, "mapping")
    with open(conf, "w", encoding="utf-8") as out:
        out.write(PAM % (module, directory, directory, mapping))
    with open(mapping, "w", encoding="utf-8") as out:
        out.write("rsa -> root\np256 -> root\n")
    said = run(*AS_ROOT, "pkcs11_inspect", "config_file=" + conf, typed=typed)
    for name in ("rsa", "p256"):
        need(re.search("^%s$" % name, said, re.M), "no certificate of " + name, said)
    said = run(*AS_ROOT, "pklogin_finder", "config_file=" + conf, typed=typed)
    need(said.splitlines()[-1] == "root", "not found", said)


def checks(place, module):
    signers = [("pkcs11-tool", tool_signs, ["rsa", "p256"], [PIN, None]),
               ("p11tool", p11tool_signs, ["rsa", "p256"], [PIN, None]),
               ("PyKCS11", pykcs11_signs, ["rsa"], [PIN, None]),
               ("p11-kit's client", p11_kit_signs, ["rsa"], [PIN, None]),
               ("strongSwan's pki", pki_signs, ["rsa", "p256"], [PIN])]
    for who, sign, keys, pins in signers:
        for key in keys:
            for pin in pins:
                yield ("%s signs with %s and %s" % (who, key, "a PIN" if pin else "no PIN"),
                       lambda s=sign, k=key, p=pin: s(place, module, k, p))
    if subprocess.run([*AS_ROOT, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        yield "pam_pkcs11's tools # SKIP no container can be made here", lambda: None
        return
    for typed in (PIN + "\n", "\n"):
        yield ("pam_pkcs11's tools find user and certificates with %s" % (
            "a PIN" if typed.strip() else "an empty PIN"),
               lambda t=typed: pam_pkcs11_finds(place, module, t))


if __name__ == "__main__":
    main([(["rsa", "p256"], checks)], __file__, sys.argv[1:])
