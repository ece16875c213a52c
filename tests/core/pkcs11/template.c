// SPDX-License-Identifier: MIT
#include "template.h"

#include <criterion/criterion.h>
#include <string.h>

#include "attribute.h"

Test(template, is_empty_after_init_and_clear)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_null(p11d_template_find(&templ, CKA_LABEL));
    cr_assert_eq(p11d_template_set_text(&templ, CKA_LABEL, "a"), CKR_OK);
    p11d_template_clear(&templ);
    cr_assert_eq(templ.count, 0);
    cr_assert_null(p11d_template_find(&templ, CKA_LABEL));
    p11d_template_clear(&templ);
}

Test(template, holds_each_type_once_and_copies_the_value)
{
    P11dTemplate templ;
    char value[] = "first";
    p11d_template_init(&templ);
    cr_assert_eq(p11d_template_set(&templ, CKA_ID, value, 5), CKR_OK);
    memset(value, 'x', 5);
    cr_assert_eq(memcmp(p11d_template_find(&templ, CKA_ID)->pValue, "first", 5), 0);
    cr_assert_eq(p11d_template_set(&templ, CKA_ID, "2nd", 3), CKR_OK);
    cr_assert_eq(templ.count, 1);
    cr_assert_eq(p11d_template_find(&templ, CKA_ID)->ulValueLen, 3);
    cr_assert_eq(memcmp(p11d_template_find(&templ, CKA_ID)->pValue, "2nd", 3), 0);
    p11d_template_clear(&templ);
}

Test(template, an_empty_value_is_there_and_empty)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_eq(p11d_template_set(&templ, CKA_LABEL, NULL, 0), CKR_OK);
    cr_assert_not_null(p11d_template_find(&templ, CKA_LABEL));
    cr_assert_eq(p11d_template_find(&templ, CKA_LABEL)->ulValueLen, 0);
    cr_assert_eq(p11d_template_set_text(&templ, CKA_LABEL, ""), CKR_OK);
    cr_assert_eq(templ.count, 1);
    p11d_template_clear(&templ);
}

Test(template, a_null_value_with_a_length_is_refused)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    p11d_template_set_text(&templ, CKA_LABEL, "kept");
    cr_assert_eq(p11d_template_set(&templ, CKA_LABEL, NULL, 1), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(p11d_template_set(&templ, CKA_ID, "", P11D_TEMPLATE_VALUE_MAX + 1),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(p11d_template_set(&templ, CKA_ID, "", CK_UNAVAILABLE_INFORMATION),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(templ.count, 1);
    cr_assert_eq(memcmp(p11d_template_find(&templ, CKA_LABEL)->pValue, "kept", 4), 0);
    p11d_template_clear(&templ);
}

Test(template, takes_as_many_types_as_it_says)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    for (CK_ULONG i = 0; i < P11D_TEMPLATE_MAX; i++)
        cr_assert_eq(p11d_template_set_number(&templ, CKA_VENDOR_DEFINED + i, i), CKR_OK);
    cr_assert_eq(p11d_template_set_number(&templ, CKA_CLASS, 0), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(p11d_template_set_number(&templ, CKA_VENDOR_DEFINED, 7), CKR_OK);
    cr_assert_eq(p11d_template_number(&templ, CKA_VENDOR_DEFINED, 0), 7);
    for (CK_ULONG i = 1; i < P11D_TEMPLATE_MAX; i++)
        cr_assert_eq(p11d_template_number(&templ, CKA_VENDOR_DEFINED + i, 0), i);
    p11d_template_clear(&templ);
}

Test(template, numbers_and_booleans_of_another_size_count_as_missing)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    p11d_template_set_boolean(&templ, CKA_SIGN, true);
    p11d_template_set_boolean(&templ, CKA_WRAP, false);
    p11d_template_set_number(&templ, CKA_KEY_TYPE, CKK_EC);
    p11d_template_set(&templ, CKA_CLASS, "abc", 3);
    p11d_template_set(&templ, CKA_TOKEN, NULL, 0);
    cr_assert(p11d_template_boolean(&templ, CKA_SIGN, false));
    cr_assert_not(p11d_template_boolean(&templ, CKA_WRAP, true));
    cr_assert(p11d_template_boolean(&templ, CKA_TOKEN, true));
    cr_assert_not(p11d_template_boolean(&templ, CKA_PRIVATE, false));
    cr_assert_eq(p11d_template_number(&templ, CKA_KEY_TYPE, 99), CKK_EC);
    cr_assert_eq(p11d_template_number(&templ, CKA_CLASS, 99), 99);
    cr_assert_eq(p11d_template_number(&templ, CKA_ID, 99), 99);
    p11d_template_clear(&templ);
}

Test(template, unset_keeps_the_others)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    for (CK_ULONG i = 0; i < 20; i++)
        p11d_template_set_number(&templ, i, i * 3);
    p11d_template_unset(&templ, 0);
    p11d_template_unset(&templ, 7);
    p11d_template_unset(&templ, 19);
    p11d_template_unset(&templ, 500);
    cr_assert_eq(templ.count, 17);
    for (CK_ULONG i = 0; i < 20; i++) {
        bool gone = i == 0 || i == 7 || i == 19;
        cr_assert_eq(p11d_template_number(&templ, i, 999), gone ? 999 : i * 3);
    }
    p11d_template_clear(&templ);
}

