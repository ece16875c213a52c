// SPDX-License-Identifier: MIT
#include "asker.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

static void write_lines(gconstpointer data, FILE *out)
{
    fprintf(out, "of %s\nlast\nno line", (const char *)data);
}

static void crash(gconstpointer data, FILE *out)
{
    write_lines(data, out);
    fflush(out);
    abort();
}

static void hang(gconstpointer data, FILE *out)
{
    write_lines(data, out);
    fflush(out);
    for (;;)
        pause();
}

static void print_elsewhere(gconstpointer data, FILE *out)
{
    printf("%s on stdout\n", (const char *)data);
    fflush(stdout);
    fprintf(out, "terminal %s\n", isatty(STDIN_FILENO) ? "yes" : "no");
}

static void check(P11dAskerWork *work, const char *expected)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    fputs("before\n", stream);
    p11d_asker_run(work, "data", stream);
    fclose(stream);
    cr_assert_str_eq(text, expected);
    free(text);
}

Test(asker, whole_lines_come_back)
{
    check(write_lines, "before\nof data\nlast\n");
}

Test(asker, what_was_said_before_a_crash_counts)
{
    check(crash, "before\nof data\nlast\n");
}

Test(asker, whoever_does_not_come_back_is_ended, .timeout = 60)
{
    check(hang, "before\nof data\nlast\n");
}

Test(asker, its_own_stdout_goes_nowhere)
{
    check(print_elsewhere, "before\nterminal no\n");
}
