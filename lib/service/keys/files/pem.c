// SPDX-License-Identifier: MIT
#include "pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

/* Rounds of PBKDF2 for keys that are written here: more than openssl's 2048, few enough for a login
 * to open many keys. */
#define PASSPHRASE_ITERATIONS 20000

/* The passphrase where the message that brought it holds it. */
typedef struct Passphrase {
    const uint8_t *bytes;
    size_t size;
    bool right; /* known to be, whatever it opens */
} Passphrase;

struct P11dPemType {
    const char *label;
    P11dPemKind kind;
    EVP_PKEY *(*decode)(const uint8_t *der, long size);
    /* An EncryptedPrivateKeyInfo (RFC 5958); else it is encrypted if the header says so, and then
     * as PEM does it (RFC 1421). */
    bool sealed;
    const char *advice; /* on a form that is not supported; NULL: none */
};

/* What the algorithm of such a container says that its bytes are. */
static const struct {
    CK_KEY_TYPE type;
    const char *algorithm;
} contents[] = {
    {CKK_AES, "2.16.840.1.101.3.4.1"},            /* NIST's for AES, without a mode */
    {CKK_DES3, "1.2.840.113549.3.7"},             /* des-EDE3-CBC of RFC 8018 */
    {CKK_GENERIC_SECRET, "1.2.840.113549.1.7.1"}, /* id-data of RFC 5652 */
    {CK_UNAVAILABLE_INFORMATION, "1.2.840.113549.1.7.1"},
};

static EVP_PKEY *decode_pkcs8(const uint8_t *der, long size)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, size);
    EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static PKCS8_PRIV_KEY_INFO *open_sealed(const P11dPem *pem, const Passphrase *passphrase)
{
    const uint8_t *der = pem->data;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, pem->size);
    PKCS8_PRIV_KEY_INFO *info = NULL;
    if (sealed)
        info = PKCS8_decrypt(sealed, (const char *)passphrase->bytes, (int)passphrase->size);
    X509_SIG_free(sealed);
    return info;
}

static EVP_PKEY *decrypt_pkcs8(const P11dPem *pem, Passphrase *passphrase)
{
    PKCS8_PRIV_KEY_INFO *info = open_sealed(pem, passphrase);
    EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;
    passphrase->right = info;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static EVP_PKEY *decode_rsa(const uint8_t *der, long size)
{
    return d2i_PrivateKey(EVP_PKEY_RSA, NULL, &der, size);
}

static EVP_PKEY *decode_ec(const uint8_t *der, long size)
{
    return d2i_PrivateKey(EVP_PKEY_EC, NULL, &der, size);
}

static EVP_PKEY *decode_public(const uint8_t *der, long size)
{
    return d2i_PUBKEY(NULL, &der, size);
}

static EVP_PKEY *decode_rsa_public(const uint8_t *der, long size)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, size);
}

static const P11dPemType types[] = {
    {"PRIVATE KEY", P11D_PEM_PRIVATE, decode_pkcs8, false, NULL},
    {"ENCRYPTED PRIVATE KEY", P11D_PEM_PRIVATE, NULL, true, NULL},
    {"RSA PRIVATE KEY", P11D_PEM_PRIVATE, decode_rsa, false, NULL},
    {"EC PRIVATE KEY", P11D_PEM_PRIVATE, decode_ec, false, NULL},
    {"PUBLIC KEY", P11D_PEM_PUBLIC, decode_public, false, NULL},
    {"RSA PUBLIC KEY", P11D_PEM_PUBLIC, decode_rsa_public, false, NULL},
    {"CERTIFICATE", P11D_PEM_CERTIFICATE, NULL, false, NULL},
    {"X509 CERTIFICATE", P11D_PEM_CERTIFICATE, NULL, false, NULL},
    {"SECRET KEY", P11D_PEM_SECRET, NULL, false, NULL},
    {"ENCRYPTED SECRET KEY", P11D_PEM_SECRET, NULL, true, NULL},
    {"DATA OBJECT", P11D_PEM_DATA, NULL, false, NULL},
    {"ENCRYPTED DATA OBJECT", P11D_PEM_DATA, NULL, true, NULL},
    {"OPENSSH PRIVATE KEY", P11D_PEM_FOREIGN, NULL, false,
     "ssh-keygen -p -m PKCS8 -f FILE converts one of RSA or ECDSA"},
    {"DSA PRIVATE KEY", P11D_PEM_FOREIGN, NULL, false, NULL},
    {"PGP PRIVATE KEY BLOCK", P11D_PEM_FOREIGN, NULL, false, NULL},
};
static const P11dPemType other = {"", P11D_PEM_OTHER, NULL, false, NULL};
static const P11dPemType other_private = {"a PRIVATE KEY of another form", P11D_PEM_FOREIGN, NULL,
                                          false, NULL};

