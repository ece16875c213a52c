// SPDX-License-Identifier: MIT
#include "fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAY_DESCRIPTOR 4

/* Long enough for a machine under load; nothing waits that long unless it hangs. */
#define PATIENCE 60000

static const char bus_configuration[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
    "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">"
    "<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
    "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
    "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>";

/* data: the descriptor of the log. */
static void prepare_child(gpointer data)
{
    dup2(GPOINTER_TO_INT(data), STDERR_FILENO);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Starts argv with log as its errors, and the writing end of a new pipe as SAY_DESCRIPTOR; *said is
 * the reading end. */
static GPid start(const char *const *argv, int log, int *said)
{
    g_autoptr(GError) error = NULL;
    const int target = SAY_DESCRIPTOR;
    int ends[2];
    GPid pid;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    g_spawn_async_with_pipes_and_fds(
        NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, prepare_child,
        GINT_TO_POINTER(log), -1, -1, -1, &ends[1], &target, 1, &pid, NULL, NULL, NULL, &error);
    cr_assert_null(error, "%s", error ? error->message : "");
    close(ends[1]);
    *said = ends[0];
    return pid;
}

/* Reads a line, or to the end. FALSE: there is nothing. */
static gboolean wait_for_line(int fd)
{
    gboolean any = FALSE;
    char byte;
    while (read(fd, &byte, 1) == 1) {
        any = TRUE;
        if (byte == '\n')
            break;
    }
    return any;
}

static void start_bus(Fixture *fixture)
{
    g_autofree char *file = fixture_path(fixture, "bus.conf");
    g_autofree char *option = g_strdup_printf("--config-file=%s", file);
    g_autofree char *text = g_strdup_printf(bus_configuration, fixture->directory);
    const char *argv[] = {"dbus-daemon", option, "--nofork", "--print-address=4", NULL};
    int said;

    cr_assert(g_file_set_contents(file, text, -1, NULL));
    fixture->bus_pid = start(argv, STDERR_FILENO, &said);
    cr_assert(wait_for_line(said));
    close(said);
    fixture->address = g_strdup_printf("unix:path=%s/bus", fixture->directory);
    fixture->bus = fixture_connect(fixture);
}

GDBusConnection *fixture_connect(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    GDBusConnection *bus =
        g_dbus_connection_new_for_address_sync(fixture->address,
                                               G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                   G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                               NULL, NULL, &error);
    cr_assert_not_null(bus, "%s", error ? error->message : "");
    return bus;
}

static void make_directory(Fixture *fixture, const char *name)
{
    g_autofree char *path = fixture_path(fixture, name);
    cr_assert_eq(g_mkdir_with_parents(path, 0700), 0);
    if (strstr(name, "unruly-"))
        return;
    g_autofree char *arguments = g_strdup_printf(
        "genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out %s/k.key", name);
    fixture_openssl(fixture, arguments);
    g_autofree char *public = g_strdup_printf("pkey -in %s/k.key -pubout -out %s.pub", name, name);
    fixture_openssl(fixture, public);
}

/* What the service says goes to a file: tests look into it, and it is shown in the end. */
static GPid start_service(Fixture *fixture, const char *names, int *ready)
{
    g_auto(GStrv) each = g_strsplit(names, " ", -1);
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup(getenv("SUPERVISOR")));
    g_ptr_array_add(argv, g_strdup_printf("-r%d", SAY_DESCRIPTOR));
    g_ptr_array_add(argv, g_strconcat("-b", fixture->address, NULL));
    for (char **name = each; *name && **name; name++) {
        make_directory(fixture, *name);
        g_ptr_array_add(argv, fixture_path(fixture, *name));
    }
    g_ptr_array_add(argv, NULL);
    return start((const char *const *)argv->pdata, fixture->log, ready);
}

void fixture_start(Fixture *fixture, const char *names)
{
    g_autoptr(GError) error = NULL;
    *fixture = (Fixture){.directory = g_dir_make_tmp("p11dbus-XXXXXX", &error)};
    cr_assert_null(error);
    cr_assert_not_null(getenv("SUPERVISOR"), "run by meson test");
    g_autofree char *log = fixture_path(fixture, "log");
    fixture->log = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_geq(fixture->log, 0);
    start_bus(fixture);
    fixture->service_pid = start_service(fixture, names, &fixture->ready);
}

void fixture_run(Fixture *fixture, const char *names)
{
    fixture_start(fixture, names);
    cr_assert(fixture_wait_ready(fixture));
}

char *fixture_log(const Fixture *fixture)
{
    g_autofree char *path = fixture_path(fixture, "log");
    char *text = NULL;
    g_file_get_contents(path, &text, NULL, NULL);
    return text ? text : g_strdup("");
}

int fixture_run_another(Fixture *fixture, const char *names)
{
    int ready, status = -1;
    waitpid(start_service(fixture, names, &ready), &status, 0);
    close(ready);
    return status;
}

int fixture_end_bus(Fixture *fixture)
{
    int status = -1;
    kill(fixture->bus_pid, SIGTERM);
    waitpid(fixture->bus_pid, NULL, 0);
    fixture->bus_pid = 0;
    waitpid(fixture->service_pid, &status, 0);
    fixture->service_pid = 0;
    return status;
}

gboolean fixture_wait_ready(Fixture *fixture)
{
    gboolean ready = wait_for_line(fixture->ready);
    wait_for_line(fixture->ready); /* until it is closed: the descriptors are counted later */
    return ready;
}

int fixture_end_service(Fixture *fixture, int signal)
{
    int status = -1;
    if (!fixture->service_pid)
        return status;
    kill(fixture->service_pid, signal);
    while (waitpid(fixture->service_pid, &status, 0) < 0 && errno == EINTR)
        continue;
    fixture->service_pid = 0;
    return status;
}

void fixture_stop(Fixture *fixture)
{
    if (fixture->service_pid) {
        int status = fixture_end_service(fixture, SIGTERM);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the service's wait status is %x",
                  (unsigned)status);
    }
    g_clear_object(&fixture->bus);
    if (fixture->bus_pid) {
        kill(fixture->bus_pid, SIGTERM);
        waitpid(fixture->bus_pid, NULL, 0);
    }
    close(fixture->ready);
    g_autofree char *log = fixture_log(fixture);
    g_printerr("%s", log);
    close(fixture->log);
    const char *argv[] = {"rm", "-rf", fixture->directory, NULL};
    g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                 NULL);
    g_free(fixture->directory);
    g_free(fixture->address);
}

