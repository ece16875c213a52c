// SPDX-License-Identifier: MIT
/*
 * p11dbus-unload-probe: a host that is less careful than p11dbus is. It does with a PKCS#11 module
 * what its arguments say, step by step, closes it with dlclose among them, and tells how each step
 * went. It is a program of its own because a bad module takes it down, and it links libc alone, so
 * that what it sees is the module's doing.
 *
 * usage: p11dbus-unload-probe [--journal FD] [--reserved TEXT] MODULE STEP...
 *   --journal   the memory to tell it in (journal.h); default is standard output
 *   --reserved  for C_Initialize's pReserved
 *
 * A line for each step: "step NAME VALUE MICROSECONDS"; VALUE is a CKR_ value, or 0. Before it,
 * what the step found out: "WHAT TEXT".
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"
#include "journal.h"
#include "pkcs11.h"
#include "procstate.h"

/* How long a thread or a timer that was left behind gets to run into code that is gone. */
#define WAIT_MILLISECONDS 300
#define MAX_SLOTS 256

static struct {
    const char *module;
    const char *reserved;
    P11dJournal *journal;
    void *handle;
    CK_FUNCTION_LIST *functions;
    bool initialized;
    P11dProcstate before;
} probe;

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    p11d_journal_add(probe.journal, "%s", line);
}

static CK_RV load(void)
{
    probe.handle = dlopen(probe.module, RTLD_NOW | RTLD_LOCAL);
    if (!probe.handle) {
        tell("failed %s", dlerror());
        return CKR_GENERAL_ERROR;
    }
    p11d_crash_remember();
    void *symbol = dlsym(probe.handle, "C_GetFunctionList");
    CK_C_GetFunctionList get_function_list;
    memcpy(&get_function_list, &symbol, sizeof symbol);
    probe.functions = NULL;
    CK_RV rv = symbol ? get_function_list(&probe.functions) : CKR_GENERAL_ERROR;
    if (rv == CKR_OK && !probe.functions)
        rv = CKR_GENERAL_ERROR;
    if (rv != CKR_OK)
        tell("failed C_GetFunctionList");
    return rv;
}

static CK_RV initialize_with(CK_C_INITIALIZE_ARGS *arguments)
{
    arguments->pReserved = (void *)probe.reserved;
    CK_RV rv = probe.functions->C_Initialize(arguments);
    probe.initialized = rv == CKR_OK;
    return rv;
}

static CK_RV initialize(void)
{
    return initialize_with(&(CK_C_INITIALIZE_ARGS){.flags = CKF_OS_LOCKING_OK});
}

static CK_RV create_mutex(void **mutex)
{
    (void)mutex;
    return CKR_GENERAL_ERROR;
}

/* Some, but not all of the functions: that must not succeed. */
static CK_RV initialize_wrong(void)
{
    return initialize_with(&(CK_C_INITIALIZE_ARGS){.CreateMutex = create_mutex});
}

static CK_RV list_slots(CK_SLOT_ID slots[MAX_SLOTS], CK_ULONG *count)
{
    *count = MAX_SLOTS;
    if (!probe.initialized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    CK_RV rv = probe.functions->C_GetSlotList(CK_TRUE, slots, count);
    if (rv == CKR_OK && *count > MAX_SLOTS)
        rv = CKR_GENERAL_ERROR;
    return rv;
}

static CK_RV slots(void)
{
    CK_SLOT_ID some[MAX_SLOTS];
    CK_ULONG count;
    CK_RV rv = list_slots(some, &count);
    if (rv == CKR_OK)
        tell("tokens %lu", count);
    return rv;
}

static CK_RV search_in(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE objects[64];
    CK_ULONG count = 0;
    CK_RV rv = probe.functions->C_FindObjectsInit(session, NULL, 0);
    if (rv != CKR_OK)
        return rv;
    do
        rv = probe.functions->C_FindObjects(session, objects, 64, &count);
    while (rv == CKR_OK && count > 0 && count <= 64);
    CK_RV final = probe.functions->C_FindObjectsFinal(session);
    return rv == CKR_OK ? final : rv;
}

/* On the first token that is ready for it. */
static CK_RV search(void)
{
    CK_SLOT_ID some[MAX_SLOTS];
    CK_ULONG count;
    CK_RV rv = list_slots(some, &count);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
        CK_TOKEN_INFO info;
        if (probe.functions->C_GetTokenInfo(some[i], &info) != CKR_OK ||
            !(info.flags & CKF_TOKEN_INITIALIZED))
            continue;
        CK_SESSION_HANDLE session;
        rv = probe.functions->C_OpenSession(some[i], CKF_SERIAL_SESSION, NULL, NULL, &session);
        if (rv != CKR_OK)
            return rv;
        rv = search_in(session);
        CK_RV closed = probe.functions->C_CloseSession(session);
        return rv == CKR_OK ? closed : rv;
    }
    return rv == CKR_OK ? CKR_TOKEN_NOT_PRESENT : rv;
}

