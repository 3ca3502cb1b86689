/* Asks the network of ../stripes.py which way the stripes of two pictures run. The weights are in
 * the library, and a network this small needs no memory but a few kilobytes that may be static. */
#include "stripes.h"

#include <stdalign.h>
#include <stdio.h>

enum { SIDE = 8, HORIZONTAL = 0, VERTICAL = 1 };

static const char *const name[] = {"horizontal", "vertical"};

/* Draws stripes two pixels wide: 255 is white, 0 black. */
static void draw(int direction, unsigned char picture[SIDE * SIDE]) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            picture[y * SIDE + x] = (direction == HORIZONTAL ? y : x) / 2 % 2 ? 255 : 0;
}

int main(void) {
    static alignas(STRIPES_ALIGNMENT) unsigned char workspace[STRIPES_WORKSPACE_BYTES];
    stripes_weights weights;
    int wrong = 0;
    if (stripes_weights_open(&weights, stripes_model.embedded_weights, STRIPES_WEIGHTS_BYTES) !=
        LATHE_OK) {
        fputs("tell: the weights are not those of this network\n", stderr);
        return 1;
    }
    for (int drawn = HORIZONTAL; drawn <= VERTICAL; drawn++) {
        unsigned char picture[SIDE * SIDE];
        float p[STRIPES_OUTPUT_COUNT];
        draw(drawn, picture);
        stripes_predict_u8(&weights, workspace, 1, picture, p);
        int told = p[VERTICAL] > p[HORIZONTAL];
        printf("drawn %s, told %s (%.3f)\n", name[drawn], name[told], (double)p[told]);
        wrong += told != drawn;
    }
    return wrong != 0;
}
