// SPDX-License-Identifier: MIT
#include "keyblock.h"

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define BLOCK 16 /* of AES; no cipher's is larger */
/* The longest IV of GCM that OpenSSL takes, in bytes; NIST SP 800-38D, section 5.2.1.1: the most
 * that one IV is for. */
#define GCM_IV_MAX 128
#define GCM_DATA_MAX ((UINT64_C(1) << 36) - 32)

/* What OpenSSL needs of a mechanism's parameters. */
typedef struct Settings {
    const uint8_t *iv;
    size_t iv_size;
    const uint8_t *aad;
    size_t aad_size;
} Settings;

struct P11dBlockMode {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key_type;
    const char *openssl; /* "AES-256-" or "DES-EDE3-" comes before it */
    /* False: the parameters are none that this can do. */
    bool (*read)(P11dKeyBlock *self, const CK_MECHANISM *mechanism, Settings *settings);
};

static bool read_nothing(P11dKeyBlock *self, const CK_MECHANISM *mechanism, Settings *settings)
{
    (void)self;
    (void)settings;
    return !mechanism->pParameter;
}

static bool read_iv(P11dKeyBlock *self, const CK_MECHANISM *mechanism, Settings *settings)
{
    settings->iv = mechanism->pParameter;
    settings->iv_size = mechanism->ulParameterLen;
    return settings->iv && settings->iv_size == self->cipher->block;
}

/* How many blocks there are before a counter of so many bits, which is the end of block, begins
 * anew: OpenSSL's has 128. 0: more than anybody can send. */
static uint64_t blocks_left(const uint8_t block[BLOCK], CK_ULONG bits)
{
    uint64_t value = 0;
    if (bits > 60)
        return 0;
    for (size_t i = 8; i < BLOCK; i++)
        value = value << 8 | block[i];
    uint64_t all = UINT64_C(1) << bits;
    return all - (value & (all - 1));
}

static bool read_ctr(P11dKeyBlock *self, const CK_MECHANISM *mechanism, Settings *settings)
{
    const CK_AES_CTR_PARAMS *ctr = mechanism->pParameter;
    if (!ctr || mechanism->ulParameterLen != sizeof *ctr || ctr->ulCounterBits == 0 ||
        ctr->ulCounterBits > 8UL * BLOCK)
        return false;
    settings->iv = ctr->cb;
    settings->iv_size = sizeof ctr->cb;
    uint64_t blocks = blocks_left(ctr->cb, ctr->ulCounterBits);
    if (blocks > 0 && blocks < UINT64_MAX / BLOCK)
        self->limit = blocks * BLOCK;
    return true;
}

/* NIST SP 800-38D, section 5.2.1.2. */
static bool is_tag_size(CK_ULONG bits)
{
    return bits == 32 || bits == 64 || (bits >= 96 && bits <= 128 && bits % 8 == 0);
}

static bool read_gcm(P11dKeyBlock *self, const CK_MECHANISM *mechanism, Settings *settings)
{
    const CK_GCM_PARAMS *gcm = mechanism->pParameter;
    /* PKCS#11 3.1, section 6.13.4: ulIvBits says nothing of the length. */
    if (!gcm || mechanism->ulParameterLen != sizeof *gcm || !is_tag_size(gcm->ulTagBits) ||
        gcm->ulIvLen == 0 || gcm->ulIvLen > GCM_IV_MAX)
        return false;
    *settings = (Settings){gcm->pIv, gcm->ulIvLen, gcm->pAAD, gcm->ulAADLen};
    self->tag_size = gcm->ulTagBits / 8;
    self->limit = GCM_DATA_MAX;
    return true;
}

