// SPDX-License-Identifier: MIT
/*
 * The module with the real service: keys that leave it wrapped OpenSSL unwraps, and they come back
 * as what they were.
 */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_BYTE wrapping[32] = "the bytes of a key for others...";
static CK_BYTE vector[16] = "begins with this";
static CK_BYTE secret[24] = "what is to be wrapped";
static CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    stage.keys = g_build_filename(stage.directory, "keys", NULL);
    g_autofree char *make = g_strdup_printf("%s %s rsa", MAKE_KEYS, stage.keys);
    g_autofree char *path = g_build_filename(stage.keys, "wrapper.aes.secret", NULL);
    cr_assert(g_spawn_command_line_sync(make, NULL, NULL, NULL, NULL));
    cr_assert(g_file_set_contents(path, (char *)wrapping, sizeof wrapping, NULL));
    cr_assert_eq(g_chmod(path, 0600), 0);
    stage_serve(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(conformance_wrap, .init = open_stage, .fini = close_stage);

/* A mechanism, and what it is called in OpenSSL: a cipher, or the padding of RSA. */
typedef struct Row {
    CK_MECHANISM mechanism;
    const char *cipher;
    int padding;
    CK_ULONG size; /* of the key that is wrapped, bytes */
} Row;

static const Row rows[] = {
    {{CKM_AES_KEY_WRAP, NULL, 0}, "AES-256-WRAP", 0, 24},
    {{CKM_AES_KEY_WRAP_KWP, NULL, 0}, "AES-256-WRAP-PAD", 0, 21},
    {{CKM_AES_CBC_PAD, vector, sizeof vector}, "AES-256-CBC", 0, 21},
    {{CKM_RSA_PKCS, NULL, 0}, NULL, RSA_PKCS1_PADDING, 21},
    {{CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep}, NULL, RSA_PKCS1_OAEP_PADDING, 24},
};

static CK_OBJECT_HANDLE make_key(CK_ULONG size, CK_BBOOL extractable)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_KEY_TYPE, &type, sizeof type},
                            {CKA_EXTRACTABLE, &extractable, sizeof extractable},
                            {CKA_VALUE, secret, size}};
    stage_ok(m->C_CreateObject(session, templ, G_N_ELEMENTS(templ), &key));
    return key;
}

static CK_OBJECT_HANDLE find_key(const Row *row, CK_OBJECT_CLASS class)
{
    return row->cipher ? stage_find(&stage, session, CKO_SECRET_KEY, "wrapper")
                       : stage_find(&stage, session, class, "rsa");
}

static size_t decrypt_with_cipher(const Row *row, const CK_BYTE *wrapped, CK_ULONG size,
                                  CK_BYTE *value)
{
    int first = 0, last = 0;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, row->cipher, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    cr_assert(EVP_DecryptInit_ex2(context, cipher, wrapping, row->mechanism.pParameter, NULL) ==
                  1 &&
              EVP_DecryptUpdate(context, value, &first, wrapped, (int)size) == 1 &&
              EVP_DecryptFinal_ex(context, value + first, &last) == 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return (size_t)(first + last);
}

static size_t decrypt_with_key(const Row *row, const CK_BYTE *wrapped, CK_ULONG size,
                               CK_BYTE *value)
{
    size_t written = 256;
    g_autofree char *path = g_strdup_printf("%s/rsa.key", stage.keys);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    cr_assert(EVP_PKEY_decrypt_init(context) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(context, row->padding) == 1);
    if (row->padding == RSA_PKCS1_OAEP_PADDING)
        cr_assert(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, "SHA256", NULL) == 1);
    cr_assert(EVP_PKEY_decrypt(context, value, &written, wrapped, size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    fclose(file);
    return written;
}

static void unwrap(const Row *row, CK_BYTE *wrapped, CK_ULONG size, size_t i)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_BYTE value[64];
    CK_OBJECT_HANDLE key;
    CK_MECHANISM mechanism = row->mechanism;
    CK_ATTRIBUTE read = {CKA_VALUE, value, sizeof value};
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_KEY_TYPE, &type, sizeof type},
                            {CKA_EXTRACTABLE, &yes, sizeof yes},
                            {CKA_SENSITIVE, &no, sizeof no}};
    const CK_OBJECT_HANDLE by = find_key(row, CKO_PRIVATE_KEY);
    stage_ok(m->C_UnwrapKey(session, &mechanism, by, wrapped, size, templ, 4, &key));
    stage_ok(m->C_GetAttributeValue(session, key, &read, 1));
    cr_assert_eq(read.ulValueLen, row->size, "row %zu", i);
    cr_assert_arr_eq(value, secret, row->size, "row %zu", i);
    const CK_RV rv =
        m->C_UnwrapKey(session, &mechanism, by, wrapped, row->cipher ? 8 : 255, templ, 4, &key);
    cr_assert(rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_WRAPPED_KEY_INVALID, "row %zu", i);
}

Test(conformance_wrap, openssl_unwraps_what_comes_and_it_comes_back)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        CK_BYTE wrapped[256], value[256];
        CK_ULONG size = 0, needed = 0;
        CK_MECHANISM mechanism = row->mechanism;
        const CK_OBJECT_HANDLE key = make_key(row->size, CK_TRUE);
        const CK_OBJECT_HANDLE by = find_key(row, CKO_PUBLIC_KEY);
        stage_ok(m->C_WrapKey(session, &mechanism, by, key, NULL, &needed));
        size = needed - 1;
        stage_expect(CKR_BUFFER_TOO_SMALL,
                     m->C_WrapKey(session, &mechanism, by, key, wrapped, &size));
        cr_assert_eq(size, needed);
        stage_ok(m->C_WrapKey(session, &mechanism, by, key, wrapped, &size));
        cr_assert_eq(size, needed);
        cr_assert_eq(row->cipher ? decrypt_with_cipher(row, wrapped, size, value)
                                 : decrypt_with_key(row, wrapped, size, value),
                     row->size, "row %zu", i);
        cr_assert_arr_eq(value, secret, row->size, "row %zu", i);
        unwrap(row, wrapped, size, i);
    }
}

Test(conformance_wrap, what_was_changed_is_refused_and_what_is_not_to_leave_stays)
{
    CK_BYTE wrapped[64];
    CK_ULONG size = sizeof wrapped;
    CK_OBJECT_HANDLE key;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}};
    CK_MECHANISM mechanism = rows[0].mechanism;
    const CK_OBJECT_HANDLE by = find_key(&rows[0], CKO_SECRET_KEY);
    stage_expect(CKR_KEY_UNEXTRACTABLE,
                 m->C_WrapKey(session, &mechanism, by, make_key(24, CK_FALSE), wrapped, &size));
    stage_expect(CKR_KEY_UNEXTRACTABLE, m->C_WrapKey(session, &mechanism, by, by, wrapped, &size));
    stage_ok(m->C_WrapKey(session, &mechanism, by, make_key(24, CK_TRUE), wrapped, &size));
    wrapped[7] ^= 1;
    stage_expect(CKR_WRAPPED_KEY_INVALID,
                 m->C_UnwrapKey(session, &mechanism, by, wrapped, size, templ, 2, &key));
}
