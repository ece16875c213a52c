// SPDX-License-Identifier: MIT
/* The lists of functions: which there are, that each is whole, and that every function says at once
 * what is missing, C_Initialize, a session or arguments. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define NAME ((CK_UTF8CHAR *)"PKCS 11")
#define LISTS 4

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.modern;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(interfaces, .init = open_stage, .fini = close_stage);

/* --- which there are --- */

static void get_all(CK_INTERFACE list[LISTS])
{
    CK_ULONG count = 0;
    stage_ok(m->C_GetInterfaceList(NULL, &count));
    cr_assert_eq(count, LISTS);
    stage_ok(m->C_GetInterfaceList(list, &count));
    cr_assert_eq(count, LISTS);
}

static void check_version(const CK_INTERFACE *interface, unsigned major, unsigned minor)
{
    const CK_VERSION *version = interface->pFunctionList;
    cr_assert_eq(version->major, major);
    cr_assert_eq(version->minor, minor, "%u.%u, not %u.%u", version->major, version->minor, major,
                 minor);
}

Test(interfaces, trap_lists_share_one_state__each_says_its_version)
{
    const CK_VERSION versions[LISTS] = {{3, 2}, {3, 1}, {3, 0}, {2, 40}};
    CK_INTERFACE list[LISTS];
    get_all(list);
    for (size_t i = 0; i < LISTS; i++) {
        cr_assert_str_eq((char *)list[i].pInterfaceName, "PKCS 11");
        cr_assert_eq(list[i].flags, 0, "a child keeps nothing of its parent");
        check_version(&list[i], versions[i].major, versions[i].minor);
    }
    CK_FUNCTION_LIST *old = NULL;
    stage_ok(m->C_GetFunctionList(&old));
    cr_assert_eq(old, list[LISTS - 1].pFunctionList);
}

/* What is begun by one list goes on by the others, and ends for all. */
Test(interfaces, trap_lists_share_one_state)
{
    CK_INTERFACE list[LISTS];
    CK_SESSION_INFO info;
    get_all(list);
    stage_start(&stage, "");
    for (size_t i = 0; i < LISTS; i++) {
        const CK_FUNCTION_LIST *ends = list[i].pFunctionList; /* as all lists begin */
        stage_ok(stage_initialize(&stage, ""));
        const CK_SESSION_HANDLE session = stage_session(&stage);
        for (size_t j = 0; j < LISTS; j++) {
            const CK_FUNCTION_LIST *other = list[j].pFunctionList;
            stage_expect(CKR_CRYPTOKI_ALREADY_INITIALIZED, other->C_Initialize(NULL));
            stage_ok(other->C_GetSessionInfo(session, &info));
        }
        stage_ok(ends->C_Finalize(NULL));
        for (size_t j = 0; j < LISTS; j++) {
            const CK_FUNCTION_LIST *other = list[j].pFunctionList;
            stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, other->C_GetSessionInfo(session, &info));
        }
    }
}

Test(interfaces, a_list_that_does_not_fit_is_not_begun)
{
    for (CK_ULONG room = 0; room < LISTS; room++) {
        CK_INTERFACE list[LISTS] = {0};
        CK_ULONG count = room;
        stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetInterfaceList(list, &count));
        cr_assert_eq(count, LISTS);
        cr_assert_null(list[0].pFunctionList);
    }
    CK_INTERFACE list[LISTS + 1] = {0};
    CK_ULONG count = LISTS + 1;
    stage_ok(m->C_GetInterfaceList(list, &count));
    cr_assert_eq(count, LISTS);
    cr_assert_null(list[LISTS].pFunctionList);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetInterfaceList(list, NULL));
}

static void ask(unsigned major, unsigned minor, unsigned given_major, unsigned given_minor)
{
    CK_VERSION version = {(CK_BYTE)major, (CK_BYTE)minor};
    CK_INTERFACE *interface = NULL;
    stage_ok(m->C_GetInterface(NAME, &version, &interface, 0));
    check_version(interface, given_major, given_minor);
    stage_ok(m->C_GetInterface(NULL, &version, &interface, 0));
    check_version(interface, given_major, given_minor);
}

