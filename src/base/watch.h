/* watch.h - changes in folders as the system tells them (Linux: inotify; macOS: not, its files are looked at instead). In
 * os_linux.c and os_macos.c. */
#ifndef BASE_WATCH_H
#define BASE_WATCH_H

#include "base/error.h"

typedef struct base_watch_event {
    int watch;        /* number of the folder; -1: events were lost */
    const char *name; /* in the folder; "": the folder itself; valid during the call */
    bool folder;      /* the name is, or was, a folder's */
    bool moved;       /* it has come from or gone to elsewhere with all that is in it */
    bool ended;       /* the folder is not watched any more: it is gone */
} base_watch_event;

/* *fd is the caller's: base_watch_close. UNSUPPORTED where the system has no such thing; LIMIT where no more may be had. */
lancelet_status base_watch_open(int *fd, lancelet_error *err) MUST_CHECK;
/* Watches a folder, not what is below it; *watch is its number, the same for a folder that is watched already. NOT_FOUND when it
 * is no folder (any more); LIMIT when the system allows no more watches. */
lancelet_status base_watch_add(int fd, const char *folder, int *watch, lancelet_error *err) MUST_CHECK;
/* Waits at most wait_ms and calls `see` for each event that is there. A signal ends the wait. */
lancelet_status base_watch_read(int fd, int wait_ms, void (*see)(void *arg, const base_watch_event *event), void *arg,
                                lancelet_error *err) MUST_CHECK;
void base_watch_close(int fd);

#endif
