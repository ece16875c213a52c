# SPDX-License-Identifier: MIT
"""With any module: SoftHSM, OpenSC, p11-kit's proxy and client, and our own. Each is listed, signed
with where its tokens have keys, and never closed: a preloaded counter sees what every library of the
process opens and closes."""

import os
import shutil
import subprocess
import tempfile
import unittest

from harness import KEYS, SOFTHSM, Case, Token, check
from served import Bus, Service, make_keys

COUNTER = os.environ["DLCLOSE_COUNTER_SO"]
OWN = os.environ["P11DBUS_MODULE_SO"]
PRELOAD = os.environ.get("HOST_PRELOAD")  # a sanitizer's library wants to be the first


def module_of_p11_kit(name):
    """The path of a module that packages put beside p11-kit's own, or None."""
    directory = check("pkg-config", "--variable=p11_module_path", "p11-kit-1").decode().strip()
    places = (directory, os.path.dirname(directory))
    return next((path for path in (os.path.join(place, name) for place in places)
                 if os.path.exists(path)), None)


def preloaded():
    return " ".join(filter(None, (PRELOAD, COUNTER)))


class Counted(Case):
    """Runs p11dbus with the counter; what it saw is in self.opened and self.closed."""

    def run_p11dbus(self, *words, env=None, **options):
        log = os.path.abspath("dl.log")
        result = super().run_p11dbus(*words, env={**(env or {}), "LD_PRELOAD": preloaded(),
                                                  "DLCLOSE_LOG": log}, **options)
        lines = []
        if os.path.exists(log):
            with open(log, encoding="utf-8") as file:
                lines = file.read().splitlines()
            os.unlink(log)
        self.opened = [line[5:] for line in lines if line.startswith("open ")]
        self.closed = [line[6:] for line in lines if line.startswith("close ")]
        return result


class Module:
    """What holds for any module. A class below says which one it is."""

    module = None
    env = {}
    token = None  # the label of a token with keys, if there is one
    pin = ()  # what logs in to it
    keys = ()
    nothing_found = 4  # the exit code

    def setUp(self):
        if not self.module:
            self.skipTest("not installed")
        super().setUp()
        self.write("data", os.urandom(300_000))

    def expect(self, code, *words, **options):
        """A run with the module, which must be opened and never closed."""
        words = [words[0], "-m", self.module, *words[1:]]
        result = super().expect(code, *words, env=self.env, **options)
        self.assert_kept()
        return result

    def assert_kept(self):
        mapped = os.path.realpath(self.module)
        self.assertIn(mapped, [os.path.realpath(name) for name in self.opened])
        self.assertNotIn(mapped, [os.path.realpath(name) for name in self.closed])

    def sign(self, code, key, *words, **options):
        return self.expect(code, "sign", "-k", f"pkcs11:token={self.token};object={key}",
                           *self.pin, *words, **options)

    def test_list(self):
        for word in ("tokens", "keys", "certs", "objects", "mechanisms"):
            self.expect(0, "list", word)
            self.expect(0, "list", word, "--json").json()
        table = self.expect(0, "list").out.decode()
        tokens = self.expect(0, "list", "--json").json()["tokens"]
        self.assertEqual(table.count("Token "), len(tokens))
        for one in tokens:
            self.assertIn(one["uri"], table)
            self.expect(0, "list", one["uri"])
        if self.token:
            self.assertIn(self.token, [one["label"] for one in tokens])
            objects = self.expect(0, "list", "--login", "--token", self.token, *self.pin,
                                  "--json").json()["tokens"][0]["objects"]
            self.assertLessEqual(set(self.keys), {entry["label"] for entry in objects})

    def test_sign_and_verify(self):
        for key in self.keys:
            for encoding in ("der", "raw") if key.startswith("p") else ("der",):
                with self.subTest(key=key, encoding=encoding):
                    self.sign(0, key, "-f", encoding, "--force", "data")
                    self.check_signature(key)
                    self.check_signature_in_json(key, encoding)
            if self.can_be_seen(key):
                self.sign(0, key, "--force", "data")
                self.expect(0, "verify", "-k", f"pkcs11:token={self.token};object={key}", "-s",
                            "data.sig", "data")
                self.expect(1, "verify", "-k", f"pkcs11:token={self.token};object={key}", "-s",
                            "data.sig", stdin=b"other data")

    def test_every_format(self):
        if not self.keys:
            self.skipTest("no keys")
        answer = Case.expect(self, 0, "complete", "--", "sign", "-f", "").out.decode()
        formats = answer.split()[1:]  # behind what the shell is to complete besides
        self.assertIn("der", formats)
        check("openssl", "req", "-x509", "-new", "-key", self.private("p256"), "-subj", "/CN=x",
              "-out", "crt")
        more = {"cms": ["--cert", "crt"], "ssh": ["-n", "file"]}
        for encoding in formats:
            with self.subTest(encoding=encoding):
                self.sign(0, "p256", "-f", encoding, *more.get(encoding, []), "-o", "out", "--force",
                          "data")

    def test_completion(self):
        out = self.run_p11dbus("complete", "--", "list", "-m", self.module, "", env=self.env).out
        self.assert_kept()
        self.assertEqual(b"pkcs11:token=" in out, bool(self.token))

    def check_signature(self, key):
        Case.expect(self, 0, "verify", "--pubkey", self.public(key), "-s", "data.sig", "data")
        self.assertEqual((self.opened, self.closed), ([], []))

    def check_signature_in_json(self, key, encoding):
        results = self.sign(0, key, "-f", encoding, "--force", "--json", "data").json()["results"]
        self.assertEqual((results[0]["format"], results[0]["out"]), (encoding, "data.sig"))
        self.check_signature(key)

    def can_be_seen(self, key):
        return key in self.keys

    def test_errors(self):
        for words in (["list", "pkcs11:token=none"],
                      ["sign", "-k", "pkcs11:token=none;object=none", "data"],
                      ["verify", "-k", "pkcs11:token=none;object=none", "-s", "data", "data"]):
            with self.subTest(words=words):
                self.assertEqual(self.expect(self.nothing_found, *words).out, b"")
                error = self.expect(self.nothing_found, *words, "--json").json()["error"]
                self.assertTrue(error["hint"])
        if self.token:
            self.assertEqual(self.sign(4, "none", "data").out, b"")
            self.sign(9, self.keys[0], "-a", "ed25519", "data")
            self.sign(3, self.keys[0], "missing")
        self.assertEqual(os.listdir("."), ["data"])


