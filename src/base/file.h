/* file.h - every file call of the program. Each can be made to fail by fault.h. Messages name the path. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/memory.h"

/* ---- reading ---- */

/* A file mapped for reading. The bytes stay valid until base_map_close. An empty file has data != NULL and size 0. */
typedef struct base_map {
    const uint8_t *data; /* [size] */
    uint64_t size;
    void *mapping; /* for base_map_close */
} base_map;
/* expected_size: 0 = unknown, else CORRUPT when the file is of another size. NOT_FOUND when it is not there. */
lancelet_status base_map_open(const char *path, uint64_t expected_size, base_map *out, lancelet_error *err) MUST_CHECK;
void base_map_close(base_map *m);
/* If `address` lies in an open mapping of ours: its path (for the SIGBUS sentence; async-signal-safe), else NULL. */
const char *base_map_path_of(const void *address);
/* Counts bytes of mappings that a reader looks into; all threads together. Tests bound what a read may cost. */
void base_count_read(uint64_t bytes);
uint64_t base_bytes_read(void); /* since the program began */

/* The whole file into a fresh allocation with a NUL behind it (not counted). LIMIT when it has more than `limit`
 * bytes; a FIFO or device is INVALID. *bytes is the caller's. */
lancelet_status base_file_read(const char *path, uint64_t limit, uint8_t **bytes, size_t *n, lancelet_error *err) MUST_CHECK;

typedef struct base_stat {
    bool exists;
    bool is_dir;
    bool is_regular;
    uint64_t size;
    int64_t modified_us; /* microseconds since 1970 UTC */
    uint64_t device, inode;
} base_stat;
/* Follows links. A missing file is OK with exists = false. */
lancelet_status base_file_stat(const char *path, base_stat *out, lancelet_error *err) MUST_CHECK;

/* Names in a folder but "." and "..", sorted by bytes; the array and each name are owned by the caller:
 * base_names_free. NOT_FOUND when the folder is not there. */
typedef struct base_names {
    char **name; /* [n] */
    size_t n;
} base_names;
lancelet_status base_dir_list(const char *path, base_names *out, lancelet_error *err) MUST_CHECK;
void base_names_free(base_names *names);

/* The same for walking large trees: with what the listing knows of each name, and a descriptor that looks at names without the
 * way to the folder. Owned: base_listing_close (harmless on a closed one). */
typedef enum base_name_type { BASE_NAME_UNKNOWN = 0, BASE_NAME_FILE, BASE_NAME_FOLDER, BASE_NAME_OTHER } base_name_type;
typedef struct base_listed {
    const char *name;
    base_name_type type; /* UNKNOWN also of links; OTHER: neither file nor folder nor link */
} base_listed;
typedef struct base_listing {
    int fd;
    base_listed *entry; /* [n] sorted by the bytes of the names */
    size_t n;
    base_arena names;
} base_listing;
lancelet_status base_listing_open(const char *path, base_listing *out, lancelet_error *err) MUST_CHECK;
/* As base_file_stat, of a name in the folder. */
lancelet_status base_listing_stat(const base_listing *l, const char *name, base_stat *out, lancelet_error *err) MUST_CHECK;
/* Gives back the descriptor; the names stay. */
void base_listing_done(base_listing *l);
void base_listing_close(base_listing *l);

/* ---- writing ---- */

/* A file being written. All writes are complete or an error. */
typedef struct base_writer {
    int fd;
    char *path;
    uint64_t position; /* bytes written so far */
    uint8_t *buffer;
    size_t used;
    bool keep;      /* what is written stays when writing fails: base_writer_append */
    bool will_sync; /* set by who will close with `sync`: the disk begins on large writes while more are made ready */
} base_writer;
/* Creates `path` anew (O_EXCL when `exclusive`). */
lancelet_status base_writer_open(const char *path, bool exclusive, base_writer *out, lancelet_error *err) MUST_CHECK;
/* Opens `path` behind what it has, made if needed; position starts there. The file is never removed: not by a failed close, not
 * by base_writer_abandon, which writes out what it holds. */
