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

Test(attachment, after_a_restart_objects_are_bound_again)
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

Test(attachment, a_lost_login_ends_the_sessions_and_new_ones_work)
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

Test(attachment, a_lost_login_is_noticed_by_a_search_too)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_search(&stage, session), 5);
    stage_stop(&stage);
    stage_start(&stage, "");
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_FindObjectsInit(session, NULL, 0));
}

Test(attachment, a_service_that_dies_during_a_call)
{
    const CK_SESSION_HANDLE session = begin("Sign=die");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_expect(CKR_DEVICE_ERROR, stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    stage_stop(&stage);
    stage_start(&stage, "run=2");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

Test(attachment, a_service_that_is_gone_is_waited_for_once)
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

Test(attachment, descriptors_that_the_host_closed_are_not_touched)
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

Test(attachment, channels_that_are_not_wanted_and_a_service_that_the_bus_starts)
{
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, "channels=no"));
    stage_slot(&stage);
    stage_ok(m->C_Finalize(NULL));
    stage_ok(stage_initialize(&stage, "channels=no name=org.example.Nobody"));
    CK_ULONG count = 99;
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
}

Test(attachment, an_open_channel_that_is_refused_is_not_gone_around)
{
    CK_ULONG count = 99;
    stage_start(&stage, "OpenChannel=org.freedesktop.DBus.Error.AccessDenied");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    cr_assert_eq(stage_count(&stage, "GetManagedObjects"), 0);
    stage_order(&stage, "calm");
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_order(&stage, "OpenChannel=org.freedesktop.DBus.Error.AccessDenied");
    stage_expect(CKR_FUNCTION_REJECTED, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "OpenChannel=type");
    stage_expect(CKR_DEVICE_ERROR, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "calm");
    cr_assert_eq(stage_search(&stage, session), 4);
}

Test(attachment, lists_of_tokens_that_lie)
{
    CK_ULONG count = 99;
    stage_start(&stage, "GetManagedObjects=type");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_order(&stage, "calm");
    stage_slot(&stage);
}

Test(attachment, initialize_opens_nothing)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    CK_INFO info;
    stage_ok(m->C_GetInfo(&info));
    cr_assert_eq(stage_count(&stage, ""), 0);
}

Test(attachment, the_bus_may_start_the_service)
{
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
}

Test(attachment, autostart_no_starts_nothing)
{
    CK_ULONG count = 99;
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, "autostart=no"));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
}

Test(attachment, autostart_keys_starts_the_service_of_a_user_who_has_keys)
{
    CK_ULONG count = 99;
    g_autofree char *home = g_dir_make_tmp("p11dbus-home-XXXXXX", NULL);
    g_autofree char *directory = g_build_filename(home, "p11dbus", "keys", NULL);
    g_autofree char *parent = g_path_get_dirname(directory);
    g_autofree char *file = g_build_filename(directory, "a.key", NULL);
    g_setenv("XDG_DATA_HOME", home, TRUE);
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, "autostart=keys"));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_expect_eq(count, 0);
    cr_assert_eq(g_mkdir_with_parents(directory, 0700), 0);
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_expect_eq(count, 0);
    cr_assert(g_file_set_contents(file, "", 0, NULL));
    stage_slot(&stage);
    unlink(file);
    rmdir(directory);
    rmdir(parent);
    rmdir(home);
}

Test(attachment, a_silent_service_is_given_up)
{
    CK_ULONG count = 99;
    stage_start(&stage, "OpenChannel=hang");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_order(&stage, "calm");
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_order(&stage, "Logout=hang");
    stage_ok(m->C_CloseSession(session));
    stage_order(&stage, "calm");
    cr_assert_eq(stage_search(&stage, stage_session(&stage)), 4);
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

Test(attachment, who_is_allowed_no_more_channels_waits_for_one)
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
