/* external.h - what is said between image_decode and the program libexec/picask/decode, which decodes HEIC, AVIF and TIFF.
 *
 *     decode facts|pixels MAX_PIXELS < FILE | READER
 *
 * It reads the whole file, then writes one answer: a head of IMAGE_ANSWER_SIZE bytes, all numbers little-endian, and a body of
 * as many bytes as the head says: a sentence when the status is not OK, else nothing (facts) or RGB rows as the file stores them,
 * which the asking side turns as the orientation says. Both sides are installed together; a head of another version is refused.
 *
 *     0  8 bytes  "picdec 1"            40  f64  latitude
 *     8  u32      lancelet_status       48  f64  longitude
 *    12  u32      base_picture_type     56  128 bytes  camera, NUL behind it
 *    16  u32      width, upright       184  u64  bytes of the body
 *    20  u32      height, upright
 *    24  u32      orientation that is still to be undone: 1..8
 *    28  u32      1: has taken, 2: has position
 *    32  i64      taken, microseconds */
#ifndef EMBED_IMAGE_EXTERNAL_H
#define EMBED_IMAGE_EXTERNAL_H

#include "embed/image/image.h"

#define IMAGE_ANSWER_SIZE ((size_t)192)

typedef struct image_answer {
    lancelet_status status;
    image_facts facts;
    uint64_t body; /* bytes */
} image_answer;

void image_answer_pack(const image_answer *answer, uint8_t out[IMAGE_ANSWER_SIZE]);
/* All of head[n] is checked; CORRUPT when it is no such head. */
lancelet_status image_answer_unpack(const uint8_t *head, size_t n, image_answer *out, lancelet_error *err) MUST_CHECK;

/* Is a picture of this type left to the program? */
bool image_is_external(base_picture_type type);
/* Has the program decode bytes[n], a picture of `type`: facts, and into *out (NULL: not asked for) its pixels, not turned upright
 * yet. CORRUPT when they bring the program down, LIMIT when they take it too much memory or time, CANCELLED once *cancel is set. */
lancelet_status image_external(base_picture_type type, const uint8_t *bytes, size_t n, uint64_t max_pixels, const volatile int *cancel,
                               base_picture *out, image_facts *facts, lancelet_error *err) MUST_CHECK;

#endif
