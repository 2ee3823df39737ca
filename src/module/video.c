/* video.c - the module `video`: frames of a video file over libavformat, libavcodec and libswscale (ffmpeg 4.4 to 8), as
 * source/video.h says.
 *
 * What a file may do: it is opened by us and is the only file there is, since opening another one is refused; containers
 * that hold pictures are read and nothing else (no playlists, no scripts that name other files); streams, probing, pixels of
 * a frame and single allocations have limits. Libraries use one thread, the caller's: the index run has its own.
 *
 * Times count from the container's start in whole milliseconds, rounded up, so that the frame shown at a time that was given
 * out is the frame it was given out with. A frame is shown until the next begins, the first one also before it begins.
 *
 * Where the scene changes: every frame is made a thumbnail of 32 x 32 RGB with a histogram of 4 x 4 x 4 colours. Two show
 * different scenes when the mean absolute difference of their values is above 0.08 of the range, and a quarter of their pixels
 * have another colour: a moving camera does the first alone, a light that is dimmed a little the second, a cut both. (ffmpeg's
 * select=gt(scene,T) goes by the first, of neighbouring frames; PySceneDetect's content detector likewise, in HSV.) The first
 * frame is kept, then each that shows another scene than the last kept one, at least 1 s later: at a cut at once (above 0.15
 * from one frame to the next), in a fade when the picture has come to rest or after 1 s; and a frame every 60 s whatever it
 * shows. Of a video that begins black, the first frame that is not, if one comes within 1 s.
 *
 * Frames are turned as the container's display matrix says, in quarters and mirrored, and scaled to square pixels. Colours go
 * by the stream's tags; without them 709 from 720 lines on, else 601, as players do. Fields of interlaced video stay woven. */
#include "source/video.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/display.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <stdlib.h>
#include <string.h>

#define FORMATS  "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
#define LARGEST  (512u << 20)      /* bytes of one allocation of the libraries */
#define SECOND   INT64_C(1000000)  /* us */
#define JUMP     (3 * SECOND)      /* nearer than this no seek is tried */
#define DIFFERS  0.08f             /* mean absolute difference of two scenes, */
#define CUT      0.15f             /* of two frames with a cut between them, */
#define AT_REST  0.02f             /* of two in which hardly anything moves */
#define LONGEST  (60 * SECOND)     /* between kept frames */

enum {
    SIDE = 32,               /* of a thumbnail */
    LINE = 128,              /* bytes of its lines */
    COLOURS = 64,            /* of its histogram */
    STREAMS = 64,            /* of a file */
    SIDE_MOST = 32767,       /* of a frame */
    STRETCH_MOST = 8,        /* of a pixel's sides */
    FAILURES_MOST = 1 << 16, /* of the decoder, one after the other */
};

static const base_host *host;

typedef struct thumbnail {
    uint8_t rgb[SIDE * LINE]; /* [SIDE, SIDE, 3], lines of LINE bytes */
    uint16_t colour[COLOURS]; /* pixels of each colour */
    bool black;
} thumbnail;

struct video_reader {
    char *url; /* "file:" and the path */
    uint64_t max_pixels;
    AVFormatContext *format;
    AVIOContext *file;
    AVCodecContext *decoder;
    AVStream *stream; /* of the format */
    AVPacket *packet;
    AVFrame *now, *ahead; /* now is shown from now_us to ahead_us, or to its own end */
    bool has_now, has_ahead;
    bool at_first; /* now is the first frame of all */
    int64_t now_us, ahead_us; /* from the start, rounded up */
    int64_t start;            /* the container's, in the stream's time base */
    bool drained;             /* there are no packets any more */
    bool want_key;            /* after a seek: frames before the first key frame hang in the air */
    int64_t want_key_until;
    struct SwsContext *scaler, *shrinker;
    const volatile int *cancel; /* of the call going on */
    /* at every so many microseconds */
    int64_t every_us, tick;
    int64_t jump_us; /* from where on seeking pays */
    bool no_seek;
    /* where the scene changes */
    thumbnail kept, last; /* of the frame given out last, of the frame before this one */
    bool has_kept, has_last, changing;
    int64_t kept_us, changing_us;
    AVFrame *first; /* the black one that a video began with */
    thumbnail first_thumbnail;
    int64_t first_us;
};

