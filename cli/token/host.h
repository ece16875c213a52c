// SPDX-License-Identifier: MIT
/*
 * A host is what loads a PKCS#11 module for a command, and the tokens it shows. The module is
 * opened by the core's loader, so it is never closed; it is finalised when the process ends. Or an
 * agent (agent.h) has loaded it in another process, and is asked for all that is asked of tokens.
 */
#ifndef P11D_HOST_H
#define P11D_HOST_H

#include <stdbool.h>

#include <glib.h>

#include "loader.h"
#include "options.h"
#include "secret.h"

typedef struct P11dAgent P11dAgent;
typedef struct P11dItem P11dItem;
typedef struct P11dHostToken P11dHostToken;

typedef struct P11dHostMechanism {
    CK_MECHANISM_TYPE type;
    CK_MECHANISM_INFO info;
} P11dHostMechanism;

/* The operations on tokens of an agent: those of this header and item.h by these names. */
typedef struct P11dHostAway {
    gboolean (*session)(P11dHostToken *token, GError **error);
    CK_FLAGS (*flags)(P11dHostToken *token);
    CK_RV (*login)(P11dHostToken *token, CK_USER_TYPE user, const P11dSecret *pin);
    gboolean (*find)(P11dHostToken *token, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                     GPtrArray *items, GError **error);
    gboolean (*look_closer)(P11dItem *item, GError **error);
    CK_RV (*mechanisms)(P11dHostToken *token, GArray *mechanisms);
    void (*end)(P11dAgent *agent);
} P11dHostAway;

typedef struct P11dHost {
    P11dLibrary *library; /* NULL: an agent has it */
    const P11dHostAway *away;
    P11dAgent *agent; /* owned, or NULL */
    char *path;       /* of the library */
    char *reserved;   /* what it was told in pReserved, or NULL */
    CK_INFO info;
    GPtrArray *tokens; /* of P11dHostToken, owned */
    char *left_out;    /* of which slot it does not say what is in it, and why; NULL: of none */
} P11dHost;

struct P11dHostToken {
    CK_FUNCTION_LIST *functions; /* NULL: an agent is asked */
    const P11dHostAway *away;    /* how, or NULL */
    P11dAgent *agent;
    guint index;        /* among the tokens of its host */
    const char *module; /* the path of its library, borrowed from its host */
    CK_SLOT_ID slot;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO info;
    CK_SESSION_HANDLE session; /* 0 until p11d_host_session */
    bool logged_in;
    bool refused;   /* a login failed: no other is tried */
    P11dSecret pin; /* with which it was logged in to; for keys that ask again each time */
};

/* Loads the module that options name, initialises it and looks what tokens it shows. NULL with
 * error set. The caller frees it; the module stays. */
P11dHost *p11d_host_open(const P11dOptions *options, GError **error);
/* The same with the module at path, for whoever takes care of crashes himself. reserved: for
 * C_Initialize, or NULL. */
P11dHost *p11d_host_load(const char *path, const char *reserved, GError **error);
/* One whose module agent has, which is taken over; without tokens. */
P11dHost *p11d_host_new(const P11dHostAway *away, P11dAgent *agent);
/* Adds the token in slot, of which nothing else is known yet. The host owns it. */
P11dHostToken *p11d_host_add_token(P11dHost *host, CK_SLOT_ID slot);
void p11d_host_free(P11dHost *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dHost, p11d_host_free)

/* Opens a read-only session with token unless it has one. */
gboolean p11d_host_session(P11dHostToken *token, GError **error);

/* The token's flags as of now: those about PINs change while it is in use. */
CK_FLAGS p11d_host_flags(P11dHostToken *token);

/* C_Login; pin: no secret at all for one that is asked for on a keypad. */
CK_RV p11d_host_login(P11dHostToken *token, CK_USER_TYPE user, const P11dSecret *pin);

/* Adds what the token can do to mechanisms (of P11dHostMechanism, all zero where there is no
 * information). */
CK_RV p11d_host_mechanisms(P11dHostToken *token, GArray *mechanisms);

/* The token's label, for messages. The caller frees it. */
char *p11d_host_label(const P11dHostToken *token);

/* True if both tokens have the same label, so that it names neither of them. */
bool p11d_host_is_namesake(const P11dHostToken *a, const P11dHostToken *b);

#endif