char *fixture_path(const Fixture *fixture, const char *name)
{
    return g_build_filename(fixture->directory, name, NULL);
}

void fixture_openssl(const Fixture *fixture, const char *arguments)
{
    g_autofree char *line = g_strdup_printf("openssl %s", arguments);
    g_auto(GStrv) argv = g_strsplit(line, " ", -1);
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL, *errors = NULL;
    int status;
    cr_assert(g_spawn_sync(fixture->directory, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output,
                           &errors, &status, &error));
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: %s%s", line, output, errors);
}

GVariant *fixture_call(Fixture *fixture, GDBusConnection *bus, const char *path,
                       const P11dInterface *interface, const char *method, GVariant *arguments,
                       GError **error)
{
    g_autofree char *type = g_strdup_printf("(%s)", p11d_interface_method(interface, method)->out);
    return g_dbus_connection_call_sync(bus ? bus : fixture->bus, P11D_BUS_NAME, path,
                                       interface->name, method, arguments, G_VARIANT_TYPE(type),
                                       G_DBUS_CALL_FLAGS_NONE, PATIENCE, NULL, error);
}

GVariant *fixture_managed_objects(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) reply =
        fixture_call(fixture, NULL, P11D_ROOT_PATH, &p11d_interface_object_manager,
                     "GetManagedObjects", NULL, &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    return g_variant_get_child_value(reply, 0);
}

int fixture_open(GDBusConnection *bus, const char *path, const P11dInterface *interface,
                 GError **error)
{
    g_autoptr(GUnixFDList) list = NULL;
    g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync(
        bus, P11D_BUS_NAME, path, interface->name, "OpenChannel", g_variant_new("(a{sv})", NULL),
        G_VARIANT_TYPE("(h)"), G_DBUS_CALL_FLAGS_NONE, PATIENCE, NULL, &list, NULL, error);
    return reply ? g_unix_fd_list_get(list, 0, error) : -1;
}

