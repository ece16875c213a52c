// SPDX-License-Identifier: MIT
#include "cause.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bus.h"
#include "configuration.h"
#include "error-name.h"
#include "failure.h"
#include "interface.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

/* How long a bus and a service have to answer, in milliseconds; a service waits up to 10 s for its
 * workers. */
#define BUS_TIMEOUT ((int64_t)5 * 1000)
#define SERVICE_TIMEOUT ((int64_t)15 * 1000)

/* A look at the way that the module goes, up to where it ends. */
typedef struct Look {
    P11dConfiguration configuration;
    P11dAddress address;
    bool knows_session; /* or its bus is named, so that no other is taken for it */
    P11dBus bus;
    const char *consequence; /* or NULL */
    GError **error;
} Look;

G_GNUC_PRINTF(3, 4)
static void say(const Look *look, const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *cause = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    p11d_failure_set(look->error, P11D_FAILURE_DEVICE, hint, "%s%s%s", cause,
                     look->consequence ? ", so " : "", look->consequence ? look->consequence : "");
}

/* Which bus it is, for people. The caller frees it. */
static char *bus_text(const Look *look)
{
    const char *bus = look->configuration.bus;
    if (!*bus)
        return g_strdup(look->knows_session
                            ? "the session bus"
                            : "the system bus (the session bus has no address here)");
    return p11d_address_is_word(bus) ? g_strdup_printf("the %s bus", bus)
                                     : g_strdup_printf("the bus %s", bus);
}

/* The socket that is tried first. The caller frees it. */
static char *socket_text(const Look *look)
{
    const struct sockaddr_un *name = &look->address.transports[0].name;
    return *name->sun_path ? g_strdup(name->sun_path) : g_strconcat("@", name->sun_path + 1, NULL);
}

#define USUAL_ADDRESS "unix:path=/run/user/UID/bus"
#define SET_SESSION "set DBUS_SESSION_BUS_ADDRESS=" USUAL_ADDRESS ", which cron and sudo drop"

static const char no_session[] =
    "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR says where it is";

static void say_no_address(const Look *look)
{
    static const char hint[] =
        "run it in the session, name a bus with --bus ADDRESS, or " SET_SESSION;
    const char *session = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    if (session && *session)
        say(look, "an address here is that of a UNIX socket: " USUAL_ADDRESS,
            "the address of the session bus cannot be used (DBUS_SESSION_BUS_ADDRESS is %s)",
            session);
    else
        say(look, hint, "no address of the session bus is known: %s", no_session);
}

static const char *reason_of(P11dStatus status, int number)
{
    switch (status) {
    case P11D_TIMEOUT:
        return "it does not answer";
    case P11D_MALFORMED:
        return "what answers there is no message bus";
    default:
        return g_strerror(number);
    }
}

/* Whether a bus was there that then hung up, which is how dbus-daemon refuses a user. number: errno
 * of connecting, where that failed. */
static bool hung_up(P11dStatus status, int number)
{
    static const int absent[] = {ENOENT, ENOTDIR, ECONNREFUSED, ENOTSOCK};
    for (size_t i = 0; i < G_N_ELEMENTS(absent); i++)
        if (number == absent[i])
            return false;
    return status == P11D_CLOSED;
}

static void say_refused(const Look *look, const char *verb)
{
    struct stat status;
    g_autofree char *bus = bus_text(look);
    g_autofree char *socket = socket_text(look);
    bool of_another = stat(socket, &status) == 0 && status.st_uid != 0 && status.st_uid != getuid();
    g_autofree char *hint =
        of_another
            ? g_strdup_printf("run it as uid %u, whose bus it is", (unsigned)status.st_uid)
            : g_strdup("a session bus takes its own user alone, a system bus whom its policy "
                       "names, and both so many connections of one user");
    say(look, hint, "%s at %s %s uid %u", bus, socket, verb, (unsigned)getuid());
}

