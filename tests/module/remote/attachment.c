// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE signature[512];
static CK_BYTE pin[] = "1234";
static CK_ULONG size;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(attachment, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(attachment, trap_restart_keeps_sessions__without_login)
{
    const CK_SESSION_HANDLE session = begin("run=1");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_stop(&stage);
    stage_start(&stage, "run=2"); /* other ids: the fake refuses those of run 1 */
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"), key);
}

Test(attachment, the_same_run_goes_on_silently)
{
    const CK_SESSION_HANDLE session = begin("run=7");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_stop(&stage);
    stage_start(&stage, "run=7");
    const unsigned lists = stage_count(&stage, "ListObjects");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "ListObjects"), lists, "its ids are the same");
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"), key);
}

Test(attachment, without_a_run_every_connection_is_another)
{
    const CK_SESSION_HANDLE session = begin("run=0");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_stop(&stage);
    stage_start(&stage, "run=0");
    const unsigned lists = stage_count(&stage, "ListObjects");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "ListObjects"), lists + 1);
}

Test(attachment, trap_restart_keeps_sessions__but_those_with_a_login)
{
    CK_SESSION_INFO info;
    const CK_SESSION_HANDLE session = begin("run=1");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_stop(&stage);
    stage_start(&stage, "run=1");
    stage_expect(CKR_SESSION_HANDLE_INVALID,
                 stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetSessionInfo(session, &info));
    const CK_SESSION_HANDLE another = stage_session(&stage);
    stage_ok(m->C_Login(another, CKU_USER, pin, 4));
    stage_ok(stage_sign(&stage, another, CKM_ECDSA,
                        stage_find(&stage, another, CKO_PRIVATE_KEY, "ec"), signature, &size));
}

Test(attachment, trap_restart_keeps_sessions__but_no_search_with_a_login)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_search(&stage, session), 5);
    stage_stop(&stage);
    stage_start(&stage, "");
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_FindObjectsInit(session, NULL, 0));
}

Test(attachment, trap_errors_by_scope__a_service_that_dies)
{
    const CK_SESSION_HANDLE session = begin("Sign=die");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_expect(CKR_DEVICE_ERROR, stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    stage_stop(&stage);
    stage_start(&stage, "run=2");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

Test(attachment, trap_errors_by_scope__a_service_that_is_gone)
{
    CK_ULONG count;
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_stop(&stage);
    stage_expect(CKR_DEVICE_REMOVED, stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_expect(CKR_DEVICE_REMOVED, stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_start(&stage, "run=3");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

Test(attachment, trap_foreign_descriptor_is_not_touched)
{
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    const int kept[] = {stage.commands, stage.replies};
    const int low = kept[0] < kept[1] ? kept[0] : kept[1];
    const int high = kept[0] < kept[1] ? kept[1] : kept[0];
    close_range((unsigned)high + 1, ~0U, 0);
    /* Files of the host now have the numbers that our sockets had. */
    int files[16];
    for (int i = 0; i < 16; i++)
        files[i] = open(stage.log, O_RDONLY | O_CLOEXEC);
    cr_assert_gt(files[0], low);
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_ok(m->C_Finalize(NULL));
    for (int i = 0; i < 16; i++)
        cr_assert_eq(close(files[i]), 0, "closed by the module");
}

Test(attachment, without_channels_calls_go_over_the_bus)
{
    const CK_SESSION_HANDLE session = begin("channels=no");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    const unsigned messages = stage_count(&stage, "Sign");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), messages + 1);
    stage_stop(&stage);
    stage_start(&stage, "channels=no run=2");
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"), key);
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

Test(attachment, channels_that_are_not_wanted_are_not_opened)
{
    CK_BYTE another[512];
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, "channels=no"));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_expect(CKR_FUNCTION_REJECTED, m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 0, "a PIN is never sent on the bus");
    stage_stop(&stage);
    stage_start(&stage, "run=2");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, another, &size));
    cr_assert_arr_eq(another, signature, size);
    cr_assert_eq(stage_count(&stage, "Sign"), 2);
    cr_assert_eq(stage_count(&stage, "OpenChannel"), 0);
}
