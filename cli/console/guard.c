// SPDX-License-Identifier: MIT
#include "guard.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "terminal.h"

/* What a handler says and does. */
typedef struct LastWords {
    char *text;
    char *json;
    volatile sig_atomic_t code;
} LastWords;

static LastWords crash;
static LastWords quit;
static LastWords timeout;
static bool is_up;
static pid_t guarded;
static bool with_json;
static volatile sig_atomic_t is_silent;
static int result_fd;

static void prepare(LastWords *words, P11dFailure kind, const char *message)
{
    g_autoptr(GError) error = g_error_new_literal(P11D_FAILURE, (int)kind, message);
    JsonNode *root = p11d_console_json_of_failure(error);
    g_autofree char *json = json_to_string(root, TRUE);
    json_node_unref(root);
    words->text = g_strdup_printf("p11dbus: %s\n", message);
    words->json = g_strconcat(json, "\n", NULL);
    words->code = p11d_exitcode_of(error);
    result_fd = fileno(p11d_console_result());
}

static void say(int fd, const char *text)
{
    size_t left = text ? strlen(text) : 0;
    ssize_t count;
    while (left > 0 && (count = write(fd, text, left)) > 0) {
        text += count;
        left -= (size_t)count;
    }
}

G_NORETURN static void leave(int code)
{
    for (;;)
        syscall(SYS_exit_group, code);
}

G_NORETURN static void end_with(const LastWords *words)
{
    if (!is_silent) {
        say(STDERR_FILENO, p11d_terminal_eraser());
        say(STDERR_FILENO, words->text);
    }
    if (!is_silent && with_json)
        say(result_fd, words->json);
    leave(words->code);
}

static void on_crash(int number)
{
    (void)number;
    end_with(&crash);
}

/* Runs where the module calls exit; where we end, no exit handler runs (main.c). */
static void on_exit_of_module(void)
{
    end_with(&quit);
}

/* In place of the C library's, which runs no exit handler: else a module that calls it would choose
 * our exit code, and 0 would be a good signature. What a module has started ends as it wants. */
__attribute__((visibility("default"))) void _exit(int code)
{
    if (is_up && getpid() == guarded)
        end_with(&quit);
    leave(code);
}

__attribute__((visibility("default"))) void _Exit(int code)
{
    _exit(code);
}

static void on_alarm(int number)
{
    (void)number;
    end_with(&timeout);
}

static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};

void p11d_guard_let_crash(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        signal(numbers[i], SIG_DFL);
}

void p11d_guard_crashes(void)
{
    /* A stack of its own: the crash may be that the other one is full. */
    static char stack[64 * 1024];
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = (int)(SA_RESETHAND | SA_ONSTACK)};
    prepare(&crash, P11D_FAILURE_DEVICE, "crashed, most likely in the PKCS#11 module");
    prepare(&quit, P11D_FAILURE_DEVICE, "the PKCS#11 module ended the program");
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
        sigaction(numbers[i], &action, NULL);
    atexit(on_exit_of_module);
    guarded = getpid();
    is_up = true;
}

bool p11d_guard_is_up(void)
{
    return is_up;
}

void p11d_guard_time(unsigned seconds)
{
    prepare(&timeout, P11D_FAILURE_TIMEOUT, "timed out (--timeout)");
    signal(SIGALRM, on_alarm);
    alarm(seconds);
}

void p11d_guard_use_json(void)
{
    with_json = true;
}

void p11d_guard_result(int code)
{
    is_silent = 1;
    crash.code = code;
    quit.code = code;
    timeout.code = code;
    signal(SIGALRM, on_alarm);
    alarm(P11D_GUARD_FINALIZE_SECONDS);
}