static void say_unreachable(const Look *look, P11dStatus status, int number)
{
    static const char hint[] =
        "is it running? dbus-run-session starts a session that has one; --bus "
        "ADDRESS names another";
    g_autofree char *bus = bus_text(look);
    g_autofree char *socket = socket_text(look);
    const char *reason = reason_of(status, number);
    if (*look->configuration.bus || look->knows_session)
        say(look, hint, "%s cannot be reached at %s: %s", bus, socket, reason);
    else
        say(look, "run it in the session, or " SET_SESSION,
            "no message bus is known: %s, and there is no system bus at %s (%s)", no_session,
            socket, reason);
}

/* Calls a method without a body but name, where that is not NULL. Returns false, with the cause
 * said, if there is no answer at all. */
static bool call(Look *look, const char *to, const char *path, const char *interface,
                 const char *method, const char *name, P11dMessage *reply)
{
    P11dWriter writer;
    p11d_bus_begin(&look->bus, &writer, to, path, interface, method, name ? "su" : "", false);
    if (name) {
        p11d_writer_string(&writer, name);
        p11d_writer_uint32(&writer, 0);
    }
    P11dStatus status =
        p11d_bus_call(&look->bus, &writer, p11d_deadline_in(SERVICE_TIMEOUT), reply, NULL);
    if (status == P11D_OK)
        return true;
    g_autofree char *bus = bus_text(look);
    say(look, "is it stopped, or very busy?", "%s on %s does not answer", to, bus);
    return false;
}

/* The text of an error, "" for none; valid as long as the message is. */
static const char *error_text(P11dMessage *reply)
{
    const char *text = "";
    if (reply->signature[0] == 's')
        p11d_reader_string(&reply->body, &text, NULL);
    return text;
}

static bool is_activatable(P11dMessage *names, const char *name)
{
    P11dReader elements;
    const char *one;
    if (strcmp(names->signature, "as") != 0 || !p11d_reader_array(&names->body, 4, &elements))
        return false;
    while (!p11d_reader_at_end(&elements) && p11d_reader_string(&elements, &one, NULL))
        if (strcmp(one, name) == 0)
            return true;
    return false;
}

/* The command that starts the service where it is looked for. What a system bus serves to everybody
 * is not the directory of one user. The caller frees it. */
static char *start_text(const Look *look)
{
    const char *name = look->configuration.name;
    const char *configured = look->configuration.bus;
    const char *bus = *configured ? configured : look->knows_session ? "session" : "system";
    if (*name == ':')
        return g_strdup(
            "a name with ':' goes with the one connection that the bus gave it to: take "
            "one that the service owns, such as " P11D_BUS_NAME);
    g_autoptr(GString) line = g_string_new("start it: p11dbus serve");
    if (strcmp(bus, "system") == 0) {
        g_string_append(line, " --keys DIR --bus system");
    } else if (strcmp(bus, "session") != 0) {
        g_autofree char *quoted = g_shell_quote(bus);
        g_string_append_printf(line, " --bus %s", quoted);
    }
    if (strcmp(name, P11D_BUS_NAME) != 0)
        g_string_append_printf(line, " --name %s", name);
    return g_string_free(g_steal_pointer(&line), FALSE);
}

/* Nobody owns the name. */
static void say_nobody(Look *look)
{
    const char *name = look->configuration.name;
    g_autofree char *bus = bus_text(look);
    g_autofree char *hint = start_text(look);
    P11dMessage reply;
    if (!call(look, DBUS_NAME, DBUS_PATH, DBUS_NAME, "ListActivatableNames", NULL, &reply))
        return;
    if (!is_activatable(&reply, name)) {
        say(look, hint, "nobody owns %s on %s, and nothing there can start it", name, bus);
    } else if (!look->configuration.autostart) {
        say(look, hint, "nobody owns %s on %s, which may not start it (autostart=no)", name, bus);
    } else if (call(look, DBUS_NAME, DBUS_PATH, DBUS_NAME, "StartServiceByName", name, &reply)) {
        const char *text = reply.type == P11D_MESSAGE_ERROR ? error_text(&reply) : "it ended again";
        say(look, "what starts it says more in its log: journalctl --user",
            "%s cannot start %s: %s", bus, name, text);
    }
}

