// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(discovery, .init = open_stage, .fini = close_stage);

Test(discovery, trap_reply_is_checked_before_use__a_list_of_tokens)
{
    CK_ULONG count = 99;
    stage_start(&stage, "GetManagedObjects=type");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_order(&stage, "calm");
    stage_slot(&stage);
}
