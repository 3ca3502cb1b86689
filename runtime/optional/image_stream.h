/* Images in files as a stream of samples, whatever the files are: a list of where each image lies,
 * in a spool, and a function that fetches one. */
#ifndef LATHE_RUNTIME_IMAGE_STREAM_H
#define LATHE_RUNTIME_IMAGE_STREAM_H

#include "../dataset.h"
#include "spool.h"

/* Where an image lies; what all but the label mean is the fetching function's. */
typedef struct lathe_image_place {
    uint64_t at;
    uint32_t size, file, number;
    int32_t label;
} lathe_image_place;

typedef struct lathe_image_list {
    lathe_spool spool;
    int64_t count;
} lathe_image_list;

bool lathe_image_list_open(lathe_image_list *l, lathe_error *e);
bool lathe_image_list_add(lathe_image_list *l, lathe_image_place place, lathe_error *e);

/* What a format knows of its images. `fetch` reads the bytes of one, to be freed, and finds the
 * name that messages give it; it may be called from several threads at once. */
typedef struct lathe_image_source {
    bool (*fetch)(const void *context, const lathe_image_place *p, unsigned char **bytes,
                  size_t *size, char *name, size_t room, lathe_error *e);
    void (*close)(void *context);
    void *context;
} lathe_image_source;

enum { LATHE_IMAGE_NAME = 400 }; /* bytes of such a name, at most */

/* Makes samples of the list: a stream, or in memory. They are mixed once, in groups of `group`
 * neighbours, so that the last part of a training set, which may validate, has all classes. Takes
 * over the list and the source's context, also when it fails. */
bool lathe_image_samples(lathe_samples *s, lathe_image_list *l, const lathe_image_source *source,
                         const lathe_data_request *r, int classes, int64_t group, lathe_error *e);

/* Whether the request's sizes are those of an image. */
bool lathe_image_request(const lathe_data_request *r, lathe_error *e);

#endif
