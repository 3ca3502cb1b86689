/* PNG through libpng's simplified interface. */
#include "image.h"

#include "../files.h"

#include <png.h>
#include <string.h>

bool lathe_png_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                      lathe_image *image, lathe_error *e) {
    png_image png;
    lathe_error why;
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&png, bytes, size))
        return lathe_fail(e, "%s: damaged PNG image: %s", path, png.message);
    png.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    if (!lathe_image_alloc(image, (int)png.height, (int)png.width, channels, &why)) {
        png_image_free(&png);
        return lathe_fail(e, "%s: %.400s", path, why.text);
    }
    /* transparent pixels are laid over black, which the buffer holds */
    if (png_image_finish_read(&png, NULL, image->pixel, 0, NULL) && !png.warning_or_error)
        return true;
    png_image_free(&png);
    return lathe_fail(e, "%s: damaged PNG image: %s", path, png.message);
}

bool lathe_png_write(const char *path, const lathe_image *image, lathe_error *e) {
    png_image png;
    memset(&png, 0, sizeof png);
    png.version = PNG_IMAGE_VERSION;
    png.width = (png_uint_32)image->width;
    png.height = (png_uint_32)image->height;
    png.format = image->channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
    lathe_output o;
    if (!lathe_output_open(&o, path, e)) return false;
    if (!png_image_write_to_stdio(&png, o.file, 0, image->pixel, 0, NULL)) {
        lathe_output_discard(&o);
        return lathe_fail(e, "cannot write %s: %s", path, png.message);
    }
    return lathe_output_commit(&o, e);
}
