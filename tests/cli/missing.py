# SPDX-License-Identifier: MIT
"""Where there is no bus, no service, or no directory that it could serve."""

import os
import shutil
import subprocess
import unittest
from unittest import mock

from harness import P11DBUS, Case
from served import Bus, Service, make_keys


class Missing(Case):
    """Failures before there is a service."""

    def test_no_service_is_7_with_a_hint(self):
        bus = Bus()
        self.addCleanup(bus.end)
        self.write("data")
        result = self.expect(7, "sign", "-k", "pkcs11:object=rsa", "data")
        self.assertIn("p11dbus serve", result.err)
        self.assertEqual(self.expect(0, "list", "--json").json(), {"schema": 1, "tokens": [], "errors": []})

    def test_no_bus(self):
        self.write("data")
        env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
        self.expect(7, "sign", "-k", "pkcs11:object=rsa", "data", env=env)
        for words in ([], ["--bus", "unix:path=/nonexistent/too"]):
            result = self.expect(7, "serve", "--keys", ".", *words, env=env)
            self.assertIn("dbus-run-session", result.err)
            self.assertIn("--bus", result.err)
        result = self.expect(7, "sign", "-k", "pkcs11:object=rsa", "data",
                             env={**env, "P11DBUS_DEBUG": "state"})
        self.assertIn("the bus cannot be reached", result.err)

    def test_no_session(self):
        outside = {name: value for name, value in os.environ.items()
                   if name not in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "XDG_RUNTIME_DIR")}
        with mock.patch.dict(os.environ, outside, clear=True):
            result = self.expect(7, "serve", "--keys", ".")
        self.assertIn("the session bus cannot be found: DBUS_SESSION_BUS_ADDRESS is not set",
                      result.err)
        self.assertIn("dbus-run-session", result.err)

    def test_a_bus_that_is_none_is_2(self):
        self.write("data")
        for bus in ("nonsense", "sesion", "unix:", "tcp:host=localhost,port=1"):
            self.assertIn(bus, self.expect(2, "list", "--bus", bus).err)

    def test_a_directory_that_is_not_there_or_is_none(self):
        self.write("data")
        for keys in ("nothing", "data"):
            self.assertIn(keys, self.expect(3, "serve", "--keys", keys).err)

    def test_a_directory_that_everybody_may_write_to(self):
        os.mkdir("some keys")
        for mode in (0o777, 0o1777, 0o702):
            os.chmod("some keys", mode)
            result = self.expect(3, "serve", "--keys", "some keys")
            self.assertIn(f"mode {mode:04o}", result.err)
            self.assertIn("chmod o-w 'some keys'", result.err)

    def test_a_directory_that_its_group_may_write_to_is_said(self):
        bus = Bus()
        self.addCleanup(bus.end)
        os.mkdir("keys")
        for mode in (0o770, 0o755):
            os.chmod("keys", mode)
            service = Service("--keys", "keys")
            self.assertTrue(service.ready)
            self.assertEqual(service.end(), 0)
            self.assertEqual("chmod g-w" in service.said, mode == 0o770, service.said)

    def test_directories_of_one_name(self):
        for name in ("a", "b"):
            os.makedirs(f"{name}/keys", 0o700)
        os.symlink("b/keys", "other")
        # What a PKCS#11 label, or a string on D-Bus, does not tell apart.
        long = "a name of a directory of 32 byte"
        for name in ("a/keys ", f"a/{long}1", f"b/{long}2", b"a/k\xe9", b"b/k\xe8"):
            os.mkdir(name, 0o700)
        for first, second, text in (("a/keys", "b/keys", "rename one"),
                                    ("a/keys", "other", "rename one"),
                                    ("a/keys", "a/keys", "once"), ("a/keys", "a/keys/", "once"),
                                    ("b/keys", "other", "once"),
                                    ("a/keys", "a/keys ", "rename one"),
                                    (f"a/{long}1", f"b/{long}2", "rename one"),
                                    (b"a/k\xe9", b"b/k\xe8", "rename one")):
            with self.subTest(first=first, second=second):
                result = self.expect(2, "serve", "--keys", first, "--keys", second)
                if isinstance(first, str):
                    self.assertIn(f"{first} and {second} ", result.err)
                self.assertIn(text, result.err)

    def tokens(self):
        return [one["label"] for one in self.expect(0, "list", "--json").json()["tokens"]]

    def serve(self, *words):
        """Runs the service, with a token for its user's keys; returns what it said."""
        service = Service(*words)
        self.assertTrue(service.ready)
        self.assertEqual(self.tokens(), ["p11dbus"])
        self.assertEqual(service.end(), 0)
        return service.said

    def test_the_directory_of_the_user_is_made_for_the_user_alone(self):
        bus = Bus()
        self.addCleanup(bus.end)
        home = os.path.join(self.directory, "home")
        os.mkdir(home)
        for data, below in (("", ".local/share/p11dbus/keys"), (f"{home}/data", "data/p11dbus/keys")):
            variables = {"HOME": home, "XDG_DATA_HOME": data}
            with self.subTest(below=below), mock.patch.dict(os.environ, variables):
                self.assertIn(f"serving {home}/{below} on the session bus", self.serve())
                steps = below.split("/")
                for count in range(1, len(steps) + 1):
                    mode = os.stat(os.path.join(home, *steps[:count])).st_mode
                    self.assertEqual(mode & 0o7777, 0o700)
                self.serve()  # once it is there
                # The name is the directory's, however it is served.
                self.serve("--keys", f"{home}/{below}")

    def test_a_directory_of_the_user_that_cannot_be(self):
        home = os.path.join(self.directory, "home")
        os.makedirs("home/.local/share/p11dbus/keys")
        os.chmod("home/.local/share/p11dbus/keys", 0o707)
        self.write("file")
        bad = (  # exit code, what is said, HOME, XDG_DATA_HOME
            (2, "neither XDG_DATA_HOME nor HOME", "", ""),
            (2, "neither XDG_DATA_HOME nor HOME", "home", "data"),
            (3, f"cannot make the directory for keys {self.directory}/file/.local/share/p11dbus/keys: "
             "Not a directory", os.path.join(self.directory, "file"), ""),
            (3, "everybody may put keys into it (mode 0707)", home, ""),
        )
        for code, text, user, data in bad:
            with self.subTest(home=user, data=data):
                result = self.expect(code, "serve", env={"HOME": user, "XDG_DATA_HOME": data})
                self.assertIn(text, result.err)

    def test_the_directory_of_another_user(self):
        home = os.path.join(self.directory, "home")
        os.mkdir(home)
        if os.getuid() == 0:
            os.chown(home, 12345, 12345)
        else:
            home = "/usr/share"
        result = self.expect(3, "serve", env={"HOME": home, "XDG_DATA_HOME": ""})
        self.assertIn("belongs to the user with id " + str(os.stat(home).st_uid), result.err)
        self.assertIn("run the service as that user", result.err)
        self.assertFalse(os.path.exists(f"{home}/.local"))

    def test_usage_of_serve(self):
        for words in (["--keys", ".", "extra"], ["--keys", ".", "--ready-fd", "77"],
                      ["--keys", ".", "--ready-fd", "x"], ["--keys="]):
            self.expect(2, "serve", *words)
        os.mkdir("keys", 0o700)
        for option, values in (("--name", ("", "bad..name", "nodots", ":1.5", "a.b c")),
                               ("--bus", ("", "nonsense", "sesion", "/run/bus"))):
            for value in values:
                with self.subTest(option=option, value=value):
                    result = self.expect(2, "serve", "--keys", "keys", f"{option}={value}")
                    self.assertIn(f'"{value}"', result.err)
                    self.assertIn("hint: ", result.err)


