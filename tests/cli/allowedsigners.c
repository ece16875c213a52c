// SPDX-License-Identifier: MIT
#include "allowedsigners.h"

#include <criterion/criterion.h>
#include <string.h>
#include <time.h>

#include "failure.h"
#include "sshwire.h"

#define NOW 1750000000 /* 2025-06-15 15:06:40 UTC */

/* An Ed25519 key, whose 32 bytes are fill, as a blob. */
static GBytes *make_blob(guint8 fill)
{
    guint8 point[32];
    memset(point, fill, sizeof point);
    GByteArray *blob = g_byte_array_new();
    p11d_sshwire_put_string(blob, "ssh-ed25519", 11);
    p11d_sshwire_put_string(blob, point, sizeof point);
    return g_byte_array_free_to_bytes(blob);
}

/* template with KEY and OTHER replaced by such keys. */
static GBytes *make_list(const char *template)
{
    static const char *const names[] = {"KEY", "OTHER"};
    g_autoptr(GString) text = g_string_new(template);
    for (guint8 i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(GBytes) blob = make_blob(i);
        g_autofree char *base64 =
            g_base64_encode(g_bytes_get_data(blob, NULL), g_bytes_get_size(blob));
        g_autofree char *key = g_strconcat("ssh-ed25519 ", base64, NULL);
        g_string_replace(text, names[i], key, 0);
    }
    return g_bytes_new(text->str, text->len);
}

typedef enum Answer { NO, YES, WRONG } Answer;

/* What the list says of alice's signature for "file" at time; why is a part of the reason. */
static Answer ask(const char *template, gint64 time, const char *why)
{
    g_autoptr(GBytes) list = make_list(template);
    g_autoptr(GBytes) key = make_blob(0);
    P11dAllowedsignersQuestion question = {"alice@example.org", "file", key, time};
    g_autofree char *reason = (char *)"";
    g_autoptr(GError) error = NULL;
    gboolean ok = p11d_allowedsigners_check(list, "FILE", &question, &reason, &error);
    cr_assert_eq(ok, error == NULL, "%s", template);
    const char *said = error ? error->message : reason;
    cr_assert(!said || strstr(said, why), "%s: %s", template, said);
    cr_assert(!error || g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
    return error ? WRONG : reason ? NO : YES;
}

static const struct {
    const char *list;
    Answer answer;
    const char *why;
} rows[] = {
    {"", NO, "lists this key for alice@example.org"},
    {"\n\n # KEY\n#alice@example.org KEY\n", NO, "lists this key"},
    {"alice@example.org KEY", YES, ""},
    {"alice@example.org KEY comment \"more\n", YES, ""},
    {"  alice@example.org \t KEY\r\n", YES, ""},
    {"alice@example.org OTHER\nalice@example.org KEY\n", YES, ""},
    {"alice@example.org OTHER\n", NO, "lists this key"},
    {"bob@example.org KEY\n", NO, "lists this key"},
    {"Alice@example.org KEY\n", NO, "lists this key"},
    {"bob,alice@example.org KEY\n", YES, ""},
    {"*@example.org KEY\n", YES, ""},
    {"* KEY\n", YES, ""},
    {"a*e@*.o?g KEY\n", YES, ""},
    {"a*e@*.o??? KEY\n", NO, "lists this key"},
    {"alice@example.org? KEY\n", NO, "lists this key"},
    {"alice@example.org* KEY\n", YES, ""},
    {"[a]lice@example.org KEY\n", NO, "lists this key"},
    {"!alice@*,*@example.org KEY\n", NO, "lists this key"},
    {"*@example.org,!alice@* KEY\n", NO, "lists this key"},
    {"*@example.org,!bob@* KEY\n", YES, ""},
    {"!bob@* KEY\n", NO, "lists this key"},
    {"\"some one,alice@example.org\" KEY\n", YES, ""},
    {"al\"ice@example.org\" KEY\n", YES, ""},
    {"\"alice@example.org KEY\n", WRONG, "FILE:1: a quotation mark"},
    {"alice@example.org namespaces=\"file\" KEY\n", YES, ""},
    {"alice@example.org NameSpaces=\"git,f?le\" KEY\n", YES, ""},
    {"alice@example.org namespaces=\"*,!file\" KEY\n", NO, "FILE:1: the key is not for namespace"},
    {"alice@example.org namespaces=\"git\" KEY\n", NO, "FILE:1: the key is not for namespace"},
    {"alice@example.org namespaces=\"git\" KEY\nalice@* KEY\n", YES, ""},
    {"alice@example.org namespaces=\"a \\\" b,file\" KEY\n", YES, ""},
    {"alice@example.org namespaces=file KEY\n", WRONG, "in quotation marks"},
    {"alice@example.org namespaces=\"file KEY\n", WRONG, "in quotation marks"},
    {"alice@example.org namespaces KEY\n", WRONG, "in quotation marks"},
    {"alice@example.org namespaces=\"file\",namespaces=\"git\" KEY\n", WRONG, "twice"},
    {"alice@example.org namespaces=\"file\"x KEY\n", WRONG, "a comma or a space"},
    {"alice@example.org namespaces=\"file\", KEY\n", WRONG, "neither a key nor an option"},
    {"alice@example.org cert-authority KEY\n", NO, "FILE:1: the key is there as an authority"},
    {"alice@example.org CERT-Authority,namespaces=\"file\" KEY\nalice@example.org KEY", YES, ""},
    {"alice@example.org cert-authority=\"x\" KEY\n", WRONG, "a comma or a space"},
    {"alice@example.org unknown KEY\n", WRONG, "neither a key nor an option"},
    {"alice@example.org\n", WRONG, "neither a key nor an option"},
    {"alice@example.org ssh-ed25519\n", WRONG, "neither a key nor an option"},
    {"alice@example.org ssh-ed25519 AAAA\n", WRONG, "neither a key nor an option"},
    {"alice@example.org cert-authority ssh-ed25519 AAAA\n", WRONG, "no key that can be read"},
    {"alice@example.org ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA\n", WRONG, "neither a key nor"},
    {"\n\nalice@example.org nonsense\n", WRONG, "FILE:3: "},
    {"alice@example.org KEY\nalice@example.org nonsense\n", YES, ""},
    {"bob@example.org nonsense\nalice@example.org KEY\n", YES, ""},
    {"alice@example.org nonsense\nalice@example.org KEY\n", YES, ""},
    {"alice@example.org nonsense\nalice@example.org more\n", WRONG, "FILE:1: "},
    {"alice@example.org OTHER\nalice@example.org nonsense\n", WRONG, "FILE:2: "},
    {"alice@example.org sk-ssh-ed25519@openssh.com "
     "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t\nalice@example.org KEY\n",
     YES, ""},
};

Test(allowedsigners, lines)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        cr_assert_eq(ask(rows[i].list, NOW, rows[i].why), rows[i].answer, "%s", rows[i].list);
}

