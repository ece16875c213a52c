// SPDX-License-Identifier: MIT
/*
 * A worker of a key directory as a program of its own, for tests: usage: worker-process [-v]
 * DIRECTORY. On SIGUSR1 it lets others of its user look into its memory, and says so on standard
 * error.
 */
#include <signal.h>
#include <unistd.h>

#include "keyworker.h"
#include "sandbox.h"

static void permit(int signal)
{
    static const char text[] = "may be searched\n";
    (void)signal;
    p11d_sandbox_relax();
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = permit, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    return argc > 1 ? p11d_worker_main(&p11d_keyworker, argv + 1) : P11D_WORKER_FAILED;
}
