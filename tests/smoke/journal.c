// SPDX-License-Identifier: MIT
#include "journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static P11dJournal *journal;
static P11dJournal copy;
static int fd;

static void set_up(void)
{
    journal = p11d_journal_new(&fd);
    cr_assert_not_null(journal);
}

static void tear_down(void)
{
    p11d_journal_unmap(journal);
    close(fd);
}

TestSuite(journal, .init = set_up, .fini = tear_down);

Test(journal, lines_are_added_in_order)
{
    p11d_journal_add(journal, "fail %d", 1);
    p11d_journal_add(journal, "%s", "done");
    p11d_journal_read(journal, &copy);
    cr_assert_str_eq(copy.lines, "fail 1\ndone\n");
}

Test(journal, a_newline_makes_no_second_line)
{
    p11d_journal_add(journal, "pass %s", "a\ndone");
    p11d_journal_read(journal, &copy);
    cr_assert_str_eq(copy.lines, "pass a done\n");
}

Test(journal, what_does_not_fit_is_left_out)
{
    static char line[1000];
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < 200; i++)
        p11d_journal_add(journal, "%s", line);
    p11d_journal_read(journal, &copy);
    cr_assert_eq(strlen(copy.lines), copy.used);
    cr_assert_lt(copy.used, sizeof copy.lines);
    cr_assert_eq(copy.lines[copy.used - 1], '\n');
}

Test(journal, what_a_child_writes_stays_when_it_dies)
{
    pid_t child = fork();
    if (child == 0) {
        P11dJournal *mine = p11d_journal_map(fd);
        p11d_journal_add(mine, "warn from the child");
        p11d_journal_enter(mine, "C_Sign");
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    p11d_journal_read(journal, &copy);
    cr_assert_str_eq(copy.lines, "warn from the child\n");
    cr_assert_str_eq(copy.call, "C_Sign");
}

static void crash_in_child(P11dJournalPlace place, const char *words)
{
    pid_t child = fork();
    if (child == 0) {
        p11d_journal_crash(journal, place, words);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* Which of two processes says first where it hangs is chance. */
Test(journal, what_hangs_in_the_module_counts_whoever_is_first)
{
    for (int child_first = 0; child_first < 2; child_first++) {
        p11d_journal_forget_crashes(journal);
        cr_assert_str_empty(p11d_journal_crashed(journal));
        if (child_first)
            crash_in_child(P11D_JOURNAL_OTHER_IN_MODULE, "hangs in the module");
        p11d_journal_crash(journal, P11D_JOURNAL_PROGRAM_IN_HOST, "hangs in");
        if (!child_first)
            crash_in_child(P11D_JOURNAL_OTHER_IN_MODULE, "hangs in the module");
        p11d_journal_crash(journal, P11D_JOURNAL_PROGRAM_IN_HOST, "hangs in libc");
        p11d_journal_read(journal, &copy);
        cr_assert_str_eq(p11d_journal_crashed(&copy), "hangs in the module");
    }
    p11d_journal_crash(journal, P11D_JOURNAL_PROGRAM_IN_MODULE, "hangs there too");
    cr_assert_str_eq(p11d_journal_crashed(journal), "hangs there too");
}

Test(journal, of_two_at_one_place_the_first_counts_and_may_say_more)
{
    p11d_journal_crash(journal, P11D_JOURNAL_OTHER_IN_MODULE, "SIGSEGV");
    crash_in_child(P11D_JOURNAL_OTHER_IN_MODULE, "SIGBUS in the module");
    p11d_journal_crash(journal, P11D_JOURNAL_OTHER_IN_MODULE, "SIGSEGV in the module");
    cr_assert_str_eq(p11d_journal_crashed(journal), "SIGSEGV in the module");
}

Test(journal, texts_end_whatever_was_written)
{
    memset(journal, 0xff, sizeof *journal);
    p11d_journal_read(journal, &copy);
    cr_assert_eq(strlen(copy.call), sizeof copy.call - 1);
    cr_assert_eq(strlen(p11d_journal_crashed(&copy)), P11D_JOURNAL_CRASH - 1);
    cr_assert_eq(strlen(copy.lines), sizeof copy.lines - 1);
    p11d_journal_add(journal, "not written beyond the end");
}

Test(journal, a_long_call_is_cut)
{
    char name[2 * P11D_JOURNAL_CALL];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    p11d_journal_enter(journal, name);
    cr_assert_eq(strlen(journal->call), sizeof journal->call - 1);
}

Test(journal, nobody_can_make_it_smaller)
{
    cr_assert_eq(ftruncate(fd, 0), -1);
}

Test(journal, only_a_journal_is_mapped)
{
    int other = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    cr_assert_null(p11d_journal_map(other));
    cr_assert_null(p11d_journal_map(-1));
    close(other);
}