/* A template in a template, depth levels in all. */
static CK_RV set_nested(P11dTemplate *templ, unsigned depth)
{
    char label[] = "innermost";
    CK_ATTRIBUTE levels[8] = {{CKA_LABEL, label, 9}};
    for (unsigned i = 1; i < depth; i++)
        levels[i] = (CK_ATTRIBUTE){CKA_WRAP_TEMPLATE, &levels[i - 1], sizeof(CK_ATTRIBUTE)};
    CK_ATTRIBUTE *outermost = &levels[depth - 1];
    CK_RV rv = p11d_template_set(templ, outermost->type, outermost->pValue, outermost->ulValueLen);
    memset(label, 'x', sizeof label);
    memset(levels, 0xee, sizeof levels);
    return rv;
}

Test(template, copies_templates_in_it_deeply)
{
    for (unsigned depth = 1; depth <= P11D_TEMPLATE_DEPTH; depth++) {
        P11dTemplate templ;
        p11d_template_init(&templ);
        cr_assert_eq(set_nested(&templ, depth), CKR_OK, "%u", depth);
        const CK_ATTRIBUTE *at = &templ.items[0];
        for (unsigned i = 1; i < depth; i++) {
            cr_assert_eq(at->type, CKA_WRAP_TEMPLATE);
            cr_assert_eq(at->ulValueLen, sizeof(CK_ATTRIBUTE));
            at = at->pValue;
        }
        cr_assert_eq(at->type, CKA_LABEL);
        cr_assert_eq(memcmp(at->pValue, "innermost", 9), 0);
        p11d_template_clear(&templ);
    }
}

/* Trap 5. */
Test(template, trap_nested_templates_have_bounded_depth)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_eq(set_nested(&templ, P11D_TEMPLATE_DEPTH + 1), CKR_ATTRIBUTE_VALUE_INVALID);
    CK_ATTRIBUTE self = {CKA_UNWRAP_TEMPLATE, &self, sizeof self};
    cr_assert_eq(p11d_template_set(&templ, self.type, self.pValue, self.ulValueLen),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(templ.count, 0);
    p11d_template_clear(&templ);
}

Test(template, a_nested_template_that_is_broken_changes_nothing)
{
    P11dTemplate templ;
    CK_ATTRIBUTE inner[] = {{CKA_LABEL, "good", 4}, {CKA_ID, NULL, 4}, {CKA_SUBJECT, "x", 1}};
    p11d_template_init(&templ);
    cr_assert_eq(p11d_template_set(&templ, CKA_DERIVE_TEMPLATE, inner, sizeof inner),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(p11d_template_set(&templ, CKA_DERIVE_TEMPLATE, inner, sizeof inner[0] - 1),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(templ.count, 0);
    cr_assert_eq(p11d_template_set(&templ, CKA_DERIVE_TEMPLATE, inner, sizeof inner[0]), CKR_OK);
    cr_assert_eq(p11d_template_set(&templ, CKA_DERIVE_TEMPLATE, NULL, 0), CKR_OK);
    p11d_template_clear(&templ);
}

/* By which a template knows without the table that a value is flat. */
Test(template, only_arrays_are_templates)
{
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        const P11dAttribute *row = &p11d_attributes[i];
        if (row->kind == &p11d_attribute_template)
            cr_expect(row->type & CKF_ARRAY_ATTRIBUTE, "%s", row->name);
    }
}

/* An array, but not of CK_ATTRIBUTE. */
Test(template, allowed_mechanisms_are_copied_flat)
{
    P11dTemplate templ;
    CK_MECHANISM_TYPE mechanisms[] = {CKM_ECDSA, CKM_EDDSA, CKM_RSA_PKCS, CKM_AES_GCM};
    p11d_template_init(&templ);
    cr_assert_eq(p11d_template_set(&templ, CKA_ALLOWED_MECHANISMS, mechanisms, sizeof mechanisms),
                 CKR_OK);
    cr_assert_eq(memcmp(templ.items[0].pValue, mechanisms, sizeof mechanisms), 0);
    p11d_template_clear(&templ);
}

Test(template, merge_moves_and_replaces)
{
    P11dTemplate templ, from;
    p11d_template_init(&templ);
    p11d_template_init(&from);
    p11d_template_set_text(&templ, CKA_LABEL, "old");
    p11d_template_set_number(&templ, CKA_CLASS, CKO_DATA);
    p11d_template_set_text(&from, CKA_LABEL, "new one");
    set_nested(&from, 3);
    cr_assert_eq(p11d_template_merge(&templ, &from), CKR_OK);
    cr_assert_eq(from.count, 0);
    cr_assert_eq(templ.count, 3);
    cr_assert_eq(p11d_template_find(&templ, CKA_LABEL)->ulValueLen, 7);
    cr_assert_eq(p11d_template_number(&templ, CKA_CLASS, 99), CKO_DATA);
    p11d_template_clear(&templ);
    p11d_template_clear(&from);
}

Test(template, merge_of_too_many_changes_nothing)
{
    P11dTemplate templ, from;
    p11d_template_init(&templ);
    p11d_template_init(&from);
    for (CK_ULONG i = 0; i < P11D_TEMPLATE_MAX; i++)
        p11d_template_set_number(&templ, CKA_VENDOR_DEFINED + i, i);
    p11d_template_set_number(&from, CKA_VENDOR_DEFINED, 99);
    p11d_template_set_number(&from, CKA_CLASS, 99);
    cr_assert_eq(p11d_template_merge(&templ, &from), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(from.count, 2);
    cr_assert_eq(templ.count, P11D_TEMPLATE_MAX);
    cr_assert_eq(p11d_template_number(&templ, CKA_VENDOR_DEFINED, 0), 0);
    p11d_template_clear(&templ);
    p11d_template_clear(&from);
}