@unittest.skipUnless(SOFTHSM, "SoftHSM is not installed")
class SoftHsm(Module, Counted):
    module = SOFTHSM
    token = "demo"
    keys = ("rsa", "p256", "ed25519")

    @classmethod
    def setUpClass(cls):
        if not hasattr(SoftHsm, "softhsm"):
            SoftHsm.softhsm = Token({name: KEYS[name] for name in SoftHsm.keys})
            SoftHsm.pin = ("--pin-file", SoftHsm.softhsm.pin_file)

    def public(self, key):
        return self.softhsm.public(key)

    def private(self, key):
        return self.softhsm.path(key + ".key")

    def test_wrong_pin(self):
        self.write("wrong", "654321\n")
        for words in (["sign", "-k", "pkcs11:token=demo;object=rsa", "data"], ["list", "--login"]):
            words += ["--token", "demo", "--pin-file", "wrong"]
            self.assertEqual(self.expect(6, *words).out, b"")
            self.assertEqual(self.expect(6, *words, "--json").json()["error"]["ckr"],
                             "CKR_PIN_INCORRECT")


class P11KitProxy(SoftHsm):
    """All modules that p11-kit has configured behind one; SoftHSM's is among them."""

    module = module_of_p11_kit("p11-kit-proxy.so")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = tempfile.mkdtemp(prefix="p11dbus-p11-kit-")
        cls.addClassCleanup(shutil.rmtree, cls.config)
        os.makedirs(f"{cls.config}/pkcs11/modules")
        with open(f"{cls.config}/pkcs11/modules/softhsm2.module", "w", encoding="utf-8") as file:
            file.write(f"module: {SOFTHSM}\n")
        cls.env = {"XDG_CONFIG_HOME": cls.config}


