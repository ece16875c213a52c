// SPDX-License-Identifier: MIT
#include "servedkey.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* The most hash functions that the core's table may have. */
#define HASHES_MAX 32
/* The longest name of a curve, in bytes with the zero behind it. */
#define CURVE_NAME_MAX 80

/* A kind of key: how OpenSSL and PKCS#11 call it, and the sizes in the unit of CK_MECHANISM_INFO.
 */
typedef struct KeyKind {
    const char *name;
    CK_KEY_TYPE type;
    CK_ULONG smallest;
    CK_ULONG largest;
    bool prepares; /* a signature begins with what can be made ready once */
} KeyKind;

static const KeyKind key_kinds[] = {
    {"RSA", CKK_RSA, P11D_SERVEDKEY_RSA_BITS_MIN, P11D_SERVEDKEY_RSA_BITS_MAX, true},
    {"RSA-PSS", CKK_RSA, P11D_SERVEDKEY_RSA_BITS_MIN, P11D_SERVEDKEY_RSA_BITS_MAX, true},
    {"EC", CKK_EC, 256, 521, true},
    {"ED25519", CKK_EC_EDWARDS, 255, 448, false},
    {"ED448", CKK_EC_EDWARDS, 255, 448, false},
    {"X25519", CKK_EC_MONTGOMERY, 255, 448, false},
    {"X448", CKK_EC_MONTGOMERY, 255, 448, false},
};

/* What OpenSSL calls the hash of each row of p11d_hashes; NULL where it has none. */
static EVP_MD *digests[HASHES_MAX];

bool p11d_servedkey_setup(void)
{
    for (size_t i = 0; i < p11d_hash_count && i < HASHES_MAX; i++)
        digests[i] = EVP_MD_fetch(NULL, p11d_hashes[i].name, NULL);
    ERR_clear_error();
    return true;
}

void p11d_servedkey_teardown(void)
{
    for (size_t i = 0; i < HASHES_MAX; i++) {
        EVP_MD_free(digests[i]);
        digests[i] = NULL;
    }
}

const EVP_MD *p11d_servedkey_digest(const P11dHash *hash)
{
    size_t i = hash ? (size_t)(hash - p11d_hashes) : HASHES_MAX;
    return i < HASHES_MAX ? digests[i] : NULL;
}

static const KeyKind *kind_of_key(const EVP_PKEY *key)
{
    for (size_t i = 0; i < sizeof key_kinds / sizeof key_kinds[0]; i++) {
        if (EVP_PKEY_is_a(key, key_kinds[i].name))
            return &key_kinds[i];
    }
    return NULL;
}

/* The name that OpenSSL has for the curve of an EC key; its row in the table, or NULL. */
static const P11dCurve *find_curve(const EVP_PKEY *key, char name[CURVE_NAME_MAX])
{
    return EVP_PKEY_get_group_name(key, name, CURVE_NAME_MAX, NULL) ? p11d_curve_of_openssl(name)
                                                                    : NULL;
}

const P11dCurve *p11d_servedkey_curve(const P11dServedKey *key)
{
    char name[CURVE_NAME_MAX];
    if (key->type == CKK_EC)
        return find_curve(key->key, name);
    return key->key ? p11d_curve_of_openssl(EVP_PKEY_get0_type_name(key->key)) : NULL;
}

static const char *unsupported_curve(const EVP_PKEY *key)
{
    static const char *const served[] = {"P-256",          "P-384",           "P-521",
                                         "secp256k1",      "brainpoolP256r1", "brainpoolP384r1",
                                         "brainpoolP512r1"};
    char name[CURVE_NAME_MAX] = "";
    const P11dCurve *curve = find_curve(key, name);

    if (!*name)
        return p11d_curve_none;
    for (size_t i = 0; curve && i < sizeof served / sizeof served[0]; i++) {
        if (strcmp(served[i], curve->name) == 0)
            return NULL;
    }
    return "its curve is not one of P-256, P-384, P-521, secp256k1 and brainpoolP256r1, P384r1, "
           "P512r1";
}

long p11d_servedkey_longest_salt(const EVP_PKEY *key, const P11dHash *hash)
{
    return ((long)EVP_PKEY_get_bits(key) - 1 + 7) / 8 - (long)hash->size - 2;
}

/* As p11d_pss_read. */
static bool read_pss(const EVP_PKEY *key, P11dPss *pss)
{
    uint8_t *der = NULL;
    *pss = (P11dPss){0};
    if (!EVP_PKEY_is_a(key, "RSA-PSS"))
        return true;
    int size = i2d_PUBKEY(key, &der);
    bool ok = size > 0 && p11d_pss_read(pss, der, (size_t)size);
    OPENSSL_free(der);
    return ok;
}

static const char *unsupported_pss(const EVP_PKEY *key)
{
    P11dPss pss;
    if (!read_pss(key, &pss))
        return p11d_pss_unknown;
    if (!pss.bound)
        return NULL;
    if (!p11d_servedkey_digest(pss.hash) || !p11d_servedkey_digest(pss.mgf))
        return p11d_pss_unknown;
    long longest = p11d_servedkey_longest_salt(key, pss.hash);
    return longest >= 0 && pss.salt <= (CK_ULONG)longest
               ? NULL
               : "the salt that it wants is longer than it has room for";
}

