// SPDX-License-Identifier: MIT
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing here takes longer, even under a sanitizer on a busy machine; a worker that hangs fails
 * the test. */
#define PATIENCE p11d_deadline_in(120000)

static atomic_int signals;

void rig_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(99); /* other threads still use what exit would take apart */
}

/* option: "-v", or NULL. */
static void spawn(Rig *rig, const char *option, const char *directory)
{
    int pair[2], log[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0 || pipe2(log, O_CLOEXEC) != 0)
        rig_fail("socketpair: %s", strerror(errno));
    rig->pid = fork();
    if (rig->pid == 0) {
        dup2(log[1], STDERR_FILENO);
        if (pair[1] == P11D_WORKER_LINK_DESCRIPTOR)
            fcntl(pair[1], F_SETFD, 0);
        else
            dup2(pair[1], P11D_WORKER_LINK_DESCRIPTOR);
        execl(getenv("P11D_TEST_WORKER"), "worker-process", option ? option : directory,
              option ? directory : NULL, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    close(log[1]);
    rig->log = log[0];
    fcntl(rig->log, F_SETFL, O_NONBLOCK);
    p11d_channel_init(&rig->link, p11d_descriptor_adopt(pair[0]), P11D_MESSAGE_MAX);
    rig->worker.name = "the worker";
    p11d_worker_link_queue_hello(&rig->link);
}

void rig_start_only(Rig *rig, const char *directory)
{
    memset(rig, 0, sizeof *rig);
    spawn(rig, NULL, directory);
}

static void wait_until_ready(Rig *rig)
{
    for (;;) {
        P11dMessage message;
        const char *path;
        P11dStatus status = p11d_channel_receive(&rig->link, PATIENCE, &message);
        if (status != P11D_OK)
            rig_fail("the worker ended: %s", rig_log(rig));
        P11dWorkerLinkKind kind = p11d_worker_link_kind(&rig->worker, &message, &path);
        if (kind == P11D_WORKER_LINK_TOKEN_ADDED)
            snprintf(rig->path, sizeof rig->path, "%s", path);
        if (kind == P11D_WORKER_LINK_READY)
            return;
    }
}

void rig_start(Rig *rig, const char *directory)
{
    rig_start_only(rig, directory);
    wait_until_ready(rig);
}

void rig_start_verbose(Rig *rig, const char *directory)
{
    memset(rig, 0, sizeof *rig);
    spawn(rig, "-v", directory);
    wait_until_ready(rig);
}

void rig_start_writable(Rig *rig, const char *directory)
{
    memset(rig, 0, sizeof *rig);
    spawn(rig, "-w", directory);
    wait_until_ready(rig);
}

int rig_stop(Rig *rig)
{
    int status;
    p11d_channel_clear(&rig->link);
    if (waitpid(rig->pid, &status, 0) != rig->pid)
        rig_fail("waitpid: %s", strerror(errno));
    char *log = rig_log(rig);
    close(rig->log);
    if (strstr(log, "Sanitizer") || strstr(log, "runtime error"))
        rig_fail("%s", log);
    free(log);
    if (WIFSIGNALED(status))
        rig_fail("the worker died of signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

char *rig_log(Rig *rig)
{
    size_t size = 0, capacity = 65536;
    char *text = malloc(capacity);
    ssize_t count;
    while (size + 1 < capacity && (count = read(rig->log, text + size, capacity - size - 1)) > 0)
        size += (size_t)count;
    text[size] = '\0';
    return text;
}

void rig_client_of(Rig *rig, P11dChannel *control, uid_t uid)
{
    int pair[2];
    gid_t groups[] = {getgid()};
    P11dCredentials credentials = {getpid(), uid, groups, 1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        rig_fail("socketpair: %s", strerror(errno));
    P11dStatus status =
        p11d_worker_link_send_client(&rig->link, rig->path, &credentials, pair[1], PATIENCE);
    if (status != P11D_OK)
        rig_fail("the link does not take a client: %d", status);
    close(pair[1]);
    p11d_channel_init(control, p11d_descriptor_adopt(pair[0]), P11D_MESSAGE_MAX);
    control->accepts_descriptors = true;
}

void rig_permit_search(Rig *rig)
{
    char log[4096] = "";
    size_t size = 0;
    if (kill(rig->pid, SIGUSR1) != 0)
        rig_fail("the worker cannot be signalled");
    while (!strstr(log, "may be searched")) {
        struct pollfd event = {.fd = rig->log, .events = POLLIN};
        ssize_t count =
            poll(&event, 1, 60000) == 1 ? read(rig->log, log + size, sizeof log - size - 1) : 0;
        if (count <= 0)
            rig_fail("the worker ended, or is not for searches");
        size += (size_t)count;
    }
}

void rig_client(Rig *rig, P11dChannel *control)
{
    rig_client_of(rig, control, getuid());
}

/* --- calls --- */

static void write_flag(P11dWriter *writer, const char *name, bool value)
{
    p11d_writer_entry(writer, name, "b");
    p11d_writer_boolean(writer, value);
}

static void write_text(P11dWriter *writer, const char *name, const char *value)
{
    p11d_writer_entry(writer, name, "s");
    p11d_writer_string(writer, value);
}

const char *rig_derive(Rig *rig, P11dChannel *channel, uint64_t key, EVP_PKEY *peer, bool readable,
                       uint64_t *id)
{
    P11dWriter writer;
    P11dMessage reply;
    uint8_t *point = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(peer, &point);
    rig_begin(rig, channel, &writer, p11d_interface_token.name, "Derive", "tsa{sv}a{sv}");
    p11d_writer_uint64(&writer, key);
    p11d_writer_string(&writer, "ecdh1-derive");
    P11dArray entries = p11d_writer_array_begin(&writer, 8);
    write_text(&writer, "kdf", "null");
    p11d_writer_entry(&writer, "public-data", "ay");
    p11d_writer_bytes(&writer, point, size);
    p11d_writer_array_end(&writer, entries);
    entries = p11d_writer_array_begin(&writer, 8);
    write_text(&writer, "key-type", "generic-secret");
    write_text(&writer, "label", "derived");
    write_flag(&writer, "sensitive", !readable);
    write_flag(&writer, "extractable", readable);
    p11d_writer_array_end(&writer, entries);
    OPENSSL_free(point);
    const char *error = rig_call(channel, &writer, &reply);
    if (!error && !p11d_reader_uint64(&reply.body, id))
        rig_fail("Derive returns no id");
    return error;
}

void rig_begin(Rig *rig, P11dChannel *channel, P11dWriter *writer, const char *interface,
               const char *member, const char *signature)
{
    P11dMessage message = {.type = P11D_MESSAGE_CALL,
                           .path = rig->path,
                           .interface = interface,
                           .member = member,
                           .signature = signature};
    p11d_channel_begin(channel, writer, &message);
}

static void begin_token(Rig *rig, P11dChannel *channel, P11dWriter *writer, const char *member)
{
    rig_begin(rig, channel, writer, p11d_interface_token.name, member,
              p11d_interface_method(&p11d_interface_token, member)->in);
}

static void count_signal(const P11dMessage *message, void *data)
{
    (void)data;
    if (strcmp(message->member, "ObjectsChanged") == 0)
        signals++;
}

int rig_signals(void)
{
    return atomic_exchange(&signals, 0);
}

const char *rig_call(P11dChannel *channel, P11dWriter *writer, P11dMessage *reply)
{
    static _Thread_local char error[96];
    P11dStatus status =
        p11d_channel_call(channel, writer, PATIENCE, count_signal, NULL, reply, NULL);
    if (status != P11D_OK) {
        snprintf(error, sizeof error, "status %d", status);
        return error;
    }
    if (reply->type == P11D_MESSAGE_RETURN)
        return NULL;
    snprintf(error, sizeof error, "%s", strrchr(reply->error_name, '.') + 1);
    return error;
}

uint64_t rig_wait_signal(P11dChannel *control)
{
    P11dMessage message;
    uint64_t generation;
    P11dStatus status = p11d_channel_receive(control, PATIENCE, &message);
    if (status != P11D_OK || message.type != P11D_MESSAGE_SIGNAL ||
        strcmp(message.member, "ObjectsChanged") != 0 ||
        !p11d_reader_uint64(&message.body, &generation))
        rig_fail("no signal but status %d", status);
    return generation;
}

const char *rig_open(Rig *rig, P11dChannel *control, P11dChannel *channel)
{
    P11dWriter writer;
    P11dMessage reply;
    begin_token(rig, control, &writer, "OpenChannel");
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    const char *error = rig_call(control, &writer, &reply);
    P11dDescriptor *descriptor = error ? NULL : p11d_channel_take(control, 0);
    p11d_channel_init(channel, descriptor, P11D_MESSAGE_MAX);
    if (!error && !descriptor)
        rig_fail("OpenChannel without a descriptor");
    return error;
}

static void read_attributes(P11dReader *objects, RigObject *object)
{
    P11dReader attributes;
    const char *key, *signature, *text;
    const uint8_t *bytes;
    size_t size;

    p11d_reader_array(objects, 8, &attributes);
    while (p11d_reader_entry(&attributes, &key, &signature)) {
        if (strcmp(key, "class") == 0 && p11d_reader_string(&attributes, &text, NULL)) {
            snprintf(object->class, sizeof object->class, "%s", text);
        } else if (strcmp(key, "label") == 0 && strcmp(signature, "s") == 0) { /* else bytes */
            p11d_reader_string(&attributes, &text, NULL);
            snprintf(object->label, sizeof object->label, "%s", text);
        } else if (strcmp(key, "private") == 0) {
            p11d_reader_boolean(&attributes, &object->private);
        } else if (strcmp(key, "public-key-info") == 0 || strcmp(key, "value") == 0) {
            p11d_reader_bytes(&attributes, &bytes, &size);
            object->value_size = size < sizeof object->value ? size : sizeof object->value;
            memcpy(object->value, bytes, object->value_size);
        } else {
            p11d_reader_skip(&attributes, signature);
        }
    }
}

void rig_read_list(P11dReader *body, RigList *list)
{
    P11dReader objects, removed;
    memset(list, 0, sizeof *list);
    p11d_reader_uint64(body, &list->generation);
    p11d_reader_boolean(body, &list->complete);
    p11d_reader_array(body, 8, &objects);
    while (!p11d_reader_at_end(&objects) && list->count < RIG_LIST_MAX) {
        p11d_reader_struct(&objects);
        p11d_reader_uint64(&objects, &list->objects[list->count].id);
        read_attributes(&objects, &list->objects[list->count++]);
    }
    p11d_reader_array(body, 8, &removed);
    while (!p11d_reader_at_end(&removed) && list->removed_count < RIG_LIST_MAX)
        p11d_reader_uint64(&removed, &list->removed[list->removed_count++]);
    if (!p11d_reader_ok(body) || !p11d_reader_ok(&objects))
        rig_fail("ListObjects: malformed");
}

const char *rig_list(Rig *rig, P11dChannel *channel, uint64_t known, RigList *list)
{
    P11dWriter writer;
    P11dMessage reply;

    begin_token(rig, channel, &writer, "ListObjects");
    p11d_writer_uint64(&writer, known);
    const char *error = rig_call(channel, &writer, &reply);
    if (!error)
        rig_read_list(&reply.body, list);
    return error;
}

const RigObject *rig_find(const RigList *list, const char *class, const char *label)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->objects[i].class, class) == 0 &&
            strcmp(list->objects[i].label, label) == 0)
            return &list->objects[i];
    }
    return NULL;
}

const char *rig_login(Rig *rig, P11dChannel *channel, const char *user, const char *pin)
{
    P11dWriter writer;
    P11dMessage reply;
    begin_token(rig, channel, &writer, "Login");
    p11d_writer_string(&writer, user);
    p11d_writer_bytes(&writer, pin, strlen(pin));
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    return rig_call(channel, &writer, &reply);
}

const char *rig_logout(Rig *rig, P11dChannel *channel)
{
    P11dWriter writer;
    P11dMessage reply;
    begin_token(rig, channel, &writer, "Logout");
    return rig_call(channel, &writer, &reply);
}

static void write_sign(Rig *rig, P11dChannel *channel, P11dWriter *writer, uint64_t key,
                       const char *mechanism, RigParameters *parameters,
                       const void *parameters_data, const void *data, size_t size)
{
    begin_token(rig, channel, writer, "Sign");
    p11d_writer_uint64(writer, key);
    p11d_writer_string(writer, mechanism);
    P11dArray elements = p11d_writer_array_begin(writer, 8);
    if (parameters)
        parameters(writer, parameters_data);
    p11d_writer_array_end(writer, elements);
    p11d_writer_bytes(writer, data, size);
}

void rig_begin_sign(Rig *rig, P11dChannel *channel, uint64_t key, const void *data, size_t size)
{
    P11dWriter writer;
    write_sign(rig, channel, &writer, key, "ecdsa", NULL, NULL, data, size);
    if (p11d_channel_send(channel, &writer, -1, PATIENCE, NULL) != P11D_OK)
        rig_fail("Sign: not sent");
}

const char *rig_sign(Rig *rig, P11dChannel *channel, uint64_t key, const char *mechanism,
                     RigParameters *parameters, const void *parameters_data, const void *data,
                     size_t size, RigSignature *signature)
{
    P11dWriter writer;
    P11dMessage reply;
    const uint8_t *bytes;

    write_sign(rig, channel, &writer, key, mechanism, parameters, parameters_data, data, size);
    const char *error = rig_call(channel, &writer, &reply);
    if (error)
        return error;
    if (!p11d_reader_bytes(&reply.body, &bytes, &signature->size) ||
        signature->size > sizeof signature->bytes)
        rig_fail("Sign: malformed reply");
    memcpy(signature->bytes, bytes, signature->size);
    return NULL;
}
