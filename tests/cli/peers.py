# SPDX-License-Identifier: MIT
"""What the tools that people use today get wrong, row by row: each test runs such a tool with the
same SoftHSM token, notes what it did, and asserts what p11dbus does. What a tool does is not asserted:
it may have been mended. The table of both is printed at the end."""

import hashlib
import os
import re
import select
import shutil
import subprocess
import tempfile

from authority import Authority
from harness import (KEYS, P11DBUS, PIN, RUDE, SOFTHSM, Terminal, Token, check, main,
                     openssl_verify, ssh_line)
from peercase import PeerCase, print_rows
from served import Bus, Service, make_keys

FAULTY = os.environ["FAULTY_MODULE_SO"]
token = Token({name: KEYS[name] for name in ("rsa", "p256")}) if SOFTHSM else None
authority = Authority(token.directory) if SOFTHSM else None

RSA = "pkcs11:token=demo;object=rsa"
P256 = "pkcs11:token=demo;object=p256"
SIGNIFY = "signify-openbsd" if shutil.which("signify-openbsd") else "signify"  # Fedora's name
TOOL = ("--module", SOFTHSM, "--login", "--pin", PIN, "--token-label", "demo")
SIGN_RSA = ("--sign", "--mechanism", "SHA256-RSA-PKCS", "--input-file", "data", "--output-file",
            "peer.sig")


def tearDownModule():
    print_rows()


