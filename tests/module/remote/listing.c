// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <pthread.h>

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

TestSuite(listing, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(listing, after_the_first_it_sends_nothing_until_something_changed)
{
    const CK_SESSION_HANDLE session = begin("");
    cr_assert_eq(stage_search(&stage, session), 4);
    const unsigned messages = stage_count(&stage, "");
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    cr_assert_eq(stage_count(&stage, ""), messages);
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_count(&stage, ""), messages + 1);
    cr_assert_eq(stage_count(&stage, "ListObjects"), 2);
}

Test(listing, trap_reply_is_checked_before_use__a_list_of_objects)
{
    const CK_SESSION_HANDLE session = begin("ListObjects=type");
    stage_expect(CKR_DEVICE_ERROR, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "ListObjects=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "calm");
    cr_assert_eq(stage_search(&stage, session), 4);
}

Test(listing, without_channels_every_search_asks)
{
    const CK_SESSION_HANDLE session = begin("channels=no");
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_count(&stage, "ListObjects"), 3);
}

typedef struct Caller {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_ULONG found;
} Caller;

static void *search(void *data)
{
    Caller *caller = data;
    caller->found = stage_search(&stage, caller->session);
    return NULL;
}

Test(listing, one_thread_asks_for_all_that_wait)
{
    Caller callers[8];
    for (int i = 0; i < 8; i++)
        callers[i].session = i == 0 ? begin("") : stage_session(&stage);
    cr_assert_eq(stage_search(&stage, callers[0].session), 4);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(pthread_create(&callers[i].thread, NULL, search, &callers[i]), 0);
    for (int i = 0; i < 8; i++) {
        pthread_join(callers[i].thread, NULL);
        cr_assert_eq(callers[i].found, 4);
    }
    cr_assert_eq(stage_count(&stage, "ListObjects"), 1, "nothing has changed");
}

Test(listing, a_key_that_is_gone_is_no_handle)
{
    CK_ULONG size = 0;
    CK_BYTE value[8];
    CK_ATTRIBUTE vendor = {CKA_VENDOR_DEFINED | 77, value, sizeof value};
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    const CK_SESSION_HANDLE session = begin("run=1");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(m->C_SignInit(session, &ecdsa, key));
    stage_order(&stage, "Sign=org.p11dbus.Error.ObjectHandleInvalid");
    CK_BYTE signature[512];
    size = sizeof signature;
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_Sign(session, value, 8, signature, &size));
    stage_order(&stage, "GetAttributes=org.p11dbus.Error.ObjectHandleInvalid");
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(session, key, &vendor, 1));
}
