// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(order, .init = open_stage, .fini = close_stage);

Test(order, random_bytes_come_without_a_message)
{
    CK_BYTE first[64] = {0};
    CK_BYTE second[64] = {0};
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const unsigned messages = stage_count(&stage, "");
    stage_ok(m->C_GenerateRandom(session, first, sizeof first));
    stage_ok(m->C_GenerateRandom(session, second, sizeof second));
    cr_assert_arr_neq(first, second, sizeof first);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GenerateRandom(session, NULL, 1));
    cr_assert_eq(stage_count(&stage, ""), messages);
}

/* From here on the kernel gives this process no random bytes. */
static void forbid_random(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = G_N_ELEMENTS(rules), .filter = rules};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    cr_assert_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

Test(order, random_bytes_come_from_the_token_where_the_kernel_may_not_be_asked)
{
    CK_BYTE bytes[64] = {0};
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    forbid_random();
    stage_ok(m->C_GenerateRandom(session, bytes, sizeof bytes));
    cr_assert_eq(stage_count(&stage, "GenerateRandom"), 1);
    for (CK_BYTE i = 0; i < sizeof bytes; i++)
        cr_assert_eq(bytes[i], i + 1, "as the service made them");
    stage_order(&stage, "GenerateRandom=size");
    stage_expect(CKR_DEVICE_ERROR, m->C_GenerateRandom(session, bytes, sizeof bytes));
    stage_order(&stage, "GenerateRandom=absent");
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_GenerateRandom(session, bytes, sizeof bytes));
    stage_ok(m->C_GenerateRandom(session, NULL, 0));
}

Test(order, trap_sizes_are_bounded__many_random_bytes)
{
    const CK_ULONG size = (16UL << 20) + 5;
    CK_BYTE *bytes = g_malloc0(size);
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    forbid_random();
    stage_ok(m->C_GenerateRandom(session, bytes, size));
    cr_assert_eq(stage_count(&stage, "GenerateRandom"), 2);
    for (CK_ULONG i = 0; i < size; i++)
        cr_assert_eq(bytes[i], (CK_BYTE)(i + 1));
    g_free(bytes);
}
