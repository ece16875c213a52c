// SPDX-License-Identifier: MIT
/* Secret keys, data and certificates that clients make on a token, and what is kept of them. */
#include "newobject.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "keytoken-fixture.h"
#include "tokenobject.h"

#define TRUTH(type, value)                                                                         \
    {                                                                                              \
        type, (void *)(uintptr_t)((value) ? &yes : &no), 1                                         \
    }
#define NUMBER(type, variable)                                                                     \
    {                                                                                              \
        type, (void *)(uintptr_t) & (variable), sizeof(variable)                                   \
    }
#define TEXT(type, text)                                                                           \
    {                                                                                              \
        type, (void *)(uintptr_t)(text), sizeof(text) - 1                                          \
    }
#define COUNT(items) (sizeof(items) / sizeof(items)[0])

static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static const CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY, data = CKO_DATA;
static const CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET;
static const CK_ULONG sixteen = 16, thirty_two = 32;
static const CK_DATE start = {{'2', '0', '2', '6'}, {'0', '1'}, {'0', '2'}},
                     end = {{'2', '0', '3', '6'}, {'1', '2'}, {'3', '1'}};

static P11dKeyView *key_view(P11dView *who)
{
    return (P11dKeyView *)(void *)who;
}

static void set_up_writable(void)
{
    writable = true;
    set_up();
}

/* With a key that has the passphrase "secret". */
static void set_up_locked(void)
{
    writable = true;
    open_directory();
    write_key("old.key", "secret");
    open_token();
}

static void open_again(void)
{
    token->operations->close(view);
    token->operations->free(token);
    open_token();
    list_all();
}

static CK_RV generate(P11dView *who, CK_MECHANISM_TYPE mechanism, const CK_ATTRIBUTE *items,
                      CK_ULONG count, uint64_t *id)
{
    const P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism = mechanism,
                                     .templates = {{.items = items, .count = count}}};
    uint64_t results[2];
    CK_RV rv = make_as(who, "GenerateKey", &arguments, results);
    *id = results[0];
    return rv;
}

static CK_RV copy(P11dView *who, uint64_t from, const CK_ATTRIBUTE *items, CK_ULONG count,
                  uint64_t *id)
{
    const P11dArguments arguments = {.objects = {from},
                                     .templates = {{.items = items, .count = count}}};
    uint64_t results[2];
    CK_RV rv = make_as(who, "CopyObject", &arguments, results);
    *id = results[0];
    return rv;
}

/* Holds what is told of an object against what was asked for. */
static void expect(P11dView *who, uint64_t id, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    P11dTemplate templ;
    P11dServedKey *key;
    p11d_template_init(&templ);
    cr_assert_eq(p11d_tokenobject_get(key_view(who), id, &templ, &key), CKR_OK);
    for (CK_ULONG i = 0; i < count; i++) {
        const CK_ATTRIBUTE *told = p11d_template_find(&templ, items[i].type);
        if (items[i].type == CKA_TOKEN)
            continue;
        cr_assert_not_null(told, "%lx", items[i].type);
        cr_assert_eq(told->ulValueLen, items[i].ulValueLen, "%lx", items[i].type);
        cr_assert(told->ulValueLen == 0 ||
                      memcmp(told->pValue, items[i].pValue, told->ulValueLen) == 0,
                  "%lx", items[i].type);
    }
    p11d_template_clear(&templ);
    p11d_servedkey_unref(key);
}

/* What size bytes are encrypted to with an AES key. */
static CK_RV encrypt(P11dView *who, uint64_t key, uint8_t block[16])
{
    static const uint8_t zeros[16];
    P11dArguments arguments = {.objects = {key},
                               .mechanism.parameters.mechanism.mechanism = CKM_AES_ECB,
                               .bytes = {{zeros, sizeof zeros}}};
    P11dBuffer output;
    CK_RV rv = act_as(who, "Encrypt", &arguments, &output);
    if (rv == CKR_OK)
        memcpy(block, output.data, 16);
    p11d_buffer_clear(&output);
    return rv;
}

