// SPDX-License-Identifier: MIT
/*
 * A rule is one thing that an audit finds wrong with tokens and their objects: a row of the table
 * in rules.c.
 */
#ifndef P11D_RULE_H
#define P11D_RULE_H

#include "inventory.h"

/* What is wrong with asset, in words that the caller frees; NULL if nothing is, or that cannot be
 * told. */
typedef char *P11dRuleJudge(const P11dAsset *asset, const P11dInventory *inventory);

typedef struct P11dRule {
    const char *id;
    bool of_tokens; /* tokens are judged, not objects */
    P11dRuleJudge *judge;
    const char *harm;   /* a sentence: what comes of it */
    const char *remedy; /* what to do about it */
} P11dRule;

extern const P11dRule p11d_rules[];
extern const size_t p11d_rule_count;

/* The id of the i-th; NULL behind the last. */
const char *p11d_rule_name(size_t i);

#endif
