// SPDX-License-Identifier: MIT
/* Objects that clients make, change and destroy, in a session and in files. */
#include "keymanage.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keytoken-fixture.h"

#define FALSE_ATTRIBUTE(type)                                                                      \
    {                                                                                              \
        type, (void *)&no, 1                                                                       \
    }
#define TRUE_ATTRIBUTE(type)                                                                       \
    {                                                                                              \
        type, (void *)&yes, 1                                                                      \
    }
#define NUMBER(type, variable)                                                                     \
    {                                                                                              \
        type, (void *)&(variable), sizeof(variable)                                                \
    }
#define TEXT(type, text)                                                                           \
    {                                                                                              \
        type, (void *)(uintptr_t)(text), sizeof(text) - 1                                          \
    }

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, public_key = CKO_PUBLIC_KEY,
                             certificate = CKO_CERTIFICATE, data = CKO_DATA;
static const CK_KEY_TYPE ec = CKK_EC, rsa = CKK_RSA;
static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};

static void set_up_writable(void)
{
    writable = true;
    set_up();
}

static CK_RV generate(P11dView *who, CK_MECHANISM_TYPE mechanism, const CK_ATTRIBUTE *public,
                      CK_ULONG public_count, const CK_ATTRIBUTE *private, CK_ULONG private_count,
                      uint64_t ids[2])
{
    P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism = mechanism,
                               .templates = {{.items = public, .count = public_count},
                                             {.items = private, .count = private_count}}};
    return make_as(who, "GenerateKeyPair", &arguments, ids);
}

static CK_RV generate_ec(P11dView *who, const char *label, bool on_token, uint64_t ids[2])
{
    const CK_BBOOL is = on_token;
    const CK_ATTRIBUTE name = {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)};
    const CK_ATTRIBUTE public[] = {NUMBER(CKA_TOKEN, is),
                                   name,
                                   {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256},
                                   TEXT(CKA_ID, "\x01\x02")};
    const CK_ATTRIBUTE private[] = {NUMBER(CKA_TOKEN, is), name, TEXT(CKA_ID, "\x01\x02")};
    return generate(who, CKM_EC_KEY_PAIR_GEN, public, 4, private, 3, ids);
}

