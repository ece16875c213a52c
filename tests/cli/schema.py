# SPDX-License-Identifier: MIT
"""The JSON Schema itself: it is valid, takes what p11dbus prints, and takes nothing else."""

import copy
import unittest

import jsonschema

from harness import SCHEMA, validate

ERROR = {"code": 6, "ckr": "CKR_PIN_INCORRECT", "message": "the PIN is wrong", "hint": None}
CERTIFICATE = {
    "subject": "CN=web", "issuer": "CN=web", "serial": "01",
    "signature_algorithm": "ecdsa-with-SHA256", "signature_hash": "SHA256",
    "names": ["DNS:example.org"], "ca": False, "key_usage": None, "extended_key_usage": None,
    "trust": "none", "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2027-01-01T00:00:00Z", "sha256": "5a" * 32,
    "pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"}
OBJECT = {
    "uri": "pkcs11:token=demo;object=web", "class": "certificate", "label": "web", "id": "02",
    "key_type": "ec", "bits": 256, "curve": "P-256", "can": ["sign"], "always_authenticate": False,
    "sensitive": True, "extractable": False, "always_sensitive": True, "never_extractable": None,
    "local": False, "modifiable": False, "public_key_sha256": "5b" * 32,
    "certificate": CERTIFICATE}
DOCUMENTS = {
    "list": {"schema": 1, "tokens": [{
        "uri": "pkcs11:token=demo", "module": "/m.so", "label": "demo", "serial": "1", "manufacturer": "x",
        "model": "y", "flags": ["rng"], "hidden_keys": None, "objects": [OBJECT],
        "mechanisms": [{"name": "ecdsa", "min": 256, "max": 521, "flags": ["sign"]}]}],
        "errors": [ERROR]},
    "audit": {"schema": 1, "tokens_seen": 1, "objects_seen": 2, "gone": ["expired *"],
              "errors": [ERROR], "findings": [{
                  "id": "weak-rsa", "uri": "pkcs11:token=demo;object=web", "module": "/m.so",
                  "detail": "RSA 1024", "harm": "It is weak.", "remedy": "make another",
                  "known": "goes away"}]},
    "sign": {"schema": 1, "results": [{
        "file": "data", "key": "pkcs11:object=web", "algorithm": "ecdsa-sha256", "format": "der",
        "signature": None, "out": None, "code": 6, "error": ERROR}]},
    "verify": {"schema": 1, "valid": False, "reason": "mismatch", "detail": "it is of other data",
               "key": "web.pem", "tried": 3, "match": {
                   "kind": "certificate", "number": 2, "count": 3, "name": "CN=web",
                   "fingerprint": "5c" * 32},
               "algorithm": "ecdsa-sha256", "format": "der", "trusted": None, "signer": None,
               "identity": None, "at": None, "at_claimed": False, "code": 1},
    "verify-files": {"schema": 1, "results": [{
        "file": "SHA256SUMS", "signature": "SHA256SUMS.sig", "valid": True, "reason": None,
        "detail": None, "key": "web.pem", "match": None, "tried": None,
        "algorithm": "ecdsa-sha256", "format": "der",
        "trusted": None, "signer": None, "identity": None, "at": None, "at_claimed": False,
        "code": 6, "error": ERROR, "listed": [{
            "file": "data", "line": 1, "algorithm": "sha256", "status": "error", "code": 6,
            "error": ERROR}]}]},
    "smoke": {"schema": 1, "module": "/m.so", "summary": {"pass": 1}, "untested": [ERROR],
              "info": {"manufacturer": "M", "description": "D", "version": "1.0",
                       "cryptoki": "2.40"},
              "checks": [{"id": "fork", "status": "pass", "ms": 3, "detail": None, "level": "read",
                          "harm": "It dies.", "spec": "POSIX", "section": None, "remedy": None,
                          "reproduce": "fork", "known": None}], "gone": ["fork *"]},
    "smoke-list": {"schema": 1, "available": [{
        "id": "fork", "level": "read", "needs": "a token", "harm": "It dies.", "spec": "POSIX",
        "section": "5.4", "remedy": "do not"}]},
    "failure": {"schema": 1, "error": ERROR},
}
OPTIONAL = {"mechanisms", "pass", "listed"}


def objects_in(value):
    """Every object anywhere in value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) \
            else []:
        yield from objects_in(inner)


class Schema(unittest.TestCase):
    def changed(self, document, change):
        """All documents that differ from document in one object, as change makes them of it."""
        for i, original in enumerate(objects_in(document)):
            for member in list(original) + ["more"]:
                other = copy.deepcopy(document)
                if change(list(objects_in(other))[i], member):
                    yield member, other

    def refuse(self, member, document):
        with self.subTest(member=member), self.assertRaises(AssertionError):
            validate(document)
        with self.assertRaises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(SCHEMA).validate(document)

    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_documents_fit(self):
        for kind, document in DOCUMENTS.items():
            with self.subTest(kind=kind):
                validate(document)
                jsonschema.Draft202012Validator(SCHEMA).validate(document)

    def test_nothing_may_be_missing(self):
        def drop(value, member):
            return member in value and member not in OPTIONAL and (value.pop(member), True)[1]

        for document in DOCUMENTS.values():
            for member, other in self.changed(document, drop):
                self.refuse(member, other)

    def test_nothing_may_be_added(self):
        def add(value, member):
            return member == "more" and (value.update(more=1), True)[1]

        for document in DOCUMENTS.values():
            for member, other in self.changed(document, add):
                self.refuse(member, other)

    def test_members_have_their_type(self):
        def spoil(value, member):
            return member in value and (value.update({member: 1.5}), member != "ms")[1]

        for document in DOCUMENTS.values():
            for member, other in self.changed(document, spoil):
                self.refuse(member, other)

    def test_a_code_and_what_it_says_agree(self):
        validate({**DOCUMENTS["verify"], "valid": True, "reason": "untrusted", "trusted": False})
        for change in ({"code": 0}, {"reason": None}, {"valid": True, "code": 0}):
            self.refuse(change, {**DOCUMENTS["verify"], **change})
        for change in ({"code": 0}, {"signature": "AAAA"}):
            result = {**DOCUMENTS["sign"]["results"][0], **change}
            self.refuse(change, {"schema": 1, "results": [result]})

    def test_no_uri_says_where_a_pin_is(self):
        result = {**DOCUMENTS["sign"]["results"][0], "key": "pkcs11:object=web?pin-value=1"}
        self.refuse("key", {"schema": 1, "results": [result]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
