/* embed_image_support.h - what the tests of src/embed/image share. */
#ifndef TESTS_EMBED_IMAGE_SUPPORT_H
#define TESTS_EMBED_IMAGE_SUPPORT_H

#include "base/file.h"
#include "base/hash.h"
#include "embed/image/image.h"
#include "support.h"

#define IMAGE_FIXTURES FIXTURES "/image"

/* Byte i of the noise that tests/golden/make_image_golden.py makes. */
static inline uint8_t noise_byte(uint64_t seed, uint64_t i)
{
    uint64_t z = (seed + i / 8 + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    z ^= z >> 31;
    return (uint8_t)(z >> (8 * (i % 8)));
}

static inline base_picture noise_picture(int width, int height)
{
    base_picture p = {.width = width, .height = height};
    size_t n = (size_t)width * (size_t)height * 3;
    p.rgb = base_alloc(n);
    assert_non_null(p.rgb);
    for (size_t i = 0; i < n; i++)
        p.rgb[i] = noise_byte((uint64_t)width * 65536 + (uint64_t)height, i);
    return p;
}

static inline void picture_hash(const base_picture *p, char hex[65])
{
    base_sha256_hex(p->rgb, (size_t)p->width * (size_t)p->height * 3, hex);
}

static inline uint8_t *read_bytes(const char *path, size_t *n)
{
    lancelet_error err;
    uint8_t *bytes = NULL;
    assert_ok(base_file_read(path, (uint64_t)1 << 30, &bytes, n, &err), err);
    return bytes;
}

/* Splits a line at its tabs in place; missing fields are NULL. */
static inline void split_tabs(char *line, char **field, int n)
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < n; i++) {
        field[i] = line;
        char *tab = line ? strchr(line, '\t') : NULL;
        if (tab)
            *tab++ = '\0';
        line = tab;
    }
}

#endif
