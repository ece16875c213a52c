// SPDX-License-Identifier: MIT
/*
 * A checker is the process in which one check runs, and the question before all checks: whether the
 * module can be loaded, and whether the PIN opens its token.
 */
#ifndef P11D_CHECKER_H
#define P11D_CHECKER_H

/* The hidden command that is one. */
#define P11D_CHECKER_COMMAND "smoke-check"

/* The name of that question, in place of a check's. */
#define P11D_CHECKER_PREFLIGHT "preflight"

/* What it tells in the journal, before a text. */
#define P11D_CHECKER_UNLOADABLE "unloadable" /* why */
#define P11D_CHECKER_INFO "info"             /* what C_GetInfo says: JSON */
#define P11D_CHECKER_PIN "pin"               /* of which token a PIN is needed */
#define P11D_CHECKER_KEYPAD "keypad"         /* the same, but the token asks for it itself */
#define P11D_CHECKER_REFUSED "refused"       /* the login failed: a P11dFailure, and why */
#define P11D_CHECKER_MEMBER "member"         /* the path of a module that it has loaded */
/* Added by the runner: what became of the process that did not come to its end. */
#define P11D_CHECKER_DIED "died"
/* The last line of all: nothing kept the check from its end. */
#define P11D_CHECKER_DONE "done"

#endif