Test(interfaces, the_version_that_is_asked_for_is_given)
{
    CK_INTERFACE *interface = NULL;
    ask(2, 40, 2, 40);
    ask(3, 0, 3, 0);
    ask(3, 1, 3, 1);
    ask(3, 2, 3, 2);
    ask(2, 20, 2, 40); /* which goes on where 2.20 ends */
    stage_ok(m->C_GetInterface(NAME, NULL, &interface, 0));
    check_version(interface, 3, 2);
    stage_ok(m->C_GetInterface(NULL, NULL, &interface, 0));
    check_version(interface, 3, 2);
}

Test(interfaces, what_there_is_not_is_refused)
{
    CK_VERSION none[] = {{0, 0}, {1, 0}, {2, 41}, {3, 3}, {4, 0}, {255, 255}};
    CK_INTERFACE *interface = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        stage_expect(CKR_ARGUMENTS_BAD, m->C_GetInterface(NAME, &none[i], &interface, 0));
    const char *const names[] = {"", "PKCS 1", "PKCS 11 ", "pkcs 11", "Vendor"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        stage_expect(CKR_ARGUMENTS_BAD,
                     m->C_GetInterface((CK_UTF8CHAR *)names[i], NULL, &interface, 0));
    for (CK_FLAGS flag = 1; flag != 0; flag <<= 1)
        stage_expect(CKR_ARGUMENTS_BAD, m->C_GetInterface(NULL, NULL, &interface, flag));
    cr_assert_null(interface);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetInterface(NULL, NULL, NULL, 0));
}

Test(interfaces, the_module_says_the_newest_version_of_itself)
{
    CK_INFO info;
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetInfo(&info));
    cr_assert_eq(info.cryptokiVersion.major, 3);
    cr_assert_eq(info.cryptokiVersion.minor, 2);
}

/* --- each list is whole --- */

Test(interfaces, no_function_of_a_list_is_missing)
{
    const size_t functions[LISTS] = {104, 92, 92, 68};
    CK_INTERFACE list[LISTS];
    get_all(list);
    for (size_t i = 0; i < LISTS; i++) {
        void *const *at = (void *const *)((char *)list[i].pFunctionList + sizeof(void *));
        for (size_t nth = 0; nth < functions[i]; nth++) {
            Dl_info found;
            cr_assert_not_null(at[nth], "function %zu of list %zu", nth, i);
            /* All of them share one state: the same functions, as far as they go. */
            cr_assert_eq(at[nth], ((void *const *)&m->C_Initialize)[nth]);
            cr_assert(dladdr(at[nth], &found) != 0 && found.dli_sname);
        }
    }
}

/* The places that the standard gives them, counted in pointers after the version. */
Test(interfaces, lists_are_laid_out_as_the_standard_says)
{
#define PLACE(list, name) (offsetof(list, name) / sizeof(void *) - 1)
    cr_assert_eq(sizeof(CK_FUNCTION_LIST), 69 * sizeof(void *));
    cr_assert_eq(sizeof(CK_FUNCTION_LIST_3_0), 93 * sizeof(void *));
    cr_assert_eq(sizeof(CK_FUNCTION_LIST_3_2), 105 * sizeof(void *));
    cr_assert_eq(PLACE(CK_FUNCTION_LIST, C_WaitForSlotEvent), 67);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_WaitForSlotEvent), 67);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_GetInterface), 69);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_LoginUser), 70);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_MessageEncryptFinal), 76);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_MessageSignInit), 82);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_0, C_MessageVerifyFinal), 91);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_MessageVerifyFinal), 91);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_EncapsulateKey), 92);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_VerifySignatureInit), 94);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_GetSessionValidationFlags), 98);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_AsyncJoin), 101);
    cr_assert_eq(PLACE(CK_FUNCTION_LIST_3_2, C_UnwrapKeyAuthenticated), 103);
#undef PLACE
}

/* --- each function, with nothing --- */

/* What follows the session among the arguments: that many zeros. */
#define Z0
#define Z1 , 0
#define Z2 , 0, 0
#define Z3 , 0, 0, 0
#define Z4 , 0, 0, 0, 0
#define Z5 , 0, 0, 0, 0, 0
#define Z6 , 0, 0, 0, 0, 0, 0
#define Z7 , 0, 0, 0, 0, 0, 0, 0
#define Z8 , 0, 0, 0, 0, 0, 0, 0, 0
#define Z9 , 0, 0, 0, 0, 0, 0, 0, 0, 0

