// SPDX-License-Identifier: MIT
#include "residence.h"

#include <dlfcn.h>
#include <pthread.h>

static void take(void)
{
    Dl_info self;
    if (dladdr((const void *)&p11d_residence_take, &self) == 0 || !self.dli_fname)
        return;
    /* The handle is kept on purpose: it is what keeps the module open. */
    (void)dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

void p11d_residence_take(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, take);
}
