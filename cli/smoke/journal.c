// SPDX-License-Identifier: MIT
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static P11dJournal *map(int fd)
{
    void *memory = mmap(NULL, sizeof(P11dJournal), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

P11dJournal *p11d_journal_new(int *fd)
{
    *fd = memfd_create("p11dbus-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0)
        return NULL;
    /* Of a fixed size: nobody else can make the memory go away under us. */
    P11dJournal *journal = NULL;
    if (ftruncate(*fd, sizeof *journal) == 0 &&
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        journal = map(*fd);
    if (!journal) {
        int reason = errno;
        close(*fd);
        *fd = -1;
        errno = reason;
    }
    return journal;
}

P11dJournal *p11d_journal_map(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return NULL;
    if (status.st_size != sizeof(P11dJournal)) {
        errno = EINVAL;
        return NULL;
    }
    return map(fd);
}

void p11d_journal_unmap(P11dJournal *journal)
{
    if (journal)
        munmap(journal, sizeof *journal);
}

void p11d_journal_add(P11dJournal *journal, const char *format, ...)
{
    if (journal->used >= sizeof journal->lines - 1)
        return;
    char *line = journal->lines + journal->used;
    size_t room = sizeof journal->lines - journal->used - 1; /* without the newline */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, room, format, arguments);
    va_end(arguments);
    if (length < 0 || room == 0)
        return;
    size_t size = (size_t)length < room ? (size_t)length : room - 1;
    for (size_t i = 0; i < size; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[size] = '\n';
    line[size + 1] = '\0';
    journal->used += (uint32_t)size + 1;
}

/* As strlcpy does. */
static void put(char *to, size_t size, const char *text)
{
    size_t i = 0;
    for (; text[i] && i < size - 1; i++)
        to[i] = text[i];
    to[i] = '\0';
}

void p11d_journal_enter(P11dJournal *journal, const char *call)
{
    put(journal->call, sizeof journal->call, call);
}

void p11d_journal_crash(P11dJournal *journal, P11dJournalPlace place, const char *words)
{
    P11dJournalCrash *crash = &journal->crashes[place];
    int32_t nobody = 0, self = getpid();
    if (__atomic_compare_exchange_n(&crash->process, &nobody, self, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST) ||
        nobody == self)
        put(crash->words, sizeof crash->words, words);
}

const char *p11d_journal_crashed(const P11dJournal *journal)
{
    for (size_t i = P11D_JOURNAL_PLACES; i > 0; i--)
        if (journal->crashes[i - 1].words[0])
            return journal->crashes[i - 1].words;
    return "";
}

void p11d_journal_forget_crashes(P11dJournal *journal)
{
    memset(journal->crashes, 0, sizeof journal->crashes);
}

void p11d_journal_read(const P11dJournal *journal, P11dJournal *copy)
{
    memcpy(copy, journal, sizeof *copy);
    if (copy->used > sizeof copy->lines - 1)
        copy->used = sizeof copy->lines - 1;
    copy->lines[copy->used] = '\0';
    copy->call[sizeof copy->call - 1] = '\0';
    for (size_t i = 0; i < P11D_JOURNAL_PLACES; i++)
        copy->crashes[i].words[P11D_JOURNAL_CRASH - 1] = '\0';
}
