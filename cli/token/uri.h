// SPDX-License-Identifier: MIT
/*
 * A uri is a PKCS#11 URI (RFC 7512) as somebody typed it. libp11-kit, which parses it, drops blanks
 * and newlines wherever they stand, lets the last of two attributes win, passes over what it does
 * not know behind the '?', and takes numbers that are too large for others: each of these makes
 * another name of it than the one that was typed. So it is looked at here before, and what the
 * parser would not take as it stands is refused.
 */
#ifndef P11D_URI_H
#define P11D_URI_H

#include <stdbool.h>

#include <glib.h>

/* True if text is meant to be a PKCS#11 URI, be it a right one or not; else it may be the name of
 * a file. */
bool p11d_uri_is(const char *text);

/*
 * Checks that text is a URI by the grammar of RFC 7512, section 2.3, of attributes that are known
 * here, each given once and in its own part, with values that PKCS#11 can hold. FALSE with error
 * set to a usage error that says what stands where and how it is written; no value of the query,
 * where there may be a PIN, is in it.
 */
gboolean p11d_uri_check(const char *text, GError **error);

#endif
