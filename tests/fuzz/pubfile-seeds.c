// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: a file for each way to keep keys in one. */
#include "seeds.h"

#define MARK "\xef\xbb\xbf"
#define BLOB "AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
/* The Ed25519 key of RFC 8410, section 10.1. */
#define KEY "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

static const char *const files[] = {
    "-----BEGIN PUBLIC KEY-----\n" KEY "\n-----END PUBLIC KEY-----\n",
    MARK "# text\r\n-----BEGIN PUBLIC KEY----- \r\n\r\n" KEY "\r\n-----END PUBLIC KEY-----\r\n",
    "-----BEGIN PUBLIC KEY-----\n" KEY "\n-----BEGIN PUBLIC KEY-----\n" KEY
    "\n-----END CERTIFICATE-----\n",
    "ssh-ed25519 " BLOB " a b\n\n# comment\nssh-ed25519 " BLOB "\n",
    MARK "no-pty,command=\"x \\\" y\" ssh-ed25519 " BLOB "\ncert-authority ssh-ed25519 " BLOB "\n",
    "ssh-rsa " BLOB "\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAIC\n",
    MARK KEY "\r\n",
    "00:01 0A\n",
};

int main(int argc, char **argv)
{
    return seeds_write(argc, argv, files, G_N_ELEMENTS(files));
}
