// SPDX-License-Identifier: MIT
#include "fake-orders.h"

#include <stdio.h>
#include <string.h>

#include "arguments.h"
#include "fake-fault.h"
#include "fake-keys.h"
#include "fake-token.h"
#include "interface.h"

/* Objects that orders made: the nth has the id FIRST + n of its run. */
#define FIRST 20

static struct Made {
    CK_OBJECT_CLASS class;
    char label[32];
    bool on_token;
    int client; /* whose session object it is */
    bool gone;
} made[64];
static size_t made_count;

static uint64_t id_of(size_t i)
{
    return fake_options.run * 100 + FIRST + i;
}

void fake_write_made(P11dWriter *writer, int client)
{
    char scratch[P11D_NAME_SIZE];
    for (size_t i = 0; i < made_count; i++) {
        if (made[i].gone || (!made[i].on_token && made[i].client != client))
            continue;
        p11d_writer_struct(writer);
        p11d_writer_uint64(writer, id_of(i));
        const P11dArray array = p11d_writer_array_begin(writer, 8);
        p11d_writer_entry(writer, "class", "s");
        p11d_writer_string(writer, p11d_name_of(&p11d_names_class, made[i].class, scratch));
        p11d_writer_entry(writer, "label", "s");
        p11d_writer_string(writer, made[i].label);
        p11d_writer_entry(writer, "token", "b");
        p11d_writer_boolean(writer, made[i].on_token);
        static const char *const may[] = {"modifiable", "wrap",    "extractable", "sign",
                                          "verify",     "encrypt", "decrypt"};
        for (size_t n = 0; n < (made[i].class == CKO_SECRET_KEY ? 7 : 1); n++) {
            p11d_writer_entry(writer, may[n], "b");
            p11d_writer_boolean(writer, true);
        }
        if (made[i].class == CKO_PUBLIC_KEY || made[i].class == CKO_PRIVATE_KEY) {
            p11d_writer_entry(writer, "public-key-info", "ay");
            p11d_writer_bytes(writer, fake_ec_info, sizeof fake_ec_info);
        }
        p11d_writer_array_end(writer, array);
    }
}

bool fake_has_made(uint64_t id)
{
    const uint64_t number = id - fake_options.run * 100 - FIRST;
    return number < made_count && !made[number].gone;
}

static void take_label(const P11dTemplateArgument *templ, char label[32])
{
    const CK_ATTRIBUTE *found = p11d_template_find(&templ->storage, CKA_LABEL);
    if (found)
        snprintf(label, 32, "%.*s", (int)found->ulValueLen, (const char *)found->pValue);
}

/* Makes the nth object of the call; returns its id. */
static uint64_t make(const P11dMessage *call, const P11dArguments *arguments, size_t nth,
                     int client)
{
    const P11dTemplate *templ = &arguments->templates[nth].storage;
    const bool pair = strcmp(call->member, "GenerateKeyPair") == 0;
    if (made_count == sizeof made / sizeof made[0])
        return 0;
    struct Made *object = &made[made_count];
    *object = (struct Made){
        .class = p11d_template_number(templ, CKA_CLASS,
                                      !pair      ? CKO_SECRET_KEY
                                      : nth == 0 ? CKO_PUBLIC_KEY
                                                 : CKO_PRIVATE_KEY),
        .on_token = p11d_template_boolean(templ, CKA_TOKEN, false),
        .client = client,
    };
    take_label(&arguments->templates[nth], object->label);
    fake_generation++;
    return id_of(made_count++);
}

/* Changes or destroys what was made before; false: there is no such object. */
static bool change(const P11dMessage *call, const P11dArguments *arguments)
{
    const uint64_t number = arguments->objects[0] - fake_options.run * 100 - FIRST;
    if (number >= made_count || made[number].gone)
        return false;
    made[number].gone = strcmp(call->member, "DestroyObject") == 0;
    take_label(&arguments->templates[0], made[number].label);
    fake_generation++;
    return true;
}

static void note(const P11dMessage *call, const P11dArguments *arguments)
{
    const char *label = arguments->text ? arguments->text : "";
    fake_note("order %s %s objects=%lu,%lu attributes=%lu,%lu bytes=%zu pins=%.*s,%.*s%s %s",
              call->member, arguments->mechanism.name ? arguments->mechanism.name : "-",
              (unsigned long)arguments->objects[0], (unsigned long)arguments->objects[1],
              arguments->templates[0].count, arguments->templates[1].count,
              arguments->bytes[0].size, (int)arguments->pins[0].size,
              (const char *)arguments->pins[0].data, (int)arguments->pins[1].size,
              (const char *)arguments->pins[1].data, arguments->no_pin ? " no-pin" : "", label);
}

static void reply(FakeConnection *connection, const P11dMessage *call, const P11dMethod *method,
                  const P11dArguments *arguments)
{
    static const uint8_t wrapped[40] = "a key in another one";
    P11dArguments results = {.bytes = {{wrapped, sizeof wrapped}}};
    P11dWriter writer;
    size_t count = 0;
    for (size_t i = 0; i < method->results.count; i++) {
        if (method->results.rows[i].kind != P11D_ARGUMENT_OBJECT)
            continue;
        const uint64_t id = make(call, arguments, count, connection->client);
        results.objects[count++] = fake_has_fault(call->member, "zero") ? 0 : id;
    }
    if (fake_has_fault(call->member, "twice"))
        results.objects[1] = results.objects[0];
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, method->out, NULL);
    p11d_arguments_write(&results, &method->results, &writer);
    fake_send(connection, &writer, -1);
}

void fake_order(FakeConnection *connection, const P11dMessage *call)
{
    const P11dMethod *method = p11d_interface_method(&p11d_interface_token, call->member);
    P11dReader body = call->body;
    P11dArguments arguments;
    const CK_RV rv = p11d_arguments_read(&arguments, &method->arguments, &body);
    const bool changes =
        strcmp(call->member, "SetAttributes") == 0 || strcmp(call->member, "DestroyObject") == 0;
    note(call, &arguments);
    if (rv != CKR_OK)
        fake_refuse(connection, call, "ArgumentsBad");
    else if (changes && !change(call, &arguments))
        fake_refuse(connection, call, "ObjectHandleInvalid");
    else
        reply(connection, call, method, &arguments);
    p11d_arguments_clear(&arguments);
}
