// SPDX-License-Identifier: MIT
#include "checksums.h"

#include <limits.h>
#include <string.h>

#include "failure.h"
#include "text.h"

/* Shorter digests are too weak: whoever makes two files can give both the same one. */
#define MIN_SIZE 28

/* How lists call hash functions. A function without a name of a hash is too weak. */
static const struct {
    const char *tag;
    const char *hash;
} tags[] = {
    {"SHA256", "sha256"},
    {"SHA512", "sha512"},
    {"SHA384", "sha384"},
    {"SHA224", "sha224"},
    {"SHA512/256", "sha512-256"},
    {"SHA512/224", "sha512-224"},
    {"SHA2-256", "sha256"},
    {"SHA2-512", "sha512"},
    {"SHA2-384", "sha384"},
    {"SHA2-224", "sha224"},
    {"SHA512t256", "sha512-256"},
    {"SHA2-512/256", "sha512-256"},
    {"SHA2-512/224", "sha512-224"},
    {"SHA3-224", "sha3-224"},
    {"SHA3-256", "sha3-256"},
    {"SHA3-384", "sha3-384"},
    {"SHA3-512", "sha3-512"},
    {"MD5", NULL},
    {"MD4", NULL},
    {"SHA1", NULL},
    {"SHA", NULL},
    {"RMD160", NULL},
    {"RIPEMD160", NULL},
    {"CRC", NULL},
};

/* Of digests that stand without a tag, by their size. */
static const char *const untagged[] = {"sha224", "sha256", "sha384", "sha512"};

static const char blake2b[] = "BLAKE2b";

/* A line without its end. */
typedef struct Line {
    const char *path;
    unsigned number;
    const char *text;
    gsize size;
} Line;

/* What a line says, in parts of it. */
typedef struct Parts {
    const char *tag; /* NULL: there is none */
    gsize tag_size;
    const char *name;
    gsize name_size;
    bool is_escaped;
    const char *digits;
    gsize digit_count;
} Parts;

static gboolean fail(const Line *line, const char *why, GError **error)
{
    p11d_failure_set(
        error, P11D_FAILURE_FILE,
        "a list is what sha256sum(1) writes, with --tag or without; its signature is in "
        "a file beside it",
        "%s, line %u: %s", line->path, line->number, why);
    return FALSE;
}

static gboolean fail_weak(const Line *line, const char *what, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "make the list with sha256sum(1)",
                     "%s, line %u: %s is too weak: other files can have the same digest",
                     line->path, line->number, what);
    return FALSE;
}

static gboolean fail_unknown(const Line *line, const char *what, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "make the list with sha256sum(1)",
                     "%s, line %u: there is no hash function \"%s\" here", line->path, line->number,
                     what);
    return FALSE;
}

static gsize count_digits(const char *text, gsize size)
{
    gsize count = 0;
    while (count < size && g_ascii_isxdigit(text[count]))
        count++;
    return count;
}

/* "HEX  NAME" or "HEX *NAME"; or with one blank, as BSD's sha256 -r has it. */
static bool split_plain(Parts *parts, const char *text, gsize size)
{
    gsize count = count_digits(text, size);
    if (count == 0 || size - count < 2 || text[count] != ' ')
        return false;
    gsize name = count + (text[count + 1] == ' ' || text[count + 1] == '*' ? 2 : 1);
    parts->digits = text;
    parts->digit_count = count;
    parts->name = text + name;
    parts->name_size = size - name;
    return true;
}

/* "TAG (NAME) = HEX", or "TAG(NAME)= HEX" as OpenSSL has it. There may be anything in the name, so
 * that its end is the last of what may be it. */
static bool split_tagged(Parts *parts, const char *text, gsize size)
{
    gsize digits = size;
    while (digits > 0 && g_ascii_isxdigit(text[digits - 1]))
        digits--;
    const char *open = memchr(text, '(', size);
    gsize end = digits;
    if (!open || end < 3 || text[end - 1] != ' ' || text[end - 2] != '=')
        return false;
    end -= text[end - 3] == ' ' ? 3 : 2;
    const char *close = end > 0 ? text + end - 1 : open;
    if (close <= open || *close != ')')
        return false;
    parts->tag = text;
    parts->tag_size = (gsize)(open - text);
    if (parts->tag_size > 0 && open[-1] == ' ')
        parts->tag_size--;
    parts->name = open + 1;
    parts->name_size = (gsize)(close - open) - 1;
    parts->digits = text + digits;
    parts->digit_count = size - digits;
    return parts->tag_size > 0;
}

static bool split(Parts *parts, const Line *line)
{
    const char *text = line->text;
    gsize size = line->size;
    parts->is_escaped = size > 0 && text[0] == '\\';
    if (parts->is_escaped) {
        text++;
        size--;
    }
    return split_plain(parts, text, size) || split_tagged(parts, text, size);
}

