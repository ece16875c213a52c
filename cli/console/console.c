// SPDX-License-Identifier: MIT
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "error-name.h"
#include "exitcode.h"
#include "failure.h"
#include "json.h"
#include "terminal.h"
#include "text.h"

static FILE *result;
static const P11dOptions *settings;

void p11d_console_take_descriptors(void)
{
    int fd;
    do /* none of them works: input that is not there is not empty, and nothing takes output */
        fd =
            open("/dev/null", (fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == 0);
    if (fd > STDERR_FILENO)
        close(fd);
}

/* Who has no entry in the passwd database and no HOME, as in containers, is told so by GLib at most
 * calls, and by us where it matters. */
static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize count,
                                  gpointer data)
{
    bool of_glib = false;
    for (gsize i = 0; i < count; i++)
        of_glib = of_glib || (strcmp(fields[i].key, "GLIB_DOMAIN") == 0 &&
                              g_str_has_prefix(fields[i].value, "GLib"));
    bool is_bug = level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
    if (of_glib && !is_bug && !g_getenv("G_MESSAGES_DEBUG"))
        return G_LOG_WRITER_HANDLED;
    return g_log_writer_default(level, fields, count, data);
}

void p11d_console_setup(void)
{
    g_log_set_writer_func(write_log, NULL, NULL);
    p11d_console_take_descriptors();
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    result = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!result)
        result = stdout;
    else
        dup2(STDERR_FILENO, STDOUT_FILENO);
}

void p11d_console_configure(const P11dOptions *options)
{
    settings = options;
}

FILE *p11d_console_result(void)
{
    return result;
}

bool p11d_console_result_is_terminal(void)
{
    return isatty(fileno(result));
}

int p11d_console_width(void)
{
    return p11d_console_result_is_terminal() ? (int)p11d_terminal_columns(fileno(result)) : 0;
}

static bool uses_color(FILE *stream)
{
    if (settings && strcmp(settings->color, "auto") != 0)
        return strcmp(settings->color, "always") == 0;
    const char *no_color = g_getenv("NO_COLOR");
    return !(no_color && *no_color) && p11d_terminal_is_capable(fileno(stream));
}

void p11d_console_print_json(JsonNode *root)
{
    g_autofree char *text = json_to_string(root, TRUE);
    g_autofree char *plain = p11d_text_json(text);
    json_node_unref(root);
    fprintf(result, "%s\n", plain);
}

/* Whether who read the real stdout has hung up. */
static bool is_left(void)
{
    struct pollfd end = {.fd = fileno(result), .events = POLLOUT};
    return poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP));
}

gboolean p11d_console_flush(GError **error)
{
    static bool is_told;
    errno = 0;
    if (is_told || (fflush(result) == 0 && !ferror(result)))
        return TRUE;
    is_told = true;
    bool left = is_left(); /* what had failed may have been an earlier write */
    GError *failure = NULL;
    p11d_failure_set(&failure, left ? P11D_FAILURE_LEFT : P11D_FAILURE_FILE, NULL,
                     "cannot write to standard output: %s", g_strerror(errno));
    if (left)
        p11d_failure_mark_told(failure);
    g_propagate_error(error, failure);
    return FALSE;
}

static void say(const char *color, const char *format, va_list arguments)
{
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    g_autofree char *shown = p11d_text_visible(text, -1);
    if (color && uses_color(stderr))
        fprintf(stderr, "\033[%sm%s\033[0m\n", color, shown);
    else
        fprintf(stderr, "%s\n", shown);
}

void p11d_console_note(const char *format, ...)
{
    if (settings && settings->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(NULL, format, arguments);
    va_end(arguments);
}

void p11d_console_detail(const char *format, ...)
{
    if (!settings || !settings->verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(NULL, format, arguments);
    va_end(arguments);
}

void p11d_console_verdict(bool good, const char *format, ...)
{
    if (good && settings && settings->quiet)
        return;
    va_list arguments;
    va_start(arguments, format);
    say(good ? P11D_CONSOLE_GREEN : "1;31", format, arguments);
    va_end(arguments);
}

char *p11d_console_paint(const char *color, const char *text)
{
    return color && uses_color(result) ? g_strdup_printf("\033[%sm%s\033[0m", color, text)
                                       : g_strdup(text);
}

char *p11d_console_bold(const char *text)
{
    return p11d_console_paint("1", text);
}

bool p11d_console_shows_progress(void)
{
    return !(settings && settings->quiet) && p11d_terminal_is_capable(STDERR_FILENO);
}

void p11d_console_tell(GError *error)
{
    if (p11d_failure_is_told(error))
        return;
    /* A newline in a name must not begin what looks like a message of ours; hints are lists. */
    g_autofree char *message = p11d_text_visible(error->message, -1);
    fprintf(stderr, "p11dbus: %s\n", message);
    if (p11d_failure_hint(error)) {
        g_autofree char *hint = p11d_text_visible_lines(p11d_failure_hint(error));
        fprintf(stderr, "  hint: %s\n", hint);
    }
    p11d_failure_mark_told(error);
}

JsonNode *p11d_console_json_of_error(const GError *error)
{
    g_autoptr(JsonBuilder) json = json_builder_new();
    CK_RV ckr = p11d_failure_ckr(error);
    char scratch[P11D_NAME_SIZE];

    json_builder_begin_object(json);
    p11d_json_add_number(json, "code", p11d_exitcode_of(error));
    p11d_json_add_string(json, "ckr", ckr == CKR_OK ? NULL : p11d_error_ckr(ckr, scratch));
    p11d_json_add_string(json, "message", error->message);
    p11d_json_add_string(json, "hint", p11d_failure_hint(error));
    json_builder_end_object(json);
    return json_builder_get_root(json);
}

JsonNode *p11d_console_json_of_failure(const GError *error)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    p11d_json_add_node(json, "error", p11d_console_json_of_error(error));
    return p11d_json_end(json);
}
