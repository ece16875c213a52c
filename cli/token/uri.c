// SPDX-License-Identifier: MIT
#include "uri.h"

#include <limits.h>
#include <string.h>

#include "failure.h"
#include "nearest.h"
#include "pkcs11.h"
#include "text.h"

#define SCHEME "pkcs11:"
#define SIZE_OF(type, field) sizeof((type *)NULL)->field

static const char shape[] = "a URI looks like pkcs11:token=TOKEN;object=LABEL; p11dbus list shows "
                            "them";

/* What is wrong with a value, raw as it stands and decoded; NULL: nothing. */
typedef const char *Check(const char *raw, const GByteArray *value);

typedef struct Attribute {
    const char *name;
    const char *other; /* an older name of the same, or NULL */
    bool in_query;
    size_t size; /* of the blank-padded field that it is compared with, in bytes */
    Check *check;
} Attribute;

static const char *const types[] = {"private", "public", "cert", "secret-key", "data", NULL};

static const char *check_type(const char *raw, const GByteArray *value G_GNUC_UNUSED)
{
    return g_strv_contains(types, raw) || strcmp(raw, "secretkey") == 0 ? NULL
                                                                        : "is not understood";
}

/* Digits up to end; the parser does not notice a number that is too large for it. */
static bool is_number(const char *text, const char *end, guint64 max)
{
    g_autofree char *digits = g_strndup(text, (gsize)(end - text));
    guint64 number;
    return g_ascii_string_to_unsigned(digits, 10, 0, max, &number, NULL);
}

static const char *check_number(const char *raw, const GByteArray *value G_GNUC_UNUSED)
{
    return is_number(raw, raw + strlen(raw), LONG_MAX) ? NULL : "takes a decimal number";
}

static const char *check_version(const char *raw, const GByteArray *value G_GNUC_UNUSED)
{
    const char *dot = raw + strcspn(raw, ".");
    bool ok = is_number(raw, dot, 254) && (!*dot || is_number(dot + 1, dot + strlen(dot), 254));
    return ok ? NULL : "takes one or two decimal numbers up to 254 with a dot between them";
}

static const char *check_field(const char *raw G_GNUC_UNUSED, const GByteArray *value)
{
    if (value->len > 0 && value->data[value->len - 1] == ' ')
        return "ends with a blank, which PKCS#11 does not tell from its padding";
    return value->len > 0 && value->data[0] == '\0' ? "begins with %00, which names nothing" : NULL;
}

static const char *check_source(const char *raw G_GNUC_UNUSED, const GByteArray *value)
{
    if (value->len == 0)
        return "is empty";
    return memchr(value->data, '\0', value->len) ? "has %00, where no path goes on" : NULL;
}

static const Attribute attributes[] = {
    {"token", NULL, false, SIZE_OF(CK_TOKEN_INFO, label), check_field},
    {"object", NULL, false, 0, NULL},
    {"id", NULL, false, 0, NULL},
    {"type", "object-type", false, 0, check_type},
    {"serial", NULL, false, SIZE_OF(CK_TOKEN_INFO, serialNumber), check_field},
    {"manufacturer", NULL, false, SIZE_OF(CK_TOKEN_INFO, manufacturerID), check_field},
    {"model", NULL, false, SIZE_OF(CK_TOKEN_INFO, model), check_field},
    {"slot-id", NULL, false, 0, check_number},
    {"slot-description", NULL, false, SIZE_OF(CK_SLOT_INFO, slotDescription), check_field},
    {"slot-manufacturer", NULL, false, SIZE_OF(CK_SLOT_INFO, manufacturerID), check_field},
    {"library-description", NULL, false, SIZE_OF(CK_INFO, libraryDescription), check_field},
    {"library-manufacturer", NULL, false, SIZE_OF(CK_INFO, manufacturerID), check_field},
    {"library-version", NULL, false, 0, check_version},
    {"pin-source", "pinfile", true, 0, check_source},
};

