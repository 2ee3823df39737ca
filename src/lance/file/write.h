/* write.h - between the two files of the writer: write.c collects rows and writes the frame, write_pages.c turns the
 * rows of one page into its layout and buffers. */
#ifndef LANCE_FILE_WRITE_H
#define LANCE_FILE_WRITE_H

#include "lance/file/page.h"

/* The rows of a column that are not in a page yet. */
typedef struct lance_pending {
    lance_type type;
    uint64_t rows, nulls;
    base_buffer null; /* u8 [rows]: 1 = null */
    base_buffer
        values; /* fixed width: [rows * width], zeros where null; bool: u8 [rows]; variable: the bytes */
    base_buffer lengths; /* variable: u32 [rows], 0 where null */
    uint64_t longest;    /* bytes of the longest value */
} lance_pending;

/* A page made ready: the PageLayout message and its buffers, of which `borrowed`, if its data is there, stands for
 * buffer 0 and lies in the pending rows. */
typedef struct lance_made_page {
    base_buffer layout;
    base_buffer buffers[2];
    size_t n_buffers;
    wire_span borrowed;
} lance_made_page;
lancelet_status lance_page_make(const lance_pending *p, int minor, lance_made_page *out,
                                lancelet_error *err) MUST_CHECK;
void lance_made_page_free(lance_made_page *page);

#endif