static CK_RV finalize(void)
{
    if (!probe.initialized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    probe.initialized = false;
    return probe.functions->C_Finalize(NULL);
}

/* C_Finalize although nothing was initialised. */
static CK_RV finalize_anyway(void)
{
    probe.initialized = false;
    return probe.functions->C_Finalize(NULL);
}

static CK_RV close_module(void)
{
    probe.initialized = false;
    probe.functions = NULL;
    return dlclose(probe.handle) == 0 ? CKR_OK : CKR_GENERAL_ERROR;
}

/* Is it still there after dlclose? */
static CK_RV mapped(void)
{
    void *handle = dlopen(probe.module, RTLD_NOW | RTLD_NOLOAD);
    tell("mapped %d", handle != NULL);
    return CKR_OK;
}

static CK_RV load_openssl(void)
{
    static const char *const names[] = {"libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"};
    void *library = NULL;
    for (size_t i = 0; !library && i < sizeof names / sizeof *names; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_GLOBAL);
    void *init = library ? dlsym(library, "OPENSSL_init_crypto") : NULL;
    void *random = library ? dlsym(library, "RAND_bytes") : NULL;
    if (!init || !random) {
        tell("missing OpenSSL");
        return CKR_GENERAL_ERROR;
    }
    int (*init_crypto)(uint64_t, const void *);
    int (*random_bytes)(unsigned char *, int);
    memcpy(&init_crypto, &init, sizeof init);
    memcpy(&random_bytes, &random, sizeof random);
    unsigned char bytes[16];
    return init_crypto(0, NULL) == 1 && random_bytes(bytes, sizeof bytes) == 1 ? CKR_OK
                                                                               : CKR_GENERAL_ERROR;
}

static CK_RV take_snapshot(void)
{
    p11d_procstate_clear(&probe.before);
    p11d_procstate_take(&probe.before);
    return CKR_OK;
}

static void tell_difference(const char *what, const char *text)
{
    tell("%s %s", what, text);
}

static CK_RV compare(void)
{
    P11dProcstate *after = malloc(sizeof *after);
    if (!after)
        return CKR_HOST_MEMORY;
    p11d_procstate_take(after);
    p11d_procstate_compare(&probe.before, after, tell_difference);
    p11d_procstate_clear(after);
    free(after);
    return CKR_OK;
}

static CK_RV measure(void)
{
    /* The heap first: counting the others must not count. */
    size_t heap = p11d_procstate_count_heap();
    tell("heap %zu", heap);
    tell("descriptors %zu", p11d_procstate_count_descriptors());
    tell("mappings %zu", p11d_procstate_count_mappings());
    return CKR_OK;
}

static CK_RV wait_a_while(void)
{
    struct timespec left = {0, WAIT_MILLISECONDS * 1000000L};
    while (nanosleep(&left, &left) != 0)
        continue;
    return CKR_OK;
}

/* A child that ends at once, with its exit handlers, as a host's child does; its end is a SIGCHLD.
 */
static CK_RV fork_child(void)
{
    pid_t child = fork();
    if (child < 0)
        return CKR_GENERAL_ERROR;
    if (child == 0)
        exit(0);
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        continue;
    if (!WIFSIGNALED(status))
        return CKR_OK;
    tell("child %s", p11d_crash_signal_name(WTERMSIG(status)));
    return CKR_GENERAL_ERROR;
}

typedef struct Step {
    const char *name;
    CK_RV (*run)(void);
    bool needs_module;
} Step;

static const Step steps[] = {
    {"load", load, false},
    {"initialize", initialize, true},
    {"initialize-wrong", initialize_wrong, true},
    {"slots", slots, true},
    {"search", search, true},
    {"finalize", finalize, true},
    {"finalize-anyway", finalize_anyway, true},
    {"close", close_module, true},
    {"mapped", mapped, false},
    {"openssl", load_openssl, false},
    {"snapshot", take_snapshot, false},
    {"compare", compare, false},
    {"measure", measure, false},
    {"wait", wait_a_while, false},
    {"fork", fork_child, false},
};

/* Not a step of its own: what stands before it runs in a thread that ends there, with all that is
 * kept for a thread, while the process goes on. */
#define LEAVE "leave"

static const Step *find_step(const char *name)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (strcmp(steps[i].name, name) == 0)
            return &steps[i];
    return NULL;
}

