#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real applications sign through p11dbus.so; openssl and the PEM public key check each signature.

usage: applications.py P11DBUS MODULE

Prints TAP. $HOST_PRELOAD is preloaded into the applications (a sanitizer's runtime, which a
module built with it needs in a host built without).
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from unittest import mock

HERE = os.path.dirname(os.path.abspath(__file__))
MAKE_KEYS = os.path.join(HERE, "..", "make-keys")
WITH_SERVICE = os.path.join(HERE, "..", "with-service")
LARGE = 3 * 1024 * 1024 + 17  # bytes; no multiple of any block

# key: pkcs11-tool's mechanism, and what openssl needs to check the signature
MECHANISMS = {
    "rsa": [
        ("SHA256-RSA-PKCS", ["-sha256"]),
        ("SHA384-RSA-PKCS-PSS", ["-sha384", "-sigopt", "rsa_padding_mode:pss"]),
    ],
    "p256": [("ECDSA-SHA256", ["-sha256"])],
    "p384": [("ECDSA-SHA384", ["-sha384"])],
    "p521": [("ECDSA-SHA512", ["-sha512"])],
    "ed25519": [("EDDSA", None)],
}
# Keys of RSA-PSS alone, bound to nothing or to a hash, MGF1 with it and a salt of its size.
PSS = {
    "rsapss": [("SHA256-RSA-PKCS-PSS", ["-sha256"]), ("SHA384-RSA-PKCS-PSS", ["-sha384"])],
    "rsapss-sha384-sha384-48": [("SHA384-RSA-PKCS-PSS", ["-sha384"])],
}


class Failure(Exception):
    """What a check saw instead of what it wanted."""


def environment(env=None, preload=True):
    """Of an application, with env; preload: the module is loaded into it."""
    whole = dict(os.environ, **(env or {}))
    if preload and os.environ.get("HOST_PRELOAD"):
        whole["LD_PRELOAD"] = os.environ["HOST_PRELOAD"]
    return whole


def run(*command, env=None, preload=True, typed=None):
    """Runs a command without a terminal; returns its stdout and stderr as text, or fails with them.

    typed: what it reads from stdin, text."""
    done = subprocess.run(command, env=environment(env, preload), input=(typed or "").encode(),
                          timeout=120, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          start_new_session=True)
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        raise Failure("exit %d of %s\n%s" % (done.returncode, " ".join(command), output))
    return output


def need(condition, what, output=""):
    if not condition:
        raise Failure("%s\n%s" % (what, output))


