// SPDX-License-Identifier: MIT
#include "manager-channel.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"
#include "fixture.h"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(manager_channel, .fini = stop);

Test(manager_channel, a_manager_channel_lists_what_the_bus_lists)
{
    P11dChannel manager;
    P11dWriter writer;
    fixture_run(&fixture, "demo other");
    fixture_open_manager(&fixture, &manager);
    fixture_begin(&manager, &writer, P11D_ROOT_PATH, &p11d_interface_object_manager,
                  "GetManagedObjects");
    P11dMessage reply = fixture_finish(&manager, &writer, NULL);
    cr_assert_str_eq(reply.signature, "a{oa{sa{sv}}}");

    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) message = g_dbus_message_new_from_blob(
        manager.in.data, manager.message_size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    cr_assert_not_null(message, "%s", error ? error->message : "");
    g_autoptr(GVariant) over_channel =
        g_variant_get_child_value(g_dbus_message_get_body(message), 0);
    g_autoptr(GVariant) on_bus = fixture_managed_objects(&fixture);
    cr_assert(g_variant_equal(over_channel, on_bus));
    p11d_channel_clear(&manager);
}

Test(manager_channel, a_manager_channel_outlives_the_bus_connection)
{
    P11dChannel manager, control;
    fixture_run(&fixture, "demo");
    GDBusConnection *caller = fixture_connect(&fixture);
    fixture_open_channel(caller, P11D_ROOT_PATH, &p11d_interface_manager, &manager);
    g_dbus_connection_close_sync(caller, NULL, NULL);
    g_object_unref(caller);
    fixture_open_over(&manager, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    p11d_channel_clear(&control);
    p11d_channel_clear(&manager);
}

/* In a process of its own, which knows the core alone: opens a manager channel and a client. */
static void be_another_host(void)
{
    P11dAddress address;
    P11dBus bus;
    P11dWriter writer;
    P11dMessage reply;
    if (!p11d_address_parse(&address, fixture.address, NULL) ||
        p11d_bus_connect(&bus, &address, p11d_deadline_in(60000)) != P11D_OK)
        _exit(1);
    p11d_bus_begin(&bus, &writer, P11D_BUS_NAME, P11D_ROOT_PATH, p11d_interface_manager.name,
                   "OpenChannel", "a{sv}", false);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    if (p11d_bus_call(&bus, &writer, p11d_deadline_in(60000), &reply, NULL) != P11D_OK ||
        reply.type != P11D_MESSAGE_RETURN || bus.channel.received_count != 1)
        _exit(2);
    _exit(0);
}

static void expect_others_go_on(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        be_another_host();
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

Test(manager_channel, trap_running_out_is_an_answer__channels_of_the_service)
{
    P11dChannel first, control;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) flood = g_array_new(FALSE, FALSE, sizeof(int));
    guint refused = 0;

    fixture_run(&fixture, "demo");
    fixture_open_manager(&fixture, &first);
    for (int i = 0; i < 300; i++) {
        int fd = fixture_open(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &error);
        if (fd >= 0) {
            g_array_append_val(flood, fd);
            continue;
        }
        fixture_expect_error(&error, FIXTURE_DBUS_ERROR "LimitsExceeded");
        refused++;
    }
    cr_assert_eq(flood->len, P11D_MANAGER_CHANNELS_PER_PROCESS - 1);
    cr_assert_eq(refused + flood->len, 300);
    fixture_open_over(&first, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    expect_others_go_on();

    for (guint i = 0; i < flood->len; i++)
        close(g_array_index(flood, int, i));
    int fd = -1;
    while (fd < 0) /* the service notices soon */
        fd = fixture_open(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, NULL);
    close(fd);
    p11d_channel_clear(&control);
    p11d_channel_clear(&first);
}

/* Calls a method with an empty body of that signature, and expects this error. */
static void expect_refusal(P11dChannel *manager, const char *path, const char *interface,
                           const char *method, const char *signature, const char *error_name)
{
    P11dWriter writer;
    P11dMessage call = {.type = P11D_MESSAGE_CALL,
                        .path = path,
                        .interface = interface,
                        .member = method,
                        .signature = signature};
    p11d_channel_begin(manager, &writer, &call);
    if (strcmp(signature, "a{sv}") == 0)
        p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    else if (*signature)
        p11d_writer_uint64(&writer, 0);
    fixture_finish(manager, &writer, error_name);
}

Test(manager_channel, what_a_manager_channel_does_not_carry_is_refused)
{
    P11dChannel manager;
    const char *token = p11d_interface_token.name, *path = TOKEN_PATH("demo");
    fixture_run(&fixture, "demo");
    fixture_open_manager(&fixture, &manager);
    expect_refusal(&manager, path, token, "Logout", "", FIXTURE_DBUS_ERROR "NotSupported");
    expect_refusal(&manager, path, token, "Nonsense", "", FIXTURE_DBUS_ERROR "UnknownMethod");
    expect_refusal(&manager, path, "a.b", "OpenChannel", "", FIXTURE_DBUS_ERROR "UnknownMethod");
    expect_refusal(&manager, path, token, "OpenChannel", "t", FIXTURE_DBUS_ERROR "InvalidArgs");
    expect_refusal(&manager, TOKEN_PATH("none"), token, "OpenChannel", "a{sv}",
                   FIXTURE_DBUS_ERROR "UnknownObject");
    expect_refusal(&manager, P11D_ROOT_PATH, p11d_interface_manager.name, "OpenChannel", "a{sv}",
                   FIXTURE_DBUS_ERROR "UnknownMethod");
    expect_refusal(&manager, path, p11d_interface_object_manager.name, "GetManagedObjects", "",
                   FIXTURE_DBUS_ERROR "UnknownObject");
    p11d_channel_clear(&manager);
}

static void expect_hang_up(P11dChannel *manager)
{
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(manager, p11d_deadline_in(60000), &message), P11D_CLOSED);
    p11d_channel_clear(manager);
}

Test(manager_channel, a_host_that_breaks_the_protocol_loses_its_channel_alone)
{
    P11dChannel good, bad, control;
    P11dWriter writer;
    P11dMessage signal = {.type = P11D_MESSAGE_SIGNAL,
                          .path = P11D_ROOT_PATH,
                          .interface = p11d_interface_object_manager.name,
                          .member = "InterfacesAdded",
                          .signature = ""};
    char noise[256];

    fixture_run(&fixture, "demo");
    fixture_open_manager(&fixture, &good);
    fixture_open_manager(&fixture, &bad);
    memset(noise, 0xa5, sizeof noise);
    cr_assert_eq(write(p11d_descriptor_number(bad.descriptor), noise, sizeof noise), sizeof noise);
    expect_hang_up(&bad);

    fixture_open_manager(&fixture, &bad);
    p11d_channel_begin(&bad, &writer, &signal);
    cr_assert_eq(p11d_channel_queue(&bad, &writer), P11D_OK);
    expect_hang_up(&bad);

    /* A request is at most 64 KiB. */
    signal.type = P11D_MESSAGE_CALL;
    signal.signature = "ay";
    void *bytes = g_malloc0(1 << 20);
    fixture_open_manager(&fixture, &bad);
    p11d_channel_begin(&bad, &writer, &signal);
    p11d_writer_bytes(&writer, bytes, 1 << 20);
    p11d_channel_send(&bad, &writer, -1, p11d_deadline_in(60000), NULL);
    g_free(bytes);
    expect_hang_up(&bad);

    fixture_open_over(&good, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    p11d_channel_clear(&control);
    p11d_channel_clear(&good);
}

/* The service finds a change to tell of and that the host is gone at the same moment. */
Test(manager_channel, a_host_that_ends_as_the_service_writes_is_no_news)
{
    P11dChannel good, gone, control;
    P11dWriter writer;
    P11dMessage message;
    fixture_run(&fixture, "demo");
    fixture_open_manager(&fixture, &good);
    fixture_open_manager(&fixture, &gone);
    fixture_open_over(&good, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    cr_assert_eq(kill(fixture.service_pid, SIGSTOP), 0);
    p11d_channel_clear(&gone);
    fixture_openssl(&fixture, "genpkey -quiet -algorithm ED25519 -aes256 -pass pass:secret -out "
                              "demo/locked.key");
    /* Its worker has told the service that a login is necessary, before it tells this client. */
    cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_in(60000), &message), P11D_OK);
    cr_assert_str_eq(message.member, "ObjectsChanged");
    cr_assert_eq(kill(fixture.service_pid, SIGCONT), 0);
    fixture_begin(&good, &writer, P11D_ROOT_PATH, &p11d_interface_object_manager,
                  "GetManagedObjects");
    fixture_finish(&good, &writer, NULL);
    g_autofree char *log = fixture_log(&fixture);
    cr_assert_null(strstr(log, "hanging up"), "%s", log);
    p11d_channel_clear(&control);
    p11d_channel_clear(&good);
}
