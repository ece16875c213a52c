// SPDX-License-Identifier: MIT
/* Operations that go through streams of the service: how these end, and how many there are. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

#define WORDS                                                                                      \
    "mechanisms=generic-secret-key-gen,aes-cbc,sha256-hmac "                                       \
    "flags=generate,encrypt,decrypt,sign,verify "

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;
static CK_BYTE vector[16];
static CK_BYTE data[64];
static CK_BYTE output[512];
static CK_MECHANISM cbc = {CKM_AES_CBC, vector, sizeof vector};

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(stream_life, .init = open_stage, .fini = close_stage);

static void begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    key = stage_generate(&stage, session);
}

static CK_RV begin_encryption(CK_SESSION_HANDLE in)
{
    CK_ULONG size = sizeof output;
    stage_ok(m->C_EncryptInit(in, &cbc, key));
    return m->C_EncryptUpdate(in, data, 64, output, &size);
}

Test(stream_life, trap_lost_reply_is_not_asked_again)
{
    CK_ULONG size = sizeof output;
    begin(WORDS);
    stage_ok(begin_encryption(session));
    stage_order(&stage, "UpdateStream=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_EncryptUpdate(session, data, 64, output, &size));
    cr_assert_eq(size, sizeof output, "no length on an error path");
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "UpdateStream"), 2);
    stage_order(&stage, "calm");
    stage_order(&stage, "FinishStream=close");
    stage_ok(begin_encryption(session));
    stage_expect(CKR_DEVICE_ERROR, m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "FinishStream"), 1);
    stage_order(&stage, "calm");
    stage_ok(begin_encryption(session));
    stage_ok(m->C_EncryptFinal(session, output, &size));
}

Test(stream_life, trap_reply_is_checked_before_use)
{
    CK_ULONG size = sizeof output;
    begin(WORDS);
    stage_order(&stage, "UpdateStream=size");
    stage_expect(CKR_DEVICE_ERROR, begin_encryption(session));
    stage_order(&stage, "UpdateStream=type");
    stage_expect(CKR_DEVICE_ERROR, begin_encryption(session));
    stage_order(&stage, "UpdateStream=org.p11dbus.Error.DataInvalid");
    stage_expect(CKR_DATA_INVALID, begin_encryption(session));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_EncryptFinal(session, output, &size));
}

static size_t count_sockets(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISSOCK(status.st_mode))
            count++;
    }
    closedir(directory);
    return count;
}

Test(stream_life, is_given_up_with_its_operation)
{
    CK_BYTE pin[] = "1234";
    begin(WORDS);
    const CK_SESSION_HANDLE other = stage_session(&stage);
    stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &(CK_ULONG){0});
    const size_t before = count_sockets();
    stage_ok(begin_encryption(other));
    stage_ok(m->C_CloseSession(other));
    stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &(CK_ULONG){0});
    cr_assert_eq(count_sockets(), before);
    cr_assert_eq(stage_count(&stage, "hangup stream"), 1, "its session was closed");
    stage_ok(begin_encryption(session));
    stage_ok(m->C_EncryptInit(session, NULL, 0));
    stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &(CK_ULONG){0});
    cr_assert_eq(stage_count(&stage, "hangup stream"), 2, "it was canceled");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(begin_encryption(session));
    stage_ok(m->C_Logout(session));
    cr_assert_eq(stage_count(&stage, "hangup stream"), 3, "the client was logged out");
    stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &(CK_ULONG){0});
    cr_assert_eq(count_sockets(), before);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED,
                 m->C_EncryptFinal(session, output, &(CK_ULONG){sizeof output}));
}

Test(stream_life, trap_child_holds_no_descriptor)
{
    const size_t before = count_sockets();
    CK_ULONG size = sizeof output;
    int status = 0;
    begin(WORDS);
    stage_ok(begin_encryption(session));
    cr_assert_gt(count_sockets(), before);
    const pid_t child = fork();
    if (child == 0)
        _exit(m->C_EncryptFinal(session, output, &size) == CKR_CRYPTOKI_NOT_INITIALIZED &&
                      count_sockets() <= before
                  ? 0
                  : 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "hangup stream"), 0);
}

#define MANY 100

/* Returns how many sessions have a stream now. */
static size_t begin_many(CK_SESSION_HANDLE sessions[MANY])
{
    size_t begun = 0;
    for (size_t i = 0; i < MANY; i++) {
        sessions[i] = stage_session(&stage);
        const CK_RV rv = begin_encryption(sessions[i]);
        if (rv == CKR_OK)
            begun++;
        else
            stage_expect(CKR_DEVICE_MEMORY, rv);
    }
    return begun;
}

Test(stream_life, trap_running_out_is_an_answer)
{
    CK_SESSION_HANDLE sessions[MANY];
    CK_ULONG size;
    begin(WORDS);
    cr_assert_eq(begin_many(sessions), 64);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 64, "the others are refused here");
    size = sizeof output;
    stage_ok(stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &size));
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(sessions[0], output, &size));
    stage_ok(begin_encryption(sessions[MANY - 1]));
    stage_expect(CKR_DEVICE_MEMORY, begin_encryption(sessions[MANY - 2]));
}

Test(stream_life, a_service_that_allows_few_channels_stops_nobody)
{
    CK_SESSION_HANDLE sessions[MANY];
    CK_ULONG size;
    begin(WORDS);
    stage_ok(begin_encryption(session));
    stage_ok(stage_sign(&stage, stage_session(&stage), CKM_SHA256_HMAC, key, output, &size));
    stage_order(&stage, "OpenChannel=org.freedesktop.DBus.Error.LimitsExceeded");
    begin_many(sessions);
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    stage_ok(stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &size));
    cr_assert_lt(begin_many(sessions), 2);
    stage_ok(stage_sign(&stage, session, CKM_SHA256_HMAC, key, output, &size));
}

Test(stream_life, is_never_sent_over_the_bus)
{
    CK_ULONG size = sizeof output;
    begin(WORDS "channels=no");
    stage_ok(m->C_EncryptInit(session, &cbc, key));
    stage_ok(m->C_EncryptUpdate(session, data, 64, output, &size));
    cr_assert_eq(size, 0);
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(size, 64);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 0);
    cr_assert_eq(stage_count(&stage, "encrypt aes-cbc parameters 64"), 1);
}