/* The private key in a file of the directory, as OpenSSL reads it. */
static EVP_PKEY *read_file(const char *name, const char *passphrase)
{
    char path[512];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t)passphrase);
    fclose(file);
    cr_assert_eq(stat(path, &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    return key;
}

static bool has_file(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

/* Whether the token, opened anew, has the object. */
static bool is_there_again(const char *class, const char *label)
{
    token->operations->close(view);
    token->operations->free(token);
    open_token();
    list_all();
    return id_of(class, label);
}

Test(keymanage, a_pair_is_a_file_that_openssl_reads, .init = set_up_writable, .fini = tear_down)
{
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    cr_assert_eq(id_of("private-key", "web"), ids[1]);
    cr_assert_eq(id_of("public-key", "web"), ids[0]);
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
    EVP_PKEY *key = read_file("web.key", NULL);
    cr_assert(EVP_PKEY_is_a(key, "EC"));
    EVP_PKEY_free(key);
    cr_assert(is_there_again("private-key", "web"));
    cr_assert(id_of("public-key", "web"));
}

Test(keymanage, without_writable_only_session_objects, .init = set_up, .fini = tear_down)
{
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_TOKEN_WRITE_PROTECTED);
    cr_assert_eq(generate_ec(view, "mine", false, ids), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
    cr_assert_not(has_file("mine.key"));
    P11dView *other = another_client();
    list_as(other, 0);
    cr_assert_eq(list.count, 0);
    token->operations->close(other);
    cr_assert_eq(destroy_as(view, ids[0]), CKR_OK);
    cr_assert_eq(destroy_as(view, ids[1]), CKR_OK);
    cr_assert_eq(list.count, 0);
}

Test(keymanage, nothing_of_a_directory_changes_without_writable, .init = open_directory,
     .fini = tear_down)
{
    const CK_ATTRIBUTE label[] = {TEXT(CKA_LABEL, "two")};
    write_key("one.key", NULL);
    open_token();
    list_all();
    uint64_t id = id_of("private-key", "one");
    cr_assert_eq(destroy_as(view, id), CKR_TOKEN_WRITE_PROTECTED);
    cr_assert_eq(set_as(view, id, label, 1), CKR_TOKEN_WRITE_PROTECTED);
    cr_assert(id_of("private-key", "one"));
}

Test(keymanage, others_see_what_is_new, .init = set_up_writable, .fini = tear_down)
{
    uint64_t ids[2];
    P11dView *other = another_client();
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    list_as(other, 0);
    cr_assert_eq(id_of("private-key", "web"), ids[1]);
    cr_assert_eq(sign_as(other, ids[1]), CKR_OK);
    cr_assert(token->operations->dispatch(token) & P11D_WORKER_TOKEN_OBJECTS, "they are told");
    cr_assert_not(token->operations->dispatch(token) & P11D_WORKER_TOKEN_OBJECTS, "once");
    token->operations->close(other);
}

Test(keymanage, a_key_is_behind_the_passphrase_of_who_made_it, .init = open_directory,
     .fini = tear_down)
{
    uint64_t ids[2];
    writable = true;
    write_key("old.key", "secret");
    open_token();
    cr_assert_eq(generate_ec(view, "new", true, ids), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(generate_ec(view, "new", true, ids), CKR_OK);
    cr_assert_eq(id_of("private-key", "new"), ids[1]);
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
    cr_assert_null(read_file("new.key", "wrong"));
    EVP_PKEY *key = read_file("new.key", "secret");
    cr_assert_not_null(key);
    EVP_PKEY_free(key);
    P11dView *other = another_client();
    cr_assert_eq(sign_as(other, ids[1]), CKR_KEY_HANDLE_INVALID);
    token->operations->close(other);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
}

Test(keymanage, every_kind_of_pair, .init = set_up_writable, .fini = tear_down)
{
    static const CK_ULONG bits = 2048;
    static const uint8_t ed25519[] = {6, 3, 0x2b, 0x65, 0x70}, x25519[] = {6, 3, 0x2b, 0x65, 0x6e};
    const CK_ATTRIBUTE with_bits[] = {TRUE_ATTRIBUTE(CKA_TOKEN), NUMBER(CKA_MODULUS_BITS, bits),
                                      TEXT(CKA_PUBLIC_EXPONENT, "\x01\x00\x01")};
    const CK_ATTRIBUTE edwards[] = {TRUE_ATTRIBUTE(CKA_TOKEN),
                                    {CKA_EC_PARAMS, (void *)(uintptr_t)ed25519, 5}};
    const CK_ATTRIBUTE montgomery[] = {TRUE_ATTRIBUTE(CKA_TOKEN),
                                       {CKA_EC_PARAMS, (void *)(uintptr_t)x25519, 5}};
    const CK_ATTRIBUTE private[] = {TRUE_ATTRIBUTE(CKA_TOKEN)};
    uint64_t ids[2];
    cr_assert_eq(generate(view, CKM_RSA_PKCS_KEY_PAIR_GEN, with_bits, 3, private, 1, ids), CKR_OK);
    cr_assert_eq(generate(view, CKM_EC_EDWARDS_KEY_PAIR_GEN, edwards, 2, private, 1, ids), CKR_OK);
    cr_assert_eq(generate(view, CKM_EC_MONTGOMERY_KEY_PAIR_GEN, montgomery, 2, private, 1, ids),
                 CKR_OK);
    cr_assert_eq(list.count, 6);
    cr_assert_eq(generate(view, CKM_EC_KEY_PAIR_GEN, edwards, 2, private, 1, ids),
                 CKR_CURVE_NOT_SUPPORTED);
    cr_assert_eq(generate(view, CKM_RSA_PKCS_KEY_PAIR_GEN, edwards, 2, private, 1, ids),
                 CKR_TEMPLATE_INCOMPLETE);
    cr_assert_eq(generate(view, CKM_DSA_KEY_PAIR_GEN, edwards, 2, private, 1, ids),
                 CKR_MECHANISM_INVALID);
    const char *files[] = {"key.key", "key-2.key", "key-3.key"};
    const char *types[] = {"RSA", "ED25519", "X25519"};
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *key = read_file(files[i], NULL);
        cr_assert(EVP_PKEY_is_a(key, types[i]));
        EVP_PKEY_free(key);
    }
}

Test(keymanage, sizes_of_rsa_keys, .init = set_up_writable, .fini = tear_down)
{
    static const struct {
        CK_ULONG bits;
        CK_RV rv;
    } sizes[] = {{0, CKR_ATTRIBUTE_VALUE_INVALID},    {512, CKR_ATTRIBUTE_VALUE_INVALID},
                 {1016, CKR_ATTRIBUTE_VALUE_INVALID}, {1024, CKR_OK},
                 {1025, CKR_ATTRIBUTE_VALUE_INVALID}, {1536, CKR_OK},
                 {8200, CKR_ATTRIBUTE_VALUE_INVALID}, {~0UL, CKR_ATTRIBUTE_VALUE_INVALID}};
    uint64_t ids[2];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const CK_ATTRIBUTE public[] = {NUMBER(CKA_MODULUS_BITS, sizes[i].bits)};
        const CK_ATTRIBUTE private[] = {TRUE_ATTRIBUTE(CKA_TOKEN)};
        for (CK_ULONG kept = 0; kept < 2; kept++) /* in the session, and on the token */
            cr_assert_eq(generate(view, CKM_RSA_PKCS_KEY_PAIR_GEN, public, 1, private, kept, ids),
                         sizes[i].rv, "%lu bits", sizes[i].bits);
    }
}

Test(keymanage, labels_lead_nowhere, .init = set_up_writable, .fini = tear_down)
{
    static const char *const labels[] = {"../../outside",
                                         "/etc/passwd",
                                         ".hidden",
                                         "",
                                         "a\nb",
                                         "-----BEGIN X-----",
                                         "same",
                                         "same",
                                         "a name with blanks ",
                                         "0xff",
                                         "-rf"};
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        uint64_t ids[2];
        cr_assert_eq(generate_ec(view, labels[i], true, ids), CKR_OK, "%s", labels[i]);
        cr_assert(id_of("private-key", labels[i]), "%s", labels[i]);
        cr_assert(id_of("public-key", labels[i]), "%s", labels[i]);
    }
    char longest[1000];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 199, "\xc3\xa4", 2);
    longest[999] = '\0';
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, longest, true, ids), CKR_OK);
    cr_assert(has_file(".._.._outside.key") || has_file("_._.._outside.key"));
    cr_assert(has_file("same-2.key") && has_file("_rf.key"));
    size_t count = list.count;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        cr_assert(is_there_again("private-key", labels[i]), "%s", labels[i]);
    cr_assert_eq(list.count, count);
}