static const P11dBlockMode modes[] = {
    {CKM_AES_ECB, CKK_AES, "ECB", read_nothing}, {CKM_AES_CBC, CKK_AES, "CBC", read_iv},
    {CKM_AES_CBC_PAD, CKK_AES, "CBC", read_iv},  {CKM_AES_CTR, CKK_AES, "CTR", read_ctr},
    {CKM_AES_GCM, CKK_AES, "GCM", read_gcm},     {CKM_DES3_ECB, CKK_DES3, "ECB", read_nothing},
    {CKM_DES3_CBC, CKK_DES3, "CBC", read_iv},    {CKM_DES3_CBC_PAD, CKK_DES3, "CBC", read_iv},
};

static const P11dBlockMode *find_mode(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (modes[i].type == type)
            return &modes[i];
    }
    return NULL;
}

/* In bytes, as for all that begins with CKM_AES_. */
bool p11d_keyblock_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    const P11dBlockMode *mode = find_mode(mechanism->type);
    return mode && p11d_servedkey_secret_sizes(mode->key_type, smallest, largest);
}

static CK_RV length_error(const P11dKeyBlock *self)
{
    return self->encrypts ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE;
}

static bool set_up(P11dKeyBlock *self, const P11dServedKey *key, const Settings *settings)
{
    char name[16];
    int ignored;
    if (key->type == CKK_AES)
        snprintf(name, sizeof name, "AES-%zu-%s", 8 * key->secret_size, self->mode->openssl);
    else
        snprintf(name, sizeof name, "DES-EDE3-%s", self->mode->openssl);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = self->context;
    bool ok = cipher && EVP_CipherInit_ex2(context, cipher, NULL, NULL, self->encrypts, NULL) == 1;
    if (ok && self->cipher->tagged)
        ok = EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)settings->iv_size, NULL) ==
             1;
    ok = ok &&
         EVP_CipherInit_ex2(context, NULL, key->secret, settings->iv, self->encrypts, NULL) == 1 &&
         EVP_CIPHER_CTX_set_padding(context, self->cipher->padding) == 1;
    if (ok && settings->aad_size > 0)
        ok = EVP_CipherUpdate(context, NULL, &ignored, settings->aad, (int)settings->aad_size) == 1;
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    return ok;
}

