/* video.c - any bytes as a video file: opened, all frames by scene and at every so often, and the frame at a time; whatever the
 * libraries are asked to do, frames stay within the limit and times go forward. The first byte chooses. The module reads files, so
 * the bytes go into one in memory. Without the module there is nothing to do. Corpus: tests/fuzz/corpus/video. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "source/video.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIXELS (1 << 16)
#define FRAMES 50

static void all_frames(const video_module *module, video_reader *r)
{
    int64_t before = -1;
    for (int i = 0; i < FRAMES; i++) {
        video_frame frame;
        bool done;
        lancelet_error err;
        if (module->next(r, NULL, &frame, &done, &err) != LANCELET_OK || done)
            return;
        if (frame.width <= 0 || frame.height <= 0 || (int64_t)frame.width * frame.height > PIXELS || frame.time_us <= before)
            abort();
        before = frame.time_us;
        base_free(frame.rgb);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t every[] = {0, 1000000, 100000, 4000000};
    static char path[64];
    const void *table;
    lancelet_error err;
    video_reader *r;
    video_frame frame;
    if (size < 1 || base_module_open("video", VIDEO_MODULE_VERSION, "this", "", &table, NULL) != LANCELET_OK)
        return 0;
    if (!path[0])
        snprintf(path, sizeof path, "%s/picask-fuzz-video-%ld", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    if (base_file_replace(path, data + 1, size - 1, false, &err) != LANCELET_OK)
        return 0;
    const video_module *module = table;
    if (module->open(path, every[data[0] & 3], PIXELS, &r, &err) == LANCELET_OK) {
        all_frames(module, r);
        if (module->at(r, (int64_t)(data[0] >> 2) * 100000, &frame, &err) == LANCELET_OK)
            base_free(frame.rgb);
        (void)module->duration_us(r);
        module->close(r);
    }
    (void)!base_file_remove(path, NULL);
    return 0;
}