/* Whether the file has that text in it. */
static bool says(const char *name, const char *text)
{
    char path[512], content[8192];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t size = fread(content, 1, sizeof content - 1, file);
    content[size] = '\0';
    cr_assert_eq(fstat(fileno(file), &status), 0);
    cr_assert_eq(status.st_mode & 07777, 0600);
    fclose(file);
    return strstr(content, text);
}

/* Everything that an application may say of a secret key. */
static const CK_ATTRIBUTE whole[] = {
    TRUTH(CKA_TOKEN, true),         TEXT(CKA_LABEL, "back/up"),    TEXT(CKA_ID, "\x01\x02"),
    NUMBER(CKA_VALUE_LEN, sixteen), NUMBER(CKA_START_DATE, start), NUMBER(CKA_END_DATE, end),
    TRUTH(CKA_PRIVATE, true),       TRUTH(CKA_SENSITIVE, true),    TRUTH(CKA_EXTRACTABLE, false),
    TRUTH(CKA_ENCRYPT, true),       TRUTH(CKA_DECRYPT, false),     TRUTH(CKA_WRAP, false),
    TRUTH(CKA_UNWRAP, true),        TRUTH(CKA_MODIFIABLE, false),  TRUTH(CKA_COPYABLE, false),
    TRUTH(CKA_DESTROYABLE, false),
};
static const CK_MECHANISM_TYPE aes_key_gen = CKM_AES_KEY_GEN;
/* What the token says of one that it generated. */
static const CK_ATTRIBUTE told[] = {
    NUMBER(CKA_CLASS, secret_key),
    NUMBER(CKA_KEY_TYPE, aes),
    TRUTH(CKA_LOCAL, true),
    TRUTH(CKA_ALWAYS_SENSITIVE, true),
    TRUTH(CKA_NEVER_EXTRACTABLE, true),
    NUMBER(CKA_KEY_GEN_MECHANISM, aes_key_gen),
};

Test(newobject, of_a_secret_key_everything_is_kept, .init = set_up_writable, .fini = tear_down)
{
    uint64_t id, none;
    uint8_t before[16], after[16];
    const CK_ATTRIBUTE other[] = {TEXT(CKA_LABEL, "other")};
    cr_assert_eq(generate(view, CKM_AES_KEY_GEN, whole, COUNT(whole), &id), CKR_OK);
    expect(view, id, whole, COUNT(whole));
    expect(view, id, told, COUNT(told));
    cr_assert_eq(encrypt(view, id, before), CKR_OK);
    cr_assert(says("back_up.key", "-----BEGIN SECRET KEY-----"));
    open_again();
    id = id_of("secret-key", "back/up");
    expect(view, id, whole, COUNT(whole));
    expect(view, id, told, COUNT(told));
    cr_assert_eq(encrypt(view, id, after), CKR_OK);
    cr_assert_arr_eq(before, after, 16);
    cr_assert_eq(set_as(view, id, other, 1), CKR_ACTION_PROHIBITED);
    cr_assert_eq(copy(view, id, other, 1, &none), CKR_ACTION_PROHIBITED);
    cr_assert_eq(destroy_as(view, id), CKR_ACTION_PROHIBITED);
}

