// SPDX-License-Identifier: MIT
/* Keys that are wrapped by a cipher with a tag, with the real service and against OpenSSL. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE by, key; /* the wrapping key, and the one that is wrapped */
static CK_BYTE bytes[32];        /* of the wrapping key */
static CK_BYTE value[16] = "fifteen and NUL";
static CK_BYTE associated[10] = "for whom";
static CK_BYTE iv[12] = "begins with", tag[16], wrapped[64];
static CK_ULONG size;
static CK_GCM_MESSAGE_PARAMS gcm;
static CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_ATTRIBUTE templ[] = {{CKA_CLASS, &secret, sizeof secret},
                               {CKA_KEY_TYPE, &aes, sizeof aes},
                               {CKA_SENSITIVE, &no, sizeof no},
                               {CKA_EXTRACTABLE, &yes, sizeof yes},
                               {CKA_VALUE, value, sizeof value}};
#define WITHOUT_VALUE (G_N_ELEMENTS(templ) - 1)

static void open_stage(void)
{
    g_autofree char *content = NULL;
    gsize length = 0;
    stage_open(&stage);
    m = stage.modern;
    stage_serve(&stage, "by:aes256");
    g_autofree char *path = g_build_filename(stage.keys, "by.aes.secret", NULL);
    cr_assert(g_file_get_contents(path, &content, &length, NULL) && length == sizeof bytes);
    memcpy(bytes, content, sizeof bytes);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    by = stage_find(&stage, session, CKO_SECRET_KEY, "by");
    stage_ok(m->C_CreateObject(session, templ, G_N_ELEMENTS(templ), &key));
    gcm = (CK_GCM_MESSAGE_PARAMS){iv, sizeof iv, 32, CKG_GENERATE, tag, 128};
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(wrap_tagged, .init = open_stage, .fini = close_stage);

static CK_RV wrap(void)
{
    size = sizeof wrapped;
    return m->C_WrapKeyAuthenticated(session, &mechanism, by, key, associated, sizeof associated,
                                     wrapped, &size);
}

static CK_RV unwrap(CK_OBJECT_HANDLE *made)
{
    return m->C_UnwrapKeyAuthenticated(session, &mechanism, by, wrapped, size, templ, WITHOUT_VALUE,
                                       associated, sizeof associated, made);
}

/* What was wrapped opens, and is the value of key. */
static void check_wrapped(const CK_BYTE *its_tag)
{
    CK_BYTE opened[64];
    int written = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert(EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, bytes, iv) == 1 &&
              EVP_DecryptUpdate(context, NULL, &written, associated, sizeof associated) == 1 &&
              EVP_DecryptUpdate(context, opened, &written, wrapped, sizeof value) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, (void *)its_tag) == 1);
    cr_assert_eq(EVP_DecryptFinal_ex(context, opened + written, &last), 1);
    EVP_CIPHER_CTX_free(context);
    cr_assert_arr_eq(opened, value, sizeof value);
}

static void check_value(CK_OBJECT_HANDLE made)
{
    CK_BYTE got[sizeof value];
    CK_ATTRIBUTE asked = {CKA_VALUE, got, sizeof got};
    stage_ok(m->C_GetAttributeValue(session, made, &asked, 1));
    cr_assert_arr_eq(got, value, sizeof value);
}

Test(wrap_tagged, the_tag_goes_where_the_host_says)
{
    CK_BYTE before[12];
    CK_OBJECT_HANDLE made = 0;
    for (int i = 0; i < 3; i++) {
        memcpy(before, iv, sizeof iv);
        stage_ok(wrap());
        cr_assert_eq(size, sizeof value);
        cr_assert(memcmp(before, iv, 4) == 0 && memcmp(before, iv, sizeof iv) != 0);
        check_wrapped(tag);
        stage_ok(unwrap(&made));
        check_value(made);
    }
    gcm.ivGenerator = CKG_NO_GENERATE;
    memcpy(before, iv, sizeof iv);
    stage_ok(wrap());
    cr_assert_arr_eq(before, iv, sizeof iv);
    check_wrapped(tag);
}

