// SPDX-License-Identifier: MIT
/*
 * A guard sees to it that the process ends with the right words and the right exit code when a
 * module crashes or does not come back. It works from signal handlers, so everything that it may
 * have to say is prepared beforehand.
 */
#ifndef P11D_GUARD_H
#define P11D_GUARD_H

#include <stdbool.h>

/* How long a module may take to finalise once the result is out, in seconds. */
#define P11D_GUARD_FINALIZE_SECONDS 5

/* Takes over the signals of a crash. To be called before a module is loaded. */
void p11d_guard_crashes(void);
/* Lets a crash end the process as it does without anybody's handler, so that it can be seen by who
 * started it. */
void p11d_guard_let_crash(void);
/* Whether p11d_guard_crashes was called. */
bool p11d_guard_is_up(void);

/* Ends the process after so many seconds. */
void p11d_guard_time(unsigned seconds);

/* From now on what is said in the end is said as JSON on the real stdout too. */
void p11d_guard_use_json(void);

/* The result is out: whatever happens from now on, a module that does not end among it, the process
 * ends with code and says no more. */
void p11d_guard_result(int code);

#endif
