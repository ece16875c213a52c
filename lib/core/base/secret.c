// SPDX-License-Identifier: MIT
#include "secret.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool p11d_secret_set(P11dSecret *secret, const void *bytes, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped;
    if (__builtin_add_overflow(size, page, &mapped)) {
        p11d_secret_clear(secret);
        return false;
    }
    mapped -= mapped % page; /* at least size + 1: the final NUL fits */

    uint8_t *data = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
        p11d_secret_clear(secret);
        return false;
    }
    /* Both are best effort: RLIMIT_MEMLOCK may be small, and a PIN that may be swapped is better
     * than no login at all. */
    mlock(data, mapped);
    madvise(data, mapped, MADV_DONTDUMP);

    /* Copied before what was held is wiped: bytes may point into it. */
    if (bytes && size > 0)
        memcpy(data, bytes, size);
    p11d_secret_clear(secret);
    *secret = (P11dSecret){.data = data, .size = size, .mapped = mapped};
    return true;
}

void p11d_secret_truncate(P11dSecret *secret, size_t size)
{
    if (size >= secret->size)
        return;
    explicit_bzero(secret->data + size, secret->size - size);
    secret->size = size;
}

void p11d_secret_clear(P11dSecret *secret)
{
    if (secret->data) {
        explicit_bzero(secret->data, secret->mapped);
        munmap(secret->data, secret->mapped);
    }
    *secret = (P11dSecret)P11D_SECRET_INIT;
}
