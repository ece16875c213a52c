// SPDX-License-Identifier: MIT
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

#define DIRECTORY_EVENTS                                                                           \
    (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define PARENT_EVENTS (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR)
#define FILE_EVENTS (IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define GONE_EVENTS (IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR)

static bool watch_directory(P11dWatch *watch)
{
    watch->directory = inotify_add_watch(watch->fd, watch->path, DIRECTORY_EVENTS);
    return watch->directory >= 0;
}

static void watch_parent(P11dWatch *watch)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(watch->path, '/');
    int size = slash > watch->path ? (int)(slash - watch->path) : 1;
    if (snprintf(parent, sizeof parent, "%.*s", size, watch->path) < (int)sizeof parent)
        watch->parent = inotify_add_watch(watch->fd, parent, PARENT_EVENTS);
}

/* A file that was just made is being written, and its end is told later; a link is complete. */
static bool is_link(const P11dWatch *watch, const char *name)
{
    char path[PATH_MAX];
    struct stat status;
    if (snprintf(path, sizeof path, "%s/%s", watch->path, name) >= (int)sizeof path ||
        lstat(path, &status) != 0)
        return true; /* whatever it is, a scan tells */
    return S_ISLNK(status.st_mode) || (S_ISREG(status.st_mode) && status.st_nlink > 1);
}

/* Watches what name, a link, leads to; where that is gone, the folder where it was. Returns the
 * watch descriptor, or -1. */
static int watch_other(const P11dWatch *watch, const char *name)
{
    char path[PATH_MAX], target[PATH_MAX], folder[2 * PATH_MAX];
    struct stat status;
    if (snprintf(path, sizeof path, "%s/%s", watch->path, name) >= (int)sizeof path)
        return -1;
    if (stat(path, &status) == 0)
        return S_ISREG(status.st_mode) ? inotify_add_watch(watch->fd, path, FILE_EVENTS) : -1;
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return -1;
    target[size] = '\0';
    char *slash = strrchr(target, '/');
    if (!slash) /* in the directory itself */
        return -1;
    slash[1] = '\0';
    snprintf(folder, sizeof folder, "%s%s%s", *target == '/' ? "" : watch->path,
             *target == '/' ? "" : "/", target);
    /* The directory itself keeps the events that it has. */
    return inotify_add_watch(watch->fd, folder, GONE_EVENTS | IN_MASK_ADD);
}

static bool is_other(const P11dWatch *watch, int descriptor)
{
    for (size_t i = 0; i < watch->other_count; i++) {
        if (watch->others[i] == descriptor)
            return true;
    }
    return false;
}

static void add_other(P11dWatch *watch, int descriptor)
{
    int *others = NULL;
    if (descriptor < 0 || descriptor == watch->directory || descriptor == watch->parent ||
        is_other(watch, descriptor))
        return;
    others = reallocarray(watch->others, watch->other_count + 1, sizeof *others);
    if (!others)
        return;
    watch->others = others;
    watch->others[watch->other_count++] = descriptor;
}

/* Watches the files that are elsewhere, too, and no more those that are not any longer. Hidden
 * files are nothing of ours. */
static void watch_others(P11dWatch *watch)
{
    P11dWatch before = *watch;
    const struct dirent *item;
    DIR *stream = opendir(watch->path);
    bool full = false;
    watch->others = NULL;
    watch->other_count = 0;
    while (stream && (item = readdir(stream))) {
        errno = 0;
        if (item->d_name[0] != '.' && is_link(watch, item->d_name))
            add_other(watch, watch_other(watch, item->d_name));
        full = full || errno == ENOSPC;
    }
    if (full)
        p11d_log("%s: no more can be watched (fs.inotify.max_user_watches): what is done to a file "
                 "by another name of it is seen with the next change here",
                 watch->path);
    if (stream)
        closedir(stream);
    for (size_t i = 0; i < before.other_count; i++) {
        if (!is_other(watch, before.others[i]))
            inotify_rm_watch(watch->fd, before.others[i]);
    }
    free(before.others);
}

bool p11d_watch_init(P11dWatch *watch, const char *path)
{
    *watch = (P11dWatch){.path = path, .directory = -1, .parent = -1};
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return false;
    if (watch_directory(watch)) {
        watch_others(watch);
        return true;
    }
    int error = errno;
    p11d_watch_clear(watch);
    errno = error;
    return false;
}

void p11d_watch_clear(P11dWatch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
    free(watch->others);
    watch->others = NULL;
    watch->other_count = 0;
}

static bool is_our_name(const P11dWatch *watch, const struct inotify_event *event)
{
    return event->len > 0 && strcmp(strrchr(watch->path, '/') + 1, event->name) == 0;
}

static bool handle(P11dWatch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    if (event->wd == watch->parent && event->wd != watch->directory)
        return is_our_name(watch, event);
    if (event->wd != watch->directory)
        return is_other(watch, event->wd) && !(event->mask & IN_IGNORED); /* or of one no more */
    if (event->mask & IN_MOVE_SELF)
        inotify_rm_watch(watch->fd, watch->directory);
    if (event->mask & (IN_MOVE_SELF | IN_DELETE_SELF | IN_IGNORED | IN_UNMOUNT)) {
        watch->directory = -1;
        return true;
    }
    if (event->mask & IN_CREATE)
        return event->len > 0 && is_link(watch, event->name);
    return true;
}

/* Finds the directory again, or waits for it at its parent. */
static void recover(P11dWatch *watch)
{
    if (watch_directory(watch)) {
        if (watch->parent >= 0)
            inotify_rm_watch(watch->fd, watch->parent);
        watch->parent = -1;
        return;
    }
    if (watch->parent < 0) {
        watch_parent(watch);
        watch_directory(watch); /* it may have come in between; the scan follows */
    }
}

bool p11d_watch_read(P11dWatch *watch)
{
    bool changed = false;
    for (;;) {
        _Alignas(struct inotify_event) char events[16 * 1024];
        ssize_t size = read(watch->fd, events, sizeof events);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(events + at);
            if (handle(watch, event))
                changed = true;
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    if (watch->directory < 0)
        recover(watch);
    if (changed) /* before the scan, so that nothing is missed in between */
        watch_others(watch);
    return changed;
}
