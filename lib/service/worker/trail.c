// SPDX-License-Identifier: MIT
#include "trail.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "error-name.h"
#include "log.h"
#include "name.h"

/* The users whose refusals are counted apart. */
#define USERS 64
/* Room for the name of a method as the log has it: "generate-random". */
#define VERB_SIZE 64

/* Programs that ask whether they have to log in are not refused anything. */
static bool is_refused_login(const P11dTrailEntry *entry)
{
    const CK_RV rv = entry->rv;
    return strcmp(entry->method, "Login") == 0 && rv != CKR_OK &&
           rv != CKR_USER_ALREADY_LOGGED_IN && rv != CKR_USER_TYPE_INVALID &&
           rv != CKR_OPERATION_NOT_INITIALIZED && rv != CKR_ARGUMENTS_BAD;
}

/* What changes who gets in, or removes everything that a token has. */
static bool is_about_pins(const P11dTrailEntry *entry)
{
    static const char *const methods[] = {"SetPin", "InitPin", "InitToken"};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(entry->method, methods[i]) == 0)
            return true;
    }
    return false;
}

/* Refusals that a client can have as often as it asks: after a wrong PIN it has to wait. */
static bool is_cheap(const P11dTrailEntry *entry)
{
    return entry->rv == CKR_FUNCTION_REJECTED || (entry->rv != CKR_OK && is_about_pins(entry));
}

/* True once a second for each user: who has guessed too often may go on as fast as he can. */
static bool is_due(uid_t uid)
{
    static _Atomic int64_t told[USERS]; /* seconds, and one more */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return atomic_exchange(&told[uid % USERS], (int64_t)now.tv_sec + 1) != (int64_t)now.tv_sec + 1;
}

/* What there are thousands of for one operation, which is told when it begins and ends. */
static bool is_a_part(const P11dTrailEntry *entry)
{
    return entry->rv == CKR_OK && strcmp(entry->method, "UpdateStream") == 0;
}

bool p11d_trail_wants(const P11dTrailEntry *entry)
{
    if (p11d_log_is_verbose())
        return !is_a_part(entry);
    return is_refused_login(entry) || is_about_pins(entry);
}

/* GenerateRandom is "generate-random". */
static const char *verb_of(const char *method, char verb[VERB_SIZE])
{
    size_t size = 0;
    for (; *method && size + 2 < VERB_SIZE; method++) {
        if (isupper((unsigned char)*method) && size > 0)
            verb[size++] = '-';
        verb[size++] = (char)tolower((unsigned char)*method);
    }
    verb[size] = '\0';
    return verb;
}

/* " mechanism="rsa-pkcs"", or nothing for no text. */
static const char *show(const char *name, const char *text, char shown[2 * P11D_LOG_QUOTED_SIZE])
{
    char quoted[P11D_LOG_QUOTED_SIZE];
    shown[0] = '\0';
    if (text)
        snprintf(shown, 2 * P11D_LOG_QUOTED_SIZE, " %s=%s", name, p11d_log_quote(text, quoted));
    return shown;
}

void p11d_trail_add(const P11dTrailEntry *entry)
{
    char verb[VERB_SIZE], scratch[P11D_NAME_SIZE], number[32] = "";
    char mechanism[2 * P11D_LOG_QUOTED_SIZE], token[P11D_LOG_QUOTED_SIZE];
    char key[2 * P11D_LOG_QUOTED_SIZE];
    if (!p11d_trail_wants(entry) ||
        (!p11d_log_is_verbose() && is_cheap(entry) && !is_due(entry->uid)))
        return;
    if (entry->has_object && !entry->label)
        snprintf(number, sizeof number, " key=%" PRIu64, entry->object);
    p11d_log("%s uid=%lu pid=%ld result=%s%s token=%s%s%s", verb_of(entry->method, verb),
             (unsigned long)entry->uid, (long)entry->pid, p11d_error_ckr(entry->rv, scratch),
             show("mechanism", entry->mechanism, mechanism), p11d_log_quote(entry->token, token),
             show("key", entry->label, key), number);
}

void p11d_trail_object(const char *token, const char *what, CK_OBJECT_CLASS class,
                       const char *label)
{
    char scratch[P11D_NAME_SIZE], names[2][P11D_LOG_QUOTED_SIZE];
    if (p11d_log_is_verbose())
        p11d_log("%s class=%s token=%s key=%s", what,
                 p11d_name_of(&p11d_names_class, class, scratch), p11d_log_quote(token, names[0]),
                 p11d_log_quote(label, names[1]));
}