static Answer ask_option(const char *option, gint64 time, const char *why)
{
    g_autofree char *line = g_strdup_printf("alice@example.org %s KEY\n", option);
    return ask(line, time, why);
}

Test(allowedsigners, times_in_utc)
{
    static const struct {
        const char *text;
        gint64 time;
    } times[] = {
        {"20250615Z", 1749945600},
        {"202506151506Z", 1749999960},
        {"20250615150640Z", NOW},
        {"20250615150640z", NOW},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        g_autofree char *after = g_strdup_printf("valid-after=\"%s\"", times[i].text);
        g_autofree char *before = g_strdup_printf("Valid-Before=\"%s\"", times[i].text);
        cr_assert_eq(ask_option(after, times[i].time, ""), YES);
        cr_assert_eq(ask_option(after, times[i].time - 1, "FILE:1: the key is not valid before"),
                     NO);
        cr_assert_eq(ask_option(before, times[i].time, ""), YES);
        cr_assert_eq(ask_option(before, times[i].time + 1, "FILE:1: the key was valid until"), NO);
    }
}

Test(allowedsigners, local_times_never_are_summer_time)
{
    g_setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", TRUE);
    tzset();
    cr_assert_eq(ask_option("valid-after=\"20250615160640\"", NOW, ""), YES);
    cr_assert_eq(ask_option("valid-after=\"20250615160640\"", NOW - 1, "before 2025-06-15"), NO);
}

Test(allowedsigners, what_is_no_time_is_refused)
{
    static const char *const wrong[] = {
        "",          "2025",        "2025061",    "202506151",       "20250615150",
        "20251301Z", "20250600Z",   "20250632Z",  "202506152400Z",   "202506151560Z",
        "20250615Y", "20250615ZZ",  " 20250615Z", "2025061515064Z",  "20250615150661Z",
        "00000101Z", "2025-06-15Z", "-2025061Z",  "202506151506401", "99999999Z",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *option = g_strdup_printf("valid-after=\"%s\"", wrong[i]);
        cr_assert_eq(ask_option(option, NOW, "must have one time"), WRONG, "%s", wrong[i]);
    }
    cr_assert_eq(ask_option("valid-after=\"20250615\",valid-after=\"20250615\"", NOW, "one time"),
                 WRONG);
    cr_assert_eq(ask_option("valid-after=\"20250615Z\",valid-before=\"20250615Z\"", NOW, "later"),
                 WRONG);
}

Test(allowedsigners, a_file_with_a_nul_is_no_text)
{
    static const char list[] = "alice@example.org\0";
    g_autoptr(GBytes) text = g_bytes_new(list, sizeof list);
    g_autoptr(GBytes) key = make_blob(0);
    P11dAllowedsignersQuestion question = {"alice@example.org", "file", key, NOW};
    g_autoptr(GError) error = NULL;
    char *why;
    cr_assert_not(p11d_allowedsigners_check(text, "FILE", &question, &why, &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_FILE));
    cr_assert_null(why);
}

Test(allowedsigners, many_stars_take_no_time)
{
    g_autofree char *stars = g_malloc0(20001);
    for (size_t i = 0; i < 20000; i += 2)
        memcpy(stars + i, "*a", 2);
    g_autofree char *list = g_strconcat(stars, " KEY\n", NULL);
    cr_assert_eq(ask(list, NOW, "lists this key"), NO);
}