/* ---- what the libraries say is not said ---- */

static _Thread_local int working; /* this thread is in a call of ours */

static void on_log(void *context, int level, const char *format, va_list list)
{
    if (working == 0)
        av_log_default_callback(context, level, format, list);
}

static lancelet_status fail_limit(lancelet_error *err)
{
    return host->fail(err, LANCELET_LIMIT, "the video needs more memory than it is given");
}

/* What the libraries' error codes mean of a file. A file that asks for too much is a file to be skipped. */
static lancelet_status fail_open(int code, lancelet_error *err)
{
    if (code == AVERROR(ENOMEM))
        return fail_limit(err);
    if (code == AVERROR_EXIT)
        return host->fail(err, LANCELET_CANCELLED, "cancelled");
    if (code == AVERROR(ENOENT))
        return host->fail(err, LANCELET_NOT_FOUND, "the video is not there");
    if (code == AVERROR(EACCES) || code == AVERROR(EPERM) || code == AVERROR(EIO))
        return host->fail(err, LANCELET_IO, "the video cannot be read");
    if (code == AVERROR(EINVAL))
        return host->fail(err, LANCELET_UNSUPPORTED,
                          "the file is no video of a kind that is read (mp4, mov, mkv, webm, avi, mts, mpg, flv, wmv, ogv)");
    return host->fail(err, LANCELET_CORRUPT, "the video is damaged or none");
}

/* ---- opening ---- */

static int on_interrupt(void *arg)
{
    const video_reader *r = arg;
    return r->cancel && *r->cancel;
}

/* A file that names other files does not get them. */
static int refuse_to_open(AVFormatContext *format, AVIOContext **out, const char *url, int flags, AVDictionary **options)
{
    (void)format;
    (void)url;
    (void)flags;
    (void)options;
    *out = NULL;
    return AVERROR(EPERM);
}

static void close_input(video_reader *r)
{
    avcodec_free_context(&r->decoder);
    avformat_close_input(&r->format);
    avio_closep(&r->file);
    r->stream = NULL;
    if (r->now)
        av_frame_unref(r->now);
    if (r->ahead)
        av_frame_unref(r->ahead);
    r->has_now = r->has_ahead = r->drained = r->want_key = false;
}

static int open_format(video_reader *r)
{
    const AVIOInterruptCB interrupt = {on_interrupt, r};
    AVDictionary *options = NULL;
    int code = av_dict_set(&options, "protocol_whitelist", "file", 0);
    if (code >= 0)
        code = avio_open2(&r->file, r->url, AVIO_FLAG_READ, &interrupt, &options);
    av_dict_free(&options);
    if (code >= 0 && !(r->format = avformat_alloc_context()))
        code = AVERROR(ENOMEM);
    if (code >= 0) {
        r->format->pb = r->file;
        r->format->io_open = refuse_to_open;
        r->format->interrupt_callback = interrupt;
        r->format->max_streams = STREAMS;
        code = av_dict_set(&options, "format_whitelist", FORMATS, 0);
        if (code >= 0)
            code = av_dict_set(&options, "protocol_whitelist", "file", 0);
        if (code >= 0)
            code = avformat_open_input(&r->format, r->url, NULL, &options);
        av_dict_free(&options);
    }
    return code;
}

/* Looks into the streams; the decoders that this takes have our limits too. */
static int look_into_streams(video_reader *r)
{
    unsigned n = r->format->nb_streams;
    AVDictionary *options[STREAMS] = {NULL};
    int code = n > STREAMS ? AVERROR_INVALIDDATA : 0;
    for (unsigned i = 0; i < n && code >= 0; i++) {
        code = av_dict_set(&options[i], "threads", "1", 0);
        if (code >= 0)
            code = av_dict_set_int(&options[i], "max_pixels", (int64_t)r->max_pixels, 0);
    }
    if (code >= 0)
        code = avformat_find_stream_info(r->format, n ? options : NULL);
    for (unsigned i = 0; i < n && i < STREAMS; i++)
        av_dict_free(&options[i]);
    return code;
}

static bool is_cover(const AVStream *s)
{
    return s->disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS);
}

