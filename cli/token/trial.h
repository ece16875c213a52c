// SPDX-License-Identifier: MIT
/*
 * A trial is a process that loads a module and searches its tokens in our place, before we do: what
 * does not come back from there would not let us come back either.
 */
#ifndef P11D_TRIAL_H
#define P11D_TRIAL_H

#include <stdbool.h>

#include <glib.h>

#include "options.h"

/* How long a trial may take, in seconds; no more than half of --timeout, so that there is time left
 * for the others. */
#define P11D_TRIAL_SECONDS 30

typedef struct P11dTrial P11dTrial;

/* Begins the trial of the module that options name. Before this process has loaded a module, whose
 * threads and locks would be in the other one too. */
P11dTrial *p11d_trial_begin(const P11dOptions *options);

/* Waits for its end, and frees it. FALSE with error set if the process crashed, ended by itself
 * where it should not, or did not end in time, and was ended then; that the module merely fails is
 * not told: it will again. */
gboolean p11d_trial_end(P11dTrial *trial, GError **error);

#endif
