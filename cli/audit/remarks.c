// SPDX-License-Identifier: MIT
#include "remarks.h"

#include <string.h>

#include "console.h"
#include "document.h"
#include "json.h"
#include "text.h"

typedef struct P11dRemark {
    const P11dRule *rule;
    const P11dAsset *asset;
    char *detail;
    const char *reason; /* why it is known, or NULL */
} P11dRemark;

static void remark_free(gpointer data)
{
    P11dRemark *remark = data;
    g_free(remark->detail);
    g_free(remark);
}

void p11d_remarks_free(P11dRemarks *remarks)
{
    if (!remarks)
        return;
    g_ptr_array_unref(remarks->all);
    g_free(remarks);
}

static bool is_chosen(const P11dRule *rule, const P11dRemarksChoice *choice)
{
    return (!choice->check || p11d_glob_matches_any(choice->check, rule->id)) &&
           !p11d_glob_matches_any(choice->skip, rule->id);
}

char **p11d_remarks_left_out(const P11dRemarksChoice *choice)
{
    GStrvBuilder *ids = g_strv_builder_new();
    for (size_t i = 0; i < p11d_rule_count; i++)
        if (!is_chosen(&p11d_rules[i], choice))
            g_strv_builder_add(ids, p11d_rules[i].id);
    char **list = g_strv_builder_end(ids);
    g_strv_builder_unref(ids);
    return list;
}

static void judge(P11dRemarks *remarks, const P11dRule *rule, const P11dAsset *asset,
                  const P11dInventory *inventory, P11dKnown *known)
{
    char *detail =
        asset->named && rule->of_tokens == !asset->item ? rule->judge(asset, inventory) : NULL;
    if (!detail)
        return;
    P11dRemark *remark = g_new0(P11dRemark, 1);
    *remark = (P11dRemark){rule, asset, detail, p11d_known_find(known, rule->id, asset->uri)};
    remarks->known += remark->reason ? 1 : 0;
    g_ptr_array_add(remarks->all, remark);
}

P11dRemarks *p11d_remarks_make(const P11dInventory *inventory, const P11dRemarksChoice *choice,
                               P11dKnown *known)
{
    P11dRemarks *remarks = g_new0(P11dRemarks, 1);
    remarks->all = g_ptr_array_new_with_free_func(remark_free);
    for (size_t i = 0; i < p11d_rule_count; i++)
        for (guint j = 0; is_chosen(&p11d_rules[i], choice) && j < inventory->assets->len; j++)
            judge(remarks, &p11d_rules[i], inventory->assets->pdata[j], inventory, known);
    return remarks;
}

static void print(const P11dRemark *remark, int width, bool verbose)
{
    FILE *out = p11d_console_result();
    g_autofree char *id = g_strdup_printf("%-*s", width, remark->rule->id);
    g_autofree char *painted = p11d_console_paint(remark->reason ? NULL : P11D_CONSOLE_YELLOW, id);
    g_autofree char *detail = p11d_text_visible(remark->detail, -1);
    g_autofree char *reason = p11d_text_visible(remark->reason ? remark->reason : "", -1);
    fprintf(out, "%s  %s  %s", painted, remark->asset->uri, detail);
    if (remark->reason)
        fprintf(out, "  (known: %s)", reason);
    fputc('\n', out);
    if (verbose)
        fprintf(out, "    %s Remedy: %s.\n", remark->rule->harm, remark->rule->remedy);
}

void p11d_remarks_print(const P11dRemarks *remarks, bool verbose)
{
    size_t width = 0;
    for (guint i = 0; i < remarks->all->len; i++) {
        const P11dRemark *remark = remarks->all->pdata[i];
        if (verbose || !remark->reason)
            width = MAX(width, strlen(remark->rule->id));
    }
    for (guint i = 0; i < remarks->all->len; i++) {
        const P11dRemark *remark = remarks->all->pdata[i];
        if (verbose || !remark->reason)
            print(remark, (int)width, verbose);
    }
}

static void add_remark(JsonBuilder *json, const P11dRemark *remark)
{
    json_builder_begin_object(json);
    p11d_json_add_string(json, "id", remark->rule->id);
    p11d_json_add_string(json, "uri", remark->asset->uri);
    p11d_json_add_string(json, "module", remark->asset->entry->token->module);
    p11d_json_add_string(json, "detail", remark->detail);
    p11d_json_add_string(json, "harm", remark->rule->harm);
    p11d_json_add_string(json, "remedy", remark->rule->remedy);
    p11d_json_add_string(json, "known", remark->reason);
    json_builder_end_object(json);
}

JsonNode *p11d_remarks_document(const P11dRemarks *remarks, const P11dInventory *inventory,
                                const GPtrArray *gone, const GPtrArray *failures)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    p11d_json_add_number(json, "tokens_seen", inventory->listing->len);
    p11d_json_add_number(json, "objects_seen", inventory->objects);
    p11d_json_add_array(json, "findings");
    for (guint i = 0; i < remarks->all->len; i++)
        add_remark(json, remarks->all->pdata[i]);
    json_builder_end_array(json);
    p11d_json_add_array(json, "gone");
    for (guint i = 0; i < gone->len; i++)
        json_builder_add_string_value(json, gone->pdata[i]);
    json_builder_end_array(json);
    p11d_document_add_failures(json, failures);
    return p11d_json_end(json);
}
