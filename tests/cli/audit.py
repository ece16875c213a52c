# SPDX-License-Identifier: MIT
"""p11dbus audit: each finding has an object that has it, and one that has not."""

import os
import shutil
import time

from harness import KEYS, P11DBUS, PIN, RUDE, SOFTHSM, Case, Token, check, main
from served import Bus, Service, make_keys

DAY = 24 * 60 * 60
LEAF = ["-addext", "basicConstraints=critical,CA:FALSE"]
WEAK = {"small": ("10", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]),
        "narrow": ("11", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime192v1"]),
        "other": ("12", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])}


def pkcs11_tool(*words, label="demo"):
    check("pkcs11-tool", "--module", SOFTHSM, "--token-label", label, "--login", "--pin", PIN,
          *words)


def add_certificate(label, key, identifier, *arguments):
    """Puts a certificate of that key on the token; it is good for 90 days unless told otherwise."""
    check("openssl", "req", "-x509", "-new", "-key", token.path(f"{key}.key"), "-subj",
          f"/CN={label}", "-days", "90", *arguments, "-outform", "DER", "-out",
          token.path(f"{label}.der"))
    pkcs11_tool("--write-object", token.path(f"{label}.der"), "--type", "cert", "--label", label,
                "--id", identifier)


def add_expired(label, key, identifier):
    """The same with one that has ended."""
    config = token.path("ca.conf")
    with open(config, "w", encoding="ascii") as file:
        file.write("[ca]\ndefault_ca=own\n[own]\npolicy=any\ndefault_md=sha256\nrand_serial=yes\n"
                   f"database={token.path('index')}\nnew_certs_dir={token.directory}\n"
                   "[any]\ncommonName=supplied\n[req]\ndistinguished_name=any\n")
    open(token.path("index"), "a", encoding="ascii").close()
    dates = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - days * DAY))
             for days in (9, 5)]
    check("openssl", "req", "-new", "-config", config, "-key", token.path(f"{key}.key"), "-subj",
          f"/CN={label}", "-out", token.path("csr"))
    check("openssl", "ca", "-batch", "-notext", "-config", config, "-selfsign", "-keyfile",
          token.path(f"{key}.key"), "-in", token.path("csr"), "-startdate", dates[0], "-enddate",
          dates[1], "-out", token.path("certificate"))
    check("openssl", "x509", "-in", token.path("certificate"), "-outform", "DER", "-out",
          token.path(f"{label}.der"))
    pkcs11_tool("--write-object", token.path(f"{label}.der"), "--type", "cert", "--label", label,
                "--id", identifier)


if SOFTHSM:
    token = Token({**{name: KEYS[name] for name in ("rsa", "p256")}, **WEAK})
    add_certificate("good", "p256", "02")
    add_certificate("soon", "p256", "02", "-days", "10", *LEAF)
    add_expired("old", "p256", "02")
    add_certificate("sha1", "rsa", "01", "-sha1", *LEAF)
    add_certificate("wrong", "other", "02", *LEAF)
    check("openssl", "genpkey", "-algorithm", "ED25519", "-out", token.path("gone.key"))
    add_certificate("stray", "gone", "30", *LEAF)
    add_certificate("authority", "gone", "31")
    pkcs11_tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "made", "--id", "20",
                "--sensitive")
    pkcs11_tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "loose", "--id", "21",
                "--extractable")
    pkcs11_tool("--keygen", "--key-type", "AES:32", "--label", "open", "--id", "22",
                "--extractable")


