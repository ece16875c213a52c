// SPDX-License-Identifier: MIT
/*
 * A stage is what a check finds ready when it begins: the module initialised, a token with a
 * session, the keys. What cannot be made ready is told as the reason to skip the check.
 */
#ifndef P11D_STAGE_H
#define P11D_STAGE_H

#include "check.h"

/* Makes ready what the check of run needs. False if that is not to be had. */
bool p11d_stage_prepare(P11dCheckRun *run);

/* Finds the token and the keys that need asks for, once the module is there. */
bool p11d_stage_find(P11dCheckRun *run, P11dCheckNeed need);

/* Whether anything is what the user named: a token, and at a level that searches an object that
 * is seen without a login. */
bool p11d_stage_match(P11dCheckRun *run);

/* Loads and initialises the module: run->host. */
bool p11d_stage_module(P11dCheckRun *run);

#endif
