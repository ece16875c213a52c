// SPDX-License-Identifier: MIT
/*
 * A candidate is what somebody may have meant who named too much or something that is not there:
 * one of several items that match, or a token or label with a name close to the one that was typed.
 * Candidates are shown, so that one can be named, and never taken.
 */
#ifndef P11D_CANDIDATE_H
#define P11D_CANDIDATE_H

#include "item.h"

/* What tells item from another with the same label and id: of a certificate its subject, serial
 * number, end and SHA-256; of a key its kind, and the SHA-256 of its SubjectPublicKeyInfo where the
 * item tells the public half. The caller frees it. */
char *p11d_candidate_describe(const P11dItem *item);

/*
 * The items, each by its URI; with the slot where tokens have one in common, and with what tells
 * them apart below it where items of one token have. *advice: what to do about those, or NULL if
 * there are none. Returns an array of char *, owned.
 */
GPtrArray *p11d_candidate_list(const GPtrArray *items, const char **advice);

/* Hints for a label, or a token (its label alone is looked at), that nothing has: what is near, as
 * far as it can be seen, and then otherwise. The caller frees them. */
char *p11d_candidate_near_label(const CK_ATTRIBUTE *label, const GPtrArray *tokens,
                                const char *otherwise);
char *p11d_candidate_near_token(const CK_TOKEN_INFO *wanted, const P11dHost *host,
                                const char *otherwise);

#endif
