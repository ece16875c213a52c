// SPDX-License-Identifier: MIT
/*
 * A pubkey is a public key with what tells it from others to whoever reads which one it was: the
 * kind of thing that it stood in, a name that stood beside it, and a fingerprint.
 */
#ifndef P11D_PUBKEY_H
#define P11D_PUBKEY_H

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "json.h"

typedef struct P11dPubkey {
    EVP_PKEY *key;     /* owned, as all here is but kind */
    const char *kind;  /* "certificate", "SSH key" or "public key" */
    X509 *certificate; /* that it stood in, or NULL */
    char *name;        /* whom that names, or the comment of an SSH key; NULL: nothing */
    char *fingerprint; /* as list --json shows it, or ssh-keygen -l; NULL: it cannot be made */
} P11dPubkey;

/* A key alone, which is taken over. NULL for NULL, as all of these; the caller frees them. */
P11dPubkey *p11d_pubkey_new(EVP_PKEY *key);

/* The key in a DER X.509 certificate. NULL if it is none. */
P11dPubkey *p11d_pubkey_of_certificate(const void *der, size_t size);

/* The key in a blob of SSH (sshkey.h); comment: copied. NULL if there is none that is read. */
P11dPubkey *p11d_pubkey_of_ssh(GBytes *blob, const char *comment);

void p11d_pubkey_free(P11dPubkey *pubkey);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dPubkey, p11d_pubkey_free)

/* An array that frees the P11dPubkey in it. */
GPtrArray *p11d_pubkey_array(void);

/* The place of key in such an array, from 1; 0 if it is not there, or NULL. */
guint p11d_pubkey_find(const GPtrArray *keys, const EVP_PKEY *key);

/* "2nd of 3: certificate CN=web, sha256:…" for the key at that place, from 1. The caller frees it.
 */
char *p11d_pubkey_describe(const GPtrArray *keys, guint place);

/* Adds the member "match", with the same, to the object that json is in: null if place is 0. */
void p11d_pubkey_add_match(JsonBuilder *json, const GPtrArray *keys, guint place);

#endif
