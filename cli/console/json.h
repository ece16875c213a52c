// SPDX-License-Identifier: MIT
/*
 * JSON is what commands print for programs: documents of the one schema that p11dbus.schema.json
 * describes. They are built with json-glib; here is how each begins and ends, and how members are
 * added to the object that is open.
 */
#ifndef P11D_JSON_H
#define P11D_JSON_H

#include <json-glib/json-glib.h>

/* A new document: an object that says which schema it follows, and is open. The caller unrefs it.
 */
JsonBuilder *p11d_json_begin(void);

/* Closes that object. The caller owns what is returned. */
JsonNode *p11d_json_end(JsonBuilder *json);

/* value: copied; NULL is null. What in it is no UTF-8 becomes U+FFFD: names of files are bytes. */
void p11d_json_add_string(JsonBuilder *json, const char *name, const char *value);
void p11d_json_add_number(JsonBuilder *json, const char *name, gint64 value);
void p11d_json_add_boolean(JsonBuilder *json, const char *name, gboolean value);
void p11d_json_add_null(JsonBuilder *json, const char *name);

/* Takes value over. */
void p11d_json_add_node(JsonBuilder *json, const char *name, JsonNode *value);

/* Opens an array, which json_builder_end_array closes. */
void p11d_json_add_array(JsonBuilder *json, const char *name);

#endif
