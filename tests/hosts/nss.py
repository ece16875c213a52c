#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""NSS keeps keys and certificates on a token of p11dbus.so, and uses them; openssl checks what comes
of it.

usage: nss.py P11DBUS MODULE

On a token without a PIN and on one with it. Prints TAP, as applications.py does.
"""

import os
import sys

import tls
from applications import main, need, run, serving

SECRET = "what nobody else is to read\n"
PIN, NEXT_PIN = "123456", "654321"


class Database:
    """A database of NSS with the module, and a file with the token's PIN if it has one."""

    def __init__(self, place, module):
        self.place = place
        self.name = "sql:" + self.path("nss")
        self.pin = PIN if place.keys else None
        os.mkdir(self.path("nss"))
        self.write("pin", PIN + "\n")
        self.write("noise", os.urandom(64).hex())
        self.write("secret", SECRET)
        run("certutil", "-N", "-d", self.name, "--empty-password", preload=False)
        # Friendly: certificates are read without a login, which not all tools can do.
        run("modutil", "-force", "-add", "p11dbus", "-libfile", module, "-mechanisms", "FRIENDLY",
            "-dbdir", self.name)

    def path(self, name):
        return os.path.join(self.place.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as out:
            out.write(text)

    def login(self, option="-f"):
        """-f FILE, or another option of such a file."""
        return [option, self.path("pin")] if self.pin else []

    def password(self):
        """Of tools that take the PIN itself."""
        return ["-w", self.pin] if self.pin else []

    def certutil(self, action, *arguments, typed=None):
        return run("certutil", action, "-d", self.name, "-h", "store", *self.login(), *arguments,
                   typed=typed)

    def cmsutil(self, *arguments):
        return run("cmsutil", "-d", self.name, *self.login(), *arguments)

    def keys(self):
        return self.certutil("-K")


def makes_certificates(database):
    """An authority, and the certificate of a server that it signs, each with a key that is made."""
    noise = ["-z", database.path("noise"), "-v", "2"]
    database.certutil("-S", "-n", "authority", "-s", "CN=authority", "-x", "-t", "CT,C,C", "-k", "ec",
                      "-q", "nistp256", "-2", *noise, typed="y\n\ny\n")
    database.certutil("-S", "-n", "server", "-s", "CN=localhost", "-c", "store:authority", "-t",
                      "u,u,u", "-k", "rsa", "-g", "2048", "-m", "7", *noise)
    for name in "authority", "server":
        database.write(name + ".crt", database.certutil("-L", "-n", "store:" + name, "-a"))
    run("openssl", "verify", "-CAfile", database.path("authority.crt"), database.path("server.crt"),
        preload=False)
    said = database.keys()
    need("store:authority" in said and "store:server" in said, "the keys", said)


def signs(database):
    database.cmsutil("-S", "-N", "store:server", "-i", database.path("secret"), "-o",
                     database.path("signed"))
    said = run("openssl", "cms", "-verify", "-inform", "DER", "-in", database.path("signed"),
               "-CAfile", database.path("authority.crt"), "-purpose", "any", preload=False)
    need(SECRET in said.replace("\r", ""), "not what was signed", said)


def decrypts(database):
    run("openssl", "cms", "-encrypt", "-aes256", "-binary", "-in", database.path("secret"),
        "-outform", "DER", "-out", database.path("enveloped"), database.path("server.crt"),
        preload=False)
    said = database.cmsutil("-D", "-i", database.path("enveloped"))
    need(SECRET in said, "not what was encrypted", said)


def serves(database):
    """selfserv signs in TLS 1.3, and decrypts in 1.2 without ephemeral keys."""
    port = tls.free_port()
    authority = database.path("authority.crt")
    with serving(["selfserv", "-d", database.name, "-n", "store:server", "-p", str(port), "-v",
                      "-V", "tls1.2:tls1.3", *database.password()], "About to call accept"):
        for ciphers in None, "AES256-GCM-SHA384":
            answer, cipher = tls.ask(port, tls.client_context(authority, ciphers),
                                     b"GET / HTTP/1.0\r\n\r\n")
            need(b"200 OK" in answer, "another answer", repr(answer))
            need(ciphers in (None, cipher), "another cipher", cipher)


def shows_who_it_is(database):
    """tstclnt has a certificate of the token, and signs with its key."""
    server = tls.Demanding(database.place.directory, database.path("authority.crt"))
    run("certutil", "-A", "-d", database.name, "-n", "demanding", "-t", "C,,", "-i",
        server.certificate)
    for version in "1.2", "1.3":
        who = server.wait_for("tstclnt", "-d", database.name, "-h", "localhost", "-a", "localhost", "-4", "-p",
                              str(server.port), "-n", "store:server", "-V",
                              "tls%s:tls%s" % (version, version), "-Q", *database.password(), typed="\n")
        need(who == ("localhost", "TLSv" + version), "somebody else", str(who))
    server.end()


def requests(database):
    """A request with a new key, which the authority signs, and the certificate that comes of it, under
    another name in the end."""
    request, certificate = database.path("request.pem"), database.path("request.crt")
    database.certutil("-R", "-s", "CN=asked", "-k", "ec", "-q", "nistp384", "-z",
                      database.path("noise"), "-a", "-o", request)
    run("openssl", "req", "-verify", "-noout", "-in", request, preload=False)
    database.certutil("-C", "-c", "store:authority", "-i", request, "-a", "-o", certificate, "-m", "9")
    run("openssl", "verify", "-CAfile", database.path("authority.crt"), certificate, preload=False)
    database.certutil("-A", "-n", "asked", "-t", "u,u,u", "-i", certificate, "-a")
    database.certutil("--rename", "-n", "store:asked", "--new-n", "renamed")
    said = database.keys()
    need("store:renamed" in said and "store:asked" not in said, "the name", said)


def imports(database):
    """A key and its certificate, from PKCS #12; and exports no key."""
    for name, options in (("rsa", ["-newkey", "rsa:2048"]),
                          ("ec", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
        key, certificate, both = (database.path("given" + end) for end in (".pem", ".crt", ".p12"))
        run("openssl", "req", "-x509", *options, "-nodes", "-keyout", key, "-out", certificate,
            "-subj", "/CN=given-" + name, "-days", "1", preload=False)
        run("openssl", "pkcs12", "-export", "-inkey", key, "-in", certificate, "-name",
            "given-" + name, "-out", both, "-passout", "pass:given", preload=False)
        run("pk12util", "-d", database.name, "-h", "store", "-i", both, "-W", "given",
            *database.login("-k"))
        database.certutil("-M", "-n", "store:given-" + name, "-t", "CT,C,C")
        database.cmsutil("-S", "-N", "store:given-" + name, "-i", database.path("secret"), "-o",
                         database.path("signed"))
        run("openssl", "cms", "-verify", "-inform", "DER", "-in", database.path("signed"), "-CAfile",
            certificate, "-purpose", "any", "-out", "/dev/null", preload=False)
    try:
        said = run("pk12util", "-d", database.name, "-h", "store", "-o", both, "-n",
                   "store:given-rsa", "-W", "given", *database.login("-k"))
    except Exception as why:  # pylint: disable=broad-except
        said = str(why)
    need("UNABLE_TO_EXPORT_KEY" in said, "a key that stays here", said)


def deletes(database):
    """A certificate alone, and a key with its certificate: nothing of it is left in the directory."""
    before = set(os.listdir(database.place.keys_directory))
    need({"given-rsa.crt", "given-ec.crt"} <= before, "the files", str(before))
    database.certutil("-D", "-n", "store:given-rsa")
    database.certutil("-F", "-n", "store:given-ec")
    gone = sorted(before - set(os.listdir(database.place.keys_directory)))
    need(len(gone) == 3 and gone[:2] == ["given-ec.crt", "given-rsa.crt"], "other files", str(gone))
    said = database.keys()
    need("given-ec" not in said and "renamed" in said, "the keys", said)


def changes_the_pin(database):
    database.write("next", NEXT_PIN + "\n")
    database.certutil("-W", "-@", database.path("next"))
    run("openssl", "pkey", "-in", os.path.join(database.place.keys_directory, "locked.key"), "-passin",
        "pass:" + NEXT_PIN, "-noout", preload=False)
    database.write("pin", NEXT_PIN + "\n")
    signs(database)


def checks(place, module):
    with_pin = " with a PIN" if place.keys else ""
    database = Database(place, module)
    acts = [("certutil makes keys and certificates", makes_certificates),
            ("cmsutil signs", signs),
            ("cmsutil decrypts", decrypts),
            ("selfserv signs and decrypts in TLS", serves),
            ("tstclnt shows in TLS who it is", shows_who_it_is),
            ("certutil requests, imports and renames certificates", requests),
            ("pk12util imports keys", imports),
            ("certutil deletes keys and certificates", deletes)]
    if place.keys:
        acts.append(("certutil changes the PIN", changes_the_pin))
    for what, act in acts:
        yield what + with_pin, lambda a=act: a(database)


if __name__ == "__main__":
    main([([], checks, "--writable"), (["locked:p256:" + PIN], checks, "--writable")], __file__,
         sys.argv[1:])