Test(newobject, a_secret_key_is_behind_the_pin, .init = set_up_locked, .fini = tear_down)
{
    uint64_t id;
    uint8_t before[16], after[16];
    const CK_ATTRIBUTE items[] = {TRUTH(CKA_TOKEN, true), TEXT(CKA_LABEL, "s"),
                                  NUMBER(CKA_VALUE_LEN, thirty_two)};
    const CK_ATTRIBUTE renamed[] = {TEXT(CKA_LABEL, "t"), TEXT(CKA_ID, "\x09")};
    const CK_ATTRIBUTE private[] = {TRUTH(CKA_PRIVATE, true)};
    cr_assert_eq(generate(view, CKM_AES_KEY_GEN, items, 3, &id), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(generate(view, CKM_AES_KEY_GEN, items, 3, &id), CKR_OK);
    expect(view, id, private, 1);
    cr_assert_eq(encrypt(view, id, before), CKR_OK);
    cr_assert(says("s.key", "-----BEGIN ENCRYPTED SECRET KEY-----"));
    cr_assert_eq(set_as(view, id, renamed, 2), CKR_OK);
    cr_assert_eq(id_of("secret-key", "t"), id, "the object is the same");
    cr_assert_eq(encrypt(view, id, after), CKR_OK);
    P11dView *other = another_client();
    list_as(other, 0);
    cr_assert_not(id_of("secret-key", "t"));
    cr_assert_eq(encrypt(other, id, after), CKR_KEY_HANDLE_INVALID);
    token->operations->close(other);
    open_again();
    cr_assert_eq(list.count, 0);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    id = id_of("secret-key", "t");
    cr_assert_eq(encrypt(view, id, after), CKR_OK);
    cr_assert_arr_eq(before, after, 16);
    cr_assert_eq(destroy_as(view, id), CKR_OK);
    cr_assert_not(says("s.key", "-----BEGIN"));
}

Test(newobject, private_is_what_was_asked_for, .init = set_up_locked, .fini = tear_down)
{
    static const char *const kinds[] = {"secret-key", "data"};
    uint64_t id;
    const CK_ATTRIBUTE public[][6] = {
        {NUMBER(CKA_CLASS, secret_key), NUMBER(CKA_KEY_TYPE, aes), TRUTH(CKA_TOKEN, true),
         TEXT(CKA_VALUE, "0123456789abcdef"), TEXT(CKA_LABEL, "open"), TRUTH(CKA_PRIVATE, false)},
        {NUMBER(CKA_CLASS, data), TEXT(CKA_APPLICATION, "app"), TRUTH(CKA_TOKEN, true),
         TEXT(CKA_VALUE, "value"), TEXT(CKA_LABEL, "open"), TRUTH(CKA_PRIVATE, false)}};
    const CK_ATTRIBUTE private[] = {TRUTH(CKA_PRIVATE, true)};
    for (int i = 0; i < 2; i++) {
        CK_ATTRIBUTE hidden[6];
        memcpy(hidden, public[i], sizeof hidden);
        hidden[4] = (CK_ATTRIBUTE)TEXT(CKA_LABEL, "hidden");
        hidden[5] = private[0];
        cr_assert_eq(create_as(view, public[i], 6, &id), CKR_OK, "nobody needs to log in for it");
        expect(view, id, public[i] + 4, 2);
        cr_assert_eq(create_as(view, hidden, 6, &id), CKR_USER_NOT_LOGGED_IN);
        cr_assert_eq(login_as(view, "secret"), CKR_OK);
        cr_assert_eq(create_as(view, hidden, 6, &id), CKR_OK);
        expect(view, id, hidden + 4, 2);
        open_again();
        cr_assert(id_of(kinds[i], "open"));
        cr_assert_not(id_of(kinds[i], "hidden"));
        cr_assert_eq(login_as(view, "secret"), CKR_OK);
        list_all();
        expect(view, id_of(kinds[i], "hidden"), hidden + 4, 2);
        cr_assert_eq(logout_as(view), CKR_OK);
        list_all();
    }
    cr_assert(says("hidden-2.pem", "-----BEGIN ENCRYPTED DATA OBJECT-----"));
    cr_assert(says("open-2.pem", "-----BEGIN DATA OBJECT-----"));
}

Test(newobject, a_certificate_that_is_private_is_seen_after_the_login, .init = set_up_locked,
     .fini = tear_down)
{
    static const CK_OBJECT_CLASS certificate = CKO_CERTIFICATE;
    char path[512];
    uint8_t der[4096], *at = der;
    uint64_t id;
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_certificate(directory, "elsewhere", key);
    snprintf(path, sizeof path, "%s/elsewhere", directory);
    BIO *file = BIO_new_file(path, "r");
    X509 *x509 = PEM_read_bio_X509(file, NULL, NULL, NULL);
    int size = i2d_X509(x509, &at);
    const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, certificate),
                                  TRUTH(CKA_TOKEN, true),
                                  TRUTH(CKA_PRIVATE, true),
                                  TEXT(CKA_LABEL, "hidden"),
                                  {CKA_VALUE, der, (CK_ULONG)size}};
    cr_assert_eq(create_as(view, items, 5, &id), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(create_as(view, items, 5, &id), CKR_OK);
    expect(view, id, items, 5);
    P11dView *other = another_client();
    list_as(other, 0);
    cr_assert_not(id_of("certificate", "hidden"));
    token->operations->close(other);
    open_again();
    cr_assert_not(id_of("certificate", "hidden"));
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert(id_of("certificate", "hidden"));
    BIO_free(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static bool is_hidden(void)
{
    return !id_of("data", "hidden");
}

static bool is_shown(void)
{
    return id_of("data", "hidden");
}

Test(newobject, with_a_first_pin_what_is_private_is_hidden, .init = set_up_writable,
     .fini = tear_down)
{
    uint64_t id;
    const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, data), TRUTH(CKA_TOKEN, true),
                                  TRUTH(CKA_PRIVATE, true), TEXT(CKA_LABEL, "hidden")};
    cr_assert_eq(create_as(view, items, 4, &id), CKR_OK);
    expect(view, id, items, 4);
    uint64_t before = list.generation;
    write_key("one.key", "secret");
    cr_assert(wait_until(is_hidden) & P11D_WORKER_TOKEN_OBJECTS);
    list_as(view, before);
    cr_assert(list.complete && is_hidden(), "who asks for what is new learns of it");
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert(is_shown());
    cr_assert_eq(logout_as(view), CKR_OK);
    char path[512];
    snprintf(path, sizeof path, "%s/one.key", directory);
    cr_assert_eq(remove(path), 0);
    wait_until(is_shown);
}