CK_RV p11d_keyblock_begin(P11dKeyBlock *self, const P11dServedKey *key,
                          const P11dParameters *parameters, bool encrypts)
{
    Settings settings = {0};
    const CK_MECHANISM *mechanism = &parameters->mechanism;
    *self = (P11dKeyBlock){.mode = find_mode(mechanism->mechanism),
                           .cipher = p11d_cipher_find(mechanism->mechanism),
                           .encrypts = encrypts,
                           .limit = UINT64_MAX};
    if (!self->mode || !self->cipher)
        return CKR_MECHANISM_INVALID;
    if (key->type != self->mode->key_type)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (parameters->prehashed || !self->mode->read(self, mechanism, &settings))
        return CKR_MECHANISM_PARAM_INVALID;
    self->context = EVP_CIPHER_CTX_new();
    if (!self->context)
        return CKR_HOST_MEMORY;
    return set_up(self, key, &settings) ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* Appends what OpenSSL makes of part. */
static CK_RV work(P11dKeyBlock *self, P11dBytes part, P11dBuffer *output)
{
    int written = 0;
    if (part.size > self->limit - self->taken || part.size > INT32_MAX - BLOCK)
        return length_error(self);
    if (part.size == 0)
        return CKR_OK;
    /* At first nothing is held back that could come out with this part. */
    uint8_t *place = p11d_buffer_reserve(output, part.size + (self->taken > 0 ? BLOCK : 0));
    if (!place)
        return output->too_large ? length_error(self) : CKR_HOST_MEMORY;
    if (EVP_CipherUpdate(self->context, place, &written, part.data, (int)part.size) != 1)
        return p11d_servedkey_failure();
    self->taken += part.size;
    output->size += (size_t)written;
    return CKR_OK;
}

/* The last bytes of a ciphertext are its tag: they are held back until others come. */
CK_RV p11d_keyblock_update(P11dKeyBlock *self, P11dBytes part, P11dBuffer *output)
{
    if (!self->cipher->tagged || self->encrypts)
        return work(self, part, output);
    const size_t all = self->tag_held + part.size;
    size_t passing = all > self->tag_size ? all - self->tag_size : 0;
    const size_t held = passing < self->tag_held ? passing : self->tag_held;
    CK_RV rv = work(self, (P11dBytes){self->tag, held}, output);
    memmove(self->tag, self->tag + held, self->tag_held - held);
    self->tag_held -= held;
    passing -= held;
    if (rv == CKR_OK)
        rv = work(self, (P11dBytes){part.data, passing}, output);
    if (rv == CKR_OK && part.size > passing)
        memcpy(self->tag + self->tag_held, part.data + passing, part.size - passing);
    self->tag_held += part.size - passing;
    return rv;
}

/* Tells OpenSSL what the tag has to be. */
static CK_RV set_tag(P11dKeyBlock *self)
{
    if (!self->cipher->tagged || self->encrypts)
        return CKR_OK;
    if (self->tag_held < self->tag_size)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    return EVP_CIPHER_CTX_ctrl(self->context, EVP_CTRL_AEAD_SET_TAG, (int)self->tag_size,
                               self->tag) == 1
               ? CKR_OK
               : p11d_servedkey_failure();
}

CK_RV p11d_keyblock_finish(P11dKeyBlock *self, P11dBuffer *output)
{
    int written = 0;
    const bool whole_blocks = !self->cipher->padding || !self->encrypts;
    if ((whole_blocks && self->taken % self->cipher->block != 0) ||
        (whole_blocks && self->cipher->padding && self->taken == 0))
        return length_error(self);
    CK_RV rv = set_tag(self);
    if (rv != CKR_OK)
        return rv;
    size_t most = self->cipher->padding ? BLOCK : self->encrypts ? self->tag_size : 0;
    uint8_t nothing, *place = most > 0 ? p11d_buffer_reserve(output, most) : &nothing;
    if (!place)
        return output->too_large ? length_error(self) : CKR_HOST_MEMORY;
    bool ok = EVP_CipherFinal_ex(self->context, place, &written) == 1;
    if (ok && self->cipher->tagged && self->encrypts) {
        ok = EVP_CIPHER_CTX_ctrl(self->context, EVP_CTRL_AEAD_GET_TAG, (int)self->tag_size,
                                 place + written) == 1;
        written += (int)self->tag_size;
    }
    ERR_clear_error();
    if (!ok)
        return self->encrypts ? CKR_FUNCTION_FAILED : CKR_ENCRYPTED_DATA_INVALID;
    output->size += (size_t)written;
    return CKR_OK;
}

void p11d_keyblock_clear(P11dKeyBlock *self)
{
    EVP_CIPHER_CTX_free(self->context);
    *self = (P11dKeyBlock){0};
}

static CK_RV run(P11dServedKey *key, const P11dParameters *parameters, bool encrypts,
                 P11dBytes input, P11dBuffer *output)
{
    P11dKeyBlock self;
    size_t before = output->size;
    CK_RV rv = p11d_keyblock_begin(&self, key, parameters, encrypts);
    if (rv == CKR_OK)
        rv = p11d_keyblock_update(&self, input, output);
    if (rv == CKR_OK)
        rv = p11d_keyblock_finish(&self, output);
    if (rv != CKR_OK)
        output->size = before;
    p11d_keyblock_clear(&self);
    return rv;
}

CK_RV p11d_keyblock_encrypt(P11dServedKey *key, const P11dParameters *parameters,
                            const P11dBytes *bytes, P11dBuffer *output)
{
    return run(key, parameters, true, bytes[0], output);
}

CK_RV p11d_keyblock_decrypt(P11dServedKey *key, const P11dParameters *parameters,
                            const P11dBytes *bytes, P11dBuffer *output)
{
    return run(key, parameters, false, bytes[0], output);
}
