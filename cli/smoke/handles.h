// SPDX-License-Identifier: MIT
/*
 * Handles: what a module does with those of sessions and objects that are gone or never were.
 */
#ifndef P11D_HANDLES_H
#define P11D_HANDLES_H

#include "check.h"

P11dCheckFunction p11d_handles_sessions;
P11dCheckFunction p11d_handles_objects;
P11dCheckFunction p11d_handles_destroyed;

#endif
