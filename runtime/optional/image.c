/* What all image formats share. */
#include "image.h"

#include "../files.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_IMAGE_FILE = 1 << 28 };

bool lathe_image_is_name(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && !strcmp(name + n - m, endings[i])) return true;
    }
    return false;
}

bool lathe_image_alloc(lathe_image *image, int height, int width, int channels, lathe_error *e) {
    *image = (lathe_image){height, width, channels, NULL};
    if (height < 1 || width < 1 || height > LATHE_MAX_SIDE || width > LATHE_MAX_SIDE)
        return lathe_fail(e, "an image of %d x %d pixels is not accepted (at most %d)", width,
                          height, LATHE_MAX_SIDE);
    image->pixel = calloc((size_t)height * (size_t)width, (size_t)channels);
    return image->pixel || lathe_fail(e, "out of memory for an image of %d x %d", width, height);
}

void lathe_image_free(lathe_image *image) {
    free(image->pixel);
    *image = (lathe_image){0};
}

bool lathe_image_load(const char *path, int channels, lathe_image *image, lathe_error *e) {
    unsigned char *bytes;
    size_t size;
    bool ok;
    *image = (lathe_image){0};
    if (channels != 1 && channels != 3)
        return lathe_fail(e, "%s: images have 1 or 3 channels, the model's input has %d", path,
                          channels);
    if (!lathe_read_file(path, MAX_IMAGE_FILE, &bytes, &size, e)) return false;
    if (size > 3 && !memcmp(bytes, "\xff\xd8\xff", 3))
        ok = lathe_jpeg_decode(path, bytes, size, channels, image, e);
    else if (size > 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8))
        ok = lathe_png_decode(path, bytes, size, channels, image, e);
    else
        ok = lathe_fail(e, "%s: neither a JPEG nor a PNG image", path);
    free(bytes);
    if (!ok) lathe_image_free(image);
    return ok;
}

/* Where output position i of n falls among m source positions: the two neighbours and the weight of
 * the second. */
static void neighbours(int i, int n, int m, int *first, int *second, float *weight) {
    float x = ((float)i + 0.5f) * (float)m / (float)n - 0.5f;
    if (x < 0.0f) x = 0.0f;
    *first = (int)x;
    if (*first > m - 1) *first = m - 1;
    *second = *first < m - 1 ? *first + 1 : *first;
    *weight = x - (float)*first;
}

void lathe_image_resize(const lathe_image *im, int height, int width, uint8_t *out) {
    int C = im->channels;
    for (int y = 0; y < height; y++) {
        int y0, y1;
        float wy;
        neighbours(y, height, im->height, &y0, &y1, &wy);
        const uint8_t *top = im->pixel + (size_t)y0 * (size_t)im->width * (size_t)C;
        const uint8_t *bottom = im->pixel + (size_t)y1 * (size_t)im->width * (size_t)C;
        for (int x = 0; x < width; x++) {
            int x0, x1;
            float wx;
            neighbours(x, width, im->width, &x0, &x1, &wx);
            for (int c = 0; c < C; c++) {
                float a = (1.0f - wx) * top[x0 * C + c] + wx * top[x1 * C + c];
                float b = (1.0f - wx) * bottom[x0 * C + c] + wx * bottom[x1 * C + c];
                *out++ = (uint8_t)((1.0f - wy) * a + wy * b + 0.5f);
            }
        }
    }
}