Test(wrap_tagged, a_size_query_makes_no_iv)
{
    CK_BYTE before[12];
    memcpy(before, iv, sizeof iv);
    stage_ok(m->C_WrapKeyAuthenticated(session, &mechanism, by, key, associated, 10, NULL, &size));
    cr_assert_eq(size, sizeof value);
    size--;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_WrapKeyAuthenticated(session, &mechanism, by, key,
                                                                 associated, 10, wrapped, &size));
    cr_assert_eq(size, sizeof value);
    cr_assert_arr_eq(before, iv, sizeof iv);
}

Test(wrap_tagged, what_was_changed_is_no_key)
{
    CK_BYTE *const places[] = {tag, wrapped, iv, associated};
    CK_OBJECT_HANDLE made = 0;
    stage_ok(wrap());
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        *places[i] ^= 1;
        stage_expect(CKR_WRAPPED_KEY_INVALID, unwrap(&made));
        *places[i] ^= 1;
    }
    cr_assert_eq(made, 0);
    stage_ok(unwrap(&made));
}

/* C_WrapKey has the tag at the end, and makes IVs too where its parameters are those of a wrap. */
Test(wrap_tagged, a_wrap_makes_its_iv)
{
    CK_GCM_WRAP_PARAMS params = {iv, sizeof iv, 0, CKG_GENERATE_RANDOM, associated, 10, 128};
    CK_GCM_PARAMS plain = {iv, sizeof iv, 96, associated, 10, 128};
    CK_MECHANISM mine = {CKM_AES_GCM, &params, sizeof params};
    CK_MECHANISM older = {CKM_AES_GCM, &plain, sizeof plain};
    CK_OBJECT_HANDLE made = 0;
    CK_BYTE before[12];
    memcpy(before, iv, sizeof iv);
    size = sizeof wrapped;
    stage_ok(m->C_WrapKey(session, &mine, by, key, wrapped, &size));
    cr_assert_eq(size, sizeof value + 16);
    cr_assert(memcmp(before, iv, sizeof iv) != 0);
    check_wrapped(wrapped + sizeof value);
    stage_ok(m->C_UnwrapKey(session, &mine, by, wrapped, size, templ, WITHOUT_VALUE, &made));
    check_value(made);
    stage_ok(m->C_UnwrapKey(session, &older, by, wrapped, size, templ, WITHOUT_VALUE, &made));
    check_value(made);
    stage_ok(m->C_WrapKey(session, &older, by, key, wrapped, &size));
    check_wrapped(wrapped + sizeof value);
}

Test(wrap_tagged, what_cannot_is_refused)
{
    CK_MECHANISM other = {CKM_AES_KEY_WRAP, NULL, 0};
    CK_OBJECT_HANDLE made = 0;
    size = sizeof wrapped;
    stage_expect(CKR_MECHANISM_INVALID,
                 m->C_WrapKeyAuthenticated(session, &other, by, key, NULL, 0, wrapped, &size));
    stage_expect(CKR_MECHANISM_INVALID,
                 m->C_UnwrapKeyAuthenticated(session, &other, by, wrapped, 24, templ, WITHOUT_VALUE,
                                             NULL, 0, &made));
    stage_expect(CKR_KEY_UNEXTRACTABLE,
                 m->C_WrapKeyAuthenticated(session, &mechanism, by, by, NULL, 0, wrapped, &size));
    stage_expect(CKR_WRAPPING_KEY_HANDLE_INVALID,
                 m->C_WrapKeyAuthenticated(session, &mechanism, 0, key, NULL, 0, wrapped, &size));
    gcm.ivGenerator = CKG_GENERATE_COUNTER; /* from zero each time: the same IV twice */
    stage_expect(CKR_MECHANISM_PARAM_INVALID, wrap());
    gcm.ivGenerator = CKG_GENERATE;
    gcm.pTag = NULL;
    stage_expect(CKR_MECHANISM_PARAM_INVALID, wrap());
    gcm.pTag = tag;
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_WrapKeyAuthenticated(session, &mechanism, by, key, NULL, 1, wrapped, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_WrapKeyAuthenticated(session, &mechanism, by, key,
                                                              associated, 1, wrapped, NULL));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_WrapKeyAuthenticated(session, NULL, by, key, associated, 1, wrapped, &size));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_UnwrapKeyAuthenticated(session, &mechanism, by, NULL, 16, templ,
                                             WITHOUT_VALUE, NULL, 0, &made));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_UnwrapKeyAuthenticated(session, NULL, by, wrapped, 16, templ, WITHOUT_VALUE,
                                             NULL, 0, &made));
}
