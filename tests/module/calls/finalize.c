// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <pthread.h>

#include "stage.h"

#define THREADS 12 /* more than there are channels to one token */

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

TestSuite(finalize, .init = open_stage, .fini = close_stage);

typedef struct Caller {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV value;
} Caller;

static void *call(void *data)
{
    Caller *caller = data;
    CK_BYTE signature[512];
    CK_ULONG size;
    caller->value = stage_sign(&stage, caller->session, CKM_ECDSA, caller->key, signature, &size);
    return NULL;
}

Test(finalize, trap_finalize_wakes_calls)
{
    Caller callers[THREADS];
    stage_start(&stage, "Sign=hang");
    stage_ok(stage_initialize(&stage, ""));
    for (int i = 0; i < THREADS; i++) {
        callers[i].session = stage_session(&stage);
        callers[i].key = stage_find(&stage, callers[i].session, CKO_PRIVATE_KEY, "ec");
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
    while (stage_count(&stage, "Sign") < 8)
        stage_order(&stage, "Sign=hang");
    stage_ok(m->C_Finalize(NULL));
    stage_order(&stage, "Sign=hang"); /* what happened before is handled before */
    cr_assert_eq(stage_count(&stage, "hangup control"), 1, "not when their time is over");
    for (int i = 0; i < THREADS; i++) {
        pthread_join(callers[i].thread, NULL);
        stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, callers[i].value);
    }
    cr_assert_eq(stage_count(&stage, "Sign"), 8, "a ninth caller waits for a channel");
    stage_order(&stage, "calm");
    stage_ok(stage_initialize(&stage, ""));
    stage_session(&stage);
}

static void *connect_to_nobody(void *data)
{
    CK_ULONG count;
    *(CK_RV *)data = m->C_GetSlotList(CK_TRUE, NULL, &count);
    return NULL;
}

Test(finalize, wakes_a_call_that_connects)
{
    pthread_t thread;
    CK_RV value = CKR_OK;
    stage_start(&stage, "OpenChannel=hang");
    stage_ok(stage_initialize(&stage, ""));
    pthread_create(&thread, NULL, connect_to_nobody, &value);
    while (stage_count(&stage, "OpenChannel") < 1)
        stage_order(&stage, "OpenChannel=hang");
    stage_ok(m->C_Finalize(NULL));
    pthread_join(thread, NULL);
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, value);
}

Test(finalize, a_session_may_be_closed_under_a_call)
{
    Caller caller;
    CK_SESSION_INFO info;
    stage_start(&stage, "Sign=hang");
    stage_ok(stage_initialize(&stage, ""));
    caller.session = stage_session(&stage);
    caller.key = stage_find(&stage, caller.session, CKO_PRIVATE_KEY, "ec");
    pthread_create(&caller.thread, NULL, call, &caller);
    while (stage_count(&stage, "Sign") < 1)
        stage_order(&stage, "Sign=hang");
    CK_BYTE signature[512];
    CK_ULONG size = sizeof signature;
    stage_expect(CKR_OPERATION_ACTIVE, m->C_Sign(caller.session, signature, 32, signature, &size));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_SignInit(caller.session, NULL, 0));
    stage_ok(m->C_CloseSession(caller.session));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetSessionInfo(caller.session, &info));
    stage_stop(&stage);
    pthread_join(caller.thread, NULL);
    stage_expect(CKR_DEVICE_ERROR, caller.value);
}
