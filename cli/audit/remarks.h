// SPDX-License-Identifier: MIT
/*
 * Remarks are what rules find about an inventory: one line each for people, or JSON. Those that are
 * known (known.h) are not held against anybody.
 */
#ifndef P11D_REMARKS_H
#define P11D_REMARKS_H

#include <json-glib/json-glib.h>

#include "known.h"
#include "rule.h"

typedef struct P11dRemarks {
    GPtrArray *all; /* of P11dRemark, owned */
    guint known;    /* how many of them are */
} P11dRemarks;

/* Which rules count: those that match one of check (NULL: all) and none of skip. */
typedef struct P11dRemarksChoice {
    char **check;
    char **skip;
} P11dRemarksChoice;

/* Judges what is in inventory. The remarks borrow from it and from known; p11d_remarks_free frees
 * them. */
P11dRemarks *p11d_remarks_make(const P11dInventory *inventory, const P11dRemarksChoice *choice,
                               P11dKnown *known);
void p11d_remarks_free(P11dRemarks *remarks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dRemarks, p11d_remarks_free)

/* The ids of the rules that do not count, NULL-terminated. The caller frees it with g_strfreev. */
char **p11d_remarks_left_out(const P11dRemarksChoice *choice);

/* Prints them on the real stdout; verbose: with what is known, and what comes of each. */
void p11d_remarks_print(const P11dRemarks *remarks, bool verbose);

/* The document of an audit. gone: what is known and not found (of char *); failures: of GError. The
 * caller owns it. */
JsonNode *p11d_remarks_document(const P11dRemarks *remarks, const P11dInventory *inventory,
                                const GPtrArray *gone, const GPtrArray *failures);

#endif
