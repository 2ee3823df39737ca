/* external.c - pictures of formats whose decoders are too large and too often broken to run in this process: HEIC and AVIF
 * (libheif with libde265, dav1d or libaom) and TIFF (libtiff). The program `decode` takes the file through a pipe and gives facts
 * and pixels back through another (external.h); whatever the file does to it, it has bounded memory and time, and its answer is
 * believed no more than a file is. */
#include "embed/image/external.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/child.h"
#include "base/module.h"
#include "base/text.h"
#include "embed/image/codec.h"

static const char magic[8] = {'p', 'i', 'c', 'd', 'e', 'c', ' ', '1'};

/* Measured at 50 megapixels: HEIC takes 0.5 GB of address space and 1.3 s, AVIF 0.6 GB. Extrapolated from that, not measured: 2.2 GB
 * at the limit of pixels; and 1.9 GB there for TIFF, reckoned from its largest shape, 16-bit RGB in one strip. */
static const base_child_limits limits = {.memory = (uint64_t)3 << 30, .cpu_seconds = 60, .wall_ms = 120 * 1000};

enum {
    SENTENCE = 400,
    NOT_LOADED = 127, /* what the system's loader ends a program with whose library it does not find */
};

/* ---- the answer's head ---- */

static void put32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> (8 * i));
}

static void put64(uint8_t *to, uint64_t v)
{
    put32(to, (uint32_t)v);
    put32(to + 4, (uint32_t)(v >> 32));
}

static uint64_t get64(const uint8_t *from)
{
    return image_le32(from) | (uint64_t)image_le32(from + 4) << 32;
}

static void put_double(uint8_t *to, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put64(to, bits);
}

