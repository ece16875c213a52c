# SPDX-License-Identifier: MIT
"""An authority for certificates, of which openssl makes all that there is."""

import os

from harness import KEYS, check


class Authority:
    """A root, an intermediate, and what they issue; DIR/NAME.crt and .der are certificates."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("root", "intermediate", "stranger"):
            check("openssl", "genpkey", *KEYS["p256"][1], "-out", self.path(name + ".key"))
        for name in ("root", "stranger"):
            check("openssl", "req", "-x509", "-new", "-key", self.path(name + ".key"), "-subj",
                  f"/O=Test/CN={name}", "-days", "30", "-out", self.path(name + ".crt"))
        self.issue("intermediate", self.path("intermediate.key"), "root",
                   "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign")

    def path(self, name):
        return os.path.join(self.directory, name)

    def issue(self, name, key, issuer="intermediate", extensions="keyUsage=digitalSignature",
              expired=False, subject=None, empty=False):
        request, config = self.path(name + ".csr"), self.path(name + ".cnf")
        check("openssl", "req", "-new", "-key", key, "-utf8", "-subj",
              "/" if empty else f"/O=Test/CN={subject or name}", "-out", request)
        with open(config, "w", encoding="ascii") as file:
            file.write("subjectKeyIdentifier=hash\n" + extensions + "\n")
        if expired:
            self.sign_expired(request, config, issuer, self.path(name + ".crt"))
        else:
            check("openssl", "x509", "-req", "-in", request, "-CA", self.path(issuer + ".crt"),
                  "-CAkey", self.path(issuer + ".key"), "-set_serial", "0x" + os.urandom(8).hex(),
                  "-days", "30", "-extfile", config, "-out", self.path(name + ".crt"))
        check("openssl", "x509", "-in", self.path(name + ".crt"), "-outform", "DER", "-out",
              self.path(name + ".der"))
        return self.path(name + ".crt")

    def sign_expired(self, request, extensions, issuer, out):
        """The one command of every OpenSSL that takes the dates of a certificate."""
        self.run_ca(issuer, "-in", request, "-startdate", "20200101000000Z", "-enddate",
                    "20200201000000Z", "-extfile", extensions, "-outdir", self.directory, "-out",
                    out)

    def run_ca(self, issuer, *words, database=""):
        config = self.path("ca.cnf")
        with open(config, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=here\n[here]\ndatabase={self.path('database')}\n"
                       "policy=any\npreserve=yes\nunique_subject=no\ndefault_md=sha256\n"
                       "rand_serial=yes\n"
                       "[any]\norganizationName=supplied\ncommonName=supplied\n"
                       "[crl]\nauthorityKeyIdentifier=keyid\n")
        with open(self.path("database"), "w", encoding="ascii") as file:
            file.write(database)
        check("openssl", "ca", "-batch", "-notext", "-config", config, "-cert",
              self.path(issuer + ".crt"), "-keyfile", self.path(issuer + ".key"), *words)

    def revoke(self, issuer, *names, out=None, dates=("20260101000000Z", "20991231000000Z")):
        """Makes a CRL of issuer with the certificates that are named; returns its path."""
        out = out or self.path(issuer + ".crl")
        database = ""
        for name in names:
            said = check("openssl", "x509", "-in", self.path(name + ".crt"), "-noout", "-serial")
            serial = said.decode().strip().split("=")[1]
            database += f"R\t491231000000Z\t251224000000Z,keyCompromise\t{serial}\tunknown\t/CN=x\n"
        self.run_ca(issuer, "-gencrl", "-crlexts", "crl", "-crl_lastupdate", dates[0],
                    "-crl_nextupdate", dates[1], "-out", out, database=database)
        return out
