/* Images: reading JPEG and PNG, scaling, writing PNG. */
#ifndef LATHE_RUNTIME_IMAGE_H
#define LATHE_RUNTIME_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "../../templates/resize.h.in"
#include "../error.h"

/* A small file can claim any size, and decoding takes memory and time for all of it. */
enum { LATHE_MAX_SIDE = 16384, LATHE_MAX_PIXELS = 1 << 26 };

/* Rows of interleaved pixels; channels 1 (grey) or 3 (red, green, blue). */
typedef struct lathe_image {
    int height, width, channels;
    uint8_t *pixel;
} lathe_image;

enum { LATHE_MAX_IMAGE_FILE = 1 << 28 };

/* Reads a JPEG or PNG file, converted to `channels`; free it with lathe_image_free. */
bool lathe_image_load(const char *path, int channels, lathe_image *image, lathe_error *e);
/* The same for a file's bytes; `path` is for messages. A JPEG image may come out smaller, by a
 * half, a quarter or an eighth, as long as it keeps least_height x least_width pixels (0: it never
 * does). May be called from several threads at once. */
typedef bool lathe_image_decoder(const char *path, const unsigned char *bytes, size_t size,
                                 int channels, int least_height, int least_width,
                                 lathe_image *image, lathe_error *e);
/* Libraries in this process, unless a program has something safer; to be set before the first image
 * is read. */
extern lathe_image_decoder *lathe_image_decode;
lathe_image_decoder lathe_image_decode_here;
bool lathe_image_is_name(const char *name); /* ends in .jpg, .jpeg or .png */
/* Whether an image of this size is accepted. */
bool lathe_image_check(int height, int width, lathe_error *e);
/* Zeroed pixels. */
bool lathe_image_alloc(lathe_image *image, int height, int width, int channels, lathe_error *e);
void lathe_image_free(lathe_image *image);
/* For a program that holds one image at a time: memory for the pixels of any, in place of the
 * heap's. */
extern uint8_t *lathe_image_memory;

/* How an image becomes height x width pixels: by a filter of templates/resize.h.in, as a whole, or
 * with shorter > 0 so that its shorter side gets that many pixels, of which the middle is kept. */
typedef struct lathe_scaling {
    int height, width, filter, shorter;
} lathe_scaling;

/* "nearest", "box", "bilinear", "hamming", "bicubic", "lanczos": the number of the filter, or -1.
 */
int lathe_filter_find(const char *name);
/* Scales as Pillow and Keras's load_img do, into height x width x image->channels bytes. */
bool lathe_image_scale(const lathe_image *image, const lathe_scaling *s, uint8_t *out,
                       lathe_error *e);
bool lathe_png_write(const char *path, const lathe_image *image, lathe_error *e);

/* The decoders; `path` is for messages. */
bool lathe_jpeg_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                       int least_height, int least_width, lathe_image *image, lathe_error *e);
bool lathe_png_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                      lathe_image *image, lathe_error *e);

#endif
