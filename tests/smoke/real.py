# SPDX-License-Identifier: MIT
"""p11dbus smoke on modules that people have. What is asserted here was found in them, and is their
doing; a module that is not installed is skipped, and says so."""

import glob
import json
import os
import re
import subprocess
import unittest

from harness import P11DBUS, main
from smokecase import FAULTY, KEYS, SOFTHSM, SmokeCase, Token

WITH_PKCSSLOTD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "with-pkcsslotd")
RECOVERY = "^CKA_SIGN_RECOVER of [^;]*; CKA_VERIFY_RECOVER of [^;]* claims CKF_VERIFY_RECOVER$"
PLACES = ("/usr/lib/*/pkcs11/", "/usr/lib64/pkcs11/", "/usr/lib/pkcs11/", "/usr/lib/*/",
          "/usr/lib64/")


def find(name):
    """The path of a module; skips the test if it is not there."""
    for place in PLACES:
        found = sorted(glob.glob(place + name))
        if found:
            return found[0]
    raise unittest.SkipTest(f"SKIP: {name} is not installed")


class SoftHSM(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({name: KEYS[name] for name in ("rsa", "p256", "ed25519")})

    def test_it_passes_all_but_what_it_really_gets_wrong(self):
        results = self.results(1, SOFTHSM, "--level", "write", "--pin-file", self.token.pin_file)
        # It does not notice a fork: C_Initialize in the child says that it was called already.
        self.assert_result(results["fork-child"], "warn", "CKR_CRYPTOKI_ALREADY_INITIALIZED")
        # Its own tool imports the point of an Ed25519 key in a form that its C_Verify cannot read.
        self.assert_result(results["sign-verify"], "fail",
                           "^key ed25519: C_Verify of its own signature: CKR_SIGNATURE_INVALID$")
        # It says of every key that signs or verifies that it does so with recovery too.
        self.assert_result(results["claims"], "warn", RECOVERY)
        self.assert_all(results, "pass", but=("fork-child", "sign-verify", "claims"))

    def test_without_the_imported_ed25519_key_it_is_good(self):
        for name in ("rsa", "p256"):
            results = self.results(0, SOFTHSM, f"pkcs11:object={name}", "--level", "sign",
                                   "--check", "sign-*", "--check", "size-*", "--check", "key-*",
                                   "--pin-file", self.token.pin_file)
            self.assert_result(results.pop("sign-short"), "skip" if name == "rsa" else "pass")
            self.assert_all(results, "pass")


class OpenCryptoki(SmokeCase):
    OF_OLDER_ONES = {
        "descriptor-leak": "descriptors leaked: 1 a cycle",
        "mapping-leak": "mappings leaked: 1 a cycle",
        "info-strings": "slotDescription has a NUL at byte 5",
        "size-lists": "beyond a buffer of 0 bytes",  # to one for no slot at all it writes a slot
    }

    def test_older_ones_leak_a_descriptor_and_a_mapping_each_cycle(self):
        module = find("libopencryptoki.so")
        done = subprocess.run([WITH_PKCSSLOTD, module, P11DBUS, "smoke", module, "--level", "write",
                               "--no-input", "--json"], stdout=subprocess.PIPE, check=False,
                              env={**os.environ, "P11DBUS_PIN": "12345678"})
        if done.returncode == 77:
            self.skipTest("SKIP: pkcsslotd cannot be run here in a namespace of its own")
        results = {row["id"]: row for row in json.loads(done.stdout)["checks"]}
        self.assert_result(results.pop("close-on-exec"), "warn", "LCK..APIlock")
        self.assert_result(results.pop("sign-short"), "skip", "no ECDSA key")
        self.assert_result(results.pop("derive"), "skip", "does not claim to derive")
        # What newer ones have mended, all at once.
        mended = results["descriptor-leak"]["status"] == "pass"
        for name, detail in self.OF_OLDER_ONES.items():
            self.assert_result(results.pop(name), *(("pass",) if mended else ("fail", detail)))
        self.assert_all(results, "pass")
        self.assertEqual(done.returncode, 0 if mended else 1)


class Others(SmokeCase):
    def on(self, name, *words, code=0, **options):
        return self.results(code, find(name), *words, **options)

    def assert_glib_stays(self, results):
        self.assert_result(results["threads-after-finalize"], "warn", "gmain")
        self.assert_result(results["descriptor-leak"], "warn",
                           r"never closed: \d+ \(anon_inode:\[eventfd\]\)")
        self.assert_result(results["process-state"], "warn", "^ignores SIGPIPE(;|$)")

    def test_opensc_leaves_a_thread_and_an_eventfd(self):
        results = self.on("opensc-pkcs11.so", code=4)
        self.assert_glib_stays(results)
        self.assert_result(results["failed-initialize"], "warn", "CKR_ARGUMENTS_BAD")
        self.assert_result(results["unload-crash"], "pass")
        self.assert_result(results["stale-session"], "skip", "the module shows no token")

    def test_tpm2_without_a_tpm_writes_to_stderr(self):
        # Not left to find one by itself: a resource manager may be installed, or a TPM be there.
        results = self.on("libtpm2_pkcs11.so", code=7, env={"TPM2_PKCS11_STORE": self.directory,
                                                    "TPM2_PKCS11_TCTI": "device:/dev/null"})
        self.assert_result(results["output"], "warn", r"\d+ bytes to stderr: .*tcti")
        self.assert_result(results["failed-initialize"], "skip", "fails here with CKR_")
        self.assert_result(results["info-strings"], "skip", "cannot initialise the module")

    def test_p11_kit_client_without_a_server(self):
        results = self.on("p11-kit-client.so", code=4)
        for name, result in results.items():
            skipped = result["detail"] == "the module shows no token"
            self.assertEqual(result["status"], "skip" if skipped else "pass", name)

    def test_p11_kit_client_on_a_token(self):
        token = Token({"p256": KEYS["p256"]})
        client = find("p11-kit-client.so")
        server = subprocess.Popen(["p11-kit", "server", "-f", "--provider", SOFTHSM, "pkcs11:"],
                                  stdout=subprocess.PIPE,
                                  env={**os.environ, "XDG_RUNTIME_DIR": self.directory})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        address = re.match(b"P11_KIT_SERVER_ADDRESS=([^;]+)", server.stdout.readline())[1].decode()
        results = self.results(1, client, "--level", "sign", "--pin-file", token.pin_file,
                               env={"P11_KIT_SERVER_ADDRESS": address})
        self.assert_result(results.pop("close-on-exec"), "warn", "socket:")
        # To a buffer for nothing it says that all is well.
        self.assert_result(results.pop("size-attributes"), "fail",
                           "^C_GetAttributeValue answers CKR_OK to a buffer of 0 bytes, [^;]*$")
        self.assert_result(results.pop("decrypt"), "skip", "no RSA key that can decrypt")
        self.assert_result(results.pop("claims"), "warn", RECOVERY)
        self.assert_all(results, "pass")

    def test_p11_kit_trust(self):
        results = self.on("p11-kit-trust.so")
        self.assert_result(results.pop("size-digest"), "skip", "the token has no SHA-256")
        self.assert_result(results.pop("random"), "skip", "no random generator")
        self.assert_all(results, "pass")

    def test_p11_kit_proxy_brings_what_its_modules_bring(self):
        find("opensc-pkcs11.so")
        results = self.on("p11-kit-proxy.so")
        self.assert_glib_stays(results)
        self.assert_result(results["stays-mapped"], "pass", "leaves the module mapped")
        for name in ("threads-after-finalize", "descriptor-leak", "process-state"):
            self.assertRegex(results[name]["detail"], r"; opensc-pkcs11\.so, which it loads, ")
        self.assertRegex(results["process-state"]["detail"], "opensc-[^;]*, does so by itself")

    def test_pkcs11_spy_does_what_the_module_behind_it_does(self):
        Token({})
        results = self.on("pkcs11-spy.so", "--check", "process-state", "--check", "descriptor-leak",
                          code=1, env={"PKCS11SPY": FAULTY, "PKCS11SPY_OUTPUT": "spy.log",
                                       "FAULTY_MODULE": SOFTHSM, "FAULT": "process-state"})
        self.assert_result(results["process-state"], "fail",
                           r"; faulty-module\.so, which it loads, does so by itself$")
        self.assert_result(results["descriptor-leak"], "fail", r"; what it loads does not do so by "
                           r"itself \(faulty-module\.so, libsofthsm2\.so\)$")


if __name__ == "__main__":
    main()
