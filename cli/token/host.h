// SPDX-License-Identifier: MIT
/*
 * A host is what loads a PKCS#11 module for a command, and the tokens it shows. The module is
 * opened by the core's loader, so it is never closed; it is finalised when the process ends.
 */
#ifndef P11D_HOST_H
#define P11D_HOST_H

#include <stdbool.h>

#include <glib.h>

#include "loader.h"
#include "options.h"
#include "secret.h"

typedef struct P11dHost {
    P11dLibrary *library;
    char *reserved; /* what it was told in pReserved, or NULL */
    CK_INFO info;
    GPtrArray *tokens; /* of P11dHostToken, owned */
} P11dHost;

typedef struct P11dHostToken {
    CK_FUNCTION_LIST *functions;
    const char *module; /* the path of its library, which stays */
    CK_SLOT_ID slot;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session; /* 0 until p11d_host_session */
    bool logged_in;
    bool refused;   /* a login failed: no other is tried */
    P11dSecret pin; /* with which it was logged in to; for keys that ask again each time */
} P11dHostToken;

/* Loads the module that options name, initialises it and looks what tokens it shows. NULL with
 * error set. The caller frees it; the module stays. */
P11dHost *p11d_host_open(const P11dOptions *options, GError **error);
/* The same with the module at path, for whoever takes care of crashes himself. reserved: for
 * C_Initialize, or NULL. */
P11dHost *p11d_host_load(const char *path, const char *reserved, GError **error);
void p11d_host_free(P11dHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dHost, p11d_host_free)

/* Opens a read-only session with token unless it has one. */
gboolean p11d_host_session(P11dHostToken *token, GError **error);

/* The token's flags as of now: those about PINs change while it is in use. */
CK_FLAGS p11d_host_flags(P11dHostToken *token);

/* The token's label, for messages. The caller frees it. */
char *p11d_host_label(const P11dHostToken *token);

/* True if both tokens have the same label, so that it names neither of them. */
bool p11d_host_is_namesake(const P11dHostToken *a, const P11dHostToken *b);

#endif
