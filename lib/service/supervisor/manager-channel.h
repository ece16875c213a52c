// SPDX-License-Identifier: MIT
/*
 * A manager channel is the private channel of one host that the supervisor itself serves: the list
 * of tokens, its changes, and control channels to them. Hosts that do not read, or that break the
 * protocol, lose theirs; nobody else notices.
 */
#ifndef P11D_MANAGER_CHANNEL_H
#define P11D_MANAGER_CHANNEL_H

#include "registry.h"

/* The most manager channels of one user, and of one process. */
#define P11D_MANAGER_CHANNELS_PER_USER 256
#define P11D_MANAGER_CHANNELS_PER_PROCESS 128

typedef struct P11dManagerChannels P11dManagerChannels;

/* The set of all manager channels. registry outlives it. */
P11dManagerChannels *p11d_manager_channels_new(P11dRegistry *registry);

/*
 * Opens a channel for the host with these credentials, which are taken over (and left empty) where
 * it succeeds. Returns the host's end, close-on-exec, which the caller owns, or -1 with error set
 * (org.freedesktop.DBus.Error.LimitsExceeded).
 */
int p11d_manager_channels_open(P11dManagerChannels *channels, P11dCredentials *credentials,
                               GError **error);

/* Hangs up on all hosts. */
void p11d_manager_channels_free(P11dManagerChannels *channels);

#endif
