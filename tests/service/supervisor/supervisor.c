// SPDX-License-Identifier: MIT
/* The service as a whole: supervisor, real workers, a real bus. */
#include "supervisor.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(supervisor, .fini = stop);

static void expect_gone(GArray *pids)
{
    for (guint i = 0; i < pids->len; i++)
        cr_assert_eq(kill(g_array_index(pids, GPid, i), 0), -1, "a worker is left");
}

Test(supervisor, a_key_signs_over_channels_and_on_the_bus)
{
    P11dChannel manager, control, call, direct;
    fixture_run(&fixture, "demo");
    fixture_sign_on_bus(&fixture, NULL, "demo");
    fixture_open_manager(&fixture, &manager);
    fixture_open_over(&manager, TOKEN_PATH("demo"), &control);
    p11d_channel_clear(&manager); /* clients live on without it */
    fixture_sign_over(&fixture, &control, "demo");
    fixture_open_over(&control, TOKEN_PATH("demo"), &call);
    fixture_sign_over(&fixture, &call, "demo");
    fixture_open_channel(fixture.bus, TOKEN_PATH("demo"), &p11d_interface_token, &direct);
    fixture_sign_over(&fixture, &direct, "demo");
    p11d_channel_clear(&direct);
    p11d_channel_clear(&call);
    p11d_channel_clear(&control);
}

static void use_everything(void)
{
    P11dChannel manager, control;
    GDBusConnection *caller = fixture_connect(&fixture);
    fixture_open_channel(caller, P11D_ROOT_PATH, &p11d_interface_manager, &manager);
    fixture_open_over(&manager, TOKEN_PATH("demo"), &control);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        fixture_call(&fixture, caller, TOKEN_PATH("demo"), &p11d_interface_token, "ListObjects",
                     g_variant_new("(t)", 0), &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    g_dbus_connection_close_sync(caller, NULL, NULL);
    g_object_unref(caller);
    p11d_channel_clear(&manager);
    p11d_channel_clear(&control);
}

Test(supervisor, descriptors_do_not_leak)
{
    fixture_run(&fixture, "demo");
    use_everything();
    GPid worker = fixture_worker(&fixture, "demo");
    /* What is kept for a caller that left ends a moment later. */
    guint before = G_MAXUINT, worker_before = G_MAXUINT;
    for (int i = 0; i < 100; i++) {
        before = MIN(before, fixture_descriptors(fixture.service_pid));
        worker_before = MIN(worker_before, fixture_descriptors(worker));
        g_variant_unref(fixture_managed_objects(&fixture));
    }
    for (int i = 0; i < 100; i++)
        use_everything();
    while (fixture_descriptors(fixture.service_pid) > before ||
           fixture_descriptors(worker) > worker_before)
        g_variant_unref(fixture_managed_objects(&fixture));
}

Test(supervisor, sigterm_ends_it_with_no_process_left)
{
    P11dChannel manager;
    P11dMessage message;
    P11dStatus status;
    fixture_run(&fixture, "demo other");
    fixture_open_manager(&fixture, &manager);
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    cr_assert_eq(workers->len, 2);
    int wait_status = fixture_end_service(&fixture, SIGTERM);
    cr_assert(WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0);
    expect_gone(workers);
    do
        status = p11d_channel_receive(&manager, p11d_deadline_in(60000), &message);
    while (status == P11D_OK);
    cr_assert_eq(status, P11D_CLOSED);
    p11d_channel_clear(&manager);
}

Test(supervisor, a_name_that_is_taken_is_an_error)
{
    fixture_run(&fixture, "demo");
    int status = fixture_run_another(&fixture, "other");
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

Test(supervisor, workers_end_when_the_supervisor_is_killed)
{
    fixture_run(&fixture, "demo other");
    cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    cr_assert_eq(workers->len, 2);
    fixture_end_service(&fixture, SIGKILL);
    for (guint i = 0; i < workers->len; i++) {
        int status;
        GPid worker = g_array_index(workers, GPid, i);
        cr_assert_eq(waitpid(worker, &status, 0), worker);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    }
}

Test(supervisor, a_bus_that_goes_away_ends_the_service_with_an_error)
{
    fixture_run(&fixture, "demo");
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    int status = fixture_end_bus(&fixture);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    expect_gone(workers);
}

Test(supervisor, a_bus_that_cannot_be_reached_is_an_error)
{
    static const P11dSupervisorDirectory none[] = {{0}};
    g_autoptr(GError) error = NULL;
    P11dSupervisorOptions options = {.bus = "unix:path=/nonexistent", .directories = none};
    fixture_run(&fixture, ""); /* no directory is no error */
    cr_assert_not(p11d_supervisor_run(&options, &error));
    cr_assert_not_null(strstr(error->message, "/nonexistent"), "%s", error->message);
}
