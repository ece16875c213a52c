// SPDX-License-Identifier: MIT
#include "json.h"

#define SCHEMA 1

JsonBuilder *p11d_json_begin(void)
{
    JsonBuilder *json = json_builder_new();
    json_builder_begin_object(json);
    p11d_json_add_number(json, "schema", SCHEMA);
    return json;
}

JsonNode *p11d_json_end(JsonBuilder *json)
{
    json_builder_end_object(json);
    return json_builder_get_root(json);
}

void p11d_json_add_string(JsonBuilder *json, const char *name, const char *value)
{
    g_autofree char *text = value ? g_utf8_make_valid(value, -1) : NULL;
    json_builder_set_member_name(json, name);
    json_builder_add_string_value(json, text);
}

void p11d_json_add_number(JsonBuilder *json, const char *name, gint64 value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_int_value(json, value);
}

void p11d_json_add_boolean(JsonBuilder *json, const char *name, gboolean value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_boolean_value(json, value);
}

void p11d_json_add_null(JsonBuilder *json, const char *name)
{
    json_builder_set_member_name(json, name);
    json_builder_add_null_value(json);
}

void p11d_json_add_node(JsonBuilder *json, const char *name, JsonNode *value)
{
    json_builder_set_member_name(json, name);
    json_builder_add_value(json, value);
}

void p11d_json_add_array(JsonBuilder *json, const char *name)
{
    json_builder_set_member_name(json, name);
    json_builder_begin_array(json);
}