Test(newobject, data_are_kept_and_changed, .init = set_up_writable, .fini = tear_down)
{
    uint64_t id;
    const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, data),
                                  TRUTH(CKA_TOKEN, true),
                                  TEXT(CKA_LABEL, "note"),
                                  TEXT(CKA_APPLICATION, "app"),
                                  TEXT(CKA_OBJECT_ID, "\x06\x01\x2a"),
                                  TEXT(CKA_VALUE, "a\0b\n")};
    const CK_ATTRIBUTE changed[] = {TEXT(CKA_VALUE, "another"), TEXT(CKA_LABEL, "renamed")};
    const CK_ATTRIBUTE empty[] = {NUMBER(CKA_CLASS, data), TRUTH(CKA_TOKEN, true)};
    const CK_ATTRIBUTE nothing[] = {{CKA_VALUE, NULL, 0}, {CKA_LABEL, NULL, 0}};
    cr_assert_eq(create_as(view, items, COUNT(items), &id), CKR_OK);
    expect(view, id, items, COUNT(items));
    open_again();
    id = id_of("data", "note");
    expect(view, id, items, COUNT(items));
    cr_assert_eq(set_as(view, id, changed, 2), CKR_OK);
    cr_assert_eq(id_of("data", "renamed"), id);
    open_again();
    expect(view, id_of("data", "renamed"), changed, 2);
    expect(view, id_of("data", "renamed"), items + 3, 2);
    cr_assert_eq(create_as(view, empty, 2, &id), CKR_OK);
    open_again();
    expect(view, id_of("data", ""), nothing, 2);
    cr_assert_eq(destroy_as(view, id_of("data", "renamed")), CKR_OK);
    cr_assert_eq(list.count, 1);
}

Test(newobject, data_behind_the_pin_are_changed, .init = set_up_locked, .fini = tear_down)
{
    uint64_t id;
    const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, data), TRUTH(CKA_TOKEN, true),
                                  TRUTH(CKA_PRIVATE, true), TEXT(CKA_VALUE, "before")};
    const CK_ATTRIBUTE changed[] = {TEXT(CKA_VALUE, "after"), TEXT(CKA_LABEL, "renamed")};
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(create_as(view, items, 4, &id), CKR_OK);
    cr_assert_eq(set_as(view, id, changed, 2), CKR_OK);
    open_again();
    cr_assert_eq(list.count, 0);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    expect(view, id_of("data", "renamed"), changed, 2);
    cr_assert(says("data.pem", "-----BEGIN ENCRYPTED DATA OBJECT-----"));
}

