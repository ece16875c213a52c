// SPDX-License-Identifier: MIT
#include "random.h"

#include <errno.h>
#include <sys/random.h>

/* The kernel gives more only in pieces. */
#define PORTION ((CK_ULONG)32 << 20)

CK_RV p11d_random_fill(CK_BYTE *bytes, CK_ULONG size)
{
    while (size > 0) {
        const ssize_t got = getrandom(bytes, size < PORTION ? size : PORTION, 0);
        if (got < 0 && errno != EINTR)
            return CKR_FUNCTION_FAILED;
        if (got > 0) {
            bytes += got;
            size -= (CK_ULONG)got;
        }
    }
    return CKR_OK;
}
