// SPDX-License-Identifier: MIT
#include "ecdsa.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>

/* The DER of signature, which is freed. NULL for NULL. */
static GBytes *to_der(ECDSA_SIG *signature)
{
    unsigned char *der = NULL;
    int size = signature ? i2d_ECDSA_SIG(signature, &der) : -1;
    GBytes *bytes = size > 0 ? g_bytes_new(der, (gsize)size) : NULL;
    OPENSSL_free(der);
    ECDSA_SIG_free(signature);
    return bytes;
}

GBytes *p11d_ecdsa_der_of_raw(GBytes *raw)
{
    gsize size;
    const unsigned char *p = g_bytes_get_data(raw, &size);
    if (size == 0 || size % 2 != 0 || size > 1024)
        return NULL;
    int half = (int)size / 2;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(p, half, NULL);
    BIGNUM *s = BN_bin2bn(p + half, half, NULL);
    if (!signature || !r || !s || !ECDSA_SIG_set0(signature, r, s)) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return NULL;
    }
    return to_der(signature);
}

size_t p11d_ecdsa_der_size(GBytes *bytes)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    if (size < 3 || data[0] != 0x30)
        return 0;
    if (data[1] == 0x81) /* of P-521, as no other has more than 127 bytes */
        return 3U + data[2];
    return data[1] < 0x80 ? 2U + data[1] : 0;
}

bool p11d_ecdsa_is_der(GBytes *signature, size_t coordinate)
{
    gsize size;
    const unsigned char *p = g_bytes_get_data(signature, &size);
    if (size < 2 || size > 1024)
        return false;
    ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &p, (long)size);
    if (!parsed)
        return false;
    bool fits = (size_t)BN_num_bytes(ECDSA_SIG_get0_r(parsed)) <= coordinate &&
                (size_t)BN_num_bytes(ECDSA_SIG_get0_s(parsed)) <= coordinate;
    /* Only DER counts: the same bytes must come out again. */
    g_autoptr(GBytes) again = to_der(parsed);
    return fits && again && g_bytes_equal(again, signature);
}