static lancelet_status open_decoder(video_reader *r, lancelet_error *err)
{
    const AVCodecParameters *p = r->stream->codecpar;
    const AVCodec *codec = avcodec_find_decoder(p->codec_id);
    if (!codec)
        return host->fail(err, LANCELET_UNSUPPORTED, "there is no decoder for video of the kind %s",
                          avcodec_get_name(p->codec_id));
    if (p->width > 0 && p->height > 0 && (uint64_t)p->width * (uint64_t)p->height > r->max_pixels)
        return host->fail(err, LANCELET_LIMIT, "the video has frames of %d x %d pixels, more than are read", p->width, p->height);
    r->decoder = avcodec_alloc_context3(codec);
    int code = r->decoder ? avcodec_parameters_to_context(r->decoder, p) : AVERROR(ENOMEM);
    if (code >= 0) {
        r->decoder->thread_count = 1;
        r->decoder->max_pixels = (int64_t)r->max_pixels;
        r->decoder->pkt_timebase = r->stream->time_base;
        code = avcodec_open2(r->decoder, codec, NULL);
    }
    return code >= 0 ? LANCELET_OK : fail_open(code == AVERROR(EINVAL) ? AVERROR_INVALIDDATA : code, err);
}

/* The container's start, or the stream's where they are the same but for rounding. */
static int64_t start_of(const video_reader *r)
{
    int64_t of_file = r->format->start_time, of_stream = r->stream->start_time;
    if (of_file == AV_NOPTS_VALUE)
        return of_stream == AV_NOPTS_VALUE ? 0 : of_stream;
    int64_t start = av_rescale_q(of_file, AV_TIME_BASE_Q, r->stream->time_base);
    if (of_stream != AV_NOPTS_VALUE) {
        int64_t later = av_rescale_q(of_stream, r->stream->time_base, AV_TIME_BASE_Q) - of_file;
        if (later > -1000 && later < 1000)
            return of_stream;
    }
    return start;
}

static lancelet_status open_input(video_reader *r, lancelet_error *err)
{
    int code = open_format(r);
    if (code >= 0)
        code = look_into_streams(r);
    if (code < 0)
        return fail_open(code, err);
    int best = av_find_best_stream(r->format, AVMEDIA_TYPE_VIDEO, -1, -1, NULL, 0);
    if (best < 0 || is_cover(r->format->streams[best]))
        return host->fail(err, LANCELET_UNSUPPORTED, "the file has no moving pictures");
    r->stream = r->format->streams[best];
    for (unsigned i = 0; i < r->format->nb_streams; i++)
        r->format->streams[i]->discard = i == (unsigned)best ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
    if (r->stream->time_base.num <= 0 || r->stream->time_base.den <= 0)
        return host->fail(err, LANCELET_CORRUPT, "the video has no clock");
    r->start = start_of(r);
    return open_decoder(r, err);
}

/* ---- one frame after the other ---- */

static bool cancelled(const video_reader *r)
{
    return r->cancel && *r->cancel;
}

/* Hands the decoder the next packet, or the news that there is none: a file that cannot be read any further ends there. */
static lancelet_status feed(video_reader *r, lancelet_error *err)
{
    while (!r->drained) {
        if (cancelled(r))
            return host->fail(err, LANCELET_CANCELLED, "cancelled");
        int code = av_read_frame(r->format, r->packet);
        if (code == AVERROR(ENOMEM))
            return fail_limit(err);
        if (code >= 0 && r->packet->stream_index != r->stream->index) {
            av_packet_unref(r->packet);
            continue;
        }
        r->drained = code < 0;
        code = avcodec_send_packet(r->decoder, r->drained ? NULL : r->packet);
        av_packet_unref(r->packet);
        return code == AVERROR(ENOMEM) ? fail_limit(err) : LANCELET_OK; /* damage is the packet's alone */
    }
    return LANCELET_OK;
}

static lancelet_status decode(video_reader *r, AVFrame *out, bool *got, lancelet_error *err)
{
    *got = false;
    for (int failures = 0; failures < FAILURES_MOST;) {
        int code = avcodec_receive_frame(r->decoder, out);
        if (code == 0 && out->width > 0 && out->height > 0) {
            *got = true;
            return LANCELET_OK;
        }
        if (code == AVERROR(ENOMEM))
            return fail_limit(err);
        if (code == AVERROR_EOF || (code == AVERROR(EAGAIN) && r->drained))
            return LANCELET_OK;
        failures += code != AVERROR(EAGAIN);
        lancelet_status status = code == AVERROR(EAGAIN) ? feed(r, err) : LANCELET_OK;
        if (status != LANCELET_OK)
            return status;
    }
    return LANCELET_OK;
}

