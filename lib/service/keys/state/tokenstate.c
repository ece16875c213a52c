// SPDX-License-Identifier: MIT
#include "tokenstate.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore.h"
#include "log.h"
#include "syntax.h"

#define FILE_NAME ".p11dbus-token"
#define ITERATIONS 100000
#define STATE_MAX ((size_t)4 << 10)

static bool derive(P11dBytes pin, const uint8_t salt[16], uint8_t hash[32])
{
    static const char none[1];
    return PKCS5_PBKDF2_HMAC(pin.data ? (const char *)pin.data : none, (int)pin.size, salt, 16,
                             ITERATIONS, EVP_sha256(), 32, hash) == 1;
}

bool p11d_pinproof_set(P11dPinProof *proof, P11dBytes pin)
{
    P11dPinProof fresh = {.set = true};
    if (RAND_bytes(fresh.salt, sizeof fresh.salt) != 1 || !derive(pin, fresh.salt, fresh.hash))
        return false;
    *proof = fresh;
    return true;
}

bool p11d_pinproof_equal(const P11dPinProof *proof, const P11dPinProof *other)
{
    return proof->set == other->set && memcmp(proof->salt, other->salt, sizeof proof->salt) == 0 &&
           memcmp(proof->hash, other->hash, sizeof proof->hash) == 0;
}

bool p11d_pinproof_fits(const P11dPinProof *proof, P11dBytes pin)
{
    uint8_t hash[sizeof proof->hash];
    bool fits = proof->set && derive(pin, proof->salt, hash) &&
                CRYPTO_memcmp(hash, proof->hash, sizeof hash) == 0;
    explicit_bzero(hash, sizeof hash);
    return fits;
}

static size_t write_hex(char *text, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    return 2 * size;
}

static bool append_proof(P11dBuffer *text, const char *who, const P11dPinProof *proof)
{
    char line[160];
    if (!proof->set)
        return true;
    size_t size = (size_t)snprintf(line, sizeof line, "%s: pbkdf2-sha256 %d ", who, ITERATIONS);
    size += write_hex(line + size, proof->salt, sizeof proof->salt);
    line[size++] = ' ';
    size += write_hex(line + size, proof->hash, sizeof proof->hash);
    line[size++] = '\n';
    return p11d_buffer_append(text, line, size);
}

CK_RV p11d_tokenstate_put(const P11dTokenState *state, P11dKeyChange *change)
{
    P11dBuffer text;
    p11d_buffer_init(&text, STATE_MAX);
    bool ok = !*state->label || (p11d_buffer_append(&text, "label: ", 7) &&
                                 p11d_buffer_append(&text, state->label, strlen(state->label)) &&
                                 p11d_buffer_append(&text, "\n", 1));
    ok = ok && append_proof(&text, "so-pin", &state->officer) &&
         append_proof(&text, "user-pin", &state->user);
    CK_RV rv = ok ? p11d_keychange_put(change, FILE_NAME, &text) : CKR_HOST_MEMORY;
    p11d_buffer_clear(&text);
    return rv;
}

static bool read_hex(const char *text, uint8_t *bytes, size_t size)
{
    unsigned byte;
    for (size_t i = 0; i < size; i++) {
        if (sscanf(text + 2 * i, "%2x", &byte) != 1)
            return false;
        bytes[i] = (uint8_t)byte;
    }
    return true;
}

/* What cannot be read is the proof of no PIN. */
static bool read_proof(P11dPinProof *proof, const char *value)
{
    char salt[33], hash[65];
    int iterations;
    *proof = (P11dPinProof){.set = true};
    return sscanf(value, "pbkdf2-sha256 %d %32[0-9a-f] %64[0-9a-f]", &iterations, salt, hash) ==
               3 &&
           iterations == ITERATIONS && strlen(salt) == 32 && strlen(hash) == 64 &&
           read_hex(salt, proof->salt, 16) && read_hex(hash, proof->hash, 32);
}

static bool read_line(P11dTokenState *state, char *line)
{
    char *value = strstr(line, ": ");
    if (!value)
        return *line == '\0';
    *value = '\0';
    value += 2;
    if (strcmp(line, "so-pin") == 0)
        return read_proof(&state->officer, value);
    if (strcmp(line, "user-pin") == 0)
        return read_proof(&state->user, value);
    if (strcmp(line, "label") != 0 || strlen(value) >= sizeof state->label ||
        !p11d_syntax_is_text(value, strlen(value)))
        return false;
    strcpy(state->label, value);
    return true;
}

/* Nobody gets in by what nobody can say whose it is. */
static void lock_out(P11dTokenState *state, const char *path, const char *why)
{
    p11d_log("%s/%s: %s; it has PINs that nobody knows", path, FILE_NAME, why);
    state->officer = state->user = (P11dPinProof){.set = true};
}

/* Whether nobody but this user (and root) can have written it. */
static bool is_own(const struct stat *status)
{
    return S_ISREG(status->st_mode) && (status->st_mode & 022) == 0 &&
           (status->st_uid == geteuid() || status->st_uid == 0);
}

static void read_state(P11dTokenState *state, const char *path)
{
    P11dBuffer text;
    char *next;
    p11d_buffer_init(&text, STATE_MAX + 1);
    bool ok =
        p11d_keystore_read(path, FILE_NAME, &text) == CKR_OK && p11d_buffer_append(&text, "", 1);
    for (char *line = ok ? (char *)text.data : NULL; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        ok = read_line(state, line) && ok;
    }
    if (!ok)
        lock_out(state, path, "cannot be understood");
    p11d_buffer_clear(&text);
}

bool p11d_tokenstate_read(P11dTokenState *state, const char *path)
{
    char name[4096 + sizeof FILE_NAME];
    struct stat status;
    P11dStamp stamp = {0};
    snprintf(name, sizeof name, "%s/%s", path, FILE_NAME);
    bool there = lstat(name, &status) == 0;
    if (there)
        p11d_stamp_set(&stamp, &status);
    if (p11d_stamp_equal(&stamp, &state->stamp))
        return false;
    *state = (P11dTokenState){.stamp = stamp};
    if (there && !is_own(&status))
        lock_out(state, path, "others can write to it");
    else if (there)
        read_state(state, path);
    return true;
}
