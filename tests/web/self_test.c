/* The self-test of any network, trained or not, in one C file: exit status LATHE_OK where this
 * build computes what lathe's interpreter did when the file was written. MODEL is the name of the
 * network's table. */
#include "lathe_abi.h"

#include <stdlib.h>

extern const lathe_model MODEL;

static void *memory(size_t bytes) {
    void *p = aligned_alloc(MODEL.alignment,
                            (bytes + MODEL.alignment - 1) / MODEL.alignment * MODEL.alignment);
    if (!p) exit(99);
    return p;
}

int main(void) {
    void *workspace = memory(MODEL.workspace_bytes);
    if (MODEL.state_bytes) return MODEL.self_test(NULL, memory(MODEL.state_bytes), workspace);
    lathe_weights weights;
    int error = MODEL.weights_open(&weights, MODEL.embedded_weights, MODEL.weights_bytes);
    return error != LATHE_OK ? error : MODEL.self_test(&weights, NULL, workspace);
}
