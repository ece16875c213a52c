// SPDX-License-Identifier: MIT
/*
 * What a token with many objects costs the module: the time to read a reply of ListObjects, which
 * no other thread of the host notices, and the time to put it in, for which the module's lock is
 * held. Medians, in microseconds.
 * usage: snapshot [OBJECTS]
 */
#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "writer.h"

#define ROUNDS 21

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare_times(const void *a, const void *b)
{
    const double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void report(const char *what, double times[ROUNDS])
{
    qsort(times, ROUNDS, sizeof *times, compare_times);
    printf("%-48s %10.1f\n", what, times[ROUNDS / 2]);
}

static void must(bool good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "snapshot: %s failed\n", what);
    exit(1);
}

/* A P-256 key of random bytes, which is its number's own: private for even numbers, public for odd
 * ones. */
static void write_object(P11dWriter *writer, uint64_t id, unsigned long number, const char *suffix)
{
    static const uint8_t head[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    uint8_t info[91];
    char label[48];
    uint64_t random = number / 2 + 1;
    memcpy(info, head, sizeof head);
    for (size_t i = sizeof head; i < sizeof info; i++) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        info[i] = (uint8_t)(random >> 33);
    }
    snprintf(label, sizeof label, "key-%05lu%s", number / 2, suffix);
    p11d_writer_struct(writer);
    p11d_writer_uint64(writer, id);
    const P11dArray attributes = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "class", "s");
    p11d_writer_string(writer, number % 2 == 0 ? "private-key" : "public-key");
    p11d_writer_entry(writer, "label", "s");
    p11d_writer_string(writer, label);
    p11d_writer_entry(writer, "public-key-info", "ay");
    p11d_writer_bytes(writer, info, sizeof info);
    p11d_writer_array_end(writer, attributes);
}

typedef struct Reply {
    uint64_t generation;
    bool complete;
    uint64_t first;     /* id */
    unsigned long from; /* number of the first */
    unsigned long count;
    const char *suffix; /* of labels */
} Reply;

/* Puts reply in. read and applied: the times that these two took. */
static void apply(P11dSnapshot *snapshot, const Reply *reply, double *read, double *applied)
{
    static CK_OBJECT_HANDLE last_handle;
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader body;
    P11dUpdate update;
    p11d_buffer_init(&buffer, (size_t)256 << 20);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_uint64(&writer, reply->generation);
    p11d_writer_boolean(&writer, reply->complete);
    const P11dArray objects = p11d_writer_array_begin(&writer, 8);
    for (unsigned long i = 0; i < reply->count; i++)
        write_object(&writer, reply->first + i, reply->from + i, reply->suffix);
    p11d_writer_array_end(&writer, objects);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    p11d_reader_init(&body, buffer.data, buffer.size, false);
    must(p11d_reader_validate(&body, "tba(ta{sv})at", 0), "writing");

    p11d_update_init(&update, &snapshot->terms);
    p11d_snapshot_ask(snapshot);
    const double begin = now();
    must(p11d_update_read(&update, &body) == CKR_OK, "reading");
    const double middle = now();
    must(p11d_snapshot_apply(snapshot, &update, &last_handle) == CKR_OK, "applying");
    *applied = now() - middle;
    *read = middle - begin;
    p11d_update_clear(&update);
    p11d_buffer_clear(&buffer);
}

static void measure_lists(P11dSnapshot *snapshot, unsigned long count)
{
    double reads[ROUNDS], applies[ROUNDS];
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const Reply all = {1000 + i, true, 1, 0, count, ""};
        apply(snapshot, &all, &reads[i], &applies[i]);
    }
    report("whole list, read", reads);
    report("whole list, under the lock", applies);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const Reply again = {2000 + i, true, 1 + i * count, 0, count, ""};
        p11d_snapshot_detach(snapshot);
        apply(snapshot, &again, &reads[i], &applies[i]);
    }
    report("bound again after a restart, under the lock", applies);
}

static void measure_differences(P11dSnapshot *snapshot, unsigned long count)
{
    double reads[ROUNDS], applies[ROUNDS];
    const uint64_t first = 1 + (ROUNDS - 1) * count; /* id, as the last list left it */
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const Reply one = {3000 + i, false, first + count + i, count + 2 * i, 1, ""};
        apply(snapshot, &one, &reads[i], &applies[i]);
    }
    report("difference of one new object, read", reads);
    report("difference of one new object, under the lock", applies);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const unsigned long number = count / 2 + i;
        const Reply one = {4000 + i, false, first + number, number, 1, " relabelled"};
        apply(snapshot, &one, &reads[i], &applies[i]);
    }
    report("difference of one relabelled object, likewise", applies);
}

static void measure_searches(const P11dSnapshot *snapshot)
{
    double times[ROUNDS];
    for (unsigned long i = 0; i < ROUNDS; i++) {
        char label[48];
        snprintf(label, sizeof label, "key-%05lu", 100 + 7 * i);
        const CK_ATTRIBUTE wanted = {CKA_LABEL, label, strlen(label)};
        P11dHandles found;
        p11d_handles_init(&found);
        const double begin = now();
        must(p11d_snapshot_search(snapshot, &wanted, 1, &found) == CKR_OK, "searching");
        times[i] = now() - begin;
        must(found.count == 2, "finding");
        p11d_handles_clear(&found);
    }
    report("search by label, under the lock", times);
}

int main(int argc, char **argv)
{
    const unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    P11dSnapshot snapshot;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    printf("%lu objects, microseconds\n", count);
    measure_lists(&snapshot, count);
    measure_differences(&snapshot, count);
    measure_searches(&snapshot);
    p11d_snapshot_clear(&snapshot);
    return 0;
}