static double get_double(const uint8_t *from)
{
    uint64_t bits = get64(from);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

void image_answer_pack(const image_answer *answer, uint8_t out[IMAGE_ANSWER_SIZE])
{
    const image_facts *f = &answer->facts;
    memset(out, 0, IMAGE_ANSWER_SIZE);
    memcpy(out, magic, sizeof magic);
    put32(out + 8, (uint32_t)answer->status);
    put32(out + 12, (uint32_t)f->type);
    put32(out + 16, (uint32_t)f->width);
    put32(out + 20, (uint32_t)f->height);
    put32(out + 24, (uint32_t)f->orientation);
    put32(out + 28, (f->has_taken ? 1u : 0u) | (f->has_position ? 2u : 0u));
    put64(out + 32, (uint64_t)f->taken_us);
    put_double(out + 40, f->latitude);
    put_double(out + 48, f->longitude);
    memcpy(out + 56, f->camera, sizeof f->camera);
    put64(out + 184, answer->body);
}

static bool facts_hold(const image_facts *f)
{
    if (f->width < 1 || f->height < 1 || f->orientation < 1 || f->orientation > 8)
        return false;
    if (f->has_position && !(fabs(f->latitude) <= 90 && fabs(f->longitude) <= 180))
        return false;
    return f->camera[sizeof f->camera - 1] == '\0' && base_utf8_valid(f->camera, strlen(f->camera));
}

lancelet_status image_answer_unpack(const uint8_t *head, size_t n, image_answer *out, lancelet_error *err)
{
    if (n < IMAGE_ANSWER_SIZE)
        return base_fail(err, LANCELET_CORRUPT, "the decoder's answer ends early");
    if (memcmp(head, magic, sizeof magic) != 0)
        return base_fail(err, LANCELET_CORRUPT, "the decoder's answer is of another version of picask");
    uint32_t status = image_le32(head + 8), has = image_le32(head + 28);
    image_answer a = {.body = get64(head + 184)};
    a.facts = (image_facts){.type = (base_picture_type)image_le32(head + 12), .width = (int)image_le32(head + 16),
                            .height = (int)image_le32(head + 20), .orientation = (int)image_le32(head + 24)};
    a.facts.has_taken = (has & 1) != 0;
    a.facts.taken_us = a.facts.has_taken ? (int64_t)get64(head + 32) : 0;
    a.facts.has_position = (has & 2) != 0;
    if (a.facts.has_position) {
        a.facts.latitude = get_double(head + 40);
        a.facts.longitude = get_double(head + 48);
    }
    memcpy(a.facts.camera, head + 56, sizeof a.facts.camera);
    if (status > LANCELET_CANCELLED || (status == LANCELET_OK && !facts_hold(&a.facts)))
        return base_fail(err, LANCELET_CORRUPT, "the decoder's answer makes no sense");
    a.status = (lancelet_status)status;
    *out = a;
    return LANCELET_OK;
}

/* ---- asking ---- */

/* A refusal that the program wrote in its own words. */
static lancelet_status refused(const image_answer *a, const base_buffer *b, lancelet_error *err)
{
    size_t n = b->size - IMAGE_ANSWER_SIZE;
    char sentence[SENTENCE];
    if (n >= sizeof sentence)
        n = sizeof sentence - 1;
    memcpy(sentence, b->data + IMAGE_ANSWER_SIZE, n);
    sentence[n] = '\0';
    return base_fail(err, a->status, "%s", sentence);
}

/* Facts and pixels out of the answer in b, whose memory the picture takes over. */
static lancelet_status take(base_buffer *b, base_picture_type type, uint64_t max_pixels, base_picture *out, image_facts *facts,
                            lancelet_error *err)
{
    image_answer a;
    RETURN_IF_ERROR(image_answer_unpack(b->data, b->size, &a, err));
    if (a.status != LANCELET_OK)
        return refused(&a, b, err);
    uint64_t pixels = (uint64_t)a.facts.width * (uint64_t)a.facts.height;
    if (a.facts.type != type || pixels > max_pixels)
        return base_fail(err, LANCELET_CORRUPT, "the decoder's answer makes no sense");
    if (a.body != b->size - IMAGE_ANSWER_SIZE || a.body != (out ? pixels * 3 : 0)) /* no overflow: 2^31 * 2^31 * 3 */
        return base_fail(err, LANCELET_CORRUPT, "the decoder's answer ends early");
    if (out) {
        bool lies = a.facts.orientation >= 5;
        memmove(b->data, b->data + IMAGE_ANSWER_SIZE, (size_t)a.body);
        *out = (base_picture){.rgb = b->data, .width = lies ? a.facts.height : a.facts.width,
                              .height = lies ? a.facts.width : a.facts.height};
        *b = (base_buffer){0};
    }
    *facts = a.facts;
    return LANCELET_OK;
}

bool image_is_external(base_picture_type type)
{
    return type == BASE_PICTURE_TIFF || type == BASE_PICTURE_HEIC || type == BASE_PICTURE_AVIF;
}

lancelet_status image_external(base_picture_type type, const uint8_t *bytes, size_t n, uint64_t max_pixels, const volatile int *cancel,
                               base_picture *out, image_facts *facts, lancelet_error *err)
{
    char what[64], most[24], message[SENTENCE], *program = NULL;
    snprintf(what, sizeof what, "decoding %s", base_picture_type_name(type));
    snprintf(most, sizeof most, "%llu", (unsigned long long)max_pixels);
    const char *packages = type == BASE_PICTURE_TIFF ? "libtiff-dev" : "libheif-dev";
    RETURN_IF_ERROR(base_program_find("decode", what, packages, &program, err));
    const char *argument[] = {out ? "pixels" : "facts", most, NULL};
    base_child_limits some = limits;
    if (!base_mul_u64(max_pixels, 3, &some.output) || !base_add_u64(some.output, IMAGE_ANSWER_SIZE + SENTENCE, &some.output))
        some.output = UINT64_MAX;
    base_buffer answer = {0};
    int code = 0;
    lancelet_status status = base_child_run(program, argument, bytes, n, &some, cancel, &answer, message, sizeof message, &code, err);
    base_free(program);
    message[strcspn(message, "\r\n")] = '\0';
    if (status == LANCELET_CORRUPT) /* it crashed */
        base_error_prefix(err, "%s data is damaged", base_picture_type_name(type));
    else if (status != LANCELET_OK && status != LANCELET_CANCELLED)
        base_error_prefix(err, "%s", what);
    if (status == LANCELET_OK && code == NOT_LOADED && answer.size == 0) /* one program for all: the missing one may be another's */
        status = base_module_fail_library(what, "decode", "libheif-dev libtiff-dev", message, err);
    else if (status == LANCELET_OK && code != 0)
        status = base_fail(err, LANCELET_CORRUPT, "the %s decoder failed: %s", base_picture_type_name(type), message);
    if (status == LANCELET_OK)
        status = take(&answer, type, max_pixels, out, facts, err);
    base_buffer_free(&answer);
    return status;
}
