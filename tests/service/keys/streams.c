// SPDX-License-Identifier: MIT
/* Streams of a worker: they live on one channel, and are free again once that is closed. */
#include <criterion/criterion.h>
#include <string.h>

#include "keystreams.h"
#include "rig.h"

static char *directory;
static Rig rig;
static P11dChannel control;

static void set_up(void)
{
    directory = rig_make_directory();
    rig_start(&rig, directory);
    rig_client(&rig, &control);
}

static void tear_down(void)
{
    p11d_channel_clear(&control);
    cr_expect_eq(rig_stop(&rig), 0);
    rig_remove_directory(directory);
}

TestSuite(streams, .init = set_up, .fini = tear_down);

static const char *begin(P11dChannel *channel, uint64_t *stream)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, channel, &writer, p11d_interface_token.name, "BeginStream", "stsa{sv}");
    p11d_writer_string(&writer, "digest");
    p11d_writer_uint64(&writer, 0);
    p11d_writer_string(&writer, "sha256");
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    const char *error = rig_call(channel, &writer, &reply);
    if (!error)
        cr_assert(p11d_reader_uint64(&reply.body, stream));
    return error;
}

static const char *cancel(P11dChannel *channel, uint64_t stream)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, channel, &writer, p11d_interface_token.name, "CancelStream", "t");
    p11d_writer_uint64(&writer, stream);
    return rig_call(channel, &writer, &reply);
}

Test(streams, are_their_channels_own_and_go_with_it)
{
    P11dChannel one, other;
    uint64_t first, stream;
    const char *error;
    cr_assert_null(rig_open(&rig, &control, &one));
    cr_assert_null(rig_open(&rig, &control, &other));
    cr_assert_null(begin(&one, &first));
    error = cancel(&other, first);
    cr_assert_str_eq(error ? error : "none", "OperationNotInitialized");
    for (size_t i = 1; i < P11D_KEYSTREAMS_MAX; i++)
        cr_assert_null(begin(&one, &stream));
    error = begin(&other, &stream);
    cr_assert_str_eq(error ? error : "none", "LimitsExceeded");
    p11d_channel_clear(&one);
    do { /* until the worker has seen that it is closed */
        error = begin(&other, &stream);
    } while (error && strcmp(error, "LimitsExceeded") == 0);
    cr_assert_null(error);
    cr_assert_null(cancel(&other, stream));
    p11d_channel_clear(&other);
}
