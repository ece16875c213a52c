# SPDX-License-Identifier: MIT
"""Nothing is signed by a key that was not exactly named: each of these names is close to another."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from harness import NOT_ROOT, P11DBUS, Case, check
from served import Bus, Service, make_keys

COMPOSED, DECOMPOSED = "cl\u00e9", "cle\u0301"  # look alike
# label: what kind of key it is
KEYS = {"mykey": "p256", "my key": "rsa", "MYKEY": "ed25519", "a=b": "p256", "ab": "p384",
        COMPOSED: "p256", "web": "p384", "100%25": "p256"}
OTHERS = {"other": "p256", "my": "p384"}
ONE = {"single": "p256"}
ENCODED = {"mykey": "mykey", "my key": "my%20key", "MYKEY": "MYKEY", "a=b": "a=b", "ab": "ab",
           COMPOSED: "cl%c3%a9", "web": "web", "100%25": "100%2525"}

# What names none of the keys, though something that reads it less exactly finds one.
REFUSED = (
    "pkcs11:object=my key", "pkcs11:object=my\tkey", "pkcs11:object=my\nkey", "pkcs11:object=mykey\n",
    "pkcs11: object=mykey", " pkcs11:object=mykey", "pkcs11:object=mykey ", "pkcs11:object= mykey",
    "pkcs11:object=mykey; type=private", "pkcs 11:object=mykey", "PKCS11:object=mykey",
    "pkcs11x:object=mykey", "pkcs11:object=mykey;object=my%20key", "pkcs11:object=x;object=mykey",
    "pkcs11:token=nope;token=keys;object=mykey", "pkcs11:type=cert;object=mykey;type=private",
    "pkcs11:object=mykey;objecttype=private", "pkcs11:type=private;object-type=cert;object=mykey",
    "pkcs11:object=mykey?object=x", "pkcs11:object=mykey?x=y", "pkcs11:object=mykey?label=x",
    "pkcs11:object=mykey;label=x", "pkcs11:object=mykey;;object=x", "pkcs11:object=mykey;",
    "pkcs11:object=mykey&object=x", "pkcs11:object=mykey?pin-source=file:/nowhere&pin-source=env:X",
    "pkcs11:token=keys%20;object=mykey", "pkcs11:token=%00;object=mykey",
    "pkcs11:token=keys%20%20%20;object=mykey", "pkcs11:serial=%00;object=mykey",
    "pkcs11:object=100%", "pkcs11:object=cl\u00e9", "pkcs11:object=mykey#", "pkcs11:object=mykey/",
    "pkcs11:slot-id=;object=mykey", "pkcs11:slot-id=18446744073709551616;object=mykey",
    "pkcs11:object=mykey;type=Private", "pkcs11:object=mykey;type=", "pkcs11:Object=mykey",
    "pkcs11:ob%6aect=mykey", "pkcs11:object", "pkcs11:=mykey", "mykey", "object=mykey")
UNMATCHED = (
    ["-k", "pkcs11:object=myKey"], ["-k", "pkcs11:object=mykey%20"], ["-k", "pkcs11:object=%20mykey"],
    ["-k", "pkcs11:object=mykey%00"], ["-k", "pkcs11:object=mykey%0a"], ["-k", "pkcs11:object=myke"],
    ["-k", "pkcs11:object=cle%cc%81"], ["-k", "pkcs11:object=cl%e9"], ["-k", "pkcs11:object=my%2520key"],
    ["-k", "pkcs11:object="], ["-k", "pkcs11:token=Keys;object=mykey"], ["-k", "pkcs11:object=my+key"],
    ["-k", "pkcs11:object=100%25"],
    ["-k", "pkcs11:token=;object=mykey"], ["-k", "pkcs11:slot-id=999999;object=mykey"],
    ["-k", "pkcs11:library-version=0.0;object=mykey"], ["-k", "pkcs11:slot-description=;object=mykey"],
    ["-k", "pkcs11:library-manufacturer=;object=mykey"], ["-k", "pkcs11:object=mykey;id=%00"],
    ["-k", "pkcs11:object=mykey;id="], ["-k", "pkcs11:object=mykey;type=cert;id="],
    ["--label", "mykey "], ["--label", " mykey"], ["--label", "mykey\n"], ["--label", "MyKey"],
    ["--label", DECOMPOSED], ["--label", ""], ["--token", "keys", "--label", "my"],
    ["--token", "key", "--label", "mykey"],
    ["--token", "KEYS", "--label", "mykey"], ["--token", " keys", "--label", "mykey"],
    ["--id", "00", "--label", "mykey"])
CONTRADICTING = (
    ["-k", "pkcs11:object=mykey", "--label", "my key"], ["-k", "pkcs11:object=mykey", "--label", ""],
    ["-k", "pkcs11:token=keys;object=mykey", "--token", "others"],
    ["-k", "pkcs11:token=;object=mykey", "--token", "keys"],
    ["-k", "pkcs11:id=;object=mykey", "--id", "00"], ["--token", "keys ", "--label", "mykey"],
    ["--token", "", "--label", "mykey"], ["--id", "", "--label", "mykey"],
    ["--id", "0x00", "--label", "mykey"], ["--id", " 00", "--label", "mykey"],
    ["--id", "%00", "--label", "mykey"], ["--label", "mykey", "--label", "mykey"],
    ["--token", "keys", "--token=keys", "--label", "mykey"], ["--id", "00", "--id", "00"])


class Naming(Case):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.mkdtemp(prefix="p11dbus-keys-")
        cls.directories = {"keys": KEYS, "others": OTHERS, "one": ONE}
        for directory, keys in cls.directories.items():
            make_keys(f"{cls.keys}/{directory}", *(f"{name}:{kind}" for name, kind in keys.items()))
            for name in keys:
                check("openssl", "pkey", "-in", f"{cls.keys}/{directory}/{name}.key", "-pubout",
                      "-out", f"{cls.keys}/{name}.pub")
        cls.bus = Bus()
        cls.service = Service(*(word for directory in cls.directories
                                for word in ("--keys", f"{cls.keys}/{directory}")))

    @classmethod
    def tearDownClass(cls):
        cls.service.end_well()
        cls.bus.end()
        shutil.rmtree(cls.keys)

    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")

    def assert_not_signed(self, code, *words):
        result = self.expect(code, "sign", *words, "data")
        self.assertEqual((result.out, os.listdir()), (b"", ["data"]), words)
        self.assertIn("hint", result.err)
        return result

    def test_each_name_is_of_its_own_key(self):
        for name in KEYS:
            for words in (["-k", f"pkcs11:object={ENCODED[name]}"], ["--label", name]):
                with self.subTest(words=words):
                    self.expect(0, "sign", *words, "--force", "data")
                    self.expect(0, "verify", "--pubkey", f"{self.keys}/{name}.pub", "-s",
                                "data.sig", "data")
                    self.expect(0, "verify", *words, "-s", "data.sig", "data")

    def test_a_uri_that_would_be_read_as_another_is_2(self):
        for uri in REFUSED:
            with self.subTest(uri=uri):
                self.assert_not_signed(2, "-k", uri)

    def test_what_a_shell_leaves_of_a_uri_without_quotes_is_2(self):
        """; ends the command there: the file was signed by the only key of the token instead."""
        for cut in ("pkcs11:token=one", "pkcs11:token=one;type=private", "pkcs11:manufacturer=p11dbus"):
            for key in (["-k", cut], [f"-k{cut}"], [f"--key={cut}"], ["-qk", cut]):
                with self.subTest(key=key):
                    result = self.expect(2, "sign", "data", *key)
                    self.assertEqual((result.out, os.listdir()), (b"", ["data"]))
                    self.assertIn("quotes", result.err)
                    self.assertIn("quotes", self.expect(2, "verify", *key).err)
        script = '"$P11DBUS" sign -o out data -k pkcs11:token=one;object=missing'
        result = subprocess.run(["sh", "-c", script], env=dict(os.environ, P11DBUS=P11DBUS),
                                capture_output=True, text=True, check=False)
        self.assertEqual(os.listdir(), ["data"], result)
        self.assertIn("quotes", result.stderr)

    def test_the_only_key_of_a_token_may_be_named_by_the_token(self):
        for words in (["-k", "pkcs11:token=one", "data"], ["data", "--token", "one"],
                      ["data", "-k", "pkcs11:token=one", "--label", "single"],
                      ["data", "-k", "pkcs11:object=single"], ["data", "-k", "pkcs11:id=%s" % self.id_of("single")]):
            with self.subTest(words=words):
                self.expect(0, "sign", "--force", *words)
                self.expect(0, "verify", "--pubkey", f"{self.keys}/single.pub", "-s", "data.sig", "data")

    def id_of(self, label):
        """As a URI has it."""
        uris = self.expect(0, "list", "keys", "--format", "uri", "--label", label).out.decode()
        return re.search("id=([^;]*)", uris).group(1)

    def test_a_name_that_is_only_close_is_4(self):
        for words in UNMATCHED:
            with self.subTest(words=words):
                self.assert_not_signed(4, *words)

    def test_what_contradicts_or_is_said_twice_is_2(self):
        for words in CONTRADICTING:
            with self.subTest(words=words):
                result = self.run_p11dbus("sign", *words, "data")
                self.assertEqual((result.code, os.listdir()), (2, ["data"]), result)

    def test_every_place_that_takes_a_uri_looks_at_it(self):
        uri = "pkcs11:object=my key"
        self.write("data.sig")
        for words in (["sign", "-k", uri], ["sign", f"-k{uri}"], ["verify", "-k", uri, "-s", "data.sig"],
                      ["list", uri], ["list", "keys", uri], ["list", "PKCS11:object=mykey"],
                      ["list", "keys", " pkcs11:object=mykey"], ["list", "--export", "pem", uri],
                      ["smoke", uri], ["smoke", "--level", "sign", " PKCS11:object=mykey"],
                      ["sign", "-k", "pkcs11:object=mykey", "-f", "cms", "--cert", uri],
                      ["sign", "-k", "pkcs11:object=mykey", "-f", "cms", "--cert",
                       "PKCS11:object=mykey;type=cert"]):
            with self.subTest(words=words):
                more = ["data"] if words[0] in ("sign", "verify") else []
                result = self.expect(2, *words, *more)
                self.assertRegex(result.err, "%20|pkcs11:, in lower case")
        self.assertNotIn(b"pkcs11", self.expect(0, "complete", "--", "sign", "-k", uri, "--id", "").out)

    def test_no_pin_is_shown_wherever_a_uri_stands(self):
        uri = "pkcs11:object=my key?pin-value=97531"
        for words in (["list", uri], ["list", "pkcs11:", uri], ["list", "tokens", "PKCS11:" + uri],
                      ["smoke", uri, uri], ["smoke", "x.so", uri], ["sign", "-k", uri, "-k", uri],
                      ["sign", "-k", uri], ["verify", "-k", uri, "-s", "x"],
                      ["sign", "-k", "pkcs11:object=mykey", "-f", "cms", "--cert", uri, "data"],
                      ["verify", "--cert", uri, "-s", "x"], ["verify", "--pubkey", uri, "-s", "x"],
                      ["list", "-m", uri], ["smoke", "-m", uri], ["sign", uri]):
            with self.subTest(words=words):
                result = self.expect(2, *words)
                self.assertNotIn("97531", result.err)

    def test_every_uri_that_is_listed_names_what_it_is_of(self):
        listed = self.expect(0, "list", "--format", "uri").out.decode().splitlines()
        self.assertGreater(len(listed), 2 * len(KEYS))
        for uri in listed:
            self.assertEqual(self.expect(0, "list", "--format", "uri", uri).out.decode(), uri + "\n")

    def assert_near(self, near, *words, code=4, **options):
        """What is near is named where there is something, and nothing else."""
        result = self.expect(code, *words, **options)
        if near:
            self.assertIn(f"did you mean {near}? ", result.err)
        else:
            self.assertNotIn("did you mean", result.err)

    def test_an_unknown_label_names_those_that_are_near(self):
        for label, near in (("myky", '"mykey"'), ("mykey ", '"mykey"'),
                            ("Mykey", '"mykey"'), ("MyKEY", '"MYKEY"'), (DECOMPOSED, f'"{COMPOSED}"'),
                            ("wbe", '"web"'), ("othe", '"other"'), ("nothing", None), ("", None)):
            with self.subTest(label=label):
                self.assert_near(near, "sign", "--label", label, "data")
                self.assert_near(near, "verify", "--label", label, "-s", "data", "data")
                self.assert_near(near, "list", "--label", label)
                self.assert_near(near, "list", "--export", "pem", "--label", label)
        self.assert_near('"mykey"', "sign", "-k", "pkcs11:object=myky", "data")
        self.assert_near(None, "sign", "-k", "pkcs11:token=others;object=myky", "data")
        self.assert_near(None, "sign", "-k", "pkcs11:object=mykey;id=%00", "data")

    def test_an_unknown_token_names_those_that_are_near(self):
        for token, near in (("key", 'token "keys"'), ("KEYS", 'token "keys"'),
                            ("ohters", 'token "others"'), ("demo", None)):
            with self.subTest(token=token):
                self.assert_near(near, "sign", "--token", token, "--label", "mykey", "data")
                self.assert_near(near, "list", f"pkcs11:token={token}")
                self.assert_near(near, "list", "tokens", "--token", token)

    def test_an_unknown_word_names_those_that_are_near(self):
        for words, near in ((["list", "key"], "p11dbus list keys"), (["list", "cert"], "p11dbus list certs"),
                            (["list", "frobs"], None),
                            (["sign", "-k", "pkcs11:objct=mykey", "data"], "object"),
                            (["sign", "-k", "pkcs11:object=mykey;type=pivate", "data"], "type=private"),
                            (["sign", "-k", "pkcs11:frobs=mykey", "data"], None),
                            (["sign", "-k", "pkcs11:object=mykey", "-a", "ecdsa-sha265", "data"],
                             "ecdsa-sha256")):
            with self.subTest(words=words):
                self.assert_near(near, *words, code=2)

    def test_an_unknown_module_names_those_that_are_near(self):
        os.makedirs("config/pkcs11/modules")
        self.write("config/pkcs11/modules/mycard.module", b"module: /nowhere/mycard.so\n", 0o644)
        env = {"XDG_CONFIG_HOME": os.path.join(os.getcwd(), "config")}
        for command in (["list"], ["smoke"], ["sign", "-k", "pkcs11:object=mykey"]):
            for module, near in (("mycrad", "-m mycard"), ("nothing", None), ("./mycrad", None)):
                with self.subTest(command=command, module=module):
                    self.assert_near(near, *command, "-m", module, code=7, env=env, prefix=NOT_ROOT)

    def test_git_hands_the_uri_on_as_it_is(self):
        git_sign = os.path.join(os.path.dirname(os.environ["P11DBUS"]), "p11dbus-git-sign")
        done = subprocess.run([git_sign, "-Y", "sign", "-n", "git", "-f", "pkcs11:object=my key",
                               "data"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertEqual((done.returncode, os.listdir()), (2, ["data"]), done)


class Locked(Case):
    def test_a_pin_source_is_the_file_that_it_names(self):
        make_keys("locked", "secret:p256:open sesame")
        bus, service = Bus(), Service("--keys", "locked")
        self.addCleanup(bus.end)
        self.addCleanup(service.end)
        for directory, pin in (("pin dir", b"open sesame\n"), ("pindir", b"wrong\n")):
            os.mkdir(directory)
            self.write(f"{directory}/pin", pin)
        self.write("data", b"some data\n")
        key = f"pkcs11:token=locked;object=secret?pin-source=file:{os.getcwd()}"
        self.expect(2, "sign", "-k", f"{key}/pin dir/pin", "data")
        self.expect(0, "sign", "-k", f"{key}/pin%20dir/pin", "data")
        self.expect(0, "verify", "--pubkey", "locked/secret.pub", "-s", "data.sig", "data")
        # A PIN is not all that is heard of a name that was mistyped.
        result = self.expect(6, "sign", "--label", "secrets", "--no-input", "--force", "data")
        self.assertIn('did you mean "secret"? give it with --pin-file', result.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
