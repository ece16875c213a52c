// SPDX-License-Identifier: MIT
/*
 * Hosts are the modules of a command that takes several: those that -m names, or with "all" those
 * that p11-kit has configured for this program. One that fails is told and does not hide the
 * others; so that one that crashes or does not come back does neither, each is in a process of its
 * own (agent.h), unless it is the only one.
 */
#ifndef P11D_HOSTS_H
#define P11D_HOSTS_H

#include "target.h"

/* What -m takes for all of them. */
#define P11D_HOSTS_ALL "all"

typedef struct P11dHosts {
    GPtrArray *hosts;    /* of P11dHost, owned */
    GPtrArray *failures; /* of GError, owned: what was told, of modules and of tokens */
    bool several;        /* more than one module was named */
} P11dHosts;

/* Opens the modules. NULL with error set if nothing is left to look at: a usage error, or the one
 * module that was named fails. */
P11dHosts *p11d_hosts_open(const P11dOptions *options, GError **error);
void p11d_hosts_free(P11dHosts *hosts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dHosts, p11d_hosts_free)

/* Tells failure, which is taken over, and goes on. One that is told already is not told again. */
void p11d_hosts_add_failure(P11dHosts *hosts, GError *failure);

/* Sets error, which counts as told, to the failure with the highest exit code. FALSE unless there
 * was none. */
gboolean p11d_hosts_conclude(const P11dHosts *hosts, GError **error);

/* The tokens that target can be on, of all of them; as p11d_target_tokens. */
GPtrArray *p11d_hosts_tokens(const P11dHosts *hosts, const P11dTarget *target);

/* Logs in to the one of tokens that target can be on, and that needs it; says so where none does. A
 * module of several that fails is told, and the others go on. FALSE with error set for all else. */
gboolean p11d_hosts_log_in(P11dHosts *hosts, const P11dTarget *target, const GPtrArray *tokens,
                           const P11dOptions *options, GError **error);

/* As p11d_target_set_no_match. */
void p11d_hosts_set_no_match(const P11dHosts *hosts, const P11dTarget *target, const char *what,
                             GError **error);

#endif
