// SPDX-License-Identifier: MIT
/* Session objects: one client's own, for as long as it is there. */
#include "sessionobject.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "keytoken-fixture.h"

static P11dKeyView *key_view(P11dView *who)
{
    return (P11dKeyView *)(void *)who;
}

static P11dTemplate described(CK_OBJECT_CLASS class, const char *label)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_eq(p11d_template_set_number(&templ, CKA_CLASS, class), CKR_OK);
    cr_assert_eq(p11d_template_set_text(&templ, CKA_LABEL, label), CKR_OK);
    return templ;
}

static CK_RV add(P11dView *who, P11dTemplate templ, P11dServedKey *key, uint64_t *id)
{
    return p11d_sessionobject_add(key_view(who), &templ, key, id);
}

static uint64_t add_data(P11dView *who, const char *label, size_t size)
{
    static const uint8_t zeros[1 << 20];
    uint64_t id = 0;
    P11dTemplate templ = described(CKO_DATA, label);
    cr_assert_eq(p11d_template_set(&templ, CKA_VALUE, zeros, size), CKR_OK);
    cr_assert_eq(add(who, templ, NULL, &id), CKR_OK);
    return id;
}

Test(sessionobject, is_its_clients_alone, .init = set_up, .fini = tear_down)
{
    P11dView *other = another_client();
    uint64_t id = add_data(view, "mine", 3);
    cr_assert(p11d_sessionobject_is(id));
    list_all();
    cr_assert_eq(id_of("data", "mine"), id);
    list_as(other, 0);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(p11d_sessionobject_destroy(key_view(other), id), CKR_OBJECT_HANDLE_INVALID);
    list_all();
    cr_assert_eq(id_of("data", "mine"), id);
    token->operations->close(other);
}

Test(sessionobject, comes_and_goes_as_a_difference, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", NULL);
    open_token();
    list_all();
    uint64_t before = list.generation;
    uint64_t first = add_data(view, "first", 3), second = add_data(view, "second", 3);
    list_as(view, before);
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 2);
    cr_assert_gt(list.generation, before);
    before = list.generation;
    cr_assert_eq(p11d_sessionobject_destroy(key_view(view), first), CKR_OK);
    list_as(view, before);
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(list.removed_count, 1);
    cr_assert_eq(list.removed[0], first);
    cr_assert_eq(p11d_sessionobject_destroy(key_view(view), first), CKR_OBJECT_HANDLE_INVALID);
    list_all();
    cr_assert_eq(id_of("data", "second"), second);
    cr_assert(id_of("private-key", "one"));
    cr_assert_gt(add_data(view, "third", 3), second, "ids are not used again");
}

Test(sessionobject, trap_session_objects_die_with_session__and_with_their_client, .init = set_up,
     .fini = tear_down)
{
    P11dView *other = another_client();
    uint64_t id = add_data(other, "theirs", 3);
    cr_assert_not(token->operations->forget(other), "there was no login");
    list_as(other, 0);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(p11d_sessionobject_destroy(key_view(other), id), CKR_OBJECT_HANDLE_INVALID);
    add_data(other, "late", 3);
    token->operations->close(other);
}

Test(sessionobject, signs_with_its_key_if_it_may, .init = set_up, .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    P11dServedKey *served = p11d_servedkey_new(key, true);
    P11dTemplate may = described(CKO_PRIVATE_KEY, "may"),
                 may_not = described(CKO_PRIVATE_KEY, "no");
    uint64_t one, two;
    cr_assert_eq(p11d_template_set_boolean(&may_not, CKA_SIGN, false), CKR_OK);
    cr_assert_eq(add(view, may, p11d_servedkey_ref(served), &one), CKR_OK);
    cr_assert_eq(add(view, may_not, served, &two), CKR_OK);
    cr_assert_eq(sign_as(view, one), CKR_OK);
    cr_assert_eq(sign_as(view, two), CKR_KEY_FUNCTION_NOT_PERMITTED);
    P11dView *other = another_client();
    cr_assert_eq(sign_as(other, one), CKR_KEY_HANDLE_INVALID);
    token->operations->close(other);
}

