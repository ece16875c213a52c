// SPDX-License-Identifier: MIT
#include "cmscontent.h"

#include <string.h>

#include "failure.h"

/* How much of the start of the content is looked at. */
#define HEAD_SIZE 16

static P11dInput *open_content(const P11dClaim *claim, const P11dCmsmessage *message,
                               GError **error)
{
    if (!claim->file && message->inside && claim->no_input)
        return p11d_input_of_bytes(message->inside, "the content");
    if (!claim->file && message->inside) {
        /* Whoever made the signature must not choose whether what comes in here is looked at. */
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "name the file to compare it with (- is standard input), or write it with "
                         "-o OUT",
                         "the signature holds what is signed, and no file was named");
        return NULL;
    }
    if (claim->file || !claim->no_input)
        return p11d_claim_open(claim, error);
    p11d_failure_set(error, P11D_FAILURE_USAGE, "name the file behind the options",
                     "the signature does not hold what is signed");
    return NULL;
}

/* Asks for the digests that signers need. */
static gboolean want(P11dCmscontent *content, const P11dCmsmessage *message, GError **error)
{
    p11d_digests_init(&content->digests);
    for (size_t i = 0; i < G_N_ELEMENTS(content->texts); i++)
        p11d_digests_init(&content->texts[i]);
    for (int i = 0; i < message->count; i++) {
        const P11dHash *hash = message->signers[i].hash;
        bool ok = !hash || p11d_digests_want(&content->digests, hash);
        for (size_t text = 0; hash && text < G_N_ELEMENTS(content->texts); text++)
            ok = ok && p11d_digests_want(&content->texts[text], hash);
        if (ok)
            continue;
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "OpenSSL has no hash %s here",
                         hash->name);
        return FALSE;
    }
    return TRUE;
}

/* Keeps all that is in the input, if a signer signs the content itself. */
static gboolean keep_whole(P11dCmscontent *content, const P11dCmsmessage *message, GError **error)
{
    bool wanted = false;
    for (int i = 0; i < message->count; i++)
        wanted |= !message->signers[i].hash;
    if (!wanted)
        return TRUE;
    content->whole = p11d_input_read_all(content->input, P11D_INPUT_MAX_WHOLE, error);
    if (!content->whole)
        return FALSE;
    P11dInput *whole = p11d_input_of_bytes(content->whole, content->input->name);
    p11d_input_free(content->input);
    content->input = whole;
    return TRUE;
}

/* Both texts as they are made, piece by piece. */
typedef struct Texts {
    P11dLineends ends[P11D_CMSCONTENT_TEXTS];
    GByteArray *piece;
} Texts;

static void texts_clear(Texts *texts)
{
    g_byte_array_unref(texts->piece);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Texts, texts_clear)

static Texts texts_new(void)
{
    return (Texts){
        .ends = {[P11D_CMSCONTENT_CRLF] = {.crlf = true}},
        .piece = g_byte_array_new(),
    };
}

static bool add_texts(P11dCmscontent *content, Texts *texts, const guint8 *piece, gsize size)
{
    for (size_t i = 0; i < G_N_ELEMENTS(content->texts); i++) {
        p11d_lineends_convert(&texts->ends[i], piece, size, texts->piece);
        if (!p11d_digests_add(&content->texts[i], texts->piece->data, texts->piece->len))
            return false;
    }
    return true;
}

/* inside: what is in the message, or NULL. */
static gboolean read_all(P11dCmscontent *content, GBytes *inside, GError **error)
{
    gsize size = 0;
    const guint8 *data = inside ? g_bytes_get_data(inside, &size) : NULL;
    gsize left = size;
    gsize got;
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    g_auto(Texts) texts = texts_new();
    content->same = true;
    content->has_texts = !p11d_input_can_rewind(content->input);
    do {
        if (!p11d_input_read(content->input, piece, P11D_INPUT_PIECE, &got, error))
            return FALSE;
        if (!p11d_digests_add(&content->digests, piece, got) ||
            (content->has_texts && !add_texts(content, &texts, piece, got))) {
            p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s",
                             content->input->name);
            return FALSE;
        }
        g_byte_array_append(content->head, piece, (guint)MIN(got, HEAD_SIZE - content->head->len));
        if (!inside || got == 0)
            continue;
        content->same =
            content->same && got <= left && memcmp(data + (size - left), piece, got) == 0;
        left -= MIN(got, left);
    } while (got > 0);
    content->same = content->same && left == 0;
    return TRUE;
}

gboolean p11d_cmscontent_read(P11dCmscontent *content, const P11dClaim *claim,
                              const P11dCmsmessage *message, GError **error)
{
    content->head = g_byte_array_new();
    content->input = open_content(claim, message, error);
    return content->input && want(content, message, error) && keep_whole(content, message, error) &&
           read_all(content, message->inside, error);
}

bool p11d_cmscontent_read_texts(P11dCmscontent *content)
{
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    g_auto(Texts) texts = texts_new();
    gsize got = 0;
    if (content->has_texts)
        return true;
    if (!p11d_input_rewind(content->input))
        return false;
    do {
        if (!p11d_input_read(content->input, piece, P11D_INPUT_PIECE, &got, NULL) ||
            !add_texts(content, &texts, piece, got))
            return false;
    } while (got > 0);
    content->has_texts = true;
    return true;
}

bool p11d_cmscontent_can_be_attributes(const P11dCmscontent *content)
{
    static const guint8 tags[] = {0x31, 0x30, 0x06};
    guint at = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (at + 1 >= content->head->len || content->head->data[at] != tags[i])
            return false;
        guint8 size = content->head->data[at + 1];
        at += 2U + (size & 0x80 ? size & 0x7fU : 0U);
    }
    return true;
}

void p11d_cmscontent_clear(P11dCmscontent *content)
{
    p11d_input_free(content->input);
    p11d_digests_clear(&content->digests);
    for (size_t i = 0; i < G_N_ELEMENTS(content->texts); i++)
        p11d_digests_clear(&content->texts[i]);
    g_clear_pointer(&content->whole, g_bytes_unref);
    g_clear_pointer(&content->head, g_byte_array_unref);
    *content = (P11dCmscontent){0};
}
