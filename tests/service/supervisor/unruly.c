// SPDX-License-Identifier: MIT
/* What the supervisor makes of workers and hosts that misbehave. */
#include <criterion/criterion.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

#define LIMITS_EXCEEDED FIXTURE_DBUS_ERROR "LimitsExceeded"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(unruly, .fini = stop);

static void expect_alive(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        fixture.bus, P11D_BUS_NAME, P11D_ROOT_PATH, "org.freedesktop.DBus.Peer", "Ping", NULL, NULL,
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
}

/* The label of the token at path in objects, NULL if there is no such token. */
static const char *label_of(GVariant *objects, const char *path)
{
    static char label[64];
    g_autoptr(GVariant) interfaces = g_variant_lookup_value(objects, path, NULL);
    if (!interfaces)
        return NULL;
    g_autoptr(GVariant) properties =
        g_variant_lookup_value(interfaces, p11d_interface_token.name, NULL);
    const char *text = "";
    g_variant_lookup(properties, "Label", "&s", &text);
    g_strlcpy(label, text, sizeof label);
    return label;
}

/* Waits for one token without asking for the list. */
static void wait_for_token(const char *path)
{
    GVariant *all;
    do
        all = fixture_call(&fixture, NULL, path, &p11d_interface_properties, "GetAll",
                           g_variant_new("(s)", p11d_interface_token.name), NULL);
    while (!all);
    g_variant_unref(all);
}

static void on_listed(GObject *bus, GAsyncResult *result, gpointer data)
{
    *(GVariant **)data = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, NULL);
}

Test(unruly, a_silent_worker_delays_the_list_for_a_while_and_nothing_else)
{
    GVariant *reply = NULL;
    fixture_start(&fixture, "unruly-silent unruly-mute");
    wait_for_token(TOKEN_PATH("mute"));
    g_dbus_connection_call(fixture.bus, P11D_BUS_NAME, P11D_ROOT_PATH,
                           p11d_interface_object_manager.name, "GetManagedObjects", NULL, NULL,
                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_listed, &reply);
    expect_alive();
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    cr_assert_null(reply);
    while (!reply)
        g_main_context_iteration(NULL, TRUE);
    g_autoptr(GVariant) objects = g_variant_get_child_value(reply, 0);
    cr_assert_eq(g_variant_n_children(objects), 1);
    cr_assert_str_eq(label_of(objects, TOKEN_PATH("mute")), "unruly");
    cr_assert(fixture_wait_ready(&fixture));
    g_variant_unref(reply);
}

