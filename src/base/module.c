/* module.c - finds and opens modules, and finds our programs. The object that this code is linked into is libpicask.so,
 * whose place dladdr tells, or the running program; what lies beside it goes before the installation's, so that a program that was
 * just built uses what was built with it. */
#include "base/module.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "base/file.h"
#include "base/os.h"

#ifndef PICASK_MODULES
#define PICASK_MODULES "/usr/local/lib/picask"
#endif
#ifndef PICASK_PROGRAMS
#define PICASK_PROGRAMS "/usr/local/libexec/picask"
#endif

enum { MAX_MODULES = 16 };

typedef struct opened {
    const char *name;
    const void *table;
} opened;

static struct {
    pthread_mutex_t lock;
    opened module[MAX_MODULES]; /* [n] */
    size_t n;
} modules = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const base_host host = {sizeof host, base_alloc, base_realloc, base_free, base_fail};

/* *path (owned; NULL: nowhere): the first file BELOW/NAME beside libpicask.so or the program, or NAME in `installed`. */
static lancelet_status find(const char *const *below, const char *name, const char *installed, char **path, lancelet_error *err)
{
    Dl_info info;
    char program[4096], *folder = NULL;
    *path = NULL;
    bool library = dladdr((const void *)&modules, &info) != 0 && info.dli_fname &&
                   strncmp(base_path_name(info.dli_fname), "libpicask", 9) == 0;
    const char *here = library ? info.dli_fname : base_os_program_path(program, sizeof program) ? program : NULL;
    folder = here ? base_path_parent(here) : NULL;
    if (here && !folder)
        return base_fail_memory(err);
    for (size_t i = 0; (folder && below[i]) || !*path; i++) {
        bool last = !folder || !below[i];
        base_stat stat;
        char *place = last ? base_format("%s/%s", installed, name) : base_format("%s/%s/%s", folder, below[i], name);
        if (!place) {
            base_free(folder);
            return base_fail_memory(err);
        }
        if (base_file_stat(place, &stat, NULL) == LANCELET_OK && stat.is_regular) {
            *path = place;
            break;
        }
        base_free(place);
        if (last)
            break;
    }
    base_free(folder);
    return LANCELET_OK;
}

static lancelet_status fail_missing(const char *what, const char *name, const char *packages, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "%s needs picask's part '%s', which is not installed: picask's package brings it, and make demo FULL=1 builds it "
                     "(packages: %s)",
                     what, name, packages);
}

lancelet_status base_module_fail_library(const char *what, const char *name, const char *packages, const char *why, lancelet_error *err)
{
    return base_fail(err, LANCELET_UNSUPPORTED,
                     "%s needs picask's part '%s', which cannot be opened (%.300s): install what picask's package recommends, or: %s", what,
                     name, why && *why ? why : "no reason given", packages);
}

static lancelet_status open_file(const char *path, const char *name, int version, const char *what, const char *packages,
                                 const void **table, lancelet_error *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return base_module_fail_library(what, name, packages, dlerror(), err);
    base_module_function *function;
    void *symbol = dlsym(library, "picask_module");
    memcpy(&function, &symbol, sizeof function); /* ISO C knows no cast from an object's to a function's pointer */
    *table = symbol ? function(&host, version) : NULL;
    if (!*table) {
        dlclose(library);
        return base_fail(err, LANCELET_UNSUPPORTED, "%s is a module of another version of picask", path);
    }
    return LANCELET_OK;
}

/* With the lock held. */
static lancelet_status open_module(const char *name, int version, const char *what, const char *packages, const void **table,
                                   lancelet_error *err)
{
    static const char *const below[] = {"lib", "picask", "../lib/picask", NULL};
    for (size_t i = 0; i < modules.n; i++)
        if (strcmp(modules.module[i].name, name) == 0) {
            *table = modules.module[i].table;
            return LANCELET_OK;
        }
    char *file = base_format("%s.so", name), *path = NULL;
    if (!file)
        return base_fail_memory(err);
    lancelet_status status = find(below, file, PICASK_MODULES, &path, err);
    base_free(file);
    if (status == LANCELET_OK && !path)
        status = fail_missing(what, name, packages, err);
    if (status == LANCELET_OK && modules.n == MAX_MODULES)
        status = base_fail(err, LANCELET_LIMIT, "more than %d modules", MAX_MODULES);
    if (status == LANCELET_OK)
        status = open_file(path, name, version, what, packages, table, err);
    base_free(path);
    if (status == LANCELET_OK)
        modules.module[modules.n++] = (opened){name, *table};
    return status;
}

lancelet_status base_module_open(const char *name, int version, const char *what, const char *packages, const void **table,
                                 lancelet_error *err)
{
    pthread_mutex_lock(&modules.lock);
    lancelet_status status = open_module(name, version, what, packages, table, err);
    pthread_mutex_unlock(&modules.lock);
    return status;
}

bool base_module_there(const char *name, int version)
{
    const void *table;
    return base_module_open(name, version, name, "", &table, NULL) == LANCELET_OK;
}

lancelet_status base_program_find(const char *name, const char *what, const char *packages, char **path, lancelet_error *err)
{
    static const char *const below[] = {"libexec/picask", "../libexec/picask", NULL};
    RETURN_IF_ERROR(find(below, name, PICASK_PROGRAMS, path, err));
    return *path ? LANCELET_OK : fail_missing(what, name, packages, err);
}
