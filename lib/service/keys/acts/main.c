// SPDX-License-Identifier: MIT
/* p11dbus-keys: the worker of a key directory. The supervisor starts it: [-v] DIRECTORY. */
#include "keyworker.h"

int main(int argc, char **argv)
{
    return argc > 0 ? p11d_worker_main(&p11d_keyworker, argv + 1) : P11D_WORKER_FAILED;
}
