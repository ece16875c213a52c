// SPDX-License-Identifier: MIT
/* The service as a whole: supervisor, real workers, a real bus. */
#include "supervisor.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bus.h"
#include "fixture.h"
#include "manager-channel.h"

#define FREEDESKTOP_ERROR "org.freedesktop.DBus.Error."

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(supervisor, .fini = stop);

static void start(const char *names)
{
    fixture_start(&fixture, names);
    cr_assert(fixture_wait_ready(&fixture));
}

static void open_manager(P11dChannel *channel)
{
    fixture_open_channel(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, channel);
}

static void expect_error(GError **error, const char *name)
{
    cr_assert_not_null(*error);
    g_autofree char *remote = g_dbus_error_get_remote_error(*error);
    cr_assert_str_eq(remote, name, "%s", (*error)->message);
    g_clear_error(error);
}

static void expect_gone(GArray *pids)
{
    for (guint i = 0; i < pids->len; i++)
        cr_assert_eq(kill(g_array_index(pids, GPid, i), 0), -1, "a worker is left");
}

/* Arguments of these types that are all zero or empty. */
static GVariant *zeroes(const char *signature)
{
    g_autofree char *type = g_strdup_printf("(%s)", signature);
    g_autoptr(GVariant) raw =
        g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(type), "", 0, FALSE, NULL, NULL));
    return g_variant_get_normal_form(raw);
}

Test(supervisor, tokens_are_on_the_bus_with_their_properties)
{
    start("demo other");
    g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
    cr_assert_eq(g_variant_n_children(objects), 2);
    g_autoptr(GVariant) interfaces = g_variant_lookup_value(objects, TOKEN_PATH("demo"), NULL);
    g_autoptr(GVariant) properties =
        g_variant_lookup_value(interfaces, p11d_interface_token.name, NULL);
    const char *label;
    cr_assert(g_variant_lookup(properties, "Label", "&s", &label));
    cr_assert_str_eq(label, "demo");

    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) all =
        fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_properties, "GetAll",
                     g_variant_new("(s)", p11d_interface_token.name), &error);
    cr_assert_not_null(all, "%s", error ? error->message : "");
    g_autoptr(GVariant) first = g_variant_get_child_value(all, 0);
    cr_assert_eq(g_variant_n_children(first), g_variant_n_children(properties));
    GVariantIter each;
    const char *name;
    GVariant *value;
    g_variant_iter_init(&each, first);
    while (g_variant_iter_next(&each, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) same = g_variant_lookup_value(properties, name, NULL);
        cr_assert(g_variant_equal(value, same), "%s", name);
        g_variant_unref(value);
    }
}

Test(supervisor, a_manager_channel_lists_what_the_bus_lists)
{
    P11dChannel manager;
    P11dWriter writer;
    start("demo other");
    open_manager(&manager);
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

Test(supervisor, a_key_signs_over_channels_and_on_the_bus)
{
    P11dChannel manager, control, call, direct;
    start("demo");
    fixture_sign_on_bus(&fixture, NULL, "demo");
    open_manager(&manager);
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

Test(supervisor, a_manager_channel_outlives_the_bus_connection)
{
    P11dChannel manager, control;
    start("demo");
    GDBusConnection *caller = fixture_connect(&fixture);
    fixture_open_channel(caller, P11D_ROOT_PATH, &p11d_interface_manager, &manager);
    g_dbus_connection_close_sync(caller, NULL, NULL);
    g_object_unref(caller);
    fixture_open_over(&manager, TOKEN_PATH("demo"), &control);
    fixture_sign_over(&fixture, &control, "demo");
    p11d_channel_clear(&control);
    p11d_channel_clear(&manager);
}

Test(supervisor, methods_for_channels_only_are_refused_on_the_bus)
{
    guint refused = 0;
    start("demo");
    for (size_t i = 0; i < p11d_interface_token.method_count; i++) {
        const P11dMethod *method = &p11d_interface_token.methods[i];
        g_autoptr(GError) error = NULL;
        if (!method->channels_only)
            continue;
        g_autoptr(GVariant) arguments = zeroes(method->in);
        g_autoptr(GVariant) reply =
            fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, method->name,
                         arguments, &error);
        cr_assert_null(reply);
        expect_error(&error, FREEDESKTOP_ERROR "NotSupported");
        refused++;
    }
    cr_assert_geq(refused, 8);
}

Test(supervisor, errors_of_the_worker_reach_the_caller_on_the_bus)
{
    g_autoptr(GError) error = NULL;
    start("demo");
    GVariant *arguments = g_variant_new("(tsa{sv}@ay)", G_GUINT64_CONSTANT(999), "ecdsa", NULL,
                                        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, "", 0, 1));
    cr_assert_null(fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, "Sign",
                                arguments, &error));
    expect_error(&error, "org.p11dbus.Error.KeyHandleInvalid");
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

