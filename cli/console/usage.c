// SPDX-License-Identifier: MIT
#include "usage.h"

#include "console.h"
#include "options.h"
#include "width.h"

#define USUAL_WIDTH 80
#define MOST_WIDTH 100
#define LEAST_WIDTH 40

#define INDENT 2
/* What an option is stands at most so far to the right; behind a longer one, in the next line. */
#define MOST_COLUMN 30

int p11d_usage_width(void)
{
    int width = p11d_console_width();
    return width > 0 ? CLAMP(width, LEAST_WIDTH, MOST_WIDTH) : USUAL_WIDTH;
}

void p11d_usage_add_row(GString *text, const char *name, const char *what, int indent, int column,
                        int width)
{
    int at = indent + p11d_width_of(name);
    g_string_append_printf(text, "%*s%s", indent, "", name);
    if (at + 2 > column)
        g_string_append_printf(text, "\n%*s", column, "");
    else
        g_string_append_printf(text, "%*s", column - at, "");
    p11d_width_wrap(text, what, column, column, width);
    g_string_append_c(text, '\n');
}

/* "-f, --format=table|uri" */
static char *name_of(const GOptionEntry *entry)
{
    const char *value = entry->arg_description;
    char letter[] = {'-', entry->short_name, ',', ' ', '\0'};
    return g_strconcat(entry->short_name ? letter : "", "--", entry->long_name, value ? "=" : NULL,
                       value, NULL);
}

static void add_options(GString *text, const P11dCommand *command, int width)
{
    g_autoptr(GPtrArray) entries = p11d_options_list(command);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    int column = 0;
    for (guint i = 0; i < entries->len; i++) {
        char *name = name_of(entries->pdata[i]);
        g_ptr_array_add(names, name);
        int wanted = INDENT + p11d_width_of(name) + 2;
        column = wanted <= MOST_COLUMN ? MAX(column, wanted) : column;
    }
    for (guint i = 0; i < entries->len; i++) {
        const GOptionEntry *entry = entries->pdata[i];
        p11d_usage_add_row(text, names->pdata[i], entry->description, INDENT, column, width);
    }
}

char *p11d_usage_of(const P11dCommand *command, int width)
{
    GString *text = g_string_new("Usage:\n");
    g_autofree char *line =
        g_strdup_printf("p11dbus %s [OPTION…]%s%s", command->name, command->synopsis ? " " : "",
                        command->synopsis ? command->synopsis : "");
    g_string_append_printf(text, "%*s", INDENT, "");
    p11d_width_wrap(text, line, INDENT, 3 * INDENT, width);
    g_string_append_c(text, '\n');
    if (command->summary) {
        g_string_append_c(text, '\n');
        p11d_width_wrap(text, command->summary, 0, 0, width);
        g_string_append_c(text, '\n');
    }
    g_string_append(text, "\nOptions:\n");
    add_options(text, command, width);
    if (command->examples)
        g_string_append_printf(text, "\n%s\n", command->examples);
    return g_string_free(text, FALSE);
}
