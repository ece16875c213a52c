// SPDX-License-Identifier: MIT
#include "keychange.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keystore.h"
#include "log.h"

/* A file that is to take the place of another, or, empty, to have it go: PREFIX INODE "." NAME,
 * with the inode of that other file; 0: there was none. */
#define PREFIX ".p11dbus-change."
/* Is there once all of them are. */
#define MARK ".p11dbus-commit"

static int open_directory(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Whether the hidden file is one that this user's services made: in a directory where others may
 * make files, too, they could have those replaced that they may not touch. */
static bool is_own(int directory, const char *name)
{
    struct stat status;
    return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           status.st_nlink == 1 && status.st_uid == geteuid();
}

/* The inode of the file; 0: there is none. Its mode, if there is one. */
static ino_t inode_of(int directory, const char *name, mode_t *mode)
{
    struct stat status;
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    *mode = status.st_mode & 0777;
    return status.st_ino;
}

CK_RV p11d_keychange_put(P11dKeyChange *change, const char *name, const P11dBuffer *text)
{
    static const P11dBuffer nothing;
    char pending[NAME_MAX + 1];
    mode_t mode = 0600;
    int directory = open_directory(change->path);
    if (directory < 0)
        return p11d_keystore_failure(change->path, name);
    ino_t inode = inode_of(directory, name, &mode);
    int size = snprintf(pending, sizeof pending, PREFIX "%llu.%s", (unsigned long long)inode, name);
    CK_RV rv = size < (int)sizeof pending ? CKR_OK : CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK && !p11d_keystore_fill(directory, pending, text ? text : &nothing, mode))
        rv = p11d_keystore_failure(change->path, name);
    change->count += rv == CKR_OK;
    close(directory);
    return rv;
}

CK_RV p11d_keychange_commit(const P11dKeyChange *change)
{
    static const P11dBuffer nothing;
    int directory = open_directory(change->path);
    bool ok = directory >= 0 && fsync(directory) == 0 &&
              p11d_keystore_fill(directory, MARK, &nothing, 0600);
    if (ok && fsync(directory) != 0) {
        int error = errno;
        unlinkat(directory, MARK, 0);
        errno = error;
        ok = false;
    }
    CK_RV rv = ok ? CKR_OK : p11d_keystore_failure(change->path, MARK);
    if (directory >= 0)
        close(directory);
    return rv;
}

/* Puts the pending file in the place of the one that it is for, unless that is another since. */
static bool apply(int directory, const char *path, const char *pending)
{
    char *name;
    struct stat status;
    mode_t mode;
    unsigned long long inode = strtoull(pending + strlen(PREFIX), &name, 10);
    if (*name != '.' || name[1] == '\0') /* it is for none */
        return unlinkat(directory, pending, 0) == 0;
    name++;
    if (fstatat(directory, pending, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    bool goes = status.st_size == 0;
    ino_t now = inode_of(directory, name, &mode);
    if (now == inode && !goes)
        return renameat(directory, pending, directory, name) == 0;
    if (now == inode && now != 0 && unlinkat(directory, name, 0) != 0)
        return false;
    if (now != inode && !(goes && now == 0))
        p11d_log("%s/%s: somebody replaced it while it was being changed; it stays as it is", path,
                 name);
    return unlinkat(directory, pending, 0) == 0;
}

/* The names of all pending files, freed by free_names; NULL with errno set if they cannot be read.
 */
static char **read_names(const char *path, size_t *count)
{
    char **names = calloc(1, sizeof *names);
    DIR *stream = names ? opendir(path) : NULL;
    *count = 0;
    for (const struct dirent *item; stream && names && (item = readdir(stream));) {
        if (strncmp(item->d_name, PREFIX, strlen(PREFIX)) != 0 ||
            !is_own(dirfd(stream), item->d_name))
            continue;
        char **more = reallocarray(names, *count + 2, sizeof *names);
        names = more ? more : names;
        if (!more || !(names[*count] = strdup(item->d_name)))
            break;
        names[++*count] = NULL;
    }
    if (stream)
        closedir(stream);
    return names;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static bool make(int directory, const char *path, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!apply(directory, path, names[i]))
            return false;
    }
    return fsync(directory) == 0 && unlinkat(directory, MARK, 0) == 0 && fsync(directory) == 0;
}

static void remove_all(int directory, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        unlinkat(directory, names[i], 0);
}

bool p11d_keychange_is_pending(const char *path)
{
    int directory = open_directory(path);
    bool pending = directory >= 0 && is_own(directory, MARK);
    if (directory >= 0)
        close(directory);
    return pending;
}

CK_RV p11d_keychange_finish(const char *path)
{
    size_t count;
    int directory = open_directory(path);
    char **names = read_names(path, &count);
    CK_RV rv = directory >= 0 && names ? CKR_OK : CKR_DEVICE_ERROR;
    bool committed = rv == CKR_OK && p11d_keychange_is_pending(path);
    if (committed && !make(directory, path, names, count)) {
        p11d_log("%s: a change of its files is not complete: %s; it is completed when something is "
                 "next written there",
                 path, strerror(errno));
        rv = CKR_DEVICE_ERROR;
    }
    if (rv == CKR_OK && !committed) {
        remove_all(directory, names, count);
        p11d_keystore_sweep(directory);
    }
    free_names(names, count);
    if (directory >= 0)
        close(directory);
    return rv;
}

void p11d_keychange_abandon(const P11dKeyChange *change)
{
    if (!p11d_keychange_is_pending(change->path))
        p11d_keychange_finish(change->path);
}
