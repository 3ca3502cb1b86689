/* A JPEG or PNG image, in colours and in grey, whole and reduced while it is read. What was read is
 * the same after it was written as PNG. */
#include "../../runtime/optional/image.h"
#include "fuzz.h"

#include <string.h>

enum { MOST_WRITTEN = 1 << 12 };

static void write_and_read(const lathe_image *image, const char *path) {
    lathe_image again;
    lathe_error e = {""};
    size_t bytes = (size_t)image->height * (size_t)image->width * (size_t)image->channels;
    if (bytes > MOST_WRITTEN) return;
    CHECK(lathe_png_write(path, image, &e) && lathe_image_load(path, image->channels, &again, &e));
    CHECK(!memcmp(image->pixel, again.pixel, bytes));
    lathe_image_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_image image;
    lathe_error e = {""};
    if (lathe_image_decode(path, data, size, 3, 4, 4, &image, &e)) lathe_image_free(&image);
    for (int channels = 1; channels <= 3; channels += 2) {
        write_bytes(path, data, size);
        bool ok = lathe_image_load(path, channels, &image, &e);
        CHECK(ok ? image.channels == channels : e.text[0] && !image.pixel);
        if (ok) write_and_read(&image, path);
        lathe_image_free(&image);
    }
    unlink(path);
    return 0;
}
