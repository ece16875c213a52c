// SPDX-License-Identifier: MIT
#include "lineends.h"

#include <string.h>

static void add(GByteArray *out, const void *bytes, gsize size)
{
    g_byte_array_append(out, bytes, (guint)size);
}

static void to_crlf(P11dLineends *ends, const guint8 *bytes, gsize size, GByteArray *out)
{
    const guint8 *end = bytes + size;
    while (bytes < end) {
        const guint8 *lf = memchr(bytes, '\n', (gsize)(end - bytes));
        const guint8 *stop = lf ? lf : end;
        add(out, bytes, (gsize)(stop - bytes));
        if (stop > bytes)
            ends->after_cr = stop[-1] == '\r';
        if (lf)
            add(out, ends->after_cr ? "\n" : "\r\n", ends->after_cr ? 1 : 2);
        ends->after_cr = lf ? false : ends->after_cr;
        bytes = lf ? lf + 1 : end;
    }
}

static void to_lf(P11dLineends *ends, const guint8 *bytes, gsize size, GByteArray *out)
{
    const guint8 *end = bytes + size;
    if (ends->after_cr && (size == 0 || *bytes != '\n'))
        add(out, "\r", 1);
    ends->after_cr = false;
    while (bytes < end) {
        const guint8 *cr = memchr(bytes, '\r', (gsize)(end - bytes));
        const guint8 *stop = cr ? cr : end;
        add(out, bytes, (gsize)(stop - bytes));
        if (cr && cr + 1 < end && cr[1] != '\n')
            add(out, cr, 1);
        ends->after_cr = cr && cr + 1 == end;
        bytes = cr ? cr + 1 : end;
    }
}

void p11d_lineends_convert(P11dLineends *ends, const guint8 *bytes, gsize size, GByteArray *out)
{
    g_byte_array_set_size(out, 0);
    (ends->crlf ? to_crlf : to_lf)(ends, bytes, size, out);
}
