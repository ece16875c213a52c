# SPDX-License-Identifier: MIT
"""Modules by the name that p11-kit has configured, and what they are told when they are initialised.

The oracle is p11-kit: its proxy module loads what is configured into the same program, and the module
that is loaded writes down what it was told."""

import os
import shutil
import unittest

from harness import KEYS, NOT_ROOT, RUDE, SOFTHSM, Case, Token, check, main, needs_containers

token = Token({"p256": KEYS["p256"]}) if SOFTHSM else None
SOFTOKEN = next((path for path in ("/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
                                   "/usr/lib64/libsoftokn3.so", "/usr/lib/libsoftokn3.so")
                 if os.path.exists(path)), None)


def proxy():
    """The path of p11-kit's proxy module."""
    return check("pkg-config", "--variable=proxy_module", "p11-kit-1").decode().strip()


@needs_containers
class Configured(Case):
    """Files of p11-kit in three places: the user's, the machine's, the packages'."""

    def setUp(self):
        super().setUp()
        for place in ("user", "machine", "packages"):
            os.makedirs(f"{place}/pkcs11/modules")
        self.env = {"XDG_CONFIG_HOME": os.path.abspath("user"), "RUDE_MODULE": SOFTHSM,
                    "RUDE_RESERVED": os.path.abspath("reserved"), "HOME": self.directory}
        self.root = False

    def configure(self, place, text, name="mine"):
        self.write(f"{place}/pkcs11/modules/{name}.module", text)

    def prefix(self):
        """The machine with these files, for a user who is not root unless that is asked for."""
        config = check("pkg-config", "--variable=sysconfdir", "p11-kit-1").decode().strip()
        packages = check("pkg-config", "--variable=p11_module_configs", "p11-kit-1").decode().strip()
        uid = "0" if self.root else "4711"
        return ("bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", uid, "--gid", uid,
                "--bind", os.path.abspath("machine"), config,
                "--bind", os.path.abspath("packages/pkcs11/modules"), packages)

    def told(self, code, *words):
        """What the module was told, line by line; the result."""
        if os.path.exists("reserved"):
            os.remove("reserved")
        result = self.expect(code, *words, env=self.env, prefix=self.prefix())
        if not os.path.exists("reserved"):
            return [], result
        return self.read("reserved").decode().splitlines(), result

    def assert_told(self, expected):
        """What list -m mine tells the module is expected, and what p11-kit tells it."""
        told, result = self.told(0, "list", "-m", "mine", "--json")
        self.assertEqual(told, [expected], result)
        by_p11_kit, result = self.told(0, "list", "-m", proxy(), "--json")
        self.assertEqual(by_p11_kit, [expected], result)

    def assert_not_loaded(self, code, text):
        """Neither here nor by p11-kit."""
        told, result = self.told(code, "list", "-m", "mine")
        self.assertEqual(told, [])
        self.assertIn(text, result.err)
        self.assertIn("hint: ", result.err)
        self.assertEqual(self.told(code, "list", "-m", "mine", "--json")[1].json()["error"]["code"],
                         code)
        by_p11_kit = self.run_p11dbus("list", "-m", proxy(), env=self.env, prefix=self.prefix())
        self.assertFalse(os.path.exists("reserved"), by_p11_kit)

    def test_what_is_configured_is_told(self):
        for text, told in (
                ("x-init-reserved: a='b c' d=\"e\"", "a='b c' d=\"e\""),
                ("x-init-reserved :   blanks  around \t ", "blanks  around"),
                ("x-init-reserved: no # comment", "no # comment"),
                ("x-init-reserved: 'quoted'", "'quoted'"),
                ("x-init-reserved: with: colons", "with: colons"),
                ("  # x-init-reserved: comment\n\n x-init-reserved: this\r", "this"),
                ("x-init-reserved: one\nx-init-reserved: two", "two"),
                ("x-init-reserved:", "")):
            with self.subTest(text=text):
                self.configure("machine", f"module: {RUDE}\npriority: 1\n{text}\n")
                self.assert_told(f'"{told}"')
        self.configure("machine", f"# a comment\npriority: 1\n module :  {RUDE}  \n")
        self.assert_told("nothing")

    def test_files_of_one_name_are_merged(self):
        self.configure("packages", f"module: {RUDE}\nx-init-reserved: package\n")
        self.assert_told('"package"')
        self.configure("machine", "x-init-reserved: machine\n")
        self.assert_told('"machine"')
        self.configure("user", "x-init-reserved: user\n")
        self.assert_told('"user"')
        self.root = True
        self.assert_told('"machine"')
        self.root = False
        self.env["P11_KIT_NO_USER_CONFIG"] = "1"
        self.assert_told('"machine"')

    def test_user_config(self):
        self.configure("machine", f"module: {RUDE}\nx-init-reserved: machine\n")
        self.configure("user", "x-init-reserved: user\n")
        for machine, user, told in (("none", None, "machine"), ("merge", None, "user"),
                                    ("none", "merge", "machine"), (None, "none", "machine")):
            with self.subTest(machine=machine, user=user):
                for place, mode in (("machine", machine), ("user", user)):
                    self.write(f"{place}/pkcs11/pkcs11.conf",
                               f"user-config: {mode}\n" if mode else "# nothing\n")
                self.assert_told(f'"{told}"')
        self.write("machine/pkcs11/pkcs11.conf", "user-config: only\n")
        self.write("user/pkcs11/pkcs11.conf")
        self.assert_not_loaded(7, "module is empty")
        self.configure("user", f"module: {RUDE}\n")
        self.assert_told("nothing")
        self.write("machine/pkcs11/pkcs11.conf", "user-config: never\n")
        self.assert_not_loaded(3, "never")

    def test_what_p11_kit_does_not_load_here_is_not_loaded(self):
        self.configure("machine", f"module: {RUDE}\n")
        for text, said in (("enable-in: firefox, ssh", "enable-in: firefox, ssh"),
                           ("disable-in: firefox p11dbus", "disable-in"), ("module:", "is empty")):
            with self.subTest(text=text):
                self.configure("user", text + "\n")
                self.assert_not_loaded(7, said)
        for text in ("enable-in: ssh,p11dbus", "disable-in: p11dbus2, ssh"):
            self.configure("user", text + "\n")
            self.assert_told("nothing")
        self.configure("user", "remote: |false\n")
        self.assertIn("in another process", self.told(7, "list", "-m", "mine")[1].err)

    def test_files_that_are_none(self):
        for text in ("module", "[section]", "-----BEGIN CERTIFICATE-----"):
            self.configure("machine", f"# first\n{text}\n")
            self.assert_not_loaded(3, "line 2")

    def test_what_is_typed_counts_first(self):
        self.configure("machine", f"module: {RUDE}\nx-init-reserved: configured\n")
        for words, told in (((), '"configured"'), (("--init-reserved", "typed"), '"typed"'),
                            (("--init-reserved", ""), '""')):
            self.assertEqual(self.told(0, "list", "-m", "mine", *words)[0], [told])
            # In the process before all checks, and in that of the check.
            self.assertEqual(self.told(0, "smoke", "mine", "--check", "info-strings", *words)[0],
                             [told, told])
        self.assertIn("not both", self.told(2, "list", "-m", "mine", "--init-reserved", "typed",
                                            "--bus", "session")[1].err)

    def test_every_command_tells_it(self):
        self.write("data", b"some data")
        key = ("-k", "pkcs11:token=demo;object=p256")
        for words in (("list",), ("sign", *key, "--pin-file", token.pin_file, "data"),
                      ("verify", *key, "-s", "data.sig", "data")):
            told, _ = self.told(0, *words, "-m", RUDE, "--init-reserved", "a 'b' c")
            self.assertEqual(told, ["\"a 'b' c\""])


