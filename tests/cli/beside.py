# SPDX-License-Identifier: MIT
"""p11dbus verify without -s: the signature lies beside the file that it is of."""

import os
import shutil

from harness import KEYS, SOFTHSM, Case, Token, check, main

token = Token({"p256": KEYS["p256"]}) if SOFTHSM else None


class Beside(Case):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("other", b"other data\n")

    def sign(self, *words):
        self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=p256", "--pin-file",
                    token.pin_file, "--force", *words)

    def verify(self, code, *words, **options):
        return self.expect(code, "verify", "--pubkey", token.public("p256"), *words, **options)

    def test_what_sign_writes_is_found(self):
        check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=p256",
              "-out", "crt")
        cms = ("-f", "cms", "--cert", "crt")
        for words in ([], ["-f", "raw"], ["-f", "ssh"], cms, [*cms, "--attached"],
                      ["--encoding", "base64"]):
            with self.subTest(words=words):
                before = set(os.listdir("."))
                self.sign(*words, "data", "other")
                result = self.verify(0, "data", "other")
                for file in ("data", "other"):
                    self.assertIn(f"Good signature of {file} ", result.err)
                for name in set(os.listdir(".")) - before:
                    os.remove(name)

    def test_other_names(self):
        self.sign("data")
        for suffix in (".p7s", ".p7m", ".ssh"):
            os.rename("data.sig", "data" + suffix)
            self.verify(0, "data")
            os.rename("data" + suffix, "data.sig")
        os.rename("data.sig", "data.signature")
        self.verify(4, "data")
        self.verify(0, "--suffix", ".signature", "data")
        self.write("data.sig", b"nonsense")
        self.verify(0, "--suffix", ".signature", "data")
        self.verify(1, "data")

    def test_in_another_directory(self):
        os.mkdir("sub")
        shutil.move("data", "sub/data")
        self.sign("sub/data")
        result = self.verify(0, "--json", "sub/data").json()["results"][0]
        self.assertEqual((result["file"], result["signature"]), ("sub/data", "sub/data.sig"))

    def test_a_directory_has_none(self):
        os.mkdir("release")
        for words in ([], ["--checksums"]):
            result = self.verify(3, *words, "release")
            self.assertIn("cannot read release: it is a directory", result.err)
            self.assertIn("name the files in it", result.err)

    def test_none(self):
        result = self.verify(4, "data")
        for name in ("data.sig", "data.p7s", "data.ssh"):
            self.assertIn(name, result.err)
        self.assertIn("-s SIGNATURE", result.err)
        self.assertIn("no data.x", self.verify(4, "--suffix", ".x", "data").err)
        # Without the file itself there is nothing to look beside.
        self.assertIn("cannot read missing", self.verify(3, "missing").err)
        self.assertIn("cannot read data/missing", self.verify(3, "data/missing").err)

    def test_the_signature_itself(self):
        self.sign("data")
        self.assertIn("it seems to be the signature of data", self.verify(4, "data.sig").err)
        os.remove("data")
        self.assertIn("-s SIGNATURE", self.verify(4, "data.sig").err)

    def test_a_uri_is_no_file_and_is_not_shown(self):
        for words in (["pkcs11:object=x?pin-value=4711"],
                      ["-s", "data.sig", "pkcs11:object=x?pin-value=4711"]):
            self.assertNotIn("4711", self.verify(2, *words).err)

    def test_more_than_one(self):
        self.sign("data")
        shutil.copy("data.sig", "data.ssh")
        result = self.verify(5, "data")
        self.assertIn("data.sig and data.ssh", result.err)
        self.assertIn("--suffix", result.err)
        self.verify(0, "--suffix", ".sig", "data")
        self.verify(0, "-s", "data.ssh", "data")
        os.remove("data.ssh")
        os.symlink("nowhere", "data.p7s")  # that something is there is what counts
        self.assertIn("data.p7s and data.sig", self.verify(5, "data").err)

    def test_what_is_no_regular_file_is_not_read(self):
        os.mkfifo("data.sig")
        self.assertIn("data.sig: it is no regular file", self.verify(3, "data").err)
        os.remove("data.sig")
        os.mkdir("data.sig")
        self.assertIn("data.sig: it is no regular file", self.verify(3, "data").err)
        os.rmdir("data.sig")
        os.symlink("nowhere", "data.sig")
        self.assertIn("cannot read data.sig", self.verify(3, "data").err)
        os.remove("data.sig")
        os.symlink("/dev/zero", "data.sig")
        self.assertIn("data.sig: it is no regular file", self.verify(3, "data").err)

    def test_each_file_has_its_line_and_the_worst_counts(self):
        self.sign("data", "other")
        self.write("changed", b"x")
        shutil.copy("data.sig", "changed.sig")
        self.write("unsigned")
        result = self.verify(1, "changed", "data")
        self.assertIn("BAD signature of changed", result.err)
        self.assertIn("Good signature of data", result.err)
        for files, code in ((["data", "other"], 0), (["data", "changed", "other"], 1),
                            (["missing", "changed", "data"], 3), (["unsigned", "missing"], 4),
                            (["data", "data"], 0)):
            with self.subTest(files=files):
                document = self.verify(code, "--json", *files).json()
                self.assertEqual([one["file"] for one in document["results"]], files)
                self.assertEqual(max(one["code"] for one in document["results"]), code)
                for one in document["results"]:
                    self.assertEqual(one["valid"], one["file"] in ("data", "other"))
                    self.assertEqual(one["reason"],
                                     "mismatch" if one["file"] == "changed" else None)
        quiet = self.verify(3, "-q", "data", "changed", "missing").err
        self.assertNotIn("Good", quiet)
        self.assertIn("BAD signature of changed", quiet)
        self.assertIn("cannot read missing", quiet)

    def test_json_of_one_file_keeps_its_form_where_the_signature_is_named(self):
        self.sign("data")
        self.assertIn("valid", self.verify(0, "--json", "-s", "data.sig", "data").json())
        self.assertIn("results", self.verify(0, "--json", "data").json())

    def test_names_that_are_not_utf_8(self):
        name = b"\xff\x1b[31m"
        shutil.copy("data", name)
        self.sign(name)
        result = self.verify(0, "--json", name)
        self.assertEqual(result.json()["results"][0]["file"], "\ufffd\x1b[31m")
        self.assertNotIn("\x1b", result.err)

    def test_usage(self):
        self.sign("data", "other")
        with open("data", "rb") as file:
            standard = f"/dev/fd/{file.fileno()}"
            self.verify(2, standard, pass_fds=[file.fileno()])
        for words in (["-s", "data.sig", "data", "other"], ["-s", "data.sig", "--suffix", ".x", "data"],
                      ["--suffix", "", "data"], ["--suffix", "/x", "data"], ["-"], ["data", "-"],
                      ["-o", "out", "data", "other"], ["--suffix", ".sig"], []):
            with self.subTest(words=words):
                self.verify(2, *words)
        self.assertNotIn("out", os.listdir("."))


if __name__ == "__main__":
    main()
