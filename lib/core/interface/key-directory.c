// SPDX-License-Identifier: MIT
#include "key-directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "syntax.h"

#define BELOW_DATA "/p11dbus/keys"

char *p11d_key_directory_path(void)
{
    static const char *const roots[][2] = {{"XDG_DATA_HOME", BELOW_DATA},
                                           {"HOME", "/.local/share" BELOW_DATA}};
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        const char *root = secure_getenv(roots[i][0]);
        char *path = NULL;
        if (!root || root[0] != '/')
            continue;
        return asprintf(&path, "%s%s", root, roots[i][1]) < 0 ? NULL : path;
    }
    errno = ENOENT;
    return NULL;
}

bool p11d_key_directory_is(const char *path)
{
    char *own = p11d_key_directory_path();
    char *real = own ? realpath(own, NULL) : NULL;
    const bool is = real && strcmp(real, path) == 0;
    free(real);
    free(own);
    return is;
}

char *p11d_key_directory_label(const char *path)
{
    if (p11d_key_directory_is(path))
        return strdup(P11D_KEY_DIRECTORY_TOKEN);
    const char *slash = strrchr(path, '/');
    char *label = strdup(slash && slash[1] ? slash + 1 : path);
    if (label && !p11d_syntax_is_text(label, strlen(label))) {
        for (char *c = label; *c; c++) {
            if (*c & 0x80)
                *c = '?';
        }
    }
    return label;
}

bool p11d_key_directory_is_used(void)
{
    char *path = p11d_key_directory_path();
    DIR *directory = path ? opendir(path) : NULL;
    const struct dirent *entry = NULL;
    while (directory && (entry = readdir(directory)) && entry->d_name[0] == '.')
        continue;
    if (directory)
        closedir(directory);
    free(path);
    return entry;
}
