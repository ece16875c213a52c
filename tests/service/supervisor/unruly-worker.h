// SPDX-License-Identifier: MIT
/*
 * An unruly worker does on its link what a broken or hostile one might do: the supervisor and the
 * other workers must not suffer. Its kind is the name of its directory behind "unruly-".
 */
#ifndef P11D_UNRULY_WORKER_H
#define P11D_UNRULY_WORKER_H

/*
 * Its token, if it announces one, has the kind as its name. Kinds:
 *   silent    never says that it is ready
 *   garbage   sends what is no message
 *   liar      announces what is no token, and its token twice, first with wrong properties
 *   stuck     reads nothing, and does not end on SIGTERM
 *   chatty    announces 20 changes of its token of 8 KiB for every client
 *   large     answers every call with 17 MiB
 *   mute      never answers
 *   deserter  ends when the first call comes
 *   clerk     answers every call with the client's credentials, as uint32s: pid, uid, groups
 *   stranger  is a clerk that says more than the supervisor knows
 */
int unruly_worker_main(const char *kind);

#endif
