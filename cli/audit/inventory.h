// SPDX-License-Identifier: MIT
/*
 * An inventory is what an audit looks at: tokens and all of their objects, each with what rules
 * (rule.h) want to know of it.
 */
#ifndef P11D_INVENTORY_H
#define P11D_INVENTORY_H

#include "certdetail.h"
#include "certview.h"
#include "groups.h"
#include "hosts.h"
#include "listing.h"

/* A token, or an object on one. */
typedef struct P11dAsset {
    const P11dListingToken *entry; /* borrowed from the inventory's listing */
    const P11dItem *item;          /* NULL: it is the token itself */
    char *uri;                     /* the shortest that names it */
    bool named;                    /* the target names it: it is to be judged */
    const char *print;             /* of its public key (listing.h), or NULL */
    P11dAlgorithmKey kind;
    P11dCertview view; /* of a certificate; all zero where it is none */
    P11dCertdetail detail;
} P11dAsset;

typedef struct P11dInventory {
    GPtrArray *listing; /* of P11dListingToken, owned */
    GPtrArray *assets;  /* of P11dAsset, owned; those of a token one after the other */
    P11dGroups *kin;    /* assets by what they have in common */
    gint64 now;         /* as in a certview */
    int days;           /* how long before its end a certificate is expiring */
    guint objects;      /* how many are to be judged */
} P11dInventory;

/* Reads tokens (of P11dHostToken), of which one that is there by two modules counts once. Those
 * that cannot be read are told, and are among the failures of hosts. Which objects target names is
 * noted: others are there to be compared with. The caller frees it. */
P11dInventory *p11d_inventory_read(const P11dTarget *target, const GPtrArray *tokens,
                                   P11dHosts *hosts);
void p11d_inventory_free(P11dInventory *inventory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dInventory, p11d_inventory_free)

/* What two objects on one token can have in common. */
enum {
    P11D_SAME_KEY = 1 << 0, /* the public key, which is known of both */
    P11D_SAME_ID = 1 << 1,  /* the CKA_ID, which is not empty */
};

/* The first private key of all tokens with that print (listing.h); NULL if there is none. */
const P11dAsset *p11d_inventory_find_key(const P11dInventory *inventory, const char *print);

/* The first object of that class on the token of asset, other than itself, that has all of that
 * (P11D_SAME_…) in common with it; NULL if there is none. */
const P11dAsset *p11d_inventory_find(const P11dInventory *inventory, const P11dAsset *asset,
                                     CK_OBJECT_CLASS class, unsigned same);

#endif
