// SPDX-License-Identifier: MIT
#include "cmsmessage.h"

#include <string.h>

#include "cms.h"
#include "holder.h"
#include "text.h"

/* More than this in one message is an attack on whoever reads it. */
#define MAX_SIGNERS 64
#define MAX_CERTIFICATES 1024

/* A SEQUENCE, of definite length or not, that begins with the type signedData. */
bool p11d_cms_recognise(GBytes *signature)
{
    static const guint8 signed_data[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                         0xf7, 0x0d, 0x01, 0x07, 0x02};
    gsize size;
    const guint8 *data = g_bytes_get_data(signature, &size);
    if (size < 2 || data[0] != 0x30)
        return false;
    gsize header = 2 + (data[1] & 0x80 ? data[1] & 0x7f : 0);
    return size >= header + sizeof signed_data &&
           memcmp(data + header, signed_data, sizeof signed_data) == 0;
}

/* White space behind it is what editors put there. */
static CMS_ContentInfo *read_info(const unsigned char *data, gsize size)
{
    const unsigned char *p = data;
    CMS_ContentInfo *info = d2i_CMS_ContentInfo(NULL, &p, (long)size);
    if (info && p11d_text_is_blank(p, (gsize)(data + size - p)))
        return info;
    CMS_ContentInfo_free(info);
    return NULL;
}

bool p11d_cmsmessage_parse(P11dCmsmessage *message, GBytes *bytes)
{
    gsize size;
    const unsigned char *data = g_bytes_get_data(bytes, &size);
    if (!p11d_cms_recognise(bytes) || !(message->info = read_info(data, size)) ||
        OBJ_obj2nid(CMS_get0_type(message->info)) != NID_pkcs7_signed)
        return false;
    ASN1_OCTET_STRING **content = CMS_get0_content(message->info);
    if (!content || !CMS_get0_eContentType(message->info))
        return false;
    if (*content)
        message->inside =
            g_bytes_new(ASN1_STRING_get0_data(*content), (gsize)ASN1_STRING_length(*content));
    message->certificates = CMS_get1_certs(message->info);
    int count = sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(message->info));
    return count > 0 && count <= MAX_SIGNERS &&
           sk_X509_num(message->certificates) <= MAX_CERTIFICATES;
}

static X509 *find_certificate(CMS_SignerInfo *info, const P11dCertificates *certificates)
{
    for (int i = 0; i < sk_X509_num(certificates); i++)
        if (CMS_SignerInfo_cert_cmp(info, sk_X509_value(certificates, i)) == 0)
            return sk_X509_value(certificates, i);
    return NULL;
}

gboolean p11d_cmsmessage_read_signers(P11dCmsmessage *message, const P11dCertificates *others,
                                      GError **error)
{
    STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(message->info);
    int count = sk_CMS_SignerInfo_num(infos);
    message->signers = g_new0(P11dCmssigner, (gsize)count);
    message->named = g_new0(X509 *, (gsize)count);
    message->count = count;
    for (int i = 0; i < count; i++) {
        CMS_SignerInfo *info = sk_CMS_SignerInfo_value(infos, i);
        if (!p11d_cmssigner_init(&message->signers[i], info, error))
            return FALSE;
        message->named[i] = find_certificate(info, message->certificates);
        if (!message->named[i])
            message->named[i] = find_certificate(info, others);
    }
    return TRUE;
}

char *p11d_cmsmessage_name(const P11dCmsmessage *message, int i)
{
    return message->named[i] ? p11d_holder_name(message->named[i])
                             : g_strdup_printf("signer %d, who has no certificate in it", i + 1);
}

void p11d_cmsmessage_clear(P11dCmsmessage *message)
{
    for (int i = 0; i < message->count; i++)
        p11d_cmssigner_clear(&message->signers[i]);
    g_free(message->signers);
    g_free(message->named);
    CMS_ContentInfo_free(message->info);
    p11d_certfile_free(message->certificates);
    g_clear_pointer(&message->inside, g_bytes_unref);
    *message = (P11dCmsmessage){0};
}
