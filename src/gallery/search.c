/* search.c - the nearest rows to a vector, a sentence or a row's picture.
 *
 * Rows of identical content share their vector and so their distance: they stand next to each other in the order, and
 * one of them is shown with the number of the others. How many rows that takes is not known before, so more are
 * fetched than wanted, and again four times as many while too few are left. `score` is the cosine whatever the metric;
 * for another metric than cosine the vectors of the found rows are read to compute it. */
#include "gallery/gallery.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* One thread scans this many numbers in well under a millisecond; waking others would cost more. */
#define SMALL_SCAN (512 * 1024)

typedef struct query {
    picask_table *t;
    const float *vector; /* [dim] */
    const picask_search_options *o;
    bool leave_out; /* the row at left_out, and rows of its content unless all copies are asked for */
    uint64_t left_out;
    char left_out_sha256[65]; /* "" when unknown */
} query;

/* What folding and cutting need to know of one hit. */
typedef struct hit_facts {
    char sha256[65]; /* "" when null */
    float score;
} hit_facts;

typedef struct facts_arg {
    const query *q;
    hit_facts *facts; /* [n] */
    size_t at, n;
    int sha256, vector; /* columns of the take, -1: not read */
    float *row;         /* [dim] scratch */
} facts_arg;

static lancelet_status facts_batch(void *arg, const struct ArrowSchema *s, const struct ArrowArray *batch,
                                   lancelet_error *err)
{
    facts_arg *f = arg;
    size_t n, dim = f->q->t->dim;
    (void)err;
    for (int64_t i = batch->offset; i < batch->offset + batch->length && f->at < f->n; i++, f->at++) {
        hit_facts *facts = &f->facts[f->at];
        const char *sha =
            f->sha256 < 0 ? NULL : arrow_bytes(s->children[f->sha256], batch->children[f->sha256], i, &n);
        if (sha && n == 64)
            memcpy(facts->sha256, sha, 64);
        if (f->vector >= 0 &&
            gallery_read_vector(s->children[f->vector], batch->children[f->vector], i, f->row, dim))
            facts->score = gallery_cosine(f->row, f->q->vector, dim);
    }
    return LANCELET_OK;
}

/* facts [n] of the hits: content where copies are folded, cosine where the distance does not tell it. */
static lancelet_status read_facts(const query *q, const lancelet_hit *hits, hit_facts *facts, size_t n,
                                  lancelet_error *err)
{
    const char *columns[2];
    size_t n_columns = 0;
    bool fold = !q->o->all_copies && q->t->roles.sha256 >= 0, cosine = q->o->metric == LANCELET_COSINE;
    facts_arg arg = {.q = q, .facts = facts, .n = n, .sha256 = -1, .vector = -1};
    for (size_t i = 0; i < n; i++)
        facts[i] = (hit_facts){.score = cosine ? 1 - hits[i].distance : NAN};
    if (fold) {
        arg.sha256 = (int)n_columns;
        columns[n_columns++] = gallery_column_name(q->t, q->t->roles.sha256);
    }
    if (!cosine) {
        arg.vector = (int)n_columns;
        columns[n_columns++] = gallery_column_name(q->t, q->t->roles.vector);
    }
    if (n_columns == 0 || n == 0)
        return LANCELET_OK;
    uint64_t *addresses = base_alloc_array(n, sizeof *addresses);
    arg.row = base_alloc_array(q->t->dim, sizeof *arg.row);
    lancelet_status status = addresses && arg.row ? LANCELET_OK : base_fail_memory(err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++)
        addresses[i] = hits[i].address;
    if (status == LANCELET_OK)
        status = gallery_take(q->t, addresses, n, columns, n_columns, facts_batch, &arg, q->o->cancel, err);
    base_free(arg.row);
    base_free(addresses);
    return status;
}

