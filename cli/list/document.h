// SPDX-License-Identifier: MIT
/*
 * A document is a listing as JSON, schema 1: ids in hex, names as in the core's tables.
 */
#ifndef P11D_DOCUMENT_H
#define P11D_DOCUMENT_H

#include <json-glib/json-glib.h>

/* The caller owns it. */
JsonNode *p11d_document_of_listing(const GPtrArray *listing);

#endif
