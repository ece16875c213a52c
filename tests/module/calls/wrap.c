// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_MECHANISM wraps = {CKM_AES_KEY_WRAP, NULL, 0};
static CK_OBJECT_HANDLE wrapping, key;

static void open_stage(void)
{
    CK_MECHANISM generates = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
    stage_open(&stage);
    m = stage.module;
    stage_start(&stage, "claims=yes mechanisms=generic-secret-key-gen,aes-key-wrap,rsa-pkcs");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    stage_search(&stage, session);
    stage_ok(m->C_GenerateKey(session, &generates, NULL, 0, &wrapping));
    stage_ok(m->C_GenerateKey(session, &generates, NULL, 0, &key));
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(wrap, .init = open_stage, .fini = close_stage);

Test(wrap, gives_the_host_what_came)
{
    CK_BYTE wrapped[64];
    CK_ULONG size = sizeof wrapped;
    stage_ok(m->C_WrapKey(session, &wraps, wrapping, key, wrapped, &size));
    cr_assert_eq(size, 40);
    cr_assert_str_eq((char *)wrapped, "a key in another one");
    cr_assert_eq(stage_count(&stage, "order Wrap aes-key-wrap objects=120,121"), 1);
}

Test(wrap, what_came_is_kept_until_there_is_room_for_it)
{
    CK_BYTE wrapped[64];
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE other = stage_session(&stage);
    stage_ok(m->C_WrapKey(session, &wraps, wrapping, key, NULL, &size));
    cr_assert_eq(size, 40);
    size = 39;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_WrapKey(session, &wraps, wrapping, key, wrapped, &size));
    cr_assert_eq(size, 40);
    stage_ok(m->C_WrapKey(session, &wraps, wrapping, key, wrapped, &size));
    cr_assert_eq(stage_count(&stage, "order Wrap"), 1, "it was asked for once");
    cr_assert_str_eq((char *)wrapped, "a key in another one");
    /* It was fetched; what another call is about, or another session, is another one. */
    stage_ok(m->C_WrapKey(session, &wraps, wrapping, key, NULL, &size));
    cr_assert_eq(stage_count(&stage, "order Wrap"), 2);
    stage_ok(m->C_WrapKey(other, &wraps, wrapping, key, wrapped, &size));
    cr_assert_eq(stage_count(&stage, "order Wrap"), 3);
    stage_ok(m->C_WrapKey(session, &wraps, key, wrapping, wrapped, &size));
    stage_ok(m->C_WrapKey(session, &wraps, wrapping, key, wrapped, &size));
    cr_assert_eq(stage_count(&stage, "order Wrap"), 5);
}

Test(wrap, trap_size_query_keeps_operation__of_a_wrapped_key)
{
    CK_ULONG size = 0;
    const CK_OBJECT_HANDLE rsa = stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa");
    stage_ok(m->C_WrapKey(session, &wraps, rsa, key, NULL, &size));
    cr_assert_eq(size, 256);
    size = 255;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_WrapKey(session, &wraps, rsa, key, (CK_BYTE *)"", &size));
    cr_assert_eq(size, 256);
    cr_assert_eq(stage_count(&stage, "order Wrap"), 0);
}

Test(wrap, what_hosts_get_wrong)
{
    CK_ULONG size = 0;
    CK_MECHANISM other = {CKM_SHA256, NULL, 0};
    const CK_OBJECT_HANDLE inside = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_WrapKey(0, &wraps, wrapping, key, NULL, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_WrapKey(session, NULL, wrapping, key, NULL, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_WrapKey(session, &wraps, wrapping, key, NULL, NULL));
    stage_expect(CKR_WRAPPING_KEY_HANDLE_INVALID,
                 m->C_WrapKey(session, &wraps, 0, key, NULL, &size));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_WrapKey(session, &wraps, wrapping, 0, NULL, &size));
    stage_expect(CKR_MECHANISM_INVALID, m->C_WrapKey(session, &other, wrapping, key, NULL, &size));
    stage_expect(CKR_KEY_UNEXTRACTABLE,
                 m->C_WrapKey(session, &wraps, wrapping, inside, NULL, &size));
    cr_assert_eq(stage_count(&stage, "order Wrap"), 0);
    stage_order(&stage, "Wrap=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_WrapKey(session, &wraps, wrapping, key, NULL, &size));
    cr_assert_eq(stage_count(&stage, "Wrap"), 1, "and never again");
}
