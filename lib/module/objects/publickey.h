// SPDX-License-Identifier: MIT
/*
 * A public key is a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) taken apart into what PKCS#11
 * calls its parts: key type, modulus and exponent, curve and point. It works in the other direction
 * too, for services that send the parts. It owns nothing: everything points into the DER.
 */
#ifndef P11D_PUBLICKEY_H
#define P11D_PUBLICKEY_H

#include "der.h"
#include "template.h"

/* Bytes of the id that a key has unless the service says otherwise: a SHA-1. */
#define P11D_PUBLICKEY_ID_SIZE 20

typedef struct P11dPublicKey {
    CK_KEY_TYPE type;        /* CK_UNAVAILABLE_INFORMATION: an algorithm that has no row here */
    P11dBytes info;          /* all of it */
    P11dBytes bits;          /* subjectPublicKey, without the byte of unused bits */
    P11dBytes modulus;       /* RSA, big endian without leading zeros; else empty */
    P11dBytes exponent;      /* likewise */
    P11dBytes params;        /* EC: DER of the curve's OID (explicit parameters only where they are
                              * those of no curve with a name); Edwards and Montgomery: DER of the
                              * algorithm's OID; else empty */
    bool renamed;            /* info spells the parameters of a curve out that has a name */
    P11dBytes point;         /* these: the point itself, not wrapped; ML-DSA, SLH-DSA: the key */
    CK_ULONG parameter_set;  /* CKP_ of ML-DSA, SLH-DSA; else 0 */
    CK_ULONG signature_size; /* bytes of a signature: RSA modulus; ECDSA 2n; EdDSA 64 or 114 …;
                              * 0: not known, or the key does not sign */
} P11dPublicKey;

/*
 * Parses size bytes of DER at info, which must outlive key. Returns false if that is no
 * SubjectPublicKeyInfo, or one of a known algorithm whose key is malformed.
 */
bool p11d_publickey_parse(P11dPublicKey *key, const void *info, size_t size);

/* The same without a look at the key itself: only type, info and bits are set, which is enough for
 * the id. For keys that nobody here has to understand, such as those in certificates. */
bool p11d_publickey_parse_frame(P11dPublicKey *key, const void *info, size_t size);

/*
 * Bytes of a signature by the key of which templ has only some parts: CKA_KEY_TYPE and CKA_MODULUS,
 * or CKA_EC_PARAMS, as private keys on many tokens do. 0: not known.
 */
CK_ULONG p11d_publickey_signature_size(const P11dTemplate *templ);

/* Puts the name of the curve into CKA_EC_PARAMS, where that spells out the parameters of a curve
 * which has one. Errors: CKR_HOST_MEMORY. */
CK_RV p11d_publickey_name_curve(P11dTemplate *templ);

/* Bits of the modulus; 0 if it is no RSA key. */
CK_ULONG p11d_publickey_modulus_bits(const P11dPublicKey *key);

/* The SHA-1 of bits: the default of CKA_ID. */
void p11d_publickey_id(const P11dPublicKey *key, uint8_t id[P11D_PUBLICKEY_ID_SIZE]);

/*
 * Sets the parts in templ, in place of what is there: CKA_KEY_TYPE, CKA_PUBLIC_KEY_INFO,
 * CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_EC_PARAMS, CKA_EC_POINT (wrapped in an
 * OCTET STRING, PKCS#11 3.1, section 6.3.3), CKA_PARAMETER_SET and CKA_VALUE (ML-DSA, SLH-DSA,
 * if the CKA_CLASS in templ is that of public keys).
 * Errors: CKR_HOST_MEMORY.
 */
CK_RV p11d_publickey_add_parts(const P11dPublicKey *key, P11dTemplate *templ);

/*
 * Appends the SubjectPublicKeyInfo that the parts in templ describe to buffer: CKA_KEY_TYPE with
 * CKA_MODULUS and CKA_PUBLIC_EXPONENT, or with CKA_EC_PARAMS and CKA_EC_POINT (wrapped or raw).
 * Returns false if they do not describe one, or memory ran out (buffer says which).
 */
bool p11d_publickey_build(P11dBuffer *buffer, const P11dTemplate *templ);

#endif
