// SPDX-License-Identifier: MIT
#include "provider.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fixture.h"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(provider, .fini = stop);

/* Waits for a signal on a manager channel. */
static void expect_signal(P11dChannel *manager, const char *member, const char *path)
{
    P11dMessage message;
    const char *of;
    cr_assert_eq(p11d_channel_receive(manager, p11d_deadline_in(60000), &message), P11D_OK);
    cr_assert_eq(message.type, P11D_MESSAGE_SIGNAL);
    cr_assert_str_eq(message.member, member);
    cr_assert(p11d_reader_object_path(&message.body, &of));
    cr_assert_str_eq(of, path);
}

Test(provider, a_killed_worker_comes_back_and_others_notice_nothing)
{
    P11dChannel manager, control, after;
    fixture_run(&fixture, "demo other");
    fixture_open_manager(&fixture, &manager);
    fixture_open_over(&manager, TOKEN_PATH("other"), &control);
    for (int i = 0; i < 3; i++) {
        kill(fixture_worker(&fixture, "demo"), SIGKILL);
        expect_signal(&manager, "InterfacesRemoved", TOKEN_PATH("demo"));
        fixture_sign_over(&fixture, &control, "other");
        expect_signal(&manager, "InterfacesAdded", TOKEN_PATH("demo"));
        fixture_open_over(&manager, TOKEN_PATH("demo"), &after);
        fixture_sign_over(&fixture, &after, "demo");
        fixture_sign_on_bus(&fixture, NULL, "demo");
        p11d_channel_clear(&after);
    }
    p11d_channel_clear(&control);
    p11d_channel_clear(&manager);
}

static void expect_logged(const char *text)
{
    g_autofree char *log = fixture_log(&fixture);
    cr_assert_not_null(strstr(log, text), "not said: %s", text);
}

static void sign_with(const char *name)
{
    P11dChannel control;
    g_autofree char *path = g_strdup_printf(P11D_TOKENS_PATH "/%s", name);
    fixture_open_channel(fixture.bus, path, &p11d_interface_token, &control);
    fixture_sign_over(&fixture, &control, name);
    p11d_channel_clear(&control);
}

/* Each side tells before it does anything for the other. */
Test(provider, a_newer_worker_serves_and_both_sides_tell)
{
    fixture_run(&fixture, "newer demo");
    sign_with("newer");
    sign_with("demo");
    expect_logged("/newer: its worker is of another version (its link is version 2, not 1)");
    expect_logged("p11dbus: the service is of another version (its link is version 1, not 2)");
    g_autofree char *log = fixture_log(&fixture);
    cr_assert_null(strstr(log, "/demo: its worker is of another version"));
}

Test(provider, an_older_worker_serves_and_both_sides_tell)
{
    setenv("SUPERVISOR", getenv("NEWER_SUPERVISOR"), 1);
    fixture_run(&fixture, "demo");
    sign_with("demo");
    expect_logged("/demo: its worker is of another version (its link is version 1, not 2)");
    expect_logged("p11dbus: the service is of another version (its link is version 2, not 1)");
}

Test(provider, what_a_worker_says_that_is_not_known_is_left_out)
{
    g_autoptr(GError) error = NULL;
    fixture_run(&fixture, "unruly-stranger");
    g_autoptr(GVariant) reply =
        fixture_call(&fixture, NULL, TOKEN_PATH("stranger"), &p11d_interface_token,
                     "GenerateRandom", g_variant_new("(u)", 8), &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    expect_logged("/unruly-stranger: its worker says Freeze, which is not understood");
    g_autofree char *log = fixture_log(&fixture);
    cr_assert_null(strstr(log, "another version"), "the same version may say more");
}

/* Asks the service for its tokens until that is in its log. */
static void wait_for_log(const char *text)
{
    for (gboolean found = FALSE; !found;) {
        g_autofree char *log = fixture_log(&fixture);
        found = strstr(log, text) != NULL;
        g_variant_unref(fixture_managed_objects(&fixture));
    }
}

/* Puts a copy of the program from in the place of what is at directory/name, if anything is. */
static void install(const char *from, const char *directory, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *place = g_build_filename(directory, name, NULL);
    g_autofree char *fresh = g_strconcat(place, ".new", NULL);
    g_autoptr(GFile) source = g_file_new_for_path(from);
    g_autoptr(GFile) copy = g_file_new_for_path(fresh);
    cr_assert(g_file_copy(source, copy, G_FILE_COPY_NONE, NULL, NULL, NULL, &error), "%s",
              error ? error->message : "");
    cr_assert_eq(rename(fresh, place), 0);
}

Test(provider, an_update_under_a_running_service_is_none_to_notice)
{
    P11dChannel manager, control;
    g_autofree char *programs = g_dir_make_tmp("p11dbus-programs-XXXXXX", NULL);
    g_autofree char *supervisor = g_build_filename(programs, "p11dbus-supervisor", NULL);
    g_autofree char *keys = g_build_filename(programs, "p11dbus-keys", NULL);
    install(getenv("SUPERVISOR"), programs, "p11dbus-supervisor");
    install(getenv("KEYS"), programs, "p11dbus-keys");
    setenv("SUPERVISOR", supervisor, 1);
    fixture_run(&fixture, "demo");
    fixture_open_manager(&fixture, &manager);
    sign_with("demo");

    install(getenv("NEWER_SUPERVISOR"), programs, "p11dbus-supervisor");
    unlink(keys); /* for a moment there is none */
    sign_with("demo");
    kill(fixture_worker(&fixture, "demo"), SIGKILL);
    expect_signal(&manager, "InterfacesRemoved", TOKEN_PATH("demo"));
    wait_for_log("/demo: its worker cannot be started");
    install(getenv("NEWER_KEYS"), programs, "p11dbus-keys");
    expect_signal(&manager, "InterfacesAdded", TOKEN_PATH("demo"));
    fixture_open_over(&manager, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    expect_logged("/demo: its worker is of another version (its link is version 2, not 1)");
    p11d_channel_clear(&control);
    p11d_channel_clear(&manager);
    unlink(supervisor);
    unlink(keys);
    rmdir(programs);
}
