// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;

static void open_stage(void)
{
    stage_open(&stage);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(session, .init = open_stage, .fini = close_stage);

Test(session, every_function_of_the_list_is_there)
{
    CK_FUNCTION_LIST *list = stage.module;
    cr_assert_eq(list->version.major, 2);
    cr_assert_eq(list->version.minor, 40);
    void **functions = (void **)&list->C_Initialize;
    for (size_t i = 0; &functions[i] <= (void **)&list->C_WaitForSlotEvent; i++)
        cr_assert_not_null(functions[i], "function %zu", i);
}

Test(session, nothing_works_before_initialize)
{
    CK_ULONG count = 0;
    CK_SLOT_ID slot;
    CK_BYTE byte;
    CK_FUNCTION_LIST *m = stage.module;
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, m->C_GetSlotList(CK_FALSE, NULL, &count));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, m->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, m->C_Sign(1, &byte, 1, &byte, &count));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, m->C_Encrypt(1, &byte, 1, &byte, &count));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, m->C_Finalize(NULL));
}

Test(session, initialize_checks_its_arguments)
{
    CK_FUNCTION_LIST *m = stage.module;
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

Test(session, a_mistake_of_the_environment_leaves_no_slots)
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
        stage_ok(stage.module->C_GetSlotList(CK_FALSE, NULL, &count));
        cr_assert_eq(count, 0, "%s", mistakes[i][0]);
        stage_ok(stage.module->C_Finalize(NULL));
        g_unsetenv(mistakes[i][0]);
    }
    cr_assert_eq(stage_count(&stage, ""), 0, "the service was asked");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
}

/* What hosts hand over that is no string of settings. */
Test(session, trap_40_reserved_that_is_no_string)
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
    CK_FUNCTION_LIST *m = stage.module;
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

Test(session, mutexes_of_the_application_alone_cannot_lock)
{
    CK_FUNCTION_LIST *m = stage.module;
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

Test(session, a_service_that_is_not_there_is_an_empty_slot_list)
{
    CK_ULONG count = 99;
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(stage.module->C_GetSlotList(CK_FALSE, NULL, &count));
    cr_assert_eq(count, 0);
    CK_SLOT_INFO info;
    stage_expect(CKR_SLOT_ID_INVALID, stage.module->C_GetSlotInfo(1, &info));
}

Test(session, slots_count_from_one_and_keep_their_number)
{
    CK_FUNCTION_LIST *m = stage.module;
    CK_SLOT_INFO info;
    CK_ULONG count = 0;
    CK_SESSION_HANDLE session;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    cr_assert_eq(stage_slot(&stage), 1);
    stage_order(&stage, "remove");
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_ok(m->C_GetSlotList(CK_FALSE, NULL, &count));
    cr_assert_eq(count, 1);
    stage_ok(m->C_GetSlotInfo(1, &info));
    cr_assert_eq(info.flags & CKF_TOKEN_PRESENT, 0);
    stage_expect(CKR_TOKEN_NOT_PRESENT,
                 m->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
    stage_order(&stage, "add");
    cr_assert_eq(stage_slot(&stage), 1);
    stage_ok(m->C_Finalize(NULL));
    stage_ok(stage_initialize(&stage, ""));
    cr_assert_eq(stage_slot(&stage), 1);
}

Test(session, strings_are_blank_padded_and_cut_at_a_character)
{
    CK_TOKEN_INFO info;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(stage.module->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert_arr_eq(info.label, "fake                            ", 32);
    cr_assert(info.flags & CKF_RNG);
    /* 31 bytes, and then a character of two. */
    stage_order(&stage, "rename 0123456789012345678901234567890\xc3\xbc");
    stage_ok(stage.module->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert_arr_eq(info.label, "0123456789012345678901234567890 ", 32);
}

Test(session, buffers_that_are_too_small_say_how_large)
{
    CK_FUNCTION_LIST *m = stage.module;
    CK_SLOT_ID slot = 77;
    CK_ULONG count = 0;
    CK_MECHANISM_TYPE mechanisms[64];
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetSlotList(CK_TRUE, &slot, &count));
    cr_assert_eq(count, 1);
    cr_assert_eq(slot, 77);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetSlotList(CK_TRUE, NULL, NULL));
    count = 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetMechanismList(1, mechanisms, &count));
    const CK_ULONG all = count;
    stage_ok(m->C_GetMechanismList(1, mechanisms, &count));
    cr_assert_eq(count, all);
}

Test(session, mechanisms_are_what_functions_are_there_for)
{
    CK_FUNCTION_LIST *m = stage.module;
    CK_MECHANISM_INFO info;
    stage_start(&stage, "mechanisms=ecdsa,rsa-pkcs features=");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(m->C_GetMechanismInfo(slot, CKM_ECDSA, &info));
    cr_assert_eq(info.flags, CKF_SIGN, "and not CKF_VERIFY, which the service has");
    cr_assert_eq(info.ulMinKeySize, 256);
    stage_ok(m->C_GetMechanismInfo(slot, CKM_ECDSA_SHA384, &info));
    cr_assert_eq(info.flags, CKF_SIGN, "hashed here");
    stage_ok(m->C_GetMechanismInfo(slot, CKM_SHA512, &info));
    cr_assert_eq(info.flags, CKF_DIGEST);
    stage_expect(CKR_MECHANISM_INVALID, m->C_GetMechanismInfo(slot, CKM_AES_CBC, &info));
}

Test(session, handles_are_never_zero_and_never_come_again)
{
    CK_FUNCTION_LIST *m = stage.module;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE first = stage_session(&stage);
    const CK_OBJECT_HANDLE object = stage_find(&stage, first, CKO_PRIVATE_KEY, "ec");
    stage_ok(m->C_CloseSession(first));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_CloseSession(first));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_CloseSession(0));
    stage_ok(m->C_Finalize(NULL));
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE second = stage_session(&stage);
    cr_assert_gt(second, first);
    cr_assert_gt(stage_find(&stage, second, CKO_PRIVATE_KEY, "ec"), object);
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(second, object, NULL, 0));
}

