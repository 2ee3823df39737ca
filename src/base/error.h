/* error.h - statuses with one sentence of text (see lancelet.h), and the one forward macro. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>

#include "lancelet.h"

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

/* Puts status and text into err (NULL allowed) and returns status: `return base_fail(err, LANCELET_IO, "...")`.
 * Control characters and bytes that are no UTF-8 become '?', and the text is cut at a UTF-8 boundary. */
lancelet_status base_fail(lancelet_error *err, lancelet_status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same with ": <reason of errno number e>" behind it; ENOSPC and EDQUOT read "disk full". */
lancelet_status base_fail_errno(lancelet_error *err, int e, const char *format, ...) PRINTF_LIKE(3, 4);

/* MEMORY with the one sentence used everywhere. */
lancelet_status base_fail_memory(lancelet_error *err);

/* Puts `prefix: ` in front of the text that err holds already (a file name in front of a decoder's reason). */
void base_error_prefix(lancelet_error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* One word for a status: "invalid", "not found", ... */
const char *base_status_name(lancelet_status status);

#define RETURN_IF_ERROR(expression)                           \
    do {                                                      \
        lancelet_status return_if_error_ = (expression);      \
        if (return_if_error_ != LANCELET_OK)                  \
            return return_if_error_;                          \
    } while (0)

#endif