Test(unruly, garbage_on_a_link_costs_that_worker_only)
{
    fixture_start(&fixture, "unruly-garbage unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
    cr_assert_eq(g_variant_n_children(objects), 1);
    cr_assert_not_null(label_of(objects, TOKEN_PATH("mute")));
}

Test(unruly, only_tokens_with_right_properties_are_exported)
{
    fixture_start(&fixture, "unruly-liar");
    cr_assert(fixture_wait_ready(&fixture));
    g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
    g_autofree char *text = g_variant_print(objects, FALSE);
    cr_assert_str_eq(text, "{'/org/p11dbus/tokens/liar': {'org.p11dbus.Token1': {'Label': "
                           "<'unruly'>}}}");
}

Test(unruly, a_path_belongs_to_the_first_that_announces_it)
{
    fixture_start(&fixture, "a/unruly-mute b/unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
    cr_assert_eq(g_variant_n_children(objects), 1);
}

Test(unruly, a_worker_that_reads_nothing_is_not_waited_for)
{
    fixture_start(&fixture, "unruly-stuck unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    g_autoptr(GError) error = NULL;
    for (int i = 0; i < 100000; i++) {
        int fd = fixture_open(fixture.bus, TOKEN_PATH("stuck"), &p11d_interface_token, &error);
        if (fd < 0)
            break;
        close(fd);
    }
    fixture_expect_error(&error, LIMITS_EXCEEDED);
    P11dChannel channel;
    fixture_open_channel(fixture.bus, TOKEN_PATH("mute"), &p11d_interface_token, &channel);
    p11d_channel_clear(&channel);

    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    cr_assert_eq(workers->len, 2);
    int status = fixture_end_service(&fixture, SIGTERM);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    for (guint i = 0; i < workers->len; i++)
        cr_assert_eq(kill(g_array_index(workers, GPid, i), 0), -1, "a worker is left");
}

/* Opens a client, which makes the worker send 20 signals, and calls until they are all there. */
static void read_chatter(P11dChannel *manager)
{
    uint64_t signals = manager->messages_received + 20;
    P11dChannel client;
    P11dWriter writer;
    fixture_open_over(manager, TOKEN_PATH("chatty"), &client);
    p11d_channel_clear(&client);
    for (signals++; manager->messages_received < signals; signals++) {
        fixture_begin(manager, &writer, TOKEN_PATH("chatty"), &p11d_interface_properties, "GetAll");
        p11d_writer_string(&writer, p11d_interface_token.name);
        fixture_finish(manager, &writer, NULL);
    }
}

Test(unruly, a_host_that_never_reads_is_dropped)
{
    P11dChannel idle, busy;
    P11dMessage message;
    P11dStatus status;

    fixture_start(&fixture, "unruly-chatty");
    cr_assert(fixture_wait_ready(&fixture));
    fixture_open_channel(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &idle);
    fixture_open_channel(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &busy);
    for (int i = 0; i < 20; i++)
        read_chatter(&busy);
    do
        status = p11d_channel_receive(&idle, p11d_deadline_in(60000), &message);
    while (status == P11D_OK);
    cr_assert_eq(status, P11D_CLOSED);
    cr_assert_lt(idle.messages_received, 200);
    read_chatter(&busy);
    p11d_channel_clear(&idle);
    p11d_channel_clear(&busy);
}

static GVariant *random_bytes(GDBusConnection *bus, const char *path, GError **error)
{
    return fixture_call(&fixture, bus, path, &p11d_interface_token, "GenerateRandom",
                        g_variant_new("(u)", 8), error);
}

Test(unruly, a_reply_too_large_for_the_bus_is_refused)
{
    g_autoptr(GError) error = NULL;
    fixture_start(&fixture, "unruly-large");
    cr_assert(fixture_wait_ready(&fixture));
    for (int i = 0; i < 3; i++) {
        cr_assert_null(random_bytes(NULL, TOKEN_PATH("large"), &error));
        fixture_expect_error(&error, LIMITS_EXCEEDED);
    }
    expect_alive();
}

static void on_answer(GObject *bus, GAsyncResult *result, gpointer data)
{
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(bus), result, data);
    cr_assert_null(reply);
}

static void begin_random_bytes(GDBusConnection *bus, const char *path, GError **error)
{
    g_dbus_connection_call(bus, P11D_BUS_NAME, path, p11d_interface_token.name, "GenerateRandom",
                           g_variant_new("(u)", 8), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
                           on_answer, error);
}

Test(unruly, more_calls_than_fit_in_the_queue_are_refused)
{
    GError *errors[80] = {NULL};
    fixture_start(&fixture, "unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    for (size_t i = 0; i < G_N_ELEMENTS(errors); i++)
        begin_random_bytes(fixture.bus, TOKEN_PATH("mute"), &errors[i]);
    while (!errors[G_N_ELEMENTS(errors) - 1])
        g_main_context_iteration(NULL, TRUE);
    fixture_expect_error(&errors[G_N_ELEMENTS(errors) - 1], LIMITS_EXCEEDED);
    cr_assert_null(errors[0]);
    expect_alive();

    /* The queue ends with the token: everybody gets an answer. */
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    kill(g_array_index(workers, GPid, 0), SIGKILL);
    for (size_t i = 0; i < G_N_ELEMENTS(errors) - 1; i++) {
        while (!errors[i])
            g_main_context_iteration(NULL, TRUE);
        g_clear_error(&errors[i]);
    }
}

Test(unruly, what_is_kept_for_a_caller_ends_when_it_leaves_the_bus)
{
    GError *error = NULL;
    fixture_start(&fixture, "unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    guint before = fixture_descriptors(fixture.service_pid);
    GDBusConnection *caller = fixture_connect(&fixture);
    begin_random_bytes(caller, TOKEN_PATH("mute"), &error);
    while (fixture_descriptors(fixture.service_pid) == before)
        expect_alive();
    g_dbus_connection_close_sync(caller, NULL, NULL);
    while (!error)
        g_main_context_iteration(NULL, TRUE);
    while (fixture_descriptors(fixture.service_pid) != before)
        expect_alive();
    g_clear_error(&error);
    g_object_unref(caller);
}

/* Asks the service for its tokens until it has seen one of these processes end: the hang-up of a
 * call's channel may come before that of the worker. */
static void wait_for_an_end(const GArray *workers)
{
    for (guint i = 0; kill(g_array_index(workers, GPid, i % workers->len), 0) == 0; i++) {
        g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
        cr_assert_not_null(objects);
    }
}

Test(unruly, a_worker_that_ends_during_a_call_is_started_again)
{
    g_autoptr(GError) error = NULL;
    fixture_start(&fixture, "unruly-deserter unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    for (int i = 0; i < 3; i++) {
        g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
        cr_assert_null(random_bytes(NULL, TOKEN_PATH("deserter"), &error));
        fixture_expect_error(&error, FIXTURE_DBUS_ERROR "NoReply");
        wait_for_an_end(workers);
        /* Whoever lists now waits for the new worker. */
        g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
        cr_assert_eq(g_variant_n_children(objects), 2);
    }
}

Test(unruly, it_ends_in_order_with_calls_under_way)
{
    GError *signing = NULL, *listing = NULL;
    fixture_start(&fixture, "unruly-silent unruly-mute");
    wait_for_token(TOKEN_PATH("mute"));
    begin_random_bytes(fixture.bus, TOKEN_PATH("mute"), &signing);
    g_dbus_connection_call(fixture.bus, P11D_BUS_NAME, P11D_ROOT_PATH,
                           p11d_interface_object_manager.name, "GetManagedObjects", NULL, NULL,
                           G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, &listing);
    expect_alive();
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    int status = fixture_end_service(&fixture, SIGTERM);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    for (guint i = 0; i < workers->len; i++)
        cr_assert_eq(kill(g_array_index(workers, GPid, i), 0), -1, "a worker is left");
    while (!signing || !listing)
        g_main_context_iteration(NULL, TRUE);
    fixture_expect_error(&signing, FIXTURE_DBUS_ERROR "NoReply");
    fixture_expect_error(&listing, FIXTURE_DBUS_ERROR "NoReply");
}

/* What the clerk says: pid, uid and groups of this process. */
static void expect_ourselves(const uint8_t *bytes, size_t size)
{
    guint32 said[66];
    gid_t groups[64];
    int count = getgroups(64, groups);
    cr_assert_geq(count, 0);
    cr_assert_leq(size, sizeof said);
    memcpy(said, bytes, size);
    cr_assert_eq(said[0], (guint32)getpid());
    cr_assert_eq(said[1], getuid());
    for (int i = 0; i < count; i++) {
        gboolean found = FALSE;
        for (size_t j = 2; j < size / 4; j++)
            found = found || said[j] == groups[i];
        cr_assert(found, "group %u", (unsigned)groups[i]);
    }
}

static void expect_ourselves_over(P11dChannel *channel)
{
    P11dWriter writer;
    const uint8_t *bytes;
    size_t size;
    fixture_begin(channel, &writer, TOKEN_PATH("clerk"), &p11d_interface_token, "GenerateRandom");
    p11d_writer_uint32(&writer, 8);
    P11dMessage reply = fixture_finish(channel, &writer, NULL);
    cr_assert(p11d_reader_bytes(&reply.body, &bytes, &size));
    expect_ourselves(bytes, size);
}

Test(unruly, trap_permissions_come_from_the_bus)
{
    P11dChannel manager, control;
    g_autoptr(GError) error = NULL;
    fixture_start(&fixture, "unruly-clerk");
    cr_assert(fixture_wait_ready(&fixture));

    g_autoptr(GVariant) reply = random_bytes(NULL, TOKEN_PATH("clerk"), &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    g_autoptr(GVariant) said = g_variant_get_child_value(reply, 0);
    gsize size;
    const uint8_t *bytes = g_variant_get_fixed_array(said, &size, 1);
    expect_ourselves(bytes, size);

    fixture_open_channel(fixture.bus, TOKEN_PATH("clerk"), &p11d_interface_token, &control);
    expect_ourselves_over(&control);
    p11d_channel_clear(&control);

    fixture_open_channel(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &manager);
    fixture_open_over(&manager, TOKEN_PATH("clerk"), &control);
    expect_ourselves_over(&control);
    p11d_channel_clear(&control);
    p11d_channel_clear(&manager);
}

/* What a descriptor of that process is. */
static char *descriptor_of(GPid pid, int number)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", (int)pid, number);
    char *target = g_file_read_link(path, NULL);
    cr_assert_not_null(target, "%s", path);
    return target;
}

Test(unruly, a_worker_inherits_its_link_and_no_other_descriptor)
{
    P11dChannel managers[8];
    fixture_start(&fixture, "unruly-mute");
    cr_assert(fixture_wait_ready(&fixture));
    for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
        fixture_open_channel(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &managers[i]);
    g_autoptr(GArray) first = fixture_children(fixture.service_pid);
    kill(g_array_index(first, GPid, 0), SIGKILL);
    g_autoptr(GArray) second = NULL;
    do {
        g_clear_pointer(&second, g_array_unref);
        g_variant_unref(fixture_managed_objects(&fixture)); /* waits for the next worker */
        second = fixture_children(fixture.service_pid);
    } while (second->len != 1 || g_array_index(second, GPid, 0) == g_array_index(first, GPid, 0));
    wait_for_token(TOKEN_PATH("mute"));
    GPid worker = g_array_index(second, GPid, 0);
    cr_assert_eq(fixture_descriptors(worker), 4);
    /* What it prints is not in the output of the service. */
    g_autofree char *output = descriptor_of(worker, STDOUT_FILENO);
    g_autofree char *errors = descriptor_of(worker, STDERR_FILENO);
    g_autofree char *our_errors = descriptor_of(fixture.service_pid, STDERR_FILENO);
    cr_assert_str_eq(output, errors);
    cr_assert_str_eq(errors, our_errors);
    for (size_t i = 0; i < G_N_ELEMENTS(managers); i++)
        p11d_channel_clear(&managers[i]);
}