class Parts(Case):
    """Programs that belong to the service and are not there, in a tree like the one that was built."""

    def expect_missing(self, name, reason):
        done = subprocess.run(["cli/p11dbus", "serve", "--keys", "keys"], stderr=subprocess.PIPE,
                              check=False, encoding="utf-8")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertRegex(done.stderr, f"^p11dbus: cannot serve: .*/{name} cannot be run: {reason}\n"
                                      "  hint: it belongs to p11dbus; install that again\n$")

    def test_they_are_named(self):
        for directory in ("keys", "cli", "lib/service"):
            os.makedirs(directory, 0o700)
        shutil.copy(P11DBUS, "cli")
        self.write("lib/service/p11dbus-supervisor", "", 0o600)
        self.expect_missing("p11dbus-supervisor", "Permission denied")
        shutil.copy(os.path.join(os.path.dirname(P11DBUS), "../lib/service/p11dbus-supervisor"),
                    "lib/service")
        self.expect_missing("p11dbus-keys", "No such file or directory")


class Surroundings(Case):
    def setUp(self):
        super().setUp()
        make_keys("keys", "p256")

    def test_the_end_of_the_bus_is_told_as_that(self):
        bus = Bus()
        service = Service("--keys", "keys")
        self.assertTrue(service.ready)
        bus.end()
        service.process.wait(60)
        self.assertEqual(service.end(), 7)
        self.assertIn("the service ends: the message bus has ended\n", service.said)
        self.assertIn("hint: ", service.said)

    def test_an_empty_address_is_none_as_it_is_for_clients(self):
        bus = Bus(f"--address=unix:path={os.getcwd()}/bus")
        self.addCleanup(bus.end)
        with mock.patch.dict(os.environ, DBUS_SESSION_BUS_ADDRESS="", XDG_RUNTIME_DIR=os.getcwd()):
            service = Service("--keys", "keys")
            self.assertTrue(service.ready)
            self.expect(0, "list", "pkcs11:token=keys")
            self.assertEqual(service.end(), 0)

    def test_a_directory_without_its_option_is_2_and_names_it(self):
        self.assertIn("--keys DIR", self.expect(2, "serve", "keys").err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
