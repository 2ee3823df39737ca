/* parquet_table.c - our side of bench/parquet_table.py, on the public headers alone: the columns of a Parquet file and vectors made
 * ahead become a table.
 *
 *     parquet_table FILE.parquet VECTORS DIM TABLE.lance     VECTORS: a file of float32 [rows, DIM]; prints the seconds
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <picask.h>

static const float *vectors; /* [all rows, dim] */
static size_t n_vectors, at_vector, dim;

static void stop(const char *what, const picask_error *err)
{
    fprintf(stderr, "parquet_table: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(1);
}

static void nothing_array(struct ArrowArray *a)
{
    a->release = NULL;
}
static void nothing_schema(struct ArrowSchema *s)
{
    s->release = NULL;
}

/* ---- a batch of the file, and one more column in front of its own ---- */

typedef struct joined {
    struct ArrowArray batch; /* of the file; owns its columns */
    struct ArrowArray vector, values;
    const void *no_nulls[1], *floats[2];
    struct ArrowArray *values_of[1];
    struct ArrowArray *child[64];
} joined;

static void release_batch(struct ArrowArray *a)
{
    joined *j = a->private_data;
    for (int64_t i = 1; i < a->n_children; i++)
        if (a->children[i]->release) /* not moved out */
            a->children[i]->release(a->children[i]);
    j->batch.release(&j->batch);
    free(j);
    a->release = NULL;
}

static int next_batch(struct ArrowArrayStream *s, struct ArrowArray *out)
{
    struct ArrowArrayStream *file = s->private_data;
    joined *j = calloc(1, sizeof *j);
    if (!j || file->get_next(file, &j->batch) != 0)
        stop("the file cannot be read", NULL);
    if (!j->batch.release) {
        free(j);
        out->release = NULL;
        return 0;
    }
    int64_t n = j->batch.length;
    if (j->batch.n_children + 1 > 64 || (size_t)n > n_vectors - at_vector)
        stop("more columns or rows than expected", NULL);
    j->floats[1] = vectors + at_vector * dim;
    j->values = (struct ArrowArray){.length = n * (int64_t)dim, .n_buffers = 2, .buffers = j->floats, .release = nothing_array};
    j->values_of[0] = &j->values;
    j->vector = (struct ArrowArray){.length = n, .n_buffers = 1, .buffers = j->no_nulls, .n_children = 1, .children = j->values_of,
                                    .release = nothing_array};
    j->child[0] = &j->vector;
    for (int64_t i = 0; i < j->batch.n_children; i++)
        j->child[i + 1] = j->batch.children[i];
    *out = (struct ArrowArray){.length = n, .n_buffers = 1, .buffers = j->no_nulls, .n_children = j->batch.n_children + 1,
                               .children = j->child, .release = release_batch, .private_data = j};
    at_vector += (size_t)n;
    return 0;
}

static struct ArrowSchema file_schema, float_schema, vector_schema, *float_child[1] = {&float_schema}, *schema_child[64];
static char vector_format[32];

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
    (void)s;
    *out = (struct ArrowSchema){.format = "+s", .name = "", .n_children = file_schema.n_children + 1, .children = schema_child,
                                .release = nothing_schema};
    return 0;
}

static const char *last_error(struct ArrowArrayStream *s)
{
    struct ArrowArrayStream *file = s->private_data;
    return file->get_last_error(file);
}

static void release_stream(struct ArrowArrayStream *s)
{
    s->release = NULL;
}

int main(int argc, char **argv)
{
    struct timespec began, ended;
    picask_error err;
    if (argc != 5)
        stop("parquet_table FILE.parquet VECTORS DIM TABLE.lance", NULL);
    clock_gettime(CLOCK_MONOTONIC, &began);
    struct stat st;
    int fd = open(argv[2], O_RDONLY);
    dim = strtoul(argv[3], NULL, 10);
    if (fd < 0 || fstat(fd, &st) != 0 || dim == 0)
        stop("the vectors are not there", NULL);
    n_vectors = (size_t)st.st_size / (dim * sizeof(float));
    vectors = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (vectors == MAP_FAILED)
        stop("the vectors cannot be mapped", NULL);

    struct ArrowArrayStream file, rows = {get_schema, next_batch, last_error, release_stream, &file};
    if (picask_parquet_open(argv[1], NULL, 0, &file, &err) != LANCELET_OK)
        stop("no file", &err);
    if (file.get_schema(&file, &file_schema) != 0 || file_schema.n_children + 1 > 64)
        stop("no schema", NULL);
    snprintf(vector_format, sizeof vector_format, "+w:%zu", dim);
    float_schema = (struct ArrowSchema){.format = "f", .name = "item", .flags = ARROW_FLAG_NULLABLE, .release = nothing_schema};
    vector_schema = (struct ArrowSchema){.format = vector_format, .name = "vector", .flags = ARROW_FLAG_NULLABLE, .n_children = 1,
                                         .children = float_child, .release = nothing_schema};
    schema_child[0] = &vector_schema;
    for (int64_t i = 0; i < file_schema.n_children; i++)
        schema_child[i + 1] = file_schema.children[i];

    lancelet_write_options options = LANCELET_WRITE_OPTIONS_INIT;
    options.no_sync = true; /* as LanceDB, which never syncs */
    lancelet_table *table = NULL;
    if (lancelet_table_create(argv[4], &rows, NULL, 0, &options, &table, &err) != LANCELET_OK)
        stop("no table", &err);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%.6f\n", (double)(ended.tv_sec - began.tv_sec) + (double)(ended.tv_nsec - began.tv_nsec) * 1e-9);
    lancelet_table_destroy(table);
    file_schema.release(&file_schema);
    file.release(&file);
    munmap((void *)(size_t)vectors, (size_t)st.st_size);
    close(fd);
    return 0;
}
