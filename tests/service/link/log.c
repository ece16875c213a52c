// SPDX-License-Identifier: MIT
#include "log.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int log_pipe[2];

/* A pipe of packets: each read brings what one write wrote. */
static void set_up(void)
{
    cr_assert_eq(pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK | O_DIRECT), 0);
    fflush(stderr);
    cr_assert_geq(dup2(log_pipe[1], STDERR_FILENO), 0);
}

static const char *read_line(void)
{
    static char line[8192];
    ssize_t size = read(log_pipe[0], line, sizeof line - 1);
    cr_assert_gt(size, 0);
    line[size] = '\0';
    return line;
}

typedef struct Case {
    char text[48];
    char shown[96];
    char quoted[96];
} Case;

static const Case cases[] = {
    {"", "", "\"\""},
    {"release key", "release key", "\"release key\""},
    {"a\"b\\c", "a\"b\\c", "\"a\\\"b\\\\c\""},
    {"a\nb\tc\x1b[1m\x7f", "a\\x0ab\\x09c\\x1b[1m\\x7f", "\"a\\x0ab\\x09c\\x1b[1m\\x7f\""},
    {"caf\u00e9 \U0001f511", "caf\u00e9 \U0001f511", "\"caf\u00e9 \U0001f511\""},
    /* CSI of 8 bits, a switch of direction, a line separator, a mark of no width */
    {"a\xc2\x9b"
     "1m",
     "a\\xc2\\x9b1m", "\"a\\xc2\\x9b1m\""},
    {"\u202etxt", "\\xe2\\x80\\xaetxt", "\"\\xe2\\x80\\xaetxt\""},
    {"a\u2028b", "a\\xe2\\x80\\xa8b", "\"a\\xe2\\x80\\xa8b\""},
    {"\ufeffa\u2060", "\\xef\\xbb\\xbfa\\xe2\\x81\\xa0", "\"\\xef\\xbb\\xbfa\\xe2\\x81\\xa0\""},
    /* bytes that are no UTF-8: alone, cut off, a surrogate, a long form */
    {"b\xff"
     "d",
     "b\\xffd", "\"b\\xffd\""},
    {"b\xc3", "b\\xc3", "\"b\\xc3\""},
    {"\xe2\x82", "\\xe2\\x82", "\"\\xe2\\x82\""},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\"\\xed\\xa0\\x80\""},
    {"\xc0\x8a", "\\xc0\\x8a", "\"\\xc0\\x8a\""},
};

ParameterizedTestParameters(log, what_is_not_to_be_seen)
{
    return cr_make_param_array(Case, (void *)cases, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(Case *row, log, what_is_not_to_be_seen, .init = set_up)
{
    char quoted[P11D_LOG_QUOTED_SIZE], line[256];
    snprintf(line, sizeof line, "p11dbus: %s!\n", row->shown);
    p11d_log("%s!", row->text);
    cr_assert_str_eq(read_line(), line);
    cr_assert_str_eq(p11d_log_quote(row->text, quoted), row->quoted);
    p11d_log_note("%s!", row->text);
    cr_assert_str_eq(read_line(), line + strlen("p11dbus: "));
    /* What was quoted is shown as it is. */
    snprintf(line, sizeof line, "p11dbus: %s\n", row->quoted);
    p11d_log("%s", quoted);
    cr_assert_str_eq(read_line(), line);
}

Test(log, what_is_too_long_is_cut_and_still_a_line, .init = set_up)
{
    static char text[6000];
    char quoted[P11D_LOG_QUOTED_SIZE];
    memset(text, '\n', sizeof text - 1);
    p11d_log("%s", text);
    const char *line = read_line();
    size_t size = strlen(line);
    cr_assert(size > 2000 && size <= 2048);
    cr_assert(line[size - 1] == '\n' && strchr(line, '\n') == line + size - 1);
    p11d_log_quote(text, quoted);
    size = strlen(quoted);
    cr_assert(size > P11D_LOG_QUOTED_SIZE - 8 && quoted[size - 1] == '"');
}
