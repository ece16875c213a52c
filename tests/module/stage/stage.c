// SPDX-License-Identifier: MIT
#include "stage.h"

#include <dlfcn.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static const char bus_configuration[] =
    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
    "<busconfig><type>session</type><listen>unix:path=%s/bus</listen>\n"
    "<servicedir>%s</servicedir>\n"
    "<auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\"/>\n"
    "<allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>\n";

void stage_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    /* Not abort: the test runner must see the message, and no core file is wanted. */
    _exit(1);
}

static void die_with_parent(gpointer data)
{
    (void)data;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static GPid spawn(char **argv, int *input, int *output)
{
    GPid pid;
    GError *error = NULL;
    if (!g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                                  die_with_parent, NULL, &pid, input, output, NULL, &error))
        stage_fail("%s: %s", argv[0], error->message);
    return pid;
}

static void end_process(GPid *pid)
{
    if (*pid == 0)
        return;
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
    *pid = 0;
}

/* The bus says its address once it listens. */
static void start_bus(Stage *stage)
{
    g_autofree char *file = g_build_filename(stage->directory, "bus.conf", NULL);
    g_autofree char *text = g_strdup_printf(bus_configuration, stage->directory, stage->directory);
    g_autofree char *option = g_strdup_printf("--config-file=%s", file);
    if (!g_file_set_contents(file, text, -1, NULL))
        stage_fail("%s", file);
    char *argv[] = {"dbus-daemon", option, "--nofork", "--print-address", NULL};
    int output;
    stage->bus = spawn(argv, NULL, &output);
    char address[512];
    const ssize_t size = read(output, address, sizeof address - 1);
    close(output);
    if (size <= 0)
        stage_fail("no bus");
    address[size] = '\0';
    stage->address = g_strdup(g_strchomp(address));
}

static void load_module(Stage *stage)
{
    void *handle = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        stage_fail("%s", dlerror());
    CK_C_GetFunctionList get = NULL;
    __typeof__(C_GetInterface) *get_interface = NULL;
    CK_VERSION newest = {3, 2};
    CK_INTERFACE *interface;
    *(void **)&get = dlsym(handle, "C_GetFunctionList");
    *(void **)&get_interface = dlsym(handle, "C_GetInterface");
    stage_ok(get(&stage->module));
    stage_ok(get_interface(NULL, &newest, &interface, 0));
    stage->modern = interface->pFunctionList;
}

void stage_open(Stage *stage)
{
    *stage = (Stage){0};
    stage->directory = g_dir_make_tmp("p11dbus-XXXXXX", NULL);
    stage->log = g_build_filename(stage->directory, "log", NULL);
    start_bus(stage);
    load_module(stage);
}

static void remove_all(const char *directory)
{
    g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
    for (const char *name; entries && (name = g_dir_read_name(entries)) != NULL;) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        if (g_file_test(path, G_FILE_TEST_IS_DIR))
            remove_all(path);
        else
            g_unlink(path);
    }
    g_rmdir(directory);
}

void stage_close(Stage *stage)
{
    stage->module->C_Finalize(NULL);
    if (stage->service != 0) {
        close(stage->commands);
        close(stage->replies);
    }
    end_process(&stage->service);
    end_process(&stage->bus);
    remove_all(stage->directory);
    g_free(stage->directory);
    g_free(stage->address);
    g_free(stage->log);
    g_free(stage->keys);
}

void stage_offer(Stage *stage)
{
    g_autofree char *path = g_build_filename(stage->directory, "fake.service", NULL);
    g_autofree char *text = g_strdup_printf("[D-BUS Service]\nName=org.p11dbus.Tokens1\n"
                                            "Exec=%s %s %s\n",
                                            FAKE_SERVICE, stage->address, stage->log);
    g_autofree char *reload = g_strdup_printf(
        "dbus-send --bus=%s --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus "
        "org.freedesktop.DBus.ReloadConfig",
        stage->address);
    g_autofree char *output = NULL;
    int status;
    if (!g_file_set_contents(path, text, -1, NULL) ||
        !g_spawn_command_line_sync(reload, &output, NULL, &status, NULL) || status != 0)
        stage_fail("%s", reload);
}

static void wait_for_ok(Stage *stage)
{
    char ok[3];
    for (size_t size = 0; size < sizeof ok;) {
        const ssize_t got = read(stage->replies, ok + size, sizeof ok - size);
        if (got <= 0)
            stage_fail("the fake service has ended");
        size += (size_t)got;
    }
}

void stage_start(Stage *stage, const char *words)
{
    g_autofree char *line =
        g_strdup_printf("%s %s %s %s", FAKE_SERVICE, stage->address, stage->log, words);
    g_auto(GStrv) argv = NULL;
    if (!g_shell_parse_argv(line, NULL, &argv, NULL))
        stage_fail("%s", line);
    stage->service = spawn(argv, &stage->commands, &stage->replies);
    wait_for_ok(stage);
}

