// SPDX-License-Identifier: MIT
#include "report.h"

#include <string.h>

#include "console.h"
#include "json.h"
#include "junit.h"
#include "text.h"
#include "width.h"

/* How a status is shown: its word in the table, its colour, and whether it fails the run. */
static const struct {
    const char *word;
    const char *color;
    bool bad;
} looks[P11D_CHECK_STATUSES] = {
    [P11D_CHECK_PASS] = {"pass", P11D_CONSOLE_GREEN, false},
    [P11D_CHECK_SKIP] = {"skip", NULL, false},
    [P11D_CHECK_WARN] = {"warn", P11D_CONSOLE_YELLOW, false},
    [P11D_CHECK_FAIL] = {"FAIL", "1;" P11D_CONSOLE_RED, true},
    [P11D_CHECK_CRASH] = {"CRASH", "1;" P11D_CONSOLE_RED, true},
    [P11D_CHECK_HANG] = {"HANG", "1;" P11D_CONSOLE_RED, true},
};

bool p11d_report_is_bad(const P11dReport *report, const P11dResult *result)
{
    bool strictly = report->strict && result->status != P11D_CHECK_PASS;
    return !result->known && (looks[result->status].bad || strictly);
}

void p11d_report_clear(P11dReport *report)
{
    g_clear_pointer(&report->info, json_node_unref);
    g_clear_pointer(&report->lacks, g_ptr_array_unref);
    g_clear_pointer(&report->gone, g_ptr_array_unref);
    g_clear_pointer(&report->died, g_free);
}

void p11d_report_lack(P11dReport *report, P11dFailure kind, const char *text)
{
    for (guint i = 0; i < report->lacks->len; i++)
        if (strcmp(((const GError *)report->lacks->pdata[i])->message, text) == 0)
            return;
    GError *error = NULL;
    p11d_failure_set(&error, kind, NULL, "%s", text);
    g_ptr_array_add(report->lacks, error);
}

void p11d_report_progress(const char *name, unsigned number, unsigned count)
{
    if (p11d_console_shows_progress())
        fprintf(stderr, "\r\033[K[%u/%u] %s …", number, count, name);
}

static void erase_progress(void)
{
    if (p11d_console_shows_progress())
        fputs("\r\033[K", stderr);
}

static void count_all(const GPtrArray *results, unsigned counts[P11D_CHECK_STATUSES])
{
    memset(counts, 0, P11D_CHECK_STATUSES * sizeof *counts);
    for (guint i = 0; i < results->len; i++)
        counts[((const P11dResult *)results->pdata[i])->status]++;
}

static unsigned count_known(const GPtrArray *results)
{
    unsigned known = 0;
    for (guint i = 0; i < results->len; i++)
        known += ((const P11dResult *)results->pdata[i])->known ? 1 : 0;
    return known;
}

/* --- for people --- */

static int id_width(void)
{
    size_t width = 0;
    for (size_t i = 0; i < p11d_check_count; i++)
        width = MAX(width, strlen(p11d_checks[i].id));
    return (int)width;
}

/* Where what is said of a check begins, in columns. */
#define INDENT 9

/* Prints before, text and (behind) in lines that fit the terminal, from column indent on. */
static void print_wrapped(int indent, const char *before, const char *text, const char *behind)
{
    g_autofree char *all = behind ? g_strdup_printf("%s%s (%s)", before, text, behind)
                                  : g_strconcat(before, text, NULL);
    g_autoptr(GString) lines = g_string_new(NULL);
    p11d_width_wrap(lines, all, indent, indent, p11d_console_width());
    fprintf(p11d_console_result(), "%*s%s\n", indent, "", lines->str);
}

/* Behind what ends at column at where there is room, else below it. */
static void add_detail(const char *detail, int at)
{
    FILE *out = p11d_console_result();
    int width = p11d_console_width();
    if (!*detail) {
        fputc('\n', out);
    } else if (width == 0 || at + 2 + p11d_width_of(detail) <= width) {
        fprintf(out, "  %s\n", detail);
    } else {
        fputc('\n', out);
        print_wrapped(INDENT, "", detail, NULL);
    }
}

static void print_known(const char *reason)
{
    g_autofree char *shown = p11d_text_visible(reason, -1);
    print_wrapped(INDENT, "Known: ", shown, NULL);
}