Test(session, information_follows_login)
{
    CK_FUNCTION_LIST *m = stage.module;
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE writable;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_expect(CKR_SESSION_PARALLEL_NOT_SUPPORTED, m->C_OpenSession(1, 0, NULL, NULL, &writable));
    stage_ok(m->C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &writable));
    stage_ok(m->C_GetSessionInfo(session, &info));
    cr_assert_eq(info.state, CKS_RO_PUBLIC_SESSION);
    cr_assert_eq(info.slotID, 1);
    stage_ok(m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    stage_ok(m->C_GetSessionInfo(session, &info));
    cr_assert_eq(info.state, CKS_RO_USER_FUNCTIONS);
    stage_ok(m->C_GetSessionInfo(writable, &info));
    cr_assert_eq(info.state, CKS_RW_USER_FUNCTIONS);
    CK_TOKEN_INFO token;
    stage_ok(m->C_GetTokenInfo(1, &token));
    cr_assert_eq(token.ulSessionCount, 2);
    cr_assert_eq(token.ulRwSessionCount, 1);
}

Test(session, a_write_protected_token_has_the_sessions_that_ssh_opens)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;
    stage_start(&stage, "login=yes");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(stage.module->C_GetTokenInfo(slot, &info));
    cr_assert(info.flags & CKF_WRITE_PROTECTED);
    stage_ok(stage.module->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                         &session));
}

Test(session, functions_that_are_not_there_check_before_they_say_so)
{
    CK_FUNCTION_LIST *m = stage.module;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    CK_BYTE seed = 1;
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_DestroyObject(0, 1));
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_DestroyObject(session, 1));
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_DigestKey(session, 1));
    stage_expect(CKR_FUNCTION_NOT_PARALLEL, m->C_GetFunctionStatus(session));
    stage_expect(CKR_RANDOM_SEED_NOT_SUPPORTED, m->C_SeedRandom(session, &seed, 1));
}

Test(session, random_bytes_come_without_a_message)
{
    CK_FUNCTION_LIST *m = stage.module;
    CK_BYTE first[64] = {0};
    CK_BYTE second[64] = {0};
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const unsigned messages = stage_count(&stage, "");
    stage_ok(m->C_GenerateRandom(session, first, sizeof first));
    stage_ok(m->C_GenerateRandom(session, second, sizeof second));
    cr_assert_arr_neq(first, second, sizeof first);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GenerateRandom(session, NULL, 1));
    cr_assert_eq(stage_count(&stage, ""), messages);
}