class Audit(Case):
    def audit(self, code, *words, **options):
        return self.expect(code, "audit", "-m", SOFTHSM, "--token", "demo", "--login", "--pin-file",
                           token.pin_file, *words, **options)

    def found(self, *words):
        """name of a finding: the labels and classes that have it."""
        found = {}
        for finding in self.audit(1, "--json", *words).json()["findings"]:
            uri = dict(part.split("=") for part in finding["uri"][len("pkcs11:"):].split(";"))
            found.setdefault(finding["id"], set()).add((uri.get("object"), uri.get("type")))
        return found

    def test_everything_is_found_and_nothing_else(self):
        found = self.found()
        imported = ("rsa", "p256", *WEAK)
        self.assertEqual(found.pop("not-local"), {(name, "private") for name in imported})
        self.assertIn(("open", "secret-key"), found.pop("not-sensitive"))
        self.assertEqual(found, {
            "expired": {("old", "cert")},
            "expiring": {("soon", "cert")},
            "weak-rsa": {("small", "private")},
            "weak-curve": {("narrow", "private")},
            "weak-signature": {("sha1", "cert")},
            "extractable": {("loose", "private"), ("open", "secret-key")},
            "key-without-certificate": {(name, "private")
                                        for name in ("small", "narrow", "made", "loose")},
            "certificate-without-key": {("stray", "cert")},
            "mismatch": {("wrong", "cert")},
        })

    def rude(self, code, behaviour, *words):
        return self.expect(code, "audit", "-m", RUDE, *words, "--json",
                           env={"RUDE": behaviour, "RUDE_MODULE": SOFTHSM})

    def test_a_certificate_that_cannot_be_read(self):
        names = {entry["id"] for entry in self.rude(1, "spoils-values").json()["findings"]}
        self.assertIn("unreadable", names)
        self.assertFalse(names & {"expired", "expiring"})
        names = {entry["id"] for entry in self.rude(1, "").json()["findings"]}
        self.assertNotIn("unreadable", names)
        self.assertIn("expired", names)

    def test_a_slot_that_says_nothing_was_not_looked_at(self):
        for words in ((), ("-m", SOFTHSM)):
            with self.subTest(words=words):
                document = self.rude(7, "no-token-info", "--check", "weak-*", *words).json()
                self.assertIn("CKR_DEVICE_ERROR", str(document["errors"]))

    def test_who_shows_a_token_of_the_same_name_hides_nothing(self):
        for words in (("-m", SOFTHSM), ()):
            found = self.rude(1, "finds-nothing" if words else "", "--check", "weak-*", *words)
            self.assertEqual(len(found.json()["findings"]), 3)

    def test_a_line_a_finding(self):
        lines = self.audit(1, "--check", "weak-*").out.decode().splitlines()
        self.assertEqual(lines, [
            "weak-rsa        pkcs11:token=demo;object=small;type=private  RSA 1024: below 2048 bits",
            "weak-curve      pkcs11:token=demo;object=narrow;type=private  P-192: below 224 bits",
            "weak-signature  pkcs11:token=demo;object=sha1;type=cert  signed with SHA1 "
            "(sha1WithRSAEncryption)"])
        more = self.audit(1, "--check", "weak-rsa", "-v").out.decode().splitlines()
        self.assertEqual(len(more), 2)
        self.assertIn("Remedy: ", more[1])
        self.assertIn("3 findings, 0 known", self.audit(1, "--check", "weak-*").err)

    def test_nothing_wrong_is_0(self):
        result = self.audit(0, "--check", "weak-*", "pkcs11:object=p256")
        self.assertEqual(result.out, b"")
        self.assertIn("0 findings", result.err)
        self.assertEqual(self.audit(0, "--json", "--check", "weak-*",
                                    "pkcs11:object=p256").json()["findings"], [])

    def test_a_uri_says_of_what_is_told_and_not_what_is_looked_at(self):
        self.audit(0, "--check", "*without*", "pkcs11:object=p256")
        self.assertEqual(self.found("pkcs11:object=small"), {
            "weak-rsa": {("small", "private")}, "not-local": {("small", "private")},
            "key-without-certificate": {("small", "private")}})

    def test_the_public_half_is_told_of_where_the_key_is_hidden(self):
        result = self.expect(1, "audit", "-m", SOFTHSM, "--token", "demo", "--json")
        found = {(entry["id"], entry["uri"].split("object=")[-1])
                 for entry in result.json()["findings"]}
        self.assertIn(("weak-rsa", "small;type=public"), found)
        self.assertIn(("mismatch", "wrong;type=cert"), found)
        hidden = [entry for entry in result.json()["findings"] if entry["id"] == "hidden"]
        self.assertEqual(len(hidden), 1)
        self.assertIn("not seen", hidden[0]["detail"])
        self.assertEqual(hidden[0]["uri"], "pkcs11:token=demo")
        self.write("known", "hidden pkcs11:token=demo # nobody has the PIN here\n")
        self.expect(0, "audit", "-m", SOFTHSM, "--token", "demo", "--check", "hidden", "--known",
                    "known")
        self.assertNotIn("certificate-without-key", {name for name, _ in found})
        self.assertNotIn("hidden", self.found())

    def test_days(self):
        def expiring(*words):
            return self.found("--check", "expir*", *words).get("expiring", set())

        self.assertEqual(expiring("--expiring", "5"), set())
        self.assertEqual(expiring("--expiring", "11"), {("soon", "cert")})
        self.assertLessEqual({("soon", "cert"), ("good", "cert")}, expiring("--expiring", "91"))
        for days in ("-1", "x", "40000"):
            self.audit(2, "--expiring", days)

    def test_what_is_known_does_not_count(self):
        self.write("known", "# spring\nweak-* pkcs11:token=demo;* # they go away\n")
        result = self.audit(0, "--check", "weak-*", "--known", "known")
        self.assertEqual(result.out, b"")
        self.assertIn("0 findings, 3 known", result.err)
        self.assertIn(b"(known: they go away)",
                      self.audit(0, "--check", "weak-*", "--known", "known", "-v").out)
        document = self.audit(0, "--json", "--check", "weak-*", "--known", "known").json()
        self.assertEqual({entry["known"] for entry in document["findings"]}, {"they go away"})

    def test_what_is_known_and_gone_is_told(self):
        self.write("known", "expired pkcs11:token=demo;object=long-gone;* # was here\n")
        result = self.audit(1, "--json", "--known", "known")
        self.assertEqual(result.json()["gone"], ["expired pkcs11:token=demo;object=long-gone;*"])
        self.assertIn("known, line 1: expired", result.err)
        for words in (["--check", "weak-*"], ["--skip", "expired"], ["pkcs11:object=small"]):
            document = self.audit(1, "--json", "--known", "known", *words).json()
            self.assertEqual(document["gone"], [], words)
        self.write("known", "expired pkcs11:token=demo;object=long-gone;* # was here\n"
                   "weak-* pkcs11:token=demo;object=long-gone;* # globs stand for many\n"
                   "weak-rsa pkcs11:token=other;* # on a token that was not asked for\n"
                   "weak-curve pkcs11:token=other* # it may be\n"
                   "hidden # a login was there\n")
        gone = ["expired pkcs11:token=demo;object=long-gone;*",
                "weak-* pkcs11:token=demo;object=long-gone;*"]
        whole = ["--json", "--known", "known"]
        self.assertEqual(self.audit(1, *whole).json()["gone"], gone)
        self.assertEqual(self.audit(1, *whole, "--check", "weak-rsa").json()["gone"], [])
        self.assertEqual(self.audit(1, *whole, "--skip", "weak-curve").json()["gone"], gone[:1])
        self.assertEqual(self.audit(1, *whole, "pkcs11:object=small").json()["gone"], [])
        hidden = self.expect(1, "audit", "-m", SOFTHSM, *whole).json()
        self.assertEqual(hidden["gone"], [])
        self.write("known", "weak # no such finding\n")
        self.assertIn("line 1", self.audit(3, "--known", "known").err)

    def test_names(self):
        self.assertNotIn("weak-rsa", self.found("--skip", "weak-*"))
        for option in ("--check", "--skip"):
            result = self.audit(2, option, "nonsense")
            self.assertIn("matches no finding", result.err)
            self.assertIn("weak-rsa", result.err)
        self.audit(2, "nonsense")
        self.audit(2, "pkcs11:object=a", "pkcs11:object=b")

    def test_nothing_looked_at_is_no_good_result(self):
        self.audit(4, "pkcs11:object=none")
        self.expect(4, "audit", "-m", SOFTHSM, "pkcs11:token=none")
        env = {"RUDE": "device-error", "RUDE_MODULE": SOFTHSM}
        self.expect(7, "audit", "-m", RUDE, "--json", env=env)
        self.expect(7, "audit", "-m", "./none.so", "-m", SOFTHSM, "--skip", "*")


