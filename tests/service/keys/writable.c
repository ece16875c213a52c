// SPDX-License-Identifier: MIT
/* A worker, sandboxed as it is, that writes to its directory for its clients. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attribute.h"
#include "rig.h"

static const CK_BBOOL yes = CK_TRUE;
static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};

static const char *generate(Rig *rig, P11dChannel *channel)
{
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "web", 3},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(rig, channel, &writer, "org.p11dbus.Token1", "GenerateKeyPair", "sa{sv}a{sv}a{sv}");
    p11d_writer_string(&writer, "ec-key-pair-gen");
    p11d_attribute_write_all(&writer, NULL, 0);
    cr_assert_eq(p11d_attribute_write_all(&writer, items, 3), CKR_OK);
    cr_assert_eq(p11d_attribute_write_all(&writer, items, 2), CKR_OK);
    return rig_call(channel, &writer, &reply);
}

static bool has_file(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/web.key", directory);
    return access(path, F_OK) == 0;
}

Test(writable, a_worker_writes_for_its_clients_and_tells_the_others)
{
    char *directory = rig_make_directory();
    P11dChannel control, other;
    RigList list;
    Rig rig;
    rig_start_writable(&rig, directory);
    rig_client(&rig, &control);
    rig_client(&rig, &other);
    cr_assert_null(rig_list(&rig, &other, 0, &list));
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    cr_assert_null(generate(&rig, &control));
    cr_assert_eq(rig_signals(), 1, "it is told before the reply");
    rig_wait_signal(&other);
    cr_assert_null(rig_list(&rig, &other, 0, &list));
    cr_assert_not_null(rig_find(&list, "private-key", "web"));
    cr_assert(has_file(directory));
    p11d_channel_clear(&control);
    p11d_channel_clear(&other);
    cr_assert_eq(rig_stop(&rig), 0);
    rig_remove_directory(directory);
}

/* The worker's sandbox lets it write to the directory that was there when it began. */
Test(writable, a_worker_ends_for_the_next_one_when_its_directory_is_another)
{
    char *directory = rig_make_directory();
    P11dChannel control;
    P11dMessage message;
    Rig rig;
    rig_start_writable(&rig, directory);
    rig_client(&rig, &control);
    cr_assert_null(generate(&rig, &control));
    rig_remove_directory(strdup(directory));
    cr_assert_eq(mkdir(directory, 0700), 0);
    while (p11d_channel_receive(&rig.link, p11d_deadline_in(60000), &message) == P11D_OK)
        continue;
    p11d_channel_clear(&control);
    char *log = rig_log(&rig);
    cr_expect(strstr(log, "another directory has come in its place"), "%s", log);
    free(log);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_LINK_ANEW);
    rig_start_writable(&rig, directory);
    rig_client(&rig, &control);
    cr_assert_null(generate(&rig, &control));
    cr_assert(has_file(directory));
    p11d_channel_clear(&control);
    cr_assert_eq(rig_stop(&rig), 0);
    rig_remove_directory(directory);
}

/* More than the worker has threads. */
#define ASKING 80

/* Asks for a pair that takes long to generate, and does not wait for it. */
static void ask_for_primes(Rig *rig, P11dChannel *channel)
{
    static const CK_ULONG bits = 8192;
    const CK_ATTRIBUTE items[] = {{CKA_MODULUS_BITS, (void *)(uintptr_t)&bits, sizeof bits}};
    P11dWriter writer;
    rig_begin(rig, channel, &writer, "org.p11dbus.Token1", "GenerateKeyPair", "sa{sv}a{sv}a{sv}");
    p11d_writer_string(&writer, "rsa-pkcs-key-pair-gen");
    p11d_attribute_write_all(&writer, NULL, 0);
    cr_assert_eq(p11d_attribute_write_all(&writer, items, 1), CKR_OK);
    cr_assert_eq(p11d_attribute_write_all(&writer, NULL, 0), CKR_OK);
    cr_assert_eq(p11d_channel_send(channel, &writer, -1, p11d_deadline_in(60000), NULL), P11D_OK);
}