class P11KitClient(SoftHsm):
    """A token that `p11-kit server` forwards over a socket."""

    module = module_of_p11_kit("p11-kit-client.so")
    keys = ("rsa", "p256")

    def test_what_it_does_not_forward(self):
        self.assertIn("CKR_MECHANISM_INVALID", self.sign(9, "ed25519", "data").err)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        directory = tempfile.mkdtemp(prefix="p11dbus-p11-kit-")
        cls.addClassCleanup(shutil.rmtree, directory)
        server = subprocess.Popen(
            ["p11-kit", "server", "--foreground", "--provider", SOFTHSM, "--name",
             f"{directory}/socket", "pkcs11:token=demo"], stdout=subprocess.PIPE)
        cls.addClassCleanup(server.stdout.close)
        cls.addClassCleanup(server.wait)
        cls.addClassCleanup(server.terminate)
        server.stdout.readline()  # what it says once it listens
        cls.env = {"P11_KIT_SERVER_ADDRESS": f"unix:path={directory}/socket"}


class P11KitClientWithoutServer(Module, Counted):
    module = module_of_p11_kit("p11-kit-client.so")
    env = {"P11_KIT_SERVER_ADDRESS": "unix:path=/nonexistent/socket"}


class OpenSc(Module, Counted):
    """No reader is plugged in here, or none with a card whose keys are ours."""

    module = module_of_p11_kit("opensc-pkcs11.so")


class Own(Module, Counted):
    module = OWN
    token = "keys"
    keys = ("rsa", "p256", "ed25519")

    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix="p11dbus-keys-")
        cls.addClassCleanup(shutil.rmtree, directory)
        cls.key_directory = os.path.join(directory, "keys")
        make_keys(cls.key_directory, *cls.keys)
        for key in cls.keys:
            check("openssl", "pkey", "-in", f"{cls.key_directory}/{key}.key", "-pubout", "-out",
                  f"{directory}/{key}.pub")
        cls.publics = directory
        bus = Bus()
        cls.addClassCleanup(bus.end)
        service = Service("--keys", cls.key_directory)
        cls.addClassCleanup(service.end)
        cls.env = {"DBUS_SESSION_BUS_ADDRESS": bus.address}

    def public(self, key):
        return f"{self.publics}/{key}.pub"

    def private(self, key):
        return f"{self.key_directory}/{key}.key"


class OwnWithoutService(Module, Counted):
    module = OWN
    env = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    nothing_found = 7  # the service may well have it


class NoModule(Counted):
    """What needs no module loads none."""

    def assert_nothing_opened(self, result):
        self.assertEqual((self.opened, self.closed), ([], []), result)

    def test_help_and_version(self):
        for words in ([], ["list"], ["sign"], ["verify"], ["serve"]):
            self.assert_nothing_opened(self.expect(0, *words, "--help"))
        self.assert_nothing_opened(self.expect(0, "--version"))

    def test_usage_errors(self):
        for words in (["sign"], ["sign", "-k", "nonsense"], ["verify"], ["list", "nonsense"]):
            self.assert_nothing_opened(self.expect(2, *words))

    def test_verify_with_a_key_in_a_file(self):
        check("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
              "-out", "key")
        check("openssl", "pkey", "-in", "key", "-pubout", "-out", "pub")
        check("openssl", "req", "-x509", "-new", "-key", "key", "-subj", "/CN=x", "-out", "crt")
        self.write("data", b"some data")
        check("openssl", "dgst", "-sha256", "-sign", "key", "-out", "sig", "data")
        for key in (["--pubkey", "pub"], ["--cert", "crt"]):
            self.assert_nothing_opened(self.expect(0, "verify", *key, "-s", "sig", "data"))
            self.assert_nothing_opened(self.expect(1, "verify", *key, "-s", "sig", "key"))

    def test_the_counter_counts(self):
        """Or all this would show nothing: pkcs11-tool opens a module and closes it."""
        module = module_of_p11_kit("opensc-pkcs11.so") or SOFTHSM
        subprocess.run(["pkcs11-tool", "--module", module, "--list-slots"], check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       env={**os.environ, "LD_PRELOAD": preloaded(),
                            "DLCLOSE_LOG": os.path.abspath("dl.log")})
        with open("dl.log", encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.assertIn("open " + module, lines)
        self.assertIn("close " + module, lines)


if __name__ == "__main__":
    unittest.main(verbosity=2)
