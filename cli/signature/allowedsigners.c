// SPDX-License-Identifier: MIT
#include "allowedsigners.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "encoding.h"
#include "failure.h"
#include "moment.h"
#include "sshkey.h"
#include "text.h"

#define BLANK " \t\r"

/* What a line says. */
typedef struct Line {
    char *principals;
    char *namespaces;    /* NULL: all */
    gint64 after;        /* seconds since 1970; 0: not said */
    gint64 before;       /* the same */
    gboolean authority;  /* the key signs certificates */
    GBytes *key;         /* a blob */
    const char *trouble; /* what is wrong with the line */
} Line;

static void line_clear(Line *line)
{
    g_free(line->principals);
    g_free(line->namespaces);
    g_bytes_unref(line->key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Line, line_clear)

/* '*' stands for any bytes, '?' for one; nothing else is special. */
static bool match_pattern(const char *text, const char *pattern, const char *end)
{
    const char *star = NULL; /* the last one, and where what it stands for ends */
    const char *taken = NULL;
    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = pattern++;
            taken = text;
        } else if (pattern < end && (*pattern == '?' || *pattern == *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++taken;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

/* A list of patterns with commas between them; one behind '!' that matches outweighs all. */
static bool match_list(const char *text, const char *list)
{
    bool matched = false;
    while (*list) {
        bool negated = *list == '!';
        const char *pattern = negated ? list + 1 : list;
        const char *end = pattern + strcspn(pattern, ",");
        bool matches = match_pattern(text, pattern, end);
        if (matches && negated)
            return false;
        matched = matched || matches;
        list = *end ? end + 1 : end;
    }
    return matched;
}

/* YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in UTC if a Z follows. Local times never are summer
 * time: OpenSSH reads them so, and one file must not mean two things. */
static bool parse_time(const char *text, gint64 *seconds)
{
    P11dCivil civil = {0};
    size_t digits = strspn(text, "0123456789");
    bool utc = g_ascii_toupper(text[digits]) == 'Z';
    if ((digits != 8 && digits != 12 && digits != 14) || text[digits + (utc ? 1 : 0)])
        return false;
    sscanf(text, "%4d%2d%2d%2d%2d%2d", &civil.year, &civil.month, &civil.day, &civil.hour,
           &civil.minute, &civil.second);
    /* OpenSSH takes February 30 for March 1 or 2. */
    int over = civil.day > 28 && civil.day <= 31 ? civil.day - 28 : 0;
    civil.day -= over;
    *seconds = utc ? p11d_moment_utc(&civil) : p11d_moment_local(&civil);
    *seconds += *seconds > 0 ? over * INT64_C(86400) : 0;
    return *seconds > 0;
}

static char *format_time(gint64 seconds)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_local(seconds);
    return time ? g_date_time_format(time, "%F %T %Z") : g_strdup("another time");
}

static bool set_authority(Line *line, const char *value G_GNUC_UNUSED)
{
    line->authority = TRUE;
    return true;
}

static bool set_namespaces(Line *line, const char *value)
{
    if (line->namespaces)
        return false;
    line->namespaces = g_strdup(value);
    return true;
}

static bool set_after(Line *line, const char *value)
{
    return !line->after && parse_time(value, &line->after);
}

static bool set_before(Line *line, const char *value)
{
    return !line->before && parse_time(value, &line->before);
}

static const struct Option {
    const char *name;
    bool has_value;
    bool (*set)(Line *line, const char *value);
    const char *trouble;
} options[] = {
    {"cert-authority", false, set_authority, NULL},
    {"namespaces", true, set_namespaces, "namespaces stands twice"},
    {"valid-after", true, set_after, "valid-after must have one time, YYYYMMDD[HHMM[SS]][Z]"},
    {"valid-before", true, set_before, "valid-before must have one time, YYYYMMDD[HHMM[SS]][Z]"},
};

static const struct Option *find_option(const char *name, size_t size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
        if (strlen(options[i].name) == size &&
            g_ascii_strncasecmp(name, options[i].name, size) == 0)
            return &options[i];
    return NULL;
}

/* A value in quotation marks, which the caller frees; \" is one that belongs to it. NULL if it is
 * none. */
static char *take_quoted(const char **text)
{
    const char *p = *text;
    if (*p++ != '"')
        return NULL;
    GString *value = g_string_new(NULL);
    while (*p && *p != '"') {
        if (p[0] == '\\' && p[1] == '"')
            p++;
        g_string_append_c(value, *p++);
    }
    *text = *p ? p + 1 : p;
    return g_string_free(value, *p == '\0');
}

static bool fail(Line *line, const char *trouble)
{
    line->trouble = trouble;
    return false;
}

static bool take_option(Line *line, const char **text)
{
    size_t size = strcspn(*text, "=," BLANK);
    const struct Option *option = find_option(*text, size);
    if (!option)
        return fail(line, "it has neither a key nor an option that is known behind the principals");
    *text += size;
    g_autofree char *value = NULL;
    if (option->has_value) {
        *text += **text == '=' ? 1 : 0;
        if (!(value = take_quoted(text)))
            return fail(line, "an option's value must stand in quotation marks");
    }
    return option->set(line, value) || fail(line, option->trouble);
}

static bool take_options(Line *line, const char **text)
{
    while (take_option(line, text)) {
        if (**text == ',') {
            ++*text;
            continue;
        }
        if (!**text || !strchr(BLANK, **text))
            return fail(line, "a comma or a space must follow an option");
        if (line->after && line->before && line->before <= line->after)
            return fail(line, "valid-before is not later than valid-after");
        *text += strspn(*text, BLANK);
        return true;
    }
    return false;
}

/* "TYPE BASE64 COMMENT". True if the blob is there and says the same type. */
static bool take_key(Line *line, const char *text)
{
    size_t type_size = strcspn(text, BLANK);
    const char *base64 = text + type_size + strspn(text + type_size, BLANK);
    g_autofree char *type = g_strndup(text, type_size);
    g_autoptr(GBytes) word = g_bytes_new(base64, strcspn(base64, BLANK));
    g_autoptr(GBytes) blob = p11d_encoding_decode(P11D_ENCODING_BASE64, word);
    g_autofree char *said = blob ? p11d_sshkey_blob_type(blob) : NULL;
    if (g_strcmp0(said, type) != 0)
        return false;
    gsize size;
    const void *data = g_bytes_get_data(blob, &size);
    EVP_PKEY *key = p11d_sshkey_parse(data, size);
    EVP_PKEY_free(key);
    if (!key && !p11d_sshkey_is_foreign(type))
        return false;
    line->key = g_steal_pointer(&blob);
    return true;
}

/* The first word; one part of it may stand in quotation marks, which end it. */
static bool take_principals(Line *line, const char **text)
{
    size_t size = strcspn(*text, "\"" BLANK);
    g_autofree char *plain = g_strndup(*text, size);
    g_autofree char *quoted = NULL;
    *text += size;
    if (**text == '"' && !(quoted = take_quoted(text)))
        return fail(line, "a quotation mark has no other");
    line->principals = g_strconcat(plain, quoted, NULL);
    *text += strspn(*text, BLANK);
    return true;
}

/* What follows the principals. */
static bool take_rest(Line *line, const char *text)
{
    if (take_key(line, text))
        return true;
    return take_options(line, &text) &&
           (take_key(line, text) || fail(line, "it has no key that can be read"));
}

/* Why a line that lists the key for the identity does not allow the signature; NULL if it does. */
static char *object(const Line *line, const P11dAllowedsignersQuestion *question)
{
    if (line->authority)
        return g_strdup("the key is there as an authority for certificates only");
    if (line->namespaces && !match_list(question->namespace, line->namespaces))
        return g_strdup_printf("the key is not for namespace \"%s\"", question->namespace);
    bool early = line->after && question->time < line->after;
    if (!early && !(line->before && question->time > line->before))
        return NULL;
    g_autofree char *time = format_time(early ? line->after : line->before);
    return g_strdup_printf(early ? "the key is not valid before %s" : "the key was valid until %s",
                           time);
}

/* Sets *listed if the line has the key for the identity, and then *why as object does. */
static bool check_line(Line *line, const char *text, const P11dAllowedsignersQuestion *question,
                       bool *listed, char **why)
{
    *listed = false;
    text += strspn(text, BLANK);
    if (!*text || *text == '#')
        return true;
    if (!take_principals(line, &text))
        return false;
    if (!match_list(question->identity, line->principals))
        return true;
    if (!take_rest(line, text))
        return false;
    *listed = g_bytes_equal(line->key, question->key);
    if (*listed)
        *why = object(line, question);
    return true;
}

static char **split(GBytes *text)
{
    gsize size;
    const char *data = g_bytes_get_data(text, &size);
    if (size > 0 && memchr(data, '\0', size))
        return NULL;
    p11d_text_skip_mark(&data, &size);
    g_autofree char *copy = g_strndup(data ? data : "", size);
    return g_strsplit(copy, "\n", -1);
}

gboolean p11d_allowedsigners_check(GBytes *text, const char *path,
                                   const P11dAllowedsignersQuestion *question, char **why,
                                   GError **error)
{
    g_auto(GStrv) lines = split(text);
    g_autoptr(GError) trouble = NULL;
    g_autofree char *reason =
        g_strdup_printf("no line of %s lists this key for %s", path, question->identity);
    *why = NULL;
    if (!lines)
        p11d_failure_set(&trouble, P11D_FAILURE_FILE, NULL, "%s is no text", path);
    for (unsigned i = 0; lines && lines[i]; i++) {
        g_auto(Line) line = {0};
        bool listed;
        g_autofree char *objection = NULL;
        bool readable = check_line(&line, lines[i], question, &listed, &objection);
        if (listed && !objection)
            return TRUE;
        if (!readable && !trouble)
            p11d_failure_set(&trouble, P11D_FAILURE_FILE, "ssh-keygen(1), ALLOWED SIGNERS",
                             "%s:%u: %s", path, i + 1, line.trouble);
        if (objection) {
            g_free(reason);
            reason = g_strdup_printf("%s:%u: %s", path, i + 1, objection);
        }
    }
    if (trouble) {
        g_propagate_error(error, g_steal_pointer(&trouble));
        return FALSE;
    }
    *why = g_steal_pointer(&reason);
    return TRUE;
}