void fixture_open_channel(GDBusConnection *bus, const char *path, const P11dInterface *interface,
                          P11dChannel *channel)
{
    g_autoptr(GError) error = NULL;
    int fd = fixture_open(bus, path, interface, &error);
    cr_assert_geq(fd, 0, "%s", error ? error->message : "");
    p11d_channel_init(channel, p11d_descriptor_adopt(fd), P11D_MESSAGE_MAX);
    channel->accepts_descriptors = true;
}

void fixture_open_manager(Fixture *fixture, P11dChannel *channel)
{
    fixture_open_channel(fixture->bus, P11D_ROOT_PATH, &p11d_interface_manager, channel);
}

void fixture_expect_error(GError **error, const char *name)
{
    cr_assert_not_null(*error);
    g_autofree char *remote = g_dbus_error_get_remote_error(*error);
    cr_assert_str_eq(remote, name, "%s", (*error)->message);
    g_clear_error(error);
}

void fixture_begin(P11dChannel *channel, P11dWriter *writer, const char *path,
                   const P11dInterface *interface, const char *method)
{
    P11dMessage call = {.type = P11D_MESSAGE_CALL,
                        .path = path,
                        .interface = interface->name,
                        .member = method,
                        .signature = p11d_interface_method(interface, method)->in};
    p11d_channel_begin(channel, writer, &call);
}

P11dMessage fixture_finish(P11dChannel *channel, P11dWriter *writer, const char *error_name)
{
    P11dMessage reply;
    P11dStatus status =
        p11d_channel_call(channel, writer, p11d_deadline_in(PATIENCE), NULL, NULL, &reply, NULL);
    cr_assert_eq(status, P11D_OK, "status %d", (int)status);
    if (error_name) {
        cr_assert_eq(reply.type, P11D_MESSAGE_ERROR);
        cr_assert_str_eq(reply.error_name, error_name);
    } else {
        cr_assert_eq(reply.type, P11D_MESSAGE_RETURN, "%s",
                     reply.error_name ? reply.error_name : "");
    }
    return reply;
}

void fixture_open_over(P11dChannel *through, const char *path, P11dChannel *channel)
{
    P11dWriter writer;
    fixture_begin(through, &writer, path, &p11d_interface_token, "OpenChannel");
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fixture_finish(through, &writer, NULL);
    P11dDescriptor *descriptor = p11d_channel_take(through, 0);
    cr_assert_not_null(descriptor);
    p11d_channel_init(channel, descriptor, P11D_MESSAGE_MAX);
    channel->accepts_descriptors = true;
}

#define DIGEST "01234567890123456789012345678901"

/* The signature is r and s; openssl wants them in DER. */
static void check(const Fixture *fixture, const char *name, const uint8_t *signature, size_t size)
{
    g_autoptr(GString) text = g_string_new("asn1=SEQUENCE:s\n[s]\n");
    cr_assert_eq(size, 64);
    for (size_t half = 0; half < 2; half++) {
        g_string_append_printf(text, "n%zu=INTEGER:0x", half);
        for (size_t i = 0; i < 32; i++)
            g_string_append_printf(text, "%02x", signature[half * 32 + i]);
        g_string_append_c(text, '\n');
    }
    g_autofree char *configuration = fixture_path(fixture, "signature.conf");
    g_autofree char *digest = fixture_path(fixture, "digest");
    g_autofree char *verify =
        g_strdup_printf("pkeyutl -verify -pubin -inkey %s.pub -in digest -sigfile signature", name);
    cr_assert(g_file_set_contents(configuration, text->str, -1, NULL));
    cr_assert(g_file_set_contents(digest, DIGEST, -1, NULL));
    fixture_openssl(fixture, "asn1parse -genconf signature.conf -noout -out signature");
    fixture_openssl(fixture, verify);
}

/* The id of the first private key in the objects of a reply of ListObjects. */
static uint64_t private_key_in(GVariant *objects)
{
    GVariantIter each;
    guint64 id;
    GVariant *attributes;
    g_variant_iter_init(&each, objects);
    while (g_variant_iter_next(&each, "(t@a{sv})", &id, &attributes)) {
        const char *class = "";
        gboolean found = g_variant_lookup(attributes, "class", "&s", &class) &&
                         strcmp(class, "private-key") == 0;
        g_variant_unref(attributes);
        if (found)
            return id;
    }
    cr_assert_fail("no private key");
    return 0;
}

