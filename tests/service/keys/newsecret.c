// SPDX-License-Identifier: MIT
/* Secret keys that are derived, generated and created by a key token: what becomes of their
 * templates. */
#include "newsecret.h"

#include <criterion/criterion.h>
#include <string.h>

#include "keyring.h"
#include "keytoken-fixture.h"

static EVP_PKEY *own, *peer;
static uint8_t point[65];

static void set_up_keys(void)
{
    uint8_t *encoded;
    open_directory();
    own = rig_generate("EC:P-256");
    peer = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", own, RIG_PKCS8, NULL);
    cr_assert_eq(EVP_PKEY_get1_encoded_public_key(peer, &encoded), sizeof point);
    memcpy(point, encoded, sizeof point);
    OPENSSL_free(encoded);
    open_token();
    list_all();
}

static void tear_down_keys(void)
{
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    tear_down();
}

TestSuite(newsecret, .init = set_up_keys, .fini = tear_down_keys);

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY, data = CKO_DATA;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET, aes = CKK_AES, rsa = CKK_RSA;
static CK_ULONG sizes[] = {0, 16, 17, 32, 33, 1 << 20};

#define CLASS(variable)                                                                            \
    {                                                                                              \
        CKA_CLASS, &(variable), sizeof(CK_OBJECT_CLASS)                                            \
    }
#define TYPE(variable)                                                                             \
    {                                                                                              \
        CKA_KEY_TYPE, &(variable), sizeof(CK_KEY_TYPE)                                             \
    }
#define FLAG(type, value)                                                                          \
    {                                                                                              \
        type, &(value), sizeof(CK_BBOOL)                                                           \
    }
#define SIZE(n)                                                                                    \
    {                                                                                              \
        CKA_VALUE_LEN, &sizes[n], sizeof(CK_ULONG)                                                 \
    }
#define LABEL                                                                                      \
    {                                                                                              \
        CKA_LABEL, (void *)"derived", 7                                                            \
    }

/* Derives with the key "one" (half: of which class) by that template; *id: the new key's. */
static CK_RV derive_by(P11dView *who, const char *half, const CK_ATTRIBUTE *items, size_t count,
                       uint64_t *id)
{
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, sizeof point, point};
    const P11dArguments arguments = {
        .objects = {id_of(half, "one")},
        .mechanism.parameters.mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh},
        .templates = {{.items = items, .count = count}}};
    P11dActCall call = {.arguments = &arguments};
    const P11dAct *act = token->acts;
    while (strcmp(act->method, "Derive") != 0)
        act++;
    p11d_buffer_init(&call.output, P11D_INTERFACE_DATA_MAX);
    CK_RV rv = act->perform(who, &call);
    p11d_buffer_clear(&call.output);
    cr_assert_eq(call.changed, rv == CKR_OK);
    *id = call.results.objects[0];
    return rv;
}

#define DERIVE(id, ...)                                                                            \
    derive_by(view, "private-key", (const CK_ATTRIBUTE[]){__VA_ARGS__},                            \
              sizeof((const CK_ATTRIBUTE[]){__VA_ARGS__}) / sizeof(CK_ATTRIBUTE), id)

Test(newsecret, is_the_clients_own_and_readable_if_it_says_so)
{
    uint8_t expected[32];
    size_t size = sizeof expected;
    uint64_t id;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    cr_assert_eq(EVP_PKEY_derive_init(context), 1);
    cr_assert_eq(EVP_PKEY_derive_set_peer(context, own), 1);
    cr_assert_eq(EVP_PKEY_derive(context, expected, &size), 1);
    EVP_PKEY_CTX_free(context);

    uint64_t before = list.generation;
    cr_assert_eq(DERIVE(&id, CLASS(secret_key), TYPE(generic), FLAG(CKA_TOKEN, no),
                        FLAG(CKA_SENSITIVE, no), FLAG(CKA_EXTRACTABLE, yes), LABEL),
                 CKR_OK);
    list_as(view, before);
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 1);
    const RigObject *derived = rig_find(&list, "secret-key", "derived");
    cr_assert_eq(derived->id, id);
    cr_assert_eq(derived->value_size, size);
    cr_assert_arr_eq(derived->value, expected, size);

    P11dView *other = another_client();
    list_as(other, 0);
    cr_assert_null(rig_find(&list, "secret-key", "derived"));
    token->operations->close(other);

    P11dBuffer none;
    const P11dArguments gone = {.objects = {id}};
    list_all();
    before = list.generation;
    cr_assert_eq(act_as(view, "DestroyObject", &gone, &none), CKR_OK);
    list_as(view, before);
    cr_assert_eq(list.removed_count, 1);
    cr_assert_eq(list.removed[0], id);
}

