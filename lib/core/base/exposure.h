// SPDX-License-Identifier: MIT
/*
 * An exposure is that others than the owner of a key directory may put other keys in the place of
 * those that it serves: the modes of the directory, or of one above it, let them.
 */
#ifndef P11D_EXPOSURE_H
#define P11D_EXPOSURE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum P11dExposureKind {
    P11D_EXPOSURE_NONE,
    P11D_EXPOSURE_GROUP,    /* its group may put keys into it */
    P11D_EXPOSURE_ABOVE,    /* everybody may put another directory in its place, or above it */
    P11D_EXPOSURE_EVERYBODY /* everybody may put keys into it */
} P11dExposureKind;

typedef struct P11dExposure {
    P11dExposureKind kind;
    char path[PATH_MAX]; /* the directory whose mode it is */
    unsigned mode;       /* as chmod(2) has it */
} P11dExposure;

/* The most text of p11d_exposure_text, in bytes, with its NUL. */
#define P11D_EXPOSURE_TEXT_MAX (PATH_MAX + 128)

/* Looks at the directory at path and at all above it, but for those that cannot be looked at: the
 * worst that there is. Where a directory above is sticky nobody can replace what is others' in it
 * (unlink(2), EPERM). */
P11dExposure p11d_exposure_of(const char *path);

/* Says in text, of size bytes, what it is: a sentence about the token without its end. */
void p11d_exposure_text(const P11dExposure *exposure, char *text, size_t size);

#endif
