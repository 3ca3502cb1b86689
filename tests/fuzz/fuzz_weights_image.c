/* An image of weights, for the generated code of weights_image.py. Floats that nobody verified may
 * give any result, but touch no memory that is not their own. */
#include "../../runtime/train.h"
#include "fuzz.h"
#include "weights_image.h"

#include <stdlib.h>
#include <string.h>

static void predict(const lathe_weights *w) {
    const lathe_model *m = &weights_image_model;
    void *workspace = lathe_aligned_alloc(m->alignment, m->workspace_bytes);
    float *x = calloc((size_t)m->input[0].count, sizeof *x);
    float *y = calloc((size_t)m->output[0].count, sizeof *y);
    CHECK(workspace && x && y);
    m->predict(w, workspace, 1, (const float *const[]){x}, (float *const[]){y});
    free(workspace);
    free(x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lathe_weights w;
    uint8_t *image = lathe_aligned_alloc(64, size);
    CHECK(image);
    memcpy(image, data, size);
    if (weights_image_weights_open(&w, image, size) == LATHE_OK) {
        int code = weights_image_weights_verify(&w);
        CHECK(code == LATHE_OK || code == LATHE_E_CHECKSUM);
        predict(&w);
    }
    free(image);
    return 0;
}