/* Words that RFC 7512 has and that are refused here, and what to do instead. */
static const struct {
    const char *name;
    const char *why;
    const char *hint;
} refused[] = {
    {"pin-value", "a PIN on the command line can be seen by everyone on this machine",
     "use --pin-file, --pin-fd, pin-source=file:… or wait to be asked"},
    {"module-path", "a module is not loaded because a URI says so", "name the module with -m"},
    {"module-name", "a module is not loaded because a URI says so", "name the module with -m"},
};

/* Where a look at a URI is. */
typedef struct Look {
    const char *text;
    bool in_query;
    unsigned seen;  /* a bit for each attribute */
    unsigned index; /* of the attribute in its part, from 1 */
} Look;

static const char *part_name(const Look *look)
{
    return look->in_query ? "query, behind the '?'," : "path";
}

bool p11d_uri_is(const char *text)
{
    while (g_ascii_isspace(*text))
        text++;
    return g_ascii_strncasecmp(text, SCHEME, strlen(SCHEME)) == 0;
}

static gboolean fail(GError **error, const char *hint, const char *format, ...) G_GNUC_PRINTF(3, 4);

static gboolean fail(GError **error, const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "%s", message);
    return FALSE;
}

/* RFC 7512: unreserved, pk11-path-res-avail and pk11-query-res-avail. */
static bool may_stand(char c, bool in_query)
{
    return c && (g_ascii_isalnum(c) || strchr("-._~:[]@!$'()*+,=", c) ||
                 strchr(in_query ? "/?|" : "&", c));
}

/* How many bytes stand for one of the value at p: 3 for an escape, 1 for what may stand there as it
 * is, 0 for what may not. */
static size_t piece(const char *p, bool in_query)
{
    if (*p == '%')
        return g_ascii_isxdigit(p[1]) && g_ascii_isxdigit(p[2]) ? 3 : 0;
    return may_stand(*p, in_query) ? 1 : 0;
}

/* The size in bytes of the character at p, which is 1 for what is no UTF-8. */
static size_t character_size(const char *p)
{
    gunichar c = g_utf8_get_char_validated(p, -1);
    return c == (gunichar)-1 || c == (gunichar)-2 ? 1 : (size_t)(g_utf8_next_char(p) - p);
}

/* The place of p in the text, in characters from 1. */
static unsigned place_of(const Look *look, const char *p)
{
    unsigned place = 1;
    for (const char *q = look->text; q < p; q += character_size(q))
        place++;
    return place;
}

static void escape(GString *escaped, const char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        g_string_append_printf(escaped, "%%%02x", (unsigned char)p[i]);
}

/* raw, a value of the path, with all escaped that has to be. */
static char *escape_value(const char *raw)
{
    GString *escaped = g_string_new(NULL);
    while (*raw) {
        size_t size = piece(raw, false);
        if (size > 0)
            g_string_append_len(escaped, raw, (gssize)size);
        else
            escape(escaped, raw, size = 1);
        raw += size;
    }
    return g_string_free(escaped, FALSE);
}

/* What to call the character at p. */
static char *call(const char *p)
{
    static const struct {
        char c;
        const char *name;
    } names[] = {
        {' ', "a blank"}, {'\t', "a tab"}, {'\n', "a newline"}, {'\r', "a carriage return"}};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].c == *p)
            return g_strdup(names[i].name);
    size_t size = character_size(p);
    g_autofree char *shown = p11d_text_visible(p, (gssize)size);
    if (*shown != '\\' || *p == '\\')
        return g_strdup_printf("'%s'", shown);
    bool is_byte = size == 1 && (guint8)*p >= 0x80;
    return g_strdup_printf(is_byte ? "the byte %s" : "the control character %s", shown);
}

/* Refuses the character at p in the value (raw) or, where that is NULL, in the name of an
 * attribute.
 */
