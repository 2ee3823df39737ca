/* heif.c - any bytes through the HEIC and AVIF decoder of the program `decode`. What decodes has the size that its facts say, within
 * the limit. Crashes in libheif and below are expected some day: the program takes them; they are looked at and reported there.
 * Corpus: tests/fixtures/image/phone. */
#include <stdlib.h>

#include "decode/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint64_t max_pixels = 1 << 18;
    image_facts facts, probed;
    base_picture picture = {0};
    lancelet_error err;
    if (decode_heif(BASE_PICTURE_HEIC, data, size, max_pixels, NULL, &probed, &err) != LANCELET_OK)
        return 0;
    if (decode_heif(BASE_PICTURE_HEIC, data, size, max_pixels, &picture, &facts, &err) != LANCELET_OK) {
        if (picture.rgb)
            abort();
        return 0;
    }
    if (probed.width != facts.width || probed.height != facts.height || picture.width != facts.width || picture.height != facts.height)
        abort();
    if ((uint64_t)facts.width * (uint64_t)facts.height > max_pixels || facts.orientation != 1)
        abort();
    base_picture_free(&picture);
    return 0;
}
