// SPDX-License-Identifier: MIT
#include "format.h"

#include <string.h>

#include "bare.h"
#include "cms.h"
#include "failure.h"
#include "ssh.h"
#include "sshsig.h"

/* The first that recognises a signature takes it; the last are bare, which look like nothing. */
static const P11dFormat formats[] = {
    {
        .name = "cms",
        .suffix = ".p7s",
        .attached_suffix = ".p7m",
        .label = "CMS",
        .column = 64,
        .encoding = P11D_ENCODING_BINARY,
        .takes = P11D_FORMAT_CERTIFICATE | P11D_FORMAT_ATTACHED,
        .trusts = P11D_TRUST_KEY | P11D_TRUST_AUTHORITIES,
        .prepare = p11d_cms_prepare,
        .sign = p11d_cms_sign,
        .recognise = p11d_cms_recognise,
        .verify = p11d_cms_verify,
    },
    {
        .name = "ssh",
        .suffix = ".sig",
        .other_suffix = ".ssh",
        .label = "SSH SIGNATURE",
        .column = 70,
        .encoding = P11D_ENCODING_PEM,
        .takes = P11D_FORMAT_NAMESPACE,
        .trusts = P11D_TRUST_KEY | P11D_TRUST_SIGNERS,
        .usual_algorithm = p11d_ssh_usual_algorithm,
        .prepare = p11d_ssh_prepare,
        .sign = p11d_ssh_sign,
        .recognise = p11d_sshsig_is,
        .verify = p11d_ssh_verify,
    },
    {
        .name = "der",
        .suffix = ".sig",
        .label = "SIGNATURE",
        .column = 64,
        .encoding = P11D_ENCODING_BINARY,
        .takes = P11D_FORMAT_PREHASHED | P11D_FORMAT_ALGORITHM,
        .trusts = P11D_TRUST_KEY,
        .sign = p11d_bare_sign_der,
        .recognise = p11d_bare_recognise,
        .verify = p11d_bare_verify,
    },
    {
        .name = "raw",
        .suffix = ".sig",
        .label = "SIGNATURE",
        .column = 64,
        .encoding = P11D_ENCODING_BINARY,
        .takes = P11D_FORMAT_PREHASHED | P11D_FORMAT_ALGORITHM,
        .trusts = P11D_TRUST_KEY,
        .sign = p11d_bare_sign_raw,
        .recognise = p11d_bare_recognise,
        .verify = p11d_bare_verify,
    },
};

P11dInput *p11d_claim_open(const P11dClaim *claim, GError **error)
{
    return claim->content ? p11d_input_of_bytes(claim->content, claim->file)
                          : p11d_input_open(claim->file, error);
}

const P11dFormat *p11d_format_get(size_t i)
{
    return i < G_N_ELEMENTS(formats) ? &formats[i] : NULL;
}

const P11dFormat *p11d_format_find(const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    p11d_failure_set(error, P11D_FAILURE_USAGE, "formats are " P11D_FORMAT_NAMES,
                     "there is no format \"%s\"", name);
    return NULL;
}

gboolean p11d_format_check(const P11dFormat *format, const P11dFormatWish *wishes, size_t count,
                           const char *hint, GError **error)
{
    for (size_t i = 0; i < count; i++)
        if (wishes[i].is_asked && !(format->takes & wishes[i].flag)) {
            p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "%s does not go with format %s",
                             wishes[i].what, format->name);
            return FALSE;
        }
    return TRUE;
}

const P11dFormat *p11d_format_recognise(GBytes *signature, unsigned trust)
{
    const P11dFormat *checkable = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (!(formats[i].trusts & trust))
            continue;
        if (formats[i].recognise(signature))
            return &formats[i];
        checkable = &formats[i];
    }
    return checkable;
}
