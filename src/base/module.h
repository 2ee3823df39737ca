/* module.h - heavy libraries that are opened at first need (libcurl, snappy, ffmpeg), and the programs of ours that are
 * started. A module is lib/picask/NAME.so; it links its one library and nothing of ours, exports the one symbol
 * `picask_module`, and is handed the functions of base that it needs. What it gives back is a table of functions, declared
 * by the room that calls it.
 *
 * They are looked for beside the program or library that this code is part of (lib/, picask/, ../lib/picask/; programs in
 * libexec/picask/, ../libexec/picask/), then where the installation keeps them; never along a search path. */
#ifndef BASE_MODULE_H
#define BASE_MODULE_H

#include "base/memory.h"

/* What a module may call. */
typedef struct base_host {
    size_t struct_size;
    void *(*alloc)(size_t size);
    void *(*realloc)(void *old, size_t size);
    void (*free)(void *p);
    lancelet_status (*fail)(lancelet_error *err, lancelet_status status, const char *format, ...) PRINTF_LIKE(3, 4);
} base_host;

/* The symbol `picask_module`: the module's table, or NULL when it was built for another `version` of it. */
typedef const void *base_module_function(const base_host *host, int version);

/* The table of module `name`, opened once for all threads and never closed. UNSUPPORTED, when it is not there or its library
 * is not, is one sentence: what needs it ("reading video"), and `packages`, the Debian packages that it takes. */
lancelet_status base_module_open(const char *name, int version, const char *what, const char *packages, const void **table,
                                 lancelet_error *err) MUST_CHECK;
/* UNSUPPORTED, of a part that is there but not its library: `why` is the system's word for it. */
lancelet_status base_module_fail_library(const char *what, const char *name, const char *packages, const char *why, lancelet_error *err);
/* Is it there and can it be opened? For --version -v. */
bool base_module_there(const char *name, int version);

/* *path (owned): of program libexec/picask/NAME. UNSUPPORTED in the same sentence when it is not there. */
lancelet_status base_program_find(const char *name, const char *what, const char *packages, char **path,
                                  lancelet_error *err) MUST_CHECK;

#endif