@contextlib.contextmanager
def serving(command, ready, env=None, preload=True):
    """A server that runs until the end of the block; gives what ready, a regular expression, found in
    a line that it prints."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, env=environment(env, preload)) as server:
        try:
            output, found = "", None
            while not found:
                line = server.stdout.readline()
                output += line
                need(line, "the server has ended", output)
                found = re.search(ready, line)
            yield found
        finally:
            server.kill() # gnutls-serv may wait for itself where it is asked to end
            server.stdout.read()


def make_certified(module, label, key, pin=None):
    """Has pkcs11-tool make an RSA key of that id (hex) on a writable token, openssl sign a certificate
    with it, and pkcs11-tool write that."""
    tool = ("pkcs11-tool", "--module", module, *(("--login", "--pin", pin) if pin else ()))
    run(*tool, "--keypairgen", "--key-type", "rsa:2048", "--label", label, "--id", key)
    with tempfile.NamedTemporaryFile() as certificate:
        run("openssl", "req", "-x509", "-engine", "pkcs11", "-keyform", "engine", "-key",
            "pkcs11:token=store;object=%s;type=private%s" % (label, ";pin-value=" + pin if pin else ""),
            "-subj", "/CN=" + label, "-days", "9", "-outform", "DER", "-out", certificate.name,
            env={"PKCS11_MODULE_PATH": module})
        run(*tool, "--write-object", certificate.name, "--type", "cert", "--label", label, "--id", key)


class Place:
    """A key directory, two files to sign, and the public keys."""

    def __init__(self, directory, keys):
        self.directory = directory
        self.keys = keys
        self.keys_directory = os.path.join(directory, "store")
        self.small = os.path.join(directory, "small")
        self.large = os.path.join(directory, "large")

    def make(self):
        run(MAKE_KEYS, self.keys_directory, *self.keys, preload=False)
        for path, content in ((self.small, b"a few bytes\n"), (self.large, os.urandom(LARGE))):
            with open(path, "wb") as out:
                out.write(content)

    def public(self, key):
        path = os.path.join(self.directory, key + ".public.pem")
        if not os.path.exists(path):
            run("openssl", "x509", "-in", os.path.join(self.keys_directory, key + ".crt"), "-noout",
                "-pubkey", "-out", path, preload=False)
        return path

    def id(self, key):
        """CKA_ID in hex: the SHA-1 of the public key's bits, which is X.509's key identifier."""
        text = run("openssl", "x509", "-in", os.path.join(self.keys_directory, key + ".crt"),
                   "-noout", "-ext", "subjectKeyIdentifier", preload=False)
        return text.splitlines()[-1].strip().replace(":", "")

    def check(self, key, options, signature, file):
        """Fails unless signature is one of file by key."""
        if options is None:
            run("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", self.public(key), "-rawin",
                "-sigfile", signature, "-in", file, preload=False)
        else:
            run("openssl", "dgst", *options, "-verify", self.public(key), "-signature", signature,
                file, preload=False)


def pkcs11_tool_lists(place, module):
    output = run("pkcs11-tool", "--module", module, "-L", "-M", "-O")
    need(re.search(r"token label\s*: store\b", output), "no token label", output)
    for mechanism in ("SHA256-RSA-PKCS", "ECDSA", "EDDSA", "SHA256"):
        need(re.search(r"^  %s,.*(sign|digest)" % mechanism, output, re.M), mechanism, output)
    for key in place.keys:
        count = len(re.findall(r"^  label:\s+%s$" % key, output, re.M))
        need(count == 3, "%s: %d objects instead of private, public, certificate" % (key, count),
             output)


def pkcs11_tool_asks_for_interfaces(place, module):
    """It uses the newest that it is given, here and in all that it does else."""
    output = run("pkcs11-tool", "--module", module, "--list-interfaces", "-I")
    for version in ("3.2", "3.1", "3.0", "2.40"):
        need(re.search(r"^Interface 'PKCS 11'\n\s+version: %s$" % re.escape(version), output, re.M),
             version, output)
    need(re.search(r"^Cryptoki version 3\.2$", output, re.M), "another version", output)


def pkcs11_tool_signs(place, module, key, mechanism, options, file):
    signature = os.path.join(place.directory, "signature")
    # By id: OpenSC 0.23 takes the first private key whatever --label says.
    run("pkcs11-tool", "--module", module, "--sign", "--id", place.id(key), "--mechanism", mechanism,
        "--signature-format", "openssl", "--input-file", file, "--output-file", signature)
    place.check(key, options, signature, file)


def p11tool_lists(place, module):
    listed = run("p11tool", "--provider", module, "--list-all")
    uris = re.findall(r"URL: (pkcs11:\S+)", listed)
    for key in place.keys:
        for kind in ("private", "public", "cert"):
            need(any("object=%s;type=%s" % (key, kind) in uri for uri in uris),
                 "no %s %s" % (kind, key), listed)


def ssh_keygen_lists(place, module):
    listed = run("ssh-keygen", "-D", module)
    for key in ("rsa", "p256", "p384", "p521"):
        public = run("ssh-keygen", "-i", "-m", "PKCS8", "-f", place.public(key), preload=False)
        need(public.strip() in listed, "%s is not among the keys" % key, listed)


def openssl_signs(place, module, key, options, file):
    signature = os.path.join(place.directory, "signature")
    run("openssl", "dgst", "-engine", "pkcs11", "-keyform", "engine", *options,
        "-sign", "pkcs11:token=store;object=%s;type=private" % key, "-out", signature, file,
        env={"PKCS11_MODULE_PATH": module})
    place.check(key, options, signature, file)


def openssl_signs_beside_ed25519(place, module):
    """libp11 0.4.12 fails on a whole token if one of its keys is Ed25519, unless that is hidden."""
    configuration = os.path.join(place.directory, "engine.cnf")
    with open(configuration, "w", encoding="ascii") as out:
        out.write("openssl_conf = all\n[all]\nengines = engines\n[engines]\npkcs11 = own\n"
                  "[own]\nengine_id = pkcs11\nINIT_ARGS = hide=ec-edwards\ninit = 0\n")
    for env in {"P11DBUS_HIDE": "ec-edwards"}, {"OPENSSL_CONF": configuration}:
        with mock.patch.dict(os.environ, env):
            openssl_signs(place, module, "rsa", ["-sha256"], place.small)
    try:
        openssl_signs(place, module, "rsa", ["-sha256"], place.small)
        failed = False
    except Failure:
        failed = True
    version = run("pkg-config", "--modversion", "libp11", preload=False).strip()
    need(failed or version != "0.4.12", "nothing was hidden, and it did not fail")


def p11tool_lists_what_is_not_hidden(place, module):
    for hidden, seen in ("ec-edwards", "rsa"), ("dsa,rsa", "ed25519"):
        listed = run("p11tool", "--provider", module, "--list-all", "pkcs11:token=store",
                     env={"P11DBUS_HIDE": hidden})
        found = set(re.findall(r"object=(\w+);type=(\w+)", listed))
        need(found == {(seen, kind) for kind in ("private", "public", "cert")}, hidden, listed)


def refuses(code, *command, env=None):
    """The application tells of code, and ends by itself."""
    try:
        output = run(*command, env=env)
    except Failure as failure:
        output = str(failure)
    need(re.match(r"exit [1-9]\d* of", output), "it did not fail, or crashed", output)
    need(code in output, "it does not tell of " + code, output)


def pkcs11_tool_is_refused(place, module):
    """A key of RSA-PSS does nothing else, and a bound one nothing else of RSA-PSS."""
    said = "C_SignInit failed: rv = "  # before there is any data
    invalid, parameters = said + "CKR_MECHANISM_INVALID", said + "CKR_MECHANISM_PARAM_INVALID"
    tried = [(key, mechanism, (), invalid) for key in PSS
             for mechanism in ("RSA-PKCS", "SHA256-RSA-PKCS", "RSA-X-509")]
    bound = "rsapss-sha384-sha384-48"
    tried += [(bound, "SHA256-RSA-PKCS-PSS", (), invalid),
              (bound, "SHA384-RSA-PKCS-PSS", ("--salt-len", "47"), parameters),
              (bound, "SHA384-RSA-PKCS-PSS", ("--mgf", "MGF1-SHA256"), parameters)]
    for key, mechanism, words, code in tried:
        refuses(code, "pkcs11-tool", "--module", module, "--sign", "--id", place.id(key), "--mechanism",
                mechanism, *words, "--input-file", place.small, "--output-file",
                os.path.join(place.directory, "signature"))


def pkcs11_tool_tells_mechanisms(place, module):
    output = run("pkcs11-tool", "--module", module, "-O", "--type", "privkey", "--id",
                 place.id("rsapss-sha384-sha384-48"))
    need("Allowed mechanisms: RSA-PKCS-PSS,SHA384-RSA-PKCS-PSS\n" in output, "allowed mechanisms",
         output)


def openssl_signs_by_pss(place, module, key, options):
    """libp11 takes the key for one of plain RSA: RSA-PSS is to be asked for, and all else fails."""
    padding = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    openssl_signs(place, module, key, [*options, *padding], place.large)
    refuses("Mechanism invalid", "openssl", "dgst", "-engine", "pkcs11", "-keyform", "engine",
            *options, "-sign", "pkcs11:token=store;object=%s;type=private" % key, "-out",
            os.path.join(place.directory, "signature"), place.small,
            env={"PKCS11_MODULE_PATH": module})


def checks_of_pss(place, module):
    for key in place.keys:
        for mechanism, options in PSS[key]:
            yield "pkcs11-tool signs with %s and %s" % (key, mechanism), (
                lambda k=key, m=mechanism, o=options: pkcs11_tool_signs(
                    place, module, k, m, o, place.large))
            yield "openssl dgst signs with %s and %s" % (key, " ".join(options)), (
                lambda k=key, o=options: openssl_signs_by_pss(place, module, k, o))
    yield "pkcs11-tool is refused all but RSA-PSS", lambda: pkcs11_tool_is_refused(place, module)
    yield "pkcs11-tool tells what is allowed", lambda: pkcs11_tool_tells_mechanisms(place, module)
    yield "p11tool lists keys of RSA-PSS", lambda: p11tool_lists(place, module)
    yield "ssh-keygen does no harm to keys of RSA-PSS", lambda: run("ssh-keygen", "-D", module)


def checks_of_all_keys(place, module):
    yield "pkcs11-tool lists slots, mechanisms and objects", lambda: pkcs11_tool_lists(place, module)
    yield "pkcs11-tool asks for interfaces", lambda: pkcs11_tool_asks_for_interfaces(place, module)
    for key in place.keys:
        for mechanism, options in MECHANISMS[key]:
            for file in (place.small, place.large):
                title = "pkcs11-tool signs a %s file with %s and %s" % (
                    os.path.basename(file), key, mechanism)
                yield title, lambda k=key, m=mechanism, o=options, f=file: pkcs11_tool_signs(
                    place, module, k, m, o, f)
    yield "p11tool lists all objects", lambda: p11tool_lists(place, module)
    yield "ssh-keygen lists the keys that OpenSSH knows", lambda: ssh_keygen_lists(place, module)


def checks_without_ed25519(place, module):
    # libp11 0.4.12 fails on a whole token if one of its keys is Ed25519.
    for key in place.keys:
        for _, options in MECHANISMS[key]:
            for file in (place.small, place.large):
                title = "openssl dgst signs a %s file with %s %s through the pkcs11 engine" % (
                    os.path.basename(file), key, " ".join(options))
                yield title, lambda k=key, o=options, f=file: openssl_signs(place, module, k, o, f)


def checks_beside_ed25519(place, module):
    yield "openssl dgst signs beside an Ed25519 key that is hidden, and not beside one that is seen", (
        lambda: openssl_signs_beside_ed25519(place, module))
    yield "p11tool lists what is not hidden", (
        lambda: p11tool_lists_what_is_not_hidden(place, module))


SUITES = [
    (["rsa", "p256", "p384", "p521", "ed25519"], checks_of_all_keys),
    (["rsa", "p256", "p384"], checks_without_ed25519),
    (["rsa", "ed25519"], checks_beside_ed25519),
    (list(PSS), checks_of_pss),
]


def run_suite(suites, module, suite, number, directory):
    """Runs one suite beside a service; prints its TAP lines, counting on from number."""
    keys, checks = suites[suite][:2]
    for title, check in checks(Place(directory, keys), module):
        number += 1
        try:
            check()
            print("ok %d - %s" % (number, title), flush=True)
        except (Failure, subprocess.TimeoutExpired) as failure:
            print("not ok %d - %s" % (number, title))
            print("# " + str(failure).replace("\n", "\n# "), flush=True)


def main(suites, program, arguments):
    """Runs suites, each a list of keys, the checks with them, and options of serve if it needs any;
    program: the file with them."""
    if arguments[0] == "--beside-service":
        module, suite, number, directory = arguments[1:]
        run_suite(suites, module, int(suite), int(number), directory)
        return
    p11dbus, module = arguments[0], os.path.abspath(arguments[1])
    number = 0
    for suite, (keys, _, *options) in enumerate(suites):
        with tempfile.TemporaryDirectory() as directory:
            place = Place(directory, keys)
            place.make()
            out = subprocess.run(
                [WITH_SERVICE, p11dbus, place.keys_directory, sys.executable, program,
                 "--beside-service", module, str(suite), str(number), directory],
                env=dict(os.environ, SERVE_OPTIONS=" ".join(options)),
                stdout=subprocess.PIPE, check=False)
            text = out.stdout.decode("utf-8", "replace")
            sys.stdout.write(text)
            number += len(re.findall(r"^(?:not )?ok ", text, re.M))
            if out.returncode != 0:
                number += 1
                print("not ok %d - suite %d ended with %d" % (number, suite, out.returncode))
    print("1..%d" % number)


if __name__ == "__main__":
    main(SUITES, __file__, sys.argv[1:])
