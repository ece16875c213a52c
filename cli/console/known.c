// SPDX-License-Identifier: MIT
#include "known.h"

#include <string.h>

#include "console.h"
#include "failure.h"
#include "input.h"
#include "text.h"

/* A list of what somebody has looked at is smaller, in bytes. */
#define MAX_SIZE (1UL << 20)

typedef struct Line {
    unsigned number;
    char *id;
    char *about;
    char *reason;
    bool found;
} Line;

struct P11dKnown {
    char *path;
    GPtrArray *lines; /* of Line, owned */
};

static void line_free(gpointer data)
{
    Line *line = data;
    g_free(line->id);
    g_free(line->about);
    g_free(line->reason);
    g_free(line);
}

/* Where the reason begins: at a '#' with a blank before it. NULL if there is none. */
static char *find_reason(char *text)
{
    char *mark = strchr(text, '#');
    while (mark && mark > text && !g_ascii_isspace(mark[-1]))
        mark = strchr(mark + 1, '#');
    return mark;
}

/* Reads text, which is changed. NULL with *why set to what is wrong with it. */
static Line *parse(char *text, unsigned number, const char **why)
{
    char *reason = find_reason(text);
    if (!reason || *g_strstrip(reason + 1) == '\0') {
        *why = "says no reason";
        return NULL;
    }
    *reason = '\0';
    g_strstrip(text);
    size_t size = strcspn(text, " \t");
    char *about = g_strchug(text + size);
    Line *line = g_new0(Line, 1);
    line->number = number;
    line->about = g_strdup(*about ? about : "*");
    line->id = g_strndup(text, size);
    line->reason = g_strdup(g_strstrip(reason + 1));
    return line;
}

static gboolean refuse(const P11dKnown *known, unsigned number, const char *why, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_FILE, "a line is: ID [GLOB] # REASON", "%s, line %u: %s",
                     known->path, number, why);
    return FALSE;
}

static gboolean add(P11dKnown *known, char *text, unsigned number, P11dGlobName *name,
                    const char *what, GError **error)
{
    g_strstrip(text);
    if (*text == '\0' || *text == '#')
        return TRUE;
    const char *why;
    Line *line = parse(text, number, &why);
    if (!line)
        return refuse(known, number, why, error);
    g_ptr_array_add(known->lines, line);
    if (p11d_glob_has_match(line->id, name))
        return TRUE;
    g_autofree char *shown = p11d_text_visible(line->id, -1);
    g_autofree char *none = g_strdup_printf("there is no %s \"%s\"", what, shown);
    return refuse(known, number, none, error);
}

P11dKnown *p11d_known_read(const char *path, P11dGlobName *name, const char *what, GError **error)
{
    g_autoptr(P11dKnown) known = g_new0(P11dKnown, 1);
    known->path = g_strdup(path);
    known->lines = g_ptr_array_new_with_free_func(line_free);
    if (!path)
        return g_steal_pointer(&known);
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_SIZE, error);
    if (!content)
        return NULL;
    gsize size;
    const char *bytes = g_bytes_get_data(content, &size);
    g_autofree char *text = g_strndup(size > 0 ? bytes : "", size);
    if (strlen(text) != size || !g_utf8_validate(text, -1, NULL)) {
        p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "%s is no text", path);
        return NULL;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (unsigned i = 0; lines[i]; i++)
        if (!add(known, lines[i], i + 1, name, what, error))
            return NULL;
    return g_steal_pointer(&known);
}

void p11d_known_free(P11dKnown *known)
{
    if (!known)
        return;
    g_ptr_array_unref(known->lines);
    g_free(known->path);
    g_free(known);
}

const char *p11d_known_find(P11dKnown *known, const char *id, const char *about)
{
    const char *reason = NULL;
    for (guint i = 0; i < known->lines->len; i++) {
        Line *line = known->lines->pdata[i];
        if (!g_pattern_match_simple(line->id, id) || !g_pattern_match_simple(line->about, about))
            continue;
        line->found = true;
        reason = reason ? reason : line->reason;
    }
    return reason;
}

/* True if something that the ID of the line stands for was not looked for. */
static bool is_skipped(const Line *line, char **skipped)
{
    for (; skipped && *skipped; skipped++)
        if (g_pattern_match_simple(line->id, *skipped))
            return true;
    return false;
}

GPtrArray *p11d_known_tell_gone(const P11dKnown *known, char **skipped, P11dKnownScope *scope,
                                const void *data)
{
    GPtrArray *gone = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < known->lines->len; i++) {
        const Line *line = known->lines->pdata[i];
        if (line->found || is_skipped(line, skipped) || (scope && !scope(line->about, data)))
            continue;
        g_autofree char *text = g_strdup_printf("%s %s", line->id, line->about);
        g_autofree char *shown = p11d_text_visible(text, -1);
        p11d_console_note("%s, line %u: %s is found no more", known->path, line->number, shown);
        g_ptr_array_add(gone, g_steal_pointer(&text));
    }
    return gone;
}
