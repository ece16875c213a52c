// SPDX-License-Identifier: MIT
/*
 * Replays inputs through a fuzz target: each argument is a file, or a directory of files. No input
 * at all is a failure.
 */
#include <gio/gio.h>

#include "fuzz.h"

static size_t replayed;

static void replay_file(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    gsize size;
    if (!g_file_get_contents(path, &data, &size, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(1);
    }
    /* Without a byte to spare, so that a sanitizer sees what reads beyond. */
    g_autofree uint8_t *exact = g_memdup2(data, size);
    if (g_getenv("FUZZ_VERBOSE"))
        fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(exact, size);
    replayed++;
}

static void replay(const char *path)
{
    g_autoptr(GDir) directory = g_dir_open(path, 0, NULL);
    if (!directory) {
        replay_file(path);
        return;
    }
    const char *name;
    while ((name = g_dir_read_name(directory)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        replay_file(file);
    }
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%zu inputs\n", replayed);
    return replayed > 0 ? 0 : 1;
}
