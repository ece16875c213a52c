// SPDX-License-Identifier: MIT
#include "infostrings.h"

#include <string.h>

#define MAX_SLOTS 64

/* A field of one of the structures. */
typedef struct Field {
    const char *name;
    size_t offset;
    size_t size;
} Field;

#define FIELD(type, member)                                                                        \
    {                                                                                              \
#type "." #member, offsetof(type, member), sizeof((type *)NULL)->member                    \
    }

static const Field info_fields[] = {FIELD(CK_INFO, manufacturerID),
                                    FIELD(CK_INFO, libraryDescription)};
static const Field slot_fields[] = {FIELD(CK_SLOT_INFO, slotDescription),
                                    FIELD(CK_SLOT_INFO, manufacturerID)};
static const Field token_fields[] = {
    FIELD(CK_TOKEN_INFO, manufacturerID), FIELD(CK_TOKEN_INFO, model),
    FIELD(CK_TOKEN_INFO, serialNumber), FIELD(CK_TOKEN_INFO, label)};

static void check_field(P11dCheckRun *run, const Field *field, const char *text)
{
    const char *nul = memchr(text, '\0', field->size);
    if (nul)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s has a NUL at byte %zu", field->name,
                        (size_t)(nul - text));
    else if (!g_utf8_validate(text, (gssize)field->size, NULL))
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s is not UTF-8", field->name);
}

static void check_fields(P11dCheckRun *run, const Field *fields, size_t count, const void *info)
{
    for (size_t i = 0; i < count; i++)
        check_field(run, &fields[i], (const char *)info + fields[i].offset);
}

static void check_slot(P11dCheckRun *run, CK_SLOT_ID slot)
{
    CK_FUNCTION_LIST *functions = run->host->library->functions;
    CK_SLOT_INFO slot_info;
    CK_TOKEN_INFO token_info;
    memset(&slot_info, 0, sizeof slot_info);
    if (p11d_check_ok(run, functions->C_GetSlotInfo(slot, &slot_info), "C_GetSlotInfo"))
        check_fields(run, slot_fields, G_N_ELEMENTS(slot_fields), &slot_info);
    memset(&token_info, 0, sizeof token_info);
    if (!(slot_info.flags & CKF_TOKEN_PRESENT) ||
        functions->C_GetTokenInfo(slot, &token_info) != CKR_OK)
        return;
    /* The label is what C_InitToken sets, so it comes last and only then. */
    bool labelled = token_info.flags & CKF_TOKEN_INITIALIZED;
    check_fields(run, token_fields, G_N_ELEMENTS(token_fields) - (labelled ? 0 : 1), &token_info);
}

void p11d_infostrings_padding(P11dCheckRun *run)
{
    CK_FUNCTION_LIST *functions = run->host->library->functions;
    check_fields(run, info_fields, G_N_ELEMENTS(info_fields), &run->host->info);
    CK_SLOT_ID slots[MAX_SLOTS];
    CK_ULONG count = MAX_SLOTS;
    if (functions->C_GetSlotList(CK_FALSE, slots, &count) != CKR_OK)
        count = 0; /* more than there is room for: those are not looked at */
    for (CK_ULONG i = 0; i < MIN(count, MAX_SLOTS); i++)
        check_slot(run, slots[i]);
}
