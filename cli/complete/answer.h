// SPDX-License-Identifier: MIT
/*
 * An answer is what complete prints for the shell that asked. Its first line says of what else the
 * shell may offer names, "none", "file" or "directory"; then a tab, and the part of the word at the
 * cursor that all candidates follow ("--output="). Each further line is a candidate, and behind a
 * tab what it is. readline gets candidates alone, quoted, and without what it keeps of the word.
 */
#ifndef P11D_ANSWER_H
#define P11D_ANSWER_H

#include <stdio.h>

#include "shellline.h"

typedef struct P11dAnswer {
    FILE *stream;
    const P11dShellline *line; /* of readline; NULL: the shell itself chooses and quotes */
    char *prefix;              /* what candidates follow */
    const char *typed;         /* what there is of the candidate, borrowed */
    GHashTable *given;         /* the candidates so far */
} P11dAnswer;

/* word: the one at the cursor, which is kept borrowed; prefix_size: how much of it candidates
 * follow. */
void p11d_answer_begin(P11dAnswer *answer, FILE *stream, const P11dShellline *line,
                       const char *word, size_t prefix_size, const char *files);
void p11d_answer_end(P11dAnswer *answer);

/*
 * Adds a candidate, unless it is there already. description: NULL for none. One with characters
 * that cannot be shown is left out: nobody could type it, and a line could not hold it. For
 * readline, which takes what it is given, also one that does not begin with what was typed.
 */
void p11d_answer_add(P11dAnswer *answer, const char *candidate, const char *description);

#endif
