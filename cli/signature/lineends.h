// SPDX-License-Identifier: MIT
/*
 * Line ends are what stands between two lines of a text: LF, or CR LF, which mail has and what is
 * signed as mail. They are converted piece by piece.
 */
#ifndef P11D_LINEENDS_H
#define P11D_LINEENDS_H

#include <stdbool.h>

#include <glib.h>

typedef struct P11dLineends {
    bool crlf;     /* what they are to be; else LF */
    bool after_cr; /* the last piece ended with CR; false before the first one */
} P11dLineends;

/* Sets out to the next size bytes with other line ends; a CR that may be half of one is kept back
 * until the next piece where CR LF becomes LF. size 0: the end, where what was kept back comes. */
void p11d_lineends_convert(P11dLineends *ends, const guint8 *bytes, gsize size, GByteArray *out);

#endif