/* Undoes the '\' before a '\', 'n' or 'r'. False if one stands before anything else. */
static bool unescape(GString *name)
{
    static const char escapes[][2] = {{'\\', '\\'}, {'n', '\n'}, {'r', '\r'}};
    gsize to = 0;
    for (gsize from = 0; from < name->len; from++) {
        char byte = name->str[from];
        if (byte == '\\') {
            size_t i = 0;
            from++;
            while (i < G_N_ELEMENTS(escapes) &&
                   (from == name->len || escapes[i][0] != name->str[from]))
                i++;
            if (i == G_N_ELEMENTS(escapes))
                return false;
            byte = escapes[i][1];
        }
        name->str[to++] = byte;
    }
    g_string_truncate(name, to);
    return true;
}

/* Without what names the same directory once more: "./a//b" is "a/b". */
static char *shorten(const char *name)
{
    GString *all = g_string_new(*name == '/' ? "/" : "");
    while (*name) {
        gsize size = strcspn(name, "/");
        if (size > 0 && !(size == 1 && *name == '.')) {
            if (all->len > 0 && all->str[all->len - 1] != '/')
                g_string_append_c(all, '/');
            g_string_append_len(all, name, (gssize)size);
        }
        name += size;
        name += *name == '/';
    }
    return g_string_free(all, FALSE);
}

static gboolean read_name(P11dChecksum *checksum, const Parts *parts, const Line *line,
                          GError **error)
{
    g_autoptr(GString) name = g_string_new_len(parts->name, (gssize)parts->name_size);
    if (parts->is_escaped && !unescape(name))
        return fail(line, "in the name, a \\ stands before something else than \\, n or r", error);
    if (name->len >= PATH_MAX)
        return fail(line, "the name is too long", error);
    checksum->name = shorten(name->str);
    if (name->len == 0 || name->str[name->len - 1] == '/' || *checksum->name == '\0')
        return fail(line, "this is not the name of a file", error);
    return TRUE;
}

static gboolean read_digest(P11dChecksum *checksum, const Parts *parts, const Line *line,
                            GError **error)
{
    if (parts->digit_count != 2 * checksum->size)
        return fail(line, "the digest has not the length that such a digest has", error);
    for (gsize i = 0; i < checksum->size; i++)
        checksum->digest[i] = (guint8)(g_ascii_xdigit_value(parts->digits[2 * i]) << 4 |
                                       g_ascii_xdigit_value(parts->digits[2 * i + 1]));
    return TRUE;
}

static gboolean find_untagged(P11dChecksum *checksum, const Parts *parts, const Line *line,
                              GError **error)
{
    static const struct {
        gsize digits;
        const char *name;
    } weak[] = {{32, "MD5"}, {40, "SHA-1"}};
    for (size_t i = 0; i < G_N_ELEMENTS(weak); i++)
        if (parts->digit_count == weak[i].digits)
            return fail_weak(line, weak[i].name, error);
    for (size_t i = 0; i < G_N_ELEMENTS(untagged); i++) {
        const P11dHash *hash = p11d_hash_of_name(untagged[i]);
        if (2 * hash->size != parts->digit_count)
            continue;
        checksum->hash = hash;
        checksum->size = hash->size;
        checksum->may_be_blake2b = hash->size == P11D_CHECKSUM_BLAKE2B_SIZE;
        return TRUE;
    }
    return fail(line, "the digest has the length of none", error);
}

/* "BLAKE2b", or with its bits: "BLAKE2b-256". False if tag is neither. */
static bool find_blake2b(P11dChecksum *checksum, const char *tag)
{
    guint64 bits = 8 * P11D_CHECKSUM_BLAKE2B_SIZE;
    const char *more = tag + strlen(blake2b);
    if (g_ascii_strncasecmp(tag, blake2b, strlen(blake2b)) != 0 ||
        (*more &&
         (*more != '-' || !g_ascii_string_to_unsigned(
                              more + 1, 10, 8, 8 * P11D_CHECKSUM_BLAKE2B_SIZE, &bits, NULL))))
        return false;
    checksum->size = bits / 8;
    return bits % 8 == 0;
}

/* Whether there is BLAKE2b of that size here, and it is not too weak. */
static gboolean check_blake2b(const P11dChecksum *checksum, const char *tag, const Line *line,
                              GError **error)
{
    if (checksum->size < MIN_SIZE)
        return fail_weak(line, tag, error);
    if (p11d_checksum_has_blake2b(checksum->size))
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                     "b2sum -c compares it; or make the list with b2sum(1) without -l",
                     "%s, line %u: OpenSSL has no %s before version 3.2, but BLAKE2b of 512 bits",
                     line->path, line->number, tag);
    return FALSE;
}

