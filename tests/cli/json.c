// SPDX-License-Identifier: MIT
#include "json.h"

#include <criterion/criterion.h>

Test(json, a_document_says_its_schema_and_holds_what_was_added)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    p11d_json_add_string(json, "text", "a \"word\"");
    p11d_json_add_string(json, "nothing", NULL);
    p11d_json_add_string(json, "bytes", "a\xff\xfc");
    p11d_json_add_number(json, "number", G_MAXINT64);
    p11d_json_add_boolean(json, "truth", TRUE);
    p11d_json_add_null(json, "unknown");
    p11d_json_add_node(json, "node", json_node_init_int(json_node_alloc(), 7));
    p11d_json_add_array(json, "list");
    json_builder_add_int_value(json, 1);
    json_builder_end_array(json);
    g_autoptr(JsonNode) document = p11d_json_end(json);
    g_autofree char *text = json_to_string(document, FALSE);
    cr_assert_str_eq(text, "{\"schema\":1,\"text\":\"a \\\"word\\\"\",\"nothing\":null,"
                           "\"bytes\":\"a\xef\xbf\xbd\xef\xbf\xbd\","
                           "\"number\":9223372036854775807,\"truth\":true,\"unknown\":null,"
                           "\"node\":7,\"list\":[1]}");
}
