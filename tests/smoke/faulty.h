// SPDX-License-Identifier: MIT
/*
 * A faulty module passes every call on to a real PKCS#11 module ($FAULTY_MODULE), but has the one
 * fault that $FAULT names. The faults are called as the checks are that must find them, with ":how"
 * behind where there is more than one way; without $FAULT the module is as good as the real one.
 */
#ifndef FAULTY_H
#define FAULTY_H

#include <stdbool.h>

/* Whether that is the fault. */
bool faulty_is(const char *fault);

/* Crashes, with a symbol for the reports of it. */
__attribute__((visibility("default"))) void faulty_crash(void);

/* For a module that is slow. */
void faulty_pass_time(long milliseconds);

/* Does what C_Initialize should not do, and takes back of it what C_Finalize does. */
void faulty_act(void);
void faulty_undo(void);

#endif
