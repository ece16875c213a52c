// SPDX-License-Identifier: MIT
#include "keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "keyfile.h"
#include "log.h"

/* The one file that is ever half written. Hidden files are no keys. */
#define DRAFT ".p11dbus-draft"
/* Is locked by who writes: nobody else can open it. */
#define LOCK ".p11dbus-lock"

CK_RV p11d_keystore_failure(const char *path, const char *name)
{
    int error = errno;
    if (error == EEXIST)
        return CKR_ACTION_PROHIBITED;
    p11d_log("%s/%s: cannot be written: %s", path, name, strerror(error));
    if (error == ENOSPC || error == EDQUOT || error == EFBIG)
        return CKR_DEVICE_MEMORY;
    if (error == EACCES || error == EPERM || error == EROFS)
        return CKR_TOKEN_WRITE_PROTECTED;
    return error == ENOMEM ? CKR_HOST_MEMORY : CKR_DEVICE_ERROR;
}

static bool write_all(int fd, const P11dBuffer *text)
{
    for (size_t done = 0; done < text->size;) {
        ssize_t count = write(fd, text->data + done, text->size - done);
        if (count < 0 && errno != EINTR)
            return false;
        done += count > 0 ? (size_t)count : 0;
    }
    return fsync(fd) == 0;
}

/* Closes, which may tell that what was written is lost (close(2), EDQUOT and EIO). The mode does
 * not depend on the mask of this process. */
bool p11d_keystore_fill(int directory, const char *name, const P11dBuffer *text, mode_t mode)
{
    if (unlinkat(directory, name, 0) != 0 && errno != ENOENT)
        return false;
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool written = fchmod(fd, mode) == 0 && write_all(fd, text);
    int error = errno;
    bool closed = close(fd) == 0;
    errno = written ? errno : error;
    return written && closed;
}

/* Without RENAME_NOREPLACE, which not every file system has, both names are there for a moment, and
 * the draft's means nothing. */
static bool put_new(int directory, const char *name)
{
    if (renameat2(directory, DRAFT, directory, name, RENAME_NOREPLACE) == 0)
        return true;
    return (errno == EINVAL || errno == ENOSYS) &&
           linkat(directory, DRAFT, directory, name, 0) == 0 && unlinkat(directory, DRAFT, 0) == 0;
}

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

CK_RV p11d_keystore_add(const char *path, const char *name, const P11dBuffer *text, mode_t mode)
{
    int directory = open_directory(path);
    if (directory < 0)
        return p11d_keystore_failure(path, name);
    bool ok = p11d_keystore_fill(directory, DRAFT, text, mode) && put_new(directory, name) &&
              fsync(directory) == 0;
    CK_RV rv = ok ? CKR_OK : p11d_keystore_failure(path, name);
    if (!ok)
        unlinkat(directory, DRAFT, 0);
    close(directory);
    return rv;
}

static bool read_all(int fd, P11dBuffer *text)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size > (off_t)P11D_KEYFILE_MAX)
        return false;
    size_t size = (size_t)status.st_size;
    uint8_t *place = p11d_buffer_reserve(text, size + 1);
    while (place && text->size < size) {
        ssize_t count = read(fd, place + text->size, size - text->size);
        if (count == 0 || (count < 0 && errno != EINTR))
            return false;
        text->size += count > 0 ? (size_t)count : 0;
    }
    return place;
}

CK_RV p11d_keystore_read(const char *path, const char *name, P11dBuffer *text)
{
    int directory = open_directory(path);
    if (directory < 0)
        return CKR_DEVICE_ERROR;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    CK_RV rv = errno == ELOOP ? CKR_ACTION_PROHIBITED : CKR_DEVICE_ERROR;
    if (fd >= 0) {
        rv = read_all(fd, text) ? CKR_OK : CKR_DEVICE_ERROR;
        close(fd);
    }
    close(directory);
    return rv;
}

void p11d_keystore_sweep(int directory)
{
    unlinkat(directory, DRAFT, 0);
}

/* The process that has the file locked, as proc_locks(5) tells it; 0: it does not. */
static int find_holder(int lock)
{
    struct stat status;
    char line[128];
    int holder = 0;
    FILE *table = fopen("/proc/locks", "re");
    bool ok = table && fstat(lock, &status) == 0;
    while (ok && holder == 0 && fgets(line, sizeof line, table)) {
        unsigned long long inode;
        unsigned high, low;
        int process;
        if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%llu", &process, &high, &low, &inode) == 4 &&
            inode == status.st_ino && high == major(status.st_dev) && low == minor(status.st_dev))
            holder = process;
    }
    if (table)
        fclose(table);
    return holder;
}

static void tell_holder(const char *path, int lock)
{
    char process[32] = "another service";
    int holder = find_holder(lock);
    if (holder > 0)
        snprintf(process, sizeof process, "process %d", holder);
    p11d_log("%s/%s: %s has had it locked for too long; nothing is written there until it lets go",
             path, LOCK, process);
}

/* flock(2) knows no deadline. */
static bool take_lock(int lock, P11dDeadline deadline)
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR && (errno != EWOULDBLOCK || p11d_deadline_passed(deadline)))
            return false;
        if (errno != EINTR)
            nanosleep(&pause, NULL);
    }
    return true;
}

CK_RV p11d_keystore_lock(const char *path, int patience, int *lock)
{
    int directory = open_directory(path);
    *lock = directory < 0
                ? -1
                : openat(directory, LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    CK_RV rv = *lock >= 0 ? CKR_OK : p11d_keystore_failure(path, LOCK);
    if (directory >= 0)
        close(directory);
    if (rv == CKR_OK && !take_lock(*lock, p11d_deadline_in(patience))) {
        rv = CKR_DEVICE_ERROR;
        if (patience > 0)
            tell_holder(path, *lock);
    }
    if (rv != CKR_OK) {
        p11d_keystore_unlock(*lock);
        *lock = -1; /* soon the number of another file */
    }
    return rv;
}

void p11d_keystore_unlock(int lock)
{
    if (lock >= 0)
        close(lock);
}
