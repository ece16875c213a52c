# SPDX-License-Identifier: MIT
"""Why nothing is there: each cause is a sentence of its own, with its own next step, for every command
that needs a token of our own module."""

import os
import socket
import subprocess
import threading
import unittest

from harness import NOT_ROOT, Case, needs_containers
from served import Service, make_keys

OWN = os.environ["P11DBUS_MODULE_SO"]
FAKE_SERVICE = os.environ["FAKE_SERVICE"]
POLICY = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path={path}</listen>{more}
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/>{policy}</policy></busconfig>"""
NAME = "org.p11dbus.Tokens1"
NOTHING = {name: "" for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "P11DBUS_BUS",
                                 "P11DBUS_NAME", "P11DBUS_AUTOSTART")}


class Causes(Case):
    said = {}  # the sentences and steps so far: no two causes share one

    def setUp(self):
        super().setUp()
        self.write("data")
        self.env = dict(NOTHING)

    def bus(self, policy="", more=""):
        """A bus of its own, which is the session bus from now on."""
        path = os.path.abspath("bus")
        self.write("bus.conf", POLICY.format(path=path, policy=policy, more=more))
        daemon = subprocess.Popen(
            ["dbus-daemon", "--nofork", "--print-address=1", "--config-file", "bus.conf"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(daemon.stdout.close)
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.kill)
        self.address = daemon.stdout.readline().decode().strip()
        self.env["DBUS_SESSION_BUS_ADDRESS"] = self.address
        return path

    def serve(self, *words, keys=("p256",)):
        make_keys("keys", *keys)
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = self.address
        self.addCleanup(os.environ.pop, "DBUS_SESSION_BUS_ADDRESS")
        service = Service("--keys", "keys", *words)
        self.assertTrue(service.ready)
        self.addCleanup(service.end)

    def assert_cause(self, sentence, step, *words, prefix=(), code=7):
        """Every command says sentence, and step as what to do; they are those of no other cause."""
        words = ("-m", OWN, *words)
        for command in (("sign", "-k", "pkcs11:object=x", "data"),
                        ("verify", "-k", "pkcs11:object=x", "-s", "data", "data"),
                        ("list", "pkcs11:object=x")):
            with self.subTest(command=command, sentence=sentence):
                result = self.expect(code, *command, *words, env=self.env, prefix=prefix)
                said, _, hint = result.err.partition("hint: ")
                self.assertIn(sentence, said)
                self.assertIn(step, hint)
                error = self.expect(code, *command, *words, "--json", env=self.env,
                                    prefix=prefix).json()["error"]
                self.assertIn(sentence, error["message"])
                self.assertIn(step, error["hint"] + "\n")
        if code == 7:  # an empty list is an answer, and says why
            result = self.expect(0, "list", *words, env=self.env, prefix=prefix)
            self.assertIn(sentence, result.err)
            self.assertIn(step, result.err)
            self.assertEqual(self.expect(0, "list", "-q", *words, env=self.env, prefix=prefix).err, "")
        for other, (other_sentence, other_step) in self.said.items():
            if other != self.id():
                self.assertNotEqual((sentence, step), (other_sentence, other_step))
        self.said[self.id()] = (sentence, step)

    def test_no_address(self):
        self.assert_cause("neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR", "/run/user/UID/bus",
                          "--bus", "session")
        self.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=/nonexistent/system"
        self.assert_cause("no message bus is known", "/run/user/UID/bus")
        self.env["DBUS_SESSION_BUS_ADDRESS"] = "tcp:host=localhost,port=1"
        self.assert_cause("DBUS_SESSION_BUS_ADDRESS is tcp:host", "UNIX socket")

    def test_not_reachable(self):
        for where, bus in (("the session bus", {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}),
                           ("the session bus", {"XDG_RUNTIME_DIR": "/nonexistent"}),
                           ("the bus unix:path=/nonexistent", {"P11DBUS_BUS": "unix:path=/nonexistent"}),
                           ("the system bus", {"P11DBUS_BUS": "system", "DBUS_SYSTEM_BUS_ADDRESS":
                                               "unix:path=/nonexistent"})):
            self.env = {**NOTHING, **bus}
            self.assert_cause(f"{where} cannot be reached at /nonexistent", "is it running?")
        self.assert_cause("No such file", "is it running?", "--bus", "unix:path=/nonexistent")
        self.assert_cause("No such file", "is it running?", "--init-reserved",
                          "bus=unix:path=/nonexistent")
        with socket.socket(socket.AF_UNIX) as gone:
            gone.bind("gone")  # and nobody listens
        self.env = {**NOTHING, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={os.path.abspath('gone')}"}
        self.assert_cause("Connection refused", "is it running?")

    def test_no_bus(self):
        """What listens hangs up, as a bus does on users that it does not take, or is none."""
        def answer(listener, text):
            while True:
                try:
                    connection = listener.accept()[0]
                except OSError:
                    return
                with connection:
                    if text:
                        connection.recv(4096)
                        connection.sendall(text)

        for text, said, step in ((b"", "hangs up on uid", "its own user"),
                                 (b"SSH-2.0-x\r\n", "no message bus", "is it running?")):
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(f"at{len(text)}")
                listener.listen()
                thread = threading.Thread(target=answer, args=(listener, text))
                thread.start()
                self.env["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={os.path.abspath(f'at{len(text)}')}"
                self.assert_cause(said, step)
                listener.shutdown(socket.SHUT_RDWR)
                thread.join()

    @needs_containers
    def test_the_bus_refuses_this_user(self):
        path = self.bus(policy='<deny user="*"/>')
        self.assert_cause("hangs up on uid", "policy")
        os.chmod(path, 0)
        self.assert_cause("refuses uid", "policy", prefix=NOT_ROOT)

    def test_the_bus_lets_this_user_not_talk_to_the_service(self):
        self.bus(policy=f'<deny send_destination="{NAME}" send_type="method_call"/>')
        self.serve()
        self.assert_cause("does not let uid", f'send_destination="{NAME}"')

    def test_nobody_owns_the_name(self):
        self.bus()
        self.assert_cause(f"nobody owns {NAME} on the session bus, and nothing there can start it",
                          "start it: p11dbus serve\n")
        self.env["P11DBUS_NAME"] = "org.example.Other"
        self.assert_cause("nobody owns org.example.Other", "--name org.example.Other")
        self.env["P11DBUS_NAME"] = ":1.4711"  # which nobody can ask the bus for
        self.assert_cause("nobody owns :1.4711", "take one that the service owns")
        self.env["P11DBUS_NAME"] = ""
        self.env["P11DBUS_BUS"] = self.address
        self.assert_cause(f"nobody owns {NAME} on the bus {self.address}",
                          f"p11dbus serve --bus '{self.address}'\n")

    def test_nobody_owns_the_name_on_the_system_bus(self):
        self.bus()
        self.env.update(DBUS_SYSTEM_BUS_ADDRESS=self.address, DBUS_SESSION_BUS_ADDRESS="")
        self.assert_cause("on the system bus (the session bus has no address here)",
                          "p11dbus serve --keys DIR --bus system\n")

    def test_what_starts_it_fails(self):
        os.mkdir("services")
        self.write(f"services/{NAME}.service", f"[D-BUS Service]\nName={NAME}\nExec=/bin/false\n",
                   mode=0o644)
        self.bus(more=f"<servicedir>{os.path.abspath('services')}</servicedir>")
        self.assert_cause(f"the session bus cannot start {NAME}", "log")
        self.env["P11DBUS_AUTOSTART"] = "no"
        self.assert_cause("which may not start it (autostart=no)", "p11dbus serve")

    def test_a_service_without_tokens(self):
        self.bus()
        fake = subprocess.Popen([FAKE_SERVICE, self.address, "log", "token=no", "channels=no"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(fake.wait)
        self.addCleanup(fake.kill)
        for stream in (fake.stdin, fake.stdout):
            self.addCleanup(stream.close)
        self.assertEqual(fake.stdout.readline(), b"ok\n")
        self.assert_cause(f"{NAME} on the session bus runs and has no tokens", "serve -v")
        self.env["P11DBUS_NAME"] = "org.freedesktop.DBus"
        self.assert_cause("org.freedesktop.DBus on the session bus answers", "org.p11dbus.Tokens1")

    def test_a_token_with_nothing_in_it_says_where_to_read_on(self):
        self.bus()
        self.serve(keys=())
        words = ("list", "-m", OWN)
        for more in ((), ("pkcs11:token=keys",)):
            said = self.expect(0, *words, *more, env=self.env).err
            self.assertIn("no key and no certificate is there\n", said)
            self.assertIn("p11dbus-serve(1)", said)
        for more in (("tokens",), ("keys",), ("--json",), ("--quiet",)):
            self.assertEqual(self.expect(0, *words, *more, env=self.env).err, "")
        make_keys("keys", "ed25519")
        self.assertEqual(self.expect(0, *words, env=self.env).err, "")

    def test_a_mistake_in_the_settings_asks_nobody(self):
        """A service that would be asked without the setting is there, with the key of that name."""
        self.bus()
        self.serve()
        os.rename("keys/p256.key", "keys/x.key")
        for setting in ({"P11DBUS_NAME": "bad..name"}, {"P11DBUS_AUTOSTART": "perhaps"},
                        {"P11DBUS_BUS": "nonsense"}):
            name, value = next(iter(setting.items()))
            self.env = {**NOTHING, "DBUS_SESSION_BUS_ADDRESS": self.address, **setting}
            self.assert_cause(f"{name}: {value}", "p11dbus-module.conf", code=2)
            self.expect(2, "list", "-m", OWN, env=self.env)
            self.expect(2, "smoke", OWN, "--check", "info-strings", env=self.env)
        self.env = {**NOTHING, "DBUS_SESSION_BUS_ADDRESS": self.address}
        self.assert_cause("reserved string: ", "p11dbus-module.conf", "--init-reserved",
                          "name=bad..name", code=2)
        self.assertFalse(os.path.exists("data.sig"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