static gboolean refuse_character(const Look *look, const char *p, const char *name, const char *raw,
                                 GError **error)
{
    g_autofree char *what = call(p);
    g_autoptr(GString) escaped = g_string_new(NULL);
    escape(escaped, p, character_size(p));
    unsigned place = place_of(look, p);
    if (!raw)
        return fail(error, shape,
                    "the URI has %s at character %u, in the name of an attribute: leave it out (in "
                    "a value it is written %s)",
                    what, place, escaped->str);
    g_autofree char *value = look->in_query ? NULL : escape_value(raw);
    g_autofree char *hint = value ? g_strdup_printf("write %s=%s", name, value) : g_strdup(shape);
    return fail(error, hint,
                *p == '%' ? "the URI has %s at character %u, in the value of %s, without two hex "
                            "digits behind it: the sign itself is written %s"
                          : "the URI has %s at character %u, in the value of %s: it is written %s",
                what, place, name, escaped->str);
}

/* The attribute of that name; *index is set to its own, or that whose older name it is. */
static const Attribute *find(const char *name, size_t size, unsigned *index)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
        const char *const names[] = {attributes[i].name, attributes[i].other};
        *index = i;
        for (size_t j = 0; j < G_N_ELEMENTS(names); j++)
            if (names[j] && strlen(names[j]) == size && memcmp(names[j], name, size) == 0)
                return &attributes[i];
    }
    return NULL;
}

/* An attribute that nobody here knows. Its value is not shown, and not its name where a PIN may
 * have got into that. */
static gboolean refuse_name(const Look *look, const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
        if (strcmp(refused[i].name, name) == 0)
            return fail(error, refused[i].hint, "%s", refused[i].why);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
        g_ptr_array_add(names, (void *)attributes[i].name);
    g_ptr_array_add(names, NULL);
    const char *const *known = (const char *const *)names->pdata;
    g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);
    g_autofree char *all = g_strconcat("attributes are ", list, NULL);
    g_autofree char *hint = p11d_nearest_hint(name, known, "", "", all);
    if (g_ascii_strncasecmp(name, "pin", strlen("pin")) == 0 && strpbrk(name, "0123456789"))
        return fail(error, hint, "attribute %u of the URI's %s is not understood", look->index,
                    part_name(look));
    return fail(error, hint, "the URI's attribute %s is not understood", name);
}

/* Somebody who takes one separator for the other gets a value that nobody has. */
static gboolean check_separators(const char *name, const char *raw, GError **error)
{
    for (const char *p = raw + strcspn(raw, "&?"); *p; p += strcspn(p, "&?")) {
        unsigned index;
        p++;
        if (p[strcspn(p, "=&?;")] != '=' || !find(p, strcspn(p, "="), &index))
            continue;
        bool path = p[-1] == '&';
        return fail(error, path ? "a & in a value is written %26" : "a ? in a value is written %3f",
                    path ? "attributes of the URI's path are separated by ';', not by '&': %s "
                           "stands in the value of %s"
                         : "the URI's query begins once: %s stands in the value of %s",
                    attributes[index].name, name);
    }
    return TRUE;
}

static gboolean check_value(const Look *look, const Attribute *attribute, const char *name,
                            const char *place, const char *raw, GError **error)
{
    g_autoptr(GByteArray) value = g_byte_array_new();
    size_t size;
    for (const char *p = raw; *p; p += size) {
        size = piece(p, look->in_query);
        if (size == 0)
            return refuse_character(look, place + (p - raw), name, raw, error);
        int number = size == 1 ? *p : g_ascii_xdigit_value(p[1]) << 4 | g_ascii_xdigit_value(p[2]);
        guint8 byte = (guint8)number;
        g_byte_array_append(value, &byte, 1);
    }
    if (!check_separators(name, raw, error))
        return FALSE;
    if (attribute->size > 0 && value->len > attribute->size)
        return fail(error, shape, "in the URI, %s is longer than the %zu bytes it can have", name,
                    attribute->size);
    const char *wrong = attribute->check ? attribute->check(raw, value) : NULL;
    if (!wrong)
        return TRUE;
    g_autofree char *list = g_strjoinv(", ", (char **)types);
    g_autofree char *all = g_strconcat("types are ", list, NULL);
    g_autofree char *hint = attribute->check == check_type
                                ? p11d_nearest_hint(raw, types, "type=", "", all)
                                : g_strdup(shape);
    return fail(error, hint, "in the URI, %s %s", name, wrong);
}