Test(keymanage, an_object_keeps_its_id_when_it_is_renamed, .init = set_up_writable,
     .fini = tear_down)
{
    const CK_ATTRIBUTE label[] = {TEXT(CKA_LABEL, "after"), TEXT(CKA_ID, "\xab")};
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "before", true, ids), CKR_OK);
    cr_assert_eq(set_as(view, ids[1], label, 2), CKR_OK);
    cr_assert_eq(id_of("private-key", "after"), ids[1]);
    cr_assert_eq(id_of("public-key", "before"), ids[0]);
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
    cr_assert(is_there_again("private-key", "after"));
}

Test(keymanage, what_is_locked_is_renamed_for_all, .init = open_directory, .fini = tear_down)
{
    const CK_ATTRIBUTE label[] = {TEXT(CKA_LABEL, "after")};
    writable = true;
    write_key("one.key", "secret");
    open_token();
    P11dView *other = another_client();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(login_as(other, "secret"), CKR_OK);
    list_all();
    uint64_t id = id_of("private-key", "one"), before = list.generation;
    cr_assert_eq(set_as(view, id, label, 1), CKR_OK);
    cr_assert_eq(id_of("private-key", "after"), id);
    list_as(other, before);
    cr_assert_eq(id_of("private-key", "after"), id);
    cr_assert_eq(sign_as(other, id), CKR_OK);
    token->operations->close(other);
}

