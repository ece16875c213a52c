// SPDX-License-Identifier: MIT
/*
 * A pemtext is a text with blocks of PEM in it (RFC 7468), however it was written down: with a byte
 * order mark in front, LF or CR LF, empty lines, blanks at the ends of lines, and any text before,
 * between and behind the blocks. It is taken apart piece by piece.
 */
#ifndef P11D_PEMTEXT_H
#define P11D_PEMTEXT_H

#include <stdbool.h>

#include <glib.h>

typedef struct P11dPemtext {
    const char *p; /* borrowed */
    gsize left;    /* bytes */
    unsigned line; /* how many were taken */
} P11dPemtext;

/* A block, or a line outside of all blocks. */
typedef struct P11dPempiece {
    char label[48];   /* of the block; what is longer is cut off; empty for a line */
    const char *text; /* the line, or what stands between the first and the last one; borrowed */
    gsize size;       /* bytes */
    unsigned line;    /* where it begins, from 1 */
    bool broken;      /* the block does not end, or as another */
} P11dPempiece;

/* Begins with the first of size bytes, which need not be text. */
P11dPemtext p11d_pemtext(const void *bytes, gsize size);

/* Takes the next piece. False at the end. */
bool p11d_pemtext_next(P11dPemtext *text, P11dPempiece *piece);

/* What a block holds. NULL if it is broken or no base64; the caller owns it. */
GBytes *p11d_pemtext_decode(const P11dPempiece *block);

#endif
