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


def content(file):
    with open(file, "rb") as opened:
        return opened.read()


class Token:
    """A module, and the PIN with which programs log in, if they do."""

    def __init__(self, module, pin=None):
        self.module, self.pin = module, pin

    def tool(self, *arguments):
        login = ("--login", "--pin", self.pin) if self.pin else ()
        return run("pkcs11-tool", "--module", self.module, *login, *arguments)

    def p11tool(self, *arguments):
        login = ("--login", "--set-pin", self.pin) if self.pin else ()
        return run("p11tool", "--provider", self.module, "--batch", *login, *arguments)


def reads(place, module):
    yield "pkcs11-tool deletes nothing that is not to be written to", (
        lambda: refuses_to_delete(place, module))


def refuses_to_delete(place, module):
    before = sorted(os.listdir(place.keys_directory))
    failed = False
    try:
        Token(module).tool("--delete-object", "--type", "privkey", "--id", place.id("p256"))
    except Exception as why:  # pylint: disable=broad-except
        failed = "CKR_" in str(why)
    need(failed, "it was deleted, or nobody says why not")
    need(sorted(os.listdir(place.keys_directory)) == before, "files are gone")


def verifies(place, public, key, token):
    """The token signs with the key of that id, and openssl verifies with the public key."""
    signature = path(place, "signature")
    token.tool("--sign", "-m", "ECDSA-SHA256", "--signature-format", "openssl", "--id", key, "-i",
               place.small, "-o", signature)
    run("openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, place.small,
        preload=False)


def exports(token, public, url):
    """Writes the public half of a private key to a file (pkcs11-tool's --read-object uses memory of
    EC keys after it was freed)."""
    token.p11tool("--export-pubkey", "--outfile", public, url)


def pkcs11_tool_generates(place, token):
    public = path(place, "made.pem")
    token.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "made", "--id", "4d41")
    exports(token, public, "pkcs11:object=made;type=private")
    verifies(place, public, "4d41", token)


def rename(token):
    """Gives the pair another label and id, as programs do that know it by one of them."""
    for kind in "private", "public":
        token.p11tool("--set-label", "renamed", "pkcs11:object=made;type=" + kind)
    for kind in "privkey", "pubkey":
        token.tool("--type", kind, "--id", "4d41", "--set-id", "4d42")


def tools_rename(place, token):
    rename(token)
    again = path(place, "renamed.pem")
    exports(token, again, "pkcs11:object=renamed;type=private")
    need(content(again) == content(path(place, "made.pem")), "another key")
    verifies(place, again, "4d42", token)
    shown = token.tool("-O")
    need("  label:      made\n" not in shown and "  ID:         4d41\n" not in shown, "still", shown)


def writes_object(token, kind, file):
    token.tool("--write-object", file, "--type", kind, "--label", "written", "--id", "5752")


def has_certificate(place, token, file):
    again = path(place, "again.der")
    token.tool("--read-object", "--type", "cert", "--label", "written", "-o", again)
    need(content(again) == content(file), "another certificate comes back")
    run("openssl", "x509", "-in", os.path.join(place.keys_directory, "written.crt"), "-outform", "DER",
        "-out", again, preload=False)
    need(content(again) == content(file), "another certificate is in the file")


def make_certificate(place, days):
    file = path(place, "written.%d.der" % days)
    run("openssl", "req", "-x509", "-key", path(place, "written.key"), "-subj", "/CN=written", "-days",
        str(days), "-outform", "DER", "-out", file, preload=False)
    return file


def pkcs11_tool_writes(place, token):
    key, public = path(place, "written.key"), path(place, "written.pem")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-outform",
        "DER", "-out", key, preload=False)
    run("openssl", "pkey", "-in", key, "-pubout", "-out", public, preload=False)
    certificate = make_certificate(place, 1)
    writes_object(token, "privkey", key)
    writes_object(token, "cert", certificate)
    verifies(place, public, "5752", token)
    has_certificate(place, token, certificate)


def pkcs11_tool_renews(place, token):
    """A certificate takes the place of another one of the same key."""
    certificate = make_certificate(place, 2)
    token.tool("--delete-object", "--type", "cert", "--label", "written")
    writes_object(token, "cert", certificate)
    has_certificate(place, token, certificate)
    verifies(place, path(place, "written.pem"), "5752", token)


def pkcs11_tool_keeps_a_secret_key(place, token):
    """What the token encrypts with it, openssl decrypts with the bytes in its file."""
    token.tool("--keygen", "--key-type", "AES:32", "--label", "vault", "--id", "4b45")
    sealed, again = path(place, "sealed"), path(place, "again")
    iv = "00112233445566778899aabbccddeeff"
    token.tool("--encrypt", "-m", "AES-CBC-PAD", "--iv", iv, "--id", "4b45", "-i", place.small, "-o",
               sealed)
    text = content(os.path.join(place.keys_directory, "vault.key")).decode()
    key = base64.b64decode(text.split("-----BEGIN SECRET KEY-----")[1].split("-----END")[0])[-32:].hex()
    run("openssl", "enc", "-d", "-aes-256-cbc", "-K", key, "-iv", iv, "-in", sealed, "-out", again,
        preload=False)
    need(content(place.small) == content(again), "openssl decrypts something else")
    token.tool("--delete-object", "--type", "secrkey", "--id", "4b45")
    need(not os.path.exists(os.path.join(place.keys_directory, "vault.key")), "its file is there")


