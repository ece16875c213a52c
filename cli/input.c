// SPDX-License-Identifier: MIT
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "failure.h"

static gboolean fail(const P11dInput *input, const char *why, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read %s: %s", input->name, why);
    return FALSE;
}

P11dInput *p11d_input_open(const char *path, GError **error)
{
    g_autoptr(P11dInput) input = g_new0(P11dInput, 1);
    bool is_standard = !path || strcmp(path, "-") == 0;
    input->name = g_strdup(is_standard ? "standard input" : path);
    input->fd = is_standard ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                            : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (input->fd < 0) {
        fail(input, g_strerror(errno), error);
        return NULL;
    }
    return g_steal_pointer(&input);
}

void p11d_input_free(P11dInput *input)
{
    if (!input)
        return;
    if (input->fd >= 0)
        close(input->fd);
    g_free(input->name);
    g_free(input);
}

gboolean p11d_input_read(P11dInput *input, void *bytes, gsize size, gsize *got, GError **error)
{
    ssize_t count;
    do
        count = read(input->fd, bytes, size);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return fail(input, g_strerror(errno), error);
    *got = (gsize)count;
    input->started = TRUE;
    return TRUE;
}

gboolean p11d_input_rewind(P11dInput *input)
{
    return !input->started || lseek(input->fd, 0, SEEK_SET) == 0;
}

GBytes *p11d_input_read_all(P11dInput *input, gsize max, GError **error)
{
    struct stat status;
    bool sized = fstat(input->fd, &status) == 0 && S_ISREG(status.st_mode);
    gsize expected = sized ? MIN((gsize)status.st_size, max) : 0;
    g_autoptr(GByteArray) all = g_byte_array_sized_new((guint)expected);
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    gsize got;
    do {
        if (!p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error))
            return NULL;
        if (got > max - all->len) {
            p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                             "%s is too large: at most %zu bytes can be taken in one piece",
                             input->name, max);
            return NULL;
        }
        g_byte_array_append(all, piece, (guint)got);
    } while (got > 0);
    return g_byte_array_free_to_bytes(g_steal_pointer(&all));
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
    return input ? p11d_input_read_all(input, max, error) : NULL;
}
