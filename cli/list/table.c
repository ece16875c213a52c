// SPDX-License-Identifier: MIT
#include "table.h"

#include <string.h>

#include "attribute.h"
#include "certdetail.h"
#include "certview.h"
#include "console.h"
#include "expiry.h"
#include "listing.h"
#include "mechanism.h"
#include "text.h"
#include "width.h"

enum { CLASS, LABEL, KIND, USES, ID, COLUMNS };

#define GAP 2    /* before each column */
#define INDENT 6 /* of what stands below a line */
/* Words get at least so many columns beside what they are about, or lines below it. */
#define MIN_WORDS 16

/* A line of an object, and the lines below it. */
typedef struct Row {
    char *cells[COLUMNS];
    const char *color; /* of USES, or NULL */
    char *uri;
    GPtrArray *below; /* of char *: further lines */
} Row;

static void row_free(gpointer data)
{
    Row *row = data;
    for (size_t i = 0; i < COLUMNS; i++)
        g_free(row->cells[i]);
    g_free(row->uri);
    g_ptr_array_unref(row->below);
    g_free(row);
}

/* Takes text over, which came from a token. */
static char *visible(char *text)
{
    char *shown = p11d_text_visible(text, -1);
    g_free(text);
    return shown;
}

/* Takes text over. */
static char *append(char *text, const char *more)
{
    char *both = *text ? g_strconcat(text, ", ", more, NULL) : g_strdup(more);
    g_free(text);
    return both;
}

static char *uses_text(const P11dItem *item)
{
    g_autofree const char **uses = p11d_listing_uses(item);
    g_autofree char *joined = g_strjoinv(" ", (char **)uses);
    const P11dTemplate *attributes = &item->attributes;
    const char *notes[4] = {NULL};
    size_t count = 0;
    if (p11d_template_boolean(attributes, CKA_ALWAYS_AUTHENTICATE, false))
        notes[count++] = "asks each time";
    if (p11d_template_boolean(attributes, CKA_EXTRACTABLE, false))
        notes[count++] = "extractable";
    if (!p11d_template_boolean(attributes, CKA_SENSITIVE, true))
        notes[count++] = "not sensitive";
    g_autofree char *noted = g_strjoinv(", ", (char **)notes);
    return count > 0 ? g_strdup_printf("%s (%s)", joined, noted) : g_steal_pointer(&joined);
}

/* Adds a line of a title and a text, which is freed, unless that is empty. The text came from a
 * token. */
static void add_below(Row *row, const char *title, char *text)
{
    char *shown = visible(text);
    if (*shown)
        g_ptr_array_add(row->below, g_strdup_printf("%s %s", title, shown));
    g_free(shown);
}

/* What is there of words, joined; "" for none. */
static char *join(const char *separator, const char *const *words)
{
    return words ? g_strjoinv(separator, (char **)words) : g_strdup("");
}

static void add_detail(Row *row, const CK_ATTRIBUTE *value, bool verbose)
{
    g_auto(P11dCertdetail) detail = {0};
    if (!p11d_certdetail_parse(&detail, value->pValue, value->ulValueLen))
        return;
    if (detail.is_authority)
        row->cells[USES] = append(row->cells[USES], "CA");
    add_below(row, "names", join(", ", (const char *const *)detail.names));
    if (!verbose)
        return;
    add_below(row, "signed with", g_strdup(detail.signature_algorithm));
    add_below(row, "key usage", join(" ", detail.key_usage));
    add_below(row, "extended key usage", join(" ", (const char *const *)detail.extended_key_usage));
}

/* How the object is kept, in the words of its attributes. */
static char *keeping_text(const P11dItem *item)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < P11D_ITEM_KEEPING; i++) {
        CK_ATTRIBUTE_TYPE type = p11d_item_keeping[i];
        if (!p11d_template_find(&item->attributes, type))
            continue;
        bool is_set = p11d_template_boolean(&item->attributes, type, false);
        g_string_append_printf(text, "%s%s%s", text->len > 0 ? ", " : "", is_set ? "" : "not ",
                               p11d_attribute_find(type)->name);
    }
    return g_strdup(text->str);
}

