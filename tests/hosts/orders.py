#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real applications generate, write and delete through p11dbus.so; openssl checks what they made of
it.

usage: orders.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import base64
import os
import sys

from applications import main, need, run


def path(place, name):
    return os.path.join(place.directory, name)


def tool(module, *arguments):
    return run("pkcs11-tool", "--module", module, *arguments)


def reads(place, module):
    yield "pkcs11-tool deletes nothing that is not to be written to", (
        lambda: refuses_to_delete(place, module))


def refuses_to_delete(place, module):
    before = sorted(os.listdir(place.keys_directory))
    failed = False
    try:
        tool(module, "--delete-object", "--type", "privkey", "--id", place.id("p256"))
    except Exception as why:  # pylint: disable=broad-except
        failed = "CKR_" in str(why)
    need(failed, "it was deleted, or nobody says why not")
    need(sorted(os.listdir(place.keys_directory)) == before, "files are gone")


def verifies(place, public, key, module, *login):
    """The token signs with the key of that id, and openssl verifies with the public key."""
    signature = path(place, "signature")
    tool(module, "--sign", "-m", "ECDSA-SHA256", "--signature-format", "openssl", "--id", key,
         "-i", place.small, "-o", signature, *login)
    run("openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, place.small,
        preload=False)


def exports(module, public, url, *login):
    """Writes the public half of a private key to a file (pkcs11-tool's --read-object uses memory of
    EC keys after it was freed)."""
    run("p11tool", "--provider", module, "--batch", *login, "--export-pubkey", "--outfile", public, url)


def pkcs11_tool_generates(place, module):
    public = path(place, "made.pem")
    tool(module, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "made", "--id", "4d41")
    exports(module, public, "pkcs11:object=made;type=private")
    verifies(place, public, "4d41", module)


def pkcs11_tool_writes(place, module):
    key, public, request = (path(place, "written" + end) for end in (".key", ".pem", ".der"))
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform",
        "DER", "-out", key, preload=False)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public, preload=False)
    run("openssl", "req", "-x509", "-key", key, "-subj", "/CN=written", "-days", "1", "-outform",
        "DER", "-out", request, preload=False)
    for kind, file in ("privkey", key), ("cert", request):
        tool(module, "--write-object", file, "--type", kind, "--label", "written", "--id", "5752")
    verifies(place, public, "5752", module)
    again = path(place, "again.der")
    tool(module, "--read-object", "--type", "cert", "--label", "written", "-o", again)
    with open(request, "rb") as one, open(again, "rb") as other:
        need(one.read() == other.read(), "another certificate comes back")


def pkcs11_tool_keeps_a_secret_key(place, module):
    """What the token encrypts with it, openssl decrypts with the bytes in its file."""
    tool(module, "--keygen", "--key-type", "AES:32", "--label", "vault", "--id", "4b45")
    sealed, again = path(place, "sealed"), path(place, "again")
    iv = "00112233445566778899aabbccddeeff"
    tool(module, "--encrypt", "-m", "AES-CBC-PAD", "--iv", iv, "--id", "4b45", "-i", place.small, "-o",
         sealed)
    block = path(place, "vault.der")
    with open(os.path.join(place.keys_directory, "vault.key"), encoding="utf-8") as file:
        body = file.read().split("-----BEGIN SECRET KEY-----")[1].split("-----END")[0]
    with open(block, "wb") as file:
        file.write(base64.b64decode(body))
    with open(block, "rb") as file:
        key = file.read()[-32:].hex()
    run("openssl", "enc", "-d", "-aes-256-cbc", "-K", key, "-iv", iv, "-in", sealed, "-out", again,
        preload=False)
    with open(place.small, "rb") as one, open(again, "rb") as other:
        need(one.read() == other.read(), "openssl decrypts something else")
    tool(module, "--delete-object", "--type", "secrkey", "--id", "4b45")
    need(not os.path.exists(os.path.join(place.keys_directory, "vault.key")), "its file is there")


