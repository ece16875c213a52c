// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: strings with every setting, and mistakes.
 */
#include <glib/gstdio.h>

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
    if (argc != 2)
        return 2;
    g_mkdir(argv[1], 0777);
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *path = g_strdup_printf("%s/%zu", argv[1], i);
        g_autoptr(GError) error = NULL;
        if (!g_file_set_contents(path, texts[i], -1, &error))
            g_error("%s", error->message);
    }
    return 0;
}
