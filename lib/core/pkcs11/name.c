// SPDX-License-Identifier: MIT
#include "name.h"

#include <stdlib.h>
#include <string.h>

#define ROW(number, name) {number, name},
#define TABLE(names)                                                                               \
    {                                                                                              \
        names, sizeof names / sizeof names[0]                                                      \
    }

static const P11dName classes[] = {
#define CLASS_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_class = TABLE(classes);

static const P11dName key_types[] = {
#define KEY_TYPE_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_key_type = TABLE(key_types);

static const P11dName certificate_types[] = {
#define CERTIFICATE_TYPE_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_certificate_type = TABLE(certificate_types);

static const P11dName hw_features[] = {
#define HW_FEATURE_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_hw_feature = TABLE(hw_features);

static const P11dName users[] = {
#define USER_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_user = TABLE(users);

static const P11dName token_flags[] = {
#define TOKEN_FLAG_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_token_flag = TABLE(token_flags);

static const P11dName mechanism_flags[] = {
#define MECHANISM_FLAG_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_mechanism_flag = TABLE(mechanism_flags);

static const P11dName hedges[] = {
#define HEDGE_ROW ROW
#include "name-rows.inc"
};
const P11dNames p11d_names_hedge = TABLE(hedges);

int p11d_name_compare_number(const void *key, const void *row)
{
    CK_ULONG wanted = *(const CK_ULONG *)key;
    CK_ULONG number = *(const CK_ULONG *)row;
    return (wanted > number) - (wanted < number);
}

bool p11d_name_narrow(uint64_t wide, CK_ULONG *number)
{
    if (wide >= CK_UNAVAILABLE_INFORMATION && wide != UINT64_MAX)
        return false;
    *number = (CK_ULONG)wide;
    return true;
}

uint64_t p11d_name_widen(CK_ULONG number)
{
    return number == CK_UNAVAILABLE_INFORMATION ? UINT64_MAX : number;
}

const char *p11d_name_find(const P11dNames *names, CK_ULONG number)
{
    const P11dName *row =
        bsearch(&number, names->rows, names->count, sizeof *row, p11d_name_compare_number);
    return row ? row->name : NULL;
}

const char *p11d_name_of(const P11dNames *names, CK_ULONG number, char scratch[P11D_NAME_SIZE])
{
    const char *name = p11d_name_find(names, number);
    return name ? name : p11d_name_of_number(number, scratch);
}

bool p11d_name_parse(const P11dNames *names, const char *text, CK_ULONG *number)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->rows[i].name, text) == 0) {
            *number = names->rows[i].number;
            return true;
        }
    }
    return p11d_name_parse_number(text, number);
}

const char *p11d_name_of_number(CK_ULONG number, char scratch[P11D_NAME_SIZE])
{
    /* Not snprintf: names are written for every attribute of every object. */
    uint64_t left = p11d_name_widen(number);
    char *at = scratch + P11D_NAME_SIZE - 1;
    *at = '\0';
    do {
        *--at = "0123456789abcdef"[left & 0xf];
        left >>= 4;
    } while (left);
    *--at = 'x';
    *--at = '0';
    return at;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return -1;
}

bool p11d_name_parse_number(const char *text, CK_ULONG *number)
{
    if (text[0] != '0' || text[1] != 'x')
        return false;
    const char *digits = text + 2;
    size_t count = strnlen(digits, 17);
    if (count == 0 || count > 16 || (digits[0] == '0' && count > 1))
        return false;
    uint64_t wide = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = digit_value(digits[i]);
        if (digit < 0)
            return false;
        wide = wide << 4 | (uint64_t)digit;
    }
    return p11d_name_narrow(wide, number);
}
