// SPDX-License-Identifier: MIT
#include "crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

/* More libraries, or deeper calls, are not looked at. */
#define MAX_OBJECTS 256
#define MAX_FRAMES 64
#define STACK_SIZE (64 * 1024)

static const int caught[] = {SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                             SIGABRT, SIGTRAP, SIGSYS, P11D_CRASH_WHERE};

/* A library in memory, as it was when it was seen. */
typedef struct Object {
    uintptr_t base;
    uintptr_t start;
    uintptr_t end;
    bool ours; /* there before the module was loaded */
    char name[64];
} Object;

static Object objects[MAX_OBJECTS];
static size_t object_count;
static bool catching_begins;
static P11dJournal *journal;
static pid_t program;                  /* that takes the signals over; its children inherit that */
static char words[P11D_JOURNAL_CRASH]; /* what is going to stand in the journal */
static char stack[STACK_SIZE];

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_known(uintptr_t start, uintptr_t end)
{
    for (size_t i = 0; i < object_count; i++)
        if (objects[i].start == start && objects[i].end == end)
            return true;
    return false;
}

static int remember(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    (void)data;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD)
            continue;
        uintptr_t first = info->dlpi_addr + header->p_vaddr;
        start = first < start ? first : start;
        end = first + header->p_memsz > end ? first + header->p_memsz : end;
    }
    if (start >= end || is_known(start, end) || object_count == MAX_OBJECTS)
        return 0;
    Object *object = &objects[object_count++];
    *object = (Object){.base = info->dlpi_addr, .start = start, .end = end};
    object->ours = catching_begins;
    const char *name = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "the host itself";
    snprintf(object->name, sizeof object->name, "%s", base_name(name));
    return 0;
}

void p11d_crash_remember(void)
{
    dl_iterate_phdr(remember, NULL);
}

/* The last library that was seen there: an address may have been used twice. */
static const Object *find(uintptr_t address)
{
    for (size_t i = object_count; i > 0; i--)
        if (address >= objects[i - 1].start && address < objects[i - 1].end)
            return &objects[i - 1];
    return NULL;
}

static uintptr_t instruction(const void *context)
{
#if defined(__x86_64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__i386__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_EIP];
#elif defined(__aarch64__)
    return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void say(const char *text)
{
    size_t used = strnlen(words, sizeof words - 1);
    for (; *text && used < sizeof words - 1; used++)
        words[used] = *text++;
    words[used] = '\0';
}

static void publish(uintptr_t address)
{
    const Object *object = find(address);
    bool in_module = object && !object->ours;
    P11dJournalPlace place;
    if (getpid() == program)
        place = in_module ? P11D_JOURNAL_PROGRAM_IN_MODULE : P11D_JOURNAL_PROGRAM_IN_HOST;
    else
        place = in_module ? P11D_JOURNAL_OTHER_IN_MODULE : P11D_JOURNAL_OTHER_IN_HOST;
    p11d_journal_crash(journal, place, words);
}

static void say_hex(uintptr_t number)
{
    char digits[2 * sizeof number + 1];
    size_t i = sizeof digits - 1;
    digits[i] = '\0';
    do
        digits[--i] = "0123456789abcdef"[number & 15];
    while ((number >>= 4) != 0);
    say("0x");
    say(&digits[i]);
}

static void say_place(uintptr_t address)
{
    const Object *object = find(address);
    if (!object) {
        say(" at ");
        say_hex(address);
        return;
    }
    say(" in ");
    say(object->name);
    say("+");
    say_hex(address - object->base);
}

/* What asks the linker, and is more likely to fail. */
static void say_more(uintptr_t address)
{
    Dl_info info;
    bool mapped = dladdr((void *)address, &info) != 0;
    if (!mapped && find(address)) {
        say(", which is unmapped");
        return;
    }
    if (mapped && !find(address)) { /* it is being loaded */
        say(": ");
        say(base_name(info.dli_fname));
        say("+");
        say_hex(address - (uintptr_t)info.dli_fbase);
    }
    if (mapped && info.dli_sname) {
        say(" (");
        say(info.dli_sname);
        say(")");
    }
}

/* The innermost address that is not in what the host brought; else the innermost. */
static uintptr_t blame(uintptr_t address)
{
    const Object *object = find(address);
    if (!object || !object->ours)
        return address;
    void *frames[MAX_FRAMES];
    int count = backtrace(frames, MAX_FRAMES);
    for (int i = 0; i < count; i++) {
        uintptr_t frame = (uintptr_t)frames[i] - 1; /* it returns behind the call */
        object = find(frame);
        if (object && !object->ours)
            return frame;
    }
    return address;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)info;
    bool hangs = number == P11D_CRASH_WHERE;
    words[0] = '\0';
    say(hangs ? "hangs" : p11d_crash_signal_name(number));
    size_t length = strlen(words);
    uintptr_t address = instruction(context);
    say_place(address);
    publish(address);
    words[length] = '\0';
    address = blame(address);
    say_place(address);
    say_more(address);
    publish(address);
    if (hangs)
        _exit(0);
    /* The handler is gone: this time it takes the process with it. */
    raise(number);
}

void p11d_crash_catch(P11dJournal *where)
{
    journal = where;
    program = getpid();
    catching_begins = true;
    p11d_crash_remember();
    catching_begins = false;
    void *frame[1];
    backtrace(frame, 1); /* loads what it needs while there is no trouble yet */
    /* A stack that has run over has no room for a handler. */
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_signal};
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER;
    for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
        sigaction(caught[i], &action, NULL);
}

const char *p11d_crash_signal_name(int number)
{
    /* sigabbrev_np knows them all, without "SIG"; these are those that crashes are made of. */
    static const struct {
        int number;
        const char *name;
    } names[] = {
        {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},   {SIGFPE, "SIGFPE"},
        {SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}, {SIGSYS, "SIGSYS"},   {SIGKILL, "SIGKILL"},
        {SIGPIPE, "SIGPIPE"}, {SIGTERM, "SIGTERM"}, {SIGALRM, "SIGALRM"}, {SIGXFSZ, "SIGXFSZ"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return "a signal";
}