void stage_serve(Stage *stage, const char *words)
{
    GError *error = NULL;
    int status;
    if (!stage->keys) {
        stage->keys = g_build_filename(stage->directory, "keys", NULL);
        g_autofree char *make = g_strdup_printf("%s %s %s", MAKE_KEYS, stage->keys, words);
        if (!g_spawn_command_line_sync(make, NULL, NULL, &status, &error) || status != 0)
            stage_fail("%s", make);
    }
    g_autofree char *line =
        g_strdup_printf("exec %s serve --keys %s --bus '%s' --quiet --ready-fd 9 %s 9>&1", P11DBUS,
                        stage->keys, stage->address, stage->writable ? "--writable" : "");
    char *argv[] = {"sh", "-c", line, NULL};
    stage->service = spawn(argv, &stage->commands, &stage->replies);
    char newline;
    if (read(stage->replies, &newline, 1) != 1)
        stage_fail("the service does not get ready");
}

/* The bus answers in order, so once it says that nobody owns the name it is so. */
static void wait_until_gone(Stage *stage)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *command =
        g_strdup_printf("dbus-send --bus=%s --print-reply=literal --dest=org.freedesktop.DBus "
                        "/org/freedesktop/DBus org.freedesktop.DBus.NameHasOwner "
                        "string:org.p11dbus.Tokens1",
                        stage->address);
    for (gboolean there = TRUE; there;) {
        g_autofree char *output = NULL;
        if (!g_spawn_command_line_sync(command, &output, NULL, NULL, &error))
            stage_fail("%s", error->message);
        there = strstr(output, "true") != NULL;
    }
}

void stage_stop(Stage *stage)
{
    end_process(&stage->service);
    close(stage->commands);
    close(stage->replies);
    wait_until_gone(stage);
}

void stage_order(Stage *stage, const char *line)
{
    g_autofree char *text = g_strdup_printf("%s\n", line);
    if (write(stage->commands, text, strlen(text)) != (ssize_t)strlen(text))
        stage_fail("the fake service has ended");
    wait_for_ok(stage);
}

CK_RV stage_initialize(Stage *stage, const char *words)
{
    g_autofree char *reserved = g_strdup_printf("bus='%s' %s", stage->address, words);
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK, .pReserved = reserved};
    return stage->module->C_Initialize(&arguments);
}

char *stage_log(Stage *stage)
{
    char *text = NULL;
    if (!g_file_get_contents(stage->log, &text, NULL, NULL))
        text = g_strdup("");
    return text;
}

unsigned stage_count(Stage *stage, const char *text)
{
    g_autofree char *log = stage_log(stage);
    const size_t length = strlen(text);
    unsigned count = 0;
    for (const char *line = log; *line; line = strchrnul(line, '\n')) {
        line += *line == '\n';
        count += *line != '\0' && strncmp(line, text, length) == 0 ? 1 : 0;
    }
    return count;
}

CK_SLOT_ID stage_slot(Stage *stage)
{
    CK_SLOT_ID slots[8];
    CK_ULONG count = G_N_ELEMENTS(slots);
    stage_ok(stage->module->C_GetSlotList(CK_TRUE, slots, &count));
    stage_check(count == 1);
    return slots[0];
}

static CK_SESSION_HANDLE open_session(Stage *stage, CK_FLAGS flags)
{
    CK_SESSION_HANDLE session = 0;
    stage_ok(stage->module->C_OpenSession(stage_slot(stage), CKF_SERIAL_SESSION | flags, NULL, NULL,
                                          &session));
    stage_check(session != 0);
    return session;
}

CK_SESSION_HANDLE stage_session(Stage *stage)
{
    return open_session(stage, 0);
}

CK_SESSION_HANDLE stage_writing_session(Stage *stage)
{
    return open_session(stage, CKF_RW_SESSION);
}

CK_OBJECT_HANDLE stage_find(Stage *stage, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class,
                            const char *label)
{
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_LABEL, (void *)(gsize)label, strlen(label)}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG count = 0;
    stage_ok(stage->module->C_FindObjectsInit(session, templ, 2));
    stage_ok(stage->module->C_FindObjects(session, found, 2, &count));
    stage_ok(stage->module->C_FindObjectsFinal(session));
    stage_check(count == 1);
    return found[0];
}

CK_OBJECT_HANDLE stage_generate(Stage *stage, CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    CK_OBJECT_HANDLE key;
    stage_search(stage, session);
    stage_ok(stage->module->C_GenerateKey(session, &mechanism, NULL, 0, &key));
    stage_search(stage, session); /* what it is for is told with the next list */
    return key;
}

void stage_check_label(Stage *stage, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                       const char *label)
{
    char told[64] = {0};
    CK_ATTRIBUTE asked = {CKA_LABEL, told, sizeof told - 1};
    stage_ok(stage->module->C_GetAttributeValue(session, object, &asked, 1));
    stage_check(asked.ulValueLen == strlen(label) && strcmp(told, label) == 0);
}

CK_ULONG stage_search(Stage *stage, CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    stage_ok(stage->module->C_FindObjectsInit(session, NULL, 0));
    stage_ok(stage->module->C_FindObjects(session, found, G_N_ELEMENTS(found), &count));
    stage_ok(stage->module->C_FindObjectsFinal(session));
    return count;
}

CK_RV stage_sign(Stage *stage, CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism,
                 CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG *size)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    CK_BYTE data[32] = "thirty-two bytes to be signed..";
    const CK_RV value = stage->module->C_SignInit(session, &how, key);
    *size = 512;
    return value == CKR_OK ? stage->module->C_Sign(session, data, sizeof data, signature, size)
                           : value;
}
