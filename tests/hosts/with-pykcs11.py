#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What programs of PyKCS11 do with a token that has PINs and no objects; ends at what fails.

usage: with-pykcs11.py MODULE PIN SO_PIN
"""

import sys

from PyKCS11 import *  # pylint: disable=wildcard-import,unused-wildcard-import

module, pin, so_pin = sys.argv[1:]
library = PyKCS11Lib()
library.load(module)
slot = library.getSlotList(tokenPresent=True)[0]
session = library.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
session.login(pin)
DATA = bytes(range(200))
yes, no = CK_TRUE, CK_FALSE

for bits in 1024, 2048:
    public, private = session.generateKeyPair(
        [(CKA_TOKEN, yes), (CKA_PRIVATE, no), (CKA_MODULUS_BITS, bits), (CKA_ENCRYPT, yes),
         (CKA_VERIFY, yes), (CKA_PUBLIC_EXPONENT, (1, 0, 1)), (CKA_LABEL, "pair"), (CKA_ID, (1,))],
        [(CKA_TOKEN, yes), (CKA_PRIVATE, yes), (CKA_DECRYPT, yes), (CKA_SIGN, yes),
         (CKA_SENSITIVE, yes), (CKA_LABEL, "pair"), (CKA_ID, (1,))])
    for mechanism in (Mechanism(CKM_SHA256_RSA_PKCS, None), Mechanism(CKM_SHA1_RSA_PKCS, None),
                      RSA_PSS_Mechanism(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32)):
        signature = session.sign(private, DATA, mechanism)
        assert len(signature) == bits // 8
        assert session.verify(public, DATA, signature, mechanism)
        signature[5] ^= 1
        assert not session.verify(public, DATA, signature, mechanism)
    for mechanism in Mechanism(CKM_RSA_PKCS, None), RSAOAEPMechanism(CKM_SHA_1, CKG_MGF1_SHA1):
        assert bytes(session.decrypt(private, session.encrypt(public, DATA[:50], mechanism),
                                     mechanism)) == DATA[:50]
    assert session.getAttributeValue(private, [CKA_LOCAL, CKA_SENSITIVE, CKA_MODULUS_BITS])[:2] == [
        True, True]
    session.setAttributeValue(private, [(CKA_LABEL, "renamed")])
    assert len(session.findObjects([(CKA_LABEL, "renamed"), (CKA_CLASS, CKO_PRIVATE_KEY)])) == 1
    session.destroyObject(private)
    session.destroyObject(public)

for hashed, size in (CKM_SHA_1, 20), (CKM_SHA256, 32), (CKM_SHA384, 48), (CKM_SHA512, 64):
    assert len(session.digest(DATA, Mechanism(hashed))) == size
assert len(session.generateRandom(77)) == 77

key = session.createObject([(CKA_CLASS, CKO_SECRET_KEY), (CKA_KEY_TYPE, CKK_DES3), (CKA_ENCRYPT, yes),
                            (CKA_DECRYPT, yes), (CKA_VALUE, DATA[:24])])
cbc = Mechanism(CKM_DES3_CBC_PAD, DATA[:8])
assert bytes(session.decrypt(key, session.encrypt(key, DATA, cbc), cbc)) == DATA
session.destroyObject(key)
assert session.findObjects() == []

session.setPin(pin, "654321")
session.logout()
try:
    session.login(pin)
    raise AssertionError("the old PIN is taken")
except PyKCS11Error as error:
    assert error.value == CKR_PIN_INCORRECT, error
session.login("654321")
session.setPin("654321", pin)
session.logout()
session.closeSession()
library.initToken(slot, so_pin, "a new label")
while library.getTokenInfo(slot).label.strip() != "a new label":
    pass
session = library.openSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION)
session.login(so_pin, CKU_SO)
session.initPin(pin)
session.logout()
session.login(pin)
