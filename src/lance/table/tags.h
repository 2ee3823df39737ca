/* tags.h - a tag's file, for what reads tags beside tags.c. */
#ifndef LANCE_TABLE_TAGS_H
#define LANCE_TABLE_TAGS_H

#include "lance/table/table.h"

/* What a tag's file says; spans point into its bytes. */
typedef struct table_tag_file {
    uint64_t version;
    bool on_branch;              /* the version is one of a branch */
    wire_span created, metadata; /* JSON values; data NULL: absent */
} table_tag_file;
/* CORRUPT when the bytes are no tag. */
lancelet_status table_tag_parse(const uint8_t *bytes, size_t n, table_tag_file *out, lancelet_error *err) MUST_CHECK;

/* The version of a tag. NOT_FOUND when there is no such tag, UNSUPPORTED when it is one of a branch. */
lancelet_status table_tag_version(const char *path, const char *name, uint64_t *version, lancelet_error *err) MUST_CHECK;

#endif
