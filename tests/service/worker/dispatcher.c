// SPDX-License-Identifier: MIT
#include "dispatcher.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rig.h"
#include "worker.h"

static char *directory;
static Rig rig;
static P11dChannel control, channel;
static uint64_t key;

static void set_up(void)
{
    static RigList list;
    directory = rig_make_directory();
    EVP_PKEY *pkey = rig_generate("ED25519");
    rig_write_key(directory, "k.key", pkey, RIG_PKCS8, NULL);
    EVP_PKEY_free(pkey);
    rig_start(&rig, directory);
    rig_client(&rig, &control);
    cr_assert_null(rig_open(&rig, &control, &channel));
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    key = rig_find(&list, "private-key", "k")->id;
}

static const char *ping(P11dChannel *where)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, where, &writer, p11d_interface_peer.name, "Ping", "");
    return rig_call(where, &writer, &reply);
}

static void tear_down(void)
{
    cr_assert_null(ping(&control), "the client lives on");
    p11d_channel_clear(&channel);
    p11d_channel_clear(&control);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rig_remove_directory(directory);
}

/* --- calls that are wrong --- */

typedef struct Wrong {
    const char *interface;
    const char *member;
    const char *signature; /* its values: the id of a key, a text "x", or nothing */
    const char *error;
} Wrong;

#define TOKEN "org.p11dbus.Token1"
#define PROPERTIES "org.freedesktop.DBus.Properties"

static const Wrong wrongs[] = {
    {TOKEN, "Sign", "", "InvalidArgs"},
    {TOKEN, "Sign", "s", "InvalidArgs"},
    {TOKEN, "ListObjects", "s", "InvalidArgs"},
    {TOKEN, "ListObjects", "tt", "InvalidArgs"},
    {TOKEN, "Logout", "t", "InvalidArgs"},
    {TOKEN, "Login", "s", "InvalidArgs"},
    {TOKEN, "OpenChannel", "", "InvalidArgs"},
    {TOKEN, "NoSuchMethod", "", "UnknownMethod"},
    {TOKEN, "sign", "", "UnknownMethod"},
    {TOKEN, "ObjectsChanged", "t", "UnknownMethod"},
    {"org.example.Other", "Sign", "", "UnknownInterface"},
    {"org.p11dbus.Manager1", "OpenChannel", "", "UnknownInterface"},
    {NULL, "NoSuchMethod", "", "UnknownMethod"},
    {PROPERTIES, "GetAll", "t", "InvalidArgs"},
    {PROPERTIES, "Get", "ss", "UnknownMethod"},
    {PROPERTIES, "GetAll", "s", "UnknownInterface"},
    {TOKEN, "CancelStream", "t", "OperationNotInitialized"},
    {TOKEN, "GetAttributes", "tas", "NotSupported"},
    {TOKEN, "DestroyObject", "t", "TokenWriteProtected"},
};

ParameterizedTestParameters(dispatcher, wrong_calls_get_an_error)
{
    Wrong *rows = cr_malloc(sizeof wrongs);
    memcpy(rows, wrongs, sizeof wrongs);
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        const char **texts[] = {&rows[i].interface, &rows[i].member, &rows[i].signature,
                                &rows[i].error};
        for (size_t j = 0; j < 4; j++) {
            if (*texts[j])
                *texts[j] = strcpy(cr_malloc(strlen(*texts[j]) + 1), *texts[j]);
        }
    }
    return cr_make_param_array(Wrong, rows, sizeof wrongs / sizeof wrongs[0]);
}

ParameterizedTest(Wrong *wrong, dispatcher, wrong_calls_get_an_error, .init = set_up,
                  .fini = tear_down)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &channel, &writer, wrong->interface, wrong->member, wrong->signature);
    for (const char *type = wrong->signature; *type; type++) {
        if (*type == 's') {
            p11d_writer_string(&writer, "x");
        } else if (*type == 'a') {
            p11d_writer_array_end(&writer,
                                  p11d_writer_array_begin(&writer, type[1] == '{' ? 8 : 4));
            type += type[1] == '{' ? strlen("{sv}") : strlen("s");
        } else if (*type == 't')
            p11d_writer_uint64(&writer, key);
        else
            p11d_writer_uint32(&writer, 1);
    }
    const char *error = rig_call(&channel, &writer, &reply);
    cr_assert_str_eq(error ? error : "none", wrong->error);
    cr_assert_null(ping(&channel), "the channel lives on");
}

Test(dispatcher, another_object_is_unknown, .init = set_up, .fini = tear_down)
{
    P11dWriter writer;
    P11dMessage reply;
    char path[sizeof rig.path];
    strcpy(path, rig.path);
    strcpy(rig.path, "/org/p11dbus/tokens/other");
    rig_begin(&rig, &channel, &writer, p11d_interface_peer.name, "Ping", "");
    strcpy(rig.path, path);
    cr_assert_str_eq(rig_call(&channel, &writer, &reply), "UnknownObject");
}

