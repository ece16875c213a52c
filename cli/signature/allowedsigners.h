// SPDX-License-Identifier: MIT
/*
 * Allowed signers are a list of who may sign with which key, for what and when, as ssh-keygen(1)
 * describes it under ALLOWED SIGNERS. Each line has patterns of identities, options and a key.
 */
#ifndef P11D_ALLOWEDSIGNERS_H
#define P11D_ALLOWEDSIGNERS_H

#include <glib.h>

typedef struct P11dAllowedsignersQuestion {
    const char *identity;  /* that must have signed: "user@example.org" */
    const char *namespace; /* of the signature */
    GBytes *key;           /* that made it, as a blob (sshkey.h) */
    gint64 time;           /* at which, in seconds since 1970 */
} P11dAllowedsignersQuestion;

/*
 * Looks for a line that allows what is asked. *why is NULL if there is one; else it says why not,
 * and the caller frees it. path: where text was read, for messages.
 *
 * As with ssh-keygen, no more is looked at of a line whose patterns the identity does not match,
 * for others may have options and keys that are not known here; and a line of the identity's own
 * that makes no sense allows nothing. But where no other line allows it, such a line is an error:
 * FALSE with error set, as it is for text that holds a NUL. Keys of certificate authorities are
 * never the key of a signature here.
 */
gboolean p11d_allowedsigners_check(GBytes *text, const char *path,
                                   const P11dAllowedsignersQuestion *question, char **why,
                                   GError **error);

#endif