void fixture_sign_on_bus(Fixture *fixture, GDBusConnection *bus, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s", P11D_TOKENS_PATH, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) list = fixture_call(fixture, bus, path, &p11d_interface_token,
                                            "ListObjects", g_variant_new("(t)", 0), &error);
    cr_assert_not_null(list, "%s", error ? error->message : "");
    g_autoptr(GVariant) objects = g_variant_get_child_value(list, 2);
    GVariant *data = g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, DIGEST, 32, 1);
    g_autoptr(GVariant) reply = fixture_call(
        fixture, bus, path, &p11d_interface_token, "Sign",
        g_variant_new("(tsa{sv}@ay)", private_key_in(objects), "ecdsa", NULL, data), &error);
    cr_assert_not_null(reply, "%s", error ? error->message : "");
    g_autoptr(GVariant) signature = g_variant_get_child_value(reply, 0);
    gsize size;
    const uint8_t *bytes = g_variant_get_fixed_array(signature, &size, 1);
    check(fixture, name, bytes, size);
}

static uint64_t private_key_over(P11dChannel *channel, const char *path)
{
    P11dWriter writer;
    uint64_t generation, id = 0;
    bool complete;
    P11dReader objects;
    fixture_begin(channel, &writer, path, &p11d_interface_token, "ListObjects");
    p11d_writer_uint64(&writer, 0);
    P11dMessage reply = fixture_finish(channel, &writer, NULL);
    cr_assert(p11d_reader_uint64(&reply.body, &generation));
    cr_assert(p11d_reader_boolean(&reply.body, &complete) && complete);
    cr_assert(p11d_reader_array(&reply.body, 8, &objects));
    while (!p11d_reader_at_end(&objects)) {
        P11dReader attributes;
        const char *key, *signature, *class;
        p11d_reader_struct(&objects);
        p11d_reader_uint64(&objects, &id);
        p11d_reader_array(&objects, 8, &attributes);
        while (p11d_reader_entry(&attributes, &key, &signature)) {
            if (strcmp(key, "class") != 0) {
                p11d_reader_skip(&attributes, signature);
                continue;
            }
            if (p11d_reader_string(&attributes, &class, NULL) && strcmp(class, "private-key") == 0)
                return id;
        }
    }
    cr_assert_fail("no private key");
    return 0;
}

void fixture_sign_over(Fixture *fixture, P11dChannel *channel, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s", P11D_TOKENS_PATH, name);
    uint64_t key = private_key_over(channel, path);
    P11dWriter writer;
    const uint8_t *signature;
    size_t size;
    fixture_begin(channel, &writer, path, &p11d_interface_token, "Sign");
    p11d_writer_uint64(&writer, key);
    p11d_writer_string(&writer, "ecdsa");
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    p11d_writer_bytes(&writer, DIGEST, 32);
    P11dMessage reply = fixture_finish(channel, &writer, NULL);
    cr_assert(p11d_reader_bytes(&reply.body, &signature, &size));
    check(fixture, name, signature, size);
}

GArray *fixture_children(GPid pid)
{
    GArray *children = g_array_new(TRUE, TRUE, sizeof(GPid));
    g_autofree char *tasks = g_strdup_printf("/proc/%d/task", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(tasks, 0, NULL);
    const char *task;
    while (dir && (task = g_dir_read_name(dir))) {
        g_autofree char *file = g_strdup_printf("%s/%s/children", tasks, task);
        g_autofree char *text = NULL;
        if (!g_file_get_contents(file, &text, NULL, NULL))
            continue;
        g_auto(GStrv) each = g_strsplit(g_strstrip(text), " ", -1);
        for (char **child = each; *child; child++) {
            GPid one = (GPid)atoi(*child);
            if (one > 0)
                g_array_append_val(children, one);
        }
    }
    return children;
}

guint fixture_descriptors(GPid pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    guint count = 0;
    while (dir && g_dir_read_name(dir))
        count++;
    return count;
}

GPid fixture_worker(const Fixture *fixture, const char *name)
{
    g_autoptr(GArray) workers = fixture_children(fixture->service_pid);
    g_autofree char *directory = fixture_path(fixture, name);
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