static gboolean find_tagged(P11dChecksum *checksum, const Parts *parts, const Line *line,
                            GError **error)
{
    g_autofree char *tag = g_strndup(parts->tag, parts->tag_size);
    if (find_blake2b(checksum, tag))
        return check_blake2b(checksum, tag, line, error);
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (g_ascii_strcasecmp(tags[i].tag, tag) != 0)
            continue;
        checksum->hash = tags[i].hash ? p11d_hash_of_name(tags[i].hash) : NULL;
        if (!checksum->hash)
            return fail_weak(line, tag, error);
        checksum->size = checksum->hash->size;
        return TRUE;
    }
    return fail_unknown(line, tag, error);
}

/* Reads one line into array, unless it says nothing. */
static gboolean read_line(GPtrArray *array, const Line *line, GError **error)
{
    if (line->size == 0 || line->text[0] == '#')
        return TRUE;
    if (line->size > P11D_CHECKSUMS_MAX_LINE)
        return fail(line, "the line is too long", error);
    if (memchr(line->text, '\0', line->size))
        return fail(line, "there is a NUL in it", error);
    if (array->len == P11D_CHECKSUMS_MAX_COUNT)
        return fail(
            line,
            "a list of more than " G_STRINGIFY(P11D_CHECKSUMS_MAX_COUNT) " files is not taken",
            error);
    Parts parts = {0};
    if (!split(&parts, line))
        return fail(line, "this is not a digest with the name of a file", error);
    P11dChecksum *checksum = g_new0(P11dChecksum, 1);
    checksum->line = line->number;
    g_ptr_array_add(array, checksum);
    return (parts.tag ? find_tagged : find_untagged)(checksum, &parts, line, error) &&
           read_name(checksum, &parts, line, error) && read_digest(checksum, &parts, line, error);
}

static gboolean read_lines(GPtrArray *array, GBytes *text, const char *path, GError **error)
{
    gsize left;
    const char *at = g_bytes_get_data(text, &left);
    p11d_text_skip_mark(&at, &left);
    for (unsigned number = 1; left > 0; number++) {
        const char *end = memchr(at, '\n', left);
        Line line = {path, number, at, end ? (gsize)(end - at) : left};
        gsize taken = line.size + (end ? 1 : 0);
        if (line.size > 0 && line.text[line.size - 1] == '\r')
            line.size--;
        if (!read_line(array, &line, error))
            return FALSE;
        at += taken;
        left -= taken;
    }
    return TRUE;
}

/* By name, then by hash function, then by line. */
static gint compare(gconstpointer a, gconstpointer b)
{
    const P11dChecksum *one = *(P11dChecksum *const *)a, *other = *(P11dChecksum *const *)b;
    int order = strcmp(one->name, other->name);
    if (order == 0)
        order =
            g_strcmp0(one->hash ? one->hash->name : NULL, other->hash ? other->hash->name : NULL);
    if (order == 0)
        order = (one->size > other->size) - (one->size < other->size);
    return order ? order : (one->line > other->line) - (one->line < other->line);
}

static bool is_of_same(const P11dChecksum *one, const P11dChecksum *other)
{
    return strcmp(one->name, other->name) == 0 && one->hash == other->hash &&
           one->size == other->size;
}

/* A list that says two things of one file is refused; what says the same again is left out. A sort
 * finds them: names may be chosen so that they collide in a hash table. */
static gboolean drop_twins(GPtrArray *array, const char *path, GError **error)
{
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    for (guint i = 0; i < array->len; i++)
        g_ptr_array_add(sorted, array->pdata[i]);
    g_ptr_array_sort(sorted, compare);
    for (guint i = 1; i < sorted->len; i++) {
        P11dChecksum *one = sorted->pdata[i - 1], *other = sorted->pdata[i];
        if (!is_of_same(one, other))
            continue;
        if (memcmp(one->digest, other->digest, one->size) != 0) {
            p11d_failure_set(error, P11D_FAILURE_FILE, "whoever made the list must say which it is",
                             "%s says two different things of %s, in lines %u and %u", path,
                             one->name, one->line, other->line);
            return FALSE;
        }
        other->line = one->line; /* so are those that follow, if there are any */
    }
    guint kept = 0;
    unsigned last = 0;
    for (guint i = 0; i < array->len; i++) {
        P11dChecksum *checksum = array->pdata[i];
        if (checksum->line > last) {
            last = checksum->line;
            array->pdata[i] = array->pdata[kept];
            array->pdata[kept++] = checksum;
        }
    }
    g_ptr_array_set_size(array, (gint)kept);
    return TRUE;
}

static void checksum_free(gpointer checksum)
{
    p11d_checksum_free(checksum);
}

GPtrArray *p11d_checksums_parse(GBytes *text, const char *path, GError **error)
{
    g_autoptr(GPtrArray) array = g_ptr_array_new_with_free_func(checksum_free);
    if (!read_lines(array, text, path, error) || !drop_twins(array, path, error))
        return NULL;
    if (array->len > 0)
        return g_steal_pointer(&array);
    p11d_failure_set(error, P11D_FAILURE_FILE, "sha256sum FILE… > SHA256SUMS makes one",
                     "%s lists no file", path);
    return NULL;
}
