/* Images: reading JPEG and PNG, scaling, writing PNG. */
#ifndef LATHE_RUNTIME_IMAGE_H
#define LATHE_RUNTIME_IMAGE_H

#include "../error.h"

#include <stddef.h>
#include <stdint.h>

enum { LATHE_MAX_SIDE = 16384 };

/* Rows of interleaved pixels; channels 1 (grey) or 3 (red, green, blue). */
typedef struct lathe_image {
    int height, width, channels;
    uint8_t *pixel;
} lathe_image;

/* Reads a JPEG or PNG file, converted to `channels`; free it with lathe_image_free. */
bool lathe_image_load(const char *path, int channels, lathe_image *image, lathe_error *e);
bool lathe_image_is_name(const char *name); /* ends in .jpg, .jpeg or .png */
/* Zeroed pixels. */
bool lathe_image_alloc(lathe_image *image, int height, int width, int channels, lathe_error *e);
void lathe_image_free(lathe_image *image);
/* Bilinear, with pixel centres at half-integers, into height x width x image->channels bytes. */
void lathe_image_resize(const lathe_image *image, int height, int width, uint8_t *out);
bool lathe_png_write(const char *path, const lathe_image *image, lathe_error *e);

/* The decoders; `path` is for messages. */
bool lathe_jpeg_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                       lathe_image *image, lathe_error *e);
bool lathe_png_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                      lathe_image *image, lathe_error *e);

#endif
