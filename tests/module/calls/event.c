// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <pthread.h>

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

TestSuite(event, .init = open_stage, .fini = close_stage);

typedef struct Waiter {
    pthread_t thread;
    CK_SLOT_ID slot;
    CK_RV value;
} Waiter;

static void *wait_for_event(void *data)
{
    Waiter *waiter = data;
    waiter->value = m->C_WaitForSlotEvent(0, &waiter->slot, NULL);
    return NULL;
}

static void start(Waiter *waiter)
{
    *waiter = (Waiter){.value = CKR_GENERAL_ERROR};
    cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_for_event, waiter), 0);
}

static CK_RV end(Waiter *waiter)
{
    pthread_join(waiter->thread, NULL);
    return waiter->value;
}

Test(event, trap_slot_event_wait_holds_no_lock__and_may_not_block)
{
    CK_SLOT_ID slot;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
    stage_expect(CKR_NO_EVENT, m->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    stage_order(&stage, "remove");
    stage_ok(m->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
    cr_assert_eq(slot, 1);
    stage_expect(CKR_NO_EVENT, m->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
}

Test(event, ends_a_wait)
{
    Waiter waiter;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
    start(&waiter);
    stage_order(&stage, "remove");
    stage_ok(end(&waiter));
    cr_assert_eq(waiter.slot, 1);
}

Test(event, read_by_another_thread_ends_a_wait)
{
    Waiter waiter;
    CK_ULONG count;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
    for (int i = 0; i < 50; i++) {
        start(&waiter);
        stage_order(&stage, i % 2 ? "add" : "remove");
        stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
        stage_ok(end(&waiter));
    }
}

Test(event, trap_slot_event_wait_holds_no_lock)
{
    Waiter waiter;
    CK_BYTE signature[512];
    CK_ULONG size;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    start(&waiter);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    stage_order(&stage, "remove");
    stage_ok(end(&waiter));
}

Test(event, trap_slot_event_wait_holds_no_lock__and_finalize_ends_it)
{
    Waiter waiters[3];
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
    for (int i = 0; i < 3; i++)
        start(&waiters[i]);
    stage_ok(m->C_Finalize(NULL));
    for (int i = 0; i < 3; i++)
        stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, end(&waiters[i]));
}

Test(event, trap_slot_event_wait_holds_no_lock__without_a_service)
{
    Waiter waiter;
    stage_ok(stage_initialize(&stage, ""));
    start(&waiter);
    stage_ok(m->C_Finalize(NULL));
    stage_expect(CKR_CRYPTOKI_NOT_INITIALIZED, end(&waiter));
}

Test(event, a_service_that_arrives_is_one)
{
    Waiter waiter;
    CK_ULONG count;
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    start(&waiter);
    stage_start(&stage, "");
    stage_ok(end(&waiter));
    cr_assert_eq(waiter.slot, 1);
}

Test(event, a_service_that_restarts_does_not_end_the_wait)
{
    Waiter waiter;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_slot(&stage);
    start(&waiter);
    stage_stop(&stage);
    stage_start(&stage, "run=2");
    stage_slot(&stage);
    stage_order(&stage, "remove");
    stage_ok(end(&waiter));
}
