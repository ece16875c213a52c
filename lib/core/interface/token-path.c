// SPDX-License-Identifier: MIT
#include "token-path.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "syntax.h"

static const char prefix[] = P11D_TOKENS_PATH "/";
#define PREFIX_SIZE (sizeof prefix - 1)

static bool is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

char *p11d_token_path_new(const char *title)
{
    char *path = malloc(PREFIX_SIZE + 3 * strlen(title) + 1);
    if (!path)
        return NULL;
    char *at = stpcpy(path, prefix);
    for (; *title != '\0'; title++) {
        if (is_plain(*title))
            *at++ = *title;
        else
            at += sprintf(at, "_%02x", (unsigned)(unsigned char)*title);
    }
    *at = '\0';
    return path;
}

const char *p11d_token_path_name(const char *path)
{
    if (strncmp(path, prefix, PREFIX_SIZE) != 0)
        return NULL;
    const char *name = path + PREFIX_SIZE;
    return name[0] != '\0' && !strchr(name, '/') ? name : NULL;
}

static int hex_value(char digit)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = digit == '\0' ? NULL : strchr(digits, digit);
    return at ? (int)(at - digits) : -1;
}

void p11d_token_path_title(const char *name, char title[P11D_TOKEN_PATH_TITLE_SIZE])
{
    size_t size = 0;
    for (const char *at = name; *at != '\0' && size < P11D_TOKEN_PATH_TITLE_SIZE - 1; size++) {
        const bool escaped = at[0] == '_' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0;
        title[size] = escaped ? (char)(hex_value(at[1]) * 16 + hex_value(at[2])) : *at;
        at += escaped ? 3 : 1;
    }
    title[size] = '\0';
    if (!p11d_syntax_is_text(title, size))
        snprintf(title, P11D_TOKEN_PATH_TITLE_SIZE, "%s", name);
}