class Peers(PeerCase):
    def setUp(self):
        super().setUp()
        self.write("data", b"some data\n")
        self.write("other", b"other data\n")
        self.write("wrong", "654321\n")

    def p11dbus(self, code, command, *words, module=SOFTHSM, **options):
        pin = ("--pin-file", token.pin_file) if command == "sign" else ()
        return self.expect(code, command, "-m", module, *pin, *words, **options)

    def rude(self, behaviour):
        """The environment in which the rude module does so, and the log of what is called."""
        self.write("log")
        return {"RUDE": behaviour, "RUDE_MODULE": SOFTHSM, "RUDE_LOG": os.path.abspath("log")}

    def logins(self):
        with open("log", encoding="ascii") as file:
            return file.read().split().count("login")

    def engine(self, uri, module=SOFTHSM, env=None):
        return self.peer("openssl", "dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine",
                         "-sign", uri, "-out", "peer.sig", "data",
                         env={**(env or {}), "PKCS11_MODULE_PATH": module})

    def test_bad_signature(self):
        self.p11dbus(0, "sign", "-k", RSA, "data")
        done = self.peer("pkcs11-tool", *TOOL, "--verify", "--mechanism", "SHA256-RSA-PKCS",
                         "--id", "01", "--input-file", "other", "--signature-file", "data.sig")
        self.note_exit("pkcs11-tool --verify", done)
        self.assertIn("BAD signature", self.p11dbus(1, "verify", "-k", RSA, "-s", "data.sig",
                                                    "other").err)
        self.expect(1, "verify", "--pubkey", token.public("rsa"), "-s", "data.sig", "other")
        # 1 is that and nothing else.
        self.p11dbus(0, "verify", "-k", RSA, "-s", "data.sig", "data")
        self.p11dbus(2, "verify", "-k", RSA)
        self.p11dbus(3, "verify", "-k", RSA, "-s", "missing", "data")
        self.p11dbus(3, "verify", "-k", RSA, "-s", "data.sig", "missing")
        self.p11dbus(4, "verify", "-k", RSA + "x", "-s", "data.sig", "data")
        self.p11dbus(7, "verify", "-k", RSA, "-s", "data.sig", "data", module="/nonexistent.so")
        self.p11dbus(9, "verify", "-k", RSA, "-a", "ecdsa-sha256", "-s", "data.sig", "data")
        self.here("1, and only that")

    def list_release(self):
        """Digests of data and other as BSD's programs write them, and what signify made of them."""
        self.write("SHA256", "".join(
            f"SHA256 ({name}) = {hashlib.sha256(self.read(name)).hexdigest()}\n"
            for name in ("data", "other")))
        self.p11dbus(0, "sign", "-k", P256, "--force", "SHA256")

    def peers_of_lists(self, what):
        """Runs signify -C and sha256sum -c on the list, signed for both."""
        self.peer(SIGNIFY, "-G", "-n", "-p", "key.pub", "-s", "key.sec")
        self.peer(SIGNIFY, "-S", "-e", "-s", "key.sec", "-m", "SHA256", "-x", "list.sig")
        self.note_exit(f"signify -C, {what}", self.peer(SIGNIFY, "-C", "-p", "key.pub",
                                                        "-x", "list.sig"))
        self.note_exit(f"sha256sum -c, {what}", self.peer("sha256sum", "-c", "SHA256"))

    def check_list(self, code):
        return self.expect(code, "verify", "--pubkey", token.public("p256"), "--checksums",
                           "SHA256")

    def test_list_of_checksums(self):
        self.list_release()
        self.peers_of_lists("all is well")
        self.assertIn("Good checksum of other (sha256)", self.check_list(0).err)
        os.remove("other")
        self.peers_of_lists("a file is missing")
        self.assertIn("other is not there", self.check_list(3).err)
        self.write("other", b"changed\n")
        self.peers_of_lists("a file was changed")
        self.assertIn("BAD checksum of other", self.check_list(1).err)
        self.here("0; 3 for one that is missing; 1 for one that was changed; others go on")

    def test_list_of_checksums_with_a_bad_signature(self):
        self.list_release()
        self.peers_of_lists("before")
        self.write("SHA256", self.read("SHA256").replace(b"data", b"date"))
        if os.path.exists("list.sig"):
            self.write("list.sig", self.read("list.sig").replace(b"data", b"date"))
            self.note_exit("signify -C, the list was changed", self.peer(
                SIGNIFY, "-C", "-p", "key.pub", "-x", "list.sig"))
        self.note("sha256sum -c looks at no signature")
        result = self.check_list(1)
        self.assertIn("BAD signature of SHA256", result.err)
        self.assertNotIn("checksum of", result.err)
        self.here("1, and no file is looked at")

    def test_list_of_checksums_that_leads_out(self):
        os.mkdir("release")
        os.chdir("release")
        self.write("data", b"some data\n")
        os.symlink("../other", "other")
        self.list_release()
        self.peers_of_lists("a link leads out")
        self.assertIn("other: it lies outside of the directory", self.check_list(3).err)
        os.remove("other")
        self.write("other", self.read("../data"))
        self.list_release()
        self.write("SHA256", self.read("SHA256").replace(b"other", b"../data"))
        self.p11dbus(0, "sign", "-k", P256, "--force", "SHA256")
        self.peers_of_lists("a name leads out")
        self.assertIn("../data: it lies outside of the directory", self.check_list(3).err)
        self.here("3, what lies outside is not read; others go on")

    def sign_cms(self, name, extensions="keyUsage=digitalSignature", **options):
        """Signs data with a certificate of that name; returns who is trusted, as a file."""
        authority.issue(name, token.path("p256.key"), extensions=extensions, **options)
        self.peer("openssl", "cms", "-sign", "-binary", "-in", "data", "-outform", "DER", "-out",
                  "data.p7s", "-signer", authority.path(name + ".crt"), "-inkey",
                  token.path("p256.key"), "-certfile", authority.path("intermediate.crt"))
        return authority.path("root.crt")

    def openssl_cms(self, what, *words, trusted):
        self.note_exit(f"openssl cms -verify {what}", self.peer(
            "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "data.p7s", "-content",
            "data", "-out", "content", "-CAfile", trusted, *words))

    def verify_cms(self, code, *words, trusted):
        return self.expect(code, "verify", "--CAfile", trusted, "-s", "data.p7s", *words, "data",
                           "--json")

    def test_revoked_certificates(self):
        root = self.sign_cms("web")
        good = {name: authority.revoke(name, out=self.write(name + ".good"))
                for name in ("root", "intermediate")}
        revoked = {"the signer": (good["root"], authority.revoke("intermediate", "web", out="1")),
                   "its issuer": (authority.revoke("root", "intermediate", out="2"),
                                  good["intermediate"])}
        for who, lists in revoked.items():
            both = self.write("both", b"".join(self.read(path) for path in (root, *lists)))
            self.openssl_cms(f"-crl_check, {who} is revoked", "-crl_check", trusted=both)
            self.assertIn("revoked", self.verify_cms(1, "--crl", lists[0], "--crl", lists[1],
                                                     trusted=root).json()["detail"])
            self.verify_cms(1, trusted=both)
        self.openssl_cms("of a file with lists, without -crl_check", trusted=both)
        self.openssl_cms("-crl_check without a list", "-crl_check", trusted=root)
        self.verify_cms(0, *(word for path in good.values() for word in ("--crl", path)),
                        trusted=root)
        self.verify_cms(1, "--crl", good["root"], trusted=root)
        self.here("1, anywhere in the chain; a list that is there is asked")

    def test_a_certificate_at_a_time(self):
        shutil.copy(authority.path("intermediate.key"), authority.path("past.key"))
        past = authority.issue("past", authority.path("past.key"), "root",
                               "basicConstraints=critical,CA:TRUE", expired=True)
        both = self.write("both", self.read(self.sign_cms("gone", issuer="past", expired=True)) +
                          self.read(past))
        time = ("-attime", "1579089600")  # 2020-01-15T12:00:00Z
        self.openssl_cms("of an expired signer", "-partial_chain", trusted=both)
        self.openssl_cms("-attime", "-partial_chain", *time, trusted=both)
        self.openssl_cms("-attime 2020-01-15", "-partial_chain", "-attime", "2020-01-15",
                         trusted=both)
        self.assertIn("expired", self.verify_cms(1, trusted=both).json()["detail"])
        document = self.verify_cms(0, "--at", "2020-01-15T12:00:00Z", trusted=past).json()
        self.assertEqual((document["at"], document["at_claimed"]), ("2020-01-15T12:00:00Z", False))
        self.verify_cms(1, "--at", "2021-01-15T12:00:00Z", trusted=past)
        self.verify_cms(2, "--at", "1579089600", trusted=past)
        # What it claims itself is today.
        self.assertTrue(self.verify_cms(1, "--at", "signing-time", trusted=past).json()["at_claimed"])
        self.here("1 now, 0 then; the time as RFC 3339, or as claimed and called so")

    def test_what_a_certificate_is_for(self):
        for extension, usual, email, code in (("serverAuth", 1, 1, 1), ("codeSigning", 0, 1, 0),
                                              ("emailProtection", 0, 0, 1)):
            root = self.sign_cms("use", "extendedKeyUsage=" + extension)
            self.openssl_cms(f"of {extension}", trusted=root)
            self.openssl_cms(f"-purpose any of {extension}", "-purpose", "any", trusted=root)
            for words, expected in (((), usual), (("--purpose", "email"), email),
                                    (("--purpose", "code"), code), (("--purpose", "any"), 0)):
                detail = self.verify_cms(expected, *words, trusted=root).json()["detail"]
                self.assertEqual(extension in (detail or ""), expected == 1)
        self.here("mail, code and documents unless one is named; no web server's")

    def test_an_allowed_signer_at_a_time(self):
        self.p11dbus(0, "sign", "-k", P256, "-f", "ssh", "data")
        self.write("allowed", 'alice@example.org valid-after="20200101Z",valid-before="20200201Z" '
                   + ssh_line(token.public("p256")) + "\n")
        words = ("-f", "allowed", "-I", "alice@example.org", "-n", "file", "-s", "data.sig")
        for time, there, code in (("2019-12-31T12:00:00Z", "20191231120000Z", 1),
                                  ("2020-01-15T12:00:00Z", "20200115120000Z", 0),
                                  ("2020-02-02T12:00:00Z", "20200202120000Z", 1)):
            with open("data", "rb") as data:
                self.note_exit(f"ssh-keygen -Y verify -O verify-time={there}", self.peer(
                    "ssh-keygen", "-Y", "verify", "-O", "verify-time=" + there, *words, stdin=data))
            document = self.expect(code, "verify", "--allowed-signers", "allowed", "-I",
                                   "alice@example.org", "-s", "data.sig", "--at", time, "data",
                                   "--json").json()
            self.assertEqual((document["at"], document["reason"]),
                             (time, "not-allowed" if code else None))
        self.here("the same; and says as of when")

    def test_several_keys_in_a_file(self):
        self.p11dbus(0, "sign", "-k", P256, "data")
        self.write("keys", self.read(token.public("rsa")) + self.read(token.public("p256")))
        self.note_exit("openssl dgst -verify, by the second key", self.peer(
            "openssl", "dgst", "-sha256", "-verify", "keys", "-signature", "data.sig", "data"))
        result = self.expect(0, "verify", "--pubkey", "keys", "-s", "data.sig", "data", "--json")
        self.assertEqual(result.json()["match"]["number"], 2)
        self.assertIn("2nd of 2", result.err)
        self.assertEqual(self.expect(1, "verify", "--pubkey", "keys", "-s", "data.sig", "other",
                                     "--json").json()["tried"], 2)
        self.here("any of them, and says which")

    def test_unknown_or_ambiguous_label(self):
        token.add_token("single")  # with one key, or it would depend on their order which is taken
        token.add_key("rsa", "01", KEYS["rsa"][1], token="single")
        done = self.peer("pkcs11-tool", *TOOL[:-1], "single", *SIGN_RSA, "--label", "unknown")
        if done:
            signed = os.path.exists("peer.sig") and openssl_verify(token.public("rsa"), "peer.sig",
                                                                   "data")
            self.note_exit("pkcs11-tool --label unknown", done,
                           ", signed with the key \"rsa\"" if signed else "")
        for label, identifier in (("twin", "11"), ("twin", "12")):
            token.add_key(label + identifier, identifier, KEYS["p256"][1], label=label)
        done = self.engine(f"pkcs11:token=demo;object=twin;type=private?pin-value={PIN}")
        self.note_exit("openssl with two keys of that label", done,
                       ", signed with one of them" if os.path.exists("peer.sig") else "")
        self.p11dbus(4, "sign", "--token", "demo", "--label", "unknown", "data")
        result = self.p11dbus(5, "sign", "--token", "demo", "--label", "twin", "data")
        for identifier in ("11", "12"):
            self.assertIn(f"id=%{identifier}", result.err)
        self.assertNotIn("data.sig", os.listdir("."))
        self.here("4; 5 with the candidates listed")

    def test_wrong_pin_and_crash_at_exit(self):
        done = self.engine("pkcs11:token=demo;object=rsa;type=private?pin-value=654321")
        self.note_exit("openssl, wrong PIN", done)
        error = self.expect(6, "sign", "-m", SOFTHSM, "-k", RSA, "--pin-file", "wrong", "--json",
                            "data").json()["error"]
        self.assertEqual(error["ckr"], "CKR_PIN_INCORRECT")
        env = self.rude("crash-at-exit")
        done = self.peer("pkcs11-tool", "--module", RUDE, "--list-slots", env=env)
        self.note_exit("pkcs11-tool, module crashes at exit", done)
        self.p11dbus(0, "sign", "-k", RSA, "data", module=RUDE, env=env)
        self.assertTrue(openssl_verify(token.public("rsa"), "data.sig", "data"))
        self.expect(6, "sign", "-m", RUDE, "-k", RSA, "--pin-file", "wrong", "--force", "data",
                    env=env)
        self.here("6 with the reason; a crash at exit changes nothing")

    def prompted(self, *words, **options):
        """Types the PIN on a terminal; returns the exit code, what was there, and stdout."""
        with tempfile.TemporaryFile() as out:
            terminal = Terminal(*words, stdout=out.fileno(), **options)
            try:
                terminal.read_until(b"PIN")
                terminal.type(PIN.encode() + b"\n")
            except AssertionError:
                pass  # no prompt came there
            code = terminal.end()
            out.seek(0)
            return code, terminal.output, out.read()

    def test_prompts_and_messages(self):
        if shutil.which("pkcs11-tool"):
            done = self.peer("pkcs11-tool", "--module", SOFTHSM, "--token-label", "demo",
                             "--login", "--sign", "--mechanism", "SHA256-RSA-PKCS", "--id", "01",
                             "--input-file", "data")
            self.note("pkcs11-tool: " + ("the prompt is on stdout" if b"PIN" in done.stdout
                                         else "stdout holds no prompt"))
        code, shown, out = self.prompted("sign", "-m", SOFTHSM, "-k", RSA, "-o", "-", "-v", "data")
        self.assertEqual(code, 0, shown)
        self.assertIn(b"demo", shown)
        self.assertNotIn(PIN.encode(), shown)
        self.write("data.sig", out)
        self.assertEqual(len(out), 256)
        self.assertTrue(openssl_verify(token.public("rsa"), "data.sig", "data"))
        self.assertEqual(self.p11dbus(4, "sign", "-k", RSA + "x", "-o", "-", "data").out, b"")
        self.here("prompt on the terminal; stdout is the signature")

    def test_der_or_raw(self):
        self.write("digest", hashlib.sha256(b"some data\n").digest())
        done = self.peer("pkcs11-tool", *TOOL, "--sign", "--mechanism", "ECDSA", "--id", "02",
                         "--input-file", "digest", "--output-file", "peer.sig")
        if done and done.returncode == 0:
            good = openssl_verify(token.public("p256"), "peer.sig", "data")
            self.note(f"pkcs11-tool: {os.path.getsize('peer.sig')} bytes, "
                      f"openssl {'takes' if good else 'does not take'} them")
        self.p11dbus(0, "sign", "-k", P256, "data")
        self.assertTrue(openssl_verify(token.public("p256"), "data.sig", "data"))
        self.p11dbus(0, "sign", "-k", P256, "-f", "raw", "-o", "raw.sig", "data")
        self.assertEqual(os.path.getsize("raw.sig"), 64)
        for signature in ("data.sig", "raw.sig"):
            self.expect(0, "verify", "--pubkey", token.public("p256"), "-s", signature, "data")
        self.here("DER, or 64 bytes with --format raw")

    def test_large_input(self):
        with open("large", "wb") as file:
            file.truncate(300 << 20)
        done = self.peer("pkcs11-tool", *TOOL, "--sign", "--mechanism", "ECDSA", "--id", "02",
                         "--input-file", "large", "--output-file", "peer.sig")
        self.note_exit("pkcs11-tool, ECDSA of 300 MiB", done)
        self.p11dbus(0, "sign", "-k", P256, "large")
        self.assertTrue(openssl_verify(token.public("p256"), "large.sig", "large"))
        keys = os.path.abspath("keys")
        make_keys(keys, "p256", "rsa")
        bus = Bus()
        self.addCleanup(bus.end)
        service = Service("--keys", keys)
        self.addCleanup(service.end)
        for key in ("p256", "rsa"):
            result = self.expect(0, "sign", "-k", f"pkcs11:object={key}", "--force", "large",
                                 env={"P11DBUS_DEBUG": "wire"})
            sizes = [int(size) for size in re.findall(r"wire \S+\.Sign (\d+) bytes", result.err)]
            self.assertEqual(len(sizes), 1, result)
            self.assertLess(sizes[0], 1024)
            self.expect(0, "verify", "-k", f"pkcs11:object={key}", "-s", "large.sig", "large")
        self.here(f"signed; {sizes[0]} bytes went to the service")

    def test_hashed_mechanism_missing(self):
        done = self.peer("pkcs11-tool", *TOOL, "--sign", "--mechanism", "ECDSA-SHA256", "--id",
                         "02", "--input-file", "data", "--output-file", "peer.sig")
        refused = done and b"CKR_MECHANISM_INVALID" in done.stderr
        self.note_exit("pkcs11-tool", done, ", CKR_MECHANISM_INVALID" if refused else "")
        self.p11dbus(0, "sign", "-k", P256, "-a", "ecdsa-sha256", "data")
        self.assertTrue(openssl_verify(token.public("p256"), "data.sig", "data"))
        self.p11dbus(0, "sign", "-k", RSA, "-a", "sha256", "--force", "data", module=RUDE,
                     env=self.rude("no-hashes"))
        self.assertTrue(openssl_verify(token.public("rsa"), "data.sig", "data"))
        self.here("hashed here, the digest is signed")

    def test_how_keys_are_kept(self):
        token.add_token("kept")
        for name, option in (("made", "--sensitive"), ("loose", "--extractable")):
            check("pkcs11-tool", *TOOL[:-1], "kept", "--keypairgen", "--key-type", "EC:prime256v1",
                  "--label", name, option)
        done = self.peer("p11tool", "--provider", SOFTHSM, "--login", "--list-all",
                         "pkcs11:token=kept", env={"GNUTLS_PIN": PIN})
        flags = re.findall(r"CKA_(SENSITIVE|EXTRACTABLE|LOCAL)\b", str(done and done.stdout))
        self.note(f"p11tool --list-all shows {' '.join(sorted(set(flags)))}")
        ours = ("-m", SOFTHSM, "--token", "kept", "--login", "--pin-file", token.pin_file, "--json")
        kept = {one["label"]: [one["sensitive"], one["extractable"], one["local"]]
                for one in self.expect(0, "list", *ours).json()["tokens"][0]["objects"]
                if one["class"] == "private-key"}
        self.assertEqual((kept["made"], kept["loose"][1:]), ([True, False, True], [True, True]))
        found, = self.expect(1, "audit", *ours, "--check", "extractable").json()["findings"]
        self.assertIn("object=loose;", found["uri"])
        self.here("list shows all of them, audit finds the one that can leave")

    def caught(self, *command, **options):
        """Starts command, which stays in its call to sign; returns its command line and environment, or
        nothing if it ended before. (Killed while it logs in, it would leave a broken token.)"""
        os.mkfifo("calls")
        env = {**os.environ, **self.rude("hang-at-sign"), "RUDE_LOG": os.path.abspath("calls")}
        calls, seen, parts = os.open("calls", os.O_RDWR), b"", []
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, **options) as process:
            end = os.pidfd_open(process.pid)
            while b"sign\n" not in seen and calls in select.select([calls, end], [], [])[0]:
                seen += os.read(calls, 4096)
            for part in ("cmdline", "environ") if b"sign\n" in seen else ():
                parts.append(self.read(f"/proc/{process.pid}/{part}"))
            process.kill()
        os.close(end)
        os.close(calls)
        os.unlink("calls")
        return parts

    def test_pin_in_argv(self):
        """Neither minisign nor yubihsm-shell speaks PKCS#11; pkcs11-tool and p11tool stand for them."""
        if shutil.which("pkcs11-tool"):
            parts = self.caught("pkcs11-tool", "--module", RUDE, *TOOL[2:], *SIGN_RSA, "--id", "01")
            self.note("pkcs11-tool --pin: " + ("seen by ps" if PIN.encode() in b"".join(parts[:1])
                                               else "not seen by ps"))
        done = self.peer("p11tool", "--help")
        if done and b"--set-pin" in done.stdout:
            self.note("p11tool has --set-pin=PIN")
        for option in ("--pin-file", "--pin-fd"):
            read_end, write_end = os.pipe()
            os.write(write_end, PIN.encode() + b"\n")
            os.close(write_end)
            value = token.pin_file if option == "--pin-file" else str(read_end)
            parts = self.caught(P11DBUS, "sign", "-m", RUDE, "-k", RSA, option, value, "--force",
                                "data", pass_fds=[read_end])
            self.assertEqual(len(parts), 2)
            for part in parts:
                self.assertNotIn(PIN.encode(), part)
            os.close(read_end)
        for words in (["--pin", PIN], [f"--pin={PIN}"], ["-p", PIN], [f"--set-pin={PIN}"]):
            result = self.expect(2, "sign", "-m", SOFTHSM, "-k", RSA, *words, "data")
            self.assertIn("nknown option", result.err)
        result = self.expect(2, "sign", "-m", SOFTHSM, "-k", f"{RSA}?pin-value={PIN}", "data")
        self.assertNotIn(PIN, result.err)
        self.here("no option takes one: usage error")

    def test_retries_and_final_try(self):
        """pkcs11-provider, which tried until the card was locked, is not in Debian 12."""
        tools = {
            "pkcs11-tool": ["--module", RUDE, "--token-label", "demo", "--login", "--pin", "654321",
                            "--list-objects"],
            "p11tool": ["--provider", RUDE, "--login", "--list-all", "pkcs11:token=demo"],
        }
        for tool, words in tools.items():
            env = {**self.rude("final-try"), "GNUTLS_PIN": "654321"}
            if self.peer(tool, *words, env=env):
                self.note(f"{tool}, wrong PIN at the final try: {self.logins()} login")
        wrong = ("-k", RSA, "--pin-file", "wrong", "data", "other")
        self.expect(6, "sign", "-m", RUDE, *wrong, env=self.rude(""))
        self.assertEqual(self.logins(), 1)
        result = self.expect(6, "sign", "-m", RUDE, *wrong, env=self.rude("final-try"))
        self.assertEqual(self.logins(), 0)
        self.assertIn("--last-try", result.err)
        self.expect(6, "sign", "-m", RUDE, *wrong, "--last-try", env=self.rude("final-try"))
        self.assertEqual(self.logins(), 1)
        self.here("one attempt; at the final try none without --last-try")

    def test_faulty_random_generator(self):
        """The peer draws twice and compares: of what it finds we find all, and more."""
        words = ("smoke", FAULTY, "--level", "read", "--check", "random", "--json", "--no-input")
        for fault, why in (("none", None), ("random", "4096 times the byte 0x42"),
                           ("random:repeated", "the same 16 bytes again"),
                           ("random:biased", "are ones"),
                           ("random:seed", "the same bytes after C_Initialize")):
            env = {"FAULT": fault, "FAULTY_MODULE": SOFTHSM}
            done = self.peer("pkcs11-tool", "--module", FAULTY, *TOOL[2:], "--test", env=env)
            if done:
                found = b"returned twice the same value" in done.stdout + done.stderr
                self.note(f"pkcs11-tool --test, {fault}: {'' if found else 'not '}found")
            check, = self.expect(1 if why else 0, *words, env=env).json()["checks"]
            self.assertEqual(check["status"], "fail" if why else "pass")
            self.assertIn(why or "", check["detail"])
        self.here("each is found, and what is wrong with the bytes is told")

    def test_json_everywhere(self):
        for command in (["pkcs11-tool", "--module", SOFTHSM, "--list-objects"],
                        ["p11tool", "--provider", SOFTHSM, "--list-tokens"]):
            done = self.peer(*command, "--json")
            if done:
                self.note(f"{command[0]} --json: " + ("JSON" if done.stdout.startswith(b"{")
                                                       else "no such option"))
        for words in (["tokens"], ["keys"], ["certs"], ["objects"], ["mechanisms"], []):
            self.assertIn("tokens", self.p11dbus(0, "list", *words, "--json").json())
        self.assertEqual(self.p11dbus(0, "sign", "-k", RSA, "--json", "data").json()["results"][0]
                         ["out"], "data.sig")
        verify = ("verify", "-k", RSA, "-s", "data.sig", "--json")
        self.assertIs(self.p11dbus(0, *verify, "data").json()["valid"], True)
        self.assertIs(self.p11dbus(1, *verify, "other").json()["valid"], False)
        failures = {
            2: ["list", "nonsense"], 3: ["verify", "-k", RSA, "-s", "missing", "data"],
            4: ["list", "pkcs11:token=none"], 5: ["sign", "--token", "demo", "--force", "data"],
            6: ["list", "--login", "--token", "demo", "--no-input"],
            9: ["sign", "-k", RSA, "-a", "ecdsa-sha256", "--force", "data"],
        }
        for code, words in failures.items():
            result = self.p11dbus(code, *words, "--json")
            self.assertEqual(result.json()["error"]["code"], code)
        self.p11dbus(7, "list", "--json", module="/nonexistent.so").json()
        self.p11dbus(8, "sign", "-k", RSA, "--timeout", "1", "--force", "--json", "data",
                     module=RUDE, env=self.rude("hang-at-sign")).json()
        self.here("every command, and every error")


if __name__ == "__main__":
    main()