/* Writes a key whose passphrase takes its time. */
static void write_slow_key(const char *directory, const char *name)
{
    char path[1024];
    EVP_PKEY *key = rig_generate("EC:P-256");
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
    X509_ALGOR *method = PKCS5_pbe2_set(EVP_aes_256_cbc(), 2000000, NULL, 0);
    X509_SIG *encrypted = PKCS8_set0_pbe("secret", 6, info, method);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    cr_assert(encrypted && file && PEM_write_PKCS8(file, encrypted) == 1);
    cr_assert_eq(fchmod(fileno(file), 0600), 0);
    fclose(file);
    X509_SIG_free(encrypted);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(key);
}

/* Tries that passphrase, and does not wait for what comes of it. */
static void ask_for_login(Rig *rig, P11dChannel *channel)
{
    P11dWriter writer;
    rig_begin(rig, channel, &writer, "org.p11dbus.Token1", "Login", "saya{sv}");
    p11d_writer_string(&writer, "user");
    p11d_writer_bytes(&writer, "secret", 6);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    cr_assert_eq(p11d_channel_send(channel, &writer, -1, p11d_deadline_in(60000), NULL), P11D_OK);
}

/* Asks for data to be written, and does not wait for it. */
static void ask_for_data(Rig *rig, P11dChannel *channel)
{
    static const CK_OBJECT_CLASS class = CKO_DATA;
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, (void *)(uintptr_t) & class, sizeof class},
                                  {CKA_TOKEN, (void *)(uintptr_t)&yes, 1}};
    P11dWriter writer;
    rig_begin(rig, channel, &writer, "org.p11dbus.Token1", "CreateObject", "a{sv}");
    cr_assert_eq(p11d_attribute_write_all(&writer, items, 2), CKR_OK);
    cr_assert_eq(p11d_channel_send(channel, &writer, -1, p11d_deadline_in(60000), NULL), P11D_OK);
}

/* As a service does that is stopped in the middle of writing. */
static int lock_directory(const char *directory)
{
    char path[512];
    snprintf(path, sizeof path, "%s/.p11dbus-lock", directory);
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
    return lock;
}

/* Signs while so many others have asked for something. Returns how many of them were answered
 * before. Once they hang up nothing more is done for them, or the worker would not end before the
 * test does. */
static int sign_meanwhile(void (*ask)(Rig *rig, P11dChannel *channel), bool locked)
{
    static P11dChannel controls[ASKING];
    static const uint8_t digest[32];
    char *directory = rig_make_directory();
    P11dChannel control;
    RigSignature signature;
    RigList list;
    Rig rig;
    int answered = 0;
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    write_slow_key(directory, "slow.key");
    rig_start_writable(&rig, directory);
    int lock = locked ? lock_directory(directory) : -1;
    for (int i = 0; i < ASKING; i++) {
        rig_client(&rig, &controls[i]);
        ask(&rig, &controls[i]);
    }
    rig_client(&rig, &control);
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    const uint64_t id = rig_find(&list, "private-key", "one")->id;
    for (int i = 0; i < 3; i++)
        cr_assert_null(
            rig_sign(&rig, &control, id, "ecdsa", NULL, NULL, digest, sizeof digest, &signature));
    for (int i = 0; i < ASKING; i++) {
        P11dMessage message;
        answered += p11d_channel_receive(&controls[i], p11d_deadline_now(), &message) == P11D_OK;
        p11d_channel_clear(&controls[i]);
    }
    p11d_channel_clear(&control);
    if (locked)
        close(lock);
    cr_assert_eq(rig_stop(&rig), 0);
    rig_remove_directory(directory);
    return answered;
}

Test(writable, trap_slow_work_is_felt_by_no_other__pairs)
{
    cr_assert_eq(sign_meanwhile(ask_for_primes, false), 0);
}

Test(writable, trap_slow_work_is_felt_by_no_other__logins)
{
    cr_assert_lt(sign_meanwhile(ask_for_login, false), ASKING / 2);
}

Test(writable, trap_slow_work_is_felt_by_no_other__writers)
{
    cr_assert_lt(sign_meanwhile(ask_for_data, true), ASKING - 64, "as many as have no thread");
}
