/* Drawing the grid. */
#include "grid.h"

#include <stdio.h>
#include <string.h>

enum { WANTED_SIDE = 128, MARGIN = 8, LETTER = 2, LINE = (LATHE_GLYPH_HEIGHT + 2) * LETTER };

typedef struct {
    uint8_t rgb[3];
} Colour;

static const Colour right = {{0, 110, 40}}, wrong = {{200, 20, 20}};

static void fill(lathe_image *im, int y, int x, int height, int width, Colour c) {
    for (int i = y < 0 ? 0 : y; i < y + height && i < im->height; i++) {
        for (int j = x < 0 ? 0 : x; j < x + width && j < im->width; j++)
            memcpy(im->pixel + 3 * ((size_t)i * (size_t)im->width + (size_t)j), c.rgb, 3);
    }
}

/* Text from (y, x) on, at most `room` pixels wide; smaller where it would not fit. */
static void draw_text(lathe_image *im, int y, int x, int room, const char *text, Colour c) {
    int step = LATHE_GLYPH_WIDTH + 1;
    int dot = (int)strlen(text) * step * LETTER - LETTER <= room ? LETTER : 1;
    for (int end = x + room; *text && x + LATHE_GLYPH_WIDTH * dot <= end; text++, x += step * dot) {
        const uint8_t *row = lathe_glyph(*text);
        for (int i = 0; i < LATHE_GLYPH_HEIGHT; i++) {
            for (int j = 0; j < LATHE_GLYPH_WIDTH; j++) {
                if (row[i] >> (LATHE_GLYPH_WIDTH - 1 - j) & 1)
                    fill(im, y + i * dot, x + j * dot, dot, dot, c);
            }
        }
    }
}

/* Every pixel becomes a square of `scale` pixels. */
static void draw_image(lathe_image *im, int y, int x, const uint8_t *pixel, int height, int width,
                       int channels, int scale) {
    for (int i = 0; i < height; i++) {
        for (int j = 0; j < width; j++) {
            const uint8_t *p = pixel + ((size_t)i * width + j) * channels;
            Colour c = {{p[0], p[channels == 3 ? 1 : 0], p[channels == 3 ? 2 : 0]}};
            fill(im, y + i * scale, x + j * scale, scale, scale, c);
        }
    }
}

static void draw_caption(lathe_image *im, int y, int x, int room, const lathe_grid_cell *cell) {
    bool same = strcmp(cell->predicted, cell->truth) == 0;
    draw_text(im, y, x, room, cell->predicted, same ? right : wrong);
    if (same) return;
    char truth[80];
    snprintf(truth, sizeof truth, "(%.70s)", cell->truth);
    draw_text(im, y + LINE, x, room, truth, wrong);
}

bool lathe_grid_draw(const lathe_grid_cell *cell, int count, int height, int width, int channels,
                     lathe_image *out, lathe_error *e) {
    int columns = 1, scale = width < WANTED_SIDE ? WANTED_SIDE / width : 1;
    while (columns * columns < count) columns++;
    int rows = (count + columns - 1) / columns;
    int cell_width = width * scale + MARGIN, cell_height = height * scale + MARGIN + 2 * LINE;
    if (count > 10000 || height > LATHE_MAX_SIDE || width > LATHE_MAX_SIDE ||
        columns > LATHE_MAX_SIDE / cell_width || rows > LATHE_MAX_SIDE / cell_height)
        return lathe_fail(e, "a grid of %d images of %d x %d pixels is too large", count, width,
                          height);
    if (!lathe_image_alloc(out, rows * cell_height + MARGIN, columns * cell_width + MARGIN, 3, e))
        return false;
    memset(out->pixel, 255, (size_t)out->height * (size_t)out->width * 3);
    for (int i = 0; i < count; i++) {
        int y = MARGIN + i / columns * cell_height, x = MARGIN + i % columns * cell_width;
        if (strcmp(cell[i].predicted, cell[i].truth) != 0)
            fill(out, y - 3, x - 3, height * scale + 6, width * scale + 6, wrong);
        draw_image(out, y, x, cell[i].pixel, height, width, channels, scale);
        draw_caption(out, y + height * scale + LETTER * 2, x, width * scale, &cell[i]);
    }
    return true;
}
