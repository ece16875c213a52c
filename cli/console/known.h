// SPDX-License-Identifier: MIT
/*
 * What is known are the findings that somebody has looked at and lives with: a file with a line
 * each, "ID [GLOB] # REASON". ID is a glob for what kind of finding it is, GLOB, which may hold
 * blanks, one for what it is about (all, if there is none), and REASON says why it may stay. Empty
 * lines, and those that begin with '#', say nothing.
 */
#ifndef P11D_KNOWN_H
#define P11D_KNOWN_H

#include "glob.h"

typedef struct P11dKnown P11dKnown;

/*
 * Reads the file at path; NULL: nothing is known. Each ID must match one of the names of what
 * ("check"). NULL with error set (P11D_FAILURE_FILE) for a file that cannot be read, or with a line
 * that is none, which is told with its number. The caller frees it.
 */
P11dKnown *p11d_known_read(const char *path, P11dGlobName *name, const char *what, GError **error);
void p11d_known_free(P11dKnown *known);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dKnown, p11d_known_free)

/* Why the finding id about that is known, borrowed from known; NULL if it is not. What is asked for
 * counts as found. */
const char *p11d_known_find(P11dKnown *known, const char *id, const char *about);

/* Whether all that a line about that (GLOB) can mean was looked at. */
typedef bool P11dKnownScope(const char *about, const void *data);

/*
 * Tells the lines on stderr that nothing was found for; and the same as an array of char *, "ID
 * GLOB" each, for JSON, which the caller unrefs. What was not looked for is not gone: lines are
 * passed over whose ID matches one of the names in skipped (NULL-terminated, or NULL), and those
 * that are out of scope (NULL: none is).
 */
GPtrArray *p11d_known_tell_gone(const P11dKnown *known, char **skipped, P11dKnownScope *scope,
                                const void *data);

#endif
