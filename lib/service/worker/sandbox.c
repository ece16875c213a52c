// SPDX-License-Identifier: MIT
#include "sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#endif

#if defined(SYS_landlock_create_ruleset) && defined(LANDLOCK_ACCESS_FS_EXECUTE)

/* What each version of Landlock's interface added (landlock(7)), as numbers where the header of
 * this system may be older than its kernel. */
#define FS_1                                                                                       \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |  \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define FS_2_REFER (UINT64_C(1) << 13)
#define FS_3_TRUNCATE (UINT64_C(1) << 14)
#define FS_5_IOCTL_DEV (UINT64_C(1) << 15)
#define NET_4_TCP UINT64_C(3)
#define SCOPE_6_ALL UINT64_C(3) /* abstract sockets of others, signals to others */

/* What is done to files below a directory that may be written to. */
static void allow_writing(int ruleset, const char *path, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = handled & (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                     LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_3_TRUNCATE),
        .parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC),
    };
    if (rule.parent_fd < 0)
        return;
    syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(rule.parent_fd);
}

static void restrict_files_and_network(const char *writable)
{
    struct {
        uint64_t fs;
        uint64_t net;
        uint64_t scoped;
    } rules = {FS_1, 0, 0};
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return;
    rules.fs |= version >= 2 ? FS_2_REFER : 0;
    rules.fs |= version >= 3 ? FS_3_TRUNCATE : 0;
    rules.fs |= version >= 5 ? FS_5_IOCTL_DEV : 0;
    rules.net = version >= 4 ? NET_4_TCP : 0;
    rules.scoped = version >= 6 ? SCOPE_6_ALL : 0;

    size_t size = version >= 6   ? sizeof rules
                  : version >= 4 ? 2 * sizeof(uint64_t)
                                 : sizeof(uint64_t);
    long ruleset = syscall(SYS_landlock_create_ruleset, &rules, size, 0);
    if (ruleset < 0)
        return;
    /* Without a rule nothing of what is handled is allowed anywhere. */
    if (writable)
        allow_writing((int)ruleset, writable, rules.fs);
    syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
    close((int)ruleset);
}

#else
static void restrict_files_and_network(const char *writable)
{
    (void)writable;
}
#endif

static void close_above(int last)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, (unsigned)last + 1, ~0U, 0) == 0)
        return;
#endif
    for (int fd = last + 1; fd < 1024; fd++)
        close(fd);
}

/* Every channel is a descriptor. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void p11d_sandbox_enter(int last, const char *writable)
{
    static const struct rlimit none = {0, 0};
    close_above(last);
    umask(077);
    /* The terminal's signals are for the supervisor: when it ends, the link hangs up. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    setrlimit(RLIMIT_CORE, &none);
    raise_descriptor_limit();
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    restrict_files_and_network(writable);
}

void p11d_sandbox_relax(void)
{
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
