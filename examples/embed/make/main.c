/* Reads a drawing of 8 lines of 8 characters, '#' or another, and says which way its stripes run.
 */
#include "stripes.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 8 };

static int read_drawing(float drawing[STRIPES_INPUT_COUNT]) {
    char line[80];
    for (int y = 0; y < SIDE; y++) {
        if (!fgets(line, sizeof line, stdin)) return 0;
        for (int x = 0; x < SIDE; x++) {
            if (line[x] == '\n' || line[x] == 0) return 0;
            drawing[y * SIDE + x] = line[x] == '#' ? 1.0f : 0.0f;
        }
    }
    return 1;
}

int main(void) {
    stripes_weights weights;
    float drawing[STRIPES_INPUT_COUNT], p[STRIPES_OUTPUT_COUNT];
    if (!read_drawing(drawing)) {
        fputs("tell: this is no drawing of 8 lines of 8 characters\n", stderr);
        return 1;
    }
    void *workspace = aligned_alloc(STRIPES_ALIGNMENT, STRIPES_WORKSPACE_BYTES);
    if (!workspace || stripes_weights_open(&weights, stripes_model.embedded_weights,
                                           STRIPES_WEIGHTS_BYTES) != LATHE_OK) {
        fputs("tell: no memory, or other weights\n", stderr);
        return 1;
    }
    stripes_predict(&weights, workspace, 1, drawing, p);
    puts(p[0] > p[1] ? "horizontal" : "vertical");
    free(workspace);
    return 0;
}
