// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: a list, a difference, and the list of
 * another run, of keys, certificates and data. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "writer.h"

typedef struct Reply {
    P11dBuffer buffer;
    P11dWriter writer;
    P11dArray objects;
    P11dArray attributes;
} Reply;

static void begin(Reply *reply, uint64_t generation, bool complete)
{
    p11d_buffer_init(&reply->buffer, 1 << 16);
    p11d_writer_init(&reply->writer, &reply->buffer);
    p11d_writer_uint64(&reply->writer, generation);
    p11d_writer_boolean(&reply->writer, complete);
    reply->objects = p11d_writer_array_begin(&reply->writer, 8);
}

static void begin_object(Reply *reply, uint64_t id, const char *class_name, const char *label)
{
    p11d_writer_struct(&reply->writer);
    p11d_writer_uint64(&reply->writer, id);
    reply->attributes = p11d_writer_array_begin(&reply->writer, 8);
    p11d_writer_entry(&reply->writer, "class", "s");
    p11d_writer_string(&reply->writer, class_name);
    p11d_writer_entry(&reply->writer, "label", "s");
    p11d_writer_string(&reply->writer, label);
}

static void add_bytes(Reply *reply, const char *name, const unsigned char *value, int size)
{
    p11d_writer_entry(&reply->writer, name, "ay");
    p11d_writer_bytes(&reply->writer, value, size > 0 ? (size_t)size : 0);
}

static void end_object(Reply *reply)
{
    p11d_writer_array_end(&reply->writer, reply->attributes);
}

static void write_reply(Reply *reply, unsigned char kind, FILE *file)
{
    size_t size = reply->buffer.size;
    fputc((int)(size >> 8), file);
    fputc((int)(size & 0xff), file);
    fputc(kind, file);
    fwrite(reply->buffer.data, 1, size, file);
    p11d_buffer_clear(&reply->buffer);
}

/* Ends the reply, with the id removed in it, and writes it behind its header. */
static void end(Reply *reply, uint64_t removed, unsigned char before, FILE *file)
{
    p11d_writer_array_end(&reply->writer, reply->objects);
    P11dArray ids = p11d_writer_array_begin(&reply->writer, 8);
    p11d_writer_uint64(&reply->writer, removed);
    p11d_writer_array_end(&reply->writer, ids);
    write_reply(reply, before, file);
}

/* A reply to GetAttributes. */
static void write_answers(FILE *file)
{
    Reply reply;
    p11d_buffer_init(&reply.buffer, 1 << 16);
    p11d_writer_init(&reply.writer, &reply.buffer);
    reply.attributes = p11d_writer_array_begin(&reply.writer, 8);
    p11d_writer_entry(&reply.writer, "unique-id", "s");
    p11d_writer_string(&reply.writer, "u-1");
    p11d_writer_array_end(&reply.writer, reply.attributes);
    P11dArray errors = p11d_writer_array_begin(&reply.writer, 8);
    p11d_writer_struct(&reply.writer);
    p11d_writer_string(&reply.writer, "check-value");
    p11d_writer_string(&reply.writer, "AttributeSensitive");
    p11d_writer_array_end(&reply.writer, errors);
    write_reply(&reply, 3, file);
}

static void write_seed(FILE *file, EVP_PKEY *key)
{
    unsigned char *info = NULL;
    int size = i2d_PUBKEY(key, &info);
    Reply reply;
    begin(&reply, 1, true);
    begin_object(&reply, 1, "private-key", "k");
    add_bytes(&reply, "public-key-info", info, size);
    end_object(&reply);
    begin_object(&reply, 2, "public-key", "k");
    add_bytes(&reply, "public-key-info", info, size);
    end_object(&reply);
    begin_object(&reply, 3, "data", "d");
    p11d_writer_entry(&reply.writer, "private", "b");
    p11d_writer_boolean(&reply.writer, true);
    end_object(&reply);
    end(&reply, 9, 0, file);

    begin(&reply, 2, false);
    begin_object(&reply, 4, "secret-key", "s");
    add_bytes(&reply, "id", info, 4);
    end_object(&reply);
    end(&reply, 3, 0, file);
    write_answers(file);

    begin(&reply, 7, true);
    begin_object(&reply, 5, "private-key", "k");
    add_bytes(&reply, "public-key-info", info, size);
    end_object(&reply);
    end(&reply, 1, 1, file);

    begin(&reply, 8, true);
    begin_object(&reply, 6, "public-key", "k");
    add_bytes(&reply, "public-key-info", info, size);
    end_object(&reply);
    end(&reply, 5, 4, file);

    begin(&reply, 9, false);
    begin_object(&reply, 7, "secret-key", "made");
    end_object(&reply);
    end(&reply, 6, 5, file);
    OPENSSL_free(info);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"P-256", "ED25519"};
    if (argc != 2)
        return 2;
    mkdir(argv[1], 0777);
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", argv[1], names[i]);
        FILE *file = fopen(path, "wb");
        if (file == NULL)
            return 1;
        write_seed(file, i == 0 ? EVP_EC_gen(names[i]) : EVP_PKEY_Q_keygen(NULL, NULL, names[i]));
        if (fclose(file) != 0)
            return 1;
    }
    return 0;
}
