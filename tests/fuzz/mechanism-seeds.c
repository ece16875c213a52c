// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: every mechanism with parameters that its
 * shape allows. */
#include <gio/gio.h>
#include <string.h>

#include "mechanism.h"

/* A structure of that shape in which every field has a value. */
static void fill(const P11dParameterShape *shape, uint8_t *structure)
{
    static uint8_t bytes[] = {4, 1, 2, 3, 4};
    static uint8_t *const pointer = bytes;
    static const CK_ULONG length = sizeof bytes, hash = CKM_SHA256, one = 1;
    for (size_t i = 0; i < shape->field_count; i++) {
        const P11dParameter *field = &shape->fields[i];
        if (field->kind == P11D_PARAMETER_BYTES || field->kind == P11D_PARAMETER_POINT) {
            memcpy(structure + field->at, &pointer, sizeof pointer);
            memcpy(structure + field->length, &length, sizeof length);
        } else if (field->kind == P11D_PARAMETER_BOOLEAN) {
            structure[field->at] = CK_TRUE;
        } else if (field->kind != P11D_PARAMETER_INLINE) {
            const CK_ULONG *number = field->kind == P11D_PARAMETER_HASH ? &hash : &one;
            memcpy(structure + field->at, number, sizeof *number);
        }
    }
}

static void write_seed(const char *directory, size_t row)
{
    uint8_t structure[P11D_PARAMETER_STORAGE] = {0};
    const P11dMechanism *mechanism = &p11d_mechanisms[row];
    CK_MECHANISM filled = {mechanism->type, structure, mechanism->shape->size};
    P11dBuffer buffer;
    P11dWriter writer;
    fill(mechanism->shape, structure);
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    if (p11d_mechanism_write_parameters(&writer, &filled) != CKR_OK)
        g_error("%s", mechanism->name);
    if (mechanism->hash != P11D_MECHANISM_NONE) {
        p11d_writer_entry(&writer, "prehashed", "b");
        p11d_writer_boolean(&writer, true);
    }
    p11d_writer_array_end(&writer, array);

    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) seed = g_byte_array_new();
    uint8_t choice[] = {(uint8_t)row, (uint8_t)(row >> 8)};
    g_byte_array_append(seed, choice, sizeof choice);
    g_byte_array_append(seed, buffer.data, (guint)buffer.size);
    g_autofree char *path = g_build_filename(directory, mechanism->name, NULL);
    if (!g_file_set_contents(path, (const char *)seed->data, (gssize)seed->len, &error))
        g_error("%s: %s", path, error->message);
    p11d_buffer_clear(&buffer);
}

int main(int argc, char **argv)
{
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) != 0) {
        g_printerr("usage: seeds-mechanism DIRECTORY\n");
        return 2;
    }
    for (size_t row = 0; row < p11d_mechanism_count; row++)
        write_seed(argv[1], row);
    return 0;
}
