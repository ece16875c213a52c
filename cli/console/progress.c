// SPDX-License-Identifier: MIT
#include "progress.h"

#include <unistd.h>

#include "terminal.h"
#include "text.h"

/* Whatever is done by then is not worth a bar, in microseconds. */
#define PATIENCE G_USEC_PER_SEC
/* Between two drawings. */
#define INTERVAL (G_USEC_PER_SEC / 10)
/* A bar shorter than that says less than the numbers; a longer one says no more. */
#define MIN_WIDTH 10
#define MAX_WIDTH 40
/* Of a terminal that does not say how wide it is. */
#define USUAL_COLUMNS 80

void p11d_progress_start(P11dProgress *progress, const char *name, guint64 total, bool wanted)
{
    *progress = (P11dProgress){
        .name = name, .total = total, .started = g_get_monotonic_time(), .wanted = wanted};
}

/* A file that grew while it was read has no end that anybody knows. */
static bool has_end(const P11dProgress *progress)
{
    return progress->total > 0 && progress->done <= progress->total;
}

static char *numbers_text(const P11dProgress *progress, double seconds)
{
    double speed = (double)progress->done / MAX(seconds, 0.001);
    g_autofree char *done = g_format_size_full(progress->done, G_FORMAT_SIZE_IEC_UNITS);
    if (has_end(progress)) {
        g_autofree char *total = g_format_size_full(progress->total, G_FORMAT_SIZE_IEC_UNITS);
        double left = (double)(progress->total - progress->done) / MAX(speed, 1);
        return g_strdup_printf("%s of %s, %.0f s left", done, total, left);
    }
    g_autofree char *each = g_format_size_full((guint64)speed, G_FORMAT_SIZE_IEC_UNITS);
    return g_strdup_printf("%s, %s a second", done, each);
}

/* "[######......]", width characters between the brackets. */
static char *bar_text(const P11dProgress *progress, unsigned width)
{
    double filled = (double)progress->done / (double)progress->total * width;
    GString *bar = g_string_new("[");
    for (unsigned i = 0; i < width; i++)
        g_string_append_c(bar, i < filled ? '#' : '.');
    g_string_append(bar, "] ");
    return g_string_free(bar, FALSE);
}

char *p11d_progress_text(const P11dProgress *progress, double seconds, unsigned columns)
{
    g_autofree char *numbers = numbers_text(progress, seconds);
    g_autofree char *name = p11d_text_visible(progress->name, -1);
    glong used = g_utf8_strlen(name, -1) + 1 + g_utf8_strlen(numbers, -1);
    if (used > (glong)columns)
        return g_utf8_strlen(numbers, -1) > (glong)columns ? g_strdup("")
                                                           : g_steal_pointer(&numbers);
    glong width = MIN((glong)columns - used - (glong)strlen("[] "), MAX_WIDTH);
    g_autofree char *bar = has_end(progress) && width >= MIN_WIDTH
                               ? bar_text(progress, (unsigned)width)
                               : g_strdup("");
    return g_strdup_printf("%s %s%s", name, bar, numbers);
}

void p11d_progress_add(P11dProgress *progress, gsize bytes)
{
    progress->done += bytes;
    if (!progress->wanted)
        return;
    gint64 now = g_get_monotonic_time();
    if (now - progress->started < PATIENCE || now - progress->shown < INTERVAL)
        return;
    progress->shown = now;
    double seconds = (double)(now - progress->started) / G_USEC_PER_SEC;
    unsigned columns = p11d_terminal_columns(STDERR_FILENO);
    /* The last column stays free: some terminals wrap there. */
    g_autofree char *text =
        p11d_progress_text(progress, seconds, (columns ? columns : USUAL_COLUMNS) - 1);
    p11d_terminal_draw(text);
}

void p11d_progress_end(P11dProgress *progress)
{
    if (progress->shown)
        p11d_terminal_draw("");
    progress->shown = 0;
    progress->wanted = false;
}
