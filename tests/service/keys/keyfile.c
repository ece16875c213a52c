// SPDX-License-Identifier: MIT
#include "keyfile.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rig.h"

#define ALL (P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE)

static char *directory;
static int descriptor;
static int log_pipe[2];

/* The log is standard error: the tests read it back. */
static void set_up(void)
{
    directory = rig_make_directory();
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK), 0);
    fflush(stderr);
    cr_assert(dup2(log_pipe[1], STDERR_FILENO) >= 0);
}

static void tear_down(void)
{
    close(descriptor);
    rig_remove_directory(directory);
}

static bool log_says(const char *text)
{
    char log[4096];
    ssize_t size = read(log_pipe[0], log, sizeof log - 1);
    if (size < 0)
        size = 0;
    log[size] = '\0';
    return *text ? strstr(log, text) != NULL : size == 0;
}

static bool load(P11dKeyFile *file, const char *name)
{
    return p11d_keyfile_load(file, descriptor, directory, name, ALL);
}

/* Whether a private key of it may be served. */
static bool has_key(const P11dKeyFile *file)
{
    return (file->claim.key || file->claim.locked.type) && !file->claim.unusable;
}

/* --- every type in every container --- */

typedef struct Case {
    const char *kind;
    RigContainer container;
    const char *passphrase;
} Case;

#define BOTH(kind)                                                                                 \
    {kind, RIG_PKCS8, NULL}, {kind, RIG_PKCS8, "correct horse"}, {kind, RIG_TRADITIONAL, NULL},    \
    {                                                                                              \
        kind, RIG_TRADITIONAL, "correct horse"                                                     \
    }

static const Case cases[] = {
    BOTH("rsa-2048.key"),
    BOTH("rsa-8192.key"),
    BOTH("EC:P-256"),
    BOTH("EC:P-384"),
    BOTH("EC:P-521"),
    BOTH("EC:secp256k1"),
    {"ED25519", RIG_PKCS8, NULL},
    {"ED25519", RIG_PKCS8, "correct horse"},
    {"ED448", RIG_PKCS8, NULL},
    {"ED448", RIG_PKCS8, "correct horse"},
    BOTH("EC:brainpoolP256r1"),
    BOTH("EC:brainpoolP384r1"),
    BOTH("EC:brainpoolP512r1"),
    {"X25519", RIG_PKCS8, NULL},
    {"X25519", RIG_PKCS8, "correct horse"},
    {"X448", RIG_PKCS8, NULL},
    {"X448", RIG_PKCS8, "correct horse"},
};

ParameterizedTestParameters(keyfile, every_type_in_every_container)
{
    Case *rows = cr_malloc(sizeof cases);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rows[i] = cases[i];
        rows[i].kind = strcpy(cr_malloc(strlen(cases[i].kind) + 1), cases[i].kind);
        if (rows[i].passphrase)
            rows[i].passphrase = strcpy(cr_malloc(32), cases[i].passphrase);
    }
    return cr_make_param_array(Case, rows, sizeof cases / sizeof cases[0]);
}

ParameterizedTest(Case *row, keyfile, every_type_in_every_container, .init = set_up,
                  .fini = tear_down)
{
    P11dKeyFile file;
    bool unsupported;
    EVP_PKEY *key = strstr(row->kind, ".key") ? rig_read_key(row->kind) : rig_generate(row->kind);

    rig_write_key(directory, "k.key", key, row->container, row->passphrase);
    cr_assert(load(&file, "k.key"));
    cr_assert(log_says(""));
    if (!row->passphrase) {
        cr_assert_eq(EVP_PKEY_eq(file.claim.key, key), 1);
        cr_assert_null(file.claim.locked.type);
    } else {
        cr_assert_null(file.claim.key);
        cr_assert_not_null(file.claim.locked.type);
        cr_assert_null(
            p11d_pem_unlock(&file.claim.locked, (const uint8_t *)"wrong", 5, &unsupported));
        cr_assert_not(unsupported);
        cr_assert_null(p11d_pem_unlock(&file.claim.locked, NULL, 0, &unsupported));
        EVP_PKEY *opened = p11d_pem_unlock(&file.claim.locked, (const uint8_t *)row->passphrase,
                                           strlen(row->passphrase), &unsupported);
        cr_assert_eq(EVP_PKEY_eq(opened, key), 1);
        EVP_PKEY_free(opened);
    }
    p11d_keyfile_clear(&file);
    EVP_PKEY_free(key);
}

/* --- what is refused --- */

