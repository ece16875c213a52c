# SPDX-License-Identifier: MIT
"""Where the bus is reached through something that stands before it: a sandbox's proxy, or what
forwards its socket and passes no descriptor."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import HOST, P11DBUS, Case, check, openssl_verify
from served import Bus, Service, make_keys

NAME = "org.p11dbus.Tokens1"
BUILD = os.path.dirname(os.path.dirname(os.path.abspath(P11DBUS)))
CAN_CONFINE = subprocess.run(["bwrap", "--ro-bind", "/", "/", "--unshare-all", "true"],
                             stderr=subprocess.DEVNULL, check=False).returncode == 0


class Proxy:
    """xdg-dbus-proxy before the session bus, as flatpak starts it; words: what it lets through."""

    def __init__(self, socket, *words):
        self.alive, theirs = os.pipe()
        self.process = subprocess.Popen(
            ["xdg-dbus-proxy", f"--fd={theirs}", os.environ["DBUS_SESSION_BUS_ADDRESS"], socket,
             "--filter", *words], pass_fds=[theirs])
        os.close(theirs)
        if os.read(self.alive, 1) != b"x":
            raise AssertionError("xdg-dbus-proxy does not get ready")

    def end(self):
        os.close(self.alive)  # which it takes for the end of the application
        self.process.wait(60)


class Relay:
    """socat, which forwards a socket to the session bus; as ssh does, it passes bytes alone."""

    def __init__(self, socket):
        kind, place = re.match(r"unix:(\w+)=([^,]+)", os.environ["DBUS_SESSION_BUS_ADDRESS"]).groups()
        bus = {"path": "UNIX-CONNECT:", "abstract": "ABSTRACT-CONNECT:"}[kind] + place
        self.process = subprocess.Popen(["socat", "-d", "-d", f"UNIX-LISTEN:{socket},fork", bus],
                                        stderr=subprocess.PIPE, start_new_session=True)
        while b"listening" not in self.process.stderr.readline():
            if self.process.poll() is not None:
                raise AssertionError("socat does not start")

    def end(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()


class Forwarded(Case):
    @classmethod
    def setUpClass(cls):
        cls.store = tempfile.mkdtemp(prefix="p11dbus-keys-")
        make_keys(cls.store + "/keys", "ec:p256", "rsa", "ed25519", "locked:rsa:1234")
        for key in "ec", "rsa", "ed25519":
            check("openssl", "pkey", "-in", f"{cls.store}/keys/{key}.key", "-pubout", "-out",
                  f"{cls.store}/keys/{key}.pub")
        cls.bus = Bus()
        cls.service = Service("--keys", cls.store + "/keys")

    @classmethod
    def tearDownClass(cls):
        code = cls.service.end()
        cls.bus.end()
        shutil.rmtree(cls.store)
        if not cls.service.ready or code != 0:
            raise AssertionError(f"serve: exit {code}: {cls.service.said}")

    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.directory, "bus")
        self.env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + self.socket}
        self.write("data", b"some data")
        self.write("pin", b"1234")

    def through(self, code, *words, env=None, before=(), program=P11DBUS):
        """Runs p11dbus, with words before it, on the bus behind self.socket."""
        done = subprocess.run([*before, program, *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env={**os.environ, **self.env, **(env or {})}, check=False)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, code, f"{words}: {said}")
        return done.stdout.decode(), said

    def uses(self, *words, **options):
        """Lists and signs with what is there."""
        self.assertIn("object=ec;type=private", self.through(0, "list", "keys", "--format", "uri",
                                                             **options)[0])
        self.through(0, "sign", "-k", "pkcs11:object=ec", "--force", "data", *words, **options)
        self.assertTrue(openssl_verify(self.store + "/keys/ec.pub", "data.sig", "data"))


class Proxied(Forwarded):
    def proxy(self, *words):
        proxy = Proxy(self.socket, *words)
        self.addCleanup(proxy.end)

    def test_what_the_proxy_lets_through(self):
        self.proxy("--talk=" + NAME)
        self.uses()
        self.through(0, "sign", "-k", "pkcs11:object=locked", "--pin-file", "pin", "--force",
                     "data")
        self.assertTrue(openssl_verify(self.store + "/keys/locked.pub", "data.sig", "data"))

    @unittest.skipUnless(CAN_CONFINE, "nobody may make a namespace here")
    def test_inside_of_a_sandbox(self):
        self.proxy("--talk=" + NAME)
        self.uses(before=[
            "bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/",
            "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run",
            "--ro-bind", BUILD, BUILD, "--bind", self.directory, self.directory,
            "--chdir", self.directory])

    def test_what_the_proxy_does_not_let_through(self):
        self.proxy("--talk=org.example.Another")
        self.through(7, "sign", "-k", "pkcs11:object=ec", "data")


class Relayed(Forwarded):
    def setUp(self):
        super().setUp()
        relay = Relay(self.socket)
        self.addCleanup(relay.end)

    def test_a_service_whose_channels_do_not_arrive_is_not_used_without(self):
        debug = {"P11DBUS_DEBUG": "state,wire"}
        out, said = self.through(0, "list", "tokens", "--json", env=debug)
        self.assertNotIn("label", out)
        self.assertIn("OpenChannel: the reply lost its descriptor on the way", said)
        self.assertIn("channels=no", said)
        self.through(7, "sign", "-k", "pkcs11:object=ec", "data")
        self.assertNotIn("GetManagedObjects", said)

    def test_without_channels_keys_without_login_sign(self):
        without = {"P11DBUS_CHANNELS": "no"}
        self.uses(env=without)
        said = self.through(0, "list", "tokens", env={**without, "P11DBUS_DEBUG": "wire"})[1]
        self.assertIn("GetManagedObjects", said)
        self.assertNotIn("OpenChannel", said)
        with open("data", "wb") as file:
            file.write(os.urandom(3_000_000))
        for key in "rsa", "ed25519":
            self.through(0, "sign", "-k", f"pkcs11:object={key}", "--force", "data", env=without)
            self.assertTrue(openssl_verify(f"{self.store}/keys/{key}.pub", "data.sig", "data"))

    def test_without_channels_a_host_that_logs_in_needlessly_signs(self):
        make_keys("open", "ec:p256")
        service = Service("--keys", "open", "--name", "org.example.Open")
        self.addCleanup(service.end)
        self.assertTrue(service.ready)
        self.through(0, "--module", os.environ["P11DBUS_MODULE_SO"], "--login", "--pin", "0000",
                     "--sign", "--mechanism", "ECDSA-SHA256", "--signature-format", "openssl",
                     "-i", "data", "-o", "signature", program="pkcs11-tool",
                     env={"P11DBUS_NAME": "org.example.Open", "P11DBUS_CHANNELS": "no", **HOST})
        self.write("ec.pub", check("openssl", "pkey", "-in", "open/ec.key", "-pubout"))
        self.assertTrue(openssl_verify("ec.pub", "signature", "data"))

    def test_without_channels_no_pin_leaves(self):
        said = self.through(7, "sign", "-k", "pkcs11:object=locked", "--pin-file", "pin", "data",
                            env={"P11DBUS_CHANNELS": "no", "P11DBUS_DEBUG": "state,wire"})[1]
        self.assertIn("Login is for channels", said)
        self.assertNotIn("Token1.Login", said)


if __name__ == "__main__":
    unittest.main(verbosity=2)