Test(keymanage, a_use_that_is_forbidden_stays_so, .init = set_up_writable, .fini = tear_down)
{
    const CK_ATTRIBUTE nothing[] = {FALSE_ATTRIBUTE(CKA_SIGN)};
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    cr_assert_eq(set_as(view, ids[1], nothing, 1), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert(is_there_again("private-key", "web"));
    cr_assert_eq(sign_as(view, id_of("private-key", "web")), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

Test(keymanage, a_key_is_for_the_use_that_was_asked_for, .init = set_up_writable, .fini = tear_down)
{
    const CK_ATTRIBUTE public[] = {TRUE_ATTRIBUTE(CKA_TOKEN),
                                   TEXT(CKA_LABEL, "agree"),
                                   {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    const CK_ATTRIBUTE private[] = {TRUE_ATTRIBUTE(CKA_DERIVE), TEXT(CKA_LABEL, "agree"),
                                    TRUE_ATTRIBUTE(CKA_TOKEN)};
    uint64_t ids[2];
    cr_assert_eq(generate(view, CKM_EC_KEY_PAIR_GEN, public, 3, private, 3, ids), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert(is_there_again("private-key", "agree"));
    cr_assert_eq(sign_as(view, id_of("private-key", "agree")), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(generate(view, CKM_EC_KEY_PAIR_GEN, public + 2, 1, private, 1, ids), CKR_OK);
    cr_assert_eq(sign_as(view, ids[1]), CKR_KEY_FUNCTION_NOT_PERMITTED, "in a session");
}

Test(keymanage, what_cannot_be_changed_is_not, .init = set_up_writable, .fini = tear_down)
{
    const CK_ATTRIBUTE weaker[] = {FALSE_ATTRIBUTE(CKA_SENSITIVE)};
    const CK_ATTRIBUTE open[] = {TRUE_ATTRIBUTE(CKA_EXTRACTABLE)};
    const CK_ATTRIBUTE local[] = {TRUE_ATTRIBUTE(CKA_LOCAL)};
    const CK_ATTRIBUTE strange[] = {TEXT(CKA_MODULUS, "\x01")};
    const CK_ATTRIBUTE unknown[] = {TEXT(CKA_APPLICATION, "x")};
    const CK_ATTRIBUTE other[] = {NUMBER(CKA_CLASS, data)};
    P11dArguments copy = {.templates = {{.items = other, .count = 1}}};
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "own", false, ids), CKR_OK);
    copy.objects[0] = ids[0];
    cr_assert_eq(make_as(view, "CopyObject", &copy, ids), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    cr_assert_eq(set_as(view, ids[1], other, 1), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(set_as(view, ids[1], weaker, 1), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(set_as(view, ids[1], open, 1), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(set_as(view, ids[1], local, 1), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(set_as(view, ids[1], strange, 1), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(set_as(view, ids[1], unknown, 1), CKR_ATTRIBUTE_TYPE_INVALID);
    cr_assert_eq(set_as(view, 4711, weaker, 1), CKR_OBJECT_HANDLE_INVALID);
}

Test(keymanage, the_halves_of_a_pair_go_one_by_one, .init = set_up_writable, .fini = tear_down)
{
    uint64_t ids[2];
    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    cr_assert_eq(destroy_as(view, ids[1]), CKR_OK);
    cr_assert_not(id_of("private-key", "web"));
    cr_assert_eq(id_of("public-key", "web"), ids[0]);
    cr_assert_eq(destroy_as(view, ids[1]), CKR_OBJECT_HANDLE_INVALID);
    cr_assert_eq(destroy_as(view, ids[0]), CKR_OK);
    cr_assert_eq(list.count, 0);
    cr_assert_not(has_file("web.key"));

    cr_assert_eq(generate_ec(view, "web", true, ids), CKR_OK);
    cr_assert_eq(destroy_as(view, ids[0]), CKR_OK);
    cr_assert_not(id_of("public-key", "web"));
    cr_assert_eq(sign_as(view, ids[1]), CKR_OK);
    cr_assert_eq(destroy_as(view, ids[1]), CKR_OK);
    cr_assert_eq(list.count, 0);
    cr_assert_not(has_file("web.key"));
}

/* The attributes of a key that an application imports. */
static CK_ULONG ec_template(EVP_PKEY *key, CK_ATTRIBUTE items[], uint8_t value[32], uint8_t *point)
{
    BIGNUM *number = NULL;
    size_t size = 0;
    cr_assert_eq(EVP_PKEY_get_bn_param(key, "priv", &number), 1);
    BN_bn2binpad(number, value, 32);
    BN_free(number);
    cr_assert_eq(EVP_PKEY_get_octet_string_param(key, "pub", point + 2, 65, &size), 1);
    point[0] = 4;
    point[1] = (uint8_t)size;
    items[0] = (CK_ATTRIBUTE)TRUE_ATTRIBUTE(CKA_TOKEN);
    items[1] = (CK_ATTRIBUTE)NUMBER(CKA_KEY_TYPE, ec);
    items[2] = (CK_ATTRIBUTE){CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256};
    items[3] = (CK_ATTRIBUTE)TEXT(CKA_LABEL, "imported");
    items[4] = (CK_ATTRIBUTE)TEXT(CKA_ID, "\x05");
    return 5;
}

Test(keymanage, a_key_its_half_and_its_certificate_are_imported, .init = set_up_writable,
     .fini = tear_down)
{
    CK_ATTRIBUTE items[8];
    uint8_t value[32], point[67], *der = NULL;
    uint64_t private, public, cert;
    EVP_PKEY *key = rig_generate("EC:P-256");
    CK_ULONG count = ec_template(key, items, value, point);
    items[count] = (CK_ATTRIBUTE)NUMBER(CKA_CLASS, private_key);
    cr_assert_eq(create_as(view, items, count + 1, &private), CKR_TEMPLATE_INCOMPLETE);
    items[count + 1] = (CK_ATTRIBUTE){CKA_VALUE, value, 32};
    cr_assert_eq(create_as(view, items, count + 2, &private), CKR_OK);
    cr_assert_eq(id_of("private-key", "imported"), private);
    EVP_PKEY *read = read_file("imported.key", NULL);
    cr_assert_eq(EVP_PKEY_eq(read, key), 1);
    EVP_PKEY_free(read);

    items[count] = (CK_ATTRIBUTE)NUMBER(CKA_CLASS, public_key);
    items[count + 1] = (CK_ATTRIBUTE){CKA_EC_POINT, point, 67};
    cr_assert_eq(create_as(view, items, count + 2, &public), CKR_OK);
    cr_assert_eq(id_of("public-key", "imported"), public);
    cr_assert_eq(list.count, 2, "the half that is there is it");

    rig_write_certificate(directory, "elsewhere", key);
    FILE *file = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/elsewhere", directory);
    file = fopen(path, "re");
    X509 *x509 = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    int size = i2d_X509(x509, &der);
    const CK_ATTRIBUTE certificate_items[] = {NUMBER(CKA_CLASS, certificate),
                                              TRUE_ATTRIBUTE(CKA_TOKEN),
                                              TEXT(CKA_LABEL, "imported"),
                                              TEXT(CKA_ID, "\x05"),
                                              {CKA_VALUE, der, (CK_ULONG)size}};
    cr_assert_eq(create_as(view, certificate_items, 5, &cert), CKR_OK);
    cr_assert_eq(id_of("certificate", "imported"), cert);
    cr_assert(has_file("imported.crt"));
    cr_assert(id_of("private-key", "imported"));
    cr_assert_eq(create_as(view, certificate_items, 5, &cert), CKR_OK, "and once more");
    cr_assert(has_file("imported-2.crt"));
    cr_assert_eq(destroy_as(view, cert), CKR_OK);
    cr_assert_not(has_file("imported-2.crt"));
    X509_free(x509);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
}

Test(keymanage, what_makes_no_key_is_refused, .init = set_up_writable, .fini = tear_down)
{
    static const uint8_t large[33] = {1};
    uint64_t id;
    CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, private_key),
                            NUMBER(CKA_KEY_TYPE, ec),
                            {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256},
                            {CKA_VALUE, (void *)(uintptr_t)large, 33}};
    cr_assert_eq(create_as(view, items, 4, &id), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(create_as(view, items + 1, 3, &id), CKR_TEMPLATE_INCOMPLETE);
    items[2] = (CK_ATTRIBUTE)TEXT(CKA_EC_PARAMS, "\x06\x01\x01");
    cr_assert_eq(create_as(view, items, 4, &id), CKR_CURVE_NOT_SUPPORTED);
    items[1] = (CK_ATTRIBUTE)NUMBER(CKA_KEY_TYPE, rsa);
    items[2] = (CK_ATTRIBUTE)TEXT(CKA_MODULUS, "\x06\x01\x01");
    cr_assert_eq(create_as(view, items, 3, &id), CKR_TEMPLATE_INCOMPLETE);
    const CK_ATTRIBUTE junk[] = {NUMBER(CKA_CLASS, certificate), TRUE_ATTRIBUTE(CKA_TOKEN),
                                 TEXT(CKA_VALUE, "junk")};
    cr_assert_eq(create_as(view, junk, 3, &id), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(list.count, 0);
}

Test(keymanage, a_session_object_is_copied, .init = set_up_writable, .fini = tear_down)
{
    const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, data), TEXT(CKA_LABEL, "one"),
                                  TEXT(CKA_VALUE, "value")};
    const CK_ATTRIBUTE changed[] = {TEXT(CKA_LABEL, "two")};
    const CK_ATTRIBUTE onto_token[] = {TRUE_ATTRIBUTE(CKA_TOKEN), TEXT(CKA_LABEL, "kept")};
    P11dArguments arguments = {.templates = {{.items = changed, .count = 1}}};
    uint64_t ids[2];
    cr_assert_eq(create_as(view, items, 3, &arguments.objects[0]), CKR_OK);
    cr_assert_eq(make_as(view, "CopyObject", &arguments, ids), CKR_OK);
    cr_assert_eq(rig_find(&list, "data", "two")->value_size, 5);
    cr_assert(id_of("data", "one"));
    cr_assert_eq(generate_ec(view, "pair", false, ids), CKR_OK);
    arguments =
        (P11dArguments){.objects = {ids[1]}, .templates = {{.items = onto_token, .count = 2}}};
    cr_assert_eq(make_as(view, "CopyObject", &arguments, ids), CKR_OK);
    cr_assert(has_file("kept.key"));
    arguments.objects[0] = ids[0];
    cr_assert_eq(make_as(view, "CopyObject", &arguments, ids), CKR_OK, "the public half");
}

Test(keymanage, what_others_wrote_into_a_file_stays, .init = open_directory, .fini = tear_down)
{
    const CK_ATTRIBUTE label[] = {TEXT(CKA_LABEL, "other")};
    writable = true;
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "crt", key);
    rig_write_file(directory, "note", "A note\n", 7, 0600);
    EVP_PKEY_free(key);
    join_files("one.pem", (const char *const[]){"note", "key", "crt", NULL});
    open_token();
    list_all();
    cr_assert_eq(set_as(view, id_of("certificate", "one"), label, 1), CKR_OK);
    cr_assert(id_of("certificate", "other"));
    cr_assert_eq(destroy_as(view, id_of("private-key", "one")), CKR_OK);
    cr_assert(id_of("certificate", "other"));
    cr_assert_eq(list.count, 1);
    char line[256] = "", path[512];
    snprintf(path, sizeof path, "%s/one.pem", directory);
    FILE *file = fopen(path, "re");
    cr_assert(fgets(line, sizeof line, file) && fgets(line, sizeof line, file));
    cr_assert_str_eq(line, "A note\n");
    fclose(file);
    cr_assert_eq(destroy_as(view, id_of("certificate", "other")), CKR_OK);
    cr_assert_eq(list.count, 0);
    cr_assert_not(has_file("one.pem"));
}
