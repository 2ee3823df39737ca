/* decode.h - the decoders of the program `decode`, one file a library. */
#ifndef DECODE_H
#define DECODE_H

#include "embed/image/codec.h"

/* The facts of bytes[n], a picture of `type`, and into *out (NULL: not asked for) its pixels as they are stored: facts->orientation
 * says how they are to be turned. `facts` is zero but for its type before; *out is all zero before and, on failure, after.
 * A picture of more than max_pixels is LIMIT, before memory is taken for them. */
typedef lancelet_status decode_function(base_picture_type type, const uint8_t *bytes, size_t n, uint64_t max_pixels, base_picture *out,
                                        image_facts *facts, lancelet_error *err);

decode_function decode_heif, decode_tiff;

static inline lancelet_status decode_check_pixels(int width, int height, uint64_t max_pixels, lancelet_error *err)
{
    if (width > 0 && height > 0 && (uint64_t)width * (uint64_t)height <= max_pixels)
        return LANCELET_OK;
    if (width < 1 || height < 1)
        return base_fail(err, LANCELET_CORRUPT, "a picture of %d x %d pixels", width, height);
    return base_fail(err, LANCELET_LIMIT, "%d x %d pixels are more than the limit of %llu", width, height, (unsigned long long)max_pixels);
}

#endif
