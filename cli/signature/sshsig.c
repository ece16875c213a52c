// SPDX-License-Identifier: MIT
#include "sshsig.h"

#include <string.h>

#include "sshwire.h"
#include "text.h"

#define MAGIC "SSHSIG"
#define MAGIC_SIZE (sizeof MAGIC - 1)
#define VERSION 1

P11dSshsigPart p11d_sshsig_part(const char *text)
{
    return (P11dSshsigPart){(const guint8 *)text, strlen(text)};
}

P11dSshsigPart p11d_sshsig_part_of_bytes(GBytes *bytes)
{
    P11dSshsigPart part;
    part.data = g_bytes_get_data(bytes, &part.size);
    return part;
}

bool p11d_sshsig_part_is(P11dSshsigPart part, const char *text)
{
    return part.size == strlen(text) && memcmp(part.data, text, part.size) == 0;
}

bool p11d_sshsig_is(GBytes *bytes)
{
    P11dSshsigPart all = p11d_sshsig_part_of_bytes(bytes);
    return all.size >= MAGIC_SIZE && memcmp(all.data, MAGIC, MAGIC_SIZE) == 0;
}

static bool take(P11dSshwireReader *reader, P11dSshsigPart *part)
{
    return p11d_sshwire_get_string(reader, &part->data, &part->size);
}

bool p11d_sshsig_parse(P11dSshsig *sshsig, GBytes *bytes)
{
    if (!p11d_sshsig_is(bytes))
        return false;
    P11dSshsigPart all = p11d_sshsig_part_of_bytes(bytes);
    P11dSshwireReader outer = p11d_sshwire_reader(all.data + MAGIC_SIZE, all.size - MAGIC_SIZE);
    guint32 version;
    P11dSshsigPart reserved;
    P11dSshsigPart signature;
    if (!p11d_sshwire_get_u32(&outer, &version) || version != VERSION ||
        !take(&outer, &sshsig->key) || !take(&outer, &sshsig->namespace) ||
        sshsig->namespace.size == 0 || !take(&outer, &reserved) || !take(&outer, &sshsig->hash) ||
        !take(&outer, &signature) || !p11d_text_is_blank(outer.p, outer.left))
        return false;
    P11dSshwireReader inner = p11d_sshwire_reader(signature.data, signature.size);
    if (!take(&inner, &sshsig->algorithm) || !take(&inner, &sshsig->signature))
        return false;
    sshsig->more = (P11dSshsigPart){inner.p, inner.left};
    return true;
}

static GByteArray *begin(void)
{
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const guint8 *)MAGIC, MAGIC_SIZE);
    return out;
}

static void put(GByteArray *out, P11dSshsigPart part)
{
    p11d_sshwire_put_string(out, part.data, part.size);
}

static void put_reserved(GByteArray *out)
{
    p11d_sshwire_put_string(out, NULL, 0);
}

GBytes *p11d_sshsig_write(const P11dSshsig *sshsig)
{
    g_autoptr(GByteArray) signature = g_byte_array_new();
    put(signature, sshsig->algorithm);
    put(signature, sshsig->signature);
    if (sshsig->more.size > 0)
        g_byte_array_append(signature, sshsig->more.data, (guint)sshsig->more.size);
    GByteArray *out = begin();
    p11d_sshwire_put_u32(out, VERSION);
    put(out, sshsig->key);
    put(out, sshsig->namespace);
    put_reserved(out);
    put(out, sshsig->hash);
    p11d_sshwire_put_string(out, signature->data, signature->len);
    return g_byte_array_free_to_bytes(out);
}

GBytes *p11d_sshsig_signed_data(const char *namespace, const char *hash, GBytes *digest)
{
    GByteArray *out = begin();
    put(out, p11d_sshsig_part(namespace));
    put_reserved(out);
    put(out, p11d_sshsig_part(hash));
    put(out, p11d_sshsig_part_of_bytes(digest));
    return g_byte_array_free_to_bytes(out);
}
