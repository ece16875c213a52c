// SPDX-License-Identifier: MIT
/* What the fake service says of its token: what it is, and which objects it has. */
#ifndef P11D_FAKE_TOKEN_H
#define P11D_FAKE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token-path.h"
#include "writer.h"

#define FAKE_TOKEN_PATH P11D_TOKENS_PATH "/fake"

/* See the usage in fake-service.c. */
typedef struct FakeOptions {
    const char *name;
    uint64_t run;
    bool channels;
    bool always;
    bool bare;
    bool login;
    bool pad;
    bool open;
    bool claims;
    bool ciphers;
    bool early;
    bool token;
    char features[64];
    char mechanisms[256];
    char flags[64];
    char label[64];
} FakeOptions;

extern FakeOptions fake_options;
extern size_t fake_object_count; /* how many of its objects everybody sees */
extern uint64_t fake_generation; /* of them; from the clock */

/* Sets the option word; false: there is none of that name. value stays where it is. */
bool fake_set_option(const char *word, char *value);

/* An array of strings: those in list, with commas between them. */
void fake_write_names(P11dWriter *writer, const char *list);
/* The entry Flags of the properties; all of them, a{sv}. */
void fake_write_flags(P11dWriter *writer);
void fake_write_properties(P11dWriter *writer);
/* path and a{sa{sv}} of the token, or of another one like it, as in a list and in InterfacesAdded.
 */
void fake_write_token(P11dWriter *writer, const char *path);
/* The i-th object, as in ListObjects. */
void fake_write_object(P11dWriter *writer, size_t i);

#endif
