/* npy.h - NumPy's .npy format 1.0 and 2.0: little-endian float32 (and float64, float16 on reading), C order,
 * one or two dimensions. */
#ifndef BASE_NPY_H
#define BASE_NPY_H

#include "base/memory.h"

/* *values [rows, columns] float32 is the caller's (base_free); one dimension reads as one row. */
lancelet_status base_npy_read(const char *path, float **values, size_t *rows, size_t *columns, lancelet_error *err) MUST_CHECK;
/* The same from bytes in memory; messages name `path`. */
lancelet_status base_npy_parse(const char *path, const uint8_t *data, uint64_t size, float **values, size_t *rows,
                               size_t *columns, lancelet_error *err) MUST_CHECK;
lancelet_status base_npy_write(const char *path, const float *values, size_t rows, size_t columns, lancelet_error *err) MUST_CHECK;
/* float16 bits to float */
float base_half_to_float(uint16_t bits);
uint16_t base_float_to_half(float v); /* round to nearest even */

#endif
