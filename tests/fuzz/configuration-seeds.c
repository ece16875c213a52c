// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: strings with every setting, and mistakes.
 */
#include "seeds.h"

static const char *const texts[] = {
    "bus=session name=org.example.Tokens autostart=no channels=no hide=ec-edwards,rsa,0x80000001",
    "# comment\nbus='unix:path=/run/a%20b,guid=00;unix:abstract=x'\n\nname=\"org.example.A\"#\r\n",
    "bus=unix:runtime=yes\nhide=",
    "name=bad..name",
    "name='org.example",
    "autostart=no autostart=no",
    "colour=red",
};

int main(int argc, char **argv)
{
    return seeds_write(argc, argv, texts, G_N_ELEMENTS(texts));
}
