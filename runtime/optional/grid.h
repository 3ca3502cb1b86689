/* A picture of many small images with a caption below each. */
#ifndef LATHE_RUNTIME_GRID_H
#define LATHE_RUNTIME_GRID_H

#include "image.h"

enum { LATHE_GLYPH_WIDTH = 5, LATHE_GLYPH_HEIGHT = 7 };

/* The LATHE_GLYPH_HEIGHT rows of a character; a box where the font does not have it. */
const uint8_t *lathe_glyph(char character);

typedef struct lathe_grid_cell {
    const uint8_t *pixel;          /* height x width x channels */
    const char *predicted, *truth; /* equal texts: right, in green; else both are shown, in red */
} lathe_grid_cell;

/* Draws `count` cells of one size, row by row in a square as near as can be. */
bool lathe_grid_draw(const lathe_grid_cell *cell, int count, int height, int width, int channels,
                     lathe_image *out, lathe_error *e);

#endif
