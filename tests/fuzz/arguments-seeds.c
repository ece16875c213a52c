// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: the arguments of every method that are
 * carried, with all options. */
#include <gio/gio.h>

#include "arguments.h"

static void write_seed(const char *directory, size_t row, const P11dArguments *arguments)
{
    const P11dMethod *method = &p11d_interface_token.methods[row];
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    if (p11d_arguments_write(arguments, &method->arguments, &writer) == CKR_OK) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) seed = g_byte_array_new();
        const uint8_t choice = (uint8_t)row;
        g_byte_array_append(seed, &choice, 1);
        g_byte_array_append(seed, buffer.data, (guint)buffer.size);
        g_autofree char *path = g_build_filename(directory, method->name, NULL);
        if (!g_file_set_contents(path, (const char *)seed->data, (gssize)seed->len, &error))
            g_error("%s: %s", path, error->message);
    }
    p11d_buffer_clear(&buffer);
}

int main(int argc, char **argv)
{
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) != 0) {
        g_printerr("usage: seeds-arguments DIRECTORY\n");
        return 2;
    }
    static uint8_t data[] = "data";
    CK_OBJECT_CLASS class = CKO_DATA;
    const CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, data, 4}};
    const CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    P11dKeptMechanism kept;
    if (p11d_kept_mechanism_make(&kept, &mechanism, true) != CKR_OK)
        g_error("a mechanism without parameters");
    const P11dArguments arguments = {
        .objects = {1, 2},
        .mechanism.kept = &kept,
        .bytes = {{data, 4}, {data, 2}},
        .pins = {{data, 4}, {data, 3}},
        .templates = {{.items = templ, .count = 2}, {.items = templ, .count = 1}},
        .user = CKU_USER,
        .purpose = P11D_PURPOSE_VERIFY,
        .stream = 3,
        .length = 32,
        .text = "text",
        .no_pin = true,
    };
    for (size_t row = 0; row < p11d_interface_token.method_count; row++)
        write_seed(argv[1], row, &arguments);
    p11d_kept_mechanism_clear(&kept);
    return 0;
}
