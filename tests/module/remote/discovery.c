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

Test(discovery, gives_slots_by_name_whatever_was_added_before_the_list)
{
    CK_SLOT_ID slots[2];
    CK_ULONG count = 2;
    CK_SLOT_INFO info;
    stage_start(&stage, "early=yes");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, slots, &count));
    cr_assert_eq(count, 2);
    cr_assert_eq(slots[0], 1);
    stage_ok(m->C_GetSlotInfo(slots[0], &info));
    cr_expect(memmem(info.slotDescription, sizeof info.slotDescription, "another", 7),
              "the first slot is %.64s", (const char *)info.slotDescription);
}
