// SPDX-License-Identifier: MIT
/*
 * Standard input and output have many names: "-", /dev/stdin, /dev/fd/0, /proc/self/fd/0, links to
 * these. They mean one thing wherever a command takes the name of a file, which is decided here.
 */
#ifndef P11D_STANDARD_H
#define P11D_STANDARD_H

#include <stdbool.h>

/* The number of the descriptor of this process that path is a name of, as a shell makes them for
 * <(COMMAND); -1 if it is a name of something else. */
int p11d_standard_descriptor(const char *path);

/* True if path means standard input; standard output. */
bool p11d_standard_is_input(const char *path);
bool p11d_standard_is_output(const char *path);

#endif
