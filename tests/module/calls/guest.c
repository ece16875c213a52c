// SPDX-License-Identifier: MIT
/* The module as a guest in a process of somebody else: what it brings along and leaves behind. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;

static char *output_of(const char *command)
{
    char *output = NULL;
    GError *error = NULL;
    if (!g_spawn_command_line_sync(command, &output, NULL, NULL, &error))
        stage_fail("%s", error->message);
    return output;
}

static unsigned count_entries(const char *directory)
{
    unsigned count = 0;
    DIR *entries = opendir(directory);
    while (readdir(entries))
        count++;
    closedir(entries);
    return count;
}

static bool is_mapped(const char *file)
{
    char *maps = NULL;
    g_file_get_contents("/proc/self/maps", &maps, NULL, NULL);
    const bool found = strstr(maps, file) != NULL;
    g_free(maps);
    return found;
}

static void sign_once(void)
{
    CK_BYTE signature[512];
    CK_ULONG size;
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA_SHA256, key, signature, &size));
}

Test(guest, exports_only_c_functions)
{
    g_autofree char *output = output_of("nm -D --defined-only " MODULE);
    g_auto(GStrv) lines = g_strsplit(g_strchomp(output), "\n", -1);
    cr_assert_eq(g_strv_length(lines), 104);
    for (char **line = lines; *line; line++)
        cr_assert(strstr(*line, " T C_"), "%s", *line);
}

Test(guest, needs_libc_and_libnettle_and_no_other_library)
{
    g_autofree char *output = output_of("readelf -d " MODULE);
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    unsigned needed = 0;
    for (char **line = lines; *line; line++) {
        if (!strstr(*line, "(NEEDED)") || strstr(*line, "[ld-linux") || SANITIZED)
            continue;
        cr_assert(strstr(*line, "[libc.so.6]") || strstr(*line, "[libnettle.so."), "%s", *line);
        needed++;
    }
    cr_assert(needed == 2 || SANITIZED);
    cr_assert(strstr(output, "NODELETE"));
}

static void close_many_times(const char *file)
{
    for (int i = 0; i < 3; i++) {
        void *handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(handle, "%s", dlerror());
        CK_C_GetFunctionList get = NULL;
        CK_FUNCTION_LIST *list;
        *(void **)&get = dlsym(handle, "C_GetFunctionList");
        stage_ok(get(&list));
        stage_ok(list->C_Initialize(NULL));
        stage_ok(list->C_Finalize(NULL));
        for (int j = 0; j < 20 && dlclose(handle) == 0; j++)
            continue;
        cr_assert(is_mapped(file));
        stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, list->C_Finalize(NULL));
    }
}

Test(guest, stays_mapped_after_any_number_of_dlclose)
{
    close_many_times(MODULE);
}

Test(guest, stays_mapped_even_without_the_linker_flag)
{
    g_autofree char *output = output_of("readelf -d " DELETABLE_MODULE);
    cr_assert_null(strstr(output, "NODELETE"));
    close_many_times(DELETABLE_MODULE);
}

Test(guest, trap_no_thread_in_host)
{
    const unsigned before = count_entries("/proc/self/task"); /* and the module is not loaded */
    stage_open(&stage);
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    sign_once();
    cr_assert_eq(count_entries("/proc/self/task"), before);
    stage_close(&stage);
}

Test(guest, leaks_no_descriptor)
{
    stage_open(&stage);
    stage_start(&stage, "");
    const unsigned before = count_entries("/proc/self/fd");
    for (int i = 0; i < 10; i++) {
        stage_ok(stage_initialize(&stage, ""));
        sign_once();
        stage_ok(stage.module->C_Finalize(NULL));
        cr_assert_eq(count_entries("/proc/self/fd"), before);
    }
    stage_close(&stage);
}

Test(guest, trap_descriptors_close_on_exec)
{
    bool before[64];
    int found = 0;
    stage_open(&stage);
    stage_start(&stage, "");
    for (int fd = 0; fd < 64; fd++)
        before[fd] = fcntl(fd, F_GETFD) >= 0;
    stage_ok(stage_initialize(&stage, ""));
    sign_once();
    for (int fd = 0; fd < 64; fd++) {
        const int flags = before[fd] ? -1 : fcntl(fd, F_GETFD);
        cr_assert(flags < 0 || (flags & FD_CLOEXEC), "descriptor %d", fd);
        found += flags >= 0;
    }
    cr_assert_eq(found, 3, "manager, control and one call channel");
    stage_close(&stage);
}

Test(guest, says_nothing)
{
    struct stat status;
    stage_open(&stage);
    stage_start(&stage, "Login=close");
    unsetenv("P11DBUS_DEBUG");
    g_autofree char *path = g_build_filename(stage.directory, "said", NULL);
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int kept[] = {dup(1), dup(2)};
    dup2(file, 1);
    dup2(file, 2);
    stage_ok(stage_initialize(&stage, ""));
    sign_once();
    stage.module->C_Login(stage_session(&stage), CKU_USER, (CK_BYTE *)"1234", 4);
    stage_ok(stage.module->C_Finalize(NULL));
    dup2(kept[0], 1);
    dup2(kept[1], 2);
    fstat(file, &status);
    unlink(path);
    cr_assert_eq(status.st_size, 0);
    stage_close(&stage);
}

