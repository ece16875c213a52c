// SPDX-License-Identifier: MIT
/*
 * A parcel is what an agent (agent.h) and who asks it send each other: a GVariant with its size in
 * front. Who unpacks one trusts nothing in it: a module may have spoiled the process that sent it.
 */
#ifndef P11D_PARCEL_H
#define P11D_PARCEL_H

#include "item.h"

/* Attributes, objects, and an answer: true with what was asked for, or false with an error. */
#define P11D_PARCEL_ATTRIBUTES "a(tay)"
#define P11D_PARCEL_ITEMS "a(tta(tay))"
#define P11D_PARCEL_ANSWER "(bv)"

/* Writes size bytes, or reads them; false if the other side has hung up, or that took longer than
 * until deadline (as g_get_monotonic_time has it; 0: for ever). */
bool p11d_parcel_write(int fd, const void *data, gsize size);
bool p11d_parcel_read(int fd, void *data, gsize size, gint64 deadline);

/* Sends value, which is consumed if it is floating; false as above. */
bool p11d_parcel_send(int fd, GVariant *value);
/* Receives one of that type; NULL as above, and for what is none. The caller unrefs it. */
GVariant *p11d_parcel_receive(int fd, const char *type, gint64 deadline);

/* Bytes as they are in memory: both sides are the same program. */
GVariant *p11d_parcel_bytes(const void *data, gsize size);
/* Takes size bytes out of bytes; false if these are not as many. */
bool p11d_parcel_take_bytes(GVariant *bytes, void *data, gsize size);

/* P11D_PARCEL_ATTRIBUTES of count attributes, none of which holds others; and what it holds added
 * to templ; false if that cannot be. */
GVariant *p11d_parcel_attributes(const CK_ATTRIBUTE *attributes, CK_ULONG count);
bool p11d_parcel_take_attributes(GVariant *packed, P11dTemplate *templ);

/* P11D_PARCEL_ITEMS of items; and what it holds added to items, on token; false as above. */
GVariant *p11d_parcel_items(const GPtrArray *items);
bool p11d_parcel_take_items(GVariant *packed, P11dHostToken *token, GPtrArray *items);

/* An answer: result, which is consumed; and an error, which is freed. */
GVariant *p11d_parcel_answer(GVariant *result);
GVariant *p11d_parcel_refusal(GError *error);
/* What an answer holds, of that type, which the caller unrefs; NULL with error set for a refusal,
 * and without for what is neither. */
GVariant *p11d_parcel_open(GVariant *answer, const char *type, GError **error);

#endif
