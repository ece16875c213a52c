// SPDX-License-Identifier: MIT
/*
 * Any bytes as a SubjectPublicKeyInfo. The parts of what is accepted lie within it, and the key
 * that is built from the parts is the same key.
 */
#include "publickey.h"

#include <string.h>

#include "fuzz.h"

static void check_within(P11dBytes part, const uint8_t *data, size_t size)
{
    if (part.size == 0)
        return;
    FUZZ_EXPECT(part.data >= data && part.data <= data + size);
    FUZZ_EXPECT(part.size <= (size_t)(data + size - part.data));
}

static void check_built_again(const P11dPublicKey *key, const P11dTemplate *parts)
{
    P11dBuffer buffer;
    P11dPublicKey again;
    p11d_buffer_init(&buffer, 1 << 17);
    if (p11d_publickey_build(&buffer, parts)) {
        FUZZ_EXPECT(p11d_publickey_parse(&again, buffer.data, buffer.size));
        FUZZ_EXPECT(again.type == key->type);
        FUZZ_EXPECT(again.signature_size == key->signature_size);
        FUZZ_EXPECT(p11d_der_equal(again.modulus, key->modulus));
        FUZZ_EXPECT(p11d_der_equal(again.exponent, key->exponent));
        FUZZ_EXPECT(p11d_der_equal(again.params, key->params));
    }
    p11d_buffer_clear(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dPublicKey key;
    if (!p11d_publickey_parse(&key, data, size))
        return 0;
    check_within(key.info, data, size);
    check_within(key.bits, data, size);
    check_within(key.modulus, data, size);
    check_within(key.exponent, data, size);
    check_within(key.params, data, size);
    check_within(key.point, data, size);
    FUZZ_EXPECT(p11d_publickey_modulus_bits(&key) <= 8 * key.modulus.size);
    uint8_t id[P11D_PUBLICKEY_ID_SIZE];
    P11dTemplate parts;
    p11d_template_init(&parts);
    p11d_publickey_id(&key, id);
    FUZZ_EXPECT(p11d_publickey_add_parts(&key, &parts) == CKR_OK);
    check_built_again(&key, &parts);
    p11d_template_clear(&parts);
    return 0;
}
