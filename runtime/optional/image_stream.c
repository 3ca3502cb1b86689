/* From a list of images to samples. */
#include "image_stream.h"

#include "../feed.h"
#include "../reader.h"
#include "image.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    lathe_image_list list;
    lathe_image_source source;
    lathe_scaling scaling;
    int channels;
    int64_t group;
} Images;

bool lathe_image_list_open(lathe_image_list *l, lathe_error *e) {
    l->count = 0;
    return lathe_spool_open(&l->spool, e);
}

bool lathe_image_list_add(lathe_image_list *l, lathe_image_place place, lathe_error *e) {
    l->count++;
    if (l->count > INT32_MAX) return lathe_fail(e, "more than %d images", INT32_MAX);
    return lathe_spool_append(&l->spool, &place, sizeof place, e);
}

bool lathe_image_request(const lathe_data_request *r, lathe_error *e) {
    return (r->height >= 1 && r->width >= 1 && r->height <= LATHE_MAX_SIDE &&
            r->width <= LATHE_MAX_SIDE && (r->channels == 1 || r->channels == 3)) ||
           lathe_fail(e, "%s: images do not fit a model whose input is no image of 1 or 3 channels",
                      r->path);
}

/* Decodes no more than the scaling can use: a JPEG image that is many times larger comes out of its
 * decoder smaller. Twice the pixels a side that are wanted are as good as all (Pillow's thumbnail
 * does the same). */
static bool decode(const Images *m, const char *name, const unsigned char *bytes, size_t size,
                   uint8_t *pixels, lathe_error *e) {
    lathe_image image;
    lathe_error why;
    if (!lathe_image_decode(name, bytes, size, m->channels, 2 * m->scaling.height,
                            2 * m->scaling.width, &image, e))
        return false;
    bool ok = lathe_image_scale(&image, &m->scaling, pixels, &why);
    lathe_image_free(&image);
    return ok || lathe_fail(e, "%s: %.500s", name, why.text);
}

static bool read_image(void *context, int64_t sample, uint8_t *pixels, int32_t *index,
                       lathe_error *e) {
    const Images *m = context;
    lathe_image_place place;
    unsigned char *bytes;
    size_t size;
    char name[LATHE_IMAGE_NAME];
    int64_t at = lathe_permute_groups(sample, m->list.count, m->group, 0, UINT32_MAX);
    if (!lathe_spool_read(&m->list.spool, (uint64_t)at * sizeof place, &place, sizeof place, e) ||
        !m->source.fetch(m->source.context, &place, &bytes, &size, name, sizeof name, e))
        return false;
    *index = place.label;
    bool ok = decode(m, name, bytes, size, pixels, e);
    free(bytes);
    return ok;
}

static void close_images(void *context) {
    Images *m = context;
    m->source.close(m->source.context);
    lathe_spool_close(&m->list.spool);
    free(m);
}

static lathe_stream *open_stream(lathe_image_list *l, const lathe_image_source *source,
                                 const lathe_data_request *r, int classes, int64_t group) {
    Images *m = malloc(sizeof *m);
    lathe_stream *stream = malloc(sizeof *stream);
    if (!m || !stream) {
        source->close(source->context);
        lathe_spool_close(&l->spool);
        free(m);
        free(stream);
        return NULL;
    }
    *m = (Images){.list = *l,
                  .source = *source,
                  .scaling = {(int)r->height, (int)r->width, LATHE_BILINEAR, 0},
                  .channels = (int)r->channels,
                  .group = group};
    *stream = (lathe_stream){.count = l->count,
                             .window = r->window ? r->window : LATHE_WINDOW,
                             .classes = classes,
                             .read = read_image,
                             .close = close_images,
                             .context = m};
    return stream;
}

bool lathe_image_samples(lathe_samples *s, lathe_image_list *l, const lathe_image_source *source,
                         const lathe_data_request *r, int classes, int64_t group, lathe_error *e) {
    int64_t all;
    *s = (lathe_samples){.count = l->count, .rank = 3, .dim = {r->height, r->width, r->channels}};
    s->size = r->height * r->width * r->channels;
    s->stream = open_stream(l, source, r, classes, group);
    bool ok = s->stream ? lathe_spool_flush(&l->spool, e) : lathe_fail(e, "out of memory");
    bool fits = !r->window && lathe_multiply(s->count, s->size, LATHE_MEMORY, &all);
    ok = ok && (!fits || lathe_samples_read(s, s->count, 0, e));
    if (!ok) lathe_samples_free(s);
    return ok;
}