static const P11dPemType *find_type(const char *label)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].label, label) == 0)
            return &types[i];
    }
    return strstr(label, "PRIVATE KEY") ? &other_private : &other;
}

P11dPemResult p11d_pem_read(BIO *bio, P11dPem *pem)
{
    char *label = NULL;

    memset(pem, 0, sizeof *pem);
    ERR_clear_error();
    if (PEM_read_bio(bio, &label, &pem->header, &pem->data, &pem->size) != 1) {
        bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return end ? P11D_PEM_END : P11D_PEM_DAMAGED;
    }
    pem->type = find_type(label);
    OPENSSL_free(label);
    return P11D_PEM_BLOCK;
}

void p11d_pem_clear(P11dPem *pem)
{
    OPENSSL_free(pem->header);
    OPENSSL_clear_free(pem->data, (size_t)pem->size);
    memset(pem, 0, sizeof *pem);
}

P11dPemKind p11d_pem_kind(const P11dPem *pem)
{
    return pem->type->kind;
}

const char *p11d_pem_label(const P11dPem *pem)
{
    return pem->type->label;
}

const char *p11d_pem_advice(const P11dPem *pem)
{
    return pem->type->advice;
}

bool p11d_pem_is_encrypted(const P11dPem *pem)
{
    return pem->type->sealed ||
           (pem->type->kind == P11D_PEM_PRIVATE && strstr(pem->header, "ENCRYPTED"));
}

bool p11d_pem_equal(const P11dPem *a, const P11dPem *b)
{
    return a->type == b->type && a->size == b->size &&
           (!a->type ||
            (strcmp(a->header, b->header) == 0 && memcmp(a->data, b->data, (size_t)a->size) == 0));
}

EVP_PKEY *p11d_pem_key(const P11dPem *pem)
{
    EVP_PKEY *key = pem->type->decode ? pem->type->decode(pem->data, pem->size) : NULL;
    ERR_clear_error();
    return key;
}

static int give_passphrase(char *buffer, int capacity, int writing, void *data)
{
    const Passphrase *passphrase = data;
    if (writing || capacity < 0 || passphrase->size > (size_t)capacity)
        return -1;
    if (passphrase->size > 0) /* without any, bytes may be NULL */
        memcpy(buffer, passphrase->bytes, passphrase->size);
    return (int)passphrase->size;
}

/* PEM's own encryption works in place, so on a copy of the block. */
static EVP_PKEY *decrypt_traditional(const P11dPem *pem, Passphrase *passphrase)
{
    EVP_CIPHER_INFO cipher;
    EVP_PKEY *key = NULL;
    long size = pem->size;
    char *header = OPENSSL_strdup(pem->header);
    uint8_t *data = OPENSSL_memdup(pem->data, (size_t)pem->size);

    if (header && data && PEM_get_EVP_CIPHER_INFO(header, &cipher) &&
        PEM_do_header(&cipher, data, &size, give_passphrase, passphrase))
        key = pem->type->decode(data, size);
    OPENSSL_clear_free(data, (size_t)pem->size);
    OPENSSL_free(header);
    return key;
}

static bool has_cipher(const char *name)
{
    EVP_CIPHER *cipher = name ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;
    EVP_CIPHER_free(cipher);
    return cipher;
}

static void tell_encryption(char *text, const char *name, size_t size)
{
    snprintf(text, P11D_PEM_OBSTACLE_MAX, "it is encrypted with %.*s, which is not supported",
             (int)(size > 48 ? 48 : size), name);
}

/* RFC 1421, section 4.6.1.3: "DEK-Info: DES-CBC,…" */
static bool header_is_obstacle(const char *header, char *text)
{
    static const char field[] = "DEK-Info: ";
    char name[64];
    const char *start = strstr(header, field);
    if (!start)
        return false;
    start += strlen(field);
    size_t size = strcspn(start, ",\r\n");
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), start);
    if (has_cipher(name))
        return false;
    tell_encryption(text, start, size);
    return true;
}

static void tell_object(char *text, const ASN1_OBJECT *object)
{
    char name[64] = "";
    OBJ_obj2txt(name, sizeof name, object, 0);
    tell_encryption(text, name, strlen(name));
}

