// SPDX-License-Identifier: MIT
/*
 * A meaning is what help calls the value of an option: "URI", "FILE", "auto|always|never". It says
 * what the value can be completed to. Words in lower case stand for themselves; all others have
 * their row in meaning.c. Where tokens have to be asked, an asker does so (asker.h), without login.
 */
#ifndef P11D_MEANING_H
#define P11D_MEANING_H

#include "answer.h"
#include "options.h"

/* What the shell may offer besides the candidates: for p11d_answer_begin. meaning: NULL for none.
 */
const char *p11d_meaning_files(const char *meaning);

/* Adds what meaning can be to answer. options: what else stands on the line. */
void p11d_meaning_complete(const char *meaning, const P11dOptions *options, P11dAnswer *answer);

#endif
