// SPDX-License-Identifier: MIT
/*
 * A table is a listing for people. What tokens say is made visible before it is printed: no label
 * can move the cursor.
 */
#ifndef P11D_TABLE_H
#define P11D_TABLE_H

#include <stdbool.h>

#include <glib.h>

/* Prints listing on the real stdout; verbose: with all that is known of each object. */
void p11d_table_print(const GPtrArray *listing, bool verbose);

#endif