/* Java imports keys for HMAC and derives secrets by templates of class and type alone. */
Test(newsecret, of_which_nothing_is_said_is_readable_and_does_all_that_it_can)
{
    const CK_ATTRIBUTE_TYPE uses[] = {CKA_SIGN, CKA_VERIFY, CKA_ENCRYPT, CKA_WRAP};
    P11dServedKey *key;
    CK_OBJECT_CLASS class;
    uint64_t id;
    cr_assert_eq(DERIVE(&id, CLASS(secret_key), TYPE(generic), LABEL), CKR_OK);
    list_all();
    cr_assert_eq(rig_find(&list, "secret-key", "derived")->value_size, 32);
    for (int said = 0; said < 2; said++) {
        for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
            const bool may = uses[i] == CKA_SIGN || (uses[i] == CKA_VERIFY && !said);
            const CK_RV rv =
                p11d_keyring_find((P11dKeyView *)(void *)view, id, uses[i], &key, &class);
            cr_assert_eq(rv, may ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED);
            p11d_servedkey_unref(rv == CKR_OK ? key : NULL);
        }
        cr_assert_eq(DERIVE(&id, TYPE(generic), LABEL, FLAG(CKA_SIGN, yes)), CKR_OK);
    }
}

Test(newsecret, a_sensitive_one_keeps_its_value)
{
    uint64_t id;
    cr_assert_eq(DERIVE(&id, TYPE(aes), SIZE(1), LABEL, FLAG(CKA_SENSITIVE, yes)), CKR_OK);
    list_all();
    cr_assert_eq(rig_find(&list, "secret-key", "derived")->value_size, 0);
    cr_assert_eq(
        DERIVE(&id, TYPE(aes), LABEL, FLAG(CKA_SENSITIVE, yes), FLAG(CKA_EXTRACTABLE, yes)),
        CKR_OK);
    cr_assert_eq(DERIVE(&id, TYPE(aes), LABEL, FLAG(CKA_EXTRACTABLE, no)), CKR_OK);
    list_all();
    for (size_t i = 0; i < list.count; i++)
        cr_assert(strcmp(list.objects[i].class, "secret-key") != 0 ||
                  list.objects[i].value_size == 0);
}

static void open_writable(void)
{
    token->operations->close(view);
    token->operations->free(token);
    writable = true;
    open_token();
    list_all();
}

/* A client wraps another one by the AES key with that id, unwraps it to the token, and gets it. */
static uint64_t unwrap(uint64_t by, uint64_t wrapped)
{
    const CK_ATTRIBUTE items[] = {TYPE(generic), FLAG(CKA_TOKEN, yes), LABEL};
    P11dArguments arguments = {.objects = {by, wrapped},
                               .mechanism.parameters.mechanism.mechanism = CKM_AES_KEY_WRAP_KWP};
    uint64_t ids[2];
    P11dBuffer output;
    cr_assert_eq(act_as(view, "Wrap", &arguments, &output), CKR_OK);
    arguments.bytes[0] = (P11dBytes){output.data, output.size};
    arguments.templates[0] = (P11dTemplateArgument){.items = items, .count = 3};
    cr_assert_eq(make_as(view, "Unwrap", &arguments, ids), CKR_OK);
    p11d_buffer_clear(&output);
    return ids[0];
}

Test(newsecret, is_on_the_token_if_it_is_to_be)
{
    uint64_t kek, derived, id;
    open_writable();
    cr_assert_eq(DERIVE(&kek, TYPE(aes), SIZE(3), FLAG(CKA_TOKEN, yes), FLAG(CKA_WRAP, yes),
                        FLAG(CKA_UNWRAP, yes)),
                 CKR_OK);
    cr_assert_eq(DERIVE(&derived, TYPE(generic), FLAG(CKA_TOKEN, yes), FLAG(CKA_SENSITIVE, no),
                        FLAG(CKA_EXTRACTABLE, yes), LABEL),
                 CKR_OK);
    list_all();
    const RigObject before = *rig_find(&list, "secret-key", "derived");
    cr_assert_eq(before.id, derived);
    cr_assert_eq(before.value_size, 32);
    id = unwrap(kek, derived);
    cr_assert_neq(id, 0);
    cr_assert_eq(list.count, 5, "the pair and three");
    open_writable();
    cr_assert_eq(list.count, 5);
    size_t shown = 0;
    for (size_t i = 0; i < list.count; i++)
        shown += strcmp(list.objects[i].label, "derived") == 0 &&
                 list.objects[i].value_size == 32 &&
                 memcmp(list.objects[i].value, before.value, 32) == 0;
    cr_assert_eq(shown, 1, "what was unwrapped is sensitive");
}