Test(supervisor, requests_that_are_too_large_are_refused_and_the_next_one_works)
{
    g_autoptr(GError) error = NULL;
    start("demo");
    gsize size = (gsize)17 << 20;
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(size), size);
    GVariant *data = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
    cr_assert_null(fixture_call(
        &fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, "Sign",
        g_variant_new("(tsa{sv}@ay)", G_GUINT64_CONSTANT(1), "ecdsa", NULL, data), &error));
    expect_error(&error, FREEDESKTOP_ERROR "LimitsExceeded");

    g_auto(GStrv) names = g_new0(char *, 20001);
    for (gsize i = 0; i < 20000; i++)
        names[i] = g_strdup("label");
    cr_assert_null(fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token,
                                "GetAttributes",
                                g_variant_new("(t^as)", G_GUINT64_CONSTANT(1), names), &error));
    expect_error(&error, FREEDESKTOP_ERROR "LimitsExceeded");
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

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

/* The worker of the directory name, found by its command line. */
static GPid worker_of(const char *name)
{
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    g_autofree char *directory = fixture_path(&fixture, name);
    for (guint i = 0; i < workers->len; i++) {
        g_autofree char *file =
            g_strdup_printf("/proc/%d/cmdline", (int)g_array_index(workers, GPid, i));
        g_autofree char *line = NULL;
        gsize size = 0;
        if (g_file_get_contents(file, &line, &size, NULL) && size > strlen(directory) &&
            strcmp(line + size - strlen(directory) - 1, directory) == 0)
            return g_array_index(workers, GPid, i);
    }
    cr_assert_fail("no worker for %s", name);
    return 0;
}

