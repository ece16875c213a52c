# SPDX-License-Identifier: MIT
"""What the tests of the command line share: a SoftHSM token of their own, and ways to run p11dbus.

$P11DBUS is the program, $RUDE_MODULE_SO the module that misbehaves (rude-module.c), $P11DBUS_SCHEMA
the JSON Schema that every document of p11dbus must fit."""

import atexit
import base64
import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import jsonschema

P11DBUS = os.environ["P11DBUS"]
RUDE = os.environ["RUDE_MODULE_SO"]
SOFTHSM = next((path for path in ("/usr/lib/softhsm/libsofthsm2.so",
                                  "/usr/lib64/softhsm/libsofthsm2.so",
                                  "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
                if os.path.exists(path)), None)
PIN = "123456"
with open(os.environ["P11DBUS_SCHEMA"], encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)
# The member that tells what a document is, and its definition in the schema.
DOCUMENTS = {"tokens": "list", "findings": "audit", "results": "sign", "valid": "verify", "checks": "smoke",
             "available": "smoke-list", "error": "failure"}

KEYS = {  # label: CKA_ID, what openssl makes it of
    "rsa": ("01", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
    "p256": ("02", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
    "p384": ("03", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]),
    "p521": ("04", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    "ed25519": ("05", ["-algorithm", "ED25519"]),
}


SOMEBODY = ("bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "4711", "--gid", "4711")
# p11-kit reads no user's configuration for root: what runs a command as somebody else.
NOT_ROOT = SOMEBODY if os.getuid() == 0 else ()
# Within many a container bwrap cannot make another.
CONTAINERS = subprocess.run([*SOMEBODY, "true"], check=False,
                            stderr=subprocess.DEVNULL).returncode == 0
needs_containers = unittest.skipUnless(CONTAINERS, "no container can be made here")


def check(*command, **options):
    """Runs a program that must succeed; returns its stdout."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}: {done.stdout!r}")
    return done.stdout


# For programs of others that load our module: a sanitizer's runtime wants to be first.
HOST = {}
if os.environ.get("HOST_PRELOAD"):
    HOST = {"LD_PRELOAD": os.environ["HOST_PRELOAD"], "ASAN_OPTIONS": "detect_leaks=0"}


def host_environment():
    """For subprocess, with such a program."""
    return {**os.environ, **HOST}


def validate(document):
    """Fails, and says where and why, unless document is one that the schema describes."""
    kind = next((DOCUMENTS[member] for member in DOCUMENTS if member in document), None)
    if kind == "sign" and '"valid": ' in json.dumps(document):  # both have results
        kind = "verify-files"
    if not kind:
        raise AssertionError(f"no document that the schema knows: {document}")
    schema = {**SCHEMA, "$ref": f"#/$defs/{kind}"}  # says more than "is none of the five"
    wrong = jsonschema.Draft202012Validator(schema).iter_errors(document)
    worst = jsonschema.exceptions.best_match(wrong)
    if worst:
        raise AssertionError(f"{kind} does not fit the schema at {worst.json_path}: "
                             f"{worst.message}\n{json.dumps(document, indent=1)}")
    return document


class Result:
    """How a run of p11dbus ended."""

    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr.decode()

    def json(self):
        """The one document on stdout, which fits the schema and has the exit code."""
        document = validate(json.loads(self.out))
        said = document.get("error", document).get("code", self.code)
        if said != self.code:
            raise AssertionError(f"the document says {said}: {self}")
        return document

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out!r}\nstderr: {self.err}"


os.environ.pop("P11DBUS_PIN", None)  # tests that need it give it themselves


class Case(unittest.TestCase):
    """A test case with a directory of its own, which is the current one."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="p11dbus-test-")
        self.addCleanup(shutil.rmtree, self.directory)
        old = os.getcwd()
        os.chdir(self.directory)
        self.addCleanup(os.chdir, old)

    def write(self, name, content=b"", mode=0o600):
        with open(name, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(name, mode)
        return name

    def read(self, name):
        with open(name, "rb") as file:
            return file.read()

    def run_p11dbus(self, *words, stdin=b"", env=None, prefix=(), **options):
        """stdin: bytes, or a file; prefix: a command, with arguments, that runs p11dbus."""
        environment = {**os.environ, **(env or {})}
        given = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
        done = subprocess.run([*prefix, P11DBUS, *words], **given, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment, check=False,
                              timeout=120, start_new_session=True, **options)
        return Result(done)

    def expect(self, code, *words, **options):
        """Runs p11dbus and checks the exit code."""
        result = self.run_p11dbus(*words, **options)
        self.assertEqual(result.code, code, result)
        return result


class Terminal:
    """A program, p11dbus unless named, on a terminal of its own; stdout: a descriptor in its place."""

    def __init__(self, *words, program=P11DBUS, stdout=None, env=None, size=None):
        self.output = b""
        self.master, self.slave = pty.openpty()
        if size:  # (lines, columns)
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", *size, 0, 0))
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
            for fd in range(3):
                os.dup2(self.slave if fd != 1 or stdout is None else stdout, fd)
            os.execvpe(program, [program, *words], {**os.environ, **(env or {})})

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def read_until(self, text):
        deadline = time.monotonic() + 60
        while text not in self.output:
            if not select.select([self.master], [], [], deadline - time.monotonic())[0]:
                raise AssertionError(f"{text!r} did not come: {self.output!r}")
            try:
                self.output += os.read(self.master, 4096)
            except OSError:
                raise AssertionError(f"{text!r} did not come: {self.output!r}") from None
        return self.output

    def type(self, text):
        os.write(self.master, text)

    def end(self):
        """Waits for the end of the program; returns its exit code."""
        os.close(self.slave)
        piece = b" "
        while piece:
            self.output += piece
            try:
                piece = os.read(self.master, 4096)
            except OSError:  # nobody has the other end any more
                piece = b""
        os.close(self.master)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def ssh_string(content):
    """As SSH writes it down."""
    return len(content).to_bytes(4, "big") + content


def ssh_line(public):
    """The key in a PEM file as OpenSSH writes it."""
    der = check("openssl", "pkey", "-pubin", "-in", public, "-outform", "DER")
    if len(der) != 44:  # no Ed25519, which ssh-keygen does not take from there
        return check("ssh-keygen", "-i", "-m", "PKCS8", "-f", public).decode().strip()
    blob = ssh_string(b"ssh-ed25519") + ssh_string(der[-32:])
    return "ssh-ed25519 " + base64.b64encode(blob).decode()


class Token:
    """A SoftHSM token "demo" with one key of each kind; DIR/LABEL.key and .pub are their PEM."""

    def __init__(self, keys=KEYS, label="demo"):
        self.directory = tempfile.mkdtemp(prefix="p11dbus-softhsm-")
        atexit.register(shutil.rmtree, self.directory, True)
        self.label = label
        os.mkdir(self.path("tokens"))
        with open(self.path("softhsm2.conf"), "w", encoding="ascii") as file:
            file.write(f"directories.tokendir = {self.path('tokens')}\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = self.path("softhsm2.conf")
        self.pin_file = self.path("pin")
        with open(os.open(self.pin_file, os.O_CREAT | os.O_WRONLY, 0o600), "w",
                  encoding="ascii") as file:
            file.write(PIN + "\n")
        self.add_token(label)
        for name, (identifier, arguments) in keys.items():
            self.add_key(name, identifier, arguments)

    def path(self, name):
        return os.path.join(self.directory, name)

    def add_token(self, label):
        check("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN,
              "--so-pin", "12345678")

    def add_key(self, name, identifier, arguments, label=None, token=None):
        key, public = self.path(name + ".key"), self.path(name + ".pub")
        if not os.path.exists(key):
            check("openssl", "genpkey", *arguments, "-out", key)
            check("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        check("softhsm2-util", "--import", key, "--token", token or self.label, "--label",
              label or name, "--id", identifier, "--pin", PIN)

    def public(self, name):
        return self.path(name + ".pub")


def openssl_verify(public, signature, data, *options, digest="sha256"):
    """Checks a DER or RSA signature with openssl; returns whether it is good."""
    kind = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-noout", "-text"],
                          stdout=subprocess.PIPE, check=True).stdout
    if kind.startswith(b"ED"):
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin",
                   "-sigfile", signature, "-in", data]
    else:
        command = ["openssl", "dgst", "-" + digest, *options, "-verify", public, "-signature",
                   signature, data]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


def need_containers():
    """Skips the whole test where no container can be made."""
    if not CONTAINERS:
        print("SKIP: no container can be made here")
        sys.exit(77)


def main():
    if not SOFTHSM or not shutil.which("softhsm2-util"):
        print("SKIP: SoftHSM is not installed")
        sys.exit(77)
    unittest.main(verbosity=2)