/* Folds hits into found [at most wanted]; *enough when no further hit can change those. */
static lancelet_status fold(const query *q, const lancelet_hit *hits, const hit_facts *facts, size_t n,
                            bool all, size_t wanted, gallery_found *found, size_t *n_found, bool *enough,
                            lancelet_error *err)
{
    base_map64 *by_content = base_map64_create(); /* content -> index in found */
    size_t kept = 0;
    bool full = false,
         past = false; /* past: the hits reach beyond the distance of the last row that is kept */
    if (!by_content)
        return base_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        const hit_facts *f = &facts[i];
        uint64_t at;
        if (kept == wanted) {
            full = true;
            past = past || kept == 0 || hits[i].distance > found[kept - 1].distance;
        }
        if (q->leave_out && (hits[i].address == q->left_out || (!q->o->all_copies && f->sha256[0] &&
                                                                strcmp(f->sha256, q->left_out_sha256) == 0)))
            continue;
        if (q->o->has_min_score && !(f->score >= q->o->min_score)) {
            /* by cosine all further ones are below too */
            past = past || q->o->metric == LANCELET_COSINE;
            full = full || q->o->metric == LANCELET_COSINE;
            continue;
        }
        if (f->sha256[0] && base_map64_get(by_content, f->sha256, 64, &at)) {
            if (at != GALLERY_NONE)
                found[at].copies++;
            continue;
        }
        if (f->sha256[0] && !base_map64_set(by_content, f->sha256, 64, kept < wanted ? kept : GALLERY_NONE)) {
            base_map64_destroy(by_content);
            return base_fail_memory(err);
        }
        if (kept < wanted)
            found[kept++] = (gallery_found){hits[i].address, hits[i].distance, f->score, 0};
    }
    base_map64_destroy(by_content);
    *n_found = kept;
    *enough = all || (full && (past || q->o->all_copies || q->t->roles.sha256 < 0));
    return LANCELET_OK;
}

static lancelet_status nearest(const query *q, picask_results **out, lancelet_error *err)
{
    const picask_search_options *o = q->o;
    picask_table *t = q->t;
    lancelet_table_info info = LANCELET_TABLE_INFO_INIT;
    lancelet_table_get_info(t->lance, &info);
    size_t rows = (size_t)info.rows, wanted = 0;
    if (!base_add_size(o->offset, o->limit, &wanted) || wanted > rows)
        wanted = rows;
    if (o->limit == 0)
        wanted = 0;
    lancelet_search_options search = LANCELET_SEARCH_OPTIONS_INIT;
    search.column = gallery_column_name(t, t->roles.vector);
    search.metric = o->metric;
    search.threads = info.rows <= SMALL_SCAN / t->dim ? 1 : t->threads;
    search.cancel = o->cancel;
    search.condition = o->condition;
    size_t k = wanted > rows / 2 ? rows : wanted * 2 + 32;
    k = k > rows ? rows : k;
    gallery_found *found = base_calloc(wanted + 1, sizeof *found);
    size_t n_found = 0;
    lancelet_status status = found ? LANCELET_OK : base_fail_memory(err);
    for (bool enough = wanted == 0; status == LANCELET_OK && !enough;) {
        lancelet_hit *hits = base_alloc_array(k + 1, sizeof *hits);
        hit_facts *facts = base_alloc_array(k + 1, sizeof *facts);
        size_t n = 0;
        search.k = k;
        status = hits && facts ? LANCELET_OK : base_fail_memory(err);
        if (status == LANCELET_OK)
            status = lancelet_table_search(t->lance, q->vector, t->dim, &search, hits, &n, err);
        if (status == LANCELET_OK)
            status = read_facts(q, hits, facts, n, err);
        if (status == LANCELET_OK)
            status = fold(q, hits, facts, n, n < k || k == rows, wanted, found, &n_found, &enough, err);
        base_free(facts);
        base_free(hits);
        k = k > rows / 4 ? rows : k * 4;
    }
    if (status == LANCELET_OK) {
        size_t first = o->offset < n_found ? o->offset : n_found;
        status =
            gallery_results(t, found + first, n_found - first, o->columns, o->n_columns, o->cancel, out, err);
    }
    base_free(found);
    return status;
}

