// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(life, .init = open_stage, .fini = close_stage);

Test(life, initialize_checks_its_arguments)
{
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_CRYPTOKI_ALREADY_INITIALIZED, stage_initialize(&stage, ""));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Finalize(&stage));
    stage_ok(m->C_Finalize(NULL));
    stage_expect(CKR_ARGUMENTS_BAD, stage_initialize(&stage, "nonsense"));
    stage_expect(CKR_ARGUMENTS_BAD, stage_initialize(&stage, "autostart=perhaps"));
    stage_expect(CKR_ARGUMENTS_BAD, stage_initialize(&stage, "bus='unix:path=/"));
    stage_ok(stage_initialize(&stage, "autostart=no name=org.example.Tokens"));
    stage_ok(m->C_Finalize(NULL));
}

Test(life, a_mistake_of_the_environment_leaves_no_slots)
{
    static const char *const mistakes[][2] = {{"P11DBUS_NAME", "bad..name"},
                                              {"P11DBUS_BUS", "unix:"},
                                              {"P11DBUS_AUTOSTART", "maybe"},
                                              {"P11DBUS_CHANNELS", "maybe"},
                                              {"P11DBUS_HIDE", "ed25519"}};
    stage_start(&stage, "");
    for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        CK_ULONG count = 99;
        g_setenv(mistakes[i][0], mistakes[i][1], TRUE);
        stage_ok(stage_initialize(&stage, "name=org.p11dbus.Tokens1"));
        stage_ok(m->C_GetSlotList(CK_FALSE, NULL, &count));
        cr_assert_eq(count, 0, "%s", mistakes[i][0]);
        stage_ok(m->C_Finalize(NULL));
        g_unsetenv(mistakes[i][0]);
    }
    cr_assert_eq(stage_count(&stage, ""), 0, "the service was asked");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
}

/* What hosts hand over that is no string of settings. */
Test(life, trap_reserved_may_be_anything)
{
    static const char blanks[5000] = {[0 ... 4998] = ' '};
    static const struct {
        int number;
        char name[8];
    } structure = {0x12345678, "another"};
    const long page = sysconf(_SC_PAGESIZE);
    char *gone =
        mmap(NULL, (size_t)(2 * page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *end = gone + page;
    memset(gone, ' ', (size_t)page);
    cr_assert_eq(munmap(end, (size_t)page), 0);
    void *const wrong[] = {
        (void *)1, (void *)0xfff, (void *)UINTPTR_MAX,           (void *)(UINTPTR_MAX - 4095), end,
        end - 1,   gone,          (void *)(uintptr_t)&structure, (void *)(uintptr_t)blanks};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK, .pReserved = wrong[i]};
        stage_expect(CKR_ARGUMENTS_BAD, m->C_Initialize(&arguments));
        if (i < 6)
            stage_expect(CKR_ARGUMENTS_BAD, m->C_Initialize(wrong[i]));
    }
    /* A string may end with its page, and a structure with its own. */
    CK_C_INITIALIZE_ARGS arguments = {.pReserved = end - 5};
    memcpy(end - 5, "    ", 5);
    stage_ok(m->C_Initialize(&arguments));
    stage_ok(m->C_Finalize(NULL));
    arguments.pReserved = NULL;
    void *last = memcpy(end - sizeof arguments, &arguments, sizeof arguments);
    stage_ok(m->C_Initialize(last));
    stage_ok(m->C_Finalize(NULL));
    munmap(gone, (size_t)page);
}

static CK_RV no_mutex(void *mutex)
{
    (void)mutex;
    return CKR_OK;
}

static CK_RV no_new_mutex(void **mutex)
{
    *mutex = NULL;
    return CKR_OK;
}

Test(life, trap_foreign_mutexes_cannot_lock)
{
    CK_C_INITIALIZE_ARGS arguments = {.CreateMutex = no_new_mutex,
                                      .DestroyMutex = no_mutex,
                                      .LockMutex = no_mutex,
                                      .UnlockMutex = no_mutex};
    stage_expect(CKR_CANT_LOCK, m->C_Initialize(&arguments));
    arguments.LockMutex = NULL;
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Initialize(&arguments));
    arguments.LockMutex = no_mutex;
    arguments.flags = CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS;
    stage_ok(m->C_Initialize(&arguments));
}