Test(dispatcher, the_interface_may_be_left_out, .init = set_up, .fini = tear_down)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &channel, &writer, NULL, "ListObjects", "t");
    p11d_writer_uint64(&writer, 0);
    cr_assert_null(rig_call(&channel, &writer, &reply));
    cr_assert_str_eq(reply.signature, "tba(ta{sv})at");
}

Test(dispatcher, every_property_has_the_signature_of_the_interface, .init = set_up,
     .fini = tear_down)
{
    P11dWriter writer;
    P11dMessage reply;
    P11dReader properties;
    const char *name, *signature;
    int count = 0;
    rig_begin(&rig, &control, &writer, p11d_interface_properties.name, "GetAll", "s");
    p11d_writer_string(&writer, p11d_interface_token.name);
    cr_assert_null(rig_call(&control, &writer, &reply));
    cr_assert(p11d_reader_array(&reply.body, 8, &properties));
    while (p11d_reader_entry(&properties, &name, &signature)) {
        const P11dProperty *row = p11d_interface_property(&p11d_interface_token, name);
        cr_assert(row && strcmp(row->signature, signature) == 0, "%s", name);
        cr_assert(p11d_reader_skip(&properties, signature));
        count++;
    }
    cr_assert_geq(count, 8);
}

Test(dispatcher, no_reply_where_none_is_wanted, .init = set_up, .fini = tear_down)
{
    static const char *const members[] = {"Logout", "ListObjects", "NoSuchMethod"};
    for (size_t i = 0; i < 3; i++) {
        P11dWriter writer;
        P11dMessage message = {.type = P11D_MESSAGE_CALL,
                               .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
                               .path = rig.path,
                               .interface = TOKEN,
                               .member = members[i],
                               .signature = i == 1 ? "t" : ""};
        p11d_channel_begin(&channel, &writer, &message);
        if (i == 1)
            p11d_writer_uint64(&writer, 0);
        cr_assert_eq(p11d_channel_send(&channel, &writer, -1, p11d_deadline_in(60000), NULL),
                     P11D_OK);
    }
    cr_assert_null(ping(&channel)); /* whose reply is the first to come */
}

Test(dispatcher, signals_and_replies_from_a_client_are_ignored, .init = set_up, .fini = tear_down)
{
    for (int type = P11D_MESSAGE_RETURN; type <= P11D_MESSAGE_SIGNAL; type++) {
        P11dWriter writer;
        P11dMessage message = {.type = (P11dMessageType)type, .reply_serial = 1};
        if (type == P11D_MESSAGE_ERROR)
            message.error_name = "org.p11dbus.Error.PinIncorrect";
        if (type == P11D_MESSAGE_SIGNAL) {
            message.path = rig.path;
            message.interface = TOKEN;
            message.member = "ObjectsChanged";
            message.reply_serial = 0;
        }
        p11d_channel_begin(&channel, &writer, &message);
        cr_assert_eq(p11d_channel_send(&channel, &writer, -1, p11d_deadline_in(60000), NULL),
                     P11D_OK);
    }
    cr_assert_null(ping(&channel));
}

/* --- arguments --- */

static const char *sign(const char *mechanism, const void *data, size_t size)
{
    RigSignature signature;
    return rig_sign(&rig, &channel, key, mechanism, NULL, NULL, data, size, &signature);
}

Test(dispatcher, mechanisms_that_are_unknown_or_do_not_fit, .init = set_up, .fini = tear_down)
{
    cr_assert_null(sign("eddsa", "", 0));
    cr_assert_str_eq(sign("no-such-mechanism", "", 0), "MechanismInvalid");
    cr_assert_str_eq(sign("", "", 0), "MechanismInvalid");
    cr_assert_str_eq(sign("0x80001234", "", 0), "MechanismInvalid");
    cr_assert_str_eq(sign("sha256", "", 0), "MechanismInvalid");
    cr_assert_str_eq(sign("ecdsa", "", 0), "KeyTypeInconsistent");
    key = 0;
    cr_assert_str_eq(sign("eddsa", "", 0), "KeyHandleInvalid");
}

Test(dispatcher, trap_sizes_are_bounded__data_of_a_client, .init = set_up, .fini = tear_down)
{
    uint8_t *data = calloc(1, P11D_INTERFACE_DATA_MAX + 1);
    cr_assert_null(sign("eddsa", data, P11D_INTERFACE_DATA_MAX));
    cr_assert_str_eq(sign("eddsa", data, P11D_INTERFACE_DATA_MAX + 1), "DataLenRange");
    cr_assert_null(sign("eddsa", data, 100));
    free(data);
}

