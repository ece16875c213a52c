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

/* Loads and initialises the module: run->host. */
bool p11d_stage_module(P11dCheckRun *run);

#endif
