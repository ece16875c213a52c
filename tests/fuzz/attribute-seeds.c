// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: every attribute with values of zeroes of
 * all lengths that fit, and templates in templates. */
#include <gio/gio.h>

#include "attribute.h"

static const char *directory;

static void write_seed(const char *name, CK_ULONG number, const CK_ATTRIBUTE *attributes,
                       CK_ULONG count)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    if (p11d_attribute_write_all(&writer, attributes, count) == CKR_OK) {
        g_autoptr(GError) error = NULL;
        g_autofree char *file = g_strdup_printf("%s.%lu", name, number);
        g_autofree char *path = g_build_filename(directory, file, NULL);
        if (!g_file_set_contents(path, (const char *)buffer.data, (gssize)buffer.size, &error))
            g_error("%s: %s", path, error->message);
    }
    p11d_buffer_clear(&buffer);
}

int main(int argc, char **argv)
{
    static uint8_t zeroes[32];
    static const CK_ULONG sizes[] = {0, sizeof(CK_BBOOL), sizeof(CK_ULONG), 2 * sizeof(CK_ULONG)};
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) != 0) {
        g_printerr("usage: seeds-attribute DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(sizes); k++) {
            CK_ATTRIBUTE attribute = {p11d_attributes[i].type, zeroes, sizes[k]};
            write_seed(p11d_attributes[i].name, sizes[k], &attribute, 1);
        }
    }
    CK_ATTRIBUTE levels[P11D_TEMPLATE_DEPTH] = {{CKA_START_DATE, "20260101", 8}};
    for (size_t i = 1; i < G_N_ELEMENTS(levels); i++) {
        levels[i] = (CK_ATTRIBUTE){CKA_WRAP_TEMPLATE, &levels[i - 1], sizeof levels[0]};
        write_seed("nested", i, &levels[i], 1);
    }
    CK_ATTRIBUTE several[] = {
        {CKA_LABEL, "label", 5}, {0xce534351UL, zeroes, 8}, levels[1], {CKA_TOKEN, zeroes, 1}};
    write_seed("several", 0, several, G_N_ELEMENTS(several));
    return 0;
}
