// SPDX-License-Identifier: MIT
/*
 * A check is one question about a PKCS#11 module: a row of the table in checks.c and a function.
 * The function runs in a process of its own, which the module may take down; what it finds it tells
 * at once, and the worst that was told is how the check ends.
 */
#ifndef P11D_CHECK_H
#define P11D_CHECK_H

#include "failure.h"
#include "journal.h"
#include "target.h"

/* How far a check goes; --level includes those before it. */
typedef enum P11dCheckLevel {
    P11D_CHECK_LOAD,  /* loads and initialises, opens no session */
    P11D_CHECK_READ,  /* opens read-only sessions and searches */
    P11D_CHECK_SIGN,  /* logs in and uses the keys that are there */
    P11D_CHECK_WRITE, /* makes session objects and destroys them */
    P11D_CHECK_LEVELS,
} P11dCheckLevel;

/* What has to be there before the function is called; without it the check is skipped. */
typedef enum P11dCheckNeed {
    P11D_CHECK_NEEDS_NOTHING, /* the module is not loaded in this process: the probe does it */
    P11D_CHECK_NEEDS_MODULE,  /* run->host */
    P11D_CHECK_NEEDS_TOKEN,   /* and run->token, with a session */
    P11D_CHECK_NEEDS_LOGIN,   /* and logged in if a PIN was given; run->privates may be empty */
    P11D_CHECK_NEEDS_PRIVATE, /* and run->privates, logged in where that is needed */
    P11D_CHECK_NEEDS_KEY,     /* and run->keys */
    P11D_CHECK_NEEDS,
} P11dCheckNeed;

/* From good to bad. */
typedef enum P11dCheckStatus {
    P11D_CHECK_PASS,
    P11D_CHECK_SKIP,
    P11D_CHECK_WARN,
    P11D_CHECK_FAIL,
    P11D_CHECK_CRASH,
    P11D_CHECK_HANG,
    P11D_CHECK_STATUSES,
} P11dCheckStatus;

struct P11dCheck;

typedef struct P11dCheckRun {
    const struct P11dCheck *check;
    const P11dOptions *options; /* its module is a path */
    const char *reserved;       /* for C_Initialize, or NULL */
    P11dCheckLevel level;       /* how far the user lets us go */
    int seconds;                /* until this process is killed */
    gint64 started;             /* as g_get_monotonic_time has it */
    P11dJournal *journal;
    int journal_fd;
    P11dSecret pin; /* read before the module is there; or no secret */
    P11dTarget *target;
    P11dHost *host;
    P11dHostToken *token;
    GPtrArray *privates; /* of P11dItem, owned: private keys */
    GPtrArray *keys;     /* those of them that can sign */
} P11dCheckRun;

typedef void P11dCheckFunction(P11dCheckRun *run);

typedef struct P11dCheck {
    const char *id;
    P11dCheckLevel level;
    P11dCheckNeed need;
    P11dCheckFunction *function;
    const char *harm;   /* a sentence: what a host would suffer */
    const char *spec;   /* the section that says so */
    const char *remedy; /* what a host can do that has to live with it, or NULL */
    const char *how;    /* which calls it makes, with which arguments; NULL: the probe's steps */
} P11dCheck;

/* In checks.c. */
extern const P11dCheck p11d_checks[];
extern const size_t p11d_check_count;

/* The check of that id, or NULL. */
const P11dCheck *p11d_check_find(const char *id);

/* "load", "read" …; "pass", "warn" …; "nothing", "a token" …. */
const char *p11d_check_level_name(P11dCheckLevel level);
const char *p11d_check_status_name(P11dCheckStatus status);
const char *p11d_check_need_name(P11dCheckNeed need);
/* P11D_CHECK_LEVELS, P11D_CHECK_STATUSES for no such name. */
P11dCheckLevel p11d_check_parse_level(const char *name);
P11dCheckStatus p11d_check_parse_status(const char *name);

/* What p11d_check_lack tells besides, before a P11dFailure and a text. */
#define P11D_CHECK_LACK "lack"

/* What the probe tells besides: the command that it is, for whoever wants to see it again. */
#define P11D_CHECK_RAN "ran"

/* What is told of a loop that ends because of p11d_check_is_late: how many, of how many (guint),
 * and what. */
#define P11D_CHECK_LATE "there was time for %u of %u %s: a longer --timeout gets further"

/* Tells what was found: _PASS is worth knowing, but not wrong; _SKIP says why it could not be
 * found out. */
void p11d_check_tell(P11dCheckRun *run, P11dCheckStatus status, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Tells why it could not be found out, as _SKIP does, where that is for the user to see to: without
 * it the run does not end well. kind says what is missing, and with that the exit code. */
void p11d_check_lack(P11dCheckRun *run, P11dFailure kind, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Tells that a call gave rv where it should have been CKR_OK. Returns whether it was. */
bool p11d_check_ok(P11dCheckRun *run, CK_RV rv, const char *call);

/* Whether half of the time of the check is over: for those that repeat something, and would rather
 * do it less often than be killed. */
bool p11d_check_is_late(const P11dCheckRun *run);

#endif