static bool is_key(const AVFrame *f)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
    return f->flags & AV_FRAME_FLAG_KEY;
#else
    return f->key_frame != 0;
#endif
}

/* How long a frame is shown when none follows. */
static int64_t length_of(const video_reader *r, const AVFrame *f)
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
    int64_t length = f->duration;
#else
    int64_t length = f->pkt_duration;
#endif
    AVRational rate = r->stream->avg_frame_rate;
    if (length > 0 && length < INT32_MAX)
        length = av_rescale_q(length, r->stream->time_base, AV_TIME_BASE_Q);
    else
        length = rate.num > 0 && rate.den > 0 ? av_rescale_q(1, av_inv_q(rate), AV_TIME_BASE_Q) : SECOND / 25;
    return length > 0 && length < 3600 * SECOND ? length : SECOND / 25;
}

/* A frame's time from the start, rounded up. Times beyond all use (and what damage makes of them) are no times. */
static bool time_of(const video_reader *r, const AVFrame *f, int64_t *us)
{
    const int64_t most = INT64_C(1) << 53;
    int64_t time = f->best_effort_timestamp;
    if (time == AV_NOPTS_VALUE || time > most || time < -most || r->start > most || r->start < -most)
        return false;
    *us = av_rescale_q_rnd(time - r->start, r->stream->time_base, AV_TIME_BASE_Q, AV_ROUND_UP);
    return *us < most && *us > -most;
}

/* Reads the frame ahead, later than the one that is shown now. */
static lancelet_status fill(video_reader *r, lancelet_error *err)
{
    r->has_ahead = false;
    for (;;) {
        bool got;
        int64_t us;
        av_frame_unref(r->ahead);
        lancelet_status status = decode(r, r->ahead, &got, err);
        if (status != LANCELET_OK || !got)
            return status;
        bool timed = time_of(r, r->ahead, &us);
        if (r->want_key && timed && (is_key(r->ahead) || us > r->want_key_until))
            r->want_key = false;
        if (r->want_key)
            continue;
        if (!timed)
            us = r->has_now ? r->now_us + length_of(r, r->now) : 0;
        if (r->has_now && us <= r->now_us)
            continue;
        r->ahead_us = us;
        r->has_ahead = true;
        return LANCELET_OK;
    }
}

/* The frame ahead is shown now. */
static lancelet_status advance(video_reader *r, lancelet_error *err)
{
    AVFrame *before = r->now;
    r->now = r->ahead;
    r->ahead = before;
    r->now_us = r->ahead_us;
    r->has_now = r->has_ahead;
    r->at_first = false;
    return r->has_now ? fill(r, err) : LANCELET_OK;
}

/* The frame that is shown at 0. */
static lancelet_status begin(video_reader *r, lancelet_error *err)
{
    close_input(r);
    lancelet_status status = open_input(r, err);
    if (status == LANCELET_OK)
        status = fill(r, err);
    if (status == LANCELET_OK)
        status = advance(r, err);
    while (status == LANCELET_OK && r->has_ahead && r->ahead_us <= 0)
        status = advance(r, err);
    if (status == LANCELET_OK && !r->has_now)
        return host->fail(err, LANCELET_CORRUPT, "the video has no frame that can be decoded");
    r->at_first = true;
    return status;
}

/* ---- the frame shown at a time ---- */

/* Goes to the last key frame at or before a time; *found is false where that does not work. Some containers go by the time of
 * decoding, or to places that are no key frames: then it is tried again from further back. */
static lancelet_status seek(video_reader *r, int64_t us, bool *found, lancelet_error *err)
{
    static const int64_t further[] = {0, 2 * SECOND, 15 * SECOND};
    *found = false;
    for (size_t i = 0; i < sizeof further / sizeof *further && us > further[i]; i++) {
        int64_t to = av_rescale_q(us - further[i], AV_TIME_BASE_Q, r->stream->time_base) + r->start;
        if (av_seek_frame(r->format, r->stream->index, to, AVSEEK_FLAG_BACKWARD) < 0)
            return LANCELET_OK;
        avcodec_flush_buffers(r->decoder);
        r->drained = r->has_now = false;
        r->want_key = true;
        r->want_key_until = us;
        lancelet_status status = fill(r, err);
        if (status != LANCELET_OK)
            return status;
        *found = r->has_ahead && r->ahead_us <= us;
        if (*found)
            return advance(r, err);
    }
    return LANCELET_OK;
}