static void add_to_table(const P11dReport *report, const P11dResult *result)
{
    FILE *out = p11d_console_result();
    bool bad = p11d_report_is_bad(report, result);
    if (report->quiet && !bad)
        return;
    g_autofree char *word = g_strdup_printf("%-5s", looks[result->status].word);
    g_autofree char *painted = p11d_console_paint(looks[result->status].color, word);
    g_autofree char *detail = p11d_text_visible(result->detail, -1);
    g_autofree char *name =
        g_strdup_printf("  %-*s %6u ms", id_width(), result->check->id, result->milliseconds);
    fprintf(out, "  %s%s", painted, name);
    add_detail(detail, 2 + p11d_width_of(word) + p11d_width_of(name));
    if (result->known)
        print_known(result->known);
    else if (result->status == P11D_CHECK_SKIP || result->status == P11D_CHECK_PASS)
        return;
    print_wrapped(INDENT, "", result->check->harm, result->check->spec);
    if (bad && result->check->remedy)
        print_wrapped(INDENT, "Remedy: ", result->check->remedy, NULL);
}

static void end_table(const P11dReport *report, const GPtrArray *results)
{
    if (report->quiet)
        return;
    unsigned counts[P11D_CHECK_STATUSES];
    count_all(results, counts);
    g_autoptr(GString) line = g_string_new(NULL);
    g_string_printf(line, "%u checks: ", results->len);
    for (size_t i = 0; i < P11D_CHECK_STATUSES; i++)
        if (counts[i] > 0 || i == P11D_CHECK_PASS)
            g_string_append_printf(line, "%u %s, ", counts[i],
                                   p11d_check_status_name((P11dCheckStatus)i));
    unsigned known = count_known(results);
    if (known > 0)
        g_string_append_printf(line, "%u of them known, ", known);
    g_string_truncate(line, line->len - 2);
    fprintf(p11d_console_result(), "%s\n", line->str);
}

/* --- TAP, version 13 --- */

static void add_to_tap(const P11dReport *report, const P11dResult *result)
{
    FILE *out = p11d_console_result();
    bool bad = p11d_report_is_bad(report, result);
    g_autofree char *detail = p11d_text_visible(result->detail, -1);
    g_autofree char *known = p11d_text_visible(result->known ? result->known : "", -1);
    g_strdelimit(detail, "#", ' ');
    g_strdelimit(known, "#", ' ');
    bool skipped = result->status == P11D_CHECK_SKIP && !bad;
    fprintf(out, "%s %u - %s", bad || result->known ? "not ok" : "ok", report->count + 1,
            result->check->id);
    if (result->known) /* what is expected to be not ok */
        fprintf(out, " # TODO known: %s", known);
    else if (skipped)
        fprintf(out, " # SKIP %s", detail);
    fputc('\n', out);
    if (!skipped && *detail)
        fprintf(out, "# %s: %s\n", p11d_check_status_name(result->status), detail);
    if (bad)
        fprintf(out, "# %s (%s)\n", result->check->harm, result->check->spec);
}

/* --- JSON --- */

static void print_document(JsonBuilder *json)
{
    p11d_console_print_json(p11d_json_end(json));
    g_object_unref(json);
}

/* What is the same in every run. The section is the rest of what names a specification. */
static void add_check(JsonBuilder *json, const P11dCheck *check)
{
    const char *rest = strstr(check->spec, ", ");
    bool numbered = rest && g_ascii_isdigit(rest[2]);
    p11d_json_add_string(json, "level", p11d_check_level_name(check->level));
    p11d_json_add_string(json, "harm", check->harm);
    p11d_json_add_string(json, "spec", check->spec);
    p11d_json_add_string(json, "section", numbered ? rest + 2 : NULL);
    p11d_json_add_string(json, "remedy", check->remedy);
}

static void print_json(const P11dReport *report, const GPtrArray *results)
{
    JsonBuilder *json = p11d_json_begin();
    p11d_json_add_string(json, "module", report->module);
    if (report->info)
        p11d_json_add_node(json, "info", json_node_copy(report->info));
    else
        p11d_json_add_null(json, "info");
    p11d_json_add_array(json, "untested");
    for (guint i = 0; i < report->lacks->len; i++)
        json_builder_add_value(json, p11d_console_json_of_error(report->lacks->pdata[i]));
    json_builder_end_array(json);
    p11d_json_add_array(json, "checks");
    for (guint i = 0; i < results->len; i++) {
        const P11dResult *result = results->pdata[i];
        json_builder_begin_object(json);
        p11d_json_add_string(json, "id", result->check->id);
        p11d_json_add_string(json, "status", p11d_check_status_name(result->status));
        p11d_json_add_number(json, "ms", result->milliseconds);
        p11d_json_add_string(json, "detail", result->detail);
        add_check(json, result->check);
        p11d_json_add_string(json, "reproduce", result->reproduce);
        p11d_json_add_string(json, "known", result->known);
        json_builder_end_object(json);
    }
    json_builder_end_array(json);
    p11d_json_add_array(json, "gone");
    for (guint i = 0; report->gone && i < report->gone->len; i++)
        json_builder_add_string_value(json, report->gone->pdata[i]);
    json_builder_end_array(json);
    unsigned counts[P11D_CHECK_STATUSES];
    count_all(results, counts);
    json_builder_set_member_name(json, "summary");
    json_builder_begin_object(json);
    for (size_t i = 0; i < P11D_CHECK_STATUSES; i++)
        p11d_json_add_number(json, p11d_check_status_name((P11dCheckStatus)i), counts[i]);
    json_builder_end_object(json);
    print_document(json);
}

