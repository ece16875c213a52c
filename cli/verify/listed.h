// SPDX-License-Identifier: MIT
/*
 * Listed are the files that a list of checksums names, which lie in the directory of that list or
 * below it. Each is compared with its digest, and a line says how that ended.
 */
#ifndef P11D_LISTED_H
#define P11D_LISTED_H

#include <json-glib/json-glib.h>

typedef struct P11dListed {
    const char *path;        /* of the list; or a name of standard input, which lies here */
    GBytes *text;            /* of it */
    gboolean ignore_missing; /* a file that is not there is no error, if another one is */
} P11dListed;

/* Checks them all, and adds an object for each to the array that is open in json, unless that is
 * NULL. FALSE with error set to the worst of what was found, which counts as told if it is about a
 * file; or to why the list makes no sense (checksums.h), and then no file was looked at. */
gboolean p11d_listed_check(const P11dListed *listed, JsonBuilder *json, GError **error);

#endif
