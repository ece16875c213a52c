// SPDX-License-Identifier: MIT
/* p11dbus help: says what commands there are, and of each how it is used. */
#include "help.h"

#include "commands.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "nearest.h"
#include "usage.h"
#include "width.h"

static char *overview(int width)
{
    GString *text = g_string_new("Usage:\n  p11dbus COMMAND [OPTION…] [ARGUMENT…]\n\n");
    p11d_width_wrap(text, "Signs with keys on PKCS#11 tokens, and serves keys as tokens on D-Bus.",
                    0, 0, width);
    g_string_append(text, "\n\nCommands:\n");
    const P11dCommand *command;
    for (size_t i = 0; (command = p11d_commands_at(i)); i++)
        if (command->summary)
            p11d_usage_add_row(text, command->name, command->summary, 2, 11, width);
    g_string_append(text, "\nExit codes:\n  0  all was done\n");
    const P11dExitcode *row;
    for (size_t i = 0; (row = p11d_exitcode_at(i)); i++)
        if (row->meaning)
            g_string_append_printf(text, "  %d  %s\n", row->code, row->meaning);
    g_string_append(text, "\nExamples:\n"
                          "  p11dbus list\n"
                          "  p11dbus help COMMAND\n");
    return g_string_free(text, FALSE);
}

void p11d_help_print(const P11dCommand *command)
{
    int width = p11d_usage_width();
    g_autofree char *text = command ? p11d_usage_of(command, width) : overview(width);
    fputs(text, p11d_console_result());
}

const P11dCommand *p11d_help_find(const char *name, GError **error)
{
    const P11dCommand *command = p11d_commands_find(name);
    if (command)
        return command;
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (size_t i = 0; (command = p11d_commands_at(i)); i++)
        if (command->summary)
            g_ptr_array_add(names, (void *)command->name);
    g_ptr_array_add(names, NULL);
    g_autofree char *hint = p11d_nearest_hint(name, (const char *const *)names->pdata, "p11dbus ",
                                              "", "p11dbus --help");
    p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "there is no command \"%s\"", name);
    return NULL;
}

/* The i-th command that somebody types. */
static const char *word(size_t i)
{
    const P11dCommand *command;
    for (size_t j = 0; (command = p11d_commands_at(j)); j++)
        if (command->summary && i-- == 0)
            return command->name;
    return NULL;
}

static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    (void)options;
    if (*arguments && arguments[1]) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus help COMMAND",
                         "help takes one command: \"%s\"", arguments[1]);
        return FALSE;
    }
    const P11dCommand *command = *arguments ? p11d_help_find(*arguments, error) : NULL;
    if (*arguments && !command)
        return FALSE;
    p11d_help_print(command);
    return TRUE;
}

const P11dCommand p11d_command_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .summary = "Prints what commands there are, or how one is used.",
    .examples = "Examples:\n"
                "  p11dbus help\n"
                "  p11dbus help sign",
    .word = word,
    .run = run,
};
