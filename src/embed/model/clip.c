#include "embed/model/clip.h"

bool clip_recognises(const weights_file *weights)
{
    (void)weights;
    return false;
}
lancelet_status clip_open(weights_file *weights, const model_source *from, void **out, lancelet_error *err)
{
    (void)from;
    (void)out;
    weights_file_close(weights);
    return base_fail(err, LANCELET_UNSUPPORTED, "not yet");
}
const model_family clip_family = {0};
