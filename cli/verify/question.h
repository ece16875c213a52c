// SPDX-License-Identifier: MIT
/*
 * A question is what the options of verify ask: whom to trust, which signature is meant, and what
 * must hold of it. It is checked before anything is read.
 */
#ifndef P11D_QUESTION_H
#define P11D_QUESTION_H

#include "options.h"
#include "target.h"

/* As the options of verify.c say it; NULL where one was not given. */
typedef struct P11dQuestion {
    char *public_key;
    char *certificate;
    char *authorities;
    char **crls;
    char *at;
    char *purpose;
    char *signers;
    char *identity;
    char *namespace;
    char *signature;
    char *suffix;
    gboolean checksums;
    gboolean ignore_missing;
    char *algorithm;
    char *format;
    char *encoding;
    char *output;
    gboolean force;
    gboolean prehashed;
} P11dQuestion;

/* FALSE with error set to a usage error if it makes no sense for files (NULL-terminated) and the
 * key that target names, or if its output cannot be written. */
gboolean p11d_question_check(const P11dQuestion *asked, const P11dTarget *target,
                             const P11dOptions *options, char **files, GError **error);

/* How many of what the options name are standard input, which then cannot be what is signed. */
int p11d_question_count_standard(const P11dQuestion *asked);

#endif
