# SPDX-License-Identifier: MIT
"""How looking at tokens and modules goes, and JSON, beside their peers (peercase.py)."""

import os
import re

from harness import PIN, RUDE, SOFTHSM, check, main
from peercase import RSA, TOOL, PeerCase, print_rows, token

FAULTY = os.environ["FAULTY_MODULE_SO"]


def tearDownModule():
    print_rows()


class Looking(PeerCase):
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
