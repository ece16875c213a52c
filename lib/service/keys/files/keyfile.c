// SPDX-License-Identifier: MIT
#include "keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "log.h"
#include "servedkey.h"

/* What is being loaded, for the steps below. */
typedef struct Loading {
    P11dKeyFile *file;
    const char *path;
    const char *name;
    unsigned kinds;     /* P11dPemKind bits; 0: a secret key */
    CK_KEY_TYPE secret; /* of which type */
    struct stat status;
    size_t blocks; /* that concern us */
    bool too_many; /* certificates, as was said */
} Loading;

static void complain(const Loading *loading, const char *reason)
{
    p11d_log("%s/%s: %s", loading->path, loading->name, reason);
}

/* True if nobody but us (and root) can read or replace the file's content; else *why is set, of
 * size bytes. */
static bool is_private(const Loading *loading, char *why, size_t size)
{
    const struct stat *status = &loading->status;
    if (status->st_uid != geteuid() && status->st_uid != 0) {
        snprintf(why, size, "its file belongs to uid %lu, not to the service",
                 (unsigned long)status->st_uid);
        p11d_log("%s/%s: refused: it belongs to uid %lu, not to this service", loading->path,
                 loading->name, (unsigned long)status->st_uid);
        return false;
    }
    if ((status->st_mode & 077) != 0) {
        snprintf(why, size, "others can read or write its file (mode %04o, should be 0600)",
                 (unsigned)status->st_mode & 07777);
        p11d_log("%s/%s: refused: others can read or write it (mode %04o, should be 0600)",
                 loading->path, loading->name, (unsigned)status->st_mode & 07777);
        return false;
    }
    return true;
}

/* Signs, with the hash that the key has or that is usual, and verifies it: the primes of an RSA key
 * would take far longer to check. */
