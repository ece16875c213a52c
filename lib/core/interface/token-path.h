// SPDX-License-Identifier: MIT
/*
 * A token path is where a token is on D-Bus (org.p11dbus.xml, "Where it is"): P11D_TOKENS_PATH and
 * its name, in which what a path cannot hold is escaped. What the name stands for is its title.
 */
#ifndef P11D_TOKEN_PATH_H
#define P11D_TOKEN_PATH_H

#include <stddef.h>

/* Room for a title with its NUL, in bytes; longer ones are cut. */
#define P11D_TOKEN_PATH_TITLE_SIZE 256

/* The path of the token with that title (bytes other than NUL). The caller frees it; NULL if memory
 * ran out. */
char *p11d_token_path_new(const char *title);

/* NAME of the token at path, pointing into path; NULL if it is no token's path. */
const char *p11d_token_path_name(const char *path);

/* Writes what name stands for to title; name itself if that is not text. */
void p11d_token_path_title(const char *name, char title[P11D_TOKEN_PATH_TITLE_SIZE]);

#endif
