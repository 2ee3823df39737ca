/* image.h - encoded bytes to upright RGB pixels to a resized picture; EXIF facts; JPEG and PNG out.
 * Pixels are Pillow's convert("RGB"); resize is Pillow's Image.resize(BICUBIC) to the byte. */
#ifndef EMBED_IMAGE_H
#define EMBED_IMAGE_H

#include "base/picture.h"

typedef struct image_limits {
    uint64_t max_bytes;  /* of the encoded file; 0: 256 MiB */
    uint64_t max_pixels; /* width * height; 0: 178,956,970, where Pillow stops too */
    const volatile int *cancel; /* ends the program that decodes HEIC, AVIF and TIFF: CANCELLED; NULL: nobody does */
} image_limits;

/* What the file says about itself. */
typedef struct image_facts {
    base_picture_type type;
    int width, height;  /* upright */
    int orientation;    /* EXIF 1..8; 1 when absent */
    bool has_taken;
    int64_t taken_us;   /* camera's clock, DateTimeOriginal else DateTime, no zone applied; microseconds */
    bool has_position;
    double latitude, longitude; /* degrees */
    char camera[128];   /* make and model, UTF-8, "" when absent */
} image_facts;

/* Decodes and turns upright. *out and *facts (may be NULL) are filled on OK; free with base_picture_free. A truncated
 * picture is CORRUPT ("JPEG data ends early"), an unknown type UNSUPPORTED, a large one LIMIT; the sentence names no
 * file (the caller puts the name in front: base_error_prefix). `min_side` > 0 lets a JPEG be decoded at 1/2, 1/4 or 1/8
 * as long as both sides stay at least 2 * min_side (--decode fast); 0 decodes in full. facts has the full size. */
lancelet_status image_decode(const uint8_t *bytes, size_t n, const image_limits *limits, int min_side, base_picture *out,
                             image_facts *facts, lancelet_error *err) MUST_CHECK;
/* The facts alone, from headers: no pixels are decoded. */
lancelet_status image_probe(const uint8_t *bytes, size_t n, const image_limits *limits, image_facts *facts,
                            lancelet_error *err) MUST_CHECK;

/* Pillow's Image.resize((width, height), BICUBIC), antialiased, to the byte. */
lancelet_status image_resize(const base_picture *in, int width, int height, base_picture *out, lancelet_error *err) MUST_CHECK;
/* Where a centre crop begins when (n - side) / 2 is no whole number: the two peers differ by a pixel at every other one. */
typedef enum image_crop {
    IMAGE_CROP_TORCHVISION = 0, /* rounded, halves to the even number: OpenAI's and open_clip's preprocessing */
    IMAGE_CROP_TRANSFORMERS     /* rounded down: CLIPImageProcessor */
} image_crop;
/* CLIP's: shorter side to `side` (longer truncated as torchvision does), centre crop side x side. */
lancelet_status image_resize_crop(const base_picture *in, int side, image_crop crop, base_picture *out, lancelet_error *err) MUST_CHECK;
/* Fits into max_width x max_height keeping the aspect, never enlarging unless `enlarge`; at least 1 x 1. */
lancelet_status image_fit(const base_picture *in, int max_width, int max_height, bool enlarge, base_picture *out, lancelet_error *err) MUST_CHECK;
/* (pixel/divisor - mean[c]) / std[c] in float32 into out [3, height, width]. Mini: divisor 1, mean 127, std 128. */
void image_normalise(const base_picture *in, float divisor, const float mean[3], const float std[3], float *out);

/* Encoded bytes are appended to *out. */
lancelet_status image_write_jpeg(const base_picture *in, int quality, base_buffer *out, lancelet_error *err) MUST_CHECK;
lancelet_status image_write_png(const base_picture *in, base_buffer *out, lancelet_error *err) MUST_CHECK;

#endif
