/* map.c - files mapped for reading, and the register of mappings by address. A signal handler may look an address up:
 * so slots are atomics in blocks that are linked once and never freed, and looking takes no lock. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"

enum { SLOTS_PER_BLOCK = 64 };

/* `taken` guards the writers among themselves; a reader trusts start, which is set last and cleared first. */
typedef struct map_slot {
    atomic_bool taken;
    _Atomic uintptr_t start; /* 0: none */
    _Atomic uintptr_t end;
    _Atomic(char *) path; /* owned by the mapping */
} map_slot;

typedef struct map_block {
    map_slot slot[SLOTS_PER_BLOCK];
    _Atomic(struct map_block *) next;
} map_block;

static map_block first_block;

static map_slot *take_slot(void)
{
    map_block *block = &first_block;
    for (;;) {
        for (int i = 0; i < SLOTS_PER_BLOCK; i++)
            if (!atomic_load_explicit(&block->slot[i].taken, memory_order_relaxed) &&
                !atomic_exchange(&block->slot[i].taken, true))
                return &block->slot[i];
        map_block *next = atomic_load(&block->next);
        if (!next) {
            map_block *fresh = base_calloc(1, sizeof *fresh);
            if (!fresh)
                return NULL;
            if (atomic_compare_exchange_strong(&block->next, &next, fresh))
                next = fresh;
            else
                base_free(fresh); /* another thread linked one: `next` is it */
        }
        block = next;
    }
}

static void give_slot(map_slot *slot)
{
    atomic_store(&slot->start, 0);
    base_free(atomic_exchange(&slot->path, NULL));
    atomic_store(&slot->taken, false);
}

const char *base_map_path_of(const void *address)
{
    uintptr_t a = (uintptr_t)address;
    for (map_block *block = &first_block; block; block = atomic_load(&block->next))
        for (int i = 0; i < SLOTS_PER_BLOCK; i++) {
            uintptr_t start = atomic_load(&block->slot[i].start);
            if (start != 0 && a >= start && a < atomic_load(&block->slot[i].end))
                return atomic_load(&block->slot[i].path);
        }
    return NULL;
}

static lancelet_status map_open(int fd, const char *path, uint64_t expected_size, base_map *out,
                                lancelet_error *err)
{
    struct stat st;
    if (base_fault_file_now() || fstat(fd, &st) != 0)
        return base_fail_errno(err, errno, "cannot read the size of %s", path);
    if (!S_ISREG(st.st_mode))
        return base_fail(err, LANCELET_INVALID, "%s is not a file", path);
    uint64_t size = (uint64_t)st.st_size;
    if (expected_size != 0 && size != expected_size)
        return base_fail(err, LANCELET_CORRUPT, "%s has %" PRIu64 " bytes and should have %" PRIu64, path,
                         size, expected_size);
    if (size > PTRDIFF_MAX)
        return base_fail(err, LANCELET_LIMIT, "%s is too large to be mapped on this machine", path);
    if (size == 0) {
        static const uint8_t nothing;
        *out = (base_map){.data = &nothing};
        return LANCELET_OK;
    }
    map_slot *slot = take_slot();
    if (!slot)
        return base_fail_memory(err);
    char *name = base_strdup(path);
    if (!name) {
        give_slot(slot);
        return base_fail_memory(err);
    }
    atomic_store(&slot->path, name);
    void *data = base_fault_file_now() ? MAP_FAILED : mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) {
        int e = errno;
        give_slot(slot);
        return base_fail_errno(err, e, "cannot map %s", path);
    }
    atomic_store(&slot->end, (uintptr_t)data + (uintptr_t)size);
    atomic_store(&slot->start, (uintptr_t)data);
    *out = (base_map){.data = data, .size = size, .mapping = slot};
    return LANCELET_OK;
}

lancelet_status base_map_open(const char *path, uint64_t expected_size, base_map *out, lancelet_error *err)
{
    /* O_NONBLOCK: opening a FIFO that nobody writes to must not hang */
    int fd = base_fault_file_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return base_fail_errno(err, errno, "cannot open %s", path);
    lancelet_status status = map_open(fd, path, expected_size, out, err);
    close(fd);
    return status;
}

void base_map_close(base_map *m)
{
    if (m->mapping) {
        give_slot(m->mapping);
        munmap((void *)(uintptr_t)m->data, (size_t)m->size);
    }
    *m = (base_map){0};
}

static _Atomic uint64_t bytes_read;

void base_count_read(uint64_t bytes)
{
    atomic_fetch_add_explicit(&bytes_read, bytes, memory_order_relaxed);
}

uint64_t base_bytes_read(void)
{
    return atomic_load_explicit(&bytes_read, memory_order_relaxed);
}
