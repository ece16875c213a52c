// SPDX-License-Identifier: MIT
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "failure.h"
#include "standard.h"

/* How much the bytes of a large CMS message are copied, in its encoding and out of it. */
#define WORKING_COPIES 4

static gboolean fail(const char *name, const char *why, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read %s: %s", name, why);
    return FALSE;
}

/* Whether it is a regular file; its size then. */
static bool file_size(const P11dInput *input, gsize *size)
{
    struct stat status;
    if (fstat(input->fd, &status) < 0 || !S_ISREG(status.st_mode))
        return false;
    *size = (gsize)status.st_size;
    return true;
}

static void start_progress(P11dInput *input)
{
    gsize size = 0;
    file_size(input, &size);
    /* Whoever types the input sees how far it is. */
    bool wanted = p11d_console_shows_progress() && !isatty(input->fd);
    p11d_progress_start(&input->progress, input->name, size, wanted);
}

P11dInput *p11d_input_of_descriptor(int fd, const char *name)
{
    P11dInput *input = g_new0(P11dInput, 1);
    input->fd = fd;
    input->name = g_strdup(name);
    /* Standard input may have been read in part by others, and that part is none of ours. */
    input->start = lseek(fd, 0, SEEK_CUR);
    start_progress(input);
    return input;
}

P11dInput *p11d_input_open(const char *path, GError **error)
{
    bool is_standard = !path || p11d_standard_is_input(path);
    const char *name = is_standard ? "standard input" : path;
    int fd = is_standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                         : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        fail(name, g_strerror(errno), error);
        return NULL;
    }
    if (is_standard && isatty(fd)) /* who forgot to name a file would wait in silence */
        p11d_console_note("reading from the terminal, up to Ctrl-D");
    return p11d_input_of_descriptor(fd, name);
}

P11dInput *p11d_input_of_bytes(GBytes *bytes, const char *name)
{
    P11dInput *input = g_new0(P11dInput, 1);
    input->fd = -1;
    input->bytes = g_bytes_ref(bytes);
    input->name = g_strdup(name);
    return input;
}

void p11d_input_free(P11dInput *input)
{
    if (!input)
        return;
    p11d_progress_end(&input->progress);
    g_clear_pointer(&input->bytes, g_bytes_unref);
    if (input->fd >= 0)
        close(input->fd);
    g_free(input->name);
    g_free(input);
}

/* Takes up to size bytes of those at hand. */
static gsize take(P11dInput *input, void *bytes, gsize size)
{
    gsize all;
    const guint8 *data = g_bytes_get_data(input->bytes, &all);
    gsize count = MIN(size, all - input->position);
    if (count > 0)
        memcpy(bytes, data + input->position, count);
    input->position += count;
    return count;
}

gboolean p11d_input_read(P11dInput *input, void *bytes, gsize size, gsize *got, GError **error)
{
    if (input->bytes) {
        *got = take(input, bytes, size);
        return TRUE;
    }
    ssize_t count;
    do
        count = read(input->fd, bytes, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail(input->name, g_strerror(errno), error);
    *got = (gsize)count;
    input->started = TRUE;
    if (count > 0)
        p11d_progress_add(&input->progress, *got);
    else
        p11d_progress_end(&input->progress);
    return TRUE;
}

gboolean p11d_input_can_rewind(const P11dInput *input)
{
    return input->bytes || input->start >= 0;
}

gboolean p11d_input_rewind(P11dInput *input)
{
    if (input->bytes) {
        input->position = 0;
        return TRUE;
    }
    if (!input->started)
        return TRUE;
    if (input->start < 0 || lseek(input->fd, input->start, SEEK_SET) < 0)
        return FALSE;
    p11d_progress_end(&input->progress);
    start_progress(input);
    return TRUE;
}

/* All of an input while it is read. Memory that is not there is an answer, which g_malloc does not
 * give. */
typedef struct Whole {
    guint8 *data; /* owned, by g_free */
    gsize size;
    gsize room;
} Whole;

static void set_no_memory(const char *name, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "there is not enough memory for %s", name);
}

