/* parquet_plan.h - which columns of a Parquet file hold the picture, the caption and what is kept beside them. */
#ifndef SOURCE_PARQUET_PLAN_H
#define SOURCE_PARQUET_PLAN_H

#include <jansson.h>

#include "source/internal.h"
#include "source/parquet/parquet.h"

#define PARQUET_NO_COLUMN SIZE_MAX

typedef struct parquet_extra {
    size_t column;      /* of the schema */
    const char *name;   /* borrowed from the file */
    const char *format; /* of its values: static, or borrowed from the file */
} parquet_extra;

typedef struct parquet_unkept {
    const char *name; /* borrowed from the file */
    const char *why;  /* static */
} parquet_unkept;

typedef struct parquet_plan {
    size_t picture;       /* column of the schema */
    bool in_struct;       /* then its children: */
    int64_t bytes, path;  /* -1: none */
    bool is_path;         /* not in a struct: the column holds names of files, else bytes */
    bool only_asked;      /* the rules would find another one: by the uri alone a row's picture is not had */
    size_t *text;         /* [n_text] columns of the caption; several are joined by newlines */
    size_t n_text;
    json_t *labels;       /* of a ClassLabel that is the caption: the names of its numbers; else NULL */
    parquet_extra *extra; /* [n_extra] in the order of the file */
    size_t n_extra;
    parquet_unkept *unkept; /* [n_unkept] columns that are not kept, but for those that the reader leaves out */
    size_t n_unkept;
} parquet_plan;

/* The file must stay open while the plan is used. INVALID: no column with pictures, or none of the name that was given. */
lancelet_status parquet_plan_make(const parquet_file *f, const char *path, const source_options *options, parquet_plan *out,
                                  lancelet_error *err) MUST_CHECK;
void parquet_plan_free(parquet_plan *p);
/* The name of a label [n], or NULL. */
const char *parquet_plan_label(const parquet_plan *p, int64_t label, size_t *n);
/* Bytes of a value of "w:N" and "d:P,S,BITS"; 0: of no fixed width, or a number. */
size_t parquet_fixed_width(const char *format);

#endif
