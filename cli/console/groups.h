// SPDX-License-Identifier: MIT
/*
 * Groups are things put together by a text that they have in common, so that what belongs to one of
 * many is found without looking at all of them.
 */
#ifndef P11D_GROUPS_H
#define P11D_GROUPS_H

#include <glib.h>

typedef struct P11dGroups P11dGroups;

P11dGroups *p11d_groups_new(void);
void p11d_groups_free(P11dGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dGroups, p11d_groups_free)

/* Adds thing, borrowed, to the group of text, which is copied. */
void p11d_groups_add(P11dGroups *groups, const char *text, gpointer thing);

/* The group of text, in the order in which it was added, borrowed; empty if there is none. */
const GPtrArray *p11d_groups_find(const P11dGroups *groups, const char *text);

#endif