def pkcs11_tool_reads_what_it_may(place, token):
    """The bytes of a key that is extractable, and not those of one that is sensitive."""
    secret, again = path(place, "secret"), path(place, "again")
    with open(secret, "wb") as out:
        out.write(os.urandom(32))
    token.tool("--write-object", secret, "--type", "secrkey", "--key-type", "AES:32", "--label", "open",
               "--id", "4f50", "--extractable")
    token.tool("--read-object", "--type", "secrkey", "--label", "open", "-o", again)
    need(content(secret) == content(again), "other bytes come back")
    token.tool("--keygen", "--key-type", "AES:32", "--label", "shut", "--id", "5348", "--sensitive")
    failed = False
    try:
        token.tool("--read-object", "--type", "secrkey", "--label", "shut", "-o", again)
    except Exception as why:  # pylint: disable=broad-except
        failed = "CKR_ATTRIBUTE_SENSITIVE" in str(why)
    need(failed, "it was read, or nobody says why not")
    for key in "4f50", "5348":
        token.tool("--delete-object", "--type", "secrkey", "--id", key)


def pkcs11_tool_keeps_data(place, token):
    again = path(place, "data")
    token.tool("--write-object", place.small, "--type", "data", "--label", "note",
               "--application-label", "tests")
    token.tool("--read-object", "--type", "data", "--label", "note", "-o", again)
    need(content(place.small) == content(again), "other data come back")
    shown = token.p11tool("--list-all", "pkcs11:token=store;type=data")
    need("note" in shown, "p11tool sees them", shown)
    token.tool("--delete-object", "--type", "data", "--label", "note", "--application-label", "tests")
    need("note" not in token.tool("-O"), "they are gone")


def pkcs11_tool_deletes(place, token):
    for kind in "privkey", "cert":
        token.tool("--delete-object", "--type", kind, "--label", "written")
    shown = token.tool("-O")
    need("written" not in shown and "renamed" in shown, "what is left", shown)


def p11tool_generates_and_deletes(place, token):
    url = "pkcs11:token=store"
    said = token.p11tool("--generate-privkey", "ecdsa", "--curve", "secp384r1", "--label", "gnutls",
                         "--id", "4754", "--outfile", path(place, "gnutls.pem"), url)
    verifies(place, path(place, "gnutls.pem"), "4754", token)
    token.p11tool("--delete", url + ";object=gnutls")
    need("gnutls" not in token.tool("-O"), "it is still there", said)


def writes_with(place, token, ending=""):
    yield "pkcs11-tool generates a pair" + ending, lambda: pkcs11_tool_generates(place, token)
    yield "p11tool and pkcs11-tool give it another label and id" + ending, (
        lambda: tools_rename(place, token))
    yield "pkcs11-tool writes a key and a certificate" + ending, (
        lambda: pkcs11_tool_writes(place, token))
    yield "pkcs11-tool renews the certificate" + ending, lambda: pkcs11_tool_renews(place, token)
    yield "pkcs11-tool writes data and deletes them" + ending, (
        lambda: pkcs11_tool_keeps_data(place, token))
    yield "pkcs11-tool deletes them" + ending, lambda: pkcs11_tool_deletes(place, token)
    yield "p11tool generates a pair and deletes it" + ending, (
        lambda: p11tool_generates_and_deletes(place, token))


def writes(place, module):
    token = Token(module)
    yield from writes_with(place, token)
    yield "pkcs11-tool reads a key that is extractable, and no other", (
        lambda: pkcs11_tool_reads_what_it_may(place, token))
    yield "pkcs11-tool generates an AES key and deletes it", (
        lambda: pkcs11_tool_keeps_a_secret_key(place, token))


def pkcs11_tool_changes_the_pin(place, module):
    Token(module, "123456").tool("--change-pin", "--new-pin", "654321")
    run("openssl", "pkey", "-in", os.path.join(place.keys_directory, "locked.key"), "-passin",
        "pass:654321", "-noout", preload=False)


def pkcs11_tool_initialises(place, module):
    """An empty directory becomes a token, gets PINs, and the user a key, which its PIN opens."""
    public = path(place, "first.pem")
    Token(module).tool("--init-token", "--slot-index", "0", "--label", "fresh", "--so-pin", "12345678")
    Token(module).tool("--login", "--login-type", "so", "--so-pin", "12345678", "--init-pin", "--new-pin",
         "123456")
    token = Token(module, "123456")
    token.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "first", "--id",
         "4649")
    exports(token, public, "pkcs11:object=first;type=private")
    verifies(place, public, "4649", token)
    need("fresh" in Token(module).tool("-L"), "the label")


def changes_pins(place, module):
    yield from writes_with(place, Token(module, "123456"), ", behind a PIN")
    yield "pkcs11-tool changes the PIN", lambda: pkcs11_tool_changes_the_pin(place, module)


def initialises(place, module):
    yield "pkcs11-tool initialises a token", lambda: pkcs11_tool_initialises(place, module)


if __name__ == "__main__":
    main([(["p256"], reads), (["p256"], writes, "--writable"),
          (["locked:p256:123456"], changes_pins, "--writable"), ([], initialises, "--writable")],
         __file__, sys.argv[1:])
