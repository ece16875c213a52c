// SPDX-License-Identifier: MIT
#include "search.h"

#include <fcntl.h>
#include <inttypes.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"

/* A mapping that is larger holds no data of a program: it is a sanitizer's shadow. */
#define MAPPING_MAX ((uint64_t)64 << 30)
#define WINDOW ((size_t)1 << 20)

/* Memory is looked at through a window. */
typedef struct Window {
    int memory;  /* /proc/PID/mem */
    int pagemap; /* -1: every page counts as present */
    size_t page; /* bytes */
    uint8_t bytes[WINDOW];
    uint8_t first[1 << 16]; /* whether some piece begins with these two bytes */
} Window;

static void add_pieces(Search *search, const char *what, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + SEARCH_PIECE <= size; at += SEARCH_PIECE) {
        if (search->count == SEARCH_PIECES)
            rig_fail("%s: too much to be searched for", what);
        memcpy(search->pieces[search->count].bytes, bytes + at, SEARCH_PIECE);
        search->pieces[search->count++].what = what;
    }
}

void search_add(Search *search, const char *what, const void *bytes, size_t size)
{
    uint8_t turned[1024];
    if (size < SEARCH_PIECE || size > sizeof turned)
        rig_fail("%s: %zu bytes cannot be searched for", what, size);
    for (size_t i = 0; i < size; i++)
        turned[i] = ((const uint8_t *)bytes)[size - 1 - i];
    add_pieces(search, what, bytes, size);
    add_pieces(search, what, turned, size);
}

/* Without its leading zeros, so that pieces stand where they stand in a DER integer too. */
static void add_number(Search *search, const char *what, EVP_PKEY *key, const char *name)
{
    uint8_t bytes[1024];
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1 || BN_num_bytes(number) > (int)sizeof bytes)
        rig_fail("%s has no %s", what, name);
    search_add(search, what, bytes, (size_t)BN_bn2bin(number, bytes));
    BN_clear_free(number);
}

void search_add_key(Search *search, const char *what, EVP_PKEY *key)
{
    static const char *const rsa[] = {
        OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
        OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
        OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    };
    uint8_t seed[64];
    size_t size = sizeof seed;

    if (EVP_PKEY_is_a(key, "RSA")) {
        for (size_t i = 0; i < sizeof rsa / sizeof rsa[0]; i++)
            add_number(search, what, key, rsa[i]);
    } else if (EVP_PKEY_is_a(key, "EC")) {
        add_number(search, what, key, OSSL_PKEY_PARAM_PRIV_KEY);
    } else if (EVP_PKEY_get_raw_private_key(key, seed, &size) == 1) {
        search_add(search, what, seed, size);
    } else {
        rig_fail("%s: no private key", what);
    }
}

static void look_at(Search *search, const Window *window, size_t size)
{
    for (size_t at = 0; at + SEARCH_PIECE <= size; at++) {
        const uint8_t *bytes = window->bytes + at;
        if (!window->first[bytes[0] << 8 | bytes[1]])
            continue;
        for (size_t i = 0; i < search->count; i++) {
            if (memcmp(bytes, search->pieces[i].bytes, SEARCH_PIECE) == 0)
                search->pieces[i].found++;
        }
    }
}

static bool is_present(const Window *window, uint64_t address)
{
    uint64_t entry;
    if (window->pagemap < 0 ||
        pread(window->pagemap, &entry, sizeof entry,
              (off_t)(address / window->page * sizeof entry)) != sizeof entry)
        return true;
    return entry >> 62; /* present, or swapped out (proc(5)) */
}

/* Reads runs of pages that are present. Windows overlap by a piece, so that nothing is missed at
 * their ends. */
static void look_through(Search *search, Window *window, uint64_t start, uint64_t end)
{
    while (start < end) {
        if (!is_present(window, start)) {
            start += window->page;
            continue;
        }
        uint64_t stop = start;
        while (stop < end && stop - start < WINDOW && is_present(window, stop))
            stop += window->page;
        ssize_t count = pread(window->memory, window->bytes, stop - start, (off_t)start);
        if (count > 0)
            look_at(search, window, (size_t)count);
        bool full = stop - start == WINDOW && stop < end;
        start = full ? stop - window->page : stop;
    }
}

static int open_of(pid_t pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool search_run(Search *search, pid_t pid)
{
    static Window window;
    char line[512];
    uint64_t start, end;
    char mode[5];
    int maps = open_of(pid, "maps");
    FILE *stream = maps < 0 ? NULL : fdopen(maps, "r");

    window.memory = open_of(pid, "mem");
    window.pagemap = open_of(pid, "pagemap");
    window.page = (size_t)sysconf(_SC_PAGESIZE);
    memset(window.first, 0, sizeof window.first);
    for (size_t i = 0; i < search->count; i++) {
        search->pieces[i].found = 0;
        window.first[search->pieces[i].bytes[0] << 8 | search->pieces[i].bytes[1]] = 1;
    }
    bool ok = stream && window.memory >= 0;
    while (ok && fgets(line, sizeof line, stream)) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", &start, &end, mode) == 3 &&
            mode[1] == 'w' && end - start <= MAPPING_MAX)
            look_through(search, &window, start, end);
    }
    if (stream)
        fclose(stream);
    close(window.memory);
    close(window.pagemap);
    return ok;
}

const char *search_found(const Search *search, const char *what)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->pieces[i].found > 0 && (!what || strcmp(what, search->pieces[i].what) == 0))
            return search->pieces[i].what;
    }
    return NULL;
}