/* Whether an object of an a{oa{sa{sv}}} is a token. */
static bool has_token(P11dMessage *reply)
{
    P11dReader objects, interfaces;
    const char *path, *interface;
    if (strcmp(reply->signature, "a{oa{sa{sv}}}") != 0 ||
        !p11d_reader_array(&reply->body, 8, &objects))
        return false;
    while (!p11d_reader_at_end(&objects)) {
        if (!p11d_reader_struct(&objects) || !p11d_reader_object_path(&objects, &path) ||
            !p11d_reader_array(&objects, 8, &interfaces))
            return false;
        while (!p11d_reader_at_end(&interfaces)) {
            if (!p11d_reader_struct(&interfaces) ||
                !p11d_reader_string(&interfaces, &interface, NULL))
                return false;
            if (strcmp(interface, p11d_interface_token.name) == 0)
                return true;
            if (!p11d_reader_skip(&interfaces, "a{sv}"))
                return false;
        }
    }
    return false;
}

/* What the service's answer to the question for its tokens means. */
static void say_answer(Look *look, P11dMessage *reply)
{
    const char *name = look->configuration.name;
    g_autofree char *bus = bus_text(look);
    if (reply->type == P11D_MESSAGE_ERROR) {
        const char *denied = "org.freedesktop.DBus.Error.AccessDenied";
        bool is_denied = strcmp(reply->error_name, denied) == 0;
        g_autofree char *hint =
            g_strdup_printf("its policy must allow this user send_destination=\"%s\"", name);
        if (is_denied)
            say(look, hint, "%s does not let uid %u talk to %s: %s", bus, (unsigned)getuid(), name,
                error_text(reply));
        else
            say(look, "is it a service of org.p11dbus.Tokens1?", "%s on %s answers %s: %s", name,
                bus, reply->error_name, error_text(reply));
    } else if (has_token(reply)) {
        say(look, "try again; P11DBUS_DEBUG=state shows what the module finds",
            "%s on %s has tokens, but the module got to none of them", name, bus);
    } else {
        say(look,
            "it says why when it runs in a terminal: p11dbus serve -v; are its directories there?",
            "%s on %s runs and has no tokens", name, bus);
    }
}

/* From the bus on. */
static void look_for_service(Look *look)
{
    P11dMessage reply;
    if (!call(look, look->configuration.name, P11D_ROOT_PATH, p11d_interface_object_manager.name,
              "GetManagedObjects", NULL, &reply))
        return;
    bool nobody = reply.type == P11D_MESSAGE_ERROR &&
                  p11d_error_trouble(reply.error_name) == P11D_TROUBLE_NOBODY;
    if (nobody)
        say_nobody(look);
    else
        say_answer(look, &reply);
}

void p11d_cause_set(GError **error, const char *reserved, const char *consequence)
{
    Look look = {.consequence = consequence, .error = error};
    p11d_configuration_load(&look.configuration, reserved, p11d_configuration_file);
    P11dAddress session;
    const char *named = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    look.knows_session = p11d_address_of_bus(&session, "session") || (named && *named);
    if (!p11d_configuration_address(&look.configuration, &look.address)) {
        say_no_address(&look);
        return;
    }
    errno = 0;
    P11dStatus status = p11d_bus_connect(&look.bus, &look.address, p11d_deadline_in(BUS_TIMEOUT));
    int number = errno;
    if (status == P11D_REFUSED)
        say_refused(&look, "refuses");
    else if (hung_up(status, number))
        say_refused(&look, "hangs up on");
    else if (status != P11D_OK)
        say_unreachable(&look, status, number);
    else
        look_for_service(&look);
    p11d_bus_clear(&look.bus);
}

gboolean p11d_cause_check_settings(const char *reserved, GError **error)
{
    P11dConfiguration configuration;
    p11d_configuration_load(&configuration, reserved, p11d_configuration_file);
    if (!*configuration.mistake)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE,
                     "p11dbus-module.conf(5) says what settings there are",
                     "no service is asked: %s", configuration.mistake);
    return FALSE;
}