/* Makes `now` the frame that is shown at a time; *beyond: the video is over then. */
static lancelet_status go_to(video_reader *r, int64_t us, bool *beyond, lancelet_error *err)
{
    lancelet_status status = LANCELET_OK;
    bool here = r->has_now && (r->now_us <= us || r->at_first), found = true;
    int64_t from = r->now_us;
    if (!here && us < r->jump_us)
        status = begin(r, err);
    else if (!r->no_seek && (!here || us - from >= r->jump_us)) {
        status = seek(r, us, &found, err);
        if (status == LANCELET_OK && found && here && r->now_us <= from) /* decoding on would have been as far */
            r->jump_us = 2 * r->jump_us > us - r->now_us ? 2 * r->jump_us : us - r->now_us;
        if (status == LANCELET_OK && !found) {
            r->no_seek = true;
            status = begin(r, err);
        }
    } else if (!here) {
        status = begin(r, err);
    }
    while (status == LANCELET_OK && r->has_ahead && r->ahead_us <= us)
        status = advance(r, err);
    *beyond = status == LANCELET_OK && !r->has_ahead && us >= r->now_us + length_of(r, r->now);
    return status;
}

/* ---- pixels ---- */

/* The colours as the stream says, for the pictures that are given out. */
static void set_colours(struct SwsContext *s, const AVFrame *f)
{
    int matrix = (int)f->colorspace;
    if (matrix == AVCOL_SPC_UNSPECIFIED || matrix == AVCOL_SPC_RESERVED)
        matrix = f->height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    bool full = f->color_range == AVCOL_RANGE_JPEG || f->format == AV_PIX_FMT_YUVJ420P || f->format == AV_PIX_FMT_YUVJ422P ||
                f->format == AV_PIX_FMT_YUVJ444P || f->format == AV_PIX_FMT_YUVJ440P || f->format == AV_PIX_FMT_YUVJ411P;
    sws_setColorspaceDetails(s, sws_getCoefficients(matrix), full, sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
}

/* Width and height with square pixels: nothing is made smaller. */
static void square(const video_reader *r, AVFrame *f, int *width, int *height)
{
    AVRational a = av_guess_sample_aspect_ratio(r->format, r->stream, f);
    int64_t w = f->width, h = f->height;
    *width = f->width;
    *height = f->height;
    if (a.num <= 0 || a.den <= 0 || a.num / a.den >= STRETCH_MOST || a.den / a.num >= STRETCH_MOST)
        return;
    if (a.num > a.den)
        w = av_rescale(w, a.num, a.den);
    else
        h = av_rescale(h, a.den, a.num);
    if (w > SIDE_MOST || h > SIDE_MOST || (uint64_t)w * (uint64_t)h > r->max_pixels)
        return;
    *width = (int)w;
    *height = (int)h;
}

/* The numbers that say how a frame is turned: (x, y) is shown at (m[0] x + m[2] y, m[1] x + m[3] y). */
static void matrix_of(const video_reader *r, const AVFrame *f, int m[4])
{
    const int32_t *found = NULL;
#if LIBAVFORMAT_VERSION_INT >= AV_VERSION_INT(60, 15, 100)
    const AVCodecParameters *p = r->stream->codecpar;
    const AVPacketSideData *side =
        av_packet_side_data_get(p->coded_side_data, p->nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
    if (side && side->size >= 9 * sizeof *found)
        found = (const int32_t *)(const void *)side->data;
#else
#if LIBAVFORMAT_VERSION_MAJOR >= 59
    size_t size = 0;
#else
    int size = 0;
#endif
    const uint8_t *side = av_stream_get_side_data(r->stream, AV_PKT_DATA_DISPLAYMATRIX, &size);
    if (side && (size_t)size >= 9 * sizeof *found)
        found = (const int32_t *)(const void *)side;
#endif
    const AVFrameSideData *own = found ? NULL : av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    if (own && own->size >= 9 * sizeof *found)
        found = (const int32_t *)(const void *)own->data;
    m[0] = m[3] = 1;
    m[1] = m[2] = 0;
    if (!found)
        return;
    int64_t a = found[0], b = found[1], c = found[3], d = found[4];
    bool lies = llabs(b) > llabs(a) && llabs(c) > llabs(d);
    bool stands = llabs(a) > llabs(b) && llabs(d) > llabs(c);
    if (lies) {
        m[0] = m[3] = 0;
        m[1] = b < 0 ? -1 : 1;
        m[2] = c < 0 ? -1 : 1;
    } else if (stands) {
        m[0] = a < 0 ? -1 : 1;
        m[3] = d < 0 ? -1 : 1;
    }
}

/* in: lines of `line` bytes, [height, width, 3] */
static void turn(const uint8_t *in, size_t line, int width, int height, const int m[4], uint8_t *out)
{
    int out_width = m[0] ? width : height;
    if (m[0] == 1 && m[3] == 1) {
        for (int y = 0; y < height; y++)
            memcpy(out + (size_t)y * (size_t)width * 3, in + (size_t)y * line, (size_t)width * 3);
        return;
    }
    int left = m[0] + m[2] < 0 ? (m[0] ? width : height) - 1 : 0, top = m[1] + m[3] < 0 ? (m[0] ? height : width) - 1 : 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int to_x = left + m[0] * x + m[2] * y, to_y = top + m[1] * x + m[3] * y;
            memcpy(out + ((size_t)to_y * (size_t)out_width + (size_t)to_x) * 3, in + (size_t)y * line + 3 * (size_t)x, 3);
        }
}

static lancelet_status fail_pixels(const AVFrame *f, lancelet_error *err)
{
    const char *name = av_get_pix_fmt_name(f->format);
    return host->fail(err, LANCELET_UNSUPPORTED, "the video has pixels of a kind that is not read (%s)", name ? name : "unknown");
}

/* The frame as it is to be seen. */
static lancelet_status give(video_reader *r, AVFrame *f, int64_t us, video_frame *out, lancelet_error *err)
{
    int width, height, m[4];
    square(r, f, &width, &height);
    matrix_of(r, f, m);
    if (f->width > SIDE_MOST || f->height > SIDE_MOST || (uint64_t)f->width * (uint64_t)f->height > r->max_pixels)
        return host->fail(err, LANCELET_LIMIT, "the video has a frame of %d x %d pixels, more than are read", f->width, f->height);
    r->scaler = sws_getCachedContext(r->scaler, f->width, f->height, f->format, width, height, AV_PIX_FMT_RGB24,
                                     SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, NULL, NULL, NULL);
    if (!r->scaler)
        return fail_pixels(f, err);
    set_colours(r->scaler, f);
    size_t line = ((size_t)width * 3 + 63) & ~(size_t)63;
    uint8_t *lines = av_malloc(line * (size_t)height + 64); /* what scales writes beyond the end of a line */
    uint8_t *rgb = host->alloc((size_t)width * (size_t)height * 3);
    lancelet_status status = lines && rgb ? LANCELET_OK : host->fail(err, LANCELET_MEMORY, "out of memory");
    uint8_t *planes[4] = {lines};
    const int strides[4] = {(int)line};
    if (status == LANCELET_OK &&
        sws_scale(r->scaler, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides) != height)
        status = fail_pixels(f, err);
    if (status == LANCELET_OK) {
        turn(lines, line, width, height, m, rgb);
        *out = (video_frame){rgb, m[0] ? width : height, m[0] ? height : width, us};
    } else {
        host->free(rgb);
    }
    av_free(lines);
    return status;
}

/* ---- where the scene changes ---- */

static lancelet_status make_thumbnail(video_reader *r, const AVFrame *f, thumbnail *out, lancelet_error *err)
{
    uint8_t *planes[4] = {out->rgb};
    const int strides[4] = {LINE};
    unsigned brightest = 0;
    r->shrinker = sws_getCachedContext(r->shrinker, f->width, f->height, f->format, SIDE, SIDE, AV_PIX_FMT_RGB24, SWS_AREA, NULL,
                                       NULL, NULL);
    if (!r->shrinker ||
        sws_scale(r->shrinker, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides) != SIDE)
        return fail_pixels(f, err);
    memset(out->colour, 0, sizeof out->colour);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *p = out->rgb + y * LINE + x * 3;
            unsigned sum = (unsigned)(p[0] + p[1] + p[2]);
            out->colour[(p[0] >> 6) * 16 + (p[1] >> 6) * 4 + (p[2] >> 6)]++;
            brightest = sum > brightest ? sum : brightest;
        }
    out->black = brightest < 3 * 32;
    return LANCELET_OK;
}

