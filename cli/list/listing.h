// SPDX-License-Identifier: MIT
/*
 * A listing is what list has found: tokens, each with the objects or mechanisms that were asked
 * for. It is shown as a table to people (table.c) or as JSON to programs (document.c).
 */
#ifndef P11D_LISTING_H
#define P11D_LISTING_H

#include "name.h"
#include "target.h"

typedef struct P11dListingToken {
    P11dHostToken *token; /* borrowed */
    GPtrArray *items;     /* of P11dItem */
    GHashTable *prints;   /* what p11d_listing_print returns */
    GArray *mechanisms;   /* of P11dHostMechanism; NULL unless asked for */
    bool hides;           /* a login may show more objects */
    int hidden_keys;      /* how many private keys it would, as far as is known; -1: not known */
} P11dListingToken;

/* An array of P11dListingToken, owned. */
GPtrArray *p11d_listing_new(void);

/* Adds token, without items and mechanisms. The listing owns what is returned. */
P11dListingToken *p11d_listing_add(GPtrArray *listing, P11dHostToken *token);

/* Asks the token for its mechanisms. */
gboolean p11d_listing_read_mechanisms(P11dListingToken *entry, GError **error);

/* How much is asked of objects; each is with all before it, and costs more. */
typedef enum P11dListingDepth {
    P11D_LISTING_NAMES,   /* by what they are chosen, and which keys a login would show */
    P11D_LISTING_KEEPING, /* how they are kept: p11d_item_look_closer */
    P11D_LISTING_PRINTS,  /* p11d_listing_print */
} P11dListingDepth;

/*
 * Asks the token for the objects that target names and that are of the classes given (ended by
 * CK_UNAVAILABLE_INFORMATION; NULL: all), and puts them in order: private keys, public keys, secret
 * keys, certificates, all else; by label and id. FALSE with error set; entry then holds a part.
 */
gboolean p11d_listing_read_objects(P11dListingToken *entry, const P11dTarget *target,
                                   const CK_OBJECT_CLASS *classes, P11dListingDepth depth,
                                   GError **error);

/* The SHA-256 in hex of the public key info (SubjectPublicKeyInfo) of a key or a certificate; of a
 * private key that does not tell it, as what belongs to it on its token does. NULL where it is not
 * known, or nobody took it. Borrowed from entry. */
const char *p11d_listing_print(const P11dListingToken *entry, const P11dItem *item);

/* The shortest URI that names the item at index of entry in listing: with the
 * serial number of its token where another has the same label, with its id where another of its
 * class has its label. The caller frees it. */
char *p11d_listing_uri(const GPtrArray *listing, const P11dListingToken *entry, guint index);
/* The same of the token of entry. */
char *p11d_listing_token_uri(const GPtrArray *listing, const P11dListingToken *entry);

/* "trusted", "distrusted", or "none" for a certificate of which its token says neither; NULL if it
 * says nothing of trust. */
const char *p11d_listing_trust(const P11dItem *item);

/* The names of what a key may be used for ("sign"), NULL-terminated. The caller frees it with
 * g_free; the names stay. */
const char **p11d_listing_uses(const P11dItem *item);
/* The names of the bits that are set in flags, the same way. */
const char **p11d_listing_flags(const P11dNames *names, CK_FLAGS flags);

#endif