Test(newobject, what_may_be_copied_is, .init = set_up_writable, .fini = tear_down)
{
    uint64_t id, twin, mine;
    uint8_t before[16], after[16];
    const CK_ATTRIBUTE items[] = {TRUTH(CKA_TOKEN, true), TEXT(CKA_LABEL, "one"),
                                  NUMBER(CKA_VALUE_LEN, sixteen)};
    const CK_ATTRIBUTE on_token[] = {TRUTH(CKA_TOKEN, true), TEXT(CKA_LABEL, "two")};
    const CK_ATTRIBUTE in_session[] = {TRUTH(CKA_TOKEN, false), TEXT(CKA_LABEL, "mine")};
    const CK_ATTRIBUTE weaker[] = {TRUTH(CKA_EXTRACTABLE, true)};
    const CK_ATTRIBUTE kept[] = {NUMBER(CKA_KEY_TYPE, aes), TRUTH(CKA_LOCAL, true),
                                 TRUTH(CKA_NEVER_EXTRACTABLE, true)};
    const CK_ATTRIBUTE nothing[] = {NUMBER(CKA_CLASS, data), TRUTH(CKA_TOKEN, true),
                                    TEXT(CKA_LABEL, "note"), TEXT(CKA_VALUE, "value")};
    cr_assert_eq(generate(view, CKM_AES_KEY_GEN, items, 3, &id), CKR_OK);
    cr_assert_eq(copy(view, id, weaker, 1, &twin), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(copy(view, id, on_token, 2, &twin), CKR_OK);
    cr_assert_eq(id_of("secret-key", "two"), twin);
    expect(view, twin, kept, COUNT(kept));
    cr_assert_eq(copy(view, id, in_session, 2, &mine), CKR_OK);
    cr_assert_eq(encrypt(view, id, before), CKR_OK);
    cr_assert_eq(encrypt(view, mine, after), CKR_OK);
    cr_assert_arr_eq(before, after, 16);
    cr_assert_eq(destroy_as(view, id), CKR_OK);
    cr_assert_eq(encrypt(view, twin, after), CKR_OK);
    cr_assert_arr_eq(before, after, 16);
    cr_assert_eq(copy(view, mine, on_token, 2, &twin), CKR_OK, "and back to the token");
    open_again();
    cr_assert_eq(encrypt(view, id_of("secret-key", "two"), after), CKR_OK);
    cr_assert_arr_eq(before, after, 16);
    cr_assert_eq(create_as(view, nothing, 4, &id), CKR_OK);
    cr_assert_eq(copy(view, id, on_token, 2, &twin), CKR_OK);
    expect(view, twin, nothing + 3, 1);
    cr_assert_eq(copy(view, id, in_session, 2, &mine), CKR_OK);
    cr_assert(id_of("data", "mine"));
}

Test(newobject, what_is_private_stays_so_when_it_is_copied, .init = set_up_locked,
     .fini = tear_down)
{
    uint64_t id, twin;
    const CK_ATTRIBUTE items[] = {TRUTH(CKA_TOKEN, true), NUMBER(CKA_VALUE_LEN, sixteen)};
    const CK_ATTRIBUTE open[] = {TRUTH(CKA_TOKEN, true), TRUTH(CKA_PRIVATE, false)};
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(generate(view, CKM_AES_KEY_GEN, items, 2, &id), CKR_OK);
    cr_assert_eq(copy(view, id, open, 2, &twin), CKR_ATTRIBUTE_READ_ONLY);
    cr_assert_eq(copy(view, id, items, 1, &twin), CKR_OK);
    cr_assert_eq(logout_as(view), CKR_OK);
    list_all();
    cr_assert_eq(list.count, 0);
}

Test(newobject, generic_secrets_of_every_size_are_kept, .init = set_up_writable, .fini = tear_down)
{
    static const CK_ULONG sizes[] = {1, 20, 8192};
    static const uint8_t value[8192] = {1, 2, 3};
    uint64_t id;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const CK_ATTRIBUTE items[] = {NUMBER(CKA_CLASS, secret_key),
                                      NUMBER(CKA_KEY_TYPE, generic),
                                      TRUTH(CKA_TOKEN, true),
                                      TEXT(CKA_LABEL, "hmac"),
                                      TRUTH(CKA_SENSITIVE, false),
                                      TRUTH(CKA_EXTRACTABLE, true),
                                      {CKA_VALUE, (void *)(uintptr_t)value, sizes[i]}};
        cr_assert_eq(create_as(view, items, COUNT(items), &id), CKR_OK);
        open_again();
        id = id_of("secret-key", "hmac");
        expect(view, id, items, COUNT(items));
        cr_assert_eq(destroy_as(view, id), CKR_OK);
    }
    cr_assert_eq(list.count, 0);
}