lancelet_status base_writer_append(const char *path, base_writer *out, lancelet_error *err) MUST_CHECK;
/* Cuts the file to nothing, and begins again. */
lancelet_status base_writer_restart(base_writer *w, lancelet_error *err) MUST_CHECK;
lancelet_status base_writer_write(base_writer *w, const void *bytes, size_t n, lancelet_error *err) MUST_CHECK;
/* Flushes, syncs when asked, closes. A failed sync is never retried. The writer is closed also when
 * this fails, and the file is removed then. */
lancelet_status base_writer_close(base_writer *w, bool sync, lancelet_error *err) MUST_CHECK;
/* Closes and removes the half-written file. Harmless on a closed writer. */
void base_writer_abandon(base_writer *w);

/* Writes to `<path>.tmp-<random>`, syncs when asked, renames over `path`: readers see the old or the new, whole. A device,
 * pipe or link of that name is written to itself. */
lancelet_status base_file_replace(const char *path, const void *bytes, size_t n, bool sync, lancelet_error *err) MUST_CHECK;
/* Hard link `from` to `to`: CONFLICT when `to` exists; UNSUPPORTED when the file system has no hard links (falls back
 * to renameat2(RENAME_NOREPLACE) or renamex_np(RENAME_EXCL) first). On success `from` is gone (a failure
 * to remove it is no failure: `to` stands). */
lancelet_status base_file_publish(const char *from, const char *to, lancelet_error *err) MUST_CHECK;
/* Renames over `to`. */
lancelet_status base_file_rename(const char *from, const char *to, lancelet_error *err) MUST_CHECK;
/* A symbolic link at `path` (its folder is there) that says `target`; CONFLICT when `path` exists, UNSUPPORTED where the file
 * system has no links. */
lancelet_status base_file_link(const char *target, const char *path, lancelet_error *err) MUST_CHECK;
/* A copy by way of a temporary name: `to` is whole or not there. */
lancelet_status base_file_copy(const char *from, const char *to, lancelet_error *err) MUST_CHECK;
/* Bytes that may still be written to the disk that `path` is on. */
lancelet_status base_disk_free(const char *path, uint64_t *bytes, lancelet_error *err) MUST_CHECK;
lancelet_status base_dir_sync(const char *path, lancelet_error *err) MUST_CHECK;
/* mkdir -p */
lancelet_status base_dir_make(const char *path, lancelet_error *err) MUST_CHECK;
lancelet_status base_file_remove(const char *path, lancelet_error *err) MUST_CHECK; /* OK when it is not there */
/* rm -r; does not follow links. OK when it is not there. */
lancelet_status base_dir_remove(const char *path, lancelet_error *err) MUST_CHECK;
/* rmdir: IO when it is not empty. OK when it is not there. */
lancelet_status base_dir_remove_empty(const char *path, lancelet_error *err) MUST_CHECK;

/* An exclusive advisory lock on a file that is made if needed (flock; gone with the process). CONFLICT when another
 * holds it. *fd is the caller's: base_unlock. */
lancelet_status base_lock(const char *path, int *fd, lancelet_error *err) MUST_CHECK;
void base_unlock(int fd);

/* ---- paths (owned strings; NULL when memory is out) ---- */
char *base_path_join(const char *a, const char *b);
/* Absolute, "." and ".." and double slashes taken out by text, links left alone. */
char *base_path_absolute(const char *path);
char *base_path_parent(const char *path);
char *base_program_folder(void); /* of the running program, links resolved; NULL also where the system does not say */
const char *base_path_name(const char *path); /* borrowed: the part behind the last slash */
/* *out: the folder for what can be made again, $XDG_CACHE_HOME/picask/BELOW, else ~/.cache/picask/BELOW; not made. NULL
 * where there is no home. */
lancelet_status base_cache_folder(const char *below, char **out, lancelet_error *err) MUST_CHECK;
/* Random bytes from the system. */
lancelet_status base_random(void *out, size_t n, lancelet_error *err) MUST_CHECK;
int64_t base_now_us(void);       /* wall clock, microseconds since 1970 UTC */
int64_t base_monotonic_us(void);

#endif
