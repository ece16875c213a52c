# SPDX-License-Identifier: MIT
"""Every check has a module that does not pass it, and one that does."""

import os
import re

from harness import PIN, SOFTHSM, check, main
from smokecase import FAULTY, KEYS, SmokeCase, Token, list_checks

CRASH = r"SIGSEGV in faulty-module\.so\+0x[0-9a-f]+ \(faulty_crash\)"
UNMAPPED = r"SIGSEGV in faulty-module\.so\+0x[0-9a-f]+, which is unmapped"

# The fault (the name of its check, and a variant behind ":"), how its check ends, and why.
FAULTS = [
    ("threads-after-finalize", "warn", "still running .*: a thread without a name"),
    ("descriptor-leak", "fail", "1 a cycle"),
    ("mapping-leak", "fail", "1 a cycle"),
    ("memory-leak", "fail", "1[0-9]{5} bytes more a cycle"),
    ("unload-crash", "crash", UNMAPPED + ", at (leave|wait)"),
    ("unload-crash:key", "crash", UNMAPPED + ", at leave"),
    ("unload-without-finalize", "warn", UNMAPPED),
    ("stays-mapped", "pass", "leaves the module mapped"),
    ("exit-without-finalize", "crash", CRASH + ", at exit"),
    ("openssl-first", "crash", CRASH + ", at exit, with OpenSSL loaded first"),
    ("openssl-last", "crash", CRASH + ", at exit, with OpenSSL loaded last"),
    ("output", "fail", "9 bytes to stdout: Welcome!"),
    ("output:stderr", "warn", "10 bytes to stderr: no device"),
    ("output:much", "fail", "67108864 bytes to stdout"),
    ("process-state", "fail", r"umask to 0000 \(was 0[0-7]{3}\)"),
    ("process-state:directory", "fail", "directory / "),
    ("process-state:locale", "fail", r"locale to .* \(was C\)"),
    ("process-state:handler", "fail", "handles SIGUSR1"),
    ("process-state:blocked", "fail", "blocks SIGTERM"),
    ("process-state:ignored", "warn", "ignores SIGPIPE"),
    ("process-state:environment", "warn", "variable FAULTY"),
    ("close-on-exec", "warn", r"\(/dev/null\)"),
    ("times", "warn", "C_Initialize [0-9]{4}"),
    ("failed-initialize", "fail", "CKR_DEVICE_ERROR"),
    ("failed-initialize:accepts", "warn", "CKR_ARGUMENTS_BAD"),
    ("two-users", "fail", "CKR_CRYPTOKI_NOT_INITIALIZED"),
    ("info-strings", "fail", r"CK_INFO\.manufacturerID has a NUL at byte 6"),
    ("info-strings:bytes", "fail", "not UTF-8"),
    ("size-lists", "fail", "beyond a buffer"),
    ("interfaces", "fail", "default interface answers CKR_CRYPTOKI_NOT_INITIALIZED"),
    ("interfaces:version", "fail", r"C_GetFunctionList gives version 2\.40, which"),
    ("interfaces:name", "fail", "interface 0 without a name"),
    ("interfaces:any", "fail", "CKR_OK to a name that nobody has"),
    ("fork-child", "fail", "C_Initialize in the child: CKR_GENERAL_ERROR"),
    ("fork-child:late", "warn", "CKR_CRYPTOKI_ALREADY_INITIALIZED"),
    ("fork-child:crash", "crash", "the child: " + CRASH + ", in C_Initialize"),
    ("fork-child:hang", "hang", r"faulty-module\.so\+0x[0-9a-f]+, in C_Initialize"),
    ("fork-parent", "fail", "the parent's session.*: CKR_DEVICE_ERROR"),
    ("size-attributes", "fail", "answers CKR_OK to a buffer of 7 bytes"),
    ("size-attributes:beyond", "fail", "beyond a buffer"),
    ("size-digest", "fail", "CKR_OPERATION_NOT_INITIALIZED"),
    ("stale-session", "fail", "CKR_OK to a session that was closed"),
    ("stale-object", "crash", CRASH + ", in C_GetAttributeValue"),
    ("random", "fail", "4096 times the byte 0x42"),
    ("random:repeated", "fail", "the same 16 bytes again"),
    ("random:biased", "fail", "of 32768 random bits 1[0-9]{4} are ones"),
    ("random:seed", "fail", "the same bytes after C_Initialize as the time before"),
    ("sign-verify", "fail", "OpenSSL rejects the signature"),
    ("sign-verify:accepts", "fail", "C_Verify accepts a flipped bit"),
    ("sign-short", "fail", "signature 100 has 63 bytes and is short; the first had 64"),
    ("sign-sizes", "fail", "1048576 bytes: CKR_GENERAL_ERROR"),
    ("sign-threads", "fail", "made beside others is wrong"),
    ("sign-threads:hang", "hang", "in C_Sign"),
    ("size-signature", "fail", "CKR_BUFFER_TOO_SMALL"),
    ("size-signature:beyond", "fail", "beyond a buffer of 31 bytes"),
    ("fork-sign", "fail", "after a child had used the module: CKR_DEVICE_ERROR"),
    ("claims", "fail", "public key rsa says CKA_VERIFY, and C_VerifyInit answers CKR_FUNCTION_NOT"),
    ("claims:recover", "fail", "key rsa says CKA_SIGN_RECOVER, and C_SignRecoverInit answers CKR_F"),
    ("claims:unbacked", "warn", "^CKA_WRAP of rsa: no mechanism for such keys claims CKF_WRAP$"),
    ("claims:digest", "fail", "sha384 claims CKF_DIGEST, and C_DigestInit answers CKR_MECHANISM_I"),
    ("claims:wrap", "fail", "public key rsa says CKA_WRAP, and C_WrapKey answers CKR_FUNCTION_NOT"),
    ("claims:unwrap", "fail", "private key rsa says CKA_UNWRAP, and C_UnwrapKey answers CKR_FUNC"),
    ("claims:generate", "fail", "^aes-key-gen claims CKF_GENERATE, and C_GenerateKey answers CKR_F"),
    ("claims:pair", "fail", "^ec-key-pair-gen claims CKF_GENERATE_KEY_PAIR, and .* CKR_MECHANISM_I"),
    ("decrypt", "fail", "key rsa decrypts with rsa-pkcs something else than OpenSSL"),
    ("decrypt:refuses", "fail", "rsa does not decrypt with rsa-pkcs .*ENCRYPTED_DATA_INVALID"),
    ("derive", "fail", "key made by p11dbus smoke derives another secret than OpenSSL"),
    ("logout", "fail", "key .* signs after C_Logout; .* logged in; [0-9]+ private objects"),
    ("logout:used", "fail", "^key [^;]* signs after C_Logout$"),
    ("secret-values", "fail", "gives out private-exponent of key rsa, which is sensitive"),
    ("secret-values:silent", "fail", r"gives out value of key p256.*\(CKR_ATTRIBUTE_SENSITIVE\)"),
    ("secret-values:unsaid", "fail", r"gives out value of key p256.*\(CKR_ATTRIBUTE_SENSITIVE\)"),
    ("secret-values:rest", "warn", "^C_GetAttributeValue leaves bytes behind the place for value of"),
    ("mechanisms-verify", "fail", "sha512-rsa-pkcs and key rsa accepts a flipped bit in the data"),
    ("mechanisms-new-keys:accepts", "fail", "C_Verify with sha256-hmac accepts a flipped bit"),
    ("mechanisms", "fail", "sha512-rsa-pkcs claims CKF_SIGN and answers CKR_MECHANISM_INVALID"),
    ("key-pairs", "warn", "the public key with the CKA_ID of key rsa is of another"),
    ("destroyed-object", "fail", "CKR_OK to an object that was destroyed"),
    ("mechanisms-new-keys", "fail", "sha256-hmac claims CKF_SIGN"),
]