static bool verifies_itself(EVP_PKEY *key)
{
    static const uint8_t data[] = {1};
    size_t size = (size_t)EVP_PKEY_get_size(key);
    uint8_t *signature = OPENSSL_malloc(size);
    EVP_MD_CTX *signing = EVP_MD_CTX_new(), *verifying = EVP_MD_CTX_new();
    bool ok = signature && signing && verifying &&
              EVP_DigestSignInit_ex(signing, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(signing, signature, &size, data, sizeof data) == 1 &&
              EVP_DigestVerifyInit_ex(verifying, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
              EVP_DigestVerify(verifying, signature, size, data, sizeof data) == 1;
    EVP_MD_CTX_free(signing);
    EVP_MD_CTX_free(verifying);
    OPENSSL_free(signature);
    return ok;
}

static bool has_own_point(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool match = context && EVP_PKEY_pairwise_check(context) == 1;
    EVP_PKEY_CTX_free(context);
    return match;
}

/* A key whose halves do not belong together would sign what its certificate does not verify. Where
 * the file has one half alone the other is made from it. */
static bool halves_match(EVP_PKEY *key)
{
    bool rsa = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS");
    bool match = EVP_PKEY_is_a(key, "EC") ? has_own_point(key) : !rsa || verifies_itself(key);
    ERR_clear_error();
    return match;
}

const char *p11d_keyfile_problem(EVP_PKEY *key)
{
    if (!key)
        return "it cannot be decoded";
    const char *reason = p11d_servedkey_unsupported(key);
    if (!reason && !halves_match(key))
        reason = "its private and public halves do not belong together";
    return reason;
}

/* Says what is wrong with the private key of claim, and whether anything is. */
static bool is_usable(const Loading *loading, P11dKeyClaim *claim)
{
    if (!(loading->kinds & P11D_PEM_PRIVATE) || !is_private(loading, claim->why, sizeof claim->why))
        return false;
    if (claim->locked.type) {
        if (!p11d_pem_obstacle(&claim->locked, claim->why))
            return true;
        p11d_log("%s/%s: private key skipped: %s; openssl pkcs8 -topk8 -provider legacy "
                 "-provider default converts it",
                 loading->path, loading->name, claim->why);
        return false;
    }
    const char *reason = p11d_keyfile_problem(claim->key);
    if (reason) {
        p11d_log("%s/%s: private key skipped: %s", loading->path, loading->name, reason);
        snprintf(claim->why, sizeof claim->why, "%s", reason);
    }
    return !reason;
}

static void take_private(const Loading *loading, P11dPem *pem)
{
    P11dKeyClaim claim = {0};
    bool locked = p11d_pem_is_encrypted(pem);

    if (locked) {
        claim.locked = *pem;
        memset(pem, 0, sizeof *pem);
    } else {
        claim.key = p11d_pem_key(pem);
        if (!claim.key)
            p11d_keyclaim_doubt(&claim);
    }
    claim.unusable = !is_usable(loading, &claim);
    p11d_keyclaim_join(&loading->file->claim, &claim);
}

static void take_public(const Loading *loading, const P11dPem *pem)
{
    P11dKeyClaim claim = {.public_key = p11d_pem_key(pem)};
    const char *reason =
        claim.public_key ? p11d_servedkey_unsupported(claim.public_key) : "it cannot be decoded";
    if (reason)
        p11d_log("%s/%s: public key skipped: %s", loading->path, loading->name, reason);
    p11d_keyclaim_join(&loading->file->claim, &claim);
}

static void take_certificate(Loading *loading, const P11dPem *pem)
{
    P11dKeyFile *file = loading->file;
    if (file->certificate_count == P11D_KEYFILE_CERTIFICATES) {
        if (!loading->too_many)
            p11d_log("%s/%s: holds more than %d certificates; the first ones are used",
                     loading->path, loading->name, P11D_KEYFILE_CERTIFICATES);
        loading->too_many = true;
        return;
    }
    X509 *certificate = p11d_pem_certificate(pem);
    if (certificate)
        file->certificates[file->certificate_count++] = certificate;
    else
        complain(loading, "certificate skipped: it cannot be decoded");
}

/* What is wrong with the bytes of a secret key of that type; NULL: nothing. */
static const char *secret_problem(CK_KEY_TYPE type, size_t size)
{
    if (type == CK_UNAVAILABLE_INFORMATION)
        return "it is of a type that is not supported";
    return size > 0 && p11d_servedkey_secret_fits(type, size)
               ? NULL
               : "it has not as many bytes as keys of its type have";
}

const char *p11d_keyfile_read(const P11dPem *pem, P11dBytes passphrase, CK_KEY_TYPE *type,
                              P11dBuffer *bytes)
{
    if (!p11d_pem_read_bytes(pem, passphrase, type, bytes))
        return "it cannot be decoded";
    return p11d_pem_kind(pem) == P11D_PEM_SECRET ? secret_problem(*type, bytes->size) : NULL;
}

/* Why a secret key or data are not served, written to why; "" if they are. */
static void find_obstacle(const P11dPem *pem, char *why)
{
    P11dBuffer bytes;
    CK_KEY_TYPE type;
    if (p11d_pem_is_encrypted(pem)) {
        p11d_pem_obstacle(pem, why);
        return;
    }
    p11d_buffer_init(&bytes, P11D_KEYFILE_MAX);
    const char *reason = p11d_keyfile_read(pem, (P11dBytes){0}, &type, &bytes);
    snprintf(why, P11D_PEM_OBSTACLE_MAX, "%s", reason ? reason : "");
    p11d_buffer_clear(&bytes);
}

/* Of several in a file nobody can say which one is meant (keyparts.h). */
static void take_held(Loading *loading, P11dPem *pem)
{
    P11dKeyFile *file = loading->file;
    bool secret = p11d_pem_kind(pem) == P11D_PEM_SECRET;
    char why[P11D_PEM_OBSTACLE_MAX] = "";
    file->held_count++;
    if (!secret || is_private(loading, why, sizeof why)) {
        find_obstacle(pem, why);
        if (*why)
            p11d_log("%s/%s: %s skipped: %s", loading->path, loading->name,
                     secret ? "secret key" : "data", why);
    }
    if (*why) {
        memcpy(file->claim.why, why, sizeof why);
    } else if (!file->held.type) {
        file->held = *pem;
        memset(pem, 0, sizeof *pem);
    }
}

static void take_block(Loading *loading, P11dPem *pem)
{
    P11dPemKind kind = p11d_pem_kind(pem);

    if (kind == P11D_PEM_FOREIGN)
        p11d_keyclaim_doubt(&loading->file->claim);
    if (kind == P11D_PEM_FOREIGN && (loading->kinds & P11D_PEM_PRIVATE)) {
        const char *advice = p11d_pem_advice(pem);
        p11d_log("%s/%s: skipped: %s is not supported (PKCS#8, PKCS#1 and SEC 1 are)%s%s",
                 loading->path, loading->name, p11d_pem_label(pem), advice ? "; " : "",
                 advice ? advice : "");
        snprintf(loading->file->claim.why, sizeof loading->file->claim.why,
                 "%s is not supported (PKCS#8, PKCS#1 and SEC 1 are)", p11d_pem_label(pem));
        loading->blocks++;
    }
    if (kind == P11D_PEM_PRIVATE)
        take_private(loading, pem);
    if (!(loading->kinds & kind))
        return;
    loading->blocks++;
    if (kind == P11D_PEM_PUBLIC)
        take_public(loading, pem);
    else if (kind == P11D_PEM_CERTIFICATE)
        take_certificate(loading, pem);
    else if (kind == P11D_PEM_SECRET || kind == P11D_PEM_DATA)
        take_held(loading, pem);
}

/* The file is the key. Of a type with few sizes another one is a mistake that is to be seen: a
 * newline behind it, or hex. */
static void take_secret(const Loading *loading, const P11dBuffer *bytes)
{
    P11dKeyClaim *claim = &loading->file->claim;
    const char *why = NULL;
    if (!is_private(loading, claim->why, sizeof claim->why))
        return;
    if (bytes->size == 0)
        why = "its file is empty";
    else if (!p11d_servedkey_secret_fits(loading->secret, bytes->size))
        why = loading->secret == CKK_AES
                  ? "its file has not the 16, 24 or 32 bytes of an AES key, and nothing else"
                  : "its file has more than 8192 bytes";
    if (why) {
        p11d_log("%s/%s: secret key skipped: %s", loading->path, loading->name, why);
        snprintf(claim->why, sizeof claim->why, "%s", why);
        return;
    }
    loading->file->secret = p11d_servedkey_new_secret(loading->secret, bytes->data, bytes->size);
    if (!loading->file->secret)
        complain(loading, strerror(ENOMEM));
}

/* What of the file could not be read may be a key. */
static void may_hold_key(Loading *loading)
{
    if (loading->kinds == 0 || loading->kinds & P11D_PEM_PRIVATE)
        p11d_keyclaim_doubt(&loading->file->claim);
}

static void complain_of_nothing(const Loading *loading)
{
    static const struct {
        P11dPemKind kind;
        const char *name;
    } rows[] = {
        {P11D_PEM_PRIVATE, "a private key"},
        {P11D_PEM_PUBLIC, "a public key"},
        {P11D_PEM_CERTIFICATE, "a certificate"},
        {P11D_PEM_SECRET, "a secret key"},
        {P11D_PEM_DATA, "data"},
    };
    char wanted[96] = "";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t used = strlen(wanted);
        if (loading->kinds & rows[i].kind)
            snprintf(wanted + used, sizeof wanted - used, "%s%s", used ? " or " : "", rows[i].name);
    }
    p11d_log("%s/%s: skipped: it should hold %s in PEM (-----BEGIN ...), and holds none",
             loading->path, loading->name, wanted);
}

static void take_blocks(Loading *loading, const P11dBuffer *text)
{
    BIO *bio = BIO_new_mem_buf(text->data, (int)text->size);
    P11dPemResult result = bio ? P11D_PEM_BLOCK : P11D_PEM_END;

    while (result == P11D_PEM_BLOCK) {
        P11dPem pem;
        result = p11d_pem_read(bio, &pem);
        if (result == P11D_PEM_BLOCK)
            take_block(loading, &pem);
        p11d_pem_clear(&pem);
    }
    BIO_free(bio);
    if (result == P11D_PEM_DAMAGED || loading->blocks == 0)
        may_hold_key(loading);
    if (result == P11D_PEM_DAMAGED)
        complain(loading, "skipped: damaged or cut off");
    else if (loading->blocks == 0 && text->size == 0)
        complain(loading, "skipped: empty");
    else if (loading->blocks == 0)
        complain_of_nothing(loading);
}

static bool read_all(int fd, P11dBuffer *text, size_t size)
{
    /* One more byte shows a file that grew; it is read again when its writer closes it. */
    uint8_t *place = p11d_buffer_reserve(text, size + 1);
    if (!place) {
        errno = text->too_large ? EFBIG : ENOMEM;
        return false;
    }
    while (text->size <= size) {
        ssize_t count = read(fd, place + text->size, size + 1 - text->size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        if (count == 0)
            return true;
        text->size += (size_t)count;
    }
    errno = EAGAIN;
    return false;
}

/* Takes the blocks of a PEM file, and the attributes between them. */
static void take_text(Loading *loading, const P11dBuffer *text)
{
    take_blocks(loading, text);
    size_t line = p11d_keytext_read(&loading->file->text, text->data, text->size);
    if (line == 0)
        return;
    char why[96];
    snprintf(why, sizeof why,
             "line %zu is left out: no such attribute, or its value cannot be understood", line);
    complain(loading, why);
}

static bool load(Loading *loading, int fd)
{
    if (fstat(fd, &loading->status) != 0) {
        complain(loading, strerror(errno));
        return false;
    }
    if (!S_ISREG(loading->status.st_mode)) {
        complain(loading, "skipped: not a regular file");
        return false;
    }
    if ((uint64_t)loading->status.st_size > P11D_KEYFILE_MAX) {
        complain(loading, "skipped: larger than 1 MiB");
        return false;
    }
    P11dBuffer text;
    p11d_buffer_init(&text, P11D_KEYFILE_MAX + 1);
    bool ok = read_all(fd, &text, (size_t)loading->status.st_size);
    if (!ok)
        complain(loading, strerror(errno));
    else if (loading->kinds == 0)
        take_secret(loading, &text);
    else
        take_text(loading, &text);
    p11d_buffer_clear(&text);
    return ok;
}

static bool open_and_load(Loading *loading, int directory)
{
    memset(loading->file, 0, sizeof *loading->file);
    /* Non-blocking: a FIFO of that name must not hold the worker up. */
    int fd = openat(directory, loading->name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT)
            return false;
        complain(loading, strerror(errno));
        may_hold_key(loading);
        return false;
    }
    bool ok = load(loading, fd);
    close(fd);
    if (!ok)
        may_hold_key(loading);
    return ok;
}

bool p11d_keyfile_load(P11dKeyFile *file, int directory, const char *path, const char *name,
                       unsigned kinds)
{
    Loading loading = {.file = file, .path = path, .name = name, .kinds = kinds};
    return open_and_load(&loading, directory);
}

bool p11d_keyfile_load_secret(P11dKeyFile *file, int directory, const char *path, const char *name,
                              CK_KEY_TYPE type)
{
    Loading loading = {.file = file, .path = path, .name = name, .secret = type};
    return open_and_load(&loading, directory);
}

void p11d_keyfile_clear(P11dKeyFile *file)
{
    p11d_keyclaim_clear(&file->claim);
    for (size_t i = 0; i < file->certificate_count; i++)
        X509_free(file->certificates[i]);
    p11d_servedkey_unref(file->secret);
    p11d_pem_clear(&file->held);
    p11d_keytext_clear(&file->text);
    memset(file, 0, sizeof *file);
}
