// SPDX-License-Identifier: MIT
#include "keytoken.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyfile.h"
#include "keytoken-fixture.h"
#include "servedkey.h"

Test(keytoken, key_public_key_and_certificate_belong_together, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_key(directory, "mine.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "mine.crt", key);
    open_token();
    list_all();
    cr_assert(list.complete);
    cr_assert_eq(list.count, 3);
    const RigObject *private = rig_find(&list, "private-key", "mine");
    const RigObject *public = rig_find(&list, "public-key", "mine");
    const RigObject *certificate = rig_find(&list, "certificate", "mine");
    cr_assert(private && public && certificate);
    cr_assert_not(private->private);
    cr_assert_eq(private->value_size, public->value_size);
    cr_assert_arr_eq(private->value, public->value, public->value_size);
    const uint8_t *der = certificate->value;
    X509 *parsed = d2i_X509(NULL, &der, (long)certificate->value_size);
    cr_assert_eq(EVP_PKEY_eq(X509_get0_pubkey(parsed), key), 1);
    X509_free(parsed);
    EVP_PKEY_free(key);
}

/* Whether the bytes of object spell a curve out: prime-field is in no other key. */
static bool spells_a_curve_out(const RigObject *object)
{
    static const uint8_t prime_field[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01};
    return memmem(object->value, object->value_size, prime_field, sizeof prime_field);
}

Test(keytoken, a_curve_that_is_spelled_out_gets_its_name, .init = open_directory, .fini = tear_down)
{
    static const char *const kinds[] = {"EC:P-256", "EC:P-384", "EC:P-521", "EC:secp256k1",
                                        "EC:brainpoolP256r1"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char open[16], locked[16];
        snprintf(open, sizeof open, "open%zu.key", i);
        snprintf(locked, sizeof locked, "locked%zu.key", i);
        EVP_PKEY *key = rig_generate(kinds[i]);
        cr_assert(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                 OSSL_PKEY_EC_ENCODING_EXPLICIT));
        rig_write_key(directory, open, key, RIG_PKCS8, NULL);
        rig_write_key(directory, locked, key, RIG_TRADITIONAL, "secret");
        EVP_PKEY_free(key);
    }
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(list.count, 20);
    for (size_t i = 0; i < list.count; i++)
        cr_assert_not(spells_a_curve_out(&list.objects[i]), "object %zu", i);
    cr_assert_eq(sign_as(view, id_of("private-key", "locked0")), CKR_OK);
}

Test(keytoken, certificate_in_the_same_file, .init = open_directory, .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-384");
    rig_write_key(directory, "a", key, RIG_TRADITIONAL, NULL);
    rig_write_certificate(directory, "b", key);
    join_files("both.pem", (const char *const[]){"a", "b", NULL});
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(list.count, 3);
    cr_assert(id_of("certificate", "both"));
}

Test(keytoken, every_certificate_of_a_file_is_there, .init = open_directory, .fini = tear_down)
{
    write_certificates((const char *const[]){"root", "issuer", NULL});
    /* The key's own is not the first, and one is there twice. */
    write_one_with_chain((const char *const[]){"issuer", "leaf", "root", "issuer", NULL});
    open_token();
    list_all();
    cr_assert_eq(list.count, 5);
    const RigObject *own = rig_find(&list, "certificate", "one");
    cr_assert(own && memmem(own->value, own->value_size, "leaf", 4));
    static const char *const others[] = {"issuer", "root"};
    for (size_t i = 0; i < 2; i++) {
        const RigObject *other = rig_find(&list, "certificate", others[i]);
        cr_assert(other && memmem(other->value, other->value_size, others[i], strlen(others[i])));
    }
    cr_assert_eq(sign_as(view, id_of("certificate", "issuer")), CKR_KEY_HANDLE_INVALID);
}

