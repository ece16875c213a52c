// SPDX-License-Identifier: MIT
#include "randomness.h"

#include <string.h>

/* What is drawn at once, in bytes, and the pieces of it that must all differ: of 16 random bytes
 * none comes twice. */
#define DRAWN 4096
#define PIECE 16
/* How far from one half the ones among the bits may be: six standard deviations, which chance does
 * once in 500 million times. */
#define MOST_OFF (6 * 91)

typedef struct Draw {
    guint8 bytes[DRAWN];
} Draw;

/* False, and has told why, if there is nothing to look at. */
static bool draw(P11dCheckRun *run, CK_SESSION_HANDLE session, Draw *drawn, int before)
{
    memset(drawn->bytes, before, DRAWN);
    CK_RV rv = run->token->functions->C_GenerateRandom(session, drawn->bytes, DRAWN);
    bool none = rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_RANDOM_NO_RNG;
    if (!none)
        return p11d_check_ok(run, rv, "C_GenerateRandom");
    p11d_check_tell(run, run->token->info.flags & CKF_RNG ? P11D_CHECK_FAIL : P11D_CHECK_SKIP,
                    "the token has no random generator%s",
                    run->token->info.flags & CKF_RNG ? ", although it says CKF_RNG" : "");
    return false;
}

/* True if a piece of one comes in other again, at another place or in another draw. */
static bool repeats(const Draw *one, const Draw *other)
{
    for (size_t i = 0; i < DRAWN / PIECE; i++)
        for (size_t j = one == other ? i + 1 : 0; j < DRAWN / PIECE; j++)
            if (memcmp(one->bytes + i * PIECE, other->bytes + j * PIECE, PIECE) == 0)
                return true;
    return false;
}

static int ones_too_many(const Draw *drawn)
{
    int ones = 0;
    for (size_t i = 0; i < DRAWN; i++)
        ones += __builtin_popcount(drawn->bytes[i]);
    return ones - DRAWN * 8 / 2;
}

static bool is_constant(const Draw *drawn)
{
    return memcmp(drawn->bytes, drawn->bytes + 1, DRAWN - 1) == 0;
}

/* One after the module was finalised and initialised again, as the next run of a program has it. */
static bool draw_anew(P11dCheckRun *run, Draw *drawn)
{
    CK_FUNCTION_LIST *functions = run->token->functions;
    CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK,
                                      .pReserved = (void *)run->reserved};
    CK_SESSION_HANDLE session;
    return p11d_check_ok(run, functions->C_Finalize(NULL), "C_Finalize") &&
           p11d_check_ok(run, functions->C_Initialize(&arguments), "C_Initialize") &&
           p11d_check_ok(
               run,
               functions->C_OpenSession(run->token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
               "C_OpenSession") &&
           draw(run, session, drawn, 0);
}

void p11d_randomness_bytes(P11dCheckRun *run)
{
    g_autofree Draw *draws = g_new0(Draw, 3);
    CK_SESSION_HANDLE session = run->token->session;
    if (!draw(run, session, &draws[0], 0) || !draw(run, session, &draws[1], 0xff))
        return;
    int off = ones_too_many(&draws[0]);
    if (is_constant(&draws[0]))
        p11d_check_tell(run, P11D_CHECK_FAIL, "C_GenerateRandom gives %d times the byte 0x%02x",
                        DRAWN, draws[0].bytes[0]);
    else if (repeats(&draws[0], &draws[0]) || repeats(&draws[0], &draws[1]))
        p11d_check_tell(run, P11D_CHECK_FAIL, "C_GenerateRandom gives the same %d bytes again",
                        PIECE);
    else if (off > MOST_OFF || off < -MOST_OFF)
        p11d_check_tell(run, P11D_CHECK_FAIL, "of %d random bits %d are ones", DRAWN * 8,
                        DRAWN * 8 / 2 + off);
    else if (draw_anew(run, &draws[2]) && repeats(&draws[0], &draws[2]))
        p11d_check_tell(
            run, P11D_CHECK_FAIL,
            "C_GenerateRandom gives the same bytes after C_Initialize as the time before");
}
