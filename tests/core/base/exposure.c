// SPDX-License-Identifier: MIT
#include "exposure.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Row {
    mode_t above;
    mode_t own;
    P11dExposureKind kind;
    bool is_above; /* it is told of the one above */
} Row;

ParameterizedTestParameters(exposure, modes)
{
    static const Row rows[] = {
        {0700, 0700, P11D_EXPOSURE_NONE, false},      {0755, 0755, P11D_EXPOSURE_NONE, false},
        {0777, 0700, P11D_EXPOSURE_ABOVE, true},      {01777, 0700, P11D_EXPOSURE_NONE, false},
        {0775, 0700, P11D_EXPOSURE_NONE, false},      {0700, 0720, P11D_EXPOSURE_GROUP, false},
        {0700, 0702, P11D_EXPOSURE_EVERYBODY, false}, {0700, 01777, P11D_EXPOSURE_EVERYBODY, false},
        {0777, 0777, P11D_EXPOSURE_EVERYBODY, false}, {0703, 0770, P11D_EXPOSURE_ABOVE, true},
        {01703, 0770, P11D_EXPOSURE_GROUP, false},
    };
    return cr_make_param_array(const Row, (Row *)rows, sizeof rows / sizeof rows[0]);
}

ParameterizedTest(const Row *row, exposure, modes)
{
    char above[] = "/tmp/exposure-XXXXXX", own[64], real[PATH_MAX], text[P11D_EXPOSURE_TEXT_MAX];
    cr_assert_not_null(mkdtemp(above));
    snprintf(own, sizeof own, "%s/own", above);
    cr_assert_eq(mkdir(own, 0700), 0);
    cr_assert_eq(chmod(own, row->own) + chmod(above, row->above), 0);
    P11dExposure exposure = p11d_exposure_of(own);
    cr_expect_eq(exposure.kind, row->kind);
    cr_assert_not_null(realpath(row->is_above ? above : own, real));
    p11d_exposure_text(&exposure, text, sizeof text);
    if (row->kind != P11D_EXPOSURE_NONE) {
        cr_expect_str_eq(exposure.path, real);
        cr_expect_eq(exposure.mode, row->is_above ? row->above : row->own);
        cr_expect_not_null(strstr(text, real));
    }
    rmdir(own);
    rmdir(above);
}

Test(exposure, what_is_not_there_is_exposed_to_nobody)
{
    cr_assert_eq(p11d_exposure_of("/nowhere/at/all").kind, P11D_EXPOSURE_NONE);
    cr_assert_eq(p11d_exposure_of("/").kind, P11D_EXPOSURE_NONE);
}