/* Loads what is in k.key and wants no key, and a line in the log that says text. */
static void expect_refused(const char *text)
{
    P11dKeyFile file;
    load(&file, "k.key");
    cr_assert_not(has_key(&file));
    p11d_keyfile_clear(&file);
    cr_assert(log_says(text), "the log does not say \"%s\"", text);
}

static void write_key(const char *kind)
{
    EVP_PKEY *key = rig_generate(kind);
    rig_write_key(directory, "k.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
}

Test(keyfile, a_key_that_others_can_read_is_refused, .init = set_up, .fini = tear_down)
{
    static const mode_t modes[] = {0604, 0640, 0644, 0660, 0602, 0610};
    write_key("EC:P-256");
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        cr_assert_eq(fchmodat(descriptor, "k.key", modes[i], 0), 0);
        expect_refused("refused: others can read or write it");
    }
    cr_assert_eq(fchmodat(descriptor, "k.key", 0400, 0), 0);
    P11dKeyFile file;
    cr_assert(load(&file, "k.key"));
    cr_assert(has_key(&file));
    p11d_keyfile_clear(&file);
}

Test(keyfile, the_target_of_a_link_is_what_is_checked, .init = set_up, .fini = tear_down)
{
    write_key("EC:P-256");
    cr_assert_eq(symlinkat("k.key", descriptor, "link.key"), 0);
    P11dKeyFile file;
    cr_assert(load(&file, "link.key"));
    cr_assert(has_key(&file));
    p11d_keyfile_clear(&file);
    cr_assert_eq(fchmodat(descriptor, "k.key", 0644, 0), 0);
    load(&file, "link.key");
    cr_assert_not(has_key(&file));
    p11d_keyfile_clear(&file);
    cr_assert(log_says("refused"));
}

Test(keyfile, another_owner_is_refused, .init = set_up, .fini = tear_down)
{
    write_key("EC:P-256");
    if (fchownat(descriptor, "k.key", 12345, (gid_t)-1, 0) != 0)
        cr_skip_test("not root");
    expect_refused("refused: it belongs to uid 12345");
}

Test(keyfile, cut_off_anywhere_is_never_a_key, .init = set_up, .fini = tear_down)
{
    static uint8_t text[8192];
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "whole", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    int fd = openat(descriptor, "whole", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t cut = 0; cut < size - 1; cut += 7) {
        rig_write_file(directory, "k.key", text, (size_t)cut, 0600);
        expect_refused("skipped");
    }
    rig_write_file(directory, "k.key", text, 60, 0600);
    expect_refused("k.key: skipped: damaged or cut off");
}

Test(keyfile, what_is_no_key_is_named, .init = set_up, .fini = tear_down)
{
    static const char text[] = "no key at all\n";
    static const char der[] = {0x30, 0x03, 0x02, 0x01, 0x00};
    static const char nonsense[] =
        "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n";
    static const char openssh[] =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nMAMCAQA=\n-----END OPENSSH PRIVATE KEY-----\n";

    rig_write_file(directory, "k.key", "", 0, 0600);
    expect_refused("k.key: skipped: empty");
    rig_write_file(directory, "k.key", text, sizeof text, 0600);
    expect_refused(
        "k.key: skipped: it should hold a private key or a public key or a certificate in PEM");
    rig_write_file(directory, "k.key", der, sizeof der, 0600);
    expect_refused(
        "k.key: skipped: it should hold a private key or a public key or a certificate in PEM");
    rig_write_file(directory, "k.key", nonsense, sizeof nonsense - 1, 0600);
    expect_refused("k.key: private key skipped: it cannot be decoded");
    rig_write_file(directory, "k.key", openssh, sizeof openssh - 1, 0600);
    expect_refused("k.key: skipped: OPENSSH PRIVATE KEY is not supported (PKCS#8, PKCS#1 and SEC 1 "
                   "are); ssh-keygen -p -m PKCS8 -f FILE");
}

Test(keyfile, the_line_that_is_left_out_is_named, .init = set_up, .fini = tear_down)
{
    static const char text[] = "a note of somebody\n"
                               "public-key verify: false\n"
                               "public-key derive: no\n"
                               "public-key label\n";
    P11dKeyFile file;
    rig_write_file(directory, "k.pem", text, sizeof text - 1, 0600);
    load(&file, "k.pem");
    p11d_keyfile_clear(&file);
    cr_assert(log_says("k.pem: line 3 is left out: "));
}

