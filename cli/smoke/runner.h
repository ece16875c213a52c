// SPDX-License-Identifier: MIT
/*
 * A runner has checks run, each under a warden, some side by side, and says how each ended.
 */
#ifndef P11D_RUNNER_H
#define P11D_RUNNER_H

#include "check.h"
#include "secret.h"

typedef struct P11dResult {
    const P11dCheck *check;
    P11dCheckStatus status;
    unsigned milliseconds;
    GPtrArray *lacks;  /* of GError: what the user has to see to before this can be found out */
    char *reproduce;   /* which calls with which arguments, or which command, shows it again */
    const char *known; /* why it may be so, borrowed; NULL if that is not known */
    char *detail;      /* valid UTF-8 in one line, not escaped; "" for nothing to say */
} P11dResult;

void p11d_result_free(gpointer result);

typedef struct P11dRunner {
    const char *module; /* a path */
    const char *named;  /* as it was named; NULL: not at all */
    const char *uri;    /* or NULL */
    const P11dOptions *options;
    P11dCheckLevel level;
    P11dCheckNeed need;    /* the most that one of the checks needs */
    unsigned seconds;      /* for each check */
    unsigned jobs;         /* side by side, 1 or more; those that log in run alone */
    const P11dSecret *pin; /* or no secret */
    GPtrArray *members;    /* of char *: the modules that it loads, by path; or NULL */

    /* Called as checks begin: name is that of one that begins now. */
    void (*begins)(const char *name, unsigned number, unsigned count);
    /* Called with the results in the order of the checks, each as soon as it is there. After FALSE,
     * with error set, no more checks begin. */
    gboolean (*ended)(P11dResult *result, void *data, GError **error);
    void *data;
} P11dRunner;

/* Runs checks (of const P11dCheck) and returns their results (of P11dResult, owned), in their
 * order. What one finds without a login that does not pass is looked for in the members too, and
 * who does it is told. NULL with error set if processes cannot be started, or ended says so. */
GPtrArray *p11d_runner_run(const P11dRunner *runner, const GPtrArray *checks, GError **error);

/* The paths of the modules that lines say it loads: of char *, owned. The caller unrefs it. */
GPtrArray *p11d_runner_members(char **lines);

/* What lines say is missing: of GError, owned. The caller unrefs it. */
GPtrArray *p11d_runner_lacks(char **lines);

/* Runs the question before all checks (checker.h). Returns what was told, line by line; the caller
 * frees it with g_strfreev. */
char **p11d_runner_preflight(const P11dRunner *runner, GError **error);

#endif
