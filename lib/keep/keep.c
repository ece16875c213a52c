// SPDX-License-Identifier: MIT
/*
 * libp11dbus-keep.so: a preload for a host that closes its PKCS#11 module although code of the
 * module may still be called, and that cannot be changed. dlclose succeeds and does nothing, as
 * musl's does: what was loaded stays until the process ends.
 */
#include <dlfcn.h>

__attribute__((visibility("default"))) int dlclose(void *handle)
{
    (void)handle;
    return 0;
}