Test(sessionobject, tells_a_secret_only_if_it_is_none, .init = set_up, .fini = tear_down)
{
    static const struct {
        bool sensitive, extractable, told;
    } rows[] = {
        {true, true, false}, {false, false, false}, {true, false, false}, {false, true, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dTemplate templ = described(CKO_SECRET_KEY, "secret");
        uint64_t id;
        cr_assert_eq(p11d_template_set_text(&templ, CKA_VALUE, "0123456789abcdef"), CKR_OK);
        cr_assert_eq(p11d_template_set_boolean(&templ, CKA_SENSITIVE, rows[i].sensitive), CKR_OK);
        cr_assert_eq(p11d_template_set_boolean(&templ, CKA_EXTRACTABLE, rows[i].extractable),
                     CKR_OK);
        cr_assert_eq(add(view, templ, NULL, &id), CKR_OK);
        list_all();
        cr_assert_eq(rig_find(&list, "secret-key", "secret")->value_size, rows[i].told ? 16 : 0);
        cr_assert_eq(p11d_sessionobject_destroy(key_view(view), id), CKR_OK);
    }
}

Test(sessionobject, may_be_changed, .init = set_up, .fini = tear_down)
{
    uint64_t id = add_data(view, "before", 3);
    list_all();
    uint64_t before = list.generation;
    const CK_ATTRIBUTE after[] = {{CKA_LABEL, (void *)(uintptr_t) "after", 5}};
    cr_assert_eq(p11d_sessionobject_change(key_view(view), id, after, 1), CKR_OK);
    list_as(view, before);
    cr_assert_eq(list.count, 1);
    cr_assert_eq(id_of("data", "after"), id);
    cr_assert_eq(p11d_sessionobject_change(key_view(view), id + 1, after, 1),
                 CKR_OBJECT_HANDLE_INVALID);
}

Test(sessionobject, claims_no_use_that_its_key_does_not_have, .init = set_up, .fini = tear_down)
{
    static const CK_ATTRIBUTE_TYPE uses[] = {CKA_ENCRYPT, CKA_SIGN, CKA_DERIVE};
    static const CK_BBOOL yes = CK_TRUE;
    const CK_ATTRIBUTE items[] = {{uses[0], (void *)(uintptr_t)&yes, 1},
                                  {uses[1], (void *)(uintptr_t)&yes, 1},
                                  {uses[2], (void *)(uintptr_t)&yes, 1}};
    P11dTemplate templ = described(CKO_SECRET_KEY, "aes"), told;
    P11dServedKey *key =
        p11d_servedkey_new_secret(CKK_AES, (const uint8_t *)"0123456789abcdef", 16);
    uint64_t id = 0;
    cr_assert_eq(p11d_template_set_boolean(&templ, CKA_SIGN, true), CKR_OK);
    cr_assert_eq(p11d_template_set_boolean(&templ, CKA_ENCRYPT, false), CKR_OK);
    cr_assert_eq(add(view, templ, key, &id), CKR_OK);
    for (int i = 0; i < 2; i++) {
        p11d_template_init(&told);
        cr_assert_eq(p11d_sessionobject_get(key_view(view), id, &told, &key), CKR_OK);
        for (size_t j = 0; j < 3; j++)
            cr_expect_eq(p11d_template_boolean(&told, uses[j], true), i == 1 && j == 0);
        p11d_template_clear(&told);
        p11d_servedkey_unref(key);
        cr_assert_eq(p11d_sessionobject_change(key_view(view), id, items, 3), CKR_OK);
    }
}

Test(sessionobject, dies_with_its_session_whatever_it_says, .init = set_up, .fini = tear_down)
{
    P11dTemplate templ = described(CKO_DATA, "stays");
    uint64_t id;
    cr_assert_eq(p11d_template_set_boolean(&templ, CKA_DESTROYABLE, false), CKR_OK);
    cr_assert_eq(add(view, templ, NULL, &id), CKR_OK);
    cr_assert_eq(p11d_sessionobject_destroy(key_view(view), id), CKR_OK);
}

static uint64_t shared;

/* Changes one attribute again and again, and sees each time that it is what it was changed to. */
static void *change(void *data)
{
    const CK_ATTRIBUTE_TYPE type = *(const CK_ATTRIBUTE_TYPE *)data;
    bool kept = true;
    for (unsigned i = 0; i < 3000 && kept; i++) {
        const CK_ATTRIBUTE item[] = {{type, &i, sizeof i}};
        const P11dArguments arguments = {.objects = {shared},
                                         .templates = {{.items = item, .count = 1}}};
        P11dServedKey *key;
        P11dTemplate templ;
        P11dBuffer output;
        p11d_template_init(&templ);
        kept = act_as(view, "SetAttributes", &arguments, &output) == CKR_OK &&
               p11d_sessionobject_get(key_view(view), shared, &templ, &key) == CKR_OK;
        const CK_ATTRIBUTE *now = p11d_template_find(&templ, type);
        kept = kept && now && now->ulValueLen == sizeof i && memcmp(now->pValue, &i, sizeof i) == 0;
        p11d_buffer_clear(&output);
        p11d_template_clear(&templ);
    }
    return kept ? data : NULL;
}

Test(sessionobject, of_two_changes_at_once_none_is_lost, .init = set_up, .fini = tear_down)
{
    static CK_ATTRIBUTE_TYPE types[] = {CKA_VALUE, CKA_OBJECT_ID};
    pthread_t threads[2];
    void *kept;
    shared = add_data(view, "shared", 3);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, change, &types[i]), 0);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_join(threads[i], &kept), 0);
        cr_expect_not_null(kept, "a change of attribute %lx was lost", types[i]);
    }
}

