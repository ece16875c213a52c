// SPDX-License-Identifier: MIT
#include "exitcode.h"

#include "failure.h"

static const P11dExitcode exits[P11D_FAILURE_COUNT] = {
    [P11D_FAILURE_SIGNATURE] = {1, "a bad signature; a check failed; audit found something"},
    [P11D_FAILURE_CHECK] = {1, NULL},
    [P11D_FAILURE_USAGE] = {2, "what was typed makes no sense"},
    [P11D_FAILURE_FILE] = {3, "a file could not be read or written"},
    [P11D_FAILURE_LEFT] = {3, NULL},
    [P11D_FAILURE_NO_MATCH] = {4, "nothing is what was asked for"},
    [P11D_FAILURE_AMBIGUOUS] = {5, "more than one thing is"},
    [P11D_FAILURE_PIN] = {6, "a PIN is needed, wrong or locked"},
    [P11D_FAILURE_DEVICE] = {7, "module, bus, service or device failed"},
    [P11D_FAILURE_TIMEOUT] = {8, "it took too long"},
    [P11D_FAILURE_UNSUPPORTED] = {9, "this key or token cannot do it"},
};

int p11d_exitcode_of(const GError *error)
{
    if (!error)
        return 0;
    bool ours = error->domain == P11D_FAILURE && (unsigned)error->code < P11D_FAILURE_COUNT;
    return exits[ours ? (P11dFailure)error->code : P11D_FAILURE_DEVICE].code;
}

void p11d_exitcode_keep_worst(GError **worst, GError *error)
{
    if (p11d_exitcode_of(error) <= p11d_exitcode_of(*worst)) {
        g_clear_error(&error);
        return;
    }
    g_clear_error(worst);
    *worst = error;
}

const P11dExitcode *p11d_exitcode_at(size_t i)
{
    return i < G_N_ELEMENTS(exits) ? &exits[i] : NULL;
}