/* Says what a certificate is for in place of what a key may be used for. */
static void add_certificate(Row *row, const P11dItem *item, bool verbose)
{
    static const char *const colors[] = {
        [P11D_EXPIRY_UNKNOWN] = NULL,
        [P11D_EXPIRY_FAR] = NULL,
        [P11D_EXPIRY_NEAR] = P11D_CONSOLE_YELLOW,
        [P11D_EXPIRY_PAST] = P11D_CONSOLE_RED,
        [P11D_EXPIRY_EARLY] = P11D_CONSOLE_YELLOW,
    };
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    P11dCertview view;
    if (!value || !p11d_certview_parse(&view, value->pValue, value->ulValueLen)) {
        row->cells[USES] = g_strdup("");
        return;
    }
    gint64 now = p11d_moment_now();
    add_below(row, "subject", g_strdup(view.subject));
    if (verbose) {
        add_below(row, "issuer", g_strdup(view.issuer));
        add_below(row, "serial number", g_strdup(view.serial ? view.serial : ""));
    }
    row->color = colors[p11d_expiry_of(view.not_before, view.not_after, now)];
    row->cells[USES] = p11d_expiry_text(view.not_before, view.not_after, now);
    p11d_certview_clear(&view);
    add_detail(row, value, verbose);
    const char *trust = p11d_listing_trust(item);
    if (trust && strcmp(trust, "none") != 0)
        row->cells[USES] = append(row->cells[USES], trust);
}

static Row *make_row(const GPtrArray *listing, const P11dListingToken *entry, guint index,
                     bool verbose)
{
    const P11dItem *item = entry->items->pdata[index];
    Row *row = g_new0(Row, 1);
    row->below = g_ptr_array_new_with_free_func(g_free);
    char scratch[P11D_NAME_SIZE];
    g_autofree char *label = visible(p11d_item_label(item));
    g_autofree char *id = p11d_item_id(item);
    row->uri = p11d_listing_uri(listing, entry, index);
    row->cells[CLASS] = g_strdup(p11d_name_of(&p11d_names_class, item->class, scratch));
    g_strdelimit(row->cells[CLASS], "-", ' ');
    row->cells[LABEL] = *label ? g_steal_pointer(&label) : g_strdup("(no label)");
    row->cells[KIND] = p11d_item_kind(item);
    row->cells[ID] = *id ? g_strdup_printf("id %s", id) : g_strdup("");
    if (item->class == CKO_CERTIFICATE)
        add_certificate(row, item, verbose);
    else
        row->cells[USES] = uses_text(item);
    if (verbose) {
        const char *print = p11d_listing_print(entry, item);
        add_below(row, "kept", keeping_text(item));
        add_below(row, "public key", print ? g_strconcat("sha256:", print, NULL) : g_strdup(""));
    }
    return row;
}

/* Makes columns narrower until lines of them fit the terminal, if it is one: first what is told
 * again in the URI, the lines below. */
static void fit(int widths[COLUMNS])
{
    static const struct {
        size_t column;
        int least;
    } order[] = {
        {ID, 12}, {LABEL, 12}, {ID, 0}, {USES, 18}, {LABEL, 7}, {USES, 7}, {KIND, 5}, {CLASS, 5},
    };
    int over = -p11d_console_width();
    for (size_t i = 0; i < COLUMNS; i++)
        over += widths[i] > 0 ? GAP + widths[i] : 0;
    for (size_t i = 0; p11d_console_width() > 0 && over > 0 && i < G_N_ELEMENTS(order); i++) {
        int *width = &widths[order[i].column];
        int cut = MAX(*width - order[i].least, 0);
        if (order[i].least > 0)
            cut = MIN(cut, over);
        else if (cut > 0) /* the column goes, and what is before it */
            over -= GAP;
        *width -= cut;
        over -= cut;
    }
}

static void print_row(const Row *row, const int widths[COLUMNS])
{
    g_autoptr(GString) line = g_string_new(NULL);
    int blanks = 0;
    for (size_t i = 0; i < COLUMNS; i++) {
        if (widths[i] == 0)
            continue;
        blanks += GAP;
        g_autofree char *cell = p11d_width_shorten(row->cells[i], widths[i]);
        g_autofree char *painted = p11d_console_paint(i == USES && *cell ? row->color : NULL, cell);
        if (*cell) { /* so that no line ends in blanks */
            g_string_append_printf(line, "%*s%s", blanks, "", painted);
            blanks = 0;
        }
        blanks += widths[i] - p11d_width_of(cell);
    }
    fprintf(p11d_console_result(), "%s\n%*s%s\n", line->str, INDENT, "", row->uri);
}

/* text, shortened to what a line of the terminal has behind indent. */
static char *fitting(const char *text, int indent)
{
    int width = p11d_console_width();
    return width > 0 ? p11d_width_shorten(text, MAX(width - indent, 1)) : g_strdup(text);
}

static void print_below(const char *text)
{
    g_autofree char *shown = fitting(text, INDENT);
    fprintf(p11d_console_result(), "%*s%s\n", INDENT, "", shown);
}

