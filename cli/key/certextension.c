// SPDX-License-Identifier: MIT
#include "certextension.h"

#include <openssl/err.h>
#include <openssl/objects.h>

#include "oid.h"

P11dBytes p11d_certextension_find(P11dBytes extensions, int nid)
{
    P11dBytes found = {NULL, 0};
    P11dExtension extension;
    while (p11d_certificate_take_extension(&extensions, &extension)) {
        if (!p11d_oid_is(extension.oid, nid))
            continue;
        if (found.data)
            return p11d_der(NULL, 0);
        found = extension.value;
    }
    return found;
}

void *p11d_certextension_read(P11dBytes extensions, int nid, const ASN1_ITEM *item)
{
    P11dBytes value = p11d_certextension_find(extensions, nid);
    void *read =
        value.data ? ASN1_item_d2i(NULL, &value.data, (long)value.size, item) : (void *)NULL;
    ERR_clear_error();
    return read;
}

/* The first 16 bits of a BIT STRING, in the order of its bytes. */
static bool read_bits(P11dBytes extensions, int nid, uint32_t *bits)
{
    ASN1_BIT_STRING *string =
        p11d_certextension_read(extensions, nid, ASN1_ITEM_rptr(ASN1_BIT_STRING));
    const unsigned char *data = string ? ASN1_STRING_get0_data(string) : NULL;
    int size = string ? ASN1_STRING_length(string) : 0;
    *bits = size > 0 ? data[0] : 0;
    *bits |= size > 1 ? (uint32_t)data[1] << 8 : 0;
    ASN1_BIT_STRING_free(string);
    return string;
}

bool p11d_certextension_key_usage(P11dBytes extensions, uint32_t *bits)
{
    return read_bits(extensions, NID_key_usage, bits);
}

static bool have_one_name(const P11dCertificate *certificate)
{
    P11dBytes subject = certificate->subject, issuer = certificate->issuer;
    if (p11d_der_equal(subject, issuer))
        return true;
    X509_NAME *a = d2i_X509_NAME(NULL, &subject.data, (long)subject.size);
    X509_NAME *b = d2i_X509_NAME(NULL, &issuer.data, (long)issuer.size);
    bool equal = a && b && X509_NAME_cmp(a, b) == 0;
    X509_NAME_free(a);
    X509_NAME_free(b);
    ERR_clear_error();
    return equal;
}

/* Whether keys of the kind that the certificate is for make signatures as it bears one. */
static bool may_sign_itself(const P11dCertificate *certificate)
{
    P11dBytes whole = certificate->signature_algorithm, info = certificate->public_key_info;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &whole.data, (long)whole.size);
    X509_ALGOR *key = NULL;
    P11dBytes body;
    if (p11d_der_take(&info, P11D_DER_SEQUENCE, &body, NULL))
        key = d2i_X509_ALGOR(NULL, &body.data, (long)body.size);
    const ASN1_OBJECT *signs = NULL, *is = NULL;
    int wanted = NID_undef;
    if (algorithm && key) {
        X509_ALGOR_get0(&signs, NULL, NULL, algorithm);
        X509_ALGOR_get0(&is, NULL, NULL, key);
        OBJ_find_sigid_algs(OBJ_obj2nid(signs), NULL, &wanted);
    }
    int nid = is ? OBJ_obj2nid(is) : NID_undef;
    bool may = wanted != NID_undef &&
               (nid == wanted || (nid == NID_rsaEncryption && wanted == NID_rsassaPss));
    X509_ALGOR_free(algorithm);
    X509_ALGOR_free(key);
    ERR_clear_error();
    return may;
}

/* Roots from the time before extensions: of version 1, and signed by themselves. */
static bool is_old_root(const P11dCertificate *certificate, P11dBytes extensions)
{
    P11dBytes version = certificate->version, number = {NULL, 0};
    bool is_first =
        !version.data || (p11d_der_take_unsigned(&version, &number) && number.size == 0);
    return is_first && !p11d_certextension_find(extensions, NID_authority_key_identifier).data &&
           have_one_name(certificate) && may_sign_itself(certificate);
}

bool p11d_certextension_is_authority(const P11dCertificate *certificate, P11dBytes extensions)
{
    uint32_t usage, type;
    bool says_usage = p11d_certextension_key_usage(extensions, &usage);
    if (says_usage && !(usage & KU_KEY_CERT_SIGN))
        return false;
    BASIC_CONSTRAINTS *constraints = p11d_certextension_read(extensions, NID_basic_constraints,
                                                             ASN1_ITEM_rptr(BASIC_CONSTRAINTS));
    bool is_said = constraints && constraints->ca != 0;
    BASIC_CONSTRAINTS_free(constraints);
    if (constraints)
        return is_said;
    if (is_old_root(certificate, extensions) || says_usage)
        return true;
    return read_bits(extensions, NID_netscape_cert_type, &type) && (type & NS_ANY_CA) != 0;
}