@needs_containers
class Own(Case):
    """Our own module takes words, of which --bus adds one."""

    def test_bus_beside_what_is_configured(self):
        os.makedirs("config/pkcs11/modules")
        own = os.environ["P11DBUS_MODULE_SO"]
        env = {"XDG_CONFIG_HOME": os.path.abspath("config"), "P11DBUS_DEBUG": "all"}
        for reserved, code in (("autostart=no # comment", 0), ("name=org.example.X", 0),
                               ("bus=session", 2), ("nonsense", 2)):
            self.write("config/pkcs11/modules/mine.module",
                       f"module: {own}\nx-init-reserved: {reserved}\n")
            result = self.run_p11dbus("list", "-m", "mine", "--bus", "unix:path=/nonexistent",
                                      env=env, prefix=NOT_ROOT)
            self.assertEqual(result.code == 2, code == 2, result)
            self.assertEqual("x-init-reserved" in result.err, code == 2)
        self.write("config/pkcs11/modules/mine.module", f"module: {own}\nx-init-reserved: nonsense\n")
        for words in (("-m", "mine"), ("-m", own, "--init-reserved", "nonsense")):
            result = self.expect(2, "list", *words, env=env, prefix=NOT_ROOT)
            self.assertIn("reserved string: ", result.err)


class Untold(Case):
    """Older releases of NSS's module refuse to start untold; newer ones show empty tokens."""

    def test_a_module_that_needs_to_be_told_says_so(self):
        env = {"RUDE": "wants-reserved", "RUDE_MODULE": SOFTHSM}
        self.assertIn("--init-reserved", self.expect(7, "list", "-m", RUDE, env=env).err)
        self.expect(0, "list", "-m", RUDE, "--init-reserved", "any", env={**env, "RUDE_RESERVED": "told"})


@unittest.skipUnless(SOFTOKEN and shutil.which("certutil"), "NSS is not installed")
class Softoken(Case):
    """NSS's module needs to be told where its database is."""

    def setUp(self):
        super().setUp()
        for name in ("one", "two"):
            os.mkdir(name)
            check("certutil", "-N", "-d", f"sql:{name}", "--empty-password")
            check("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                  "-out", f"{name}.key")
            check("openssl", "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}",
                  "-out", f"{name}.crt")
            check("openssl", "pkcs12", "-export", "-inkey", f"{name}.key", "-in", f"{name}.crt",
                  "-name", "web", "-passout", "pass:x", "-out", f"{name}.p12")
            check("pk12util", "-i", f"{name}.p12", "-d", f"sql:{name}", "-W", "x")
        self.write("data", b"some data")

    def told(self, name):
        return ("-m", SOFTOKEN, "--init-reserved",
                f"configdir='sql:{os.path.abspath(name)}' certPrefix='' keyPrefix='' secmod='secmod.db'")

    def test_each_database_signs_with_its_key(self):
        key = "pkcs11:token=NSS%20Certificate%20DB;object=web"
        for name, other in (("one", "two"), ("two", "one")):
            self.assertIn(f"subject CN={name}".encode(),
                          self.expect(0, "list", *self.told(name)).out)
            self.expect(0, "sign", *self.told(name), "-k", key, "--force", "data")
            self.expect(0, "verify", *self.told(name), "-k", key, "-s", "data.sig", "data")
            self.expect(0, "verify", "--cert", f"{name}.crt", "-s", "data.sig", "data")
            self.expect(1, "verify", "--cert", f"{other}.crt", "-s", "data.sig", "data")
            self.expect(0, "smoke", *self.told(name), "--check", "exit-*", "--no-input")


if __name__ == "__main__":
    main()
