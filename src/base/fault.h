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

/* For base's own use: true = this call must fail (errno is set for files). */
bool base_fault_alloc_now(void);
bool base_fault_file_now(void);

#endif