/* Mean absolute difference, 0 .. 1 */
static float movement(const thumbnail *a, const thumbnail *b)
{
    unsigned sum = 0;
    for (int y = 0; y < SIDE; y++)
        for (int i = y * LINE; i < y * LINE + 3 * SIDE; i++)
            sum += (unsigned)abs(a->rgb[i] - b->rgb[i]);
    return (float)sum / (255.0f * 3 * SIDE * SIDE);
}

/* Do they show different scenes, `least` apart? */
static bool differ(const thumbnail *a, const thumbnail *b, float least)
{
    int sum = 0;
    for (int i = 0; i < COLOURS; i++)
        sum += abs(a->colour[i] - b->colour[i]);
    return sum > 2 * SIDE * SIDE / 4 && movement(a, b) > least;
}

static bool at_rest(const video_reader *r, const thumbnail *t)
{
    return r->has_last && movement(&r->last, t) <= AT_REST;
}

static bool is_cut(const video_reader *r, const thumbnail *t)
{
    return r->has_last && differ(&r->last, t, CUT);
}

/* Is the frame shown now one to keep? */
static bool is_wanted(video_reader *r, const thumbnail *t)
{
    if (r->first) /* it began black */
        return !t->black && (at_rest(r, t) || is_cut(r, t) || r->now_us - r->first_us >= SECOND);
    if (!r->has_kept || r->now_us - r->kept_us >= LONGEST)
        return true;
    bool other = differ(&r->kept, t, DIFFERS);
    if (other && !r->changing)
        r->changing_us = r->now_us;
    r->changing = other;
    return other && r->now_us - r->kept_us >= SECOND &&
           (is_cut(r, t) || at_rest(r, t) || r->now_us - r->changing_us >= SECOND);
}

