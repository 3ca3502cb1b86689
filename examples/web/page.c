/* The network in the page: what index.html calls. `build` writes digits.c and compiles both. */
#include "digits.c"

static float picture[DIGITS_INPUT_COUNT], probability[DIGITS_OUTPUT_COUNT];
static _Alignas(64) unsigned char workspace[DIGITS_WORKSPACE_BYTES];
static digits_weights weights;

/* Where the page writes 28 x 28 numbers from 0 to 1, row by row, and reads ten probabilities. */
__attribute__((export_name("picture"))) float *page_picture(void) { return picture; }
__attribute__((export_name("probability"))) float *page_probability(void) { return probability; }

/* Comes first: LATHE_OK where the network computes what lathe stored with it. */
__attribute__((export_name("open"))) int page_open(void) {
    int error = digits_weights_open(&weights, digits_model.embedded_weights, DIGITS_WEIGHTS_BYTES);
    return error != LATHE_OK ? error : digits_self_test(&weights, NULL, workspace);
}

__attribute__((export_name("predict"))) void page_predict(void) {
    digits_predict(&weights, workspace, 1, picture, probability);
}