/* clang-format off */
#define OF_SESSIONS(F)                                                                             \
    F(C_CloseSession, Z0) F(C_GetSessionInfo, Z1) F(C_GetOperationState, Z2)                       \
    F(C_SetOperationState, Z4) F(C_Login, Z3) F(C_Logout, Z0) F(C_InitPIN, Z2) F(C_SetPIN, Z4)     \
    F(C_CreateObject, Z3) F(C_CopyObject, Z4) F(C_DestroyObject, Z1) F(C_GetObjectSize, Z2)        \
    F(C_GetAttributeValue, Z3) F(C_SetAttributeValue, Z3) F(C_FindObjectsInit, Z2)                 \
    F(C_FindObjects, Z3) F(C_FindObjectsFinal, Z0) F(C_EncryptInit, Z2) F(C_Encrypt, Z4)           \
    F(C_EncryptUpdate, Z4) F(C_EncryptFinal, Z2) F(C_DecryptInit, Z2) F(C_Decrypt, Z4)             \
    F(C_DecryptUpdate, Z4) F(C_DecryptFinal, Z2) F(C_DigestInit, Z1) F(C_Digest, Z4)               \
    F(C_DigestUpdate, Z2) F(C_DigestKey, Z1) F(C_DigestFinal, Z2) F(C_SignInit, Z2) F(C_Sign, Z4)  \
    F(C_SignUpdate, Z2) F(C_SignFinal, Z2) F(C_SignRecoverInit, Z2) F(C_SignRecover, Z4)           \
    F(C_VerifyInit, Z2) F(C_Verify, Z4) F(C_VerifyUpdate, Z2) F(C_VerifyFinal, Z2)                 \
    F(C_VerifyRecoverInit, Z2) F(C_VerifyRecover, Z4) F(C_DigestEncryptUpdate, Z4)                 \
    F(C_DecryptDigestUpdate, Z4) F(C_SignEncryptUpdate, Z4) F(C_DecryptVerifyUpdate, Z4)           \
    F(C_GenerateKey, Z4) F(C_GenerateKeyPair, Z7) F(C_WrapKey, Z5) F(C_UnwrapKey, Z7)              \
    F(C_DeriveKey, Z5) F(C_SeedRandom, Z2) F(C_GenerateRandom, Z2) F(C_GetFunctionStatus, Z0)      \
    F(C_CancelFunction, Z0) F(C_LoginUser, Z5) F(C_SessionCancel, Z1) F(C_MessageEncryptInit, Z2)  \
    F(C_EncryptMessage, Z8) F(C_EncryptMessageBegin, Z4) F(C_EncryptMessageNext, Z7)               \
    F(C_MessageEncryptFinal, Z0) F(C_MessageDecryptInit, Z2) F(C_DecryptMessage, Z8)               \
    F(C_DecryptMessageBegin, Z4) F(C_DecryptMessageNext, Z7) F(C_MessageDecryptFinal, Z0)          \
    F(C_MessageSignInit, Z2) F(C_SignMessage, Z6) F(C_SignMessageBegin, Z2)                        \
    F(C_SignMessageNext, Z6) F(C_MessageSignFinal, Z0) F(C_MessageVerifyInit, Z2)                  \
    F(C_VerifyMessage, Z6) F(C_VerifyMessageBegin, Z2) F(C_VerifyMessageNext, Z6)                  \
    F(C_MessageVerifyFinal, Z0) F(C_EncapsulateKey, Z7) F(C_DecapsulateKey, Z7)                    \
    F(C_VerifySignatureInit, Z4) F(C_VerifySignature, Z2) F(C_VerifySignatureUpdate, Z2)           \
    F(C_VerifySignatureFinal, Z0) F(C_GetSessionValidationFlags, Z2) F(C_AsyncComplete, Z2)        \
    F(C_AsyncGetID, Z2) F(C_AsyncJoin, Z4) F(C_WrapKeyAuthenticated, Z7)                           \
    F(C_UnwrapKeyAuthenticated, Z9)
