#include "images.h"

#include "jail.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHARED_SIZE ((size_t)JAIL_IMAGE_SHARED)

/* After an image of so many bytes, or so many seconds, a child makes place for a new one: its
 * shared memory is never given back otherwise, and its time is limited. */
enum { MOST_KEPT = 1 << 25, MOST_SECONDS = 300 };

typedef struct Decoder {
    Jail *jail;
    unsigned char *shared;
    struct Decoder *next;
} Decoder;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Decoder *idle; /* children that wait for work */

/* ---- children ---- */

static void end(Decoder *d) {
    jail_close(d->jail);
    if (d->shared != MAP_FAILED) munmap(d->shared, SHARED_SIZE);
    free(d);
}

static Decoder *start(lathe_error *e) {
    JailFiles files = {-1, memfd_create("image", MFD_CLOEXEC), 0, SHARED_SIZE};
    Decoder *d = calloc(1, sizeof *d);
    bool ok = d && files.shared >= 0 && ftruncate(files.shared, (off_t)SHARED_SIZE) == 0;
    if (ok) {
        d->shared = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, files.shared, 0);
        ok = d->shared != MAP_FAILED;
    }
    if (!ok) lathe_fail(e, "no memory to share with lathe-parse: %s", strerror(errno));
    if (ok) d->jail = jail_start(&files, e);
    if (files.shared >= 0) close(files.shared);
    if (d && d->jail) return d;
    if (ok)
        end(d);
    else
        free(d);
    return NULL;
}

static Decoder *take(lathe_error *e) {
    pthread_mutex_lock(&lock);
    Decoder *d = idle;
    if (d) idle = d->next;
    pthread_mutex_unlock(&lock);
    return d ? d : start(e);
}

static void give_back(Decoder *d) {
    pthread_mutex_lock(&lock);
    d->next = idle;
    idle = d;
    pthread_mutex_unlock(&lock);
}

/* ---- an image ---- */

static bool read_pixels(const Decoder *d, lathe_image *image, int channels, lathe_error *e) {
    int64_t height, width;
    lathe_error why;
    Wire *w = &d->jail->wire;
    if (!wire_get_number(w, LATHE_MAX_SIDE, &height) || !wire_get_number(w, LATHE_MAX_SIDE, &width))
        return jail_damaged(d->jail, e);
    if (!lathe_image_check((int)height, (int)width, &why))
        return lathe_fail(e, ": %.500s", why.text);
    size_t size = (size_t)height * (size_t)width * (size_t)channels;
    *image = (lathe_image){(int)height, (int)width, channels, malloc(size)};
    if (!image->pixel) return lathe_fail(e, ": out of memory for %zu bytes", size);
    memcpy(image->pixel, d->shared + JAIL_IMAGE_PIXELS, size);
    return true;
}

static bool decode(const Decoder *d, const unsigned char *bytes, const JailImage *r,
                   lathe_image *image, lathe_error *e) {
    memcpy(d->shared, bytes, (size_t)r->size);
    jail_ask(d->jail, JAIL_IMAGE, NULL, "its library", LATHE_MAX_PIXELS);
    wire_put(&d->jail->wire, r, sizeof *r);
    return jail_answer(d->jail, e) && read_pixels(d, image, (int)r->channels, e);
}

bool jail_image_decode(const char *path, const unsigned char *bytes, size_t size, int channels,
                       int least_height, int least_width, lathe_image *image, lathe_error *e) {
    const JailImage r = {size, channels, least_height, least_width};
    lathe_error why;
    *image = (lathe_image){0};
    if (size > JAIL_IMAGE_PIXELS) return lathe_fail(e, "%s: the file is too large", path);
    Decoder *d = take(&why);
    if (!d) return lathe_fail(e, "%s: %.900s", path, why.text);
    bool ok = decode(d, bytes, &r, image, &why), broken = d->jail->broken;
    size_t used = size + (size_t)image->height * (size_t)image->width * (size_t)channels;
    if (broken || used > MOST_KEPT || d->jail->used > MOST_SECONDS)
        end(d);
    else
        give_back(d);
    return ok || lathe_fail(e, "%s%s%.900s", path, broken ? ": " : "", why.text);
}
