// SPDX-License-Identifier: MIT
#include "commandline.h"

#include <string.h>

GArray *p11d_commandline_parts(void)
{
    return g_array_new(FALSE, FALSE, sizeof(P11dCommandlinePart));
}

bool p11d_commandline_takes_value(const GOptionEntry *entry)
{
    return entry->arg != G_OPTION_ARG_NONE &&
           !(entry->arg == G_OPTION_ARG_CALLBACK && entry->flags & G_OPTION_FLAG_NO_ARG);
}

bool p11d_commandline_is_list(const GOptionEntry *entry)
{
    return entry->arg == G_OPTION_ARG_FILENAME_ARRAY || entry->arg == G_OPTION_ARG_STRING_ARRAY;
}

static const GOptionEntry *find_long(const GPtrArray *known, const char *name, size_t size)
{
    for (guint i = 0; i < known->len; i++) {
        const GOptionEntry *entry = known->pdata[i];
        if (strncmp(entry->long_name, name, size) == 0 && entry->long_name[size] == '\0')
            return entry;
    }
    return NULL;
}

static const GOptionEntry *find_short(const GPtrArray *known, char name)
{
    for (guint i = 0; i < known->len; i++) {
        const GOptionEntry *entry = known->pdata[i];
        if (entry->short_name == name)
            return entry;
    }
    return NULL;
}

static void add(GArray *parts, P11dCommandlineKind kind, const GOptionEntry *entry,
                const char *value)
{
    P11dCommandlinePart part = {kind, entry, value};
    g_array_append_val(parts, part);
}

/* Adds an option. value: what is left of the word for it, NULL for nothing. */
static void add_option(P11dCommandline *line, const GOptionEntry *entry, const char *value,
                       GArray *parts)
{
    add(parts, P11D_COMMANDLINE_OPTION, entry, value);
    if (p11d_commandline_takes_value(entry) && !value)
        line->pending = entry;
}

static void read_long(P11dCommandline *line, const char *name, GArray *parts)
{
    size_t size = strcspn(name, "=");
    const GOptionEntry *entry = find_long(line->known, name, size);
    const char *value = name[size] ? name + size + 1 : NULL;
    if (entry && (!value || p11d_commandline_takes_value(entry)))
        add_option(line, entry, value, parts);
    else
        add(parts, P11D_COMMANDLINE_UNKNOWN, NULL, NULL);
}

static void read_short(P11dCommandline *line, const char *names, GArray *parts)
{
    for (const char *name = names; *name; name++) {
        const GOptionEntry *entry = find_short(line->known, *name);
        if (!entry) {
            add(parts, P11D_COMMANDLINE_UNKNOWN, NULL, NULL);
            return;
        }
        if (p11d_commandline_takes_value(entry)) { /* the rest of the word is no option */
            add_option(line, entry, name[1] ? name + 1 : NULL, parts);
            return;
        }
        add_option(line, entry, NULL, parts);
    }
}

void p11d_commandline_read(P11dCommandline *line, const char *word, GArray *parts)
{
    if (line->pending) {
        add(parts, P11D_COMMANDLINE_VALUE, line->pending, word);
        line->pending = NULL;
    } else if (line->only_arguments || word[0] != '-' || word[1] == '\0') {
        add(parts, P11D_COMMANDLINE_ARGUMENT, NULL, word);
    } else if (strcmp(word, "--") == 0) {
        add(parts, P11D_COMMANDLINE_END, NULL, NULL);
        line->only_arguments = true;
    } else if (word[1] == '-') {
        read_long(line, word + 2, parts);
    } else {
        read_short(line, word + 1, parts);
    }
}