Test(keytoken, more_certificates_than_a_file_may_hold, .init = open_directory, .fini = tear_down)
{
    static const char *const names[] = {"leaf", "1", "2", "3", "4", "5", "6", "7", "8", "9", NULL};
    write_certificates(names + 1);
    write_one_with_chain(names);
    join_files("one.pem", (const char *const[]){"8", "9", NULL});
    open_token();
    list_all();
    cr_assert_eq(list.count, 2 + P11D_KEYFILE_CERTIFICATES);
    cr_assert(id_of("certificate", "one"));
}

static bool has_a(void)
{
    return id_of("private-key", "a");
}

static bool has_but_a_note(void)
{
    return list.count == 1 && id_of("data", "a");
}

Test(keytoken, trap_key_goes_by_its_exact_name__or_is_ambiguous, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *other = rig_generate("EC:P-256");
    write_key("a.key", NULL);
    open_token();
    list_all();
    uint64_t key = id_of("private-key", "a");
    cr_assert_eq(sign_as(view, key), CKR_OK);
    rig_write_certificate(directory, "a.crt", other);
    EVP_PKEY_free(other);
    wait_until(has_but_a_note);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    unlink(strcat(strcpy((char[1024]){0}, directory), "/a.crt"));
    wait_until(has_a);
    write_key("a.pem", NULL);
    wait_until(has_but_a_note);
    unlink(strcat(strcpy((char[1024]){0}, directory), "/a.key"));
    wait_until(has_a);
}

Test(keytoken, a_locked_key_is_not_shown_with_the_certificate_of_another, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *other = rig_generate("EC:P-256");
    write_key("a.key", "secret");
    rig_write_certificate(directory, "a.crt", other);
    write_key("b.key", "secret");
    rig_write_public(directory, "b.pub", other);
    write_key("c.key", "secret");
    EVP_PKEY_free(other);
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_not(id_of("private-key", "a"));
    cr_assert_not(id_of("private-key", "b"));
    cr_assert_eq(sign_as(view, id_of("private-key", "c")), CKR_OK);
}

/* Nothing folds names: of two that look alike each is its own. */
Test(keytoken, trap_key_goes_by_its_exact_name__and_no_other, .init = open_directory,
     .fini = tear_down)
{
    static const char *const names[] = {"mykey",      "my key",    "MyKey",    "mykey ",
                                        " mykey",     "mykey.key", "my%20key", "caf\u00e9",
                                        "cafe\u0301", "my\nkey"};
    enum { COUNT = sizeof names / sizeof names[0] };
    EVP_PKEY *keys[COUNT];
    char file[64];
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = rig_generate("EC:P-256");
        snprintf(file, sizeof file, "%s.key", names[i]);
        rig_write_key(directory, file, keys[i], RIG_PKCS8, NULL);
    }
    open_token();
    list_all();
    cr_assert_eq(list.count, 2 * COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t *der = NULL;
        int size = i2d_PUBKEY(keys[i], &der);
        const RigObject *object = rig_find(&list, "private-key", names[i]);
        cr_assert_not_null(object, "%s", names[i]);
        cr_assert_eq(object->value_size, (size_t)size);
        cr_assert_arr_eq(object->value, der, (size_t)size, "%s", names[i]);
        OPENSSL_free(der);
        EVP_PKEY_free(keys[i]);
    }
}

Test(keytoken, handles_of_what_is_no_private_key_do_not_sign, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "k.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "k.crt", key);
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "k")), CKR_OK);
    cr_assert_eq(sign_as(view, id_of("public-key", "k")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(sign_as(view, id_of("certificate", "k")), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, 0), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, UINT64_MAX), CKR_KEY_HANDLE_INVALID);
}

Test(keytoken, directories_that_cannot_be_used, .init = open_directory)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/none", directory);
    cr_assert_null(p11d_keytoken_open(path, false));
    cr_assert_eq(errno, ENOENT);
    rig_write_file(directory, "none", "", 0, 0600);
    cr_assert_null(p11d_keytoken_open(path, false));
    cr_assert_eq(errno, ENOTDIR);
    rig_remove_directory(directory);
    p11d_servedkey_teardown();
}
