// SPDX-License-Identifier: MIT
/*
 * Checksums are a list of files with their digests, as sha256sum(1) and its like write it ("HEX
 * NAME", "HEX *NAME", with a '\' before it where the name is escaped), or BSD's programs, and GNU's
 * with --tag ("SHA256 (NAME) = HEX").
 */
#ifndef P11D_CHECKSUMS_H
#define P11D_CHECKSUMS_H

#include "checksum.h"

/* A list is smaller, in bytes. */
#define P11D_CHECKSUMS_MAX_SIZE (1UL << 24)
/* A line of it is shorter, in bytes: a name of PATH_MAX, all escaped, and a digest. */
#define P11D_CHECKSUMS_MAX_LINE 8448
/* It has no more of them. */
#define P11D_CHECKSUMS_MAX_COUNT 200000

/*
 * What the list in text says, in its order: P11dChecksum, at least one. A file that is listed twice
 * with the same digest is there once. Empty lines and those that begin with '#' say nothing, as for
 * GNU's programs. path: where text was read, for messages. The caller unrefs the array.
 *
 * NULL with error set for a list with a line that is anything else, which is told with its number;
 * that is empty; that says two things of one file; or with digests by a function that is too weak
 * or not known here (P11D_FAILURE_UNSUPPORTED; all others P11D_FAILURE_FILE).
 */
GPtrArray *p11d_checksums_parse(GBytes *text, const char *path, GError **error);

#endif
