// SPDX-License-Identifier: MIT
#include "hash.h"

#include <string.h>

#include "der.h"

#define NONE CK_UNAVAILABLE_INFORMATION

/*
 * DigestInfo ::= SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }, up to the digest. SHA-1 has an
 * OID of five bytes (1.3.14.3.2.26); the others are 2.16.840.1.101.3.4.2.N and differ in N alone.
 */
#define NIST_PREFIX(n, size)                                                                       \
    {0x30, 0x11 + (size), 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,  0x01,                         \
     0x65, 0x03,          0x04, 0x02, (n),  0x05, 0x00, 0x04, (size)},                             \
        19

const P11dHash p11d_hashes[] = {
    {CKM_SHA_1,
     CKG_MGF1_SHA1,
     CKD_SHA1_KDF,
     "sha-1",
     20,
     {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14},
     15},
    {CKM_SHA224, CKG_MGF1_SHA224, CKD_SHA224_KDF, "sha224", 28, NIST_PREFIX(4, 28)},
    {CKM_SHA256, CKG_MGF1_SHA256, CKD_SHA256_KDF, "sha256", 32, NIST_PREFIX(1, 32)},
    {CKM_SHA384, CKG_MGF1_SHA384, CKD_SHA384_KDF, "sha384", 48, NIST_PREFIX(2, 48)},
    {CKM_SHA512, CKG_MGF1_SHA512, CKD_SHA512_KDF, "sha512", 64, NIST_PREFIX(3, 64)},
    {CKM_SHA512_224, NONE, NONE, "sha512-224", 28, NIST_PREFIX(5, 28)},
    {CKM_SHA512_256, NONE, NONE, "sha512-256", 32, NIST_PREFIX(6, 32)},
    {CKM_SHA3_224, CKG_MGF1_SHA3_224, CKD_SHA3_224_KDF, "sha3-224", 28, NIST_PREFIX(7, 28)},
    {CKM_SHA3_256, CKG_MGF1_SHA3_256, CKD_SHA3_256_KDF, "sha3-256", 32, NIST_PREFIX(8, 32)},
    {CKM_SHA3_384, CKG_MGF1_SHA3_384, CKD_SHA3_384_KDF, "sha3-384", 48, NIST_PREFIX(9, 48)},
    {CKM_SHA3_512, CKG_MGF1_SHA3_512, CKD_SHA3_512_KDF, "sha3-512", 64, NIST_PREFIX(10, 64)},
};
const size_t p11d_hash_count = sizeof p11d_hashes / sizeof p11d_hashes[0];

const P11dHash *p11d_hash_of_mechanism(CK_MECHANISM_TYPE mechanism)
{
    for (size_t i = 0; i < p11d_hash_count; i++) {
        if (p11d_hashes[i].mechanism == mechanism)
            return &p11d_hashes[i];
    }
    return NULL;
}

const P11dHash *p11d_hash_of_mgf(CK_ULONG mgf)
{
    for (size_t i = 0; i < p11d_hash_count && mgf != NONE; i++) {
        if (p11d_hashes[i].mgf == mgf)
            return &p11d_hashes[i];
    }
    return NULL;
}

const P11dHash *p11d_hash_of_kdf(CK_ULONG kdf)
{
    for (size_t i = 0; i < p11d_hash_count && kdf != NONE; i++) {
        if (p11d_hashes[i].kdf == kdf)
            return &p11d_hashes[i];
    }
    return NULL;
}

const P11dHash *p11d_hash_of_name(const char *name)
{
    for (size_t i = 0; i < p11d_hash_count; i++) {
        if (strcmp(p11d_hashes[i].name, name) == 0)
            return &p11d_hashes[i];
    }
    return NULL;
}

const P11dHash *p11d_hash_of_oid(const uint8_t *oid, size_t size)
{
    P11dBytes wanted = p11d_der(oid, size);
    for (size_t i = 0; i < p11d_hash_count; i++) {
        /* What follows the tag and length of DigestInfo is a whole element. */
        P11dBytes left = p11d_der(p11d_hashes[i].prefix + 2, p11d_hashes[i].prefix_size - 2);
        P11dBytes identifier, content;
        if (p11d_der_take(&left, P11D_DER_SEQUENCE, &identifier, NULL) &&
            p11d_der_take(&identifier, P11D_DER_OID, &content, NULL) &&
            p11d_der_equal(content, wanted))
            return &p11d_hashes[i];
    }
    return NULL;
}
