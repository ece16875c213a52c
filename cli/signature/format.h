// SPDX-License-Identifier: MIT
/*
 * A format is what a signature is wrapped in: nothing ("der", "raw"), or what says who signed and
 * how ("cms", "ssh"). All that differs between formats is in a row of the table in format.c.
 */
#ifndef P11D_FORMAT_H
#define P11D_FORMAT_H

#include <stdbool.h>

#include "encoding.h"
#include "finding.h"
#include "signing.h"
#include "trust.h"

/* What can be asked of some formats only. */
enum {
    P11D_FORMAT_PREHASHED = 1 << 0,   /* --prehashed: made of a digest alone */
    P11D_FORMAT_NAMESPACE = 1 << 1,   /* -n */
    P11D_FORMAT_CERTIFICATE = 1 << 2, /* --cert: names the signer by a certificate */
    P11D_FORMAT_ATTACHED = 1 << 3,    /* --attached: holds what is signed */
    P11D_FORMAT_ALGORITHM = 1 << 4,   /* verify -a: does not say itself how it was signed */
};

/* A claim is a signature together with what it is said to be a signature of. */
typedef struct P11dClaim {
    GBytes *signature;     /* decoded to what the format defines */
    const char *file;      /* what is said to be signed; NULL: not named */
    GBytes *content;       /* what is in that file, if it was read already; else NULL */
    gboolean no_input;     /* standard input is not what is signed, if no file is */
    const char *format;    /* by name, if it was asked for; NULL: recognised */
    const char *algorithm; /* as asked for; NULL: the usual one */
    gboolean prehashed;    /* the file is the digest */
    const char *namespace; /* that it must be for */
} P11dClaim;

/* What is said to be signed; without a file, standard input. NULL with error set. */
P11dInput *p11d_claim_open(const P11dClaim *claim, GError **error);

typedef struct P11dFormat {
    const char *name;
    const char *suffix;          /* of the file that it is written to */
    const char *attached_suffix; /* of one that holds what is signed too; NULL: there is none */
    const char *other_suffix;    /* that people use as well; NULL: there is none */
    const char *label;           /* of its PEM block */
    unsigned column;             /* characters on a line of that */
    P11dEncoding encoding;       /* unless another is asked for */
    unsigned takes;              /* P11D_FORMAT_… */
    unsigned trusts;             /* P11D_TRUST_… */
    /* The algorithm for a key where none is asked for; NULL: what such a key uses anyway. */
    const char *(*usual_algorithm)(const P11dAlgorithmKey *key);
    /* Gets and checks, once, what signing needs beyond the key; or NULL. */
    gboolean (*prepare)(P11dSigning *signing, const P11dHost *host, GError **error);
    /* Signs all of input. NULL with error set. */
    GBytes *(*sign)(const P11dSigning *signing, P11dInput *input, GError **error);
    /* True if the bytes look like a signature in this format. */
    bool (*recognise)(GBytes *signature);
    /* Checks a claim. FALSE with error set if nothing could be found out; a file that cannot be
     * read is that even where the signature is bad as it stands. Sets finding, whose format is set.
     */
    gboolean (*verify)(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                       GError **error);
} P11dFormat;

/* Something that was asked for, and what a format must take to do it. */
typedef struct P11dFormatWish {
    unsigned flag; /* P11D_FORMAT_… */
    gboolean is_asked;
    const char *what; /* as the user knows it: "--prehashed" */
} P11dFormatWish;

/* The choices as a help text shows them. */
#define P11D_FORMAT_NAMES "der|raw|cms|ssh"

/* Row i of the table, NULL behind the last. */
const P11dFormat *p11d_format_get(size_t i);

/* The row of that name. NULL with error set to a usage error. */
const P11dFormat *p11d_format_find(const char *name, GError **error);

/* FALSE with error set to a usage error for the first of count wishes that format cannot fulfil. */
gboolean p11d_format_check(const P11dFormat *format, const P11dFormatWish *wishes, size_t count,
                           const char *hint, GError **error);

/* The row that a signature looks like which is trusted in that way (P11D_TRUST_…). */
const P11dFormat *p11d_format_recognise(GBytes *signature, unsigned trust);

#endif
