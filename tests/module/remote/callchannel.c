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

TestSuite(callchannel, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

typedef struct Caller {
    pthread_t thread;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    CK_RV value;
} Caller;

static void *call(void *data)
{
    Caller *caller = data;
    CK_BYTE result[512];
    CK_ULONG result_size;
    caller->value =
        stage_sign(&stage, caller->session, CKM_ECDSA, caller->key, result, &result_size);
    return NULL;
}

Test(callchannel, who_is_allowed_no_more_channels_waits_for_one)
{
    Caller callers[3];
    const CK_SESSION_HANDLE session = begin("Sign=hang");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_order(&stage, "OpenChannel=org.freedesktop.DBus.Error.LimitsExceeded");
    for (int i = 0; i < 3; i++) {
        callers[i] = (Caller){.session = stage_session(&stage), .key = key};
        pthread_create(&callers[i].thread, NULL, call, &callers[i]);
    }
    for (unsigned i = 1; i <= 3; i++) {
        while (stage_count(&stage, "Sign") < i)
            stage_order(&stage, "Sign=hang");
        stage_order(&stage, "release");
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(callers[i].thread, NULL);
        stage_expect(CKR_FUNCTION_FAILED, callers[i].value);
    }
}