#define OF_OTHERS(F)                                                                               \
    F(C_GetInfo(0)) F(C_GetSlotList(0, 0, 0)) F(C_GetSlotInfo(0, 0)) F(C_GetTokenInfo(0, 0))       \
    F(C_GetMechanismList(0, 0, 0)) F(C_GetMechanismInfo(0, 0, 0)) F(C_InitToken(0, 0, 0, 0))       \
    F(C_OpenSession(0, 0, 0, 0, 0)) F(C_CloseAllSessions(0)) F(C_WaitForSlotEvent(0, 0, 0))        \
    F(C_Finalize(0))
/* clang-format on */

/* How many functions do not answer expected. */
static unsigned others_of_sessions(CK_RV expected, CK_SESSION_HANDLE session)
{
    unsigned others = 0;
#define CALL(name, zeros)                                                                          \
    if (m->name(session zeros) != expected) {                                                      \
        fprintf(stderr, "%s\n", #name);                                                            \
        others++;                                                                                  \
    }
    OF_SESSIONS(CALL)
#undef CALL
    return others;
}

static unsigned others_without_session(CK_RV expected)
{
    unsigned others = 0;
#define CALL(call)                                                                                 \
    if (m->call != expected) {                                                                     \
        fprintf(stderr, "%s\n", #call);                                                            \
        others++;                                                                                  \
    }
    OF_OTHERS(CALL)
#undef CALL
    return others;
}

Test(interfaces, these_tests_have_every_function)
{
#define ONE(...) +1
    const int all = 0 OF_SESSIONS(ONE) OF_OTHERS(ONE);
#undef ONE
    const int without_initialize = 4; /* C_Initialize and the three that give the lists */
    cr_assert_eq(all + without_initialize, 104);
}

Test(interfaces, nothing_works_before_initialize)
{
    cr_assert_eq(others_of_sessions(CKR_CRYPTOKI_NOT_INITIALIZED, 1), 0);
    cr_assert_eq(others_without_session(CKR_CRYPTOKI_NOT_INITIALIZED), 0);
}

Test(interfaces, trap_fork_child_not_initialized)
{
    int status;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const pid_t child = fork();
    if (child == 0)
        _exit(others_of_sessions(CKR_CRYPTOKI_NOT_INITIALIZED, session) > 0 ||
              others_without_session(CKR_CRYPTOKI_NOT_INITIALIZED) > 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    cr_assert_gt(stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"), 0, "the parent goes on");
}

Test(interfaces, a_session_that_is_none_is_said_before_all_else)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE closed = stage_session(&stage);
    stage_ok(m->C_CloseSession(closed));
    const CK_SESSION_HANDLE none[] = {0, closed, closed + 1, CK_UNAVAILABLE_INFORMATION};
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
        cr_assert_eq(others_of_sessions(CKR_SESSION_HANDLE_INVALID, none[i]), 0);
}

#define AS_USER , CKU_USER, 0, 0, 0, 0

/* In a session, with nothing else: nothing is active, and no pointer leads anywhere. An Init
 * without a mechanism ends what is not there. */
Test(interfaces, trap_null_is_not_zero_length)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    /* clang-format off */
    const struct {
        const char *name;
        CK_RV expected, got;
    } rows[] = {
#define ROW(name, expected, zeros) {#name, expected, m->name(session zeros)}
        ROW(C_SessionCancel, CKR_OK, Z1),
        ROW(C_LoginUser, CKR_ARGUMENTS_BAD, AS_USER),
        ROW(C_MessageEncryptInit, CKR_OK, Z2),
        ROW(C_EncryptMessage, CKR_OPERATION_NOT_INITIALIZED, Z8),
        ROW(C_EncryptMessageBegin, CKR_OPERATION_NOT_INITIALIZED, Z4),
        ROW(C_EncryptMessageNext, CKR_OPERATION_NOT_INITIALIZED, Z7),
        ROW(C_MessageEncryptFinal, CKR_OPERATION_NOT_INITIALIZED, Z0),
        ROW(C_MessageDecryptInit, CKR_OK, Z2),
        ROW(C_DecryptMessage, CKR_OPERATION_NOT_INITIALIZED, Z8),
        ROW(C_DecryptMessageBegin, CKR_OPERATION_NOT_INITIALIZED, Z4),
        ROW(C_DecryptMessageNext, CKR_OPERATION_NOT_INITIALIZED, Z7),
        ROW(C_MessageDecryptFinal, CKR_OPERATION_NOT_INITIALIZED, Z0),
        ROW(C_MessageSignInit, CKR_OK, Z2),
        ROW(C_SignMessage, CKR_OPERATION_NOT_INITIALIZED, Z6),
        ROW(C_SignMessageBegin, CKR_OPERATION_NOT_INITIALIZED, Z2),
        ROW(C_SignMessageNext, CKR_OPERATION_NOT_INITIALIZED, Z6),
        ROW(C_MessageSignFinal, CKR_OPERATION_NOT_INITIALIZED, Z0),
        ROW(C_MessageVerifyInit, CKR_OK, Z2),
        ROW(C_VerifyMessage, CKR_OPERATION_NOT_INITIALIZED, Z6),
        ROW(C_VerifyMessageBegin, CKR_OPERATION_NOT_INITIALIZED, Z2),
        ROW(C_VerifyMessageNext, CKR_OPERATION_NOT_INITIALIZED, Z6),
        ROW(C_MessageVerifyFinal, CKR_OPERATION_NOT_INITIALIZED, Z0),
        ROW(C_EncapsulateKey, CKR_ARGUMENTS_BAD, Z7),
        ROW(C_DecapsulateKey, CKR_ARGUMENTS_BAD, Z7),
        ROW(C_VerifySignatureInit, CKR_ARGUMENTS_BAD, Z4),
        ROW(C_VerifySignature, CKR_OPERATION_NOT_INITIALIZED, Z2),
        ROW(C_VerifySignatureUpdate, CKR_OPERATION_NOT_INITIALIZED, Z2),
        ROW(C_VerifySignatureFinal, CKR_OPERATION_NOT_INITIALIZED, Z0),
        ROW(C_GetSessionValidationFlags, CKR_ARGUMENTS_BAD, Z2),
        ROW(C_AsyncComplete, CKR_ARGUMENTS_BAD, Z2),
        ROW(C_AsyncGetID, CKR_ARGUMENTS_BAD, Z2),
        ROW(C_AsyncJoin, CKR_ARGUMENTS_BAD, Z4),
        ROW(C_WrapKeyAuthenticated, CKR_ARGUMENTS_BAD, Z7),
        ROW(C_UnwrapKeyAuthenticated, CKR_ARGUMENTS_BAD, Z9),
#undef ROW
    };
    /* clang-format on */
    cr_assert_eq(G_N_ELEMENTS(rows), 104 - 68 - 2, "all but the two that give the lists");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        cr_assert_eq(rows[i].got, rows[i].expected, "%s: 0x%lx", rows[i].name, rows[i].got);
}

Test(interfaces, asynchronous_calls_are_told_that_there_are_none)
{
    CK_UTF8CHAR function[] = "C_Sign";
    CK_ASYNC_DATA result, before;
    CK_SESSION_HANDLE session;
    CK_ULONG id;
    memset(&result, 7, sizeof result);
    before = result;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_SESSION_ASYNC_NOT_SUPPORTED,
                 m->C_OpenSession(stage_slot(&stage), CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL,
                                  NULL, &session));
    session = stage_session(&stage);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_AsyncComplete(session, function, &result));
    cr_assert(memcmp(&result, &before, sizeof result) == 0);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_AsyncGetID(session, function, &id));
    stage_expect(CKR_SAVED_STATE_INVALID, m->C_AsyncJoin(session, function, 1, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_AsyncComplete(session, NULL, &result));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_AsyncGetID(session, NULL, &id));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_AsyncJoin(session, NULL, 1, NULL, 0));
}

Test(interfaces, nothing_is_validated_and_the_flags_say_so)
{
    CK_FLAGS flags = 7;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
    cr_assert_eq(flags, 0);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetSessionValidationFlags(session, 2, &flags));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, NULL));
}
