// SPDX-License-Identifier: MIT
#include "worker.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "rig.h"

static char *directory;
static Rig rig;
static P11dChannel control;
static RigList list;
static RigSignature signature;
static uint8_t digest[32];

static void make_keys(void)
{
    directory = rig_make_directory();
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "open.key", key, RIG_PKCS8, NULL);
    rig_write_key(directory, "locked.key", key, RIG_PKCS8, "secret");
    EVP_PKEY_free(key);
}

static void set_up(void)
{
    make_keys();
    rig_start(&rig, directory);
    rig_client(&rig, &control);
}

static void tear_down(void)
{
    p11d_channel_clear(&control);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rig_remove_directory(directory);
}

static uint64_t key_of(P11dChannel *channel, const char *label)
{
    cr_assert_null(rig_list(&rig, channel, 0, &list));
    const RigObject *object = rig_find(&list, "private-key", label);
    return object ? object->id : 0;
}

static const char *sign(P11dChannel *channel, uint64_t key)
{
    return rig_sign(&rig, channel, key, "ecdsa", NULL, NULL, digest, sizeof digest, &signature);
}

/* True once the other side has hung up; whatever else comes is dropped. */
static bool is_closed(P11dChannel *channel)
{
    P11dMessage message;
    P11dStatus status;
    do
        status = p11d_channel_receive(channel, p11d_deadline_in(60000), &message);
    while (status == P11D_OK);
    return status == P11D_CLOSED;
}

static const char *ping(P11dChannel *channel)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, channel, &writer, p11d_interface_peer.name, "Ping", "");
    return rig_call(channel, &writer, &reply);
}

/* --- life --- */

Test(worker, ends_when_the_link_hangs_up, .init = set_up)
{
    P11dChannel channel;
    cr_assert_null(rig_open(&rig, &control, &channel));
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    cr_assert(is_closed(&control));
    cr_assert(is_closed(&channel));
    p11d_channel_clear(&channel);
    p11d_channel_clear(&control);
    rig_remove_directory(directory);
}

Test(worker, a_directory_that_is_missing_has_its_own_exit_status)
{
    rig_start_only(&rig, "/nonexistent/keys");
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(&rig.link, p11d_deadline_in(60000), &message), P11D_CLOSED);
    char *log = rig_log(&rig);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_SOURCE);
    cr_assert(strstr(log, "/nonexistent/keys: No such file or directory"), "%s", log);
    free(log);
}

Test(worker, a_link_that_talks_nonsense_ends_it, .init = make_keys)
{
    rig_start(&rig, directory);
    static const char nonsense[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    send(p11d_descriptor_number(rig.link.descriptor), nonsense, sizeof nonsense, MSG_NOSIGNAL);
    cr_assert(is_closed(&rig.link));
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_FAILED);
    rig_remove_directory(directory);
}

Test(worker, the_path_is_made_of_the_name)
{
    char *base = rig_make_directory();
    char path[1024];
    snprintf(path, sizeof path, "%s/My_keys \xc3\xa9", base);
    cr_assert_eq(mkdir(path, 0700), 0);
    rig_start(&rig, path);
    cr_assert_str_eq(rig.path, "/org/p11dbus/tokens/My_5fkeys_20_c3_a9");
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rmdir(path);
    rig_remove_directory(base);
}

Test(worker, gives_up_what_it_does_not_need, .init = set_up, .fini = tear_down)
{
    char path[64], line[256];
    bool no_new_privileges = false, no_core = false;
    snprintf(path, sizeof path, "/proc/%d/status", rig.pid);
    FILE *file = fopen(path, "re");
    while (fgets(line, sizeof line, file))
        no_new_privileges = no_new_privileges || strcmp(line, "NoNewPrivs:\t1\n") == 0;
    fclose(file);
    snprintf(path, sizeof path, "/proc/%d/limits", rig.pid);
    file = fopen(path, "re");
    while (fgets(line, sizeof line, file)) {
        unsigned long soft = 1, hard = 1;
        if (sscanf(line, "Max core file size %lu %lu", &soft, &hard) == 2)
            no_core = soft == 0 && hard == 0;
    }
    fclose(file);
    cr_assert(no_new_privileges && no_core);
}