/* --- all of them --- */

static const char *info_member(const P11dReport *report, const char *name)
{
    JsonObject *object = json_node_get_object(report->info);
    return json_object_get_string_member_with_default(object, name, "");
}

/* What C_GetInfo says, in one line; NULL where it says nothing. The caller frees it. */
static char *info_text(const P11dReport *report)
{
    if (!report->info)
        return NULL;
    g_autofree char *text =
        g_strdup_printf("%s, %s, version %s, for PKCS#11 %s", info_member(report, "manufacturer"),
                        info_member(report, "description"), info_member(report, "version"),
                        info_member(report, "cryptoki"));
    return p11d_text_visible(text, -1);
}

/* A line of the headline, in the form of the report. */
static void print_headline(const P11dReport *report, const char *color, const char *before,
                           const char *text)
{
    FILE *out = p11d_console_result();
    g_autofree char *shown = p11d_text_visible(text, -1);
    if (report->form == P11D_REPORT_TAP)
        fprintf(out, "# %s%s\n", before, shown);
    if (report->form != P11D_REPORT_TABLE || report->quiet)
        return;
    g_autofree char *painted = p11d_console_paint(color, before);
    g_autoptr(GString) lines = g_string_new(NULL);
    p11d_width_wrap(lines, shown, 2 + p11d_width_of(before), INDENT, p11d_console_width());
    fprintf(out, "  %s%s\n", painted, lines->str);
}

static void print_lacks(const P11dReport *report, guint from)
{
    for (guint i = from; i < report->lacks->len; i++)
        print_headline(report, "1;" P11D_CONSOLE_RED,
                       "NOT TESTED: ", ((const GError *)report->lacks->pdata[i])->message);
}

void p11d_report_begin(P11dReport *report, unsigned checks)
{
    FILE *out = p11d_console_result();
    g_autofree char *module = p11d_text_visible(report->module, -1);
    g_autofree char *info = info_text(report);
    if (report->form == P11D_REPORT_TAP)
        fprintf(out, "TAP version 13\n1..%u\n", checks);
    else if (report->form == P11D_REPORT_TABLE && !report->quiet)
        fprintf(out, "%s\n", module);
    if (info)
        print_headline(report, NULL, "", info);
    if (report->died)
        print_headline(report, "1;" P11D_CONSOLE_RED,
                       "NOT TESTED: the module does not live through its start: ", report->died);
    print_lacks(report, 0);
    report->lacks_told = report->lacks->len;
}

gboolean p11d_report_add(P11dReport *report, const P11dResult *result, GError **error)
{
    erase_progress();
    if (report->form == P11D_REPORT_TABLE)
        add_to_table(report, result);
    else if (report->form == P11D_REPORT_TAP)
        add_to_tap(report, result);
    report->count++;
    for (guint i = 0; i < result->lacks->len; i++) {
        const GError *lack = result->lacks->pdata[i];
        p11d_report_lack(report, (P11dFailure)lack->code, lack->message);
    }
    return p11d_console_flush(error);
}

void p11d_report_end(const P11dReport *report, const GPtrArray *results)
{
    erase_progress();
    print_lacks(report, report->lacks_told);
    if (report->form == P11D_REPORT_TABLE)
        end_table(report, results);
    else if (report->form == P11D_REPORT_JSON)
        print_json(report, results);
    else if (report->form == P11D_REPORT_JUNIT)
        p11d_junit_print(report, results);
}

void p11d_report_list(const GPtrArray *checks, bool json)
{
    JsonBuilder *document = json ? p11d_json_begin() : NULL;
    if (json)
        p11d_json_add_array(document, "available");
    for (guint i = 0; i < checks->len; i++) {
        const P11dCheck *check = checks->pdata[i];
        const char *level = p11d_check_level_name(check->level);
        const char *need = p11d_check_need_name(check->need);
        if (!json) {
            fprintf(p11d_console_result(), "%-*s  %-5s  needs %s\n", id_width(), check->id, level,
                    need);
            print_wrapped(4, "", check->harm, check->spec);
            continue;
        }
        json_builder_begin_object(document);
        p11d_json_add_string(document, "id", check->id);
        p11d_json_add_string(document, "needs", need);
        add_check(document, check);
        json_builder_end_object(document);
    }
    if (!json)
        return;
    json_builder_end_array(document);
    print_document(document);
}
