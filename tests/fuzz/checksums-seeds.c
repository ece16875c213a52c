// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: a list for each way to write one. */
#include "seeds.h"

#define HEX32 "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

static const char *const lists[] = {
    HEX32 "  a\n" HEX32 " *./b\r\n",
    "\\" HEX32 "  a\\nb\\\\c\\r\n# comment\n\n",
    "SHA256 (a) = " HEX32 "\nSHA2-256(b)= " HEX32 "\n",
    "BLAKE2b-256 (a) = " HEX32 "\nBLAKE2b (a) = " HEX32 HEX32 "\n",
    "\\SHA512 (a\\nb) = " HEX32 HEX32 "\n" HEX32 HEX32 "  a\n",
    HEX32 "  a\n" HEX32 "  a\nSHA1 (a) = 0123\n",
};

int main(int argc, char **argv)
{
    return seeds_write(argc, argv, lists, G_N_ELEMENTS(lists));
}
