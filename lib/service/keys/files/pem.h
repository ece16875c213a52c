// SPDX-License-Identifier: MIT
/*
 * A PEM block is one "-----BEGIN …-----" of a file, decoded from base64: a private key in one of
 * its containers (PKCS#8, SEC 1, PKCS#1), encrypted or not, a public key, or a certificate; or the
 * bytes of a secret key or of data, in the container of private keys (RFC 5958), with an algorithm
 * that says what they are. One table says what each kind of block is and how it is decoded.
 */
#ifndef P11D_PEM_H
#define P11D_PEM_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "bytes.h"
#include "pkcs11.h"
#include "secret.h"

typedef enum P11dPemKind {
    P11D_PEM_PRIVATE = 1 << 0,
    P11D_PEM_PUBLIC = 1 << 1,
    P11D_PEM_CERTIFICATE = 1 << 2,
    P11D_PEM_FOREIGN = 1 << 3, /* a private key in a form that is not supported */
    P11D_PEM_OTHER = 1 << 4,   /* nothing that concerns us */
    P11D_PEM_SECRET = 1 << 5,  /* a secret key */
    P11D_PEM_DATA = 1 << 6,    /* bytes of any kind */
} P11dPemKind;

typedef struct P11dPemType P11dPemType;

typedef struct P11dPem {
    const P11dPemType *type; /* NULL: no block */
    char *header;            /* "Proc-Type: 4,ENCRYPTED…", or "" */
    uint8_t *data;           /* wiped by p11d_pem_clear */
    long size;
} P11dPem;

/* How reading went. */
typedef enum P11dPemResult {
    P11D_PEM_BLOCK,
    P11D_PEM_END,     /* no further block */
    P11D_PEM_DAMAGED, /* a block that begins, and is no base64 or does not end */
} P11dPemResult;

/* Reads the next block of bio. The caller clears *pem. */
P11dPemResult p11d_pem_read(BIO *bio, P11dPem *pem);

/* Wipes and frees. Safe on one that is clear or all zero. */
void p11d_pem_clear(P11dPem *pem);

P11dPemKind p11d_pem_kind(const P11dPem *pem);
/* "OPENSSH PRIVATE KEY": for messages. */
const char *p11d_pem_label(const P11dPem *pem);
/* How to get a key of this form into one that is supported, or NULL: for messages. */
const char *p11d_pem_advice(const P11dPem *pem);
/* True for a private key, a secret key or data that need a passphrase. */
bool p11d_pem_is_encrypted(const P11dPem *pem);
/* True if both hold the same bytes under the same label. */
bool p11d_pem_equal(const P11dPem *a, const P11dPem *b);

/* The key in a block of kind PRIVATE that is not encrypted, or PUBLIC. NULL if it cannot be
 * decoded. The caller frees it. */
EVP_PKEY *p11d_pem_key(const P11dPem *pem);

/* Room for what p11d_pem_obstacle writes. */
#define P11D_PEM_OBSTACLE_MAX 128

/* Whether no passphrase can open the encrypted block, and why: a cipher or a way to derive its key
 * that OpenSSL does not offer (those of the last century), or damage. text gets the reason, which
 * fits into P11D_PEM_OBSTACLE_MAX bytes. */
bool p11d_pem_obstacle(const P11dPem *pem, char *text);

/*
 * The key in an encrypted block. passphrase: size bytes, borrowed; it is handed to OpenSSL from
 * where it stands. NULL if it does not open the block, or with *unsupported if it does, but what is
 * in it is no key that OpenSSL knows.
 */
EVP_PKEY *p11d_pem_unlock(const P11dPem *pem, const uint8_t *passphrase, size_t size,
                          bool *unsupported);

/*
 * Appends the bytes in a block of kind SECRET or DATA, encrypted or not. passphrase: borrowed; not
 * looked at where none is needed. *type: of the secret key; CK_UNAVAILABLE_INFORMATION: of data, or
 * of one that is not known here. False: the passphrase does not open it, or it is no such block.
 */
bool p11d_pem_read_bytes(const P11dPem *pem, P11dBytes passphrase, CK_KEY_TYPE *type,
                         P11dBuffer *bytes);

/* Append a block to text. passphrase: that a private key is encrypted with; no secret: it is not.
 * False: memory ran out, or text has no room for it. */
bool p11d_pem_write_private(P11dBuffer *text, const EVP_PKEY *key, const P11dSecret *passphrase);
/* The same for a secret key of that type or, with CK_UNAVAILABLE_INFORMATION, for data. */
bool p11d_pem_write_bytes(P11dBuffer *text, CK_KEY_TYPE type, P11dBytes bytes,
                          const P11dSecret *passphrase);
/* Appends what is in pem, of a kind that can be encrypted, encrypted with fresh. old: opens it, if
 * it is encrypted. Errors: CKR_PIN_INCORRECT, CKR_HOST_MEMORY. */
CK_RV p11d_pem_reseal(P11dBuffer *text, const P11dPem *pem, P11dBytes old, const P11dSecret *fresh);
bool p11d_pem_write_public(P11dBuffer *text, EVP_PKEY *key);
bool p11d_pem_write_certificate(P11dBuffer *text, X509 *certificate);

/* The certificate in a block of kind CERTIFICATE; as p11d_pem_key. */
X509 *p11d_pem_certificate(const P11dPem *pem);

#endif
