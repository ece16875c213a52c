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
#include "loader.h"

static const P11dCommand *const commands[] = {
    &p11d_command_list,
    &p11d_command_sign,
    &p11d_command_verify,
};

static const int exit_codes[P11D_FAILURE_COUNT] = {
    [P11D_FAILURE_SIGNATURE] = 1, [P11D_FAILURE_USAGE] = 2,     [P11D_FAILURE_FILE] = 3,
    [P11D_FAILURE_NO_MATCH] = 4,  [P11D_FAILURE_AMBIGUOUS] = 5, [P11D_FAILURE_PIN] = 6,
    [P11D_FAILURE_DEVICE] = 7,    [P11D_FAILURE_TIMEOUT] = 8,   [P11D_FAILURE_UNSUPPORTED] = 9,
};

int p11d_command_exit_code(const GError *error)
{
    if (!error)
        return 0;
    bool ours = error->domain == P11D_FAILURE && (unsigned)error->code < P11D_FAILURE_COUNT;
    return exit_codes[ours ? (P11dFailure)error->code : P11D_FAILURE_DEVICE];
}

/* The exit code if a module crashes now: the result's, once all of it has been written. */
static volatile sig_atomic_t code_at_crash;

/* Modules crash, most of all while they end. That must not change what became of the command. */
static void on_crash(int number)
{
    static const char message[] = "p11dbus: crashed, most likely in the PKCS#11 module\n";
    (void)number;
    if (code_at_crash == exit_codes[P11D_FAILURE_DEVICE] &&
        write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(code_at_crash);
    _exit(code_at_crash);
}

static void on_timeout(int number)
{
    static const char message[] = "p11dbus: timed out (--timeout)\n";
    (void)number;
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(exit_codes[P11D_FAILURE_TIMEOUT]);
    _exit(exit_codes[P11D_FAILURE_TIMEOUT]);
}

static void guard(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    code_at_crash = exit_codes[P11D_FAILURE_DEVICE];
    for (size_t i = 0; i < G_N_ELEMENTS(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    /* A module that writes to a service that is gone must not end us; our own output is checked. */
    signal(SIGPIPE, SIG_IGN);
}

static void print_error_json(const GError *error)
{
    JsonNode *root = json_node_new(JSON_NODE_OBJECT);
    JsonObject *object = json_object_new();
    json_object_set_int_member(object, "schema", 1);
    json_object_set_member(object, "error", p11d_console_json_of_error(error));
    json_node_take_object(root, object);
    p11d_console_print_json(root);
}

/* Tells error unless that was done, and returns the exit code. */
static int conclude(GError *error, bool json)
{
    if (error && !p11d_failure_is_told(error)) {
        p11d_console_tell(error);
        if (json)
            print_error_json(error);
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

/* Ends the process without exit handlers: those of a module that was loaded are code that nobody
 * here vouches for. Everything of ours is written by now. */
static void end(int code)
{
    code_at_crash = code;
    fflush(stderr);
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
        fprintf(p11d_console_result(), "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(p11d_console_result(), "\nExamples:\n"
                                   "  p11dbus list\n"
                                   "  p11dbus COMMAND --help\n");
}

static const P11dCommand *find_command(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static gboolean run_command(const P11dCommand *command, char ***arguments, bool *json,
                            GError **error)
{
    const P11dOptions *options = p11d_options_parse(command, arguments, error);
    if (!options)
        return FALSE;
    if (options->help) {
        g_autofree char *help = p11d_options_help(command);
        fputs(help, p11d_console_result());
        return TRUE;
    }
    *json = options->json;
    p11d_console_configure(options);
    if (options->timeout > 0) {
        signal(SIGALRM, on_timeout);
        alarm((unsigned)options->timeout);
    }
    return command->run(options, *arguments + 1, error);
}

/* What is said before any command: help, version, or something that is no command. */
static gboolean run_without_command(const char *word, GError **error)
{
    if (word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0))
        print_help();
    else if (word && strcmp(word, "--version") == 0)
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
    setlocale(LC_ALL, "");
    p11d_console_setup();
    guard();
    const P11dCommand *command = argc > 1 ? find_command(argv[1]) : NULL;
    g_auto(GStrv) arguments = g_strdupv(argv + (command ? 1 : 0));
    /* A usage error is JSON too for whoever asked for JSON. */
    bool json = command && g_strv_contains((const char *const *)arguments, "--json");
    GError *error = NULL;
    if (command)
        run_command(command, &arguments, &json, &error);
    else
        run_without_command(argc > 1 ? argv[1] : NULL, &error);
    end(conclude(error, json));
}
