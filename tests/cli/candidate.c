// SPDX-License-Identifier: MIT
#include "candidate.h"

#include <criterion/criterion.h>
#include <string.h>

/* A token in that slot, of which all say the same of themselves. */
static P11dHostToken token_in(CK_SLOT_ID slot)
{
    P11dHostToken token = {.slot = slot};
    memset(token.info.label, ' ', sizeof token.info.label);
    memcpy(token.info.label, "twin", strlen("twin"));
    return token;
}

/* A private key of that type. */
static void add_key(GPtrArray *items, P11dHostToken *token, const char *label, CK_KEY_TYPE type)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    P11dItem *item = g_new0(P11dItem, 1);
    p11d_template_init(&item->attributes);
    item->token = token;
    item->class = class;
    p11d_template_set(&item->attributes, CKA_CLASS, &class, sizeof class);
    p11d_template_set(&item->attributes, CKA_LABEL, label, strlen(label));
    p11d_template_set(&item->attributes, CKA_KEY_TYPE, &type, sizeof type);
    g_ptr_array_add(items, item);
}

Test(candidate, one_is_shown_by_its_uri)
{
    P11dHostToken token = token_in(3);
    g_autoptr(GPtrArray) items = p11d_item_array();
    add_key(items, &token, "a", CKK_RSA);
    add_key(items, &token, "b", CKK_RSA);
    const char *advice;
    g_autoptr(GPtrArray) list = p11d_candidate_list(items, &advice);
    cr_assert_str_eq(list->pdata[0], "pkcs11:token=twin;object=a;type=private");
    cr_assert_str_eq(list->pdata[1], "pkcs11:token=twin;object=b;type=private");
    cr_assert_null(advice);
}

Test(candidate, tokens_that_say_the_same_are_told_apart_by_their_slots)
{
    P11dHostToken first = token_in(3), second = token_in(4);
    g_autoptr(GPtrArray) items = p11d_item_array();
    add_key(items, &first, "a", CKK_RSA);
    add_key(items, &second, "a", CKK_RSA);
    const char *advice;
    g_autoptr(GPtrArray) list = p11d_candidate_list(items, &advice);
    cr_assert_str_eq(list->pdata[0], "pkcs11:token=twin;object=a;type=private;slot-id=3");
    cr_assert_str_eq(list->pdata[1], "pkcs11:token=twin;object=a;type=private;slot-id=4");
    cr_assert_null(advice);
}

Test(candidate, twins_of_one_token_are_told_apart_by_what_they_are)
{
    P11dHostToken first = token_in(3), second = token_in(4);
    g_autoptr(GPtrArray) items = p11d_item_array();
    add_key(items, &first, "a", CKK_RSA);
    add_key(items, &first, "a", CKK_GENERIC_SECRET);
    const char *advice;
    g_autoptr(GPtrArray) list = p11d_candidate_list(items, &advice);
    cr_assert_str_eq(list->pdata[0], "pkcs11:token=twin;object=a;type=private\n        RSA");
    cr_assert_str_neq(list->pdata[0], list->pdata[1]);
    cr_assert(strstr(advice, "no URI can choose one"));

    add_key(items, &second, "a", CKK_RSA);
    g_autoptr(GPtrArray) more = p11d_candidate_list(items, &advice);
    cr_assert_str_eq(more->pdata[0],
                     "pkcs11:token=twin;object=a;type=private;slot-id=3\n        RSA");
    cr_assert_str_eq(more->pdata[2], "pkcs11:token=twin;object=a;type=private;slot-id=4");
}

Test(candidate, nothing_is_near_on_no_token)
{
    g_autoptr(GPtrArray) tokens = g_ptr_array_new();
    CK_ATTRIBUTE label = {CKA_LABEL, (void *)"a", 1};
    g_autofree char *none = p11d_candidate_near_label(&label, tokens, NULL);
    cr_assert_str_eq(none, "");
    g_autofree char *rest = p11d_candidate_near_label(&label, tokens, "look");
    cr_assert_str_eq(rest, "look");
}
