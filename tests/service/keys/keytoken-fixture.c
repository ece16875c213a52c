// SPDX-License-Identifier: MIT
#include "keytoken-fixture.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keytoken.h"
#include "servedkey.h"

char *directory;
P11dWorkerToken *token;
P11dView *view;
RigList list;
bool writable;

void open_directory(void)
{
    directory = rig_make_directory();
    cr_assert(p11d_servedkey_setup());
}

void open_token(void)
{
    static const P11dCredentials nobody;
    token = p11d_keytoken_open(directory, writable);
    cr_assert_not_null(token);
    view = token->operations->open(token, &nobody);
}

void set_up(void)
{
    open_directory();
    open_token();
}

void tear_down(void)
{
    token->operations->close(view);
    token->operations->free(token);
    p11d_servedkey_teardown();
    rig_remove_directory(directory);
}

void list_as(P11dView *who, uint64_t known)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 24);
    p11d_writer_init(&writer, &buffer);
    who->token->operations->list(who, known, &writer);
    cr_assert(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(
        &reader, p11d_interface_method(&p11d_interface_token, "ListObjects")->out, 0));
    rig_read_list(&reader, &list);
    cr_assert_eq(list.generation, who->token->operations->generation(who));
    p11d_buffer_clear(&buffer);
}

void list_all(void)
{
    list_as(view, 0);
}

/* Waits until the directory's events have brought what done is about. */
unsigned wait_until(bool (*done)(void))
{
    unsigned change = 0;
    do {
        struct pollfd event = {.fd = token->descriptor, .events = POLLIN};
        cr_assert_eq(poll(&event, 1, 60000), 1, "no event came");
        change |= token->operations->dispatch(token);
        list_all();
    } while (!done());
    return change;
}

void write_key(const char *name, const char *passphrase)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, name, key, RIG_PKCS8, passphrase);
    EVP_PKEY_free(key);
}

uint64_t id_of(const char *class, const char *label)
{
    const RigObject *object = rig_find(&list, class, label);
    return object ? object->id : 0;
}

static CK_RV perform(P11dView *who, const char *method, P11dActCall *call)
{
    const P11dAct *act = who->token->acts;
    while (act->method && strcmp(act->method, method) != 0)
        act++;
    cr_assert_not_null(act->method, "%s", method);
    p11d_buffer_init(&call->output, P11D_INTERFACE_DATA_MAX);
    return act->perform(who, call);
}

CK_RV act_as(P11dView *who, const char *method, const P11dArguments *arguments, P11dBuffer *output)
{
    P11dActCall call = {.arguments = arguments};
    CK_RV rv = perform(who, method, &call);
    *output = call.output;
    return rv;
}

CK_RV make_as(P11dView *who, const char *method, const P11dArguments *arguments, uint64_t *results)
{
    P11dActCall call = {.arguments = arguments};
    CK_RV rv = perform(who, method, &call);
    cr_assert_eq(call.changed, rv == CKR_OK);
    if (results)
        memcpy(results, call.results.objects, 2 * sizeof *results);
    p11d_buffer_clear(&call.output);
    list_as(who, 0);
    return rv;
}

CK_RV create_as(P11dView *who, const CK_ATTRIBUTE *items, CK_ULONG count, uint64_t *id)
{
    uint64_t results[2] = {0};
    P11dArguments arguments = {.templates = {{.items = items, .count = count}}};
    CK_RV rv = make_as(who, "CreateObject", &arguments, results);
    *id = results[0];
    return rv;
}

CK_RV set_as(P11dView *who, uint64_t id, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    P11dArguments arguments = {.objects = {id}, .templates = {{.items = items, .count = count}}};
    return make_as(who, "SetAttributes", &arguments, NULL);
}

CK_RV destroy_as(P11dView *who, uint64_t id)
{
    P11dArguments arguments = {.objects = {id}};
    return make_as(who, "DestroyObject", &arguments, NULL);
}

CK_RV sign_as(P11dView *who, uint64_t key)
{
    static const uint8_t digest[32] = {1};
    P11dArguments arguments = {.objects = {key},
                               .mechanism.parameters.mechanism.mechanism = CKM_ECDSA,
                               .bytes = {{digest, sizeof digest}}};
    P11dBuffer output;
    CK_RV rv = act_as(who, "Sign", &arguments, &output);
    cr_assert_eq(output.size, rv == CKR_OK ? 64 : 0);
    p11d_buffer_clear(&output);
    return rv;
}

CK_RV login_as(P11dView *who, const char *pin)
{
    return login_with(who, CKU_USER, pin);
}

CK_RV login_with(P11dView *who, CK_USER_TYPE user, const char *pin)
{
    P11dArguments arguments = {
        .user = user, .pins = {{(const uint8_t *)pin, pin ? strlen(pin) : 0}}, .no_pin = !pin};
    P11dBuffer output;
    CK_RV rv = act_as(who, "Login", &arguments, &output);
    p11d_buffer_clear(&output);
    return rv;
}

CK_RV logout_as(P11dView *who)
{
    const P11dArguments nothing = {0};
    P11dBuffer output;
    CK_RV rv = act_as(who, "Logout", &nothing, &output);
    p11d_buffer_clear(&output);
    return rv;
}

P11dView *another_client(void)
{
    static const P11dCredentials nobody;
    return token->operations->open(token, &nobody);
}

/* Writes the file whole with what the files parts hold, one after the other. */
void join_files(const char *whole, const char *const parts[])
{
    char *text = NULL, line[256], path[1024];
    size_t size = 0;
    FILE *both = open_memstream(&text, &size);
    for (; *parts; parts++) {
        snprintf(path, sizeof path, "%s/%s", directory, *parts);
        FILE *part = fopen(path, "re");
        cr_assert_not_null(part);
        while (fgets(line, sizeof line, part))
            fputs(line, both);
        fclose(part);
    }
    fclose(both);
    rig_write_file(directory, whole, text, size, 0600);
    free(text);
}

/* Writes the files NAME with a certificate of that subject and of a key of its own. */
void write_certificates(const char *const names[])
{
    for (; *names; names++) {
        EVP_PKEY *key = rig_generate("EC:P-256");
        rig_write_certificate(directory, *names, key);
        EVP_PKEY_free(key);
    }
}

void write_one_with_chain(const char *const chain[])
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "one.key", key, RIG_PKCS8, NULL);
    rig_write_certificate(directory, "leaf", key);
    EVP_PKEY_free(key);
    join_files("one.crt", chain);
}

bool is_empty(void)
{
    return list.count == 0;
}

bool has_one(void)
{
    return id_of("private-key", "one");
}
