// SPDX-License-Identifier: MIT
#include "table.h"

#include <string.h>

#include "certview.h"
#include "console.h"
#include "listing.h"
#include "mechanism.h"
#include "text.h"

#define COLUMNS 5

/* A line of an object, and the lines below it. */
typedef struct Row {
    char *cells[COLUMNS];
    char *below; /* the URI, and a certificate's subject */
} Row;

static void row_free(gpointer data)
{
    Row *row = data;
    for (size_t i = 0; i < COLUMNS; i++)
        g_free(row->cells[i]);
    g_free(row->below);
    g_free(row);
}

/* Takes text over, which came from a token. */
static char *visible(char *text)
{
    char *shown = p11d_text_visible(text, -1);
    g_free(text);
    return shown;
}

/* "RSA 2048", "P-256", "Ed25519", "aes 256". */
static char *kind_text(const P11dItem *item)
{
    P11dAlgorithmKey kind = p11d_item_describe(item);
    if (kind.curve)
        return g_strdup(kind.curve);
    if (kind.type == CK_UNAVAILABLE_INFORMATION)
        return g_strdup("");
    char scratch[P11D_NAME_SIZE];
    const char *type = p11d_name_of(&p11d_names_key_type, kind.type, scratch);
    g_autofree char *name = kind.type == CKK_RSA ? g_ascii_strup(type, -1) : g_strdup(type);
    return kind.bits ? g_strdup_printf("%s %u", name, kind.bits) : g_steal_pointer(&name);
}

static char *below_text(const P11dItem *item, const char *uri, const P11dCertview *certificate)
{
    if (item->class != CKO_CERTIFICATE || !certificate->subject)
        return g_strdup(uri);
    g_autofree char *subject = p11d_text_visible(certificate->subject, -1);
    return g_strdup_printf("%s\n      subject %s", uri, subject);
}

static char *uses_text(const P11dItem *item, const P11dCertview *certificate)
{
    if (item->class == CKO_CERTIFICATE)
        return certificate->not_after ? g_strdup_printf("until %.10s", certificate->not_after)
                                      : g_strdup("");
    g_autofree const char **uses = p11d_listing_uses(item);
    g_autofree char *joined = g_strjoinv(" ", (char **)uses);
    bool asks = p11d_template_boolean(&item->attributes, CKA_ALWAYS_AUTHENTICATE, false);
    return g_strconcat(joined, asks ? " (asks each time)" : "", NULL);
}

static bool is_alike(const P11dItem *a, const P11dItem *b)
{
    g_autofree char *label = p11d_item_label(a);
    g_autofree char *other = p11d_item_label(b);
    return a->class == b->class && strcmp(label, other) == 0;
}

/* True if another item has the class and the label of that at index: then these name none of them.
 * Such items are neighbours, as the listing is arranged. */
static bool has_twin(const GPtrArray *items, guint index)
{
    return (index > 0 && is_alike(items->pdata[index], items->pdata[index - 1])) ||
           (index + 1 < items->len && is_alike(items->pdata[index], items->pdata[index + 1]));
}

static Row *make_row(const GPtrArray *items, guint index, bool with_serial)
{
    const P11dItem *item = items->pdata[index];
    Row *row = g_new0(Row, 1);
    char scratch[P11D_NAME_SIZE];
    P11dCertview certificate = {0};
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    if (value)
        p11d_certview_parse(&certificate, value->pValue, value->ulValueLen);

    g_autofree char *uri = p11d_item_short_uri(item, with_serial, has_twin(items, index));
    g_autofree char *label = visible(p11d_item_label(item));
    row->cells[0] = g_strdup(p11d_name_of(&p11d_names_class, item->class, scratch));
    g_strdelimit(row->cells[0], "-", ' ');
    row->cells[1] = *label ? g_steal_pointer(&label) : g_strdup("(no label)");
    row->cells[2] = kind_text(item);
    row->cells[3] = uses_text(item, &certificate);
    g_autofree char *id = p11d_item_id(item);
    row->cells[4] = *id ? g_strdup_printf("id %s", id) : g_strdup("");
    row->below = below_text(item, uri, &certificate);
    p11d_certview_clear(&certificate);
    return row;
}

