/* JPEG and PNG images. */
#include "../../runtime/optional/image.h"

#include "parse.h"

#include <sys/mman.h>

/* The same memory for all images; NULL if it cannot be had. */
static unsigned char *map_shared(Parse *p) {
    if (!p->shared && p->hello.shared >= JAIL_IMAGE_SHARED) {
        void *at =
            mmap(NULL, (size_t)p->hello.shared, PROT_READ | PROT_WRITE, MAP_SHARED, JAIL_SHARED, 0);
        if (at != MAP_FAILED) p->shared = at;
    }
    return p->shared;
}

bool serve_image(Parse *p) {
    JailImage r;
    lathe_image image;
    lathe_error e;
    if (!wire_get(&p->wire, &r, sizeof r)) return false;
    unsigned char *shared = map_shared(p);
    if (!shared || r.size > JAIL_IMAGE_PIXELS) return false;
    lathe_image_memory = shared + JAIL_IMAGE_PIXELS;
    if (!lathe_image_decode_here("", shared, (size_t)r.size, (int)r.channels, (int)r.least_height,
                                 (int)r.least_width, &image, &e))
        return put_error(p, e.text);
    return put_data(p) && wire_put_number(&p->wire, image.height) &&
           wire_put_number(&p->wire, image.width);
}
