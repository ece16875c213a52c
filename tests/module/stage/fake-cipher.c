// SPDX-License-Identifier: MIT
#include "fake-cipher.h"

#include <string.h>

#include "mechanism.h"

bool fake_cipher_begin(FakeCipher *cipher, const char *mechanism, bool encrypts)
{
    CK_MECHANISM_TYPE type;
    *cipher = (FakeCipher){.encrypts = encrypts};
    if (p11d_mechanism_parse_name(mechanism, &type))
        cipher->row = p11d_cipher_find(type);
    return cipher->row;
}

static void change(FakeCipher *cipher, const uint8_t *bytes, size_t size, P11dBuffer *output)
{
    uint8_t *place = size > 0 ? p11d_buffer_reserve(output, size) : NULL;
    for (size_t i = 0; place && i < size; i++) {
        place[i] = bytes[i] ^ 0xaa;
        cipher->sum = (uint8_t)(cipher->sum + (cipher->encrypts ? bytes[i] : place[i]));
    }
    output->size += size;
}

/* How many bytes are held back of so many that came. */
static size_t held(const FakeCipher *cipher)
{
    if (cipher->row->tagged && !cipher->encrypts)
        return cipher->taken < FAKE_TAG ? cipher->taken : FAKE_TAG;
    return cipher->taken - p11d_cipher_flown(cipher->row, cipher->encrypts, cipher->taken);
}

void fake_cipher_update(FakeCipher *cipher, P11dBytes part, P11dBuffer *output)
{
    cipher->taken += part.size;
    const size_t out = cipher->held_size + part.size - held(cipher);
    const size_t old = out < cipher->held_size ? out : cipher->held_size;
    change(cipher, cipher->held, old, output);
    cipher->held_size -= old;
    memmove(cipher->held, cipher->held + old, cipher->held_size);
    change(cipher, part.data, out - old, output);
    if (part.size > out - old)
        memcpy(cipher->held + cipher->held_size, part.data + out - old, part.size - (out - old));
    cipher->held_size += part.size - (out - old);
}

static bool finish_decryption(FakeCipher *cipher, P11dBuffer *output)
{
    if (cipher->row->tagged) {
        for (size_t i = 0; i < FAKE_TAG; i++) {
            if (cipher->held_size != FAKE_TAG || cipher->held[i] != cipher->sum)
                return false;
        }
        return true;
    }
    change(cipher, cipher->held, cipher->held_size, output);
    if (!cipher->row->padding)
        return cipher->held_size == 0;
    const size_t padding = output->size > 0 ? output->data[output->size - 1] : 0;
    if (cipher->held_size != cipher->row->block || padding == 0 || padding > cipher->row->block)
        return false;
    p11d_buffer_truncate(output, output->size - padding);
    return true;
}

bool fake_cipher_finish(FakeCipher *cipher, P11dBuffer *output)
{
    if (!cipher->encrypts)
        return finish_decryption(cipher, output);
    if (cipher->row->padding) {
        const uint8_t padding = (uint8_t)(cipher->row->block - cipher->held_size);
        for (uint8_t i = 0; i < padding; i++)
            fake_cipher_update(cipher, (P11dBytes){&padding, 1}, output);
    }
    for (size_t i = 0; cipher->row->tagged && i < FAKE_TAG; i++)
        p11d_buffer_append(output, &cipher->sum, 1);
    return cipher->held_size == 0;
}
