// SPDX-License-Identifier: MIT
/*
 * A commandline is the words behind a command, told apart as getopt(3) does: options in long and
 * short form, several short ones in one word, values in the same word or in the next, arguments,
 * and "--", behind which all is arguments. What runs commands and what completes them for shells
 * read words by this one.
 */
#ifndef P11D_COMMANDLINE_H
#define P11D_COMMANDLINE_H

#include <stdbool.h>

#include <glib.h>

typedef enum P11dCommandlineKind {
    P11D_COMMANDLINE_OPTION,   /* entry; its value, if it takes one, in this word or the next */
    P11D_COMMANDLINE_VALUE,    /* of entry, in a word of its own */
    P11D_COMMANDLINE_ARGUMENT, /* none of an option */
    P11D_COMMANDLINE_END,      /* "--" */
    P11D_COMMANDLINE_UNKNOWN,  /* looks like an option, and there is none */
} P11dCommandlineKind;

/* What is in a word: one of these, or several where short options share it. */
typedef struct P11dCommandlinePart {
    P11dCommandlineKind kind;
    const GOptionEntry *entry; /* of an option and a value */
    const char *value;         /* of a value, an argument, or an option that has it in the same
                                  word; else NULL. It is a part of the word. */
} P11dCommandlinePart;

typedef struct P11dCommandline {
    const GPtrArray *known;      /* the options that there are, of const GOptionEntry */
    const GOptionEntry *pending; /* the option whose value is the next word, or NULL */
    bool only_arguments;         /* "--" was there */
} P11dCommandline;

/* Reads the next word and adds what is in it to parts (of P11dCommandlinePart, which borrow word).
 */
void p11d_commandline_read(P11dCommandline *line, const char *word, GArray *parts);

/* An array for p11d_commandline_read. */
GArray *p11d_commandline_parts(void);

/* True for an option with a value, and for one of these that may be given again. */
bool p11d_commandline_takes_value(const GOptionEntry *entry);
bool p11d_commandline_is_list(const GOptionEntry *entry);

#endif
