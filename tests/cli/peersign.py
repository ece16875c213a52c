# SPDX-License-Identifier: MIT
"""How signing goes, beside its peers (peercase.py)."""

import hashlib
import os
import re
import select
import shutil
import subprocess
import tempfile

from harness import KEYS, P11DBUS, PIN, RUDE, SOFTHSM, Terminal, main, openssl_verify
from peercase import P256, RSA, TOOL, PeerCase, print_rows, token
from served import Bus, Service, make_keys

SIGN_RSA = ("--sign", "--mechanism", "SHA256-RSA-PKCS", "--input-file", "data", "--output-file",
            "peer.sig")


def tearDownModule():
    print_rows()


class Signing(PeerCase):
    def setUp(self):
        super().setUp()
        self.write("wrong", "654321\n")

    def logins(self):
        with open("log", encoding="ascii") as file:
            return file.read().split().count("login")

    def engine(self, uri, module=SOFTHSM, env=None):
        return self.peer("openssl", "dgst", "-sha256", "-engine", "pkcs11", "-keyform", "engine",
                         "-sign", uri, "-out", "peer.sig", "data",
                         env={**(env or {}), "PKCS11_MODULE_PATH": module})

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


if __name__ == "__main__":
    main()
