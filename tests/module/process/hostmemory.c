// SPDX-License-Identifier: MIT
#include "hostmemory.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static size_t page;
static char *pages; /* two that can be read, between two that cannot */
static char copy[3 * 65536];

static void make_pages(void)
{
    page = (size_t)sysconf(_SC_PAGESIZE);
    char *all = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pages = all + page;
    cr_assert_eq(mprotect(pages, 2 * page, PROT_READ | PROT_WRITE), 0);
    for (size_t i = 0; i < 2 * page; i++)
        pages[i] = (char)(i * 7);
}

/* Lets process_vm_readv fail with error, as sandboxes do; 0: leaves it alone. */
static void forbid(int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    if (error == 0)
        return;
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    struct iovec nothing = {0};
    cr_assert_eq(process_vm_readv(getpid(), &nothing, 1, &nothing, 1, 0), -1);
    cr_assert_eq(errno, error);
}

TestSuite(hostmemory, .init = make_pages);

/* Nothing, EPERM or ENOSYS for process_vm_readv. */
ParameterizedTestParameters(hostmemory, copies_what_is_there)
{
    static int errors[] = {0, EPERM, ENOSYS};
    return cr_make_param_array(int, errors, 3);
}

ParameterizedTest(const int *error, hostmemory, copies_what_is_there)
{
    forbid(*error);
    const struct {
        const char *address;
        size_t size;
        ssize_t expected;
    } rows[] = {
        {pages, 2 * page, (ssize_t)(2 * page)},
        {pages, 3 * page, (ssize_t)(2 * page)},
        {pages + 3, 2 * page - 3, (ssize_t)(2 * page - 3)},
        {pages + page - 1, 2, 2},
        {pages + 2 * page - 1, 1, 1},
        {pages + 2 * page - 5, 4097, 5},
        {pages + 2 * page, 1, 0},
        {pages - 1, 2, 0},
        {pages, 0, 0},
        {NULL, 1, 0},
        {(const char *)1, 4097, 0},
        {(const char *)0xfff, 4097, 0},
        {(const char *)(uintptr_t)0x12345678, 1, 0},
        {(const char *)UINTPTR_MAX, 4097, 0},
        {(const char *)(UINTPTR_MAX / 2), 4097, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(copy, 0x55, sizeof copy);
        const ssize_t copied = p11d_hostmemory_copy(rows[i].address, copy, rows[i].size);
        cr_assert_eq(copied, rows[i].expected, "row %zu: %zd", i, copied);
        if (copied > 0)
            cr_assert_arr_eq(copy, rows[i].address, (size_t)copied);
        cr_assert_eq(copy[copied], 0x55);
    }
}

Test(hostmemory, trap_running_out_is_an_answer__descriptors_of_the_host)
{
    forbid(EPERM);
    const int before = dup(0);
    close(before);
    cr_assert_eq(p11d_hostmemory_copy(pages, copy, page), (ssize_t)page);
    cr_assert_eq(p11d_hostmemory_copy(NULL, copy, page), 0);
    const int after = dup(0);
    cr_assert_eq(after, before);
    const struct rlimit none = {(rlim_t)after, (rlim_t)after};
    close(after);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    cr_assert_eq(p11d_hostmemory_copy(pages, copy, page), -1);
    cr_assert_eq(errno, EMFILE);
}