static void keep(video_reader *r, const thumbnail *t, int64_t us)
{
    r->kept = *t;
    r->kept_us = us;
    r->has_kept = true;
    r->changing = false;
    av_frame_free(&r->first);
}

static int64_t whole_ms(int64_t us)
{
    return us <= 0 ? 0 : (us + 999) / 1000 * 1000;
}

/* The black frame after all: nothing better came in time. The frame shown now is looked at again. */
static lancelet_status give_first(video_reader *r, video_frame *out, lancelet_error *err)
{
    AVFrame *first = r->first;
    thumbnail t = r->first_thumbnail;
    r->first = NULL;
    keep(r, &t, r->first_us);
    lancelet_status status = give(r, first, whole_ms(r->first_us), out, err);
    av_frame_free(&first);
    return status;
}

/* Looks at the frame shown now; *given: it, or the black one before it, went out. *again: it stays to be looked at. */
static lancelet_status look(video_reader *r, video_frame *out, bool *given, bool *again, lancelet_error *err)
{
    thumbnail t;
    *given = *again = false;
    lancelet_status status = make_thumbnail(r, r->now, &t, err);
    if (status != LANCELET_OK)
        return status;
    if (!r->has_kept && !r->first && t.black && r->has_ahead) {
        r->first = av_frame_clone(r->now);
        r->first_thumbnail = t;
        r->first_us = r->now_us;
        if (!r->first)
            return host->fail(err, LANCELET_MEMORY, "out of memory");
    } else if (is_wanted(r, &t)) {
        *given = true;
        keep(r, &t, r->now_us);
        status = give(r, r->now, whole_ms(r->now_us), out, err);
    } else if (r->first && (!r->has_ahead || r->now_us - r->first_us >= SECOND)) {
        *given = *again = true;
        return give_first(r, out, err);
    }
    r->last = t;
    r->has_last = true;
    return status;
}

