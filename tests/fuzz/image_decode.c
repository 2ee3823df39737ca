/* image_decode.c - any bytes through the picture decoders, the header reader and the resize. What decodes must have the
 * size that the header said, within the limit. What another program decodes is left out: heif.c and tiff.c here. Corpus:
 * tests/fixtures/image. */
#include <stdlib.h>

#include "embed/image/external.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_limits limits = {.max_bytes = 1 << 20, .max_pixels = 1 << 20};
    image_facts facts, probed;
    base_picture picture = {0}, small = {0};
    lancelet_error err;
    if (image_is_external(base_picture_sniff(data, size)))
        return 0;
    int min_side = size > 0 && data[size - 1] & 1 ? 32 : 0;
    lancelet_status head = image_probe(data, size, &limits, &probed, &err);
    lancelet_status status = image_decode(data, size, &limits, min_side, &picture, &facts, &err);
    if (status != LANCELET_OK) {
        if (picture.rgb)
            abort();
        return 0;
    }
    if (head != LANCELET_OK || probed.width != facts.width || probed.height != facts.height)
        abort();
    if ((uint64_t)picture.width * (uint64_t)picture.height > limits.max_pixels)
        abort();
    if (image_resize_crop(&picture, 16, IMAGE_CROP_TORCHVISION, &small, &err) == LANCELET_OK)
        base_picture_free(&small);
    base_picture_free(&picture);
    return 0;
}