static void print_rows(const GPtrArray *rows)
{
    int widths[COLUMNS] = {0};
    for (guint i = 0; i < rows->len; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            const Row *row = rows->pdata[i];
            widths[j] = MAX(widths[j], (int)g_utf8_strlen(row->cells[j], -1));
        }
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = rows->pdata[i];
        g_autoptr(GString) line = g_string_new(NULL);
        for (size_t j = 0; j < COLUMNS; j++) {
            int padding = widths[j] - (int)g_utf8_strlen(row->cells[j], -1);
            g_string_append_printf(line, "  %s%*s", row->cells[j], padding, "");
        }
        fprintf(p11d_console_result(), "%s\n      %s\n", g_strchomp(line->str), row->below);
    }
}

static void print_mechanisms(const GArray *mechanisms)
{
    for (guint i = 0; i < mechanisms->len; i++) {
        const P11dListingMechanism *mechanism = &g_array_index(mechanisms, P11dListingMechanism, i);
        char scratch[P11D_NAME_SIZE];
        g_autofree const char **flags =
            p11d_listing_flags(&p11d_names_mechanism_flag, mechanism->info.flags);
        g_autofree char *joined = g_strjoinv(" ", (char **)flags);
        g_autofree char *sizes = mechanism->info.ulMaxKeySize
                                     ? g_strdup_printf("%lu-%lu", mechanism->info.ulMinKeySize,
                                                       mechanism->info.ulMaxKeySize)
                                     : g_strdup("");
        fprintf(p11d_console_result(), "  %-28s %-12s %s\n",
                p11d_mechanism_name(mechanism->type, scratch), sizes, joined);
    }
}

static void print_heading(const P11dListingToken *entry)
{
    const CK_TOKEN_INFO *info = &entry->token->info;
    g_autofree char *label = visible(p11d_host_label(entry->token));
    g_autofree char *manufacturer =
        visible(p11d_text_of_field(info->manufacturerID, sizeof info->manufacturerID));
    g_autofree char *model = visible(p11d_text_of_field(info->model, sizeof info->model));
    g_autofree char *serial =
        visible(p11d_text_of_field(info->serialNumber, sizeof info->serialNumber));
    g_autofree char *uri = p11d_item_token_uri(entry->token);
    const char *unnamed = info->flags & CKF_TOKEN_INITIALIZED ? "(no label)" : "(not initialised)";
    g_autofree char *title = g_strdup_printf("Token %s", *label ? label : unnamed);
    g_autofree char *heading = p11d_console_bold(title);
    g_autofree const char **flags = p11d_listing_flags(&p11d_names_token_flag, info->flags);
    g_autofree char *joined = g_strjoinv(" ", (char **)flags);
    fprintf(p11d_console_result(), "%s\n      %s\n      %s %s, serial %s\n      %s\n", heading, uri,
            manufacturer, model, serial, joined);
}

/* True if another token has the same label. */
static bool has_namesake(const GPtrArray *listing, const P11dListingToken *entry)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *other = listing->pdata[i];
        if (other != entry && memcmp(other->token->info.label, entry->token->info.label,
                                     sizeof other->token->info.label) == 0)
            return true;
    }
    return false;
}

void p11d_table_print(const GPtrArray *listing)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *entry = listing->pdata[i];
        bool namesake = has_namesake(listing, entry);
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
        for (guint j = 0; j < entry->items->len; j++)
            g_ptr_array_add(rows, make_row(entry->items, j, namesake));
        if (i > 0)
            fputc('\n', p11d_console_result());
        print_heading(entry);
        print_rows(rows);
        if (entry->mechanisms)
            print_mechanisms(entry->mechanisms);
    }
}
