/* main.c - the program `decode` (embed/image/external.h says what it reads and writes). It runs with the limits that its parent
 * put on it before the first byte of the file came; here it gives up what it needs least: writing files. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "decode/decode.h"
#include "embed/image/external.h"

enum { CHUNK = 1 << 20 };

static bool read_input(base_buffer *b)
{
    for (;;) {
        if (!base_buffer_reserve(b, CHUNK))
            return false;
        ssize_t got = read(STDIN_FILENO, b->data + b->size, CHUNK);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        b->size += (size_t)got;
    }
}

static bool write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = write(fd, bytes, n < CHUNK ? n : CHUNK);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static lancelet_status decode(const base_buffer *file, uint64_t max_pixels, base_picture *out, image_facts *facts, lancelet_error *err)
{
    *facts = (image_facts){.type = base_picture_sniff(file->data, file->size)};
    const char *name = base_picture_type_name(facts->type);
    switch (facts->type) {
    case BASE_PICTURE_TIFF:
#ifdef WITH_TIFF
        return decode_tiff(facts->type, file->data, file->size, max_pixels, out, facts, err);
#else
        return base_fail(err, LANCELET_UNSUPPORTED, "picask was built without libtiff, which decoding TIFF needs: make demo FULL=1 builds it (packages: libtiff-dev)");
#endif
    case BASE_PICTURE_HEIC:
    case BASE_PICTURE_AVIF:
#ifdef WITH_HEIF
        return decode_heif(facts->type, file->data, file->size, max_pixels, out, facts, err);
#else
        return base_fail(err, LANCELET_UNSUPPORTED, "picask was built without libheif, which decoding %s needs: make demo FULL=1 builds it (packages: libheif-dev)", name);
#endif
    default:
        (void)max_pixels;
        (void)out;
        return base_fail(err, LANCELET_UNSUPPORTED, "%s pictures are not decoded here", name);
    }
}

/* 0, or 1 when the answer does not reach the reader. */
static int answer(int fd, lancelet_status status, const image_facts *facts, const base_picture *picture, const lancelet_error *error)
{
    image_answer a = {.status = status, .facts = *facts};
    uint8_t head[IMAGE_ANSWER_SIZE];
    const uint8_t *body = picture->rgb;
    if (status != LANCELET_OK) {
        body = (const uint8_t *)error->text;
        a.body = strlen(error->text);
    } else if (picture->rgb) {
        a.body = (uint64_t)picture->width * (uint64_t)picture->height * 3;
    }
    image_answer_pack(&a, head);
    return !write_all(fd, head, sizeof head) || !write_all(fd, body, (size_t)a.body);
}

int main(int argc, char **argv)
{
    bool pixels = argc == 3 && strcmp(argv[1], "pixels") == 0;
    uint64_t max_pixels = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
    if ((!pixels && (argc != 3 || strcmp(argv[1], "facts") != 0)) || max_pixels == 0) {
        fprintf(stderr, "usage: decode facts|pixels MAX_PIXELS < FILE | READER\nA part of picask, which starts it where it meets HEIC, AVIF or TIFF.\n");
        return 2;
    }
    (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
    /* what a library prints must not end up in the answer */
    int out = dup(STDOUT_FILENO);
    if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return 1;
    lancelet_error error = {0};
    image_facts facts = {0};
    base_picture picture = {0};
    base_buffer file = {0};
    lancelet_status status = read_input(&file) ? LANCELET_OK : base_fail_memory(&error);
    if (status == LANCELET_OK)
        status = decode(&file, max_pixels, pixels ? &picture : NULL, &facts, &error);
    if (status == LANCELET_MEMORY) /* the limit that the parent set: of this picture, not of the machine */
        status = base_fail(&error, LANCELET_LIMIT, "%s needs more memory than its decoder may have", base_picture_type_name(facts.type));
    int code = answer(out, status, &facts, &picture, &error);
    base_picture_free(&picture);
    base_buffer_free(&file);
    return code;
}