static long long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void run_step(const char *name)
{
    const Step *step = find_step(name);
    if (step->needs_module && !probe.functions)
        return;
    p11d_journal_enter(probe.journal, name);
    long long start = microseconds();
    CK_RV rv = step->run();
    tell("step %s %lu %lld", name, rv, microseconds() - start);
}

static void *run_steps(void *data)
{
    char **name = data;
    for (; *name && strcmp(*name, LEAVE) != 0; name++)
        run_step(*name);
    p11d_journal_enter(probe.journal, *name ? *name : "exit");
    return name;
}

static bool check_steps(char **names)
{
    for (; *names; names++)
        if (!find_step(*names) && strcmp(*names, LEAVE) != 0) {
            fprintf(stderr, "p11dbus-unload-probe: there is no step \"%s\"\n", *names);
            return false;
        }
    return true;
}

static bool has_leave(char **names)
{
    for (; *names; names++)
        if (strcmp(*names, LEAVE) == 0)
            return true;
    return false;
}

static bool run_script(char **names)
{
    void *rest = names;
    if (has_leave(names)) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run_steps, names) != 0)
            return false;
        pthread_join(thread, &rest);
        rest = (char **)rest + 1;
    }
    run_steps(rest);
    return true;
}

/* The journal behind the descriptor that text names; without one a journal that is printed. */
static bool open_journal(const char *text)
{
    int fd = -1;
    if (!text) {
        probe.journal = p11d_journal_new(&fd);
    } else {
        char *end;
        long number = strtol(text, &end, 10);
        fd = *text && *end == '\0' ? (int)number : -1;
        probe.journal = p11d_journal_map(fd);
    }
    if (!probe.journal) {
        perror("p11dbus-unload-probe: no journal");
        return false;
    }
    close(fd);
    return true;
}

int main(int argc, char **argv)
{
    const char *journal = NULL;
    char **argument = argv + 1;
    (void)argc;
    for (; *argument && argument[1] && strncmp(*argument, "--", 2) == 0; argument += 2) {
        if (strcmp(*argument, "--journal") == 0)
            journal = argument[1];
        else if (strcmp(*argument, "--reserved") == 0)
            probe.reserved = argument[1];
    }
    if (!*argument || !argument[1]) {
        fprintf(stderr,
                "usage: p11dbus-unload-probe [--journal FD] [--reserved TEXT] MODULE STEP...\n"
                "steps:");
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
            fprintf(stderr, " %s", steps[i].name);
        fprintf(stderr, " " LEAVE "\n");
        return 2;
    }
    probe.module = *argument++;
    if (!check_steps(argument) || !open_journal(journal))
        return 2;
    /* As in a program that knows nothing of signals. */
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    p11d_crash_catch(probe.journal);
    if (!run_script(argument))
        return 2;
    if (!journal)
        fputs(probe.journal->lines, stdout);
    tell("step exit 0 0");
    exit(0);
}
