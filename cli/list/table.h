// SPDX-License-Identifier: MIT
/*
 * A table is a listing for people. What tokens say is made visible before it is printed: no label
 * can move the cursor.
 */
#ifndef P11D_TABLE_H
#define P11D_TABLE_H

#include <glib.h>

/* Prints listing on the real stdout. */
void p11d_table_print(const GPtrArray *listing);

#endif