Test(sessionobject, trap_running_out_is_an_answer__session_objects, .init = set_up,
     .fini = tear_down)
{
    uint64_t id = 0;
    for (int i = 0; i < P11D_SESSIONSTORE_OBJECTS; i++)
        id = add_data(view, "one of many", 3);
    cr_assert_eq(add(view, described(CKO_DATA, "more"), NULL, &id), P11D_ACT_LIMIT);
    P11dView *other = another_client();
    add_data(other, "theirs", 3);
    token->operations->close(other);
    cr_assert_eq(p11d_sessionobject_destroy(key_view(view), id), CKR_OK);
    add_data(view, "there is room again", 3);
}

Test(sessionobject, trap_running_out_is_an_answer__memory_of_session_objects, .init = set_up,
     .fini = tear_down)
{
    const size_t most = P11D_SESSIONSTORE_BYTES / 8;
    uint64_t id = 0;
    for (int i = 0; i < 3; i++)
        id = add_data(view, "large", most);
    const CK_ATTRIBUTE nothing[] = {{CKA_VALUE, NULL, 0}};
    cr_assert_eq(p11d_sessionobject_change(key_view(view), id, nothing, 1), CKR_OK);
    add_data(view, "large again", most);
    P11dTemplate templ = described(CKO_DATA, "too large");
    uint8_t *value = calloc(1, 2 * most);
    cr_assert_eq(p11d_template_set(&templ, CKA_VALUE, value, 2 * most), CKR_OK);
    free(value);
    cr_assert_eq(add(view, templ, NULL, &id), P11D_ACT_LIMIT);
}

Test(sessionobject, trap_running_out_is_an_answer__memory_of_a_users_session_objects,
     .init = set_up, .fini = tear_down)
{
    enum { CLIENTS = P11D_SESSIONSTORE_USER_BYTES / P11D_SESSIONSTORE_BYTES };
    P11dView *clients[CLIENTS];
    uint64_t id = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = another_client();
        for (int j = 0; j < 4; j++)
            id = add_data(clients[i], "large", P11D_SESSIONSTORE_BYTES / 8 - 1024);
    }
    cr_assert_eq(add(view, described(CKO_DATA, "one more"), NULL, &id), CKR_OK);
    P11dTemplate templ = described(CKO_DATA, "too large");
    uint8_t *value = calloc(1, P11D_SESSIONSTORE_BYTES / 16);
    const CK_ATTRIBUTE large = {CKA_VALUE, value, P11D_SESSIONSTORE_BYTES / 16};
    cr_assert_eq(p11d_template_set(&templ, large.type, large.pValue, large.ulValueLen), CKR_OK);
    cr_assert_eq(add(view, templ, NULL, &(uint64_t){0}), P11D_ACT_LIMIT);
    cr_assert_eq(p11d_sessionobject_change(key_view(view), id, &large, 1), P11D_ACT_LIMIT);
    token->operations->close(clients[0]);
    cr_assert_eq(p11d_sessionobject_change(key_view(view), id, &large, 1), CKR_OK);
    for (int i = 1; i < CLIENTS; i++)
        token->operations->close(clients[i]);
    free(value);
}

Test(sessionobject, that_is_private_ends_with_the_login, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "secret");
    open_token();
    uint64_t id;
    P11dTemplate templ = described(CKO_DATA, "private");
    cr_assert_eq(p11d_template_set_boolean(&templ, CKA_PRIVATE, true), CKR_OK);
    cr_assert_eq(add(view, templ, NULL, &id), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    templ = described(CKO_DATA, "private");
    cr_assert_eq(p11d_template_set_boolean(&templ, CKA_PRIVATE, true), CKR_OK);
    cr_assert_eq(add(view, templ, NULL, &id), CKR_OK);
    add_data(view, "public", 3);
    cr_assert_eq(logout_as(view), CKR_OK);
    list_all();
    cr_assert_not(id_of("data", "private"));
    cr_assert(id_of("data", "public"));
    cr_assert_eq(p11d_sessionobject_destroy(key_view(view), id), CKR_OBJECT_HANDLE_INVALID);
}
