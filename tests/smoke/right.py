# SPDX-License-Identifier: MIT
"""A module that is right does not fail, however unusual it or its token is."""

from harness import PIN, SOFTHSM, check, main
from smokecase import KEYS, SmokeCase, Token


class Right(SmokeCase):
    def test_a_key_that_allows_one_mechanism_only(self):
        token = Token({})
        check("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "--keypairgen",
              "--key-type", "rsa:2048", "--id", "01", "--label", "limited",
              "--allowed-mechanisms", "SHA384-RSA-PKCS-PSS")
        results = self.results(0, SOFTHSM, "--level", "sign", "--check", "*sign*", "--check",
                               "mechanisms", "--check", "key-pairs", "--pin-file", token.pin_file)
        self.assert_result(results.pop("sign-short"), "skip", "no ECDSA key")
        self.assert_result(results["mechanisms"], "pass", "^1 of ")
        self.assert_all(results, "pass")

    def test_a_key_with_no_room_for_the_padding(self):
        for mechanism, tried in (("SHA512-RSA-PKCS-PSS", 0), ("SHA384-RSA-PKCS-PSS", 1), (None, 5)):
            token = Token({})
            check("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "--keypairgen",
                  "--key-type", "rsa:1024", "--id", "01", "--label", "short",
                  *(("--allowed-mechanisms", mechanism) if mechanism else ()))
            results = self.results(0 if tried else 4, SOFTHSM, "--level", "sign", "--check",
                                   "mechanisms", "--check", "sign-verify", "--pin-file",
                                   token.pin_file)
            self.assert_all(results, "pass" if tried else "skip")
            if tried:
                self.assertGreaterEqual(int(results["mechanisms"]["detail"].split()[0]), tried)
                self.assertNotIn("CKR_", results["mechanisms"]["detail"])

    def test_a_mechanism_that_is_for_longer_keys(self):
        self.token = Token({"rsa": KEYS["rsa"]})
        results = self.faulty(0, "right:longer-keys", "--check", "mechanisms")
        self.assertNotIn("CKR_", results["mechanisms"]["detail"])

    def test_a_slow_token_is_not_one_that_hangs(self):
        self.token = Token({name: KEYS[name] for name in ("rsa", "p256")})
        results = self.faulty(0, "right:slow", "--check", "sign-verify", "--check", "sign-threads",
                              "--check", "mechanisms", "--timeout", "4")
        self.assert_all(results, "pass")
        self.assert_result(results["mechanisms"], "pass", r"time for \d+ of \d+ mechanisms")

    def test_a_device_for_one_session(self):
        self.token = Token({name: KEYS[name] for name in ("rsa", "p256")})
        results = self.faulty(0, "right:one-session")
        self.assert_result(results.pop("fork-child"), "warn", "no session left for the child")
        self.assert_result(results.pop("stale-session"), "skip", "no session left")
        self.assert_result(results.pop("claims"), "skip", "no session left")
        self.assert_all(results, "pass")

    def test_a_token_that_takes_no_parts(self):
        self.token = Token({"rsa": KEYS["rsa"]})
        results = self.faulty(0, "right:one-part", "--check", "sign-sizes")
        self.assert_result(results["sign-sizes"], "warn", "parts: CKR_FUNCTION_NOT_SUPPORTED$")

    def test_a_public_key_of_another_is_no_fault_of_signing(self):
        token = Token({"rsa": KEYS["rsa"]})
        tool = ("pkcs11-tool", "--module", SOFTHSM, "--login", "--pin", PIN, "--type", "pubkey")
        check("openssl", "genpkey", *KEYS["rsa"][1], "-out", "other.key")
        check("openssl", "pkey", "-in", "other.key", "-pubout", "-out", "other.pub")
        check(*tool, "--delete-object", "--label", "rsa")
        check(*tool, "--write-object", "other.pub", "--id", KEYS["rsa"][0])
        results = self.results(0, SOFTHSM, "--level", "sign", "--check", "*sign*", "--check",
                               "key-pairs", "--pin-file", token.pin_file)
        self.assert_result(results.pop("key-pairs"), "warn", "public key .* is of another")
        self.assert_result(results.pop("sign-short"), "skip")
        self.assert_all(results, "pass")


if __name__ == "__main__":
    main()