/* PBES2 (RFC 8018, section 6.2): what derives the key, and the cipher. */
static bool scheme_is_obstacle(const ASN1_STRING *parameters, char *text)
{
    PBE2PARAM *scheme = ASN1_item_unpack(parameters, ASN1_ITEM_rptr(PBE2PARAM));
    const ASN1_OBJECT *derivation = NULL, *cipher = NULL;
    bool obstacle = true;
    if (scheme) {
        X509_ALGOR_get0(&derivation, NULL, NULL, scheme->keyfunc);
        X509_ALGOR_get0(&cipher, NULL, NULL, scheme->encryption);
        int nid = OBJ_obj2nid(derivation);
        if (nid != NID_id_pbkdf2 && nid != NID_id_scrypt)
            tell_object(text, derivation);
        else if (!has_cipher(OBJ_nid2sn(OBJ_obj2nid(cipher))))
            tell_object(text, cipher);
        else
            obstacle = false;
    } else {
        snprintf(text, P11D_PEM_OBSTACLE_MAX, "it cannot be decoded");
    }
    PBE2PARAM_free(scheme);
    return obstacle;
}

static bool pbe_is_obstacle(const X509_ALGOR *algorithm, char *text)
{
    const ASN1_OBJECT *object;
    const void *parameters;
    int type, cipher, digest;
    X509_ALGOR_get0(&object, &type, &parameters, algorithm);
    int nid = OBJ_obj2nid(object);
    if (nid == NID_pbes2 && type == V_ASN1_SEQUENCE)
        return scheme_is_obstacle(parameters, text);
    if (EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &cipher, &digest, NULL) &&
        has_cipher(OBJ_nid2sn(cipher)))
        return false;
    tell_object(text, object);
    return true;
}

bool p11d_pem_obstacle(const P11dPem *pem, char *text)
{
    const uint8_t *der = pem->data;
    bool obstacle = true;
    if (!pem->type->sealed) {
        obstacle = header_is_obstacle(pem->header, text);
    } else {
        const X509_ALGOR *algorithm;
        X509_SIG *sealed = d2i_X509_SIG(NULL, &der, pem->size);
        if (sealed) {
            X509_SIG_get0(sealed, &algorithm, NULL);
            obstacle = pbe_is_obstacle(algorithm, text);
        } else {
            snprintf(text, P11D_PEM_OBSTACLE_MAX, "it cannot be decoded");
        }
        X509_SIG_free(sealed);
    }
    ERR_clear_error();
    return obstacle;
}

EVP_PKEY *p11d_pem_unlock(const P11dPem *pem, const uint8_t *bytes, size_t size, bool *unsupported)
{
    Passphrase passphrase = {bytes, size, false};

    *unsupported = false;
    if (size > INT_MAX)
        return NULL;
    ERR_clear_error();
    EVP_PKEY *key =
        pem->type->sealed ? decrypt_pkcs8(pem, &passphrase) : decrypt_traditional(pem, &passphrase);
    ERR_clear_error();
    *unsupported = passphrase.right && !key;
    return key;
}

/* Which of contents an algorithm is, for blocks of that kind. */
static CK_KEY_TYPE type_of(P11dPemKind kind, const ASN1_OBJECT *algorithm)
{
    char name[64] = "";
    OBJ_obj2txt(name, sizeof name, algorithm, 1);
    for (size_t i = 0; i < sizeof contents / sizeof contents[0]; i++) {
        if (kind == P11D_PEM_SECRET && strcmp(contents[i].algorithm, name) == 0)
            return contents[i].type;
    }
    return CK_UNAVAILABLE_INFORMATION;
}

bool p11d_pem_read_bytes(const P11dPem *pem, P11dBytes bytes, CK_KEY_TYPE *type, P11dBuffer *text)
{
    const Passphrase passphrase = {bytes.data, bytes.size, false};
    const ASN1_OBJECT *algorithm = NULL;
    const uint8_t *der = pem->data, *value = NULL;
    int size = 0;
    *type = CK_UNAVAILABLE_INFORMATION;
    if (!(pem->type->kind & (P11D_PEM_SECRET | P11D_PEM_DATA)) || bytes.size > INT_MAX)
        return false;
    PKCS8_PRIV_KEY_INFO *info = pem->type->sealed ? open_sealed(pem, &passphrase)
                                                  : d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, pem->size);
    bool ok = info && PKCS8_pkey_get0(&algorithm, &value, &size, NULL, info) == 1 && size >= 0;
    if (ok) {
        *type = type_of(pem->type->kind, algorithm);
        ok = p11d_buffer_append(text, value, (size_t)size);
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    ERR_clear_error();
    return ok;
}

X509 *p11d_pem_certificate(const P11dPem *pem)
{
    const uint8_t *der = pem->data;
    X509 *certificate = d2i_X509(NULL, &der, pem->size);
    if (certificate && der != pem->data + pem->size) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}

/* Takes what was written to bio, which is freed. */
static bool take_text(P11dBuffer *text, BIO *bio, bool ok)
{
    char *data = NULL;
    long size = bio ? BIO_get_mem_data(bio, &data) : 0;
    ok = ok && size > 0 && p11d_buffer_append(text, data, (size_t)size);
    BIO_free(bio);
    ERR_clear_error();
    return ok;
}

