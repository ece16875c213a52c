// SPDX-License-Identifier: MIT
/*
 * A target is what the user named: a PKCS#11 URI (RFC 7512), narrowed by --token, --label and --id.
 * It chooses tokens and objects; that it chooses exactly one key is checked here, so that no
 * command ever takes "the first".
 */
#ifndef P11D_TARGET_H
#define P11D_TARGET_H

#include "item.h"

typedef struct P11dTarget {
    P11KitUri *uri;
    char *text;       /* to be shown: without a PIN */
    bool has_class;   /* the URI says type=… */
    bool has_objects; /* it says something of objects, not only of tokens */
    CK_OBJECT_CLASS class;
} P11dTarget;

/* uri: NULL for none. NULL with error set to a usage error: no URI, a contradiction, a PIN in it.
 */
P11dTarget *p11d_target_new(const char *uri, const P11dOptions *options, GError **error);
void p11d_target_free(P11dTarget *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dTarget, p11d_target_free)

/* True if nothing at all was named. */
bool p11d_target_is_empty(const P11dTarget *target);

/*
 * Checks that the URI of -k is not what a shell leaves of one that stood without quotes: a ; ends
 * the command there, so that the URI is its last word and may name a token alone, whose only key
 * would be another one. FALSE with error set to a usage error.
 */
gboolean p11d_target_check_whole(const P11dTarget *target, const P11dOptions *options,
                                 GError **error);

/* The tokens of host that the target can be on, borrowed from host; the caller frees the array. */
GPtrArray *p11d_target_tokens(const P11dTarget *target, const P11dHost *host);

/* Adds the items of that class (CK_UNAVAILABLE_INFORMATION: of any) on token that the target names
 * to items. */
gboolean p11d_target_search(const P11dTarget *target, P11dHostToken *token, CK_OBJECT_CLASS class,
                            GPtrArray *items, GError **error);

/*
 * Logs in to the one of tokens that needs it, and returns it; NULL without error if none does. A
 * PIN is for one token: where several need it, the user has to say which, and error says so.
 */
P11dHostToken *p11d_target_log_in(const P11dTarget *target, const GPtrArray *tokens,
                                  const P11dOptions *options, GError **error);

/*
 * The one private key that the target names; one that names a certificate means the private key
 * with the same CKA_ID. Logs in where the key cannot be seen without, and at most on one token.
 * items keeps what was found. NULL with error set: nothing, or more than one; no login.
 */
P11dItem *p11d_target_private_key(const P11dTarget *target, const P11dHost *host,
                                  const P11dOptions *options, GPtrArray *items, GError **error);

/* The one certificate that the target names, as far as it can be seen without a login. items and
 * NULL as above. */
P11dItem *p11d_target_certificate(const P11dTarget *target, const P11dHost *host, GPtrArray *items,
                                  GError **error);

/* The one public key, else certificate, else private key that holds what is needed to verify. */
P11dItem *p11d_target_public_key(const P11dTarget *target, const P11dHost *host, GPtrArray *items,
                                 GError **error);

/* Sets error to "nothing matched", with a hint that says what was there; where our own module shows
 * no token at all, to a failure of the service. */
void p11d_target_set_no_match(const P11dTarget *target, const P11dHost *host, const char *what,
                              GError **error);

/* Sets error to "more than one matched"; uris (of char *, p11d_candidate_list) are the candidates,
 * what says what they are, in the plural, and advice, or NULL, how else they are told apart. */
void p11d_target_set_ambiguous(const P11dTarget *target, const GPtrArray *uris, const char *what,
                               const char *advice, GError **error);

#endif
