// SPDX-License-Identifier: MIT
/*
 * Changes a key directory by one act, as a worker does, to be killed in the middle of it:
 * writer DIRECTORY ACTION [PIN]. Prints the result and, in any case, what the directory has then.
 * The system calls of the act are between two of unlink(2), of "/act/begin" and "/act/end".
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keytoken.h"
#include "rig.h"
#include "servedkey.h"

static const CK_BBOOL yes = CK_TRUE;
static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
static P11dWorkerToken *token;
static P11dView *view;
static RigList list;

static void look(void)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    token->operations->list(view, 0, &writer);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    rig_read_list(&reader, &list);
    p11d_buffer_clear(&buffer);
}

static uint64_t find(const char *class, const char *label)
{
    const RigObject *object = rig_find(&list, class, label);
    return object ? object->id : 0;
}

static CK_RV act(const char *method, const P11dArguments *arguments)
{
    P11dActCall call = {.arguments = arguments};
    const P11dAct *row = token->acts;
    while (row->method && strcmp(row->method, method) != 0)
        row++;
    p11d_buffer_init(&call.output, 1 << 20);
    CK_RV rv = row->method ? row->perform(view, &call) : CKR_FUNCTION_NOT_SUPPORTED;
    p11d_buffer_clear(&call.output);
    return rv;
}

static P11dBytes pin(const char *text)
{
    return (P11dBytes){(const uint8_t *)text, strlen(text)};
}

static CK_RV log_in(const char *text)
{
    P11dArguments arguments = {.user = CKU_USER, .pins = {pin(text)}};
    CK_RV rv = act("Login", &arguments);
    look();
    return rv;
}

static CK_RV generate(void)
{
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "new", 3},
                                  {CKA_ID, (void *)(uintptr_t) "\x07", 1},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    P11dArguments arguments = {
        .mechanism.parameters.mechanism.mechanism = CKM_EC_KEY_PAIR_GEN,
        .templates = {{.items = items, .count = 4}, {.items = items, .count = 3}}};
    return act("GenerateKeyPair", &arguments);
}

static CK_RV rename_key(void)
{
    const CK_ATTRIBUTE items[] = {{CKA_LABEL, (void *)(uintptr_t) "other", 5},
                                  {CKA_ID, (void *)(uintptr_t) "\x09", 1}};
    P11dArguments arguments = {.objects = {find("private-key", "old")},
                               .templates = {{.items = items, .count = 2}}};
    return act("SetAttributes", &arguments);
}

static CK_RV destroy(void)
{
    P11dArguments arguments = {.objects = {find("private-key", "old")}};
    return act("DestroyObject", &arguments);
}

static CK_RV destroy_data(void)
{
    P11dArguments arguments = {.objects = {find("data", "note")}};
    return act("DestroyObject", &arguments);
}

static CK_RV change_pin(void)
{
    P11dArguments arguments = {.pins = {pin("secret"), pin("changed")}};
    return act("SetPin", &arguments);
}

static CK_RV make_secret(void)
{
    static const CK_ULONG size = 32;
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "vault", 5},
                                  {CKA_VALUE_LEN, (void *)(uintptr_t)&size, sizeof size}};
    P11dArguments arguments = {.mechanism.parameters.mechanism.mechanism = CKM_AES_KEY_GEN,
                               .templates = {{.items = items, .count = 3}}};
    return act("GenerateKey", &arguments);
}

static CK_RV make_data(void)
{
    static const CK_OBJECT_CLASS data = CKO_DATA;
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, (void *)(uintptr_t)&data, sizeof data},
                                  {CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_PRIVATE, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "note", 4},
                                  {CKA_VALUE, (void *)(uintptr_t) "before", 6}};
    P11dArguments arguments = {.templates = {{.items = items, .count = 5}}};
    return act("CreateObject", &arguments);
}

static CK_RV change_data(void)
{
    const CK_ATTRIBUTE items[] = {{CKA_LABEL, (void *)(uintptr_t) "other", 5},
                                  {CKA_VALUE, (void *)(uintptr_t) "after", 5}};
    P11dArguments arguments = {.objects = {find("data", "note")},
                               .templates = {{.items = items, .count = 2}}};
    return act("SetAttributes", &arguments);
}

static CK_RV copy_secret(void)
{
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "copy", 4}};
    P11dArguments arguments = {.objects = {find("secret-key", "vault")},
                               .templates = {{.items = items, .count = 2}}};
    return act("CopyObject", &arguments);
}

static CK_RV initialise(void)
{
    P11dArguments arguments = {.pins = {pin("officer")}, .text = "fresh"};
    return act("InitToken", &arguments);
}

static CK_RV log_in_officer(void)
{
    P11dArguments arguments = {.user = CKU_SO, .pins = {pin("officer")}};
    return act("Login", &arguments);
}

static CK_RV give_first_pin(void)
{
    P11dArguments arguments = {.pins = {pin("secret")}};
    return act("InitPin", &arguments);
}

static CK_RV nothing(void)
{
    return CKR_OK;
}

static const struct {
    const char *name;
    CK_RV (*perform)(void);
    CK_RV (*prepare)(void);
} actions[] = {{"generate", generate, nothing},
               {"rename", rename_key, nothing},
               {"destroy", destroy, nothing},
               {"destroy-data", destroy_data, nothing},
               {"pin", change_pin, nothing},
               {"secret", make_secret, nothing},
               {"data", make_data, nothing},
               {"change-data", change_data, nothing},
               {"copy", copy_secret, nothing},
               {"initialise", initialise, nothing},
               {"first-pin", give_first_pin, log_in_officer},
               {"look", nothing, nothing}};

static CK_RV encrypt(uint64_t key)
{
    static const uint8_t block[16];
    P11dArguments arguments = {.objects = {key},
                               .mechanism.parameters.mechanism.mechanism = CKM_AES_ECB,
                               .bytes = {{block, sizeof block}}};
    return act("Encrypt", &arguments);
}

static CK_RV sign(uint64_t key)
{
    static const uint8_t digest[32] = {1};
    P11dArguments arguments = {.objects = {key},
                               .mechanism.parameters.mechanism.mechanism = CKM_ECDSA,
                               .bytes = {{digest, sizeof digest}}};
    return act("Sign", &arguments);
}

static void print(CK_RV rv)
{
    look();
    printf("result %lx\n", rv);
    for (size_t i = 0; i < list.count; i++) {
        const RigObject *object = &list.objects[i];
        bool signs = strcmp(object->class, "private-key") == 0 && sign(object->id) == CKR_OK;
        bool encrypts = strcmp(object->class, "secret-key") == 0 && encrypt(object->id) == CKR_OK;
        bool data = strcmp(object->class, "data") == 0;
        printf("%s %s%s%s%.*s\n", object->class, object->label, signs ? " signs" : "",
               encrypts ? " encrypts" : "", data ? (int)object->value_size : 0, object->value);
    }
}

int main(int argc, char **argv)
{
    static const P11dCredentials nobody;
    CK_RV rv = CKR_ARGUMENTS_BAD;
    if (argc < 3 || !p11d_servedkey_setup())
        return 2;
    token = p11d_keytoken_open(argv[1], true);
    view = token ? token->operations->open(token, &nobody) : NULL;
    if (!view)
        return 2;
    look();
    if (argc > 3 && log_in(argv[3]) != CKR_OK)
        return 3;
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(actions[i].name, argv[2]) != 0)
            continue;
        rv = actions[i].prepare();
        unlink("/act/begin");
        rv = rv == CKR_OK ? actions[i].perform() : rv;
        unlink("/act/end");
    }
    print(rv);
    token->operations->close(view);
    token->operations->free(token);
    p11d_servedkey_teardown();
    return 0;
}