static lancelet_status next_scene(video_reader *r, video_frame *out, bool *done, lancelet_error *err)
{
    while (r->has_now) {
        bool given, again;
        lancelet_status status = look(r, out, &given, &again, err);
        if (status == LANCELET_OK && !again) {
            status = advance(r, err);
            if (status != LANCELET_OK && given) {
                host->free(out->rgb);
                out->rgb = NULL;
            }
        }
        if (status != LANCELET_OK || given)
            return status;
    }
    *done = true;
    return LANCELET_OK;
}

static lancelet_status next_tick(video_reader *r, video_frame *out, bool *done, lancelet_error *err)
{
    if (r->tick > (INT64_C(1) << 53) / r->every_us) {
        *done = true;
        return LANCELET_OK;
    }
    int64_t us = r->tick * r->every_us / 1000 * 1000;
    lancelet_status status = go_to(r, us, done, err);
    if (status != LANCELET_OK || *done)
        return status;
    r->tick++;
    return give(r, r->now, us, out, err);
}

/* ---- the table ---- */

static void destroy(video_reader *r)
{
    if (!r)
        return;
    working++;
    close_input(r);
    sws_freeContext(r->scaler);
    sws_freeContext(r->shrinker);
    av_packet_free(&r->packet);
    av_frame_free(&r->now);
    av_frame_free(&r->ahead);
    av_frame_free(&r->first);
    working--;
    host->free(r->url);
    host->free(r);
}

static lancelet_status create(const char *path, int64_t every_us, uint64_t max_pixels, video_reader **out, lancelet_error *err)
{
    size_t n = strlen(path) + 1;
    video_reader *r = host->alloc(sizeof *r);
    if (!r)
        return host->fail(err, LANCELET_MEMORY, "out of memory");
    *r = (video_reader){.max_pixels = max_pixels < INT32_MAX ? max_pixels : INT32_MAX, .every_us = every_us, .jump_us = JUMP};
    working++;
    r->url = host->alloc(5 + n);
    r->packet = av_packet_alloc();
    r->now = av_frame_alloc();
    r->ahead = av_frame_alloc();
    lancelet_status status = LANCELET_OK;
    if (r->url && r->packet && r->now && r->ahead) {
        memcpy(r->url, "file:", 5);
        memcpy(r->url + 5, path, n);
        status = begin(r, err);
    } else {
        status = host->fail(err, LANCELET_MEMORY, "out of memory");
    }
    working--;
    if (status != LANCELET_OK)
        destroy(r);
    else
        *out = r;
    return status;
}

static int64_t duration(const video_reader *r)
{
    return r->format && r->format->duration > 0 ? r->format->duration : 0;
}

static lancelet_status next(video_reader *r, const volatile int *cancel, video_frame *out, bool *done, lancelet_error *err)
{
    *out = (video_frame){0};
    *done = false;
    r->cancel = cancel;
    working++;
    lancelet_status status = r->every_us > 0 ? next_tick(r, out, done, err) : next_scene(r, out, done, err);
    working--;
    r->cancel = NULL;
    return status;
}

static lancelet_status at(video_reader *r, int64_t time_us, video_frame *out, lancelet_error *err)
{
    bool beyond = false;
    *out = (video_frame){0};
    working++;
    lancelet_status status = time_us < 0 ? LANCELET_OK : go_to(r, time_us, &beyond, err);
    if (status == LANCELET_OK && (beyond || time_us < 0))
        status = host->fail(err, LANCELET_NOT_FOUND, "the video has no frame at %.3f s", (double)time_us / 1e6);
    if (status == LANCELET_OK)
        status = give(r, r->now, time_us, out, err);
    working--;
    return status;
}

static const video_module table = {sizeof table, create, duration, next, at, destroy};

#pragma GCC visibility push(default)
const void *picask_module(const base_host *given, int version);
#pragma GCC visibility pop

/* Called once, before other threads can have the table. The libraries' log and the size of an allocation have one setting in
 * a process: threads that are not in a call of ours go on logging as they would. */
const void *picask_module(const base_host *given, int version)
{
    if (version != VIDEO_MODULE_VERSION || given->struct_size < sizeof(base_host))
        return NULL;
    host = given;
    av_max_alloc(LARGEST);
    av_log_set_callback(on_log);
    return &table;
}
