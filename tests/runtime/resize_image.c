/* resize_image IN.png FILTER HEIGHT WIDTH SHORTER OUT: scales an image and writes its bytes, for
 * comparison with Pillow. */
#include "../../runtime/optional/image.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    lathe_error e;
    lathe_image image;
    if (argc != 7) return 2;
    lathe_scaling s = {atoi(argv[3]), atoi(argv[4]), lathe_filter_find(argv[2]), atoi(argv[5])};
    size_t size = (size_t)s.height * (size_t)s.width * 3;
    uint8_t *out = malloc(size);
    FILE *f = fopen(argv[6], "wb");
    bool ok = out && f && lathe_image_load(argv[1], 3, &image, &e) &&
              lathe_image_scale(&image, &s, out, &e) && fwrite(out, 1, size, f) == size;
    if (!ok || fclose(f)) return fprintf(stderr, "resize_image: %s\n", e.text), 1;
    lathe_image_free(&image);
    free(out);
    return 0;
}
