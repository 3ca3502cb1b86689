/* What all image formats share. */
#include "image.h"

#include "../files.h"

#include <stdlib.h>
#include <string.h>

bool lathe_image_is_name(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t m = strlen(endings[i]);
        if (n > m && !strcmp(name + n - m, endings[i])) return true;
    }
    return false;
}

bool lathe_image_check(int height, int width, lathe_error *e) {
    if (height < 1 || width < 1 || height > LATHE_MAX_SIDE || width > LATHE_MAX_SIDE ||
        height > LATHE_MAX_PIXELS / width)
        return lathe_fail(e,
                          "an image of %d x %d pixels is not accepted (at most %d a side, %d in "
                          "all)",
                          width, height, LATHE_MAX_SIDE, LATHE_MAX_PIXELS);
    return true;
}

uint8_t *lathe_image_memory;

bool lathe_image_alloc(lathe_image *image, int height, int width, int channels, lathe_error *e) {
    *image = (lathe_image){height, width, channels, NULL};
    if (!lathe_image_check(height, width, e)) return false;
    size_t pixels = (size_t)height * (size_t)width;
    image->pixel = lathe_image_memory ? memset(lathe_image_memory, 0, pixels * (size_t)channels)
                                      : calloc(pixels, (size_t)channels);
    return image->pixel || lathe_fail(e, "out of memory for an image of %d x %d", width, height);
}

void lathe_image_free(lathe_image *image) {
    if (!lathe_image_memory) free(image->pixel);
    *image = (lathe_image){0};
}

bool lathe_image_decode_here(const char *path, const unsigned char *bytes, size_t size,
                             int channels, int least_height, int least_width, lathe_image *image,
                             lathe_error *e) {
    bool ok;
    *image = (lathe_image){0};
    if (channels != 1 && channels != 3)
        return lathe_fail(e, "%s: images have 1 or 3 channels, the model's input has %d", path,
                          channels);
    if (size > 3 && !memcmp(bytes, "\xff\xd8\xff", 3))
        ok = lathe_jpeg_decode(path, bytes, size, channels, least_height, least_width, image, e);
    else if (size > 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8))
        ok = lathe_png_decode(path, bytes, size, channels, image, e);
    else
        ok = lathe_fail(e, "%s: neither a JPEG nor a PNG image", path);
    if (!ok) lathe_image_free(image);
    return ok;
}

lathe_image_decoder *lathe_image_decode = lathe_image_decode_here;

bool lathe_image_load(const char *path, int channels, lathe_image *image, lathe_error *e) {
    unsigned char *bytes;
    size_t size;
    *image = (lathe_image){0};
    if (!lathe_read_file(path, LATHE_MAX_IMAGE_FILE, &bytes, &size, e)) return false;
    bool ok = lathe_image_decode(path, bytes, size, channels, 0, 0, image, e);
    free(bytes);
    return ok;
}

int lathe_filter_find(const char *name) {
    static const char *const names[] = {"nearest", "box",     "bilinear",
                                        "hamming", "bicubic", "lanczos"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (!strcmp(name, names[i])) return i;
    return -1;
}

bool lathe_image_scale(const lathe_image *im, const lathe_scaling *s, uint8_t *out,
                       lathe_error *e) {
    lathe_axis axis[2] = {{0}, {0}};
    if (!lathe_resize_plan(im->height, im->width, s->height, s->width, s->shorter, axis))
        return lathe_fail(e, "the middle %d x %d pixels do not fit into an image of %d x %d",
                          s->height, s->width, axis[0].result, axis[1].result);
    void *scratch = malloc(lathe_resize_scratch(&axis[0], &axis[1], s->filter, im->channels));
    if (!scratch)
        return lathe_fail(e, "out of memory to scale %d x %d pixels", im->height, im->width);
    lathe_resize(&axis[0], &axis[1], s->filter, im->channels, im->pixel,
                 (ptrdiff_t)im->width * im->channels, out, scratch);
    free(scratch);
    return true;
}
