// SPDX-License-Identifier: MIT
/*
 * The oracle is GVariant, with GDBusMessage around it: values of any signature that are made,
 * written with our writer, and compared with what our reader sees. Tests and fuzzers share it.
 */
#ifndef P11D_TEST_ORACLE_H
#define P11D_TEST_ORACLE_H

#include <gio/gio.h>

#include "message.h"

/* A value of one complete type, floating; depth: how much deeper variants may nest. */
GVariant *oracle_random(GRand *random, const GVariantType *type, unsigned depth);

/* A tuple of the complete types in signature, as g_dbus_message_set_body wants it; floating. */
GVariant *oracle_random_body(GRand *random, const char *signature);

/* Writes value (not the tuple around a body: its children, one by one). */
void oracle_write(P11dWriter *writer, GVariant *value);
void oracle_write_body(P11dWriter *writer, GVariant *body);

/* Reads a value with reader, which must see the same. */
gboolean oracle_matches(P11dReader *reader, GVariant *value);
/* The same for a body (NULL: none), to its last byte. */
gboolean oracle_matches_body(const P11dReader *reader, GVariant *body);

/* Whether the header that GDBus parsed says the same as ours. */
gboolean oracle_matches_header(const P11dMessage *ours, GDBusMessage *theirs);

#endif