/* Writes a block, encrypted if there is a passphrase: RFC 5958 with PBES2 (RFC 8018), which
 * everybody reads. labels: of the one that is not, and the one that is. */
static bool write_info(P11dBuffer *text, const PKCS8_PRIV_KEY_INFO *info,
                       const char *const labels[2], const P11dSecret *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509_SIG *sealed = NULL;
    uint8_t *der = NULL;
    int size = -1;
    if (passphrase->data)
        sealed = PKCS8_encrypt(-1, EVP_aes_256_cbc(), (const char *)passphrase->data,
                               (int)passphrase->size, NULL, 0, PASSPHRASE_ITERATIONS,
                               (PKCS8_PRIV_KEY_INFO *)(uintptr_t)info);
    if (!passphrase->data)
        size = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    else if (sealed)
        size = i2d_X509_SIG(sealed, &der);
    bool ok =
        bio && size > 0 && PEM_write_bio(bio, labels[passphrase->data ? 1 : 0], "", der, size) > 0;
    X509_SIG_free(sealed);
    if (size > 0)
        OPENSSL_clear_free(der, (size_t)size);
    return take_text(text, bio, ok);
}

bool p11d_pem_write_private(P11dBuffer *text, const EVP_PKEY *key, const P11dSecret *passphrase)
{
    static const char *const labels[] = {"PRIVATE KEY", "ENCRYPTED PRIVATE KEY"};
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    bool ok = info && write_info(text, info, labels, passphrase);
    PKCS8_PRIV_KEY_INFO_free(info);
    return ok;
}

bool p11d_pem_write_bytes(P11dBuffer *text, CK_KEY_TYPE type, P11dBytes bytes,
                          const P11dSecret *passphrase)
{
    static const char *const secret[] = {"SECRET KEY", "ENCRYPTED SECRET KEY"};
    static const char *const data[] = {"DATA OBJECT", "ENCRYPTED DATA OBJECT"};
    size_t row = 0;
    while (row + 1 < sizeof contents / sizeof contents[0] && contents[row].type != type)
        row++;
    ASN1_OBJECT *algorithm = OBJ_txt2obj(contents[row].algorithm, 1);
    PKCS8_PRIV_KEY_INFO *info = PKCS8_PRIV_KEY_INFO_new();
    uint8_t *copy = OPENSSL_malloc(bytes.size + 1);
    if (copy && bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    bool ok = algorithm && info && copy && bytes.size <= INT_MAX &&
              PKCS8_pkey_set0(info, algorithm, 0, V_ASN1_UNDEF, NULL, copy, (int)bytes.size) == 1;
    if (!ok) { /* else info has them */
        ASN1_OBJECT_free(algorithm);
        OPENSSL_clear_free(copy, bytes.size);
    }
    ok = ok &&
         write_info(text, info, type == CK_UNAVAILABLE_INFORMATION ? data : secret, passphrase);
    PKCS8_PRIV_KEY_INFO_free(info);
    return ok;
}

static CK_RV reseal_private(P11dBuffer *text, const P11dPem *pem, P11dBytes old,
                            const P11dSecret *fresh)
{
    bool unsupported;
    EVP_PKEY *key = p11d_pem_is_encrypted(pem)
                        ? p11d_pem_unlock(pem, old.data, old.size, &unsupported)
                        : p11d_pem_key(pem);
    CK_RV rv = !key                                       ? CKR_PIN_INCORRECT
               : p11d_pem_write_private(text, key, fresh) ? CKR_OK
                                                          : CKR_HOST_MEMORY;
    EVP_PKEY_free(key);
    return rv;
}

CK_RV p11d_pem_reseal(P11dBuffer *text, const P11dPem *pem, P11dBytes old, const P11dSecret *fresh)
{
    P11dBuffer bytes;
    CK_KEY_TYPE type;
    if (pem->type->kind == P11D_PEM_PRIVATE)
        return reseal_private(text, pem, old, fresh);
    p11d_buffer_init(&bytes, (size_t)pem->size + 1);
    CK_RV rv = !p11d_pem_read_bytes(pem, old, &type, &bytes) ? CKR_PIN_INCORRECT
               : p11d_pem_write_bytes(text, type, (P11dBytes){bytes.data, bytes.size}, fresh)
                   ? CKR_OK
                   : CKR_HOST_MEMORY;
    p11d_buffer_clear(&bytes);
    return rv;
}

bool p11d_pem_write_public(P11dBuffer *text, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return take_text(text, bio, bio && PEM_write_bio_PUBKEY(bio, key) == 1);
}

bool p11d_pem_write_certificate(P11dBuffer *text, X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    return take_text(text, bio, bio && PEM_write_bio_X509(bio, certificate) == 1);
}
