// SPDX-License-Identifier: MIT
#include "name.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "derived-name.h"

typedef struct Row {
    const P11dNames *names;
    CK_ULONG number;
    const char *macro;
} Row;

static const Row rows[] = {
#define CLASS_ROW(number, name) {&p11d_names_class, number, #number},
#define KEY_TYPE_ROW(number, name) {&p11d_names_key_type, number, #number},
#define CERTIFICATE_TYPE_ROW(number, name) {&p11d_names_certificate_type, number, #number},
#define HW_FEATURE_ROW(number, name) {&p11d_names_hw_feature, number, #number},
#define USER_ROW(number, name) {&p11d_names_user, number, #number},
#define TOKEN_FLAG_ROW(number, name) {&p11d_names_token_flag, number, #number},
#define MECHANISM_FLAG_ROW(number, name) {&p11d_names_mechanism_flag, number, #number},
#define HEDGE_ROW(number, name) {&p11d_names_hedge, number, #number},
#include "name-rows.inc"
};

static const P11dNames *const tables[] = {
    &p11d_names_class, &p11d_names_key_type,   &p11d_names_certificate_type, &p11d_names_hw_feature,
    &p11d_names_user,  &p11d_names_token_flag, &p11d_names_mechanism_flag,   &p11d_names_hedge,
};

#define COUNT(array) (sizeof array / sizeof array[0])

Test(name, every_row_is_called_by_the_rule_and_survives_both_directions)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        char derived[DERIVED_NAME_SIZE], scratch[P11D_NAME_SIZE];
        CK_ULONG number = ~rows[i].number;
        const char *name = p11d_name_of(rows[i].names, rows[i].number, scratch);
        cr_expect_str_eq(name, derived_name(rows[i].macro, derived));
        cr_expect_str_eq(p11d_name_find(rows[i].names, rows[i].number), name);
        cr_expect(p11d_name_parse(rows[i].names, name, &number), "%s", name);
        cr_expect_eq(number, rows[i].number, "%s", name);
    }
}

Test(name, rows_are_sorted_and_names_unique)
{
    size_t count = 0;
    for (size_t t = 0; t < COUNT(tables); t++) {
        const P11dNames *names = tables[t];
        count += names->count;
        for (size_t i = 1; i < names->count; i++) {
            cr_expect_lt(names->rows[i - 1].number, names->rows[i].number, "%s",
                         names->rows[i].name);
            for (size_t k = 0; k < i; k++)
                cr_expect_str_neq(names->rows[k].name, names->rows[i].name);
        }
    }
    cr_assert_eq(count, COUNT(rows));
}

Test(name, flags_are_single_bits)
{
    for (size_t i = 0; i < p11d_names_token_flag.count; i++)
        cr_expect_eq(__builtin_popcountl(p11d_names_token_flag.rows[i].number), 1);
    for (size_t i = 0; i < p11d_names_mechanism_flag.count; i++)
        cr_expect_eq(__builtin_popcountl(p11d_names_mechanism_flag.rows[i].number), 1);
}

/* Against the standard and not the header. */
Test(name, numbers_are_those_of_the_standard)
{
    cr_assert_str_eq(p11d_name_find(&p11d_names_class, 9), "profile");
    cr_assert_str_eq(p11d_name_find(&p11d_names_class, 0xb), "trust");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 3), "ec");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 0x1f), "aes");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 0x40), "ec-edwards");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 0x41), "ec-montgomery");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 0x49), "ml-kem");
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, 0x4b), "slh-dsa");
    cr_assert_str_eq(p11d_name_find(&p11d_names_token_flag, 0x400), "token-initialized");
    cr_assert_str_eq(p11d_name_find(&p11d_names_mechanism_flag, 0x800), "sign");
}

/* Where two names mean one number the current one counts. */
Test(name, old_names_are_not_known)
{
    CK_ULONG number;
    cr_assert_str_eq(p11d_name_find(&p11d_names_key_type, CKK_ECDSA), "ec");
    cr_assert_not(p11d_name_parse(&p11d_names_key_type, "ecdsa", &number));
    cr_assert_str_eq(p11d_name_find(&p11d_names_mechanism_flag, CKF_EC_NAMEDCURVE), "ec-oid");
}

typedef struct Number {
    CK_ULONG number;
    char text[P11D_NAME_SIZE];
} Number;

ParameterizedTestParameters(name, a_number_without_a_name_has_one_spelling)
{
    static Number numbers[] = {
        {0, "0x0"},
        {0xa, "0xa"},
        {0x80000000UL, "0x80000000"},
        {0xce534351UL, "0xce534351"},
        {CK_UNAVAILABLE_INFORMATION - 1, "0xfffffffffffffffe"},
        {CK_UNAVAILABLE_INFORMATION, "0xffffffffffffffff"},
    };
    return cr_make_param_array(Number, numbers, COUNT(numbers));
}

ParameterizedTest(Number *row, name, a_number_without_a_name_has_one_spelling)
{
    char scratch[P11D_NAME_SIZE];
    CK_ULONG number = ~row->number;
    cr_assert_str_eq(p11d_name_of_number(row->number, scratch), row->text);
    cr_assert(p11d_name_parse_number(row->text, &number));
    cr_assert_eq(number, row->number);
    cr_assert(p11d_name_parse(&p11d_names_user, row->text, &number));
    cr_assert_eq(number, row->number);
}

Test(name, other_spellings_are_refused)
{
    static const char *const texts[] = {
        "",
        "0",
        "0x",
        "x1",
        "0X1",
        "0x01",
        "0x00",
        "0xA",
        "0xag",
        "0x1 ",
        " 0x1",
        "0x-1",
        "0x+1",
        "User",
        "users",
        "1",
        "0x10000000000000000",
        "0x00000000000000001",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        CK_ULONG number = 42;
        cr_expect_not(p11d_name_parse(&p11d_names_user, texts[i], &number), "%s", texts[i]);
        cr_expect_eq(number, 42, "%s", texts[i]);
    }
}

Test(name, trap_numbers_are_widened__unavailable_information)
{
    CK_ULONG number = 0;
    cr_assert_eq(p11d_name_widen(CK_UNAVAILABLE_INFORMATION), UINT64_MAX);
    cr_assert(p11d_name_narrow(UINT64_MAX, &number));
    cr_assert_eq(number, CK_UNAVAILABLE_INFORMATION);
    cr_assert(p11d_name_narrow(7, &number));
    cr_assert_eq(number, 7);
    cr_assert_eq(p11d_name_widen(7), 7);
#if ULONG_MAX == UINT32_MAX
    cr_assert_not(p11d_name_narrow(UINT32_MAX, &number));
    cr_assert_not(p11d_name_narrow(1ULL << 32, &number));
#endif
}
