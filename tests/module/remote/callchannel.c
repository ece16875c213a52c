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

static void *log_in(void *data)
{
    Caller *caller = data;
    caller->value = m->C_Login(caller->session, CKU_USER, (CK_BYTE *)"1234", 4);
    return NULL;
}

static void *connect_to_service(void *data)
{
    Caller *caller = data;
    CK_ULONG count;
    caller->value = m->C_GetSlotList(CK_TRUE, NULL, &count);
    return NULL;
}

/* Has a thread do it while the service keeps silent about that method. */
static void start_hanging(Caller *caller, const char *method, void *(*run)(void *caller))
{
    g_autofree char *fault = g_strdup_printf("%s=hang", method);
    stage_order(&stage, fault);
    cr_assert_eq(pthread_create(&caller->thread, NULL, run, caller), 0);
    while (stage_count(&stage, method) < 1)
        stage_order(&stage, fault);
}

static CK_RV end_hanging(Caller *caller)
{
    stage_order(&stage, "release");
    pthread_join(caller->thread, NULL);
    return caller->value;
}

Test(callchannel, trap_no_lock_held_on_the_wire, .timeout = 120)
{
    CK_BYTE bytes[64];
    CK_ULONG size = sizeof bytes;
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    Caller caller = {.session = begin("")};
    caller.key = stage_find(&stage, caller.session, CKO_PRIVATE_KEY, "ec");
    start_hanging(&caller, "Sign", call);
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_Digest(session, bytes, 1, bytes, &size));
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, session), 5);
    stage_ok(m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    stage_ok(m->C_Logout(session));
    stage_ok(m->C_CloseSession(session));
    stage_expect(CKR_FUNCTION_FAILED, end_hanging(&caller));
}

Test(callchannel, trap_no_lock_held_on_the_wire__by_a_login, .timeout = 120)
{
    CK_BYTE signature[512];
    CK_ULONG size;
    Caller caller = {.session = begin("")};
    const CK_OBJECT_HANDLE key = stage_find(&stage, caller.session, CKO_PRIVATE_KEY, "ec");
    start_hanging(&caller, "Login", log_in);
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_expect(CKR_FUNCTION_FAILED, end_hanging(&caller));
}

Test(callchannel, trap_no_lock_held_on_the_wire__while_it_connects, .timeout = 120)
{
    CK_INFO info;
    CK_SESSION_INFO session_info;
    Caller caller;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    start_hanging(&caller, "OpenChannel", connect_to_service);
    stage_ok(m->C_GetInfo(&info));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetSessionInfo(1, &session_info));
    stage_expect(CKR_CRYPTOKI_ALREADY_INITIALIZED, stage_initialize(&stage, ""));
    stage_order(&stage, "calm");
    stage_ok(end_hanging(&caller));
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