/* Checks what stands between two separators. */
static gboolean check_attribute(Look *look, const char *start, size_t size, GError **error)
{
    g_autofree char *text = g_strndup(start, size);
    char *equals = strchr(text, '=');
    unsigned index;
    look->index++;
    if (size == 0)
        return fail(error, shape,
                    "the URI has an empty attribute at character %u: a '%c' stands "
                    "between two of them and nowhere else",
                    place_of(look, start), look->in_query ? '&' : ';');
    if (!equals || equals == text)
        return fail(error, shape, "attribute %u of the URI's %s is not NAME=VALUE", look->index,
                    part_name(look));
    *equals = '\0';
    for (const char *p = text; *p; p++)
        if (!g_ascii_isalnum(*p) && *p != '-' && *p != '_')
            return refuse_character(look, start + (p - text), NULL, NULL, error);
    const Attribute *attribute = find(text, strlen(text), &index);
    if (!attribute)
        return refuse_name(look, text, error);
    if (attribute->in_query != look->in_query)
        return fail(error, shape, "the URI's attribute %s belongs %s the '?'", text,
                    attribute->in_query ? "behind" : "before");
    if (look->seen & 1U << index)
        return fail(error, "give it once", "the URI says %s twice", attribute->name);
    look->seen |= 1U << index;
    return check_value(look, attribute, text, start + (equals + 1 - text), equals + 1, error);
}

/* Checks the attributes from start to end. */
static gboolean check_part(Look *look, const char *start, const char *end, GError **error)
{
    char separator = look->in_query ? '&' : ';';
    look->index = 0;
    while (start < end) {
        const char *next = memchr(start, separator, (size_t)(end - start));
        if (!check_attribute(look, start, (size_t)((next ? next : end) - start), error))
            return FALSE;
        if (next && next + 1 == end)
            return check_attribute(look, end, 0, error);
        start = next ? next + 1 : end;
    }
    return TRUE;
}

/* Whether an attribute is a PIN, wherever it stands and however it is written: then all else that
 * may be wrong with the URI is better not gone into. */
static bool holds_pin(const char *text)
{
    for (const char *p = text; *p; p++)
        if (g_ascii_strncasecmp(p, "pin-value", strlen("pin-value")) == 0) {
            bool begins = p == text || strchr(":;?&", p[-1]) || g_ascii_isspace(p[-1]);
            const char *behind = p + strlen("pin-value");
            if (begins && behind[strspn(behind, " \t\r\n")] == '=')
                return true;
        }
    return false;
}

gboolean p11d_uri_check(const char *text, GError **error)
{
    if (holds_pin(text))
        return fail(error, refused[0].hint, "%s", refused[0].why);
    if (!g_str_has_prefix(text, SCHEME))
        return fail(error, shape,
                    p11d_uri_is(text) ? "a PKCS#11 URI begins with " SCHEME ", in lower case and "
                                        "with nothing before it"
                                      : "that is no PKCS#11 URI: it does not begin with " SCHEME);
    Look look = {.text = text};
    const char *path = text + strlen(SCHEME);
    const char *query = path + strcspn(path, "?");
    if (!check_part(&look, path, query, error))
        return FALSE;
    look.in_query = true;
    return !*query || check_part(&look, query + 1, query + strlen(query), error);
}
