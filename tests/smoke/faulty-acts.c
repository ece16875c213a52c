// SPDX-License-Identifier: MIT
/* The faults of the faulty module that need nothing but a moment: what C_Initialize does beyond its
 * duty. */
#include "faulty.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_t thread;
static int opened = -1;

bool faulty_is(const char *fault)
{
    const char *chosen = getenv("FAULT");
    return chosen && strcmp(chosen, fault) == 0;
}

/* A symbol for the reports of crashes. */
void faulty_crash(void)
{
    static volatile int *volatile nowhere;
    *nowhere = 1;
}

void faulty_pass_time(long milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    while (nanosleep(&left, &left) != 0)
        continue;
}

/* --- threads --- */

static volatile bool ending;

static void *wait_for_ever(void *data)
{
    for (;;)
        pause();
    return data;
}

static void *come_back_often(void *data)
{
    while (!ending)
        faulty_pass_time(20);
    return data;
}

static void start_thread(void *(*function)(void *))
{
    ending = false;
    pthread_create(&thread, NULL, function, NULL);
}

static void at_thread_end(void *data)
{
    free(data);
}

static void use_thread_key(void)
{
    pthread_key_t key;
    if (pthread_key_create(&key, at_thread_end) == 0)
        pthread_setspecific(key, malloc(1));
}

/* --- what C_Initialize does beyond its duty --- */

static void on_signal(int number)
{
    (void)number;
}

static void leak_mapping(void)
{
    (void)mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void leak_memory(void)
{
    *(volatile char *)malloc(100000) = 1;
}

static void leak_descriptor(void)
{
    (void)open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void block_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void close_all(void)
{
    close_range(0, ~0U, 0);
}

static void write_much(void)
{
    static char piece[1 << 20];
    memset(piece, 'x', sizeof piece);
    for (int i = 0; i < 64; i++)
        if (write(1, piece, sizeof piece) < 0 || write(2, piece, sizeof piece) < 0)
            return;
}

static void print_report(void)
{
    static const char report[] = "\nfail all is lost\ncrash SIGSEGV\ndone\n{\"schema\":1}\n";
    for (int fd = 0; fd < 64; fd++)
        if (write(fd, report, sizeof report - 1) < 0)
            continue;
}

/* Children that stay: in the process group and outside of it. */
static void leave_children(void)
{
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            if (i > 1)
                setsid();
            if (i > 2 && fork() > 0)
                _exit(0);
            execlp("sleep", "sleep", "86412", (char *)NULL);
            _exit(1);
        }
}

static void kill_parent(void)
{
    kill(getppid(), SIGKILL);
    pause();
}

static void kill_group(void)
{
    kill(0, SIGKILL);
}

static void exit_now(void)
{
    _exit(0);
}

static void abort_now(void)
{
    abort();
}

static void hang(void)
{
    pause();
}

static void hang_and_block(void)
{
    block_signals();
    pause();
}

static void say_hello(void)
{
    printf("Welcome!\n");
    fflush(stdout);
}

static void move_cursor(void)
{
    printf("\033[31mred\033[0m\n");
    fflush(stdout);
}

static void complain(void)
{
    fprintf(stderr, "no device\n");
}

static void open_for_all(void)
{
    opened = open("/dev/null", O_RDONLY);
}

static void stay(void)
{
    Dl_info self;
    if (dladdr((void *)stay, &self))
        (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void set_umask(void)
{
    umask(0);
}

static void change_directory(void)
{
    if (chdir("/") != 0)
        perror("/");
}

static void set_locale(void)
{
    setlocale(LC_ALL, "");
}

static void set_environment(void)
{
    setenv("FAULTY", "1", 1);
}

static void handle_signal(void)
{
    signal(SIGUSR1, on_signal);
}

static void ignore_signal(void)
{
    signal(SIGPIPE, SIG_IGN);
}

static void start_idle_thread(void)
{
    start_thread(wait_for_ever);
}

static void start_busy_thread(void)
{
    start_thread(come_back_often);
}

static void take_long(void)
{
    faulty_pass_time(1100);
}

static const struct {
    const char *fault;
    void (*act)(void);
} acts[] = {
    {"threads-after-finalize", start_idle_thread},
    {"unload-crash", start_busy_thread},
    {"unload-crash:key", use_thread_key},
    {"unload-without-finalize", start_busy_thread},
    {"descriptor-leak", leak_descriptor},
    {"mapping-leak", leak_mapping},
    {"memory-leak", leak_memory},
    {"stays-mapped", stay},
    {"output", say_hello},
    {"output:escape", move_cursor},
    {"output:stderr", complain},
    {"output:much", write_much},
    {"close-on-exec", open_for_all},
    {"times", take_long},
    {"process-state", set_umask},
    {"process-state:directory", change_directory},
    {"process-state:locale", set_locale},
    {"process-state:environment", set_environment},
    {"process-state:handler", handle_signal},
    {"process-state:ignored", ignore_signal},
    {"process-state:blocked", block_signals},
    {"wild:crash", faulty_crash},
    {"wild:abort", abort_now},
    {"wild:exit", exit_now},
    {"wild:kill-parent", kill_parent},
    {"wild:kill-group", kill_group},
    {"wild:hang", hang},
    {"wild:hang-blocked", hang_and_block},
    {"wild:close-all", close_all},
    {"wild:report", print_report},
    {"wild:children", leave_children},
};

void faulty_act(void)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (faulty_is(acts[i].fault))
            acts[i].act();
}

void faulty_undo(void)
{
    if (opened >= 0)
        close(opened);
    opened = -1;
    if (faulty_is("unload-without-finalize")) {
        ending = true;
        pthread_join(thread, NULL);
    }
}
