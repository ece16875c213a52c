// SPDX-License-Identifier: MIT
/*
 * An item is an object on a token as the command line sees it: a key or a certificate with the
 * attributes by which it is chosen and shown. They are read once, when the item is found.
 */
#ifndef P11D_ITEM_H
#define P11D_ITEM_H

#include <glib.h>
#include <openssl/evp.h>

#include "pkcs11.h"

/* This includes p11-kit's own pkcs11.h: after it ours would come too late. */
#include <p11-kit/uri.h>

#include "algorithm.h"
#include "host.h"
#include "template.h"

/* p11-kit's own attribute of a certificate that is not to be trusted, in p11-kit/pkcs11x.h, which
 * does not go with the core's numbers. */
#ifndef CKA_X_DISTRUSTED
#define CKA_X_DISTRUSTED ((CKA_VENDOR_DEFINED | 0x58444700UL) + 100)
#endif

struct P11dItem {
    P11dHostToken *token; /* borrowed */
    CK_OBJECT_HANDLE handle;
    CK_OBJECT_CLASS class;
    P11dTemplate attributes; /* what the token tells of those that item.c asks for */
};

/*
 * Searches token, in its session, for objects with count attributes and adds them to items (of
 * P11dItem, owned). That the token finds what was asked for is checked, not believed.
 */
gboolean p11d_item_find(P11dHostToken *token, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                        GPtrArray *items, GError **error);

/* An array for p11d_item_find. */
GPtrArray *p11d_item_array(void);

/* What attributes say how a key is kept: CKA_SENSITIVE and its kin, CKA_LOCAL, CKA_MODIFIABLE. */
#define P11D_ITEM_KEEPING 6
extern const CK_ATTRIBUTE_TYPE p11d_item_keeping[P11D_ITEM_KEEPING];

/* Reads what is told of an object besides: how a key is kept, whether a certificate is trusted, and
 * CKA_MODIFIABLE. What the token does not tell stays out. */
gboolean p11d_item_look_closer(P11dItem *item, GError **error);

/* CKA_LABEL as valid UTF-8 (not escaped), and CKA_ID as hex; "" for none. The caller frees them. */
char *p11d_item_label(const P11dItem *item);
char *p11d_item_id(const P11dItem *item);

/* As memcmp for an attribute of both, of which one that is shorter or not there comes first. */
int p11d_item_compare(const P11dItem *a, const P11dItem *b, CK_ATTRIBUTE_TYPE type);

/* The URI that names the item, with all that is known of its token. The caller frees it. */
char *p11d_item_uri(const P11dItem *item);
/* The same, as short as it can be: the token's label, and its serial number if asked for; the
 * item's label, or its id if it has none or that is asked for; its class. */
char *p11d_item_short_uri(const P11dItem *item, bool with_serial, bool with_id);
/* The same without the class: it names a private key and its public key alike. */
char *p11d_item_key_uri(const P11dItem *item, bool with_serial, bool with_id);
/* The full URI of a token alone; and one as short as it can be, as above: one without a label has
 * the full one. */
char *p11d_item_token_uri(const P11dHostToken *token);
char *p11d_item_short_token_uri(const P11dHostToken *token, bool with_serial);

/* What kind of key it is; type is CK_UNAVAILABLE_INFORMATION for what is none or unknown. */
P11dAlgorithmKey p11d_item_describe(const P11dItem *item);

/* The same to people: "RSA 2048", "P-256", "Ed25519", "aes 256", "" for what is none or unknown.
 * The caller frees it. */
char *p11d_item_kind(const P11dItem *item);

/* The public key in it, if its attributes hold one, else NULL. The caller frees it. */
EVP_PKEY *p11d_item_public_key(const P11dItem *item);

/* The SHA-256 in hex of its SubjectPublicKeyInfo; NULL if its attributes do not tell it. The caller
 * frees it. */
char *p11d_item_public_key_sha256(const P11dItem *item);

#endif
