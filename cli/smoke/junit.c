// SPDX-License-Identifier: MIT
#include "junit.h"

#include "console.h"
#include "text.h"

/* text fit for an attribute or an element. XML has no way to write most control characters, which
 * are made visible. The caller frees it. */
static char *escape(const char *text)
{
    g_autofree char *visible = p11d_text_visible(text, -1);
    return g_markup_escape_text(visible, -1);
}

/* How a check stands in the document: as failed, as not to be had, or as good, with what is worth
 * knowing. */
static const char *element_of(const P11dReport *report, const P11dResult *result)
{
    if (p11d_report_is_bad(report, result))
        return result->status >= P11D_CHECK_CRASH ? "error" : "failure";
    return result->status == P11D_CHECK_SKIP ? "skipped" : NULL;
}

static void print_case(const P11dReport *report, const P11dResult *result)
{
    FILE *out = p11d_console_result();
    const P11dCheck *check = result->check;
    const char *element = element_of(report, result);
    const char *status = p11d_check_status_name(result->status);
    g_autofree char *detail = escape(result->detail);
    g_autofree char *harm = escape(check->harm);
    g_autofree char *spec = escape(check->spec);
    g_autofree char *reproduce = escape(result->reproduce);
    g_autofree char *known = escape(result->known ? result->known : "");
    fprintf(out, "    <testcase classname=\"smoke.%s\" name=\"%s\" time=\"%u.%03u\">\n",
            p11d_check_level_name(check->level), check->id, result->milliseconds / 1000,
            result->milliseconds % 1000);
    if (element && result->status == P11D_CHECK_SKIP && *element == 's')
        fprintf(out, "      <skipped message=\"%s\"/>\n", detail);
    else if (element)
        fprintf(out, "      <%s type=\"%s\" message=\"%s\">%s (%s) Reproduce: %s</%s>\n", element,
                status, detail, harm, spec, reproduce, element);
    else if (*detail)
        fprintf(out, "      <system-out>%s: %s%s%s</system-out>\n", status, detail,
                *known ? "; known: " : "", known);
    fputs("    </testcase>\n", out);
}

/* What was missing: a server must not call the suite good. */
static void print_lack(const GError *lack)
{
    g_autofree char *text = escape(lack->message);
    fprintf(p11d_console_result(),
            "    <testcase classname=\"smoke\" name=\"untested\" time=\"0\">\n"
            "      <error type=\"untested\" message=\"%s\"/>\n    </testcase>\n",
            text);
}

void p11d_junit_print(const P11dReport *report, const GPtrArray *results)
{
    FILE *out = p11d_console_result();
    unsigned failures = 0, errors = report->lacks->len, skipped = 0, milliseconds = 0;
    for (guint i = 0; i < results->len; i++) {
        const P11dResult *result = results->pdata[i];
        const char *element = element_of(report, result);
        failures += element && *element == 'f' ? 1 : 0;
        errors += element && *element == 'e' ? 1 : 0;
        skipped += element && *element == 's' ? 1 : 0;
        milliseconds += result->milliseconds;
    }
    g_autofree char *module = escape(report->module);
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
            "  <testsuite name=\"%s\" tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\" "
            "time=\"%u.%03u\">\n",
            module, results->len + report->lacks->len, failures, errors, skipped,
            milliseconds / 1000, milliseconds % 1000);
    for (guint i = 0; i < report->lacks->len; i++)
        print_lack(report->lacks->pdata[i]);
    for (guint i = 0; i < results->len; i++)
        print_case(report, results->pdata[i]);
    fputs("  </testsuite>\n</testsuites>\n", out);
}