Test(keyfile, certificates_that_are_too_many_are_said, .init = set_up, .fini = tear_down)
{
    static char text[32768];
    P11dKeyFile file;
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_certificate(directory, "k.crt", key);
    EVP_PKEY_free(key);
    int fd = openat(descriptor, "k.crt", O_RDONLY | O_CLOEXEC);
    ssize_t size = read(fd, text, sizeof text / (P11D_KEYFILE_CERTIFICATES + 1));
    close(fd);
    for (int i = 1; i <= P11D_KEYFILE_CERTIFICATES; i++)
        memcpy(text + i * size, text, (size_t)size);

    rig_write_file(directory, "k.key", text, (size_t)size * P11D_KEYFILE_CERTIFICATES, 0600);
    cr_assert(load(&file, "k.key"));
    cr_assert_eq(file.certificate_count, P11D_KEYFILE_CERTIFICATES);
    p11d_keyfile_clear(&file);
    cr_assert_not(log_says("more than"));
    rig_write_file(directory, "k.key", text, (size_t)size * (P11D_KEYFILE_CERTIFICATES + 1), 0600);
    cr_assert(load(&file, "k.key"));
    cr_assert_eq(file.certificate_count, P11D_KEYFILE_CERTIFICATES);
    p11d_keyfile_clear(&file);
    cr_assert(log_says("k.key: holds more than 8 certificates; the first ones are used"));
}

Test(keyfile, types_and_sizes_that_are_not_supported, .init = set_up, .fini = tear_down)
{
    write_key("RSA:1016");
    expect_refused("an RSA key must have from 1024 to 8192 bits");
    write_key("EC:brainpoolP320r1");
    expect_refused("its curve is not one of");
    write_key("SM2");
    expect_refused("it is neither an RSA");
}

Test(keyfile, size_is_bounded_and_special_files_are_skipped, .init = set_up, .fini = tear_down)
{
    write_key("EC:P-256");
    int fd = openat(descriptor, "k.key", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(ftruncate(fd, (off_t)P11D_KEYFILE_MAX + 1), 0);
    close(fd);
    expect_refused("larger than 1 MiB");

    unlinkat(descriptor, "k.key", 0);
    cr_assert_eq(mkfifoat(descriptor, "k.key", 0600), 0);
    expect_refused("not a regular file"); /* and does not wait for a writer */
    unlinkat(descriptor, "k.key", 0);
    expect_refused(""); /* gone is no news */
}

/* Writes k.key: the key of kind, with size bytes of its encoding at that place from the end taken
 * from another (NULL: with those bytes turned round). */
static void write_joined(const char *label, EVP_PKEY *key, EVP_PKEY *other, long at, size_t size)
{
    uint8_t *der = NULL, *from = NULL;
    char *text;
    long length = i2d_PrivateKey(key, &der);
    if (other)
        cr_assert_eq(i2d_PrivateKey(other, &from), length);
    for (size_t i = 0; i < size; i++)
        der[length - at + (long)i] =
            other ? from[length - at + (long)i] : (uint8_t)~der[length - at + (long)i];
    BIO *bio = BIO_new(BIO_s_mem());
    cr_assert(PEM_write_bio(bio, label, "", der, length) > 0);
    long text_size = BIO_get_mem_data(bio, &text);
    rig_write_file(directory, "k.key", text, (size_t)text_size, 0600);
    BIO_free(bio);
    OPENSSL_free(der);
    OPENSSL_free(from);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

Test(keyfile, halves_that_do_not_match_are_refused, .init = set_up, .fini = tear_down)
{
    /* SEC 1 ends with the public point. */
    write_joined("EC PRIVATE KEY", rig_generate("EC:P-256"), rig_generate("EC:P-256"), 64, 64);
    expect_refused("halves do not belong together");
    /* In PKCS#1 the modulus is that far from the end, before the exponents and the primes. */
    write_joined("RSA PRIVATE KEY", rig_read_key("rsa-2048.key"), NULL, 1000, 1);
    expect_refused("halves do not belong together");
}

Test(keyfile, certificates_and_public_keys_may_be_readable, .init = set_up, .fini = tear_down)
{
    P11dKeyFile file;
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_certificate(directory, "k.crt", key);
    rig_write_public(directory, "k.pub", key);
    cr_assert_eq(fchmodat(descriptor, "k.crt", 0644, 0), 0);
    cr_assert_eq(fchmodat(descriptor, "k.pub", 0644, 0), 0);
    cr_assert(load(&file, "k.crt"));
    cr_assert_eq(file.certificate_count, 1);
    p11d_keyfile_clear(&file);
    cr_assert(load(&file, "k.pub"));
    cr_assert_eq(EVP_PKEY_eq(file.claim.public_key, key), 1);
    p11d_keyfile_clear(&file);
    cr_assert(log_says(""));
    EVP_PKEY_free(key);
}
