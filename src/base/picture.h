/* picture.h - pixels, and a picture's type by its first bytes. */
#ifndef BASE_PICTURE_H
#define BASE_PICTURE_H

#include "base/memory.h"

/* 8-bit RGB, row after row without padding. */
typedef struct base_picture {
    uint8_t *rgb; /* [height, width, 3], owned: base_picture_free */
    int width, height;
} base_picture;
void base_picture_free(base_picture *p);

typedef enum base_picture_type {
    BASE_PICTURE_UNKNOWN = 0,
    BASE_PICTURE_JPEG,
    BASE_PICTURE_PNG,
    BASE_PICTURE_WEBP,
    BASE_PICTURE_GIF,
    BASE_PICTURE_BMP,
    BASE_PICTURE_PNM,
    BASE_PICTURE_TIFF, /* this and the next two: by the decode program */
    BASE_PICTURE_HEIC,
    BASE_PICTURE_AVIF,
} base_picture_type;
base_picture_type base_picture_sniff(const uint8_t *bytes, size_t n);
const char *base_picture_type_name(base_picture_type t); /* "JPEG", ... */
/* By the file name's ending, any case: is it worth opening while walking a folder? */
bool base_picture_name_likely(const char *file_name);
/* Of a camera's raw file (.cr2, .nef, .dng ...)? They begin as a TIFF does, but what TIFF readers find in them is a thumbnail
 * or a mosaic: not decoded. */
bool base_picture_name_raw(const char *file_name);

#endif
