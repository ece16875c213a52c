# SPDX-License-Identifier: MIT
"""The whole path: key directory, service, private bus, our own module, command line."""

import os
import re
import resource
import shutil
import subprocess
import tempfile
import unittest

from harness import Case, check, host_environment, openssl_verify
from served import Bus, Service, make_keys

KEYS = {"rsa": "sha256", "p256": "sha256", "p384": "sha384", "p521": "sha512",
        "secp256k1": "sha256", "ed25519": None, "ed448": None}


def worker_of(pid):
    """The words of the first worker of the service."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                parent = stat.read().rpartition(")")[2].split()[1]
            with open(f"/proc/{entry}/cmdline", "rb") as line:
                words = line.read().rstrip(b"\0").split(b"\0")
        except OSError:
            continue
        if parent == str(pid):
            return words
    return []


class Served(Case):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.mkdtemp(prefix="p11dbus-keys-")
        cls.key_directory = os.path.join(cls.keys, "keys")
        locked = os.path.join(cls.keys, "locked")
        make_keys(cls.key_directory, *KEYS)
        make_keys(locked, "secret:p256:open sesame")
        for key in KEYS:
            check("openssl", "pkey", "-in", f"{cls.key_directory}/{key}.key", "-pubout", "-out",
                  f"{cls.keys}/{key}.pub")
        shutil.copy(f"{locked}/secret.pub", f"{cls.keys}/secret.pub")
        cls.bus = Bus()
        cls.service = Service("--keys", cls.key_directory, "--keys", locked)

    @classmethod
    def tearDownClass(cls):
        cls.service.end_well()
        cls.bus.end()
        shutil.rmtree(cls.keys)
        if "serving " + cls.key_directory not in cls.service.said:
            raise AssertionError(f"serve does not say what it serves: {cls.service.said}")

    def setUp(self):
        super().setUp()
        self.write("data", os.urandom(1_500_000))

    def public(self, key):
        return f"{self.keys}/{key}.pub"

    def sign(self, code, key, *words, **options):
        return self.expect(code, "sign", "-k", f"pkcs11:token=keys;object={key}", *words, **options)

    def test_a_login_that_is_not_needed_succeeds_and_says_so(self):
        self.write("pin", "whatever\n", 0o600)
        for words in (("--login",), ("--login", "--pin-file", "pin"), ("--login", "--no-input")):
            listed = self.expect(0, "list", "keys", "--format", "uri", "pkcs11:token=keys", *words)
            self.assertIn("object=rsa;type=private", listed.out.decode())
            self.assertIn("no token here needs a login", listed.err)
        signed = self.sign(0, "rsa", "--pin-file", "pin", "data")
        self.assertIn("the PIN was not used", signed.err)
        self.assertTrue(openssl_verify(self.public("rsa"), "data.sig", "data"))
        self.assertNotIn("PIN", self.sign(0, "p256", "--force", "data").err)

    def test_every_kind_of_key(self):
        for key, digest in KEYS.items():
            with self.subTest(key=key):
                self.sign(0, key, "--force", "data")
                self.assertTrue(openssl_verify(self.public(key), "data.sig", "data",
                                               digest=digest or "sha256"))
                self.expect(0, "verify", "--pubkey", self.public(key), "-s", "data.sig", "data")
                self.expect(0, "verify", "-k", f"pkcs11:token=keys;object={key}", "-s",
                            "data.sig", "data")
                self.expect(0, "verify", "--cert", f"{self.key_directory}/{key}.crt", "-s",
                            "data.sig", "data")

    def test_ssh_signatures(self):
        for key in KEYS:
            with self.subTest(key=key):
                if key in ("secp256k1", "ed448"):
                    self.sign(9, key, "-f", "ssh", "--force", "data")
                    continue
                self.sign(0, key, "-f", "ssh", "-n", "test", "--force", "data")
                with open("data", "rb") as data:
                    check("ssh-keygen", "-Y", "check-novalidate", "-n", "test", "-s", "data.sig",
                          stdin=data)
                self.expect(0, "verify", "--pubkey", self.public(key), "-n", "test", "-s",
                            "data.sig", "data")

    def test_raw_and_pss(self):
        self.sign(0, "p521", "-f", "raw", "--force", "data")
        self.assertEqual(os.path.getsize("data.sig"), 132)
        self.expect(0, "verify", "--pubkey", self.public("p521"), "-s", "data.sig", "data")
        self.sign(0, "rsa", "-a", "rsa-pss-sha384", "--force", "data")
        self.assertTrue(openssl_verify(self.public("rsa"), "data.sig", "data", "-sigopt",
                                       "rsa_padding_mode:pss", digest="sha384"))

    def test_cms_with_the_certificate_beside_the_key(self):
        for key, digest in KEYS.items():
            certificate = f"{self.key_directory}/{key}.crt"
            if key == "ed448":
                self.assertIn("Ed448".lower(), self.sign(9, key, "-f", "cms", "--force", "data").err)
                continue
            with self.subTest(key=key):
                self.sign(0, key, "-f", "cms", "--force", "data")
                self.expect(0, "verify", "--CAfile", certificate, "-s", "data.p7s", "data")
                self.expect(0, "verify", "-k", f"pkcs11:token=keys;object={key}", "-s",
                            "data.p7s", "data")
                if digest:
                    check("openssl", "cms", "-verify", "-binary", "-content", "data", "-inform",
                          "DER", "-in", "data.p7s", "-CAfile", certificate, "-out", "/dev/null")
        self.sign(0, "rsa", "-f", "cms", "-a", "rsa-pss-sha384", "--force", "data")
        check("openssl", "cms", "-verify", "-binary", "-content", "data", "-inform", "DER", "-in",
              "data.p7s", "-CAfile", f"{self.key_directory}/rsa.crt", "-out", "/dev/null")

    def test_cms_by_libp11(self):
        keys = os.path.join(self.directory, "plain")
        make_keys(keys, "rsa", "p256", "p521")
        second = Service("--keys", keys, "--name", "org.example.Plain")
        self.addCleanup(second.end)
        self.assertTrue(second.ready)
        for key in ("rsa", "p256", "p521"):
            result = self.expect(0, "sign", "-v", "-k", f"pkcs11:object={key}", "-f", "cms",
                                 "--force", "data", env={"P11DBUS_NAME": "org.example.Plain"})
            self.assertIn("used by libp11", result.err)
            check("openssl", "cms", "-verify", "-binary", "-content", "data", "-inform", "DER",
                  "-in", "data.p7s", "-CAfile", f"{keys}/{key}.crt", "-out", "/dev/null")

    def test_a_limit_on_the_size_of_files_is_an_error(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))

        self.sign(3, "rsa", "-o", "out", "data", preexec_fn=limit)
        self.assertEqual(os.listdir("."), ["data"])

    def test_certificate_chooses_the_key(self):
        self.sign(0, "p384;type=cert", "data")
        self.expect(0, "verify", "--pubkey", self.public("p384"), "-s", "data.sig", "data")

    def test_signatures_with_leading_zeros_verify(self):
        names = [self.write(f"file{i}", str(i)) for i in range(40)]
        self.sign(0, "p521", "-f", "raw", *names)
        short = []
        for name in names:
            signature = self.read(name + ".sig")
            self.assertEqual(len(signature), 132)
            if 0 in (signature[0], signature[66]):
                short.append(name)
        self.assertTrue(short)  # the first byte holds one bit, so half of all are
        for name in short[:5]:
            self.expect(0, "verify", "--pubkey", self.public("p521"), "-s", name + ".sig", name)

    def test_list(self):
        document = self.expect(0, "list", "--json").json()
        tokens = {one["label"]: one for one in document["tokens"]}
        self.assertEqual(set(tokens), {"keys", "locked"})
        self.assertEqual({entry["label"] for entry in tokens["keys"]["objects"]
                          if entry["class"] == "private-key"}, set(KEYS))
        self.assertIn("login-required", tokens["locked"]["flags"])
        self.assertEqual([tokens[label]["hidden_keys"] for label in ("keys", "locked")], [None, 1])
        self.assertIn(b"--login shows 1 key more, which is private", self.expect(0, "list").out)
        for entry in tokens["keys"]["objects"]:
            again = self.expect(0, "list", "--json", entry["uri"]).json()
            self.assertEqual(len(again["tokens"][0]["objects"]), 1)

    def test_key_behind_a_passphrase(self):
        words = ("sign", "-k", "pkcs11:token=locked;object=secret", "--force", "data")
        self.write("pin", "open sesame\n")
        self.write("wrong", "open simsim\n")
        self.assertIn("no terminal", self.expect(6, *words).err)
        error = self.expect(6, *words, "--pin-file", "wrong", "--json").json()["error"]
        self.assertEqual(error["ckr"], "CKR_PIN_INCORRECT")
        self.assertEqual(sorted(os.listdir(".")), ["data", "pin", "wrong"])
        self.expect(0, *words, "--pin-file", "pin")
        self.assertTrue(openssl_verify(self.public("secret"), "data.sig", "data"))
        self.expect(0, *words, "--pin-file", "pin", "-f", "cms")
        self.expect(0, "verify", "--pubkey", self.public("secret"), "-s", "data.p7s", "data")

    def test_nothing_and_too_much(self):
        self.sign(4, "none", "data")
        self.expect(5, "sign", "--token", "keys", "data")
        self.sign(9, "rsa", "-a", "ecdsa-sha256", "data")

    def test_bus_by_address(self):
        out = self.expect(0, "list", "--bus", self.bus.address, "--json",
                          env={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}).json()
        self.assertEqual(len(out["tokens"]), 2)

    def test_name_is_taken(self):
        second = Service("--keys", self.key_directory)
        self.assertFalse(second.ready)
        self.assertEqual(second.end(), 7)
        self.assertIn(f"process {self.service.process.pid})", second.said)
        self.assertIn("--name", second.said)

    def test_writable_is_the_directory_in_front_of_it(self):
        name = "org.example.Writable"
        other = os.path.join(self.directory, "other")
        os.mkdir(other, 0o700)
        for words, writable in ((["--keys", other, "--writable", "--keys", self.key_directory], ["other"]),
                                (["--keys", self.key_directory, "--keys", other, "--writable"], ["other"]),
                                (["--keys", other, "--keys", self.key_directory], [])):
            second = Service(*words, "--name", name)
            out = self.expect(0, "list", "--json", env={"P11DBUS_NAME": name}).json()
            self.assertEqual(second.end(), 0, second.said)
            self.assertEqual([one["label"] for one in out["tokens"] if "write-protected" not in one["flags"]],
                             writable, words)
        failed = self.expect(2, "serve", "--writable", "--keys", other)
        self.assertIn("--keys DIR --writable", failed.err)

    def test_a_directory_that_cannot_be_written_to_is_told_at_once(self):
        other = os.path.join(self.directory, "other")
        os.mkdir(other, 0o700)
        bound = ("bwrap", "--dev-bind", "/", "/", "--ro-bind", other, other)
        failed = self.expect(3, "serve", "--keys", other, "--writable", prefix=bound)
        self.assertIn("Read-only file system", failed.err)
        self.assertIn("leave --writable out", failed.err)

    def test_on_the_session_bus_all_may_write_and_elsewhere_the_owner(self):
        other = os.path.join(self.directory, "other")
        os.mkdir(other, 0o700)
        for bus, writers in (("session", b"-w"), (self.bus.address, b"-o")):
            second = Service("--keys", other, "--writable", "--name", "org.example.Writers", "--bus", bus)
            self.assertTrue(second.ready)
            words = worker_of(second.process.pid)
            self.assertEqual(second.end(), 0, second.said)
            self.assertEqual(words[-2:], [writers, os.fsencode(other)])

    def test_other_name(self):
        name = "org.example.Other"
        second = Service("--keys", self.key_directory, "--name", name)
        self.assertTrue(second.ready)
        out = self.expect(0, "list", "--json", env={"P11DBUS_NAME": name}).json()
        self.assertEqual([one["label"] for one in out["tokens"]], ["keys"])
        self.assertEqual(second.end(), 0, second.said)


class Ambiguous(Case):
    """Names that do not stand for one key."""

    def setUp(self):
        super().setUp()
        bus = Bus()
        self.addCleanup(bus.end)
        make_keys("keys", "one:p256", "two:rsa", "locked:p256:open sesame")
        for key in ("one", "two"):
            check("openssl", "pkey", "-in", f"keys/{key}.key", "-pubout", "-out", f"{key}.pub")
        self.write("data")

    def join(self, name, *parts):
        """keys/NAME with what the parts hold, one after the other."""
        text = "".join(self.read(f"keys/{part}").decode() for part in parts)
        self.write(f"keys/{name}", text)
        os.chmod(f"keys/{name}", 0o600)

    def serve(self):
        service = Service("--keys", "keys")
        self.assertTrue(service.ready)
        return service

    def test_none_is_signed_with(self):
        names = {"roll": "differ", "both": "differ", "mixed": "passphrases",
                 "foreign": "certificates", "public": "public key"}
        self.join("roll.key", "one.key", "two.key")
        self.join("both.key", "one.key")
        self.join("both.pem", "two.key")
        self.join("mixed.key", "one.key", "locked.key")
        self.join("foreign.key", "one.key")
        self.join("foreign.crt", "two.crt")
        self.join("public.key", "two.key")
        self.join("public.pub", "locked.pub")
        service = self.serve()
        self.write("pin", "open sesame")
        for name in names:
            result = self.expect(9, "sign", "-k", f"pkcs11:object={name}", "--pin-file", "pin",
                                 "data")
            self.assertIn("does not stand for one key", result.err)
            self.assertIn(names[name], result.err)
        self.assertFalse(os.path.exists("data.sig"))
        found = self.expect(1, "audit", "--check", "key-file", "--json").json()["findings"]
        self.assertEqual(len(found), len(names))
        self.assertEqual(service.end(), 0)
        for name, reason in names.items():
            lines = [line for line in service.said.splitlines() if f"/keys/{name}:" in line]
            self.assertEqual(len(lines), 1, service.said)
            self.assertIn(": not served: ", lines[0])
            self.assertIn(reason, lines[0])

    def test_the_same_key_twice_is_one_key(self):
        self.join("twice.key", "one.key", "one.key", "one.crt")
        self.join("twice.pem", "one.crt", "one.key")
        self.join("chain.key", "two.key")
        self.join("chain.crt", "one.crt", "two.crt")
        service = self.serve()
        for name, key in (("twice", "one"), ("chain", "two"), ("one", "one")):
            self.expect(0, "sign", "-k", f"pkcs11:object={name}", "--force", "data")
            self.assertTrue(openssl_verify(f"{key}.pub", "data.sig", "data"))
        self.assertEqual(service.end(), 0)
        self.assertNotIn("not served", service.said)


class Log(Case):
    """What the service says of what is done."""

    COMMAND = ("sh", "-c", 'echo $$ > pid; exec "$0" "$@"')  # its pid is the one in the log

    def setUp(self):
        super().setUp()
        bus = Bus()
        self.addCleanup(bus.end)
        make_keys("keys", "open:p256", "locked:rsa:open sesame")
        self.write("data")
        self.write("pin", "open sesame")
        self.write("wrong", "open simsim")

    def sign(self, code, key, pin, *words):
        self.expect(code, "sign", "-k", f"pkcs11:object={key}", "--pin-file", pin, "--force",
                    *words, "data", prefix=self.COMMAND)
        return f"uid={os.getuid()} pid={self.read('pid').decode().strip()}"

    def do_everything(self, *words):
        """Lines of the log, and who called: with a wrong PIN, with the right one."""
        service = Service("--keys", "keys", *words)
        self.assertTrue(service.ready)
        wrong = self.sign(6, "locked", "wrong")
        right = self.sign(0, "locked", "pin", "-a", "rsa-pss-sha256")
        os.rename("keys/open.key", "keys/other.key")
        os.remove("keys/open.crt")
        while b"object=other;" not in self.expect(0, "list", "keys", "--format", "uri").out:
            pass
        self.assertEqual(service.end(), 0)
        self.assertNotIn("sesame", service.said)
        self.assertNotIn("simsim", service.said)
        return service.said.splitlines(), wrong, right

    def test_verbose(self):
        lines, wrong, right = self.do_everything("-v")
        for line in (f'login {wrong} result=CKR_PIN_INCORRECT token="keys"',
                     f'login {right} result=CKR_OK token="keys"',
                     f'sign {right} result=CKR_OK mechanism="sha256-rsa-pkcs-pss" token="keys" '
                     'key="locked"',
                     f'logout {right} result=CKR_OK token="keys"',
                     'added class=private-key token="keys" key="open"',
                     'added class=private-key token="keys" key="locked"',
                     'removed class=private-key token="keys" key="open"',
                     'removed class=certificate token="keys" key="open"',
                     'added class=private-key token="keys" key="other"'):
            self.assertEqual(lines.count("p11dbus: " + line), 1, "\n".join([line, "in", *lines]))

    def test_without_it_what_is_refused(self):
        lines, wrong, _right = self.do_everything()
        said = [line for line in lines if not line.startswith("serving ")]
        self.assertEqual(said, [f'p11dbus: login {wrong} result=CKR_PIN_INCORRECT token="keys"'])

    def pkcs11_tool(self, *words):
        """What it says, whether it succeeds or not."""
        done = subprocess.run(["pkcs11-tool", "--module", os.environ["P11DBUS_MODULE_SO"], *words],
                              env=host_environment(), stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.STDOUT)
        return done.stdout.decode()

    def test_without_it_what_is_done_to_pins(self):
        """A token that is emptied, and who may log in, are never changed unseen."""
        os.mkdir("vault", 0o700)
        service = Service("--keys", "keys", "--writable", "--keys", "vault", "--writable")
        self.assertTrue(service.ready)
        officer = ("--login", "--login-type", "so", "--so-pin", "12345678")
        slots = dict((name, slot) for slot, name in re.findall(
            r"^Slot \d+ \((\w+)\): (\w+)$", self.pkcs11_tool("--list-slots"), re.M))
        for token, *words in (
                ("keys", "--init-token", "--label", "keys", "--so-pin", "12345678"),
                ("vault", "--init-token", "--label", "vault", "--so-pin", "12345678"),
                ("vault", *officer, "--init-pin", "--new-pin", "1234"),
                ("vault", "--change-pin", "--pin", "1234", "--new-pin", "123456")):
            self.pkcs11_tool("--slot", slots[token], *words)
        self.assertEqual(service.end(), 0)
        said = [re.sub(" uid=[0-9]+ pid=[0-9]+", "", line) for line in service.said.splitlines()
                if not line.startswith("serving ")]
        self.assertEqual(said, [
            'p11dbus: init-token result=CKR_ACTION_PROHIBITED token="keys"',
            'p11dbus: init-token result=CKR_OK token="vault"',
            'p11dbus: init-pin result=CKR_OK token="vault"',
            'p11dbus: set-pin result=CKR_OK token="vault"'])

    def test_a_directory_that_is_replaced_can_be_written_to_again(self):
        """A restored backup, for one: the worker may write to the old directory only."""
        for name in ("made", "other"):
            os.mkdir(name, 0o700)
        service = Service("--keys", "made", "--writable", "--keys", "other", "--writable")
        self.assertTrue(service.ready)
        write = ("--write-object", "data", "--type", "data", "--label", "note",
                 "--token-label", "made")
        for replaced in range(2):
            self.pkcs11_tool(*write)
            os.mkdir("fresh", 0o700)
            os.rename("made", f"old{replaced}")
            os.rename("fresh", "made")
            while os.pread(service.errors.fileno(), 1 << 16, 0).count(b"for the next one") == replaced:
                self.expect(0, "list")
        self.pkcs11_tool(*write)
        self.assertIn("note.pem", os.listdir("made"))
        self.assertEqual(service.end(), 0)
        self.assertEqual(service.said.count("starting it again in 0.1 seconds"), 2, service.said)
        self.assertEqual(service.said.count("another directory has come in its place"), 2)

    def test_an_operation_of_many_parts_is_few_lines(self):
        os.mkdir("made", 0o700)
        service = Service("-v", "--keys", "made", "--writable")
        self.assertTrue(service.ready)
        self.write("data", bytes(100_000))
        self.pkcs11_tool("--keygen", "--key-type", "AES:32", "--label", "a", "--id", "01")
        self.pkcs11_tool("--encrypt", "--id", "01", "--mechanism", "AES-CBC-PAD", "--iv", "00" * 16,
                         "--input-file", "data", "--output-file", "out")
        self.assertEqual(service.end(), 0)
        self.assertEqual(len(self.read("out")), 100_016)
        for verb, lines in (("begin", 1), ("update", 0), ("finish", 1)):
            self.assertEqual(service.said.count(f" {verb}-stream "), lines, service.said)

    def test_what_is_destroyed_has_a_name(self):
        os.mkdir("made", 0o700)
        service = Service("-v", "--keys", "made", "--writable")
        self.assertTrue(service.ready)
        self.pkcs11_tool("--write-object", "data", "--type", "data", "--label", "a note")
        # A URI that names a type has no need of the word "objects".
        self.assertIn(b"a note", self.expect(0, "list", "pkcs11:token=made;type=data").out)
        self.assertNotIn(b"a note", self.expect(0, "list", "pkcs11:token=made").out)
        self.pkcs11_tool("--delete-object", "--type", "data", "--label", "a note")
        self.assertEqual(service.end(), 0)
        self.assertRegex(service.said, 'destroy-object .* result=CKR_OK token="made" key="a note"\n')


if __name__ == "__main__":
    unittest.main(verbosity=2)
