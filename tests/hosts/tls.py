# SPDX-License-Identifier: MIT
"""TLS from the other side: what talks to a server whose key is on a token, and a server that wants a
certificate of whom it talks to. Python's TLS is OpenSSL's, which checks the certificates."""

import contextlib
import os
import socket
import ssl
import threading

from applications import Failure, need, run

LINE = b"a line\n"


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def client_context(authority, ciphers=None):
    """authority: a file with the certificate that must have signed the server's, None: whatever it is.
    ciphers: of TLS 1.2, which then is the version; else it is 1.3."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if authority:
        context.load_verify_locations(authority)
    else:
        context.verify_mode = ssl.CERT_NONE
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def ask(port, context, question=LINE):
    """What the server answers, and by which cipher."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, \
                context.wrap_socket(connection) as tls:
            tls.sendall(question)
            while not answer.endswith(LINE) and (part := tls.recv(4096)):
                answer += part
            return answer, tls.cipher()[0]
    except OSError as why:
        raise Failure("no answer but %s: %s" % (answer, why)) from why


class Demanding:
    """A server that lets in who has a certificate by authority (a file), and then says who it is."""

    def __init__(self, directory, authority):
        key, certificate = (os.path.join(directory, "demanding" + end) for end in (".pem", ".crt"))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-addext",
            "subjectAltName=DNS:localhost", "-days", "1", preload=False)
        self.certificate = certificate
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(authority)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def _serve(self, names):
        with contextlib.suppress(OSError):
            connection, _ = self.socket.accept()
            with connection, self.context.wrap_socket(connection, server_side=True) as tls:
                subject = dict(part[0] for part in tls.getpeercert()["subject"])
                names.append((subject["commonName"], tls.version()))
                tls.sendall(subject["commonName"].encode() + b"\n")

    def wait_for(self, *client, env=None, typed=None):
        """Who the client, a command, turns out to be, and the version of TLS; None: nobody."""
        names = []
        self.socket.settimeout(60)
        thread = threading.Thread(target=self._serve, args=(names,))
        thread.start()
        try:
            said = run(*client, env=env, typed=typed)
        finally:
            thread.join()
        need(names, "it has not come", said)
        return names[0]

    def end(self):
        self.socket.close()