/* What can be said before any work. */
static lancelet_status check_options(const picask_table *t, const picask_search_options *o,
                                     lancelet_error *err)
{
    if (t->dim == 0)
        return gallery_fail_no_vectors(t, err);
    if (o->has_min_score && isnan(o->min_score))
        return base_fail(err, LANCELET_INVALID, "the smallest score is not a number");
    for (size_t i = 0; i < o->n_columns; i++)
        if (arrow_schema_find(&t->schema, o->columns[i]) < 0)
            return gallery_fail_no_column(t, o->columns[i], err);
    return LANCELET_OK;
}

picask_status picask_search_vector(picask_table *t, const float *vector, size_t dim,
                                   const picask_search_options *options, picask_results **out,
                                   picask_error *err)
{
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    RETURN_IF_ERROR(check_options(t, &o, err));
    if (dim != t->dim)
        return base_fail(err, LANCELET_INVALID, "table '%s' has vectors of %zu, the query has %zu", t->name,
                         t->dim, dim);
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(vector[i]))
            return base_fail(err, LANCELET_INVALID, "number %zu of the query's vector is not finite", i + 1);
    query q = {.t = t, .vector = vector, .o = &o};
    return nearest(&q, out, err);
}

picask_status picask_search_text(picask_table *t, const char *text, const picask_search_options *options,
                                 picask_results **out, picask_error *err)
{
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    RETURN_IF_ERROR(check_options(t, &o, err));
    RETURN_IF_ERROR(gallery_table_model(t, err));
    float *vector = base_alloc_array(t->dim, sizeof *vector);
    if (!vector)
        return base_fail_memory(err);
    lancelet_status status = picask_embed_texts(t->model, &text, 1, vector, err);
    if (status == LANCELET_OK)
        status = picask_search_vector(t, vector, t->dim, &o, out, err);
    base_free(vector);
    return status;
}

picask_status picask_search_id(picask_table *t, int64_t id, const picask_search_options *options,
                               picask_results **out, picask_error *err)
{
    picask_search_options o = PICASK_SEARCH_OPTIONS_INIT;
    base_options(&o, sizeof o, options);
    RETURN_IF_ERROR(check_options(t, &o, err));
    uint64_t address = GALLERY_NONE;
    RETURN_IF_ERROR(gallery_find_ids(t, &id, 1, &address, err));
    if (address == GALLERY_NONE)
        return base_fail(err, LANCELET_NOT_FOUND, "table '%s' has no row with id %" PRId64, t->name, id);
    query q = {.t = t, .o = &o, .leave_out = true, .left_out = address};
    float *vector = base_alloc_array(t->dim, sizeof *vector);
    picask_results *row = NULL;
    const gallery_found found = {address, NAN, NAN, 0};
    lancelet_status status = vector ? LANCELET_OK : base_fail_memory(err);
    if (status == LANCELET_OK)
        status = gallery_take_vectors(t, &address, 1, vector, err);
    if (status == LANCELET_INVALID)
        status = base_fail(err, LANCELET_INVALID, "row %" PRId64 " of table '%s' has no vector", id, t->name);
    if (status == LANCELET_OK)
        status = gallery_results(t, &found, 1, NULL, 0, o.cancel, &row, err);
    if (status == LANCELET_OK) {
        const char *sha256 = picask_results_row(row, 0)->sha256;
        if (sha256 && strlen(sha256) == 64)
            memcpy(q.left_out_sha256, sha256, 65);
        q.vector = vector;
        status = nearest(&q, out, err);
    }
    picask_results_destroy(row);
    base_free(vector);
    return status;
}