Test(newobject, a_label_is_kept_whatever_its_bytes_are, .init = set_up_writable, .fini = tear_down)
{
    static char long_one[400], long_other[400];
    const struct {
        const char *bytes;
        CK_ULONG size;
    } labels[] = {{"\xff\xfe", 2}, {"a\0b", 3}, {"\xc3\xa4", 2}, {"..", 2},
                  {"x\r\ny", 4},   {"Same", 4}, {"same", 4},     {"a.crt", 5},
                  {"b.secret", 8}, {" ", 1},    {long_one, 400}, {long_other, 400}};
    uint64_t ids[COUNT(labels)];
    memset(long_one, 'x', sizeof long_one);
    memset(long_other, 'x', sizeof long_other);
    long_other[399] = 'y';
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < COUNT(labels); i++) {
            const CK_ATTRIBUTE items[] = {
                NUMBER(CKA_CLASS, data),
                TRUTH(CKA_TOKEN, true),
                {CKA_LABEL, (void *)(uintptr_t)labels[i].bytes, labels[i].size},
                NUMBER(CKA_VALUE, i)};
            cr_assert_eq(create_as(view, items, 4, &ids[i]), CKR_OK, "label %zu", i);
            expect(view, ids[i], items, 4);
        }
    }
    cr_assert_eq(list.count, 2 * COUNT(labels));
    open_again();
    cr_assert_eq(list.count, 2 * COUNT(labels));
    for (size_t i = 0; i < list.count; i++) {
        size_t number = COUNT(labels);
        cr_assert_eq(list.objects[i].value_size, sizeof number);
        memcpy(&number, list.objects[i].value, sizeof number);
        cr_assert_lt(number, COUNT(labels));
        const CK_ATTRIBUTE label = {CKA_LABEL, (void *)(uintptr_t)labels[number].bytes,
                                    labels[number].size};
        expect(view, list.objects[i].id, &label, 1);
    }
}

Test(newobject, what_no_line_holds_is_refused, .init = set_up_writable, .fini = tear_down)
{
    static const uint8_t large[700 << 10];
    uint64_t id;
    const CK_ATTRIBUTE label[] = {NUMBER(CKA_CLASS, data),
                                  TRUTH(CKA_TOKEN, true),
                                  {CKA_LABEL, (void *)(uintptr_t)large, 10000}};
    const CK_ATTRIBUTE fits[] = {NUMBER(CKA_CLASS, data),
                                 TRUTH(CKA_TOKEN, true),
                                 {CKA_VALUE, (void *)(uintptr_t)large, sizeof large}};
    const CK_ATTRIBUTE value[] = {
        NUMBER(CKA_CLASS, data), TRUTH(CKA_TOKEN, true), {CKA_VALUE, (void *)(uintptr_t)large, 0}};
    static uint8_t larger[1 << 20];
    CK_ATTRIBUTE much[3];
    memcpy(much, value, sizeof much);
    much[2] = (CK_ATTRIBUTE){CKA_VALUE, larger, sizeof larger};
    cr_assert_eq(create_as(view, label, 3, &id), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(create_as(view, much, 3, &id), CKR_DEVICE_MEMORY);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(create_as(view, fits, 3, &id), CKR_OK);
    cr_assert_eq(list.count, 1);
}
