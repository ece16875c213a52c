// SPDX-License-Identifier: MIT
/*
 * A progress is how far the reading of an input has come. To people it is shown as a bar on stderr,
 * once it has taken a second.
 */
#ifndef P11D_PROGRESS_H
#define P11D_PROGRESS_H

#include <stdbool.h>

#include <glib.h>

typedef struct P11dProgress {
    const char *name; /* of the input; borrowed */
    guint64 total;    /* bytes; 0: not known */
    guint64 done;
    gint64 started; /* monotonic time in microseconds */
    gint64 shown;   /* when the bar was drawn last; 0: it is not there */
    bool wanted;
} P11dProgress;

/* Starts at nothing. total: in bytes, 0 if nobody knows. wanted: somebody looks at stderr. */
void p11d_progress_start(P11dProgress *progress, const char *name, guint64 total, bool wanted);

/* So many bytes more were read. Draws the bar if it is time for that. */
void p11d_progress_add(P11dProgress *progress, gsize bytes);

/* Takes the bar away. Once more does nothing. */
void p11d_progress_end(P11dProgress *progress);

/* The bar as it is drawn after seconds have passed, at most columns wide: "" where nothing that
 * says something fits. The caller frees it. */
char *p11d_progress_text(const P11dProgress *progress, double seconds, unsigned columns);

#endif
