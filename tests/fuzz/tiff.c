/* tiff.c - any bytes through the TIFF decoder of the program `decode`, and through the reader of TIFF's fields. What decodes has the
 * size that its facts say, within the limit. Corpus: tests/fixtures/image/phone. */
#include <stdlib.h>

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint64_t max_pixels = 1 << 20;
    image_facts facts, probed;
    base_picture picture = {0};
    lancelet_error err;
    lancelet_status head = decode_tiff(BASE_PICTURE_TIFF, data, size, max_pixels, NULL, &probed, &err);
    lancelet_status status = decode_tiff(BASE_PICTURE_TIFF, data, size, max_pixels, &picture, &facts, &err);
    if (status != LANCELET_OK) {
        if (picture.rgb)
            abort();
        return 0;
    }
    bool lies = facts.orientation >= 5;
    if (head != LANCELET_OK || probed.width != facts.width || probed.height != facts.height)
        abort();
    if ((uint64_t)facts.width * (uint64_t)facts.height > max_pixels || picture.width != (lies ? facts.height : facts.width) ||
        picture.height != (lies ? facts.width : facts.height))
        abort();
    base_picture_free(&picture);
    return 0;
}
