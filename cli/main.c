// SPDX-License-Identifier: MIT
/* p11dbus: finds the command, runs it, and ends the process with the exit code. */
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "guard.h"
#include "help.h"
#include "loader.h"

static bool is_option(const char *word, const GOptionEntry *entry)
{
    return word && *word == '-' &&
           (word[1] == '-' ? strcmp(word + 2, entry->long_name) == 0
                           : word[1] == entry->short_name && word[1] && word[2] == '\0');
}

/* How the process ends. */
typedef struct Outcome {
    int code;
    bool left; /* nothing else went wrong than that who read the result has hung up */
} Outcome;

/* Tells error unless that was done. */
static Outcome conclude(GError *error, bool json)
{
    if (error && !p11d_failure_is_told(error)) {
        p11d_console_tell(error);
        if (json)
            p11d_console_print_json(p11d_console_json_of_failure(error));
    }
    g_autoptr(GError) unwritten = NULL;
    if (!p11d_console_flush(&unwritten))
        p11d_console_tell(unwritten);
    bool left = g_error_matches(error ? error : unwritten, P11D_FAILURE, P11D_FAILURE_LEFT);
    int code = p11d_exitcode_of(error);
    if (!g_error_matches(unwritten, P11D_FAILURE, P11D_FAILURE_LEFT) || left)
        code = MAX(code, p11d_exitcode_of(unwritten));
    g_clear_error(&error);
    return (Outcome){code, left};
}

/* Ends the process. Where a module was loaded no exit handler runs: those of a module are code that
 * nobody here vouches for, and everything of ours is written by now. */
static int end(Outcome outcome, bool takes_sigpipe)
{
    fflush(stderr);
    if (p11d_guard_is_up()) {
        p11d_guard_result(outcome.code);
        p11d_loader_finalize_all();
    }
    if (outcome.left && takes_sigpipe) { /* as all programs in a pipeline do */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (p11d_guard_is_up())
        _exit(outcome.code);
    return outcome.code;
}

static void print_version(void)
{
    fprintf(p11d_console_result(), "p11dbus %s\n", P11D_VERSION);
}

static gboolean run_command(const P11dCommand *command, char ***arguments, GError **error)
{
    const P11dOptions *options = p11d_options_parse(command, arguments, error);
    if (!options)
        return FALSE;
    if (options->help) {
        p11d_help_print(command);
        return TRUE;
    }
    if (options->version) {
        print_version();
        return TRUE;
    }
    p11d_console_configure(options);
    if (options->timeout > 0 && !command->times_itself)
        p11d_guard_time((unsigned)options->timeout);
    return command->run(options, *arguments + 1, error);
}

/* What is said before any command: help, version, or something that is no command. */
static gboolean run_without_command(const char *word, GError **error)
{
    if (is_option(word, &p11d_commands_instead[P11D_COMMANDS_HELP]))
        p11d_help_print(NULL);
    else if (is_option(word, &p11d_commands_instead[P11D_COMMANDS_VERSION]))
        print_version();
    else if (word && *word == '-')
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus --help",
                         "name a command first: %s is an option", word);
    else if (word)
        p11d_help_find(word, error);
    else
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus --help", "name a command");
    return TRUE;
}

/* A usage error is JSON too for whoever asked for JSON, also where no command could be told that.
 */
static bool asks_for_json(char **words)
{
    while (*words && strcmp(*words, "--") != 0 && strcmp(*words, "--json") != 0)
        words++;
    return *words && strcmp(*words, "--json") == 0;
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    p11d_console_setup();
    /* Whoever writes checks: neither a module's socket nor a limit on files must end us. */
    bool takes_sigpipe = signal(SIGPIPE, SIG_IGN) != SIG_IGN;
    signal(SIGXFSZ, SIG_IGN);
    const P11dCommand *command = argc > 1 ? p11d_commands_find(argv[1]) : NULL;
    g_auto(GStrv) arguments = g_strdupv(argv + (command ? 1 : 0));
    bool json = asks_for_json(argv);
    if (json)
        p11d_guard_use_json();
    GError *error = NULL;
    if (command)
        run_command(command, &arguments, &error);
    else
        run_without_command(argc > 1 ? argv[1] : NULL, &error);
    return end(conclude(error, json), takes_sigpipe);
}
