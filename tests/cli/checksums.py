# SPDX-License-Identifier: MIT
"""p11dbus verify --checksums: a signed list, and the files that it names."""

import os
import shutil
import ssl
import subprocess

from harness import KEYS, SOFTHSM, Case, Token, check, main

token = Token({"p256": KEYS["p256"]}) if SOFTHSM else None
ANY_BLAKE2B = ssl.OPENSSL_VERSION_INFO >= (3, 2)  # also of less than 512 bits
ODD = ("a b", "back\\slash", "new\nline", "tail ", "x) = 00", "*star", "\xe9".encode("latin-1"))


class Checksums(Case):
    def setUp(self):
        super().setUp()
        os.mkdir("release")
        self.write("release/one", b"one\n")
        os.mkdir("release/sub")
        self.write("release/sub/two", b"two\n")

    def sign(self, path="release/SUMS"):
        check("openssl", "dgst", "-sha256", "-sign", token.path("p256.key"), "-out", path + ".sig",
              path)

    def list(self, *command, files=("one", "sub/two"), add=b""):
        """Has a program write a list, and signs it."""
        text = check(*command, *files, cwd="release") if files else b""
        self.write("release/SUMS", text + add)
        self.sign()

    def verify(self, code, *words, path="release/SUMS", **options):
        return self.expect(code, "verify", "--pubkey", token.public("p256"), "--checksums", *words,
                           path, **options)

    def results(self, code, *words, **options):
        """Of the files that are listed: status and code by name."""
        result, = self.verify(code, "--json", *words, **options).json()["results"]
        return {one["file"]: (one["status"], one["code"]) for one in result["listed"]}

    def test_what_programs_write(self):
        programs = [[f"sha{size}sum"] for size in (224, 256, 384, 512)]
        programs += [[*program, option] for program in programs for option in ("-b", "--tag")]
        programs += [["b2sum"], ["b2sum", "-b"], ["b2sum", "--tag"]]
        if ANY_BLAKE2B:
            programs += [["b2sum", "--tag", "-l", bits] for bits in ("224", "256", "504")]
        programs += [["openssl", "dgst", "-" + name, *more]
                     for name in ("sha256", "sha512-256", "sha3-256", "sha512", "blake2b512")
                     for more in ([], ["-r"]) if not more or name in ("sha256", "sha512", "blake2b512")]
        programs += [["cksum", "-a", "sha256"], ["cksum", "-a", "blake2b", "--untagged"]]
        for program in programs:
            with self.subTest(program=program):
                self.write("release/one", b"one\n")
                self.list(*program)
                result = self.verify(0)
                self.assertIn("Good signature of release/SUMS", result.err)
                self.assertIn("Good checksum of release/one (", result.err)
                self.assertIn("Good checksum of release/sub/two (", result.err)
                self.assertEqual(result.out, b"")
                self.write("release/one", b"changed\n")
                result = self.verify(1)
                self.assertIn("BAD checksum of release/one", result.err)
                self.assertIn("Good checksum of release/sub/two", result.err)

    def test_blake2b_of_another_size(self):
        self.list("b2sum", "--tag", "-l", "256")
        if ANY_BLAKE2B:
            self.assertIn("Good checksum of release/one (blake2b-256)", self.verify(0).err)
            return
        result = self.verify(9)
        self.assertIn("SUMS, line 1: OpenSSL has no BLAKE2b-256 before version 3.2", result.err)
        self.assertIn("hint: b2sum -c", result.err)
        self.assertNotIn("checksum of", result.err)

    def test_the_algorithm_is_the_one_that_it_was(self):
        for program, algorithm in (("sha512sum", "sha512"), ("b2sum", "blake2b-512")):
            self.list(program)
            result, = self.verify(0, "--json").json()["results"]
            self.assertEqual({one["algorithm"] for one in result["listed"]}, {algorithm})

    def test_odd_names(self):
        for name in ODD:
            path = os.path.join(b"release", name if isinstance(name, bytes) else name.encode())
            with open(path, "wb") as file:
                file.write(b"odd\n")
        for options in ([], ["-b"], ["--tag"]):
            with self.subTest(options=options):
                self.list("sha256sum", *options, "--", files=[*ODD[:-1]])
                self.assertEqual(set(self.results(0)), set(ODD[:-1]))
        done = subprocess.run(["sha256sum", "--", ODD[-1]], cwd="release", check=True,
                              stdout=subprocess.PIPE)
        self.write("release/SUMS", done.stdout)
        self.sign()
        self.assertEqual(self.results(0), {"\ufffd": ("good", 0)})

    def test_nothing_is_looked_at_where_the_signature_is_bad(self):
        self.list("sha256sum")
        self.write("release/SUMS", self.read("release/SUMS") + b"\n")
        result = self.verify(1)
        self.assertIn("BAD signature of release/SUMS", result.err)
        self.assertNotIn("checksum", result.err)
        document, = self.verify(1, "--json").json()["results"]
        self.assertEqual((document["valid"], document["listed"]), (False, []))
        os.remove("release/SUMS.sig")
        self.assertNotIn("checksum of", self.verify(4).err)

    def test_the_signature_may_be_named(self):
        self.list("sha256sum")
        os.rename("release/SUMS.sig", "signature")
        self.assertEqual(self.results(0, "-s", "signature"),
                         {"one": ("good", 0), "sub/two": ("good", 0)})
        os.rename("signature", "release/SUMS.asc")
        self.verify(0, "--suffix", ".asc")

    def test_all_formats_of_signatures(self):
        self.list("sha256sum")
        os.remove("release/SUMS.sig")
        check("openssl", "req", "-x509", "-new", "-key", token.path("p256.key"), "-subj", "/CN=p256",
              "-out", "crt")
        for words in (["-f", "ssh"], ["-f", "cms", "--cert", "crt"],
                      ["-f", "cms", "--cert", "crt", "--attached"]):
            with self.subTest(words=words):
                before = set(os.listdir("release"))
                self.expect(0, "sign", "-m", SOFTHSM, "-k", "pkcs11:object=p256", "--pin-file",
                            token.pin_file, *words, "release/SUMS")
                self.assertEqual(self.results(0)["one"], ("good", 0))
                self.write("release/SUMS", self.read("release/SUMS") + b"\n")
                self.verify(1)
                self.write("release/SUMS", self.read("release/SUMS")[:-1])
                made, = set(os.listdir("release")) - before
                os.remove("release/" + made)

    def test_files_lie_where_the_list_does(self):
        self.list("sha256sum")
        self.write("one", b"not this one\n")
        self.verify(0)
        os.chdir("release")
        self.verify(0, path="SUMS")
        self.verify(0, path="./SUMS")
        self.verify(0, path="../release/SUMS")
        # A list from standard input lies here.
        self.verify(0, "-s", "SUMS.sig", path="-", stdin=self.read("SUMS"))
        read, write = os.pipe()  # nor has <(COMMAND) of a shell a directory
        os.write(write, self.read("SUMS"))
        os.close(write)
        self.verify(0, "-s", "SUMS.sig", path=f"/dev/fd/{read}", pass_fds=[read])
        os.close(read)
        os.chdir("sub")
        self.verify(3, "-s", "../SUMS.sig", path="-", stdin=self.read("../SUMS"))

    def test_missing_files(self):
        self.list("sha256sum")
        os.remove("release/one")
        result = self.verify(3)
        self.assertIn("release/SUMS, line 1: release/one is not there", result.err)
        self.assertIn("--ignore-missing", result.err)
        self.assertIn("Good checksum of release/sub/two", result.err)
        self.assertEqual(self.results(3), {"one": ("missing", 3), "sub/two": ("good", 0)})
        result = self.verify(0, "--ignore-missing")
        self.assertIn("1 of 2 files that release/SUMS names are not there", result.err)
        self.assertEqual(self.results(0, "--ignore-missing"),
                         {"one": ("missing", 0), "sub/two": ("good", 0)})
        os.remove("release/sub/two")
        self.assertIn("none of the files", self.verify(4, "--ignore-missing").err)
        os.symlink("nowhere", "release/one")
        self.assertEqual(self.results(3)["one"], ("missing", 3))

    def test_names_that_lead_out(self):
        self.write("outside", b"one\n")
        self.write("release/in", b"one\n")
        os.symlink("../outside", "release/link")
        os.symlink("..", "release/up")
        os.symlink(os.path.abspath("outside"), "release/absolute")
        os.symlink("/dev/zero", "release/zero")
        os.symlink("sub", "release/within")
        os.symlink(os.path.abspath("release/in"), "release/within-absolute")
        digest = check("sha256sum", "outside").split()[0]
        for name in ("../outside", "sub/../one", "sub/../../outside", os.path.abspath("outside"),
                     os.path.abspath("release/in"), "..", "link", "up/outside", "absolute", "zero",
                     "/dev/zero", "/proc/self/fd/0"):
            with self.subTest(name=name):
                self.list("sha256sum", add=digest + b"  " + name.encode() + b"\n")
                result = self.verify(3)
                self.assertIn("release/SUMS, line 3: cannot read ", result.err)
                self.assertIn(f"{name}: it lies outside of the directory of the list", result.err)
                self.assertIn("Good checksum of release/sub/two", result.err)
                self.assertEqual(self.results(3)[name], ("refused", 3))
        self.list("sha256sum", files=["within/two", "within-absolute", "./sub//./two"])
        self.assertEqual(set(self.results(0)), {"within/two", "within-absolute", "sub/two"})

    def test_the_directory_of_the_list_may_be_a_link(self):
        self.list("sha256sum")
        os.symlink("release", "link")
        self.verify(0, path="link/SUMS")
        os.rename("release", "release2")
        self.write("release2-outside", b"one\n")
        os.symlink("../release2-outside", "release2/near")  # its name begins as the directory's
        self.write("release2/SUMS", check("sha256sum", "near", cwd="release2"))
        self.sign("release2/SUMS")
        self.verify(3, path="release2/SUMS")

    def test_what_is_no_regular_file_is_not_read(self):
        os.mkfifo("release/fifo")
        os.mkdir("release/directory")
        digest = b"0" * 64
        for name in ("fifo", "directory"):
            self.list("sha256sum", add=digest + b"  " + name.encode() + b"\n")
            self.assertIn(f"release/{name}: it is no regular file", self.verify(3).err)
            self.assertEqual(self.results(3)[name], ("error", 3))
        self.list("sha256sum", add=digest + b"  one/below\n")
        self.assertIn("cannot read release/one/below: Not a directory", self.verify(3).err)
        os.symlink("loop", "release/loop")
        self.list("sha256sum", add=digest + b"  loop\n")
        self.verify(3)

    def test_lists_that_make_no_sense(self):
        good = check("sha256sum", "one", cwd="release")
        digest = good.split()[0]
        for text, code, said in (
                (good + b"nonsense\n", 3, "release/SUMS, line 2: "),
                (good + b"\0\n", 3, "line 2: there is a NUL"),
                (b"", 3, "lists no file"), (b"# nothing\n\n", 3, "lists no file"),
                (good + b"0" * 64 + b"  one\n", 3, "two different things of one, in lines 1 and 2"),
                (good + b"0" * 64 + b"  ./one\n", 3, "two different things of one"),
                (good + b"x" * 100000 + b"\n", 3, "line 2: the line is too long"),
                (check("md5sum", "one", cwd="release"), 9, "MD5 is too weak"),
                (good + check("sha1sum", "one", cwd="release"), 9, "line 2: SHA-1 is too weak"),
                (check("sha1sum", "--tag", "one", cwd="release"), 9, "SHA1 is too weak"),
                (check("b2sum", "--tag", "-l", "128", "one", cwd="release"), 9, "too weak"),
                (b"SM3 (one) = " + digest + b"\n", 9, "no hash function \"SM3\"")):
            with self.subTest(text=text[:200]):
                self.write("release/SUMS", text)
                self.sign()
                result = self.verify(code)
                self.assertIn("Good signature of release/SUMS", result.err)
                self.assertIn(said, result.err)
                self.assertNotIn("checksum of", result.err)
                document, = self.verify(code, "--json").json()["results"]
                self.assertEqual((document["valid"], document["listed"]), (True, []))
        self.list("sha256sum", add=good)  # the same again
        self.assertEqual(len(self.verify(0, "--json").json()["results"][0]["listed"]), 2)

    def test_a_list_that_does_not_end(self):
        os.truncate(self.write("release/SUMS"), 1 << 40)
        self.write("release/SUMS.sig", b"x")
        self.assertIn("too large", self.verify(3).err)

    def test_several_lists(self):
        self.list("sha256sum")
        shutil.copytree("release", "second")
        self.write("second/one", b"changed\n")
        result = self.verify(1, "release/SUMS", path="second/SUMS")
        self.assertIn("Good checksum of release/one", result.err)
        self.assertIn("BAD checksum of second/one", result.err)
        first, second = self.verify(1, "--json", "release/SUMS",
                                    path="second/SUMS").json()["results"]
        self.assertEqual((first["code"], second["code"], second["valid"]), (0, 1, True))
        os.remove("second/sub/two")
        self.verify(3, "release/SUMS", path="second/SUMS")

    def test_quiet_says_only_what_is_bad(self):
        self.list("sha256sum")
        self.assertEqual(self.verify(0, "-q").err, "")
        self.write("release/one", b"changed\n")
        self.assertEqual(self.verify(1, "-q").err.count("\n"), 1)

    def test_names_do_not_reach_the_terminal_as_they_are(self):
        self.write("release/\x1b[31m", b"x")
        self.list("sha256sum", files=["\x1b[31m"])
        self.assertNotIn("\x1b", self.verify(0).err)

    def test_usage(self):
        self.list("sha256sum")
        for words in (["--prehashed", "release/SUMS"], ["-o", "out", "release/SUMS"], [],
                      ["-s", "release/SUMS.sig"], ["-s", "release/SUMS.sig", "release/SUMS", "other"],
                      ["-"]):
            with self.subTest(words=words):
                self.expect(2, "verify", "--pubkey", token.public("p256"), "--checksums", *words)
        self.assertIn("or - with -s", self.expect(2, "verify", "--pubkey", token.public("p256"),
                                                  "--checksums").err)
        self.expect(2, "verify", "--pubkey", token.public("p256"), "--ignore-missing",
                    "release/SUMS")


if __name__ == "__main__":
    main()
