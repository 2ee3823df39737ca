/* index_work.c - what a worker does with one picture: read, SHA-256, and, unless the table holds that content already,
 * decode, embed, and make the copy that the table is to keep. The bytes of the file are gone when it returns. */
#include <math.h>
#include <string.h>

#include "gallery/index.h"

void index_job_free(index_job *job)
{
    source_item_free(&job->item);
    base_free(job->vector);
    base_free(job->image);
    *job = (index_job){0};
}

static lancelet_status keep_scaled(const base_picture *picture, int side, index_job *job, lancelet_error *err)
{
    base_picture small = {0};
    base_buffer b = {0};
    lancelet_status status = image_fit(picture, side, side, false, &small, err);
    if (status == LANCELET_OK)
        status = image_write_jpeg(&small, 85, &b, err);
    base_picture_free(&small);
    if (status != LANCELET_OK) {
        base_buffer_free(&b);
        return status;
    }
    job->image = b.data;
    job->n_image = b.size;
    return LANCELET_OK;
}

static lancelet_status embed(const index_work *work, model_context **context, const base_picture *picture,
                             index_job *job, lancelet_error *err)
{
    if (!*context)
        RETURN_IF_ERROR(model_context_create(work->model, NULL, context, err));
    job->vector = base_alloc_array(model_dim(work->model), sizeof *job->vector);
    if (!job->vector)
        return base_fail_memory(err);
    RETURN_IF_ERROR(model_embed_picture(*context, picture, job->vector, err));
    for (size_t i = 0; i < model_dim(work->model); i++)
        if (!isfinite(job->vector[i]))
            return base_fail(err, LANCELET_CORRUPT, "the model gives no vector for it");
    return LANCELET_OK;
}

static lancelet_status work_on(const index_work *work, model_context **context, index_job *job,
                               bool embed_known, const uint8_t *bytes, size_t n, lancelet_error *err)
{
    const index_source *from = job->source;
    bool scaled = from->store == PICASK_STORE_SCALED, original = from->store == PICASK_STORE_ORIGINAL;
    base_sha256_hex(bytes, n, job->sha256);
    bool same = job->existing && strcmp(job->sha256, job->old_sha256) == 0;
    bool known = same || (work->known && known_rows_has_content(work->known, job->sha256));
    bool vector = !work->dry_run && (embed_known || !known);
    bool pixels = vector || (scaled && !same && !work->dry_run);
    if (same && !embed_known)
        return LANCELET_OK; /* the row has all of it */
    if (pixels) {
        base_picture picture = {0};
        int side = model_image_size(work->model);
        if (scaled && from->store_pixels > side)
            side = from->store_pixels;
        RETURN_IF_ERROR(
            image_decode(bytes, n, NULL, from->decode_fast ? side : 0, &picture, &job->facts, err));
        lancelet_status status =
            vector && !job->vector ? embed(work, context, &picture, job, err) : LANCELET_OK;
        if (status == LANCELET_OK && scaled && !job->image)
            status = keep_scaled(&picture, from->store_pixels, job, err);
        base_picture_free(&picture);
        RETURN_IF_ERROR(status);
    } else {
        RETURN_IF_ERROR(image_probe(bytes, n, NULL, &job->facts, err));
    }
    job->has_facts = true;
    if (original && !job->image && !work->dry_run) {
        job->image = base_alloc(n + 1);
        if (!job->image)
            return base_fail_memory(err);
        memcpy(job->image, bytes, n);
        job->n_image = n;
    }
    return LANCELET_OK;
}

void index_work_run(const index_work *work, model_context **context, index_job *job, bool embed_known)
{
    uint8_t *bytes = NULL;
    size_t n = 0;
    lancelet_status status = source_read(job->item.uri, GALLERY_PICTURE_BYTES, &bytes, &n, &job->problem);
    if (status == LANCELET_OK)
        status = work_on(work, context, job, embed_known, bytes, n, &job->problem);
    base_free(bytes);
    job->problem.status = status;
}
