/* video_items.c - the frames of a video as items: the pixels as a binary PPM file (netpbm's "P6", maximum 255), the uri the
 * video's with the time behind it, "/clips/dog.mp4#t=83.200". Size and time of change are the file's, so that a video that has
 * not changed is known by them and not opened. What cannot be read of it is one item that says why. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "source/internal.h"
#include "source/video.h"

#define MOST_PIXELS (UINT64_C(1) << 26) /* of a frame: 8192 x 8192 */
#define PACKAGES    "libavformat59 libavcodec59 libswscale6"

typedef struct videos {
    source_reader reader;
    const source_options *options;
    char *path, *uri;
    uint64_t size;
    int64_t modified_us;
    const video_module *module;
    video_reader *video; /* NULL: not opened yet */
    bool over;
    uint64_t given;  /* frames */
    int64_t time_us; /* of the last one */
} videos;

static lancelet_status open_module(const video_module **out, lancelet_error *err)
{
    const void *table = NULL;
    RETURN_IF_ERROR(base_module_open("video", VIDEO_MODULE_VERSION, "reading video", PACKAGES, &table, err));
    *out = table;
    return LANCELET_OK;
}

/* Puts the PPM header in front of the pixels, which are the file's from then on; they are freed on failure. */
static lancelet_status to_ppm(video_frame *frame, uint8_t **bytes, size_t *n, lancelet_error *err)
{
    char header[48];
    size_t pixels = (size_t)frame->width * (size_t)frame->height * 3;
    size_t head = (size_t)snprintf(header, sizeof header, "P6\n%d %d\n255\n", frame->width, frame->height);
    uint8_t *file = base_realloc(frame->rgb, pixels + head);
    if (!file) {
        base_free(frame->rgb);
        frame->rgb = NULL;
        return base_fail_memory(err);
    }
    frame->rgb = NULL;
    memmove(file + head, file, pixels);
    memcpy(file, header, head);
    *bytes = file;
    *n = pixels + head;
    return LANCELET_OK;
}

/* ---- items ---- */

static lancelet_status make_item(const videos *v, source_item *out, lancelet_error *err)
{
    *out = (source_item){.size = v->size, .modified_us = v->modified_us};
    out->path = base_strdup(v->path);
    return out->path ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status frame_item(videos *v, video_frame *frame, source_item *out, lancelet_error *err)
{
    lancelet_status status = make_item(v, out, err);
    if (status != LANCELET_OK) {
        base_free(frame->rgb);
        return status;
    }
    out->is_frame = true;
    RETURN_IF_ERROR(to_ppm(frame, &out->bytes, &out->n_bytes, err));
    out->uri = base_format("%s#t=%" PRId64 ".%03d", v->uri, frame->time_us / 1000000, (int)(frame->time_us / 1000 % 1000));
    return out->uri ? LANCELET_OK : base_fail_memory(err);
}

static lancelet_status problem_item(videos *v, const lancelet_error *why, source_item *out, lancelet_error *err)
{
    RETURN_IF_ERROR(make_item(v, out, err));
    out->uri = base_strdup(v->uri);
    out->problem = base_strdup(why->text);
    out->problem_status = why->status;
    return out->uri && out->problem ? LANCELET_OK : base_fail_memory(err);
}

/* The next frame; *done also of a video that is not to be read. */
static lancelet_status next_frame(videos *v, video_frame *frame, bool *done, lancelet_error *err)
{
    const source_options *o = v->options;
    if (!v->video) {
        if (o->has_video && o->has_video(o->arg, v->uri, v->size, v->modified_us)) {
            *done = true;
            return LANCELET_OK;
        }
        RETURN_IF_ERROR(open_module(&v->module, err));
        RETURN_IF_ERROR(v->module->open(v->path, o->every_us, MOST_PIXELS, &v->video, err));
    }
    return v->module->next(v->video, o->cancel, frame, done, err);
}

static lancelet_status videos_next(source_reader *reader, source_item *out, bool *done, lancelet_error *err)
{
    videos *v = (videos *)reader;
    video_frame frame = {0};
    lancelet_error why = {0};
    *done = v->over;
    if (v->over)
        return LANCELET_OK;
    lancelet_status status = next_frame(v, &frame, done, &why);
    v->over = status != LANCELET_OK || *done;
    if (status == LANCELET_MEMORY || status == LANCELET_CANCELLED)
        return base_fail(err, status, "%s", why.text);
    if (status == LANCELET_OK && *done)
        return LANCELET_OK;
    if (status == LANCELET_OK) {
        v->given++;
        v->time_us = frame.time_us;
        status = frame_item(v, &frame, out, err);
    } else {
        status = problem_item(v, &why, out, err);
    }
    if (status != LANCELET_OK)
        source_item_free(out);
    return status;
}

/* As many to each second as came so far. */
static uint64_t videos_remaining(const source_reader *reader)
{
    const videos *v = (const videos *)reader;
    if (v->over)
        return 0;
    int64_t duration = v->video ? v->module->duration_us(v->video) : 0;
    if (v->given < 2 || v->time_us <= 0 || duration <= v->time_us)
        return 1;
    double left = (double)(duration - v->time_us) / (double)v->time_us * (double)(v->given - 1);
    return left < 1 ? 1 : left < 1e9 ? (uint64_t)left : UINT64_C(1000000000);
}

static void videos_close(source_reader *reader)
{
    videos *v = (videos *)reader;
    if (v->video)
        v->module->close(v->video);
    base_free(v->uri);
    base_free(v->path);
    base_free(v);
}

static const source_reader_functions functions = {videos_next, videos_remaining, videos_close};

lancelet_status source_video_open(const char *path, const base_stat *stat, const source_options *options, source_reader **out,
                                  lancelet_error *err)
{
    videos *v = base_calloc(1, sizeof *v);
    if (!v)
        return base_fail_memory(err);
    v->reader.functions = &functions;
    v->options = options;
    v->size = stat->size;
    v->modified_us = stat->modified_us;
    v->path = base_strdup(path);
    v->uri = source_uri_from_path(path);
    if (!v->path || !v->uri) {
        videos_close(&v->reader);
        return base_fail_memory(err);
    }
    *out = &v->reader;
    return LANCELET_OK;
}

/* ---- one frame ---- */

lancelet_status source_video_read(const char *path, int64_t time_us, uint64_t limit, uint8_t **bytes, size_t *n,
                                  lancelet_error *err)
{
    const video_module *module;
    video_reader *video;
    video_frame frame = {0};
    *bytes = NULL;
    *n = 0;
    RETURN_IF_ERROR(open_module(&module, err));
    uint64_t pixels = limit / 3 < MOST_PIXELS ? limit / 3 : MOST_PIXELS;
    lancelet_status status = module->open(path, 0, pixels, &video, err);
    if (status == LANCELET_OK) {
        status = module->at(video, time_us, &frame, err);
        module->close(video);
    }
    if (status == LANCELET_OK)
        return to_ppm(&frame, bytes, n, err);
    base_error_prefix(err, "%s", path);
    return status;
}
