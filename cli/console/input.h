// SPDX-License-Identifier: MIT
/*
 * An input is what is signed or verified: a file, standard input, or bytes that are at hand. It is
 * read in pieces, so that its size does not matter; only what has to be signed in one piece is read
 * whole. Long reading shows its progress. Functions that return NULL or FALSE set error, and the
 * caller owns the GBytes of all others.
 */
#ifndef P11D_INPUT_H
#define P11D_INPUT_H

#include <glib.h>
#include <openssl/evp.h>

#include "hash.h"
#include "progress.h"

/* The most that is read whole, in bytes. */
#define P11D_INPUT_MAX_WHOLE (1UL << 30)
/* A good size for pieces, in bytes. */
#define P11D_INPUT_PIECE (256 * 1024)

typedef struct P11dInput {
    int fd;
    GBytes *bytes;  /* what is at hand, or NULL */
    gsize position; /* in bytes */
    gint64 start;   /* where a file that can be read again was when it was opened, in bytes */
    char *name;     /* to be shown; the path, or "standard input" */
    gboolean started;
    P11dProgress progress;
} P11dInput;

/* Opens path; NULL is standard input, and so are its names (standard.h). NULL with error set. */
P11dInput *p11d_input_open(const char *path, GError **error);
/* An input of what fd reads, which is taken over. name: as in the structure, copied. */
P11dInput *p11d_input_of_descriptor(int fd, const char *name);
/* An input of bytes. name: as in the structure, copied. */
P11dInput *p11d_input_of_bytes(GBytes *bytes, const char *name);
void p11d_input_free(P11dInput *input);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dInput, p11d_input_free)

/* Reads up to size bytes. *got is 0 at the end only. */
gboolean p11d_input_read(P11dInput *input, void *bytes, gsize size, gsize *got, GError **error);

/* Whether it can be read again: a pipe cannot. */
gboolean p11d_input_can_rewind(const P11dInput *input);

/* Goes back to the start. False if something was read already that cannot be read again. */
gboolean p11d_input_rewind(P11dInput *input);

/* Reads all that is left, at most max bytes; more is an error (unsupported). */
GBytes *p11d_input_read_all(P11dInput *input, gsize max, GError **error);

/* Reads all that is left, which must be a digest by hash as it is, not as text. */
GBytes *p11d_input_read_digest(P11dInput *input, const P11dHash *hash, GError **error);

/* Hashes all that is left. */
GBytes *p11d_input_hash(P11dInput *input, const EVP_MD *md, GError **error);

/* Whether there is memory to decode bytes, or to write them as a message: GLib ends the program
 * where there is none, and OpenSSL takes it for a malformed message. FALSE with error set (file).
 * name: as p11d_input_of_bytes. */
gboolean p11d_input_check_memory(const char *name, GBytes *bytes, GError **error);

/* Reads the file at path, or standard input, at most max bytes; more is an error of the file. */
GBytes *p11d_input_read_file(const char *path, gsize max, GError **error);

#endif
