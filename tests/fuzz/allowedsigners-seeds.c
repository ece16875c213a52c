// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: a list for each thing that a line can have.
 */
#include "seeds.h"

/* As in allowedsigners.c. */
#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static const char *const lists[] = {
    "user@example.org " KEY " comment\n",
    "# comment\n\n*@example.org,!other@* namespaces=\"file,g?t\" " KEY "\r\n",
    "\"some user\",user@example.org cert-authority " KEY "\n* " KEY "\n",
    "user@example.org valid-after=\"20200101Z\",valid-before=\"203001012359\" " KEY "\n",
    "user@example.org namespaces=\"a \\\" b\",valid-after=\"20200101000000\" " KEY "\n",
    "user@example.org nonsense\nuser@example.org " KEY "\n",
};

int main(int argc, char **argv)
{
    return seeds_write(argc, argv, lists, G_N_ELEMENTS(lists));
}