Test(newsecret, templates_that_cannot_be_are_refused)
{
    uint64_t id;
    static const uint8_t value[16];
    const struct {
        CK_ATTRIBUTE items[3];
        size_t count;
        CK_RV rv;
    } rows[] = {
        {{CLASS(secret_key)}, 1, CKR_TEMPLATE_INCOMPLETE},
        {{CLASS(data), TYPE(generic)}, 2, CKR_TEMPLATE_INCONSISTENT},
        {{TYPE(rsa)}, 1, CKR_ATTRIBUTE_VALUE_INVALID},
        {{TYPE(generic), FLAG(CKA_TOKEN, yes)}, 2, CKR_TOKEN_WRITE_PROTECTED},
        {{TYPE(generic), SIZE(0)}, 2, CKR_ATTRIBUTE_VALUE_INVALID},
        {{TYPE(generic), SIZE(4)}, 2, CKR_KEY_SIZE_RANGE},
        {{TYPE(generic), SIZE(5)}, 2, CKR_ATTRIBUTE_VALUE_INVALID},
        {{TYPE(aes), SIZE(2)}, 2, CKR_ATTRIBUTE_VALUE_INVALID},
        {{TYPE(generic), FLAG(CKA_LOCAL, no)}, 2, CKR_ATTRIBUTE_READ_ONLY},
        {{TYPE(generic), FLAG(CKA_TRUSTED, yes)}, 2, CKR_ATTRIBUTE_READ_ONLY},
        {{TYPE(generic), FLAG(CKA_SIGN, yes), FLAG(CKA_SIGN, no)}, 3, CKR_TEMPLATE_INCONSISTENT},
        {{TYPE(generic), {CKA_VALUE, (void *)value, 16}}, 2, CKR_TEMPLATE_INCONSISTENT},
        {{TYPE(generic), {CKA_MODULUS, (void *)value, 16}}, 2, CKR_ATTRIBUTE_TYPE_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(derive_by(view, "private-key", rows[i].items, rows[i].count, &id), rows[i].rv,
                     "row %zu", i);
    list_all();
    cr_assert_eq(list.count, 2, "nothing was made");
    const CK_ATTRIBUTE items[] = {TYPE(generic)};
    cr_assert_eq(derive_by(view, "public-key", items, 1, &id), CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(derive_by(view, "certificate", items, 1, &id), CKR_KEY_HANDLE_INVALID);
}

Test(newsecret, is_for_trusted_keys_alone_if_it_is_to_be)
{
    uint64_t id, aes_id;
    P11dBuffer wrapped;
    cr_assert_eq(DERIVE(&aes_id, TYPE(aes), SIZE(3), FLAG(CKA_WRAP, yes)), CKR_OK);
    cr_assert_eq(DERIVE(&id, TYPE(generic), FLAG(CKA_EXTRACTABLE, yes),
                        FLAG(CKA_WRAP_WITH_TRUSTED, yes), FLAG(CKA_TRUSTED, no)),
                 CKR_OK);
    const P11dArguments arguments = {
        .objects = {aes_id, id}, .mechanism.parameters.mechanism.mechanism = CKM_AES_KEY_WRAP_KWP};
    cr_assert_eq(act_as(view, "Wrap", &arguments, &wrapped), CKR_KEY_NOT_WRAPPABLE);
    p11d_buffer_clear(&wrapped);
}

Test(newsecret, does_all_where_nothing_is_asked_for_that_it_does)
{
    /* pkcs11-tool asks so for every kind of key. */
    const CK_ATTRIBUTE items[] = {TYPE(generic), FLAG(CKA_ENCRYPT, yes), FLAG(CKA_DECRYPT, yes)};
    static const uint8_t bytes[32];
    P11dNewSecret secret;
    P11dServedKey *key = NULL;
    CK_OBJECT_CLASS class;
    uint64_t id = 0;
    cr_assert_eq(p11d_newsecret_read(&secret, &(P11dTemplateArgument){.items = items, .count = 3}),
                 CKR_OK);
    cr_assert_eq(
        p11d_newsecret_make(&secret, (P11dKeyView *)(void *)view, bytes, sizeof bytes, &id),
        CKR_OK);
    p11d_newsecret_clear(&secret);
    cr_expect_eq(p11d_keyring_find((P11dKeyView *)(void *)view, id, CKA_SIGN, &key, &class),
                 CKR_OK);
    p11d_servedkey_unref(key);
}

Test(newsecret, does_all_but_what_was_forbidden_where_nothing_is_asked_for)
{
    P11dServedKey *key = NULL;
    CK_OBJECT_CLASS class;
    uint64_t id;
    cr_assert_eq(DERIVE(&id, TYPE(aes), SIZE(1), FLAG(CKA_ENCRYPT, no)), CKR_OK);
    cr_expect_eq(p11d_keyring_find((P11dKeyView *)(void *)view, id, CKA_ENCRYPT, &key, &class),
                 CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(p11d_keyring_find((P11dKeyView *)(void *)view, id, CKA_DECRYPT, &key, &class),
                 CKR_OK);
    p11d_servedkey_unref(key);
}

/* On the token as in a session: one that wraps keys and could decrypt would show them. */
Test(newsecret, does_what_was_asked_for_and_nothing_else)
{
    static const CK_ATTRIBUTE_TYPE uses[] = {CKA_WRAP, CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT};
    open_writable();
    for (int i = 0; i < 2; i++) {
        const CK_ATTRIBUTE items[] = {TYPE(aes),
                                      SIZE(1),
                                      FLAG(CKA_WRAP, yes),
                                      FLAG(CKA_UNWRAP, yes),
                                      {CKA_TOKEN, i == 0 ? &no : &yes, sizeof yes}};
        const P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism =
                                             CKM_AES_KEY_GEN,
                                         .templates = {{.items = items, .count = 5}}};
        P11dActCall call = {.arguments = &arguments};
        const P11dAct *act = token->acts;
        while (strcmp(act->method, "GenerateKey") != 0)
            act++;
        cr_assert_eq(act->perform(view, &call), CKR_OK);
        for (size_t j = 0; j < 4; j++) {
            P11dServedKey *key = NULL;
            CK_OBJECT_CLASS class;
            cr_expect_eq(p11d_keyring_find((P11dKeyView *)(void *)view, call.results.objects[0],
                                           uses[j], &key, &class),
                         j < 2 ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED, "%d %zu", i, j);
            p11d_servedkey_unref(key);
        }
    }
}

Test(newsecret, generated_and_created_ones_live_in_a_session)
{
    const CK_ATTRIBUTE items[] = {
        SIZE(3), FLAG(CKA_SENSITIVE, no), FLAG(CKA_EXTRACTABLE, yes), {CKA_LABEL, (void *)"s", 1}};
    P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism = CKM_AES_KEY_GEN,
                               .templates = {{.items = items, .count = 4}}};
    uint64_t ids[2];
    cr_assert_eq(make_as(view, "GenerateKey", &arguments, ids), CKR_OK);
    cr_assert_eq(id_of("secret-key", "s"), ids[0]);
    cr_assert_eq(rig_find(&list, "secret-key", "s")->value_size, 32);
    arguments.templates[0].count = 0;
    cr_assert_eq(make_as(view, "GenerateKey", &arguments, ids), CKR_TEMPLATE_INCOMPLETE);

    const CK_ATTRIBUTE given[] = {CLASS(secret_key),
                                  TYPE(aes),
                                  {CKA_VALUE, (void *)"0123456789abcdef", 16},
                                  {CKA_LABEL, (void *)"given", 5},
                                  FLAG(CKA_SENSITIVE, yes)};
    uint64_t id;
    cr_assert_eq(create_as(view, given, 5, &id), CKR_OK);
    cr_assert_eq(rig_find(&list, "secret-key", "given")->value_size, 0, "it is sensitive");
    cr_assert_eq(create_as(view, given, 2, &id), CKR_TEMPLATE_INCOMPLETE);
}

Test(newsecret, keys_of_triple_des_have_one_size_and_odd_parity)
{
    CK_ULONG right = 24;
    const CK_ATTRIBUTE items[] = {{CKA_VALUE_LEN, &right, sizeof right},
                                  FLAG(CKA_SENSITIVE, no),
                                  FLAG(CKA_EXTRACTABLE, yes),
                                  {CKA_LABEL, (void *)"s", 1}};
    const CK_ATTRIBUTE wrong[] = {SIZE(1)};
    P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism = CKM_DES3_KEY_GEN,
                               .templates = {{.items = items, .count = 4}}};
    uint64_t ids[2];
    cr_assert_eq(make_as(view, "GenerateKey", &arguments, ids), CKR_OK);
    const RigObject *key = rig_find(&list, "secret-key", "s");
    cr_assert_eq(key->value_size, 24);
    for (size_t i = 0; i < 24; i++)
        cr_assert_eq(__builtin_parity(key->value[i]), 1);
    arguments.templates[0].count = 0;
    cr_assert_eq(make_as(view, "GenerateKey", &arguments, ids), CKR_OK);
    arguments.templates[0] = (P11dTemplateArgument){.items = wrong, .count = 1};
    cr_assert_eq(make_as(view, "GenerateKey", &arguments, ids), CKR_ATTRIBUTE_VALUE_INVALID);
}
