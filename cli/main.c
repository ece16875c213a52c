// SPDX-License-Identifier: MIT
/* p11dbus: finds the command, runs it, and decides what the exit code is. */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "console.h"
#include "failure.h"
#include "guard.h"
#include "loader.h"
#include "worker.h"

static const P11dCommand *const commands[] = {
    &p11d_command_list,  &p11d_command_sign,     &p11d_command_verify,
    &p11d_command_serve, &p11d_command_complete,
};

enum { HELP, VERSION };
const GOptionEntry p11d_command_instead[] = {
    [HELP] = {"help", 'h', 0, G_OPTION_ARG_NONE, NULL, "print what commands there are", NULL},
    [VERSION] = {"version", 0, 0, G_OPTION_ARG_NONE, NULL, "print the version", NULL},
    {NULL},
};

static bool is_option(const char *word, const GOptionEntry *entry)
{
    return word && *word == '-' &&
           (word[1] == '-' ? strcmp(word + 2, entry->long_name) == 0
                           : word[1] == entry->short_name && word[1] && word[2] == '\0');
}

static const struct {
    int code;
    const char *meaning;
} exits[P11D_FAILURE_COUNT] = {
    [P11D_FAILURE_SIGNATURE] = {1, "a bad signature"},
    [P11D_FAILURE_USAGE] = {2, "what was typed makes no sense"},
    [P11D_FAILURE_FILE] = {3, "a file could not be read or written"},
    [P11D_FAILURE_NO_MATCH] = {4, "nothing is what was asked for"},
    [P11D_FAILURE_AMBIGUOUS] = {5, "more than one thing is"},
    [P11D_FAILURE_PIN] = {6, "a PIN is needed, wrong or locked"},
    [P11D_FAILURE_DEVICE] = {7, "module, bus, service or device failed"},
    [P11D_FAILURE_TIMEOUT] = {8, "it took too long"},
    [P11D_FAILURE_UNSUPPORTED] = {9, "this key or token cannot do it"},
};

int p11d_command_exit_code(const GError *error)
{
    if (!error)
        return 0;
    bool ours = error->domain == P11D_FAILURE && (unsigned)error->code < P11D_FAILURE_COUNT;
    return exits[ours ? (P11dFailure)error->code : P11D_FAILURE_DEVICE].code;
}

/* Tells error unless that was done, and returns the exit code. */
static int conclude(GError *error, bool json)
{
    if (error && !p11d_failure_is_told(error)) {
        p11d_console_tell(error);
        if (json)
            p11d_console_print_json(p11d_console_json_of_failure(error));
    }
    int code = p11d_command_exit_code(error);
    g_clear_error(&error);
    if (!p11d_console_flush(&error)) {
        p11d_console_tell(error);
        code = MAX(code, p11d_command_exit_code(error));
        g_clear_error(&error);
    }
    return code;
}

/* Ends the process. Where a module was loaded no exit handler runs: those of a module are code that
 * nobody here vouches for, and everything of ours is written by now. */
static int end(int code)
{
    fflush(stderr);
    if (!p11d_guard_is_up())
        return code;
    p11d_guard_result(code);
    p11d_loader_finalize_all();
    _exit(code);
}

static void print_help(void)
{
    fprintf(p11d_console_result(),
            "Usage: p11dbus COMMAND [OPTION…]\n\n"
            "Signs with keys on PKCS#11 tokens, and serves keys as tokens on D-Bus.\n\n"
            "Commands:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (commands[i]->summary)
            fprintf(p11d_console_result(), "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(p11d_console_result(), "\nExit codes:\n  0  all was done\n");
    for (size_t i = 0; i < G_N_ELEMENTS(exits); i++)
        fprintf(p11d_console_result(), "  %d  %s\n", exits[i].code, exits[i].meaning);
    fprintf(p11d_console_result(), "\nExamples:\n"
                                   "  p11dbus list\n"
                                   "  p11dbus COMMAND --help\n");
}

const P11dCommand *p11d_command_at(size_t i)
{
    return i < G_N_ELEMENTS(commands) ? commands[i] : NULL;
}

const P11dCommand *p11d_command_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static gboolean run_command(const P11dCommand *command, char ***arguments, GError **error)
{
    const P11dOptions *options = p11d_options_parse(command, arguments, error);
    if (!options)
        return FALSE;
    if (options->help) {
        g_autofree char *help = p11d_options_help(command);
        fputs(help, p11d_console_result());
        return TRUE;
    }
    p11d_console_configure(options);
    if (options->timeout > 0)
        p11d_guard_time((unsigned)options->timeout);
    return command->run(options, *arguments + 1, error);
}

/* What is said before any command: help, version, or something that is no command. */
static gboolean run_without_command(const char *word, GError **error)
{
    if (is_option(word, &p11d_command_instead[HELP]))
        print_help();
    else if (is_option(word, &p11d_command_instead[VERSION]))
        fprintf(p11d_console_result(), "p11dbus %s\n", P11D_VERSION);
    else if (word)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus --help",
                         *word == '-' ? "options come after the command, and %s is none"
                                      : "there is no command \"%s\"",
                         word);
    else
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus --help", "name a command");
    return TRUE;
}

int main(int argc, char **argv)
{
    /* A worker is a process of its own with its own rules; nothing comes before them. */
    if (argc == 3 && strcmp(argv[1], P11D_COMMAND_WORKER) == 0)
        return p11d_worker_main(argv[2]);

    setlocale(LC_ALL, "");
    p11d_console_setup();
    /* Whoever writes checks: neither a module's socket nor a limit on files must end us. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    const P11dCommand *command = argc > 1 ? p11d_command_find(argv[1]) : NULL;
    g_auto(GStrv) arguments = g_strdupv(argv + (command ? 1 : 0));
    /* A usage error is JSON too for whoever asked for JSON. */
    bool json = command && g_strv_contains((const char *const *)arguments, "--json");
    if (json)
        p11d_guard_use_json();
    GError *error = NULL;
    if (command)
        run_command(command, &arguments, &error);
    else
        run_without_command(argc > 1 ? argv[1] : NULL, &error);
    return end(conclude(error, json));
}
