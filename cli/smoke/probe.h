// SPDX-License-Identifier: MIT
/*
 * A probe is one run of p11dbus-unload-probe: a process that knows nothing but libc and the module,
 * the steps that it took, and what they found out.
 */
#ifndef P11D_PROBE_H
#define P11D_PROBE_H

#include "check.h"

typedef struct P11dProbe {
    char **lines;       /* "step NAME VALUE MICROSECONDS" or "WHAT TEXT" */
    bool whole;         /* it came to its end */
    int signal;         /* that it died of; 0: none */
    int code;           /* its exit code otherwise */
    char *last;         /* the step that it was at last */
    char *crash;        /* where it died, or NULL */
    guint64 written[3]; /* bytes, by descriptor: 1 is stdout, 2 stderr */
    GString *text;      /* the first of what it wrote */
} P11dProbe;

/* Why there is no probe to run, or NULL. The caller frees it. */
char *p11d_probe_missing(void);

/* Runs steps (separated by blanks; unload-probe.c has their names) on the module of run. Returns
 * NULL, and has told so, if there is no probe to run. The caller frees it. */
P11dProbe *p11d_probe_run(P11dCheckRun *run, const char *steps);
void p11d_probe_free(P11dProbe *probe);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dProbe, p11d_probe_free)

/* The steps that every check takes a module through: as far as the level of run lets it. */
const char *p11d_probe_use(const P11dCheckRun *run);

/* False, and has told that the probe crashed, and what that comes after, if it did not come to its
 * end. */
bool p11d_probe_survived(P11dCheckRun *run, const P11dProbe *probe, const char *after);

/* What the step answered, the last time that it was taken, and how long it took. False if it was
 * not. microseconds may be NULL. */
bool p11d_probe_step(const P11dProbe *probe, const char *name, CK_RV *value, guint64 *microseconds);
/* False if the step failed, which is told as a reason to skip. */
bool p11d_probe_did(P11dCheckRun *run, const P11dProbe *probe, const char *name);

/* The texts of all lines that say that of WHAT, borrowed. The caller frees the array. */
GPtrArray *p11d_probe_texts(const P11dProbe *probe, const char *what);
/* The same, joined with ", "; NULL for none. The caller frees it. */
char *p11d_probe_joined(const P11dProbe *probe, const char *what);

#endif
