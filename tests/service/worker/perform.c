// SPDX-License-Identifier: MIT
/* Calls that are pending: no thread waits for them, and nobody else does. */
#include "perform.h"

#include <criterion/criterion.h>
#include <string.h>

#include "client.h"
#include "rig.h"
#include "worker.h"

#define AT_ONCE 1
#define LATER 2
#define SOON 3
#define COUNTS 4

/* Clients of many channels; more calls than the pool has threads. */
#define CALLS 100
#define CLIENTS ((CALLS + P11D_CLIENT_CHANNELS - 1) / P11D_CLIENT_CHANNELS)

static Rig rig;
static P11dChannel other; /* of a client that waits for nobody */

static void set_up(void)
{
    rig_start(&rig, "pending");
    rig_client(&rig, &other);
}

static void tear_down(void)
{
    p11d_channel_clear(&other);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
}

TestSuite(perform, .init = set_up, .fini = tear_down);

static const char *sign(P11dChannel *channel, uint64_t key, RigSignature *signature)
{
    return rig_sign(&rig, channel, key, "ecdsa", NULL, NULL, "x", 1, signature);
}

static void expect_signed(P11dChannel *channel, uint64_t key, const char *text)
{
    RigSignature signature;
    cr_assert_null(sign(channel, key, &signature));
    cr_assert_eq(signature.size, strlen(text));
    cr_assert_arr_eq(signature.bytes, text, signature.size);
}

static void begin_sign(P11dChannel *channel, uint64_t key)
{
    rig_begin_sign(&rig, channel, key, "x", 1);
}

static void expect_late(P11dChannel *channel)
{
    P11dMessage reply;
    const uint8_t *bytes;
    size_t size;
    cr_assert_eq(p11d_channel_receive(channel, p11d_deadline_in(60000), &reply), P11D_OK);
    cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
    cr_assert(p11d_reader_bytes(&reply.body, &bytes, &size));
    cr_assert_eq(size, 4);
    cr_assert_arr_eq(bytes, "late", 4);
}

static void release(void)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &other, &writer, p11d_interface_token.name, "GenerateRandom", "u");
    p11d_writer_uint32(&writer, 0);
    cr_assert_null(rig_call(&other, &writer, &reply));
}

/* Asks until so many are pending, and so many were canceled. */
static void wait_for_counts(unsigned pending, unsigned canceled)
{
    RigSignature counts;
    do {
        cr_assert_null(sign(&other, COUNTS, &counts));
        cr_assert_eq(counts.size, 2);
    } while (counts.bytes[0] != pending || counts.bytes[1] != canceled);
}

Test(perform, trap_slow_work_is_felt_by_no_other__of_a_person)
{
    static P11dChannel controls[CLIENTS], calls[CALLS];
    for (size_t i = 0; i < CALLS; i++) {
        P11dChannel *control = &controls[i / P11D_CLIENT_CHANNELS];
        if (i % P11D_CLIENT_CHANNELS == 0)
            rig_client(&rig, control);
        cr_assert_null(rig_open(&rig, control, &calls[i]));
        begin_sign(&calls[i], LATER);
    }
    wait_for_counts(CALLS, 0);
    for (int i = 0; i < 100; i++)
        expect_signed(&other, AT_ONCE, "done");
    for (size_t i = 0; i < CLIENTS; i++)
        expect_signed(&controls[i], AT_ONCE, "done");
    release();
    for (size_t i = 0; i < CALLS; i++) {
        expect_late(&calls[i]);
        expect_signed(&calls[i], AT_ONCE, "done");
        p11d_channel_clear(&calls[i]);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        p11d_channel_clear(&controls[i]);
}

Test(perform, a_call_may_be_complete_before_it_is_pending)
{
    for (int i = 0; i < 100; i++)
        expect_signed(&other, SOON, "soon");
}

Test(perform, what_comes_behind_a_pending_call_waits_for_it)
{
    P11dChannel control;
    P11dMessage reply;
    rig_client(&rig, &control);
    begin_sign(&control, LATER);
    begin_sign(&control, AT_ONCE);
    wait_for_counts(1, 0);
    release();
    expect_late(&control);
    cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_in(60000), &reply), P11D_OK);
    cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
    p11d_channel_clear(&control);
}

Test(perform, nobody_waits_for_a_call_whose_channel_is_gone)
{
    P11dChannel control, call;
    rig_client(&rig, &control);
    cr_assert_null(rig_open(&rig, &control, &call));
    begin_sign(&call, LATER);
    wait_for_counts(1, 0);
    p11d_channel_clear(&call);
    wait_for_counts(0, 1);
    expect_signed(&control, AT_ONCE, "done");
    p11d_channel_clear(&control);
}

Test(perform, nobody_waits_for_a_client_that_is_gone)
{
    P11dChannel control, call;
    rig_client(&rig, &control);
    cr_assert_null(rig_open(&rig, &control, &call));
    begin_sign(&call, LATER);
    begin_sign(&control, LATER);
    wait_for_counts(2, 0);
    p11d_channel_clear(&control);
    wait_for_counts(0, 2);
    P11dMessage message;
    P11dStatus status;
    do
        status = p11d_channel_receive(&call, p11d_deadline_in(60000), &message);
    while (status == P11D_OK);
    cr_assert_eq(status, P11D_CLOSED);
    p11d_channel_clear(&call);
}

/* tear_down expects the worker to end. */
Test(perform, a_worker_ends_with_calls_pending)
{
    static P11dChannel controls[3];
    for (size_t i = 0; i < 3; i++) {
        rig_client(&rig, &controls[i]);
        begin_sign(&controls[i], LATER);
    }
    wait_for_counts(3, 0);
}
