// SPDX-License-Identifier: MIT
/*
 * A report is what a run of checks says: a table for people, TAP, JUnit, or JSON (schema 1); and
 * the list of the checks that there are.
 */
#ifndef P11D_REPORT_H
#define P11D_REPORT_H

#include <json-glib/json-glib.h>

#include "runner.h"

typedef enum P11dReportForm {
    P11D_REPORT_TABLE,
    P11D_REPORT_TAP,
    P11D_REPORT_JSON,
    P11D_REPORT_JUNIT,
} P11dReportForm;

typedef struct P11dReport {
    P11dReportForm form;
    const char *module;
    bool quiet;
    bool strict;      /* skip and warn fail the run too */
    unsigned count;   /* of results that were printed */
    JsonNode *info;   /* what C_GetInfo says, an object; or NULL. Owned, as are those below */
    GPtrArray *lacks; /* of GError: why checks could not be made */
    guint lacks_told; /* how many of them stand in the headline */
    GPtrArray *gone;  /* of char *: what is known and was not found; or NULL */
    char *died;       /* how the module ended before any check began, or NULL */
} P11dReport;

/* Frees what report owns. */
void p11d_report_clear(P11dReport *report);

/* Adds that kind of thing is missing, unless that is known. */
void p11d_report_lack(P11dReport *report, P11dFailure kind, const char *text);

/* Before the first result; checks is how many there will be. */
void p11d_report_begin(P11dReport *report, unsigned checks);
/* A result, as it comes in. FALSE with error set if it cannot be written. */
gboolean p11d_report_add(P11dReport *report, const P11dResult *result, GError **error);
/* After the last; results is of P11dResult. */
void p11d_report_end(const P11dReport *report, const GPtrArray *results);

/* Says on a terminal which check runs, in a line that the next output takes away. */
void p11d_report_progress(const char *name, unsigned number, unsigned count);

/* True if that is what fails the run. */
bool p11d_report_is_bad(const P11dReport *report, const P11dResult *result);

/* The checks themselves, of const P11dCheck. */
void p11d_report_list(const GPtrArray *checks, bool json);

#endif