Test(guest, trap_pin_is_wiped_and_in_no_log__in_the_trace)
{
    char text[4096] = {0};
    stage_open(&stage);
    stage_start(&stage, "");
    setenv("P11DBUS_DEBUG", "all", 1);
    g_autofree char *path = g_build_filename(stage.directory, "said", NULL);
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const int kept = dup(2);
    dup2(file, 2);
    stage_ok(stage_initialize(&stage, ""));
    stage.module->C_Login(stage_session(&stage), CKU_USER, (CK_BYTE *)"secret-pin", 10);
    stage_ok(stage.module->C_Finalize(NULL));
    dup2(kept, 2);
    cr_assert_gt(pread(file, text, sizeof text - 1, 0), 0);
    unlink(path);
    cr_assert(strstr(text, "C_Login: CKR_PIN_INCORRECT"), "%s", text);
    cr_assert(strstr(text, "wire org.p11dbus.Token1.Login"), "%s", text);
    cr_assert_null(strstr(text, "secret-pin"));
    stage_close(&stage);
}

/* All writable memory of this process but stacks of this function: searched for bytes. */
static unsigned count_in_memory(const char *needle, size_t size)
{
    unsigned found = 0;
    char *maps = NULL;
    g_file_get_contents("/proc/self/maps", &maps, NULL, NULL);
    g_auto(GStrv) lines = g_strsplit(maps, "\n", -1);
    for (char **line = lines; *line; line++) {
        unsigned long start;
        unsigned long end;
        char mode[8];
        if (sscanf(*line, "%lx-%lx %7s", &start, &end, mode) != 3 || mode[1] != 'w' ||
            strstr(*line, "[stack]") || !strstr(mode, "r"))
            continue;
        for (const char *at = (const char *)start;
             (at = memmem(at, end - (unsigned long)at, needle, size)) != NULL; at++)
            found++;
    }
    g_free(maps);
    return found;
}

Test(guest, trap_pin_is_wiped_and_in_no_log__in_memory)
{
    if (SANITIZED)
        cr_skip("the sanitizer keeps freed memory");
    stage_open(&stage);
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    /* Put together here, so that the only other copy is in the test's own buffer, on the stack. */
    char pin[24];
    for (int i = 0; i < 24; i++)
        pin[i] = (char)('a' + i * 7 % 26);
    stage_expect(CKR_PIN_INCORRECT,
                 stage.module->C_Login(stage_session(&stage), CKU_USER, (CK_BYTE *)pin, 24));
    cr_assert_eq(count_in_memory(pin, sizeof pin), 0);
    stage_close(&stage);
}

/* Listens where a bus would, and is what the environment names. */
static int listen_as_bus(void)
{
    g_autofree char *directory = g_dir_make_tmp("p11dbus-XXXXXX", NULL);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/bus", directory);
    g_autofree char *named = g_strdup_printf("unix:path=%s", address.sun_path);
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(listener, 8), 0);
    setenv("DBUS_SESSION_BUS_ADDRESS", named, 1);
    setenv("DBUS_SYSTEM_BUS_ADDRESS", named, 1);
    return listener;
}

/* Whether somebody connects; hangs up on him. */
static bool is_called(int listener, int patience)
{
    struct pollfd event = {.fd = listener, .events = POLLIN};
    if (poll(&event, 1, patience) != 1)
        return false;
    const int caller = accept(listener, NULL, NULL);
    close(caller);
    return true;
}

static void *look_for_slots(void *data)
{
    const CK_FUNCTION_LIST *list = data;
    CK_ULONG count;
    list->C_GetSlotList(CK_FALSE, NULL, &count);
    return NULL;
}

Test(guest, trap_no_connection_on_load)
{
    CK_FUNCTION_LIST *list;
    CK_INTERFACE *interface;
    CK_INFO info;
    pthread_t thread;
    CK_C_GetFunctionList get_list = NULL;
    CK_RV (*get)(CK_UTF8CHAR *, CK_VERSION *, CK_INTERFACE **, CK_FLAGS) = NULL;
    const int listener = listen_as_bus();
    const unsigned before = count_entries("/proc/self/fd");
    void *handle = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
    cr_assert_not_null(handle, "%s", dlerror());
    *(void **)&get_list = dlsym(handle, "C_GetFunctionList");
    *(void **)&get = dlsym(handle, "C_GetInterface");
    stage_ok(get_list(&list));
    stage_ok(get(NULL, NULL, &interface, 0));
    stage_ok(list->C_Initialize(NULL));
    stage_ok(list->C_GetInfo(&info));
    cr_assert_eq(count_entries("/proc/self/fd"), before);
    cr_assert_not(is_called(listener, 0));
    /* Here it is that it would be called. */
    pthread_create(&thread, NULL, look_for_slots, list);
    cr_assert(is_called(listener, 60000));
    close(listener);
    pthread_join(thread, NULL);
    g_unlink(getenv("DBUS_SESSION_BUS_ADDRESS") + strlen("unix:path="));
    g_autofree char *directory =
        g_path_get_dirname(getenv("DBUS_SESSION_BUS_ADDRESS") + strlen("unix:path="));
    g_rmdir(directory);
}

/* A host may die of SIGPIPE, have any cancellation state, and be interrupted at any time. */
Test(guest, trap_no_signal_in_host)
{
    int state;
    CK_BYTE signature[512];
    CK_ULONG size;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &action, NULL);
    stage_open(&stage);
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_stop(&stage);
    stage_expect(CKR_DEVICE_REMOVED, stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_start(&stage, "run=2");
    sign_once();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    cr_assert_eq(state, PTHREAD_CANCEL_ENABLE);
    stage_close(&stage);
}