/* --- clients --- */

Test(worker, signs_on_call_channels_and_on_the_control_channel, .init = set_up, .fini = tear_down)
{
    P11dChannel channel;
    uint64_t key = key_of(&control, "open");
    cr_assert_null(sign(&control, key));
    cr_assert_null(rig_open(&rig, &control, &channel));
    for (int i = 0; i < 100; i++)
        cr_assert_null(sign(&channel, key));
    cr_assert_eq(signature.size, 64);
    cr_assert_null(sign(&control, key));
    p11d_channel_clear(&channel);
}

Test(worker, trap_login_is_the_clients_own__on_all_its_channels, .init = set_up, .fini = tear_down)
{
    P11dChannel mine, other_control, others;
    rig_client(&rig, &other_control);
    cr_assert_null(rig_open(&rig, &control, &mine));
    cr_assert_null(rig_open(&rig, &other_control, &others));

    cr_assert_str_eq(rig_login(&rig, &mine, "user", "wrong"), "PinIncorrect");
    cr_assert_null(rig_login(&rig, &mine, "user", "secret"));
    uint64_t key = key_of(&control, "locked");
    cr_assert_neq(key, 0);
    cr_assert_null(sign(&mine, key));
    cr_assert_null(sign(&control, key));

    cr_assert_eq(key_of(&other_control, "locked"), 0);
    cr_assert_str_eq(sign(&others, key), "KeyHandleInvalid");
    cr_assert_str_eq(sign(&other_control, key), "KeyHandleInvalid");
    cr_assert_null(rig_logout(&rig, &control));
    cr_assert_str_eq(sign(&mine, key), "KeyHandleInvalid");
    p11d_channel_clear(&mine);
    p11d_channel_clear(&others);
    p11d_channel_clear(&other_control);
}

Test(worker, trap_client_death_is_a_hang_up, .init = set_up, .fini = tear_down)
{
    P11dChannel busy, idle;
    cr_assert_null(rig_open(&rig, &control, &busy));
    cr_assert_null(rig_open(&rig, &control, &idle));
    cr_assert_null(rig_login(&rig, &busy, "user", "secret"));
    p11d_channel_clear(&control);
    /* Its channels end with it: the one that waits in epoll and the one with a thread. */
    cr_assert(is_closed(&idle));
    cr_assert(is_closed(&busy));
    p11d_channel_clear(&busy);
    p11d_channel_clear(&idle);
    rig_client(&rig, &control);
    cr_assert_eq(key_of(&control, "locked"), 0);
}

Test(worker, trap_running_out_is_an_answer__channels_of_a_client, .init = set_up, .fini = tear_down)
{
    P11dChannel channels[P11D_CLIENT_CHANNELS], one_more;
    for (int i = 0; i < P11D_CLIENT_CHANNELS; i++)
        cr_assert_null(rig_open(&rig, &control, &channels[i]));
    cr_assert_str_eq(rig_open(&rig, &control, &one_more), "LimitsExceeded");
    cr_assert_null(ping(&control), "the control channel goes on");
    cr_assert_null(ping(&channels[0]));
    p11d_channel_clear(&channels[0]);
    /* The worker sees the hang-up in its own time. */
    const char *error = "";
    for (int i = 0; i < 1000000 && error; i++)
        error = rig_open(&rig, &control, &one_more);
    cr_assert_null(error);
    p11d_channel_clear(&one_more);
    for (int i = 1; i < P11D_CLIENT_CHANNELS; i++)
        p11d_channel_clear(&channels[i]);
}

