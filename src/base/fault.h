/* fault.h - make the n-th allocation or the n-th file call fail. Tests set the counters; elsewhere they stay off, at
 * the price of one predictable branch a call. Counters are process-wide and atomic. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* The n-th call from now on fails (1 = the next), once; 0 switches off. Counting starts anew. */
void base_fault_fail_alloc(uint64_t n);
void base_fault_fail_file(uint64_t n, int error_number);
/* Calls seen since the counter was set (set with n = 0 to count without failing). */
uint64_t base_fault_allocs(void);
uint64_t base_fault_files(void);
/* True when the injected failure has happened. */
bool base_fault_fired(void);

/* Tests of durability see the calls that make bytes last, in their order: "sync" (a written file), "sync folder",
 * "publish" (under its final name), each after it succeeded. NULL ends it. Set while no other thread writes. */
void base_fault_watch(void (*see)(void *arg, const char *call, const char *path), void *arg);
/* For base's own use: tells the watcher, if there is one. */
void base_fault_saw(const char *call, const char *path);

/* For base's own use: true = this call must fail (errno is set for files). */
bool base_fault_alloc_now(void);
bool base_fault_file_now(void);

#endif