const char *p11d_servedkey_unsupported(const EVP_PKEY *key)
{
    const KeyKind *kind = kind_of_key(key);
    if (!kind)
        return "it is neither an RSA, an EC, an Ed25519, an Ed448, an X25519 nor an X448 key";
    if (kind->type == CKK_EC)
        return unsupported_curve(key);
    CK_ULONG bits = (CK_ULONG)EVP_PKEY_get_bits(key);
    if (kind->type == CKK_RSA && (bits < kind->smallest || bits > kind->largest))
        return "an RSA key must have from 1024 to 8192 bits";
    return unsupported_pss(key);
}

/* PKCS#11 wants r and s as long as the order, OpenSSL gives DER, which is at least that long. */
static size_t signature_size(const EVP_PKEY *key, const KeyKind *kind)
{
    char name[CURVE_NAME_MAX];
    const P11dCurve *curve = kind->type == CKK_EC ? find_curve(key, name) : NULL;
    if (curve)
        return 2 * curve->half;
    return (size_t)EVP_PKEY_get_size(key);
}

static EVP_PKEY_CTX *prepare(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context && EVP_PKEY_sign_init(context) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

P11dServedKey *p11d_servedkey_new(EVP_PKEY *key, bool private)
{
    const KeyKind *kind = kind_of_key(key);
    P11dServedKey *self = kind ? calloc(1, sizeof *self) : NULL;
    if (!self) {
        EVP_PKEY_free(key);
        return NULL;
    }
    atomic_init(&self->references, 1);
    self->key = key;
    self->type = kind->type;
    self->size = signature_size(key, kind);
    read_pss(key, &self->pss);
    if (private && kind->prepares) {
        self->prepared = prepare(key);
        if (!self->prepared) {
            p11d_servedkey_unref(self);
            return NULL;
        }
    }
    return self;
}

/* Secret keys of a type, in bytes; step: from one size to the next. */
static const struct {
    CK_KEY_TYPE type;
    CK_ULONG smallest, largest, step;
} secret_kinds[] = {
    {CKK_AES, 16, 32, 8},
    {CKK_DES3, 24, 24, 1},
    {CKK_GENERIC_SECRET, 1, P11D_SERVEDKEY_SECRET_MAX, 1},
};

bool p11d_servedkey_secret_sizes(CK_KEY_TYPE type, CK_ULONG *smallest, CK_ULONG *largest)
{
    for (size_t i = 0; i < sizeof secret_kinds / sizeof secret_kinds[0]; i++) {
        if (secret_kinds[i].type != type)
            continue;
        *smallest = secret_kinds[i].smallest;
        *largest = secret_kinds[i].largest;
        return true;
    }
    return false;
}

bool p11d_servedkey_secret_fits(CK_KEY_TYPE type, size_t size)
{
    for (size_t i = 0; i < sizeof secret_kinds / sizeof secret_kinds[0]; i++) {
        if (secret_kinds[i].type == type)
            return size == 0 ||
                   (size >= secret_kinds[i].smallest && size <= secret_kinds[i].largest &&
                    (size - secret_kinds[i].smallest) % secret_kinds[i].step == 0);
    }
    return false;
}

P11dServedKey *p11d_servedkey_new_secret(CK_KEY_TYPE type, const uint8_t *secret, size_t size)
{
    P11dServedKey *self = calloc(1, sizeof *self);
    uint8_t *copy = self ? malloc(size + 1) : NULL;
    if (!copy) {
        free(self);
        return NULL;
    }
    atomic_init(&self->references, 1);
    if (size > 0)
        memcpy(copy, secret, size);
    self->type = type;
    self->secret = copy;
    self->secret_size = size;
    return self;
}

P11dServedKey *p11d_servedkey_ref(P11dServedKey *self)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return self;
}

void p11d_servedkey_unref(P11dServedKey *self)
{
    if (!self || atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_CTX_free(self->prepared);
    EVP_PKEY_free(self->key);
    if (self->secret)
        explicit_bzero(self->secret, self->secret_size);
    free(self->secret);
    free(self);
}

CK_RV p11d_servedkey_failure(void)
{
    CK_RV rv = CKR_FUNCTION_FAILED;
    unsigned long error;
    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(error) == ERR_LIB_RSA &&
            ERR_GET_REASON(error) == RSA_R_DATA_TOO_LARGE_FOR_MODULUS)
            rv = CKR_DATA_INVALID;
    }
    return rv;
}

bool p11d_servedkey_sizes(CK_KEY_TYPE type, CK_ULONG *smallest, CK_ULONG *largest)
{
    for (size_t i = 0; i < sizeof key_kinds / sizeof key_kinds[0]; i++) {
        if (key_kinds[i].type == type) {
            *smallest = key_kinds[i].smallest;
            *largest = key_kinds[i].largest;
            return true;
        }
    }
    return false;
}