Test(dispatcher, users_and_pins_that_make_no_sense, .init = set_up, .fini = tear_down)
{
    char pin[1026];
    memset(pin, 'x', sizeof pin - 1);
    pin[sizeof pin - 1] = '\0';
    cr_assert_str_eq(rig_login(&rig, &channel, "user", pin), "PinLenRange");
    cr_assert_str_eq(rig_login(&rig, &channel, "so", "secret"), "UserTypeInvalid");
    cr_assert_str_eq(rig_login(&rig, &channel, "", "secret"), "UserTypeInvalid");
    cr_assert_str_eq(rig_login(&rig, &channel, "nobody", "secret"), "UserTypeInvalid");
    cr_assert_str_eq(rig_login(&rig, &channel, "context-specific", "secret"),
                     "OperationNotInitialized");
    cr_assert_str_eq(rig_logout(&rig, &channel), "UserNotLoggedIn");

    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &channel, &writer, TOKEN, "Login", "saya{sv}");
    p11d_writer_string(&writer, "user");
    p11d_writer_bytes(&writer, NULL, 0);
    P11dArray options = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "no-pin", "b");
    p11d_writer_boolean(&writer, true);
    p11d_writer_array_end(&writer, options);
    cr_assert_null(rig_call(&channel, &writer, &reply), "no key here needs one");
    cr_assert_null(rig_logout(&rig, &channel));
}

/* --- bytes that are no messages --- */

/* Sends bytes on a channel of its own, which the worker then closes. */
static void expect_hang_up(const void *bytes, size_t size)
{
    P11dChannel victim;
    P11dMessage message;
    cr_assert_null(rig_open(&rig, &control, &victim));
    int fd = p11d_descriptor_number(victim.descriptor);
    cr_assert_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
    cr_assert_eq(p11d_channel_receive(&victim, p11d_deadline_in(60000), &message), P11D_CLOSED);
    p11d_channel_clear(&victim);
}

Test(dispatcher, nonsense_closes_its_channel_and_no_other, .init = set_up, .fini = tear_down)
{
    static const char http[] = "GET / HTTP/1.1\r\n\r\n";
    static const uint8_t huge[] = {'l', 1, 0, 1, 0, 0, 0, 0x70, 1, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t header[] = {'l', 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f};
    static const uint8_t serial[] = {'l', 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    expect_hang_up(http, sizeof http - 1);
    expect_hang_up(huge, sizeof huge);
    expect_hang_up(header, sizeof header);
    expect_hang_up(serial, sizeof serial);
    cr_assert_null(ping(&channel));
}

Test(dispatcher, many_small_values_are_refused, .init = set_up, .fini = tear_down)
{
    P11dChannel victim;
    P11dWriter writer;
    P11dMessage reply;
    cr_assert_null(rig_open(&rig, &control, &victim));
    rig_begin(&rig, &victim, &writer, TOKEN, "OpenChannel", "a{sv}");
    P11dArray options = p11d_writer_array_begin(&writer, 8);
    for (int i = 0; i < 10000; i++) {
        p11d_writer_entry(&writer, "x", "b");
        p11d_writer_boolean(&writer, true);
    }
    p11d_writer_array_end(&writer, options);
    cr_assert_str_eq(rig_call(&victim, &writer, &reply), "status 2"); /* P11D_CLOSED */
    p11d_channel_clear(&victim);
    cr_assert_null(ping(&channel));
}

Test(dispatcher, every_byte_of_a_call_may_be_wrong, .init = set_up, .fini = tear_down)
{
    static uint8_t call[512], copy[512];
    P11dWriter writer;
    rig_begin(&rig, &channel, &writer, TOKEN, "Sign", "tsa{sv}ay");
    p11d_writer_uint64(&writer, key);
    p11d_writer_string(&writer, "eddsa");
    P11dArray parameters = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "phflag", "b");
    p11d_writer_boolean(&writer, false);
    p11d_writer_array_end(&writer, parameters);
    p11d_writer_bytes(&writer, "data", 4);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    size_t size = channel.out.size;
    memcpy(call, channel.out.data, size);

    /* Whatever the worker makes of it, it hangs up or answers, and goes on. */
    for (size_t i = 0; i < size; i++) {
        P11dChannel victim;
        P11dMessage message;
        memcpy(copy, call, size);
        copy[i] ^= (uint8_t)(1 << (i % 8));
        cr_assert_null(rig_open(&rig, &control, &victim));
        int fd = p11d_descriptor_number(victim.descriptor);
        cr_assert_eq(send(fd, copy, size, MSG_NOSIGNAL), (ssize_t)size);
        shutdown(fd, SHUT_WR);
        while (p11d_channel_receive(&victim, p11d_deadline_in(60000), &message) == P11D_OK)
            ;
        p11d_channel_clear(&victim);
    }
    cr_assert_null(ping(&channel));
}
