// SPDX-License-Identifier: MIT
#include "exposure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static P11dExposureKind kind_of(mode_t mode, bool is_above)
{
    if (is_above)
        return (mode & S_IWOTH) && !(mode & S_ISVTX) ? P11D_EXPOSURE_ABOVE : P11D_EXPOSURE_NONE;
    return mode & S_IWOTH   ? P11D_EXPOSURE_EVERYBODY
           : mode & S_IWGRP ? P11D_EXPOSURE_GROUP
                            : P11D_EXPOSURE_NONE;
}

/* Cuts path, which is absolute, to the directory above it; false if there is none. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || strcmp(path, "/") == 0)
        return false;
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

P11dExposure p11d_exposure_of(const char *path)
{
    P11dExposure worst = {.kind = P11D_EXPOSURE_NONE};
    char at[PATH_MAX];
    struct stat status;
    bool is_above = false;
    if (!realpath(path, at))
        return worst;
    do {
        if (stat(at, &status) == 0 && kind_of(status.st_mode, is_above) > worst.kind) {
            worst.kind = kind_of(status.st_mode, is_above);
            worst.mode = status.st_mode & 07777;
            strcpy(worst.path, at);
        }
        is_above = true;
    } while (go_up(at));
    return worst;
}

void p11d_exposure_text(const P11dExposure *exposure, char *text, size_t size)
{
    static const char *const who[] = {
        [P11D_EXPOSURE_NONE] = "nobody else may put keys into",
        [P11D_EXPOSURE_GROUP] = "its group may put keys into",
        [P11D_EXPOSURE_ABOVE] = "everybody may put another directory in the place of what is in",
        [P11D_EXPOSURE_EVERYBODY] = "everybody may put keys into",
    };
    snprintf(text, size, "%s %s (mode %04o)", who[exposure->kind], exposure->path, exposure->mode);
}
