// SPDX-License-Identifier: MIT
/* A worker as a program of its own, for tests: usage: worker-process DIRECTORY. */
#include "worker.h"

int main(int argc, char **argv)
{
    return argc == 2 ? p11d_worker_main(argv[1]) : P11D_WORKER_FAILED;
}
