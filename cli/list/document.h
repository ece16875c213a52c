// SPDX-License-Identifier: MIT
/*
 * A document is a listing as JSON, schema 1: ids in hex, names as in the core's tables.
 */
#ifndef P11D_DOCUMENT_H
#define P11D_DOCUMENT_H

#include <json-glib/json-glib.h>

/* failures: of GError, those of modules and tokens that could not be read. The caller owns it. */
JsonNode *p11d_document_of_listing(const GPtrArray *listing, const GPtrArray *failures);

/* Adds the member "errors". */
void p11d_document_add_failures(JsonBuilder *json, const GPtrArray *failures);

#endif
