/* index_work.c - what a worker does with a few pictures: each is read, its SHA-256 taken, and, unless the table holds that
 * content already, decoded, made as small as the model sees it, and copied as the table is to keep it. The bytes of the file
 * and the whole picture are gone before the next one. Then all that need a vector are embedded in one call, and one by one
 * when that fails. */
#include <string.h>

#include "gallery/index.h"

void index_job_free(index_job *job)
{
    source_item_free(&job->item);
    base_free(job->vector);
    base_free(job->image);
    *job = (index_job){0};
}

/* Keeps a JPEG of the picture: not longer than the source says; of a frame of a video, whose original is not kept, whole. */
static lancelet_status keep_jpeg(const base_picture *picture, index_job *job, lancelet_error *err)
{
    bool scaled = job->source->store == PICASK_STORE_SCALED;
    int side = job->source->store_pixels;
    base_picture small = {0};
    base_buffer b = {0};
    lancelet_status status = scaled ? image_fit(picture, side, side, false, &small, err) : LANCELET_OK;
    if (status == LANCELET_OK)
        status = image_write_jpeg(scaled ? &small : picture, scaled ? 85 : 95, &b, err);
    base_picture_free(&small);
    if (status != LANCELET_OK) {
        base_buffer_free(&b);
        return status;
    }
    job->image = b.data;
    job->n_image = b.size;
    return LANCELET_OK;
}

/* Are the bytes of the picture kept in the table as they came? */
static bool keeps_original(const index_job *job)
{
    picask_store_images store = job->source->store;
    return (store == PICASK_STORE_ORIGINAL || (store == PICASK_STORE_AUTO && job->item.no_file)) && !job->item.is_frame;
}

/* Hashes and decodes one picture. *prepared is what the model is to see, where a vector is wanted; *kept: the bytes are
 * job->image now. */
static lancelet_status decode(const index_work *work, index_job *job, bool embed_known, uint8_t *bytes, size_t n,
                              base_picture *prepared, bool *kept, lancelet_error *err)
{
    const index_source *from = job->source;
    const image_limits limits = {.cancel = work->cancel};
    bool scaled = from->store == PICASK_STORE_SCALED;
    bool jpeg = scaled || (from->store == PICASK_STORE_ORIGINAL && job->item.is_frame);
    base_sha256_hex(bytes, n, job->sha256);
    bool same = job->existing && strcmp(job->sha256, job->old_sha256) == 0;
    bool known = same || work->has_vector(work->arg, job->sha256);
    bool vector = !work->dry_run && (embed_known || !known);
    bool pixels = vector || (jpeg && !same && !work->dry_run);
    if (same && !embed_known)
        return LANCELET_OK; /* the row has all of it */
    if (pixels) {
        base_picture picture = {0};
        int side = model_image_size(work->model);
        if (scaled && from->store_pixels > side)
            side = from->store_pixels;
        RETURN_IF_ERROR(
            image_decode(bytes, n, &limits, from->decode_fast ? side : 0, &picture, &job->facts, err));
        lancelet_status status =
            vector && !job->vector ? model_prepare(work->model, &picture, prepared, err) : LANCELET_OK;
        if (status == LANCELET_OK && jpeg && !job->image)
            status = keep_jpeg(&picture, job, err);
        base_picture_free(&picture);
        RETURN_IF_ERROR(status);
    } else {
        RETURN_IF_ERROR(image_probe(bytes, n, &limits, &job->facts, err));
    }
    job->has_facts = true;
    if (keeps_original(job) && !job->image && !work->dry_run) {
        job->image = bytes;
        job->n_image = n;
        *kept = true;
    }
    return LANCELET_OK;
}

static bool stopped(const index_work *work)
{
    return work->stop && atomic_load_explicit(work->stop, memory_order_relaxed);
}

static lancelet_status read_and_decode(const index_work *work, index_job *job, bool embed_known,
                                       base_picture *prepared, lancelet_error *err)
{
    uint8_t *bytes = NULL;
    size_t n = job->item.n_bytes;
    bool kept = false;
    if (stopped(work))
        return base_fail_cancelled(err);
    if (job->item.bytes) {
        bytes = job->item.bytes;
        job->item.bytes = NULL;
    } else {
        RETURN_IF_ERROR(work->read(work->arg, job, &bytes, &n, err));
    }
    lancelet_status status = decode(work, job, embed_known, bytes, n, prepared, &kept, err);
    if (!kept)
        base_free(bytes);
    return status;
}

/* One call of the model for the pictures [n] of jobs [n]. */
static lancelet_status embed_together(const index_work *work, model_context **context, index_job *const *jobs,
                                      const base_picture *const *pictures, size_t n, lancelet_error *err)
{
    size_t dim = model_dim(work->model), numbers;
    if (stopped(work))
        return base_fail_cancelled(err);
    if (!*context)
        RETURN_IF_ERROR(model_context_create(work->model, NULL, context, err));
    float *vectors = base_mul_size(n, dim, &numbers) ? base_alloc_array(numbers, sizeof *vectors) : NULL;
    lancelet_status status =
        vectors ? model_embed_pictures(*context, pictures, n, vectors, err) : base_fail_memory(err);
    for (size_t i = 0; i < n && status == LANCELET_OK; i++) {
        jobs[i]->vector = base_alloc_array(dim, sizeof *vectors);
        if (jobs[i]->vector)
            memcpy(jobs[i]->vector, vectors + i * dim, dim * sizeof *vectors);
        else
            base_fail_memory(&jobs[i]->problem);
    }
    base_free(vectors);
    return status;
}

void index_work_run(const index_work *work, model_context **context, index_job *const *jobs, size_t n,
                    bool embed_known)
{
    base_picture prepared[INDEX_BATCH_MOST] = {{0}};
    const base_picture *picture[INDEX_BATCH_MOST];
    index_job *wanted[INDEX_BATCH_MOST];
    size_t n_wanted = 0;
    for (size_t i = 0; i < n; i++) {
        jobs[i]->problem.status =
            read_and_decode(work, jobs[i], embed_known, &prepared[i], &jobs[i]->problem);
        if (jobs[i]->problem.status == LANCELET_OK && prepared[i].rgb) {
            picture[n_wanted] = &prepared[i];
            wanted[n_wanted++] = jobs[i];
        }
    }
    lancelet_error why = {0};
    lancelet_status status =
        n_wanted > 1 ? embed_together(work, context, wanted, picture, n_wanted, &why) : LANCELET_INVALID;
    for (size_t i = 0; i < n_wanted && status != LANCELET_OK;
         i++) /* alone: the failure of one is not the others' */
        wanted[i]->problem.status =
            embed_together(work, context, &wanted[i], &picture[i], 1, &wanted[i]->problem);
    for (size_t i = 0; i < n; i++)
        base_picture_free(&prepared[i]);
}
