// SPDX-License-Identifier: MIT
/*
 * An encoding is how bytes are written down: as they are, or as text in base64, hex or PEM (RFC
 * 7468), for places that take text only.
 */
#ifndef P11D_ENCODING_H
#define P11D_ENCODING_H

#include <glib.h>

typedef enum P11dEncoding {
    P11D_ENCODING_BINARY,
    P11D_ENCODING_BASE64,
    P11D_ENCODING_HEX,
    P11D_ENCODING_PEM,
    P11D_ENCODING_UNKNOWN,
} P11dEncoding;

/* The choices as a help text shows them. */
#define P11D_ENCODING_NAMES "binary|base64|hex|pem"

/* Sets encoding to the one of that name. FALSE with error set to a usage error. */
gboolean p11d_encoding_find(P11dEncoding *encoding, const char *name, GError **error);

/* bytes written down; text ends with a newline. label: of the PEM block ("CMS"). column: how many
 * characters of base64 stand on a line of it (RFC 7468 has 64, OpenSSH 70). */
GBytes *p11d_encoding_encode(P11dEncoding encoding, GBytes *bytes, const char *label,
                             unsigned column);

/*
 * The bytes again. P11D_ENCODING_UNKNOWN: the encoding is recognised; what is no text in one of
 * them counts as binary. White space and a byte order mark do not matter, nor does what is around a
 * block of PEM (pemtext.h), whose label may be any but one of certificates, CRLs and keys where
 * there is such another. NULL if written is not what encoding says.
 */
GBytes *p11d_encoding_decode(P11dEncoding encoding, GBytes *written);

#endif
