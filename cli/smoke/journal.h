// SPDX-License-Identifier: MIT
/*
 * A journal is what a check tells while it runs, in memory that it shares with whoever started it.
 * Nothing that a module does to descriptors, to signals or to its process takes back what stands in
 * it. It holds lines, the call that was entered last, and where the process crashed. libc alone:
 * the unload probe writes one too, and so do signal handlers.
 */
#ifndef P11D_JOURNAL_H
#define P11D_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of lines, with the NUL at the end; what does not fit is left out. */
#define P11D_JOURNAL_LINES (96 * 1024)
#define P11D_JOURNAL_CALL 64
#define P11D_JOURNAL_CRASH 768

/* How a warded process came to its end. */
enum {
    P11D_JOURNAL_RUNNING,
    P11D_JOURNAL_EXITED, /* end_value is the exit code */
    P11D_JOURNAL_KILLED, /* end_value is the signal */
    P11D_JOURNAL_LATE,   /* its time was over */
};

/* Where a process was that crashed or hung. Several of one check may, and which is first to say so
 * is chance: what counts is the last of these that is said of any. The program is the process that
 * was started, the others are children of it. */
typedef enum P11dJournalPlace {
    P11D_JOURNAL_OTHER_IN_HOST,
    P11D_JOURNAL_PROGRAM_IN_HOST,
    P11D_JOURNAL_OTHER_IN_MODULE,
    P11D_JOURNAL_PROGRAM_IN_MODULE,
    P11D_JOURNAL_PLACES,
} P11dJournalPlace;

typedef struct P11dJournalCrash {
    int32_t process;                /* whose words these are; 0 for none */
    char words[P11D_JOURNAL_CRASH]; /* "SIGSEGV in LIBRARY+0x123 (symbol)" */
} P11dJournalCrash;

typedef struct P11dJournal {
    uint32_t end;
    int32_t end_value;
    char call[P11D_JOURNAL_CALL]; /* the function or step that was entered last */
    P11dJournalCrash crashes[P11D_JOURNAL_PLACES];
    uint32_t used; /* bytes of lines */
    char lines[P11D_JOURNAL_LINES];
} P11dJournal;

/* A new journal; *fd (close-on-exec) is what others map it by. NULL with errno set. */
P11dJournal *p11d_journal_new(int *fd);
/* The journal behind fd, which is left open. NULL with errno set if it is none. */
P11dJournal *p11d_journal_map(int fd);
void p11d_journal_unmap(P11dJournal *journal);

/* Adds a line; a newline in it becomes a blank. For one thread. */
void p11d_journal_add(P11dJournal *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Notes that a call is entered. For any thread; two at once may mix their names up. */
void p11d_journal_enter(P11dJournal *journal, const char *call);

/* Notes where this process crashes or hangs; words are cut to P11D_JOURNAL_CRASH. What another
 * process has said of the same place stays. May be called in a signal handler. */
void p11d_journal_crash(P11dJournal *journal, P11dJournalPlace place, const char *words);

/* What was said of a crash or hang, by the process that counts; "" if nothing was. It is the
 * journal's. */
const char *p11d_journal_crashed(const P11dJournal *journal);

/* Forgets all crashes. */
void p11d_journal_forget_crashes(P11dJournal *journal);

/* Copies journal, whose writers are not trusted: in copy every text ends where it should. */
void p11d_journal_read(const P11dJournal *journal, P11dJournal *copy);

#endif
