/* video.h - what the room asks of the module `video` (libavformat, libavcodec, libswscale): frames of a file one after the
 * other, at every so many microseconds or where the scene changes, and the frame at a time. */
#ifndef SOURCE_VIDEO_H
#define SOURCE_VIDEO_H

#include "base/module.h"

#define VIDEO_MODULE_VERSION 1

typedef struct video_reader video_reader; /* one thread at a time */

typedef struct video_frame {
    uint8_t *rgb; /* [height, width, 3] upright, host->alloc'ed: the caller's */
    int width, height;
    int64_t time_us; /* from the video's start, in whole milliseconds */
} video_frame;

typedef struct video_module {
    size_t struct_size;
    /* every_us 0: where the scene changes. max_pixels: of a frame. UNSUPPORTED: no video stream or no decoder; CORRUPT. */
    lancelet_status (*open)(const char *path, int64_t every_us, uint64_t max_pixels, video_reader **out, lancelet_error *err);
    int64_t (*duration_us)(const video_reader *r); /* 0: unknown */
    /* *done at the end. A damaged end is an end, with what came before it; no frame at all is CORRUPT. */
    lancelet_status (*next)(video_reader *r, const volatile int *cancel, video_frame *out, bool *done, lancelet_error *err);
    /* The frame that is shown at a time; NOT_FOUND beyond the end. */
    lancelet_status (*at)(video_reader *r, int64_t time_us, video_frame *out, lancelet_error *err);
    void (*close)(video_reader *r);
} video_module;

#endif
