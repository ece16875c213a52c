// SPDX-License-Identifier: MIT
#include "fork.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptor.h"
#include "life.h"
#include "lock.h"

/* What is written on the page that children find wiped. Where the kernel cannot wipe, the mark is
 * an ordinary variable and getpid(2) tells a child from its parent. */
enum { WIPED = 0, RENEWING = 1, OURS = 2 };

static atomic_int ordinary_mark;
static atomic_int *mark; /* NULL until prepared */
static _Atomic pid_t owner;

static void before_fork(void)
{
    p11d_lock_take();
    p11d_descriptor_before_fork();
}

static void after_fork_in_parent(void)
{
    p11d_descriptor_after_fork_in_parent();
    p11d_lock_give();
}

static void after_fork_in_child(void)
{
    p11d_descriptor_after_fork_in_child();
    p11d_lock_renew();
    p11d_life_forget();
    atomic_store(&owner, getpid());
    atomic_store(mark, OURS);
}

static void prepare(void)
{
    void *page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED && madvise(page, (size_t)sysconf(_SC_PAGESIZE), MADV_WIPEONFORK) == 0)
        mark = page;
    else
        mark = &ordinary_mark;
    atomic_store(&owner, getpid());
    atomic_store(mark, OURS);
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

void p11d_fork_look(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    if (mark == &ordinary_mark && atomic_load(&owner) != getpid()) {
        int ours = OURS;
        atomic_compare_exchange_strong(mark, &ours, WIPED);
    }
    int wiped = WIPED;
    if (atomic_load_explicit(mark, memory_order_acquire) == OURS)
        return;
    if (atomic_compare_exchange_strong(mark, &wiped, RENEWING))
        after_fork_in_child();
    while (atomic_load(mark) != OURS)
        sched_yield(); /* another thread of this child is at it, and waits for nothing */
}
