// SPDX-License-Identifier: MIT
#include "terminal.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The rest of the line (ECMA-48, section 8.3.41). */
#define ERASE "\033[K"

static volatile sig_atomic_t is_drawn;

bool p11d_terminal_is_capable(int fd)
{
    const char *terminal = getenv("TERM");
    return isatty(fd) && !(terminal && strcmp(terminal, "dumb") == 0);
}

unsigned p11d_terminal_columns(int fd)
{
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    const char *told = getenv("COLUMNS");
    unsigned long columns = told ? strtoul(told, NULL, 10) : 0;
    return columns > 0 && columns <= USHRT_MAX ? (unsigned)columns : 0;
}

void p11d_terminal_draw(const char *text)
{
    fprintf(stderr, "\r%s" ERASE, text);
    fflush(stderr);
    is_drawn = *text != '\0';
}

const char *p11d_terminal_eraser(void)
{
    return is_drawn ? "\r" ERASE : "";
}