static gboolean make_room(Whole *whole, const P11dInput *input, gsize room, GError **error)
{
    guint8 *data = g_try_realloc(whole->data, room);
    if (!data) {
        set_no_memory(input->name, error);
        return FALSE;
    }
    whole->data = data;
    whole->room = room;
    return TRUE;
}

/* kind: of the failure. */
static void set_too_large(const P11dInput *input, gsize max, P11dFailure kind, GError **error)
{
    p11d_failure_set(error, kind,
                     kind == P11D_FAILURE_UNSUPPORTED
                         ? "a list of digests (SHA256SUMS) can be signed in its place"
                         : NULL,
                     "%s is too large: at most %zu bytes can be taken in one piece", input->name,
                     max);
}

/* One byte more than max shows that there is more. */
static gboolean read_pieces(Whole *whole, P11dInput *input, gsize max, P11dFailure kind,
                            GError **error)
{
    gsize got;
    do {
        if (whole->size == whole->room &&
            !make_room(whole, input, MIN(2 * whole->room, max + 1), error))
            return FALSE;
        gsize size = MIN(whole->room - whole->size, P11D_INPUT_PIECE);
        if (!p11d_input_read(input, whole->data + whole->size, size, &got, error))
            return FALSE;
        whole->size += got;
        if (whole->size > max) {
            set_too_large(input, max, kind, error);
            return FALSE;
        }
    } while (got > 0);
    return TRUE;
}

/* kind: of the failure that more than max bytes are. */
static GBytes *read_whole(P11dInput *input, gsize max, P11dFailure kind, GError **error)
{
    Whole whole = {0};
    gsize expected = 0;
    file_size(input, &expected);
    if (expected > max) {
        set_too_large(input, max, kind, error);
        return NULL;
    }
    if (make_room(&whole, input, MIN(MAX(expected, 4095), max) + 1, error) &&
        read_pieces(&whole, input, max, kind, error))
        return g_bytes_new_take(whole.data, whole.size);
    g_free(whole.data);
    return NULL;
}

gboolean p11d_input_check_memory(const char *name, GBytes *bytes, GError **error)
{
    gsize size = g_bytes_get_size(bytes);
    gpointer spare =
        size <= G_MAXSIZE / WORKING_COPIES ? g_try_malloc(size * WORKING_COPIES + 1) : NULL;
    g_free(spare);
    if (!spare)
        set_no_memory(name, error);
    return spare != NULL;
}

GBytes *p11d_input_read_all(P11dInput *input, gsize max, GError **error)
{
    return read_whole(input, max, P11D_FAILURE_UNSUPPORTED, error);
}

GBytes *p11d_input_read_digest(P11dInput *input, const P11dHash *hash, GError **error)
{
    g_autoptr(GBytes) digest = p11d_input_read_all(input, P11D_INPUT_PIECE, error);
    if (!digest || g_bytes_get_size(digest) == hash->size)
        return g_steal_pointer(&digest);
    p11d_failure_set(error, P11D_FAILURE_FILE, "a digest is taken in binary, not in hex",
                     "%s is no digest by %s: it has %zu bytes, not %zu", input->name, hash->name,
                     g_bytes_get_size(digest), hash->size);
    return NULL;
}

GBytes *p11d_input_hash(P11dInput *input, const EVP_MD *md, GError **error)
{
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    gsize got = 0;
    bool read = true;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool hashed = context && EVP_DigestInit_ex2(context, md, NULL);
    while (hashed && (read = p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error)) && got)
        hashed = EVP_DigestUpdate(context, piece, got);
    if (hashed && read)
        hashed = EVP_DigestFinal_ex(context, digest, &size);
    EVP_MD_CTX_free(context);
    if (hashed && read)
        return g_bytes_new(digest, size);
    if (!hashed)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s", input->name);
    return NULL;
}

GBytes *p11d_input_read_file(const char *path, gsize max, GError **error)
{
    g_autoptr(P11dInput) input = p11d_input_open(path, error);
    return input ? read_whole(input, max, P11D_FAILURE_FILE, error) : NULL;
}
