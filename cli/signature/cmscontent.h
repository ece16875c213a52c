// SPDX-License-Identifier: MIT
/*
 * A cmscontent is what a CMS message is said to be a signature of, as far as it has to be known for
 * that: it is read once, whatever its size, unless it is looked at as text.
 */
#ifndef P11D_CMSCONTENT_H
#define P11D_CMSCONTENT_H

#include "cmsmessage.h"
#include "digests.h"
#include "format.h"
#include "lineends.h"

/* The line ends that the content may have had when it was signed as text. */
typedef enum P11dCmscontentText {
    P11D_CMSCONTENT_LF,
    P11D_CMSCONTENT_CRLF,
    P11D_CMSCONTENT_TEXTS,
} P11dCmscontentText;

typedef struct P11dCmscontent {
    P11dInput *input;
    P11dDigests digests;
    P11dDigests texts[P11D_CMSCONTENT_TEXTS]; /* with those line ends */
    bool has_texts;                           /* those were made */
    GBytes *whole;                            /* all of it, where a signer needs that, or NULL */
    GByteArray *head;                         /* how it starts */
    bool same; /* it is also what the message holds, if that holds any */
} P11dCmscontent;

/* Reads what claim names, or what is in message. FALSE with error set; content is empty before, and
 * to be cleared in any case. */
gboolean p11d_cmscontent_read(P11dCmscontent *content, const P11dClaim *claim,
                              const P11dCmsmessage *message, GError **error);

/* Makes texts, if that was not done while it was read for the first and only time. False if it
 * cannot be read again. */
bool p11d_cmscontent_read_texts(P11dCmscontent *content);

/*
 * Whether the content starts as signed attributes do: a SET of a SEQUENCE that starts with an
 * OBJECT IDENTIFIER. A signature of somebody's attributes is, without them, a signature of content
 * that is those very attributes, which he never meant to sign. So such content needs attributes.
 */
bool p11d_cmscontent_can_be_attributes(const P11dCmscontent *content);

void p11d_cmscontent_clear(P11dCmscontent *content);

#endif