def pkcs11_tool_keeps_data(place, module):
    again = path(place, "data")
    tool(module, "--write-object", place.small, "--type", "data", "--label", "note", "--application-label",
         "tests")
    tool(module, "--read-object", "--type", "data", "--label", "note", "-o", again)
    with open(place.small, "rb") as one, open(again, "rb") as other:
        need(one.read() == other.read(), "other data come back")
    shown = run("p11tool", "--provider", module, "--batch", "--list-all", "pkcs11:token=store;type=data")
    need("note" in shown, "p11tool sees them", shown)
    tool(module, "--delete-object", "--type", "data", "--label", "note", "--application-label", "tests")
    need("note" not in tool(module, "-O"), "they are gone")


def pkcs11_tool_deletes(place, module):
    for kind in "privkey", "cert":
        tool(module, "--delete-object", "--type", kind, "--label", "written")
    shown = tool(module, "-O")
    need("written" not in shown and "made" in shown, "what is left", shown)


def p11tool_generates_and_deletes(place, module):
    url = "pkcs11:token=store"
    tool_of_gnutls = ("p11tool", "--provider", module, "--batch")
    said = run(*tool_of_gnutls, "--generate-privkey", "ecdsa", "--curve", "secp384r1", "--label",
               "gnutls", "--id", "4754", "--outfile", path(place, "gnutls.pem"), url)
    verifies(place, path(place, "gnutls.pem"), "4754", module)
    run(*tool_of_gnutls, "--delete", url + ";object=gnutls")
    need("gnutls" not in tool(module, "-O"), "it is still there", said)


def writes(place, module):
    yield "pkcs11-tool generates a pair", lambda: pkcs11_tool_generates(place, module)
    yield "pkcs11-tool writes a key and a certificate", lambda: pkcs11_tool_writes(place, module)
    yield "pkcs11-tool generates an AES key and deletes it", (
        lambda: pkcs11_tool_keeps_a_secret_key(place, module))
    yield "pkcs11-tool writes data and deletes them", lambda: pkcs11_tool_keeps_data(place, module)
    yield "pkcs11-tool deletes them", lambda: pkcs11_tool_deletes(place, module)
    yield "p11tool generates a pair and deletes it", (
        lambda: p11tool_generates_and_deletes(place, module))


def pkcs11_tool_changes_the_pin(place, module):
    tool(module, "--login", "--pin", "123456", "--change-pin", "--new-pin", "654321")
    run("openssl", "pkey", "-in", os.path.join(place.keys_directory, "locked.key"), "-passin",
        "pass:654321", "-noout", preload=False)


def pkcs11_tool_initialises(place, module):
    """An empty directory becomes a token, gets PINs, and the user a key, which its PIN opens."""
    public = path(place, "first.pem")
    tool(module, "--init-token", "--slot-index", "0", "--label", "fresh", "--so-pin", "12345678")
    tool(module, "--login", "--login-type", "so", "--so-pin", "12345678", "--init-pin", "--new-pin",
         "123456")
    login = ("--login", "--pin", "123456")
    tool(module, *login, "--keypairgen", "--key-type", "EC:prime256v1", "--label", "first", "--id",
         "4649")
    exports(module, public, "pkcs11:object=first;type=private", "--login", "--set-pin", "123456")
    verifies(place, public, "4649", module, *login)
    need("fresh" in tool(module, "-L"), "the label")


def changes_pins(place, module):
    yield "pkcs11-tool changes the PIN", lambda: pkcs11_tool_changes_the_pin(place, module)


def initialises(place, module):
    yield "pkcs11-tool initialises a token", lambda: pkcs11_tool_initialises(place, module)


if __name__ == "__main__":
    main([(["p256"], reads), (["p256"], writes, "--writable"),
          (["locked:p256:123456"], changes_pins, "--writable"), ([], initialises, "--writable")],
         __file__, sys.argv[1:])