Test(worker, trap_running_out_is_an_answer__clients_of_a_user, .init = set_up, .fini = tear_down)
{
    static P11dChannel many[P11D_CLIENTS_OF_USER];
    P11dChannel other;
    for (int i = 0; i < P11D_CLIENTS_OF_USER; i++)
        rig_client_of(&rig, &many[i], 1234);
    rig_client_of(&rig, &other, 1234);
    cr_assert(is_closed(&other));
    p11d_channel_clear(&other);
    rig_client_of(&rig, &other, 4321);
    cr_assert_null(ping(&other));
    cr_assert_null(ping(&many[P11D_CLIENTS_OF_USER - 1]));
    p11d_channel_clear(&other);
    for (int i = 0; i < P11D_CLIENTS_OF_USER; i++)
        p11d_channel_clear(&many[i]);
}

Test(worker, trap_running_out_is_an_answer__descriptors, .init = set_up, .fini = tear_down)
{
    enum { ROOM = 6, CLIENTS = 8 };
    P11dChannel channels[ROOM + 1], others[CLIENTS];
    int count = 0;
    const char *error;
    const rlim_t most = P11D_CLIENTS_SPARE_DESCRIPTORS + 1 + ROOM; /* with the control channel */
    const struct rlimit few = {most, most};
    cr_assert_eq(prlimit(rig.pid, RLIMIT_NOFILE, &few, NULL), 0);
    uint64_t key = key_of(&control, "open");
    while (!(error = rig_open(&rig, &control, &channels[count])))
        cr_assert_leq(++count, ROOM);
    cr_assert_str_eq(error, "LimitsExceeded");
    cr_assert_null(sign(&control, key));
    cr_assert_null(sign(&channels[count - 1], key));
    /* Whoever comes is hung up where there is no room: it is not the end of those who are there. */
    for (int i = 0; i < CLIENTS; i++)
        rig_client(&rig, &others[i]);
    cr_assert(is_closed(&others[CLIENTS - 1]));
    cr_assert_null(sign(&control, key));
    for (int i = 0; i < CLIENTS; i++)
        p11d_channel_clear(&others[i]);
    for (int i = 0; i < count; i++)
        p11d_channel_clear(&channels[i]);
    for (error = ""; error;) /* the worker sees that in its own time */
        error = rig_open(&rig, &control, &channels[0]);
    cr_assert_null(sign(&channels[0], key));
    p11d_channel_clear(&channels[0]);
    rig_client(&rig, &others[0]);
    cr_assert_null(ping(&others[0]));
    p11d_channel_clear(&others[0]);
}

#ifndef __SANITIZE_ADDRESS__ /* which maps memory as it likes */
/* Where there is no memory for the stack of one more thread, those that there are do the work. */
Test(worker, trap_running_out_is_an_answer__threads, .init = set_up, .fini = tear_down)
{
    enum { CHANNELS = 12 };
    P11dChannel channels[CHANNELS];
    P11dMessage reply;
    uint64_t key = key_of(&control, "open");
    cr_assert_null(sign(&control, key));
    for (int i = 0; i < CHANNELS; i++)
        cr_assert_null(rig_open(&rig, &control, &channels[i]));
    const struct rlimit no_more = {1, RLIM_INFINITY}; /* than there is */
    cr_assert_eq(prlimit(rig.pid, RLIMIT_AS, &no_more, NULL), 0);
    for (int i = 0; i < CHANNELS; i++)
        rig_begin_sign(&rig, &channels[i], key, digest, sizeof digest);
    for (int i = 0; i < CHANNELS; i++) {
        cr_assert_eq(p11d_channel_receive(&channels[i], p11d_deadline_in(60000), &reply), P11D_OK);
        cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
        p11d_channel_clear(&channels[i]);
    }
}
#endif

/* --- ObjectsChanged --- */

