// SPDX-License-Identifier: MIT
#include "sshwire.h"

#include <string.h>

P11dSshwireReader p11d_sshwire_reader(const void *bytes, gsize size)
{
    return (P11dSshwireReader){bytes, size};
}

bool p11d_sshwire_get_u32(P11dSshwireReader *reader, guint32 *value)
{
    guint32 raw;
    if (reader->left < sizeof raw)
        return false;
    memcpy(&raw, reader->p, sizeof raw);
    *value = GUINT32_FROM_BE(raw);
    reader->p += sizeof raw;
    reader->left -= sizeof raw;
    return true;
}

bool p11d_sshwire_get_string(P11dSshwireReader *reader, const guint8 **string, gsize *size)
{
    P11dSshwireReader rest = *reader;
    guint32 length;
    if (!p11d_sshwire_get_u32(&rest, &length) || length > rest.left)
        return false;
    *string = rest.p;
    *size = length;
    *reader = p11d_sshwire_reader(rest.p + length, rest.left - length);
    return true;
}

bool p11d_sshwire_get_mpint(P11dSshwireReader *reader, const guint8 **number, gsize *size)
{
    P11dSshwireReader rest = *reader;
    const guint8 *p;
    gsize length;
    if (!p11d_sshwire_get_string(&rest, &p, &length))
        return false;
    if (length > 0 && *p & 0x80) /* negative */
        return false;
    if (length > 0 && *p == 0) {
        if (length == 1 || !(p[1] & 0x80)) /* the zero byte is there for the sign only */
            return false;
        p++;
        length--;
    }
    *number = p;
    *size = length;
    *reader = rest;
    return true;
}

void p11d_sshwire_put_u32(GByteArray *out, guint32 value)
{
    guint32 raw = GUINT32_TO_BE(value);
    g_byte_array_append(out, (const guint8 *)&raw, sizeof raw);
}

void p11d_sshwire_put_string(GByteArray *out, const void *string, gsize size)
{
    p11d_sshwire_put_u32(out, (guint32)size);
    if (size > 0)
        g_byte_array_append(out, string, (guint)size);
}

void p11d_sshwire_put_mpint(GByteArray *out, const void *number, gsize size)
{
    static const guint8 zero = 0;
    const guint8 *p = number;
    while (size > 0 && *p == 0) {
        p++;
        size--;
    }
    bool sign = size > 0 && *p & 0x80;
    p11d_sshwire_put_u32(out, (guint32)(size + (sign ? 1 : 0)));
    if (sign)
        g_byte_array_append(out, &zero, 1);
    if (size > 0)
        g_byte_array_append(out, p, (guint)size);
}
