/* Predictions that are pictures themselves: a photograph beside what the model makes of it. */
#include "../support/utf8.h"
#include "predict.h"

#include <stdlib.h>
#include <string.h>

enum { GAP = 8 }; /* white pixels between two pictures */

/* A picture in rows of 1 or 3 numbers a pixel: bytes or floats of 0 to 1. */
typedef struct {
    int height, width, channels;
    const uint8_t *bytes; /* NULL: floats */
    const float *floats;
} Picture;

static bool is_picture(const lathe_value *v) {
    return v->rank == 3 && (v->dim[2] == 1 || v->dim[2] == 3) && v->dim[0] <= LATHE_MAX_SIDE &&
           v->dim[1] <= LATHE_MAX_SIDE;
}

static Picture picture_of(const lathe_value *v, const uint8_t *bytes, const float *floats) {
    return (Picture){(int)v->dim[0], (int)v->dim[1], (int)v->dim[2], bytes, floats};
}

/* Not a number becomes black. */
static uint8_t to_byte(float x) {
    return (uint8_t)(x >= 1.0f ? 255.0f : x > 0.0f ? x * 255.0f + 0.5f : 0.0f);
}

static void draw(lathe_image *im, int left, const Picture *p) {
    for (int y = 0; y < p->height; y++) {
        uint8_t *to = im->pixel + 3 * ((size_t)y * (size_t)im->width + (size_t)left);
        for (int x = 0; x < p->width; x++) {
            size_t at = (size_t)(y * p->width + x) * (size_t)p->channels;
            for (int c = 0; c < 3; c++) {
                size_t k = at + (size_t)(p->channels == 3 ? c : 0);
                *to++ = p->bytes ? p->bytes[k] : to_byte(p->floats[k]);
            }
        }
    }
}

static bool draw_row(const Picture *p, int n, lathe_image *im, lathe_error *e) {
    int height = 0;
    int64_t width = 0;
    for (int i = 0; i < n; i++) {
        if (p[i].height > height) height = p[i].height;
        width += p[i].width + (i ? GAP : 0);
    }
    if (width > LATHE_MAX_SIDE)
        return lathe_fail(e, "%d pictures side by side are %lld pixels wide (at most %d)", n,
                          (long long)width, LATHE_MAX_SIDE);
    if (!lathe_image_alloc(im, height, (int)width, 3, e)) return false;
    memset(im->pixel, 255, (size_t)height * (size_t)width * 3);
    for (int i = 0, left = 0; i < n; left += p[i++].width + GAP) draw(im, left, &p[i]);
    return true;
}

static bool write_row(const Picture *p, int n, const char *path) {
    lathe_error e;
    lathe_image image = {0};
    bool ok = draw_row(p, n, &image, &e) && lathe_png_write(path, &image, &e);
    lathe_image_free(&image);
    if (!ok) return user_error("%s", e.text), false;
    return true;
}

/* Runs the model on the photograph and draws all outputs that are pictures. */
static bool draw_outputs(const PredictJob *j, const uint8_t *pixels, const char *path) {
    const lathe_model *m = j->native.model;
    Picture *p = ARENA_ARRAY(j->module->arena, Picture, (size_t)m->outputs + 1);
    const void *input[] = {pixels};
    int n = 0;
    float **out = predict_run(j, 1, input, true);
    if (!out) return false;
    p[n++] = picture_of(&m->input[0], pixels, NULL);
    for (int i = 0; i < m->outputs; i++)
        if (is_picture(&m->output[i])) p[n++] = picture_of(&m->output[i], NULL, out[i]);
    bool ok = write_row(p, n, path);
    for (int i = 0; i < m->outputs; i++) free(out[i]);
    free(out);
    if (!ok) return false;
    printf("drew %s: the photograph", path);
    for (int i = 0; i < m->outputs; i++)
        if (is_picture(&m->output[i])) {
            printf(", ");
            utf8_print_name(m->output[i].name, 0);
        }
    printf("\n");
    return true;
}

int predict_picture(const PredictJob *j, const char *photograph, const char *path) {
    const lathe_model *m = j->native.model;
    lathe_scaling scaling;
    int pictures = 0;
    for (int i = 0; i < m->outputs; i++) pictures += is_picture(&m->output[i]);
    if (!takes_images(j) || !pictures)
        return user_error("--output %s: the model has no output that is an image", path);
    if (!scaling_options(j, &scaling)) return 1;
    uint8_t *pixels = malloc((size_t)m->input[0].count);
    bool ok = pixels != NULL;
    if (!ok) user_error("out of memory for an image");
    ok = ok && load_image(j, &scaling, photograph, pixels, NULL) && draw_outputs(j, pixels, path);
    free(pixels);
    return ok ? 0 : 1;
}
