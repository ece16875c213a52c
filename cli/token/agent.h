// SPDX-License-Identifier: MIT
/*
 * An agent is a process that hosts a module in our place. It does what is asked of the module's
 * tokens and hands the result back, so that a module that crashes, ends its process or does not
 * come back does that to the agent alone, whenever it does it.
 */
#ifndef P11D_AGENT_H
#define P11D_AGENT_H

#include "item.h"

/* How long one answer may take, in seconds; no more than half of what is left of --timeout, so that
 * there is time for the others. */
#define P11D_AGENT_SECONDS 30

/* Starts one that hosts the module which options name. Before this process has loaded a module,
 * whose threads and locks would be in the other one too. */
P11dAgent *p11d_agent_begin(const P11dOptions *options);

/* The module with the tokens it shows, whose host's other operations ask the agent from now on.
 * The host owns the agent. NULL with error set, and the agent is ended: it cannot be loaded or
 * initialised, or it crashed, ended the process or did not answer in time. */
P11dHost *p11d_agent_open(P11dAgent *agent, GError **error);

#endif