Test(supervisor, a_killed_worker_comes_back_and_others_notice_nothing)
{
    P11dChannel manager, control, after;
    start("demo other");
    open_manager(&manager);
    fixture_open_over(&manager, TOKEN_PATH("other"), &control);
    for (int i = 0; i < 3; i++) {
        kill(worker_of("demo"), SIGKILL);
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

static void on_bus_signal(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                          const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                          const char *name, GVariant *arguments G_GNUC_UNUSED, gpointer data)
{
    g_string_append_printf(data, "%s ", name);
}

Test(supervisor, tokens_that_come_and_go_are_told_on_the_bus)
{
    g_autoptr(GString) told = g_string_new(NULL);
    start("demo");
    g_dbus_connection_signal_subscribe(fixture.bus, P11D_BUS_NAME,
                                       p11d_interface_object_manager.name, NULL, P11D_ROOT_PATH,
                                       NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_bus_signal, told, NULL);
    /* The subscription is on its way before this call is answered, and so is what the service has
     * told of its start, if it was that late. */
    g_variant_unref(fixture_managed_objects(&fixture));
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_string_truncate(told, 0);
    kill(worker_of("demo"), SIGKILL);
    while (!strstr(told->str, "InterfacesAdded"))
        g_main_context_iteration(NULL, TRUE);
    cr_assert_str_eq(told->str, "InterfacesRemoved InterfacesAdded ");
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

Test(supervisor, a_flood_of_channels_is_stopped_and_others_go_on)
{
    P11dChannel first, control;
    g_autoptr(GError) error = NULL;
    g_autoptr(GArray) flood = g_array_new(FALSE, FALSE, sizeof(int));
    guint refused = 0;

    start("demo");
    open_manager(&first);
    for (int i = 0; i < 300; i++) {
        int fd = fixture_open(fixture.bus, P11D_ROOT_PATH, &p11d_interface_manager, &error);
        if (fd >= 0) {
            g_array_append_val(flood, fd);
            continue;
        }
        expect_error(&error, FREEDESKTOP_ERROR "LimitsExceeded");
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
    start("demo");
    use_everything();
    GPid worker = worker_of("demo");
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
    start("demo other");
    open_manager(&manager);
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
    start("demo");
    int status = fixture_run_another(&fixture, "other");
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

Test(supervisor, workers_end_when_the_supervisor_is_killed)
{
    start("demo other");
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
    start("demo");
    g_autoptr(GArray) workers = fixture_children(fixture.service_pid);
    int status = fixture_end_bus(&fixture);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_gone(workers);
}

Test(supervisor, a_bus_that_cannot_be_reached_is_an_error)
{
    static const char *const none[] = {NULL};
    g_autoptr(GError) error = NULL;
    P11dSupervisorOptions options = {.bus = "unix:path=/nonexistent", .key_directories = none};
    fixture_start(&fixture, "");
    cr_assert(fixture_wait_ready(&fixture), "no directory is no error");
    cr_assert_not(p11d_supervisor_run(&options, &error));
    cr_assert_not_null(strstr(error->message, "/nonexistent"), "%s", error->message);
}

static void remember(GObject *bus G_GNUC_UNUSED, GAsyncResult *result, gpointer data)
{
    g_ptr_array_add(data, g_object_ref(result));
}

Test(supervisor, many_calls_of_one_caller_are_all_answered)
{
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(g_object_unref);
    start("demo");
    for (int i = 0; i < 50; i++)
        g_dbus_connection_call(fixture.bus, P11D_BUS_NAME, TOKEN_PATH("demo"),
                               p11d_interface_token.name, "ListObjects", g_variant_new("(t)", 0),
                               NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, remember, results);
    while (results->len < 50)
        g_main_context_iteration(NULL, TRUE);
    for (guint i = 0; i < 50; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
            g_dbus_connection_call_finish(fixture.bus, g_ptr_array_index(results, i), &error);
        cr_assert_not_null(reply, "%s", error ? error->message : "");
    }
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

Test(supervisor, what_a_manager_channel_does_not_carry_is_refused)
{
    P11dChannel manager;
    const char *token = p11d_interface_token.name, *path = TOKEN_PATH("demo");
    start("demo");
    open_manager(&manager);
    expect_refusal(&manager, path, token, "Logout", "", FREEDESKTOP_ERROR "NotSupported");
    expect_refusal(&manager, path, token, "Nonsense", "", FREEDESKTOP_ERROR "UnknownMethod");
    expect_refusal(&manager, path, "a.b", "OpenChannel", "", FREEDESKTOP_ERROR "UnknownMethod");
    expect_refusal(&manager, path, token, "OpenChannel", "t", FREEDESKTOP_ERROR "InvalidArgs");
    expect_refusal(&manager, TOKEN_PATH("none"), token, "OpenChannel", "a{sv}",
                   FREEDESKTOP_ERROR "UnknownObject");
    expect_refusal(&manager, P11D_ROOT_PATH, p11d_interface_manager.name, "OpenChannel", "a{sv}",
                   FREEDESKTOP_ERROR "UnknownMethod");
    expect_refusal(&manager, path, p11d_interface_object_manager.name, "GetManagedObjects", "",
                   FREEDESKTOP_ERROR "UnknownObject");
    p11d_channel_clear(&manager);
}

static void expect_hang_up(P11dChannel *manager)
{
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(manager, p11d_deadline_in(60000), &message), P11D_CLOSED);
    p11d_channel_clear(manager);
}

Test(supervisor, a_host_that_breaks_the_protocol_loses_its_channel_alone)
{
    P11dChannel good, bad, control;
    P11dWriter writer;
    P11dMessage signal = {.type = P11D_MESSAGE_SIGNAL,
                          .path = P11D_ROOT_PATH,
                          .interface = p11d_interface_object_manager.name,
                          .member = "InterfacesAdded",
                          .signature = ""};
    char noise[256];

    start("demo");
    open_manager(&good);
    open_manager(&bad);
    memset(noise, 0xa5, sizeof noise);
    cr_assert_eq(write(p11d_descriptor_number(bad.descriptor), noise, sizeof noise), sizeof noise);
    expect_hang_up(&bad);

    open_manager(&bad);
    p11d_channel_begin(&bad, &writer, &signal);
    cr_assert_eq(p11d_channel_queue(&bad, &writer), P11D_OK);
    expect_hang_up(&bad);

    /* A request is at most 64 KiB. */
    signal.type = P11D_MESSAGE_CALL;
    signal.signature = "ay";
    void *bytes = g_malloc0(1 << 20);
    open_manager(&bad);
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