Test(worker, objects_changed_comes_before_the_reply_and_once, .init = set_up, .fini = tear_down)
{
    P11dChannel channel;
    P11dMessage message;
    cr_assert_null(rig_open(&rig, &control, &channel));
    cr_assert_null(rig_login(&rig, &channel, "user", "secret"));
    /* It is there already, unread. */
    cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_now(), &message), P11D_OK);
    cr_assert_str_eq(message.member, "ObjectsChanged");
    cr_assert_null(rig_logout(&rig, &channel));
    cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_now(), &message), P11D_TIMEOUT,
                 "one is outstanding until the client lists");
    rig_signals();
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    cr_assert_eq(rig_signals(), 0);
    /* On the control channel itself, too. */
    cr_assert_null(rig_login(&rig, &control, "user", "secret"));
    cr_assert_eq(rig_signals(), 1);
    p11d_channel_clear(&channel);
}

Test(worker, files_that_appear_are_told_to_every_client, .init = set_up, .fini = tear_down)
{
    P11dChannel other;
    rig_client(&rig, &other);
    cr_assert_null(rig_list(&rig, &other, 0, &list));
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_key(directory, "new.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    rig_wait_signal(&control);
    uint64_t generation = rig_wait_signal(&other);
    cr_assert_neq(key_of(&other, "new"), 0);
    cr_assert_geq(list.generation, generation);
    p11d_channel_clear(&other);
}

Test(worker, the_link_is_told_when_a_login_is_needed)
{
    const char *path = "", *name, *type;
    P11dMessage message;
    P11dReader properties;
    bool says_so = false;
    directory = rig_make_directory();
    rig_start(&rig, directory);
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_key(directory, "new.key", key, RIG_PKCS8, "secret");
    EVP_PKEY_free(key);
    cr_assert_eq(p11d_channel_receive(&rig.link, p11d_deadline_in(60000), &message), P11D_OK);
    cr_assert_eq(p11d_worker_link_kind(&rig.worker, &message, &path),
                 P11D_WORKER_LINK_TOKEN_CHANGED);
    cr_assert_str_eq(path, rig.path);
    cr_assert(p11d_reader_string(&message.body, &name, NULL));
    cr_assert(p11d_reader_array(&message.body, 8, &properties));
    while (p11d_reader_entry(&properties, &name, &type)) {
        size_t start = properties.position;
        cr_assert(p11d_reader_skip(&properties, type));
        if (strcmp(name, "Flags") == 0)
            says_so = memmem(properties.data + start, properties.position - start, "login-required",
                             sizeof "login-required");
    }
    cr_assert(says_so);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rig_remove_directory(directory);
}

Test(worker, trap_service_never_finds_itself, .init = make_keys)
{
    /* A configuration that leaves OpenSSL without any algorithm, were it read. */
    static const char text[] = "openssl_conf = init\n[init]\nalg_section = algorithms\n"
                               "[algorithms]\ndefault_properties = provider=nobody\n";
    char path[1024];
    rig_write_file(directory, "openssl.cnf", text, sizeof text - 1, 0600);
    snprintf(path, sizeof path, "%s/openssl.cnf", directory);
    setenv("OPENSSL_CONF", path, 1);
    rig_start(&rig, directory);
    rig_client(&rig, &control);
    cr_assert_null(sign(&control, key_of(&control, "open")));
    tear_down();
}

/* --- clients that misbehave --- */

/* Fills the socket with pings without reading a reply, until it takes no more. */
static void flood(P11dChannel *channel)
{
    int full = 0;
    while (full < 3) {
        P11dWriter writer;
        rig_begin(&rig, channel, &writer, p11d_interface_properties.name, "GetAll", "s");
        p11d_writer_string(&writer, "");
        P11dStatus status = p11d_channel_send(channel, &writer, -1, p11d_deadline_in(100), NULL);
        if (status == P11D_CLOSED)
            return;
        full += status == P11D_TIMEOUT;
    }
}

Test(worker, trap_slow_work_is_felt_by_no_other__of_who_does_not_read, .init = set_up,
     .fini = tear_down)
{
    P11dChannel deaf_control, deaf, channel;
    rig_client(&rig, &deaf_control);
    cr_assert_null(rig_open(&rig, &deaf_control, &deaf));
    flood(&deaf);
    flood(&deaf_control);
    cr_assert_null(rig_open(&rig, &control, &channel));
    cr_assert_null(sign(&channel, key_of(&control, "open")));
    EVP_PKEY *key = rig_generate("ED25519");
    rig_write_key(directory, "new.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    rig_wait_signal(&control);
    cr_assert_null(sign(&channel, key_of(&control, "open")));
    p11d_channel_clear(&channel);
    p11d_channel_clear(&deaf);
    p11d_channel_clear(&deaf_control);
}

Test(worker, large_calls_that_stop_coming_are_few, .init = set_up, .fini = tear_down)
{
    enum { CHANNELS = 12 };
    P11dChannel channels[CHANNELS];
    /* A header that announces 32 MiB, and 1 MiB of it. */
    uint8_t *bytes = calloc(1, 1 << 20);
    memcpy(bytes, (uint8_t[]){'l', 1, 0, 1, 0, 0, 0, 2, 1, 0, 0, 0}, 12);
    struct pollfd hang_ups[CHANNELS];
    for (int i = 0; i < CHANNELS; i++) {
        struct timeval patience = {.tv_sec = 60};
        cr_assert_null(rig_open(&rig, &control, &channels[i]));
        int fd = p11d_descriptor_number(channels[i].descriptor);
        fcntl(fd, F_SETFL, 0);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        send(fd, bytes, 1 << 20, MSG_NOSIGNAL);
        hang_ups[i] = (struct pollfd){.fd = fd, .events = POLLRDHUP};
    }
    /* Those over the limit are hung up at once (and the others after 10 s). */
    for (int closed = 0; closed < CHANNELS - 8;) {
        cr_assert_gt(poll(hang_ups, CHANNELS, 60000), 0);
        for (int i = 0; i < CHANNELS; i++) {
            closed += hang_ups[i].revents != 0;
            if (hang_ups[i].revents)
                hang_ups[i].fd = -1;
        }
    }
    cr_assert_null(sign(&control, key_of(&control, "open")), "others are served meanwhile");
    for (int i = 0; i < CHANNELS; i++)
        p11d_channel_clear(&channels[i]);
    free(bytes);
}

Test(worker, more_channels_than_threads_are_all_served, .init = set_up, .fini = tear_down)
{
    enum { CLIENTS = 10, EACH = 12 };
    P11dChannel controls[CLIENTS];
    static P11dChannel channels[CLIENTS * EACH];
    uint64_t key = key_of(&control, "open");
    for (int i = 0; i < CLIENTS; i++) {
        rig_client(&rig, &controls[i]);
        for (int j = 0; j < EACH; j++)
            cr_assert_null(rig_open(&rig, &controls[i], &channels[i * EACH + j]));
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < CLIENTS * EACH; i++)
            cr_assert_null(sign(&channels[i], key));
    }
    for (int i = 0; i < CLIENTS * EACH; i++)
        p11d_channel_clear(&channels[i]);
    for (int i = 0; i < CLIENTS; i++)
        p11d_channel_clear(&controls[i]);
}

Test(worker, a_call_in_pieces_is_a_call, .init = set_up, .fini = tear_down)
{
    uint8_t bytes[512];
    P11dWriter writer;
    P11dMessage reply;
    int fd = p11d_descriptor_number(control.descriptor);
    rig_begin(&rig, &control, &writer, p11d_interface_peer.name, "Ping", "");
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    size_t size = control.out.size;
    memcpy(bytes, control.out.data, size);
    for (size_t i = 0; i < size; i++)
        cr_assert_eq(send(fd, bytes + i, 1, MSG_NOSIGNAL), 1);
    cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_in(60000), &reply), P11D_OK);
    cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
    /* Two at once are answered one after the other. */
    memcpy(bytes + size, bytes, size);
    cr_assert_eq(send(fd, bytes, 2 * size, MSG_NOSIGNAL), (ssize_t)(2 * size));
    for (int i = 0; i < 2; i++)
        cr_assert_eq(p11d_channel_receive(&control, p11d_deadline_in(60000), &reply), P11D_OK);
}
