// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE pin[] = "1234";

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(connect, .init = open_stage, .fini = close_stage);

Test(connect, channels_that_are_not_wanted_and_a_service_that_the_bus_starts)
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

Test(connect, trap_errors_by_scope__a_refusal)
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

Test(connect, trap_no_connection_on_load__nor_in_initialize)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    CK_INFO info;
    stage_ok(m->C_GetInfo(&info));
    cr_assert_eq(stage_count(&stage, ""), 0);
}

Test(connect, the_bus_may_start_the_service)
{
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
}

Test(connect, autostart_no_starts_nothing)
{
    CK_ULONG count = 99;
    stage_offer(&stage);
    stage_ok(stage_initialize(&stage, "autostart=no"));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
}

Test(connect, autostart_keys_starts_the_service_of_a_user_who_has_keys)
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

Test(connect, trap_every_wait_has_a_deadline)
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
