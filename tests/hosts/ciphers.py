#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real applications decrypt through p11dbus.so what openssl encrypted, and verify what they signed.

usage: ciphers.py P11DBUS MODULE

Prints TAP, as applications.py does.
"""

import os
import re
import socket
import ssl
import subprocess
import sys

from applications import Failure, main, need, run

SECRET = "what nobody else is to read\n"
PRIVATE = "pkcs11:token=store;object=rsa;type=private"
# How openssl pads, and how pkcs11-tool is told to. (Its provider for PKCS#11 1.0 has no hash that is not
# named.)
PADDINGS = {
    "PKCS #1 v1.5": (["rsa_padding_mode:pkcs1"], ["RSA-PKCS"]),
    "OAEP with SHA-1": (["rsa_padding_mode:oaep", "rsa_oaep_md:sha1", "rsa_mgf1_md:sha1"],
                        ["RSA-PKCS-OAEP", "--hash-algorithm", "SHA-1"]),
    "OAEP with SHA-256": (["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"],
                          ["RSA-PKCS-OAEP", "--hash-algorithm", "SHA256"]),
}


def path(place, name):
    return os.path.join(place.directory, name)


def options(words):
    return [word for setting in words for word in ("-pkeyopt", setting)]


def write(path_of_file, text):
    with open(path_of_file, "w", encoding="ascii") as out:
        out.write(text)


def make_secret(place):
    write(path(place, "secret"), SECRET)
    return path(place, "secret")


def encrypted(place, padding):
    """The file with the secret, encrypted for the key."""
    run("openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", place.public("rsa"), "-in",
        make_secret(place), "-out", path(place, "encrypted"), *options(PADDINGS[padding][0]),
        preload=False)
    return path(place, "encrypted")


def enveloped(place):
    """The same as CMS."""
    run("openssl", "cms", "-encrypt", "-aes256", "-binary", "-in", make_secret(place), "-outform",
        "DER", "-out", path(place, "enveloped"),
        os.path.join(place.keys_directory, "rsa.crt"), preload=False)
    return path(place, "enveloped")


def pkcs11_tool_decrypts(place, module, padding):
    output = path(place, "decrypted")
    run("pkcs11-tool", "--module", module, "--decrypt", "--id", place.id("rsa"), "--mechanism",
        *PADDINGS[padding][1], "--input-file", encrypted(place, padding), "--output-file", output)
    with open(output, encoding="ascii") as decrypted:
        need(decrypted.read() == SECRET, "not what was encrypted")


def pkcs11_tool_verifies(place, module, key, mechanism):
    what = ["pkcs11-tool", "--module", module, "--id", place.id(key), "--mechanism", mechanism]
    signature = path(place, "signature")
    run(*what, "--sign", "--input-file", place.large, "--output-file", signature)
    for file, verdict in (place.large, "Signature is valid"), (place.small, "Invalid signature"):
        try:
            said = run(*what, "--verify", "--input-file", file, "--signature-file", signature)
        except Failure as failure:  # since OpenSC 0.26
            said = str(failure)
        need(verdict in said, verdict, said)


def pkcs11_tool_tests(place, module):
    said = run("pkcs11-tool", "--module", module, "--test")
    need("No errors" in said, "errors", said)
    for padding in "RSA-PKCS", "RSA-X-509":
        need(len(re.findall(r"^    %s: OK$" % padding, said, re.M)) >= 1, padding, said)


def p11tool_verifies(_, module):
    said = run("p11tool", "--provider", module, "--test-sign", PRIVATE)
    need("Verifying against public key in the token... ok" in said, "not verified", said)


def talk_to(server, context):
    """A line to the server that echoes it, over TLS."""
    output = ""
    port = None
    while port is None:
        line = server.stdout.readline()
        need(line, "the server has ended", output)
        output += line
        found = re.search(r"listening on IPv4 \S+ port (\d+)\.\.\.done", line)
        port = found and int(found.group(1))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with context.wrap_socket(connection) as tls:
            tls.sendall(b"a line\n")
            need(tls.recv(7) == b"a line\n", "no echo", output)
            return tls.cipher()[0]


def gnutls_decrypts(place, module):
    """A server of TLS 1.2 without ephemeral keys decrypts what the client chose."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = dict(os.environ)
    if os.environ.get("HOST_PRELOAD"):
        environment["LD_PRELOAD"] = os.environ["HOST_PRELOAD"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES256-GCM-SHA384")
    with subprocess.Popen(
            ["stdbuf", "-oL", "gnutls-serv", "--echo", "--port", str(port), "--provider", module,
             "--x509keyfile", PRIVATE, "--x509certfile",
             os.path.join(place.keys_directory, "rsa.crt"), "--priority",
             "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment, text=True) as server:
        try:
            need(talk_to(server, context) == "AES256-GCM-SHA384", "another cipher")
        finally:
            server.terminate()
            server.stdout.read()


def nss_decrypts(place, module):
    database = "sql:" + path(place, "nss")
    os.mkdir(path(place, "nss"))
    run("certutil", "-N", "-d", database, "--empty-password", preload=False)
    run("modutil", "-force", "-add", "p11dbus", "-libfile", module, "-dbdir", database)
    said = run("cmsutil", "-D", "-d", database, "-i", enveloped(place))
    need(SECRET in said, "not what was encrypted", said)


def checks(place, module):
    for padding in PADDINGS:
        yield "pkcs11-tool decrypts " + padding, (
            lambda p=padding: pkcs11_tool_decrypts(place, module, p))
    for key, mechanism in (("rsa", "SHA256-RSA-PKCS"), ("rsa", "SHA384-RSA-PKCS-PSS"),
                           ("p256", "ECDSA-SHA256")):
        yield "pkcs11-tool verifies with %s and %s" % (key, mechanism), (
            lambda k=key, m=mechanism: pkcs11_tool_verifies(place, module, k, m))
    yield "pkcs11-tool tests what there is", lambda: pkcs11_tool_tests(place, module)
    yield "p11tool signs and verifies", lambda: p11tool_verifies(place, module)
    yield "gnutls-serv decrypts in TLS", lambda: gnutls_decrypts(place, module)
    yield "cmsutil of NSS decrypts", lambda: nss_decrypts(place, module)


if __name__ == "__main__":
    main([(["rsa", "p256"], checks)], __file__, sys.argv[1:])