class Served(Case):
    """Over our own service."""

    @classmethod
    def setUpClass(cls):
        cls.bus = Bus()

    @classmethod
    def tearDownClass(cls):
        cls.bus.end()

    def test_a_service_that_is_down_is_no_good_result(self):
        for words in ([], ["pkcs11:token=keys"], ["--check", "expir*", "--skip", "hidden"]):
            result = self.expect(7, "audit", *words)
            self.assertIn("hint: ", result.err)
            self.assertNotRegex(result.err, "pkcs11:$")
            self.assertEqual(self.expect(7, "audit", "--json", *words).json()["error"]["code"], 7)

    def test_one_that_is_down_among_several_is_told(self):
        result = self.expect(7, "audit", "-m", os.environ["P11DBUS_MODULE_SO"], "-m", SOFTHSM,
                             "--json", "--skip", "hidden")
        error, = result.json()["errors"]
        self.assertEqual(error["code"], 7)
        self.assertGreater(result.json()["objects_seen"], 0)

    def test_key_files_whose_modes_are_wrong(self):
        make_keys("keys", "fine:p256", "bare:p256", "wide:p256")
        os.chmod("keys/bare.key", 0o640)
        os.chmod("keys/wide.key", 0o602)
        service = Service("--keys", "keys")
        try:
            document = self.expect(1, "audit", "--check", "key-file", "--json").json()
            sign = self.expect(9, "sign", "-k", "pkcs11:object=bare", "-o", "sig", P11DBUS)
        finally:
            service.end()
        found = {entry["uri"].split("object=")[1].split(";")[0]: entry["detail"]
                 for entry in document["findings"]}
        self.assertEqual(found, {
            name: f"others can read or write its file (mode {mode}, should be 0600)"
            for name, mode in (("bare", "0640"), ("wide", "0602"))})
        self.assertIn("others can read or write its file (mode 0640", sign.err)

    def directory_findings(self, code):
        return [entry["detail"] for entry in
                self.expect(code, "audit", "--check", "key-directory",
                            "--json").json()["findings"]]

    def test_directories_whose_modes_are_wrong(self):
        make_keys("above/keys", "fine:p256")
        keys, above = os.path.realpath("above/keys"), os.path.realpath("above")
        os.chmod(above, 0o777)
        service = Service("--keys", keys)
        try:
            self.assertEqual(self.directory_findings(1), [
                f"everybody may put another directory in the place of what is in {above} "
                "(mode 0777)"])
            for mode, found in ((0o720, [f"its group may put keys into {keys} (mode 0720)"]),
                                (0o703, [f"everybody may put keys into {keys} (mode 0703)"]),
                                (0o700, [])):
                os.chmod(above, 0o1777)
                os.chmod(keys, mode)  # seen by the service, sooner or later
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    result = self.run_p11dbus("audit", "--check", "key-directory", "--json")
                    if [entry["detail"] for entry in result.json()["findings"]] == found:
                        break
                self.assertEqual(self.directory_findings(1 if found else 0), found)
        finally:
            service.end()
        self.assertIn(f"the mode of {above} (0777) allows", service.said)

    def test_names_that_stand_for_no_one_key(self):
        make_keys("keys", "fine:p256", "torn:p256")
        shutil.copy("keys/fine.key", "keys/torn.pem")
        service = Service("--keys", "keys")
        try:
            finding, = self.expect(1, "audit", "--check", "key-file", "--json").json()["findings"]
        finally:
            service.end()
        self.assertIn("object=torn", finding["uri"])
        self.assertEqual(finding["detail"],
                         "its name does not stand for one key: its private keys differ")

    def test_one_key_on_two_tokens(self):
        make_keys("first", "mine:p256", "alone:p256")
        make_keys("second", "own:p256")
        shutil.copy("first/mine.key", "second/copy.key")
        service = Service("--keys", "first", "--keys", "second")
        try:
            finding, = self.expect(1, "audit", "--check", "duplicate*",
                                   "--json").json()["findings"]
            self.expect(0, "audit", "--check", "duplicate*", "--token", "first")
        finally:
            service.end()
        self.assertEqual({finding["uri"], finding["detail"]},
                         {"pkcs11:token=second;object=copy;type=private",
                          "the same key is pkcs11:token=first;object=mine;type=private"})

    def test_a_directory_in_order(self):
        make_keys("keys", "fine:p256")
        service = Service("--keys", "keys")
        try:
            self.expect(0, "audit", "--skip", "not-local", "--expiring", "1")
            finding, = self.expect(1, "audit", "--expiring", "1", "--json").json()["findings"]
        finally:
            service.end()
        self.assertEqual(finding["id"], "not-local")


if __name__ == "__main__":
    main()