static void print_rows(const GPtrArray *rows)
{
    int widths[COLUMNS] = {0};
    for (guint i = 0; i < rows->len; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            const Row *row = rows->pdata[i];
            widths[j] = MAX(widths[j], p11d_width_of(row->cells[j]));
        }
    fit(widths);
    for (guint i = 0; i < rows->len; i++) {
        const Row *row = rows->pdata[i];
        print_row(row, widths);
        for (guint j = 0; j < row->below->len; j++)
            print_below(row->below->pdata[j]);
    }
}

/* Prints words from column indent on, where the cursor is, in as many lines as that takes. */
static void print_words(const char **words, int indent)
{
    g_autofree char *text = g_strjoinv(" ", (char **)words);
    g_autoptr(GString) lines = g_string_new(NULL);
    p11d_width_wrap(lines, text, indent, indent, p11d_console_width());
    fprintf(p11d_console_result(), "%s\n", lines->str);
}

static char *sizes_text(const CK_MECHANISM_INFO *info)
{
    return info->ulMaxKeySize ? g_strdup_printf("%lu-%lu", info->ulMinKeySize, info->ulMaxKeySize)
                              : g_strdup("");
}

static void print_mechanisms(const GArray *mechanisms)
{
    char scratch[P11D_NAME_SIZE];
    int name_width = 0;
    int sizes_width = 0;
    for (guint i = 0; i < mechanisms->len; i++) {
        const P11dHostMechanism *mechanism = &g_array_index(mechanisms, P11dHostMechanism, i);
        g_autofree char *sizes = sizes_text(&mechanism->info);
        const char *name = p11d_mechanism_name(mechanism->type, scratch);
        name_width = MAX(name_width, p11d_width_of(name));
        sizes_width = MAX(sizes_width, p11d_width_of(sizes));
    }
    int left = p11d_console_width() - 3 * GAP - name_width - sizes_width;
    bool below = p11d_console_width() > 0 && left < MIN_WORDS;
    for (guint i = 0; i < mechanisms->len; i++) {
        const P11dHostMechanism *mechanism = &g_array_index(mechanisms, P11dHostMechanism, i);
        g_autofree char *sizes = sizes_text(&mechanism->info);
        g_autofree const char **flags =
            p11d_listing_flags(&p11d_names_mechanism_flag, mechanism->info.flags);
        fprintf(p11d_console_result(), "%*s%-*s%*s%-*s", GAP, "", name_width,
                p11d_mechanism_name(mechanism->type, scratch), GAP, "", sizes_width, sizes);
        fprintf(p11d_console_result(), "%s%*s", below ? "\n" : "", below ? INDENT : GAP, "");
        print_words(flags, below ? INDENT : 3 * GAP + name_width + sizes_width);
    }
}

/* What a login would show; NULL where there is nothing to say. */
static char *hidden_text(const P11dListingToken *entry)
{
    if (!entry->hides)
        return NULL;
    if (entry->hidden_keys < 0)
        return g_strdup("--login shows what is private");
    return g_strdup_printf("--login shows %d key%s more, which %s private", entry->hidden_keys,
                           entry->hidden_keys == 1 ? "" : "s",
                           entry->hidden_keys == 1 ? "is" : "are");
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
    g_autofree char *short_title = fitting(title, 0);
    g_autofree char *heading = p11d_console_bold(short_title);
    g_autofree char *maker =
        g_strdup_printf("%s %s%s%s", manufacturer, model, *serial ? ", serial " : "", serial);
    g_autofree const char **flags = p11d_listing_flags(&p11d_names_token_flag, info->flags);
    fprintf(p11d_console_result(), "%s\n%*s%s\n", heading, INDENT, "", uri);
    if (*g_strstrip(maker)) /* a token need not say who made it */
        print_below(maker);
    fprintf(p11d_console_result(), "%*s", INDENT, "");
    print_words(flags, INDENT);
    g_autofree char *hidden = hidden_text(entry);
    if (hidden)
        print_below(hidden);
}

void p11d_table_print(const GPtrArray *listing, bool verbose)
{
    for (guint i = 0; i < listing->len; i++) {
        const P11dListingToken *entry = listing->pdata[i];
        g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(row_free);
        for (guint j = 0; j < entry->items->len; j++)
            g_ptr_array_add(rows, make_row(listing, entry, j, verbose));
        if (i > 0)
            fputc('\n', p11d_console_result());
        print_heading(entry);
        print_rows(rows);
        if (entry->mechanisms)
            print_mechanisms(entry->mechanisms);
    }
}