class Faults(SmokeCase):
    @classmethod
    def setUpClass(cls):
        cls.token = Token({name: KEYS[name] for name in ("rsa", "p256")})

    def test_every_check_has_a_fault(self):
        names = {check["id"] for check in list_checks(self)}
        self.assertEqual(names, {fault.split(":")[0] for fault, _, _ in FAULTS})
        self.assertGreater(len(names), 30)

    def test_each_fault_is_found(self):
        for fault, status, detail in FAULTS:
            with self.subTest(fault=fault):
                name = fault.split(":")[0]
                code = 1 if status in ("fail", "crash", "hang") else 0
                limit = "5" if status == "hang" else "30"
                results = self.faulty(code, fault, "--check", name, "--timeout", limit)
                self.assertEqual(list(results), [name])
                self.assert_result(results[name], status, detail)

    def test_a_key_that_derives_is_taken_before_one_is_made(self):
        self.token = Token({})
        self.addCleanup(os.environ.update, SOFTHSM2_CONF=Faults.token.path("softhsm2.conf"))
        check("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "--keypairgen",
              "--key-type", "EC:prime256v1", "--usage-derive", "--id", "08", "--label", "agree")
        for fault, code in (("derive", 1), ("none", 0)):
            results = self.faulty(code, fault, "--check", "derive")
            self.assert_result(results["derive"], *(("fail", "^key agree derives another secret")
                                                    if code else ("pass", "^$")))

    def test_whose_doing_it_is(self):
        """The module that it loads is asked by itself, but never with a PIN."""
        own, softhsm = (re.escape(os.path.basename(path)) for path in (FAULTY, SOFTHSM))
        for fault, detail in (
                ("descriptor-leak", rf"cycles\); what it loads does not do so by itself \({softhsm}\)$"),
                ("fork-child:late", f"; {softhsm}, which it loads, does so by itself$"),
                ("fork-child", f"GENERAL_ERROR; {softhsm}, which it loads, by itself: .*ALREADY_INIT"),
                ("size-digest", r"; what it loads does not do so"),
                ("sign-verify", "^(?!.* it loads)"), ("claims:digest", "^[^;]*MECHANISM_INVALID$")):
            with self.subTest(fault=fault):
                name = fault.split(":")[0]
                code = 0 if fault == "fork-child:late" else 1
                result = self.faulty(code, fault, "--check", name)[name]
                self.assertRegex(result["detail"], detail)
                self.assertNotIn(f"{own}, which", result["detail"])

    def test_the_same_module_without_a_fault_passes_them_all(self):
        results = self.faulty(0, "none")
        self.assertEqual(len(results), len(list_checks(self)))
        self.assert_all(results, "pass")
        self.assert_result(results["stays-mapped"], "pass", "unmaps the module")
        self.assert_result(results["sign-short"], "pass", "1000 signatures, [1-9]")

    def test_a_fault_is_found_by_its_own_check_alone(self):
        for fault in ("output", "process-state", "info-strings", "two-users", "size-digest",
                      "stale-session", "destroyed-object", "close-on-exec"):
            with self.subTest(fault=fault):
                results = self.faulty(0 if fault == "close-on-exec" else 1, fault, "--skip",
                                      "sign-*")
                self.assertNotEqual(results.pop(fault)["status"], "pass")
                self.assert_all(results, "pass")


if __name__ == "__main__":
    main()
