/* Shards: tar archives of images and class numbers, as WebDataset writes them. The files NAME.jpg
 * (.jpeg, .png) and NAME.cls, which stand side by side, are one sample; NAME ends with the first
 * dot behind the last slash; other endings are left out. Shards with "test" or "val" in their names
 * are for testing, or those in folders test/ or val/. classes.txt may have the classes' names, a
 * line each. The order is that of the shards' names, and in each that of its samples. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "formats.h"

#include "../files.h"
#include "../shuffle.h"
#include "image.h"
#include "image_stream.h"
#include "listing.h"
#include "tar.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHARDS = 1000000, MAX_CLASSES = 100000, MAX_LABEL = 16, MAX_NAMES_FILE = 1 << 24 };

/* The shards of one part. */
typedef struct {
    char *folder;
    lathe_names names;
    bool test; /* which of the names in a folder that has both */
} Shards;

static void close_shards(void *context) {
    Shards *s = context;
    if (!s) return;
    free(s->folder);
    lathe_names_free(&s->names);
    free(s);
}

static bool is_tar(const char *name) {
    size_t n = strlen(name);
    return n > 4 && !strcmp(name + n - 4, ".tar");
}

/* Whether a word of the name says so: a word is letters between other characters. */
static bool is_for_testing(const char *name) {
    static const char *const words[] = {"test", "val", "validation"};
    for (const char *p = name; *p;) {
        size_t n = 0;
        while (isalpha((unsigned char)p[n])) n++;
        for (int i = 0; i < 3; i++)
            if (n == strlen(words[i]) && !strncmp(p, words[i], n)) return true;
        p += n ? n : 1;
    }
    return false;
}

/* ---- reading one image ------------------------------------------------------------------------
 */

static bool fetch(const void *context, const lathe_image_place *p, unsigned char **bytes,
                  size_t *size, char *name, size_t room, lathe_error *e) {
    const Shards *s = context;
    lathe_tar t;
    lathe_error why;
    char *path = lathe_join_path(s->folder, s->names.name[p->file]);
    if (!path) return lathe_fail(e, "%s: out of memory", s->folder);
    snprintf(name, room, "%.300s: image %u (at byte %llu)", path, (unsigned)p->number,
             (unsigned long long)p->at);
    *bytes = malloc((size_t)p->size + 1);
    *size = p->size;
    bool ok = *bytes || lathe_fail(&why, "%s: out of memory", path);
    ok = ok && lathe_tar_open(&t, path, &why);
    if (ok) {
        ok = lathe_tar_read(&t, (int64_t)p->at, *bytes, (int64_t)p->size, &why);
        lathe_tar_close(&t);
    }
    if (!ok) lathe_fail(e, "%s: %.500s", name, why.text);
    if (!ok) free(*bytes);
    free(path);
    return ok;
}

/* ---- the list of images -----------------------------------------------------------------------
 */

/* A shard while it is listed, and the sample whose files come now. */
typedef struct {
    lathe_tar tar;
    lathe_image_list *list;
    lathe_image_place place;
    char key[LATHE_TAR_NAME];
    bool image, label;
    int *classes; /* how many there are: one more than the largest number */
} Shard;

static bool finish_sample(Shard *s, lathe_error *e) {
    if (!s->image && !s->label) return true;
    if (!s->image)
        return lathe_fail(e, "%s: %.400s has a .cls file but no .jpg, .jpeg or .png beside it",
                          s->tar.path, s->key);
    if (!s->label)
        return lathe_fail(e, "%s: %.400s has an image but no .cls file beside it", s->tar.path,
                          s->key);
    s->image = s->label = false;
    s->place.number++;
    return lathe_image_list_add(s->list, s->place, e);
}

static bool read_label(Shard *s, const lathe_tar_member *m, lathe_error *e) {
    char text[MAX_LABEL + 1] = "";
    int64_t n = m->size > MAX_LABEL ? 0 : m->size;
    if (!lathe_tar_read(&s->tar, m->at, text, n, e)) return false;
    char *end;
    long v = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : -1;
    while (v >= 0 && isspace((unsigned char)*end)) end++;
    if (v < 0 || v >= MAX_CLASSES || *end)
        return lathe_fail(e, "%s: %.400s is not a class number from 0 to %d", s->tar.path, m->name,
                          MAX_CLASSES - 1);
    if (s->label)
        return lathe_fail(e, "%s: %.400s: a second .cls of one sample", s->tar.path, m->name);
    s->place.label = (int32_t)v;
    s->label = true;
    if (v >= *s->classes) *s->classes = (int)v + 1;
    return true;
}

static bool take_image(Shard *s, const lathe_tar_member *m, lathe_error *e) {
    if (s->image)
        return lathe_fail(e, "%s: %.400s: a second image of one sample", s->tar.path, m->name);
    if (m->size < 1 || m->size > LATHE_MAX_IMAGE_FILE)
        return lathe_fail(e, "%s: %.400s: an image of %lld bytes is not accepted", s->tar.path,
                          m->name, (long long)m->size);
    s->place.at = (uint64_t)m->at;
    s->place.size = (uint32_t)m->size;
    s->image = true;
    return true;
}

static bool take_member(Shard *s, const lathe_tar_member *m, lathe_error *e) {
    const char *slash = strrchr(m->name, '/'), *base = slash ? slash + 1 : m->name;
    const char *dot = strchr(base, '.');
    if (!dot || dot == base) return true;
    size_t n = (size_t)(dot - m->name);
    if (strncmp(s->key, m->name, n) != 0 || s->key[n]) {
        if (!finish_sample(s, e)) return false;
        memcpy(s->key, m->name, n);
        s->key[n] = '\0';
    }
    if (!strcmp(dot, ".cls")) return read_label(s, m, e);
    return !lathe_image_is_name(m->name) || take_image(s, m, e);
}

static bool list_shard(const char *path, uint32_t number, lathe_image_list *list, int *classes,
                       lathe_error *e) {
    lathe_tar_member m;
    Shard s = {.list = list, .place.file = number, .classes = classes};
    if (!lathe_tar_open(&s.tar, path, e)) return false;
    bool ok = true;
    do ok = lathe_tar_next(&s.tar, &m, e) && (!*m.name || take_member(&s, &m, e));
    while (ok && *m.name);
    ok = ok && finish_sample(&s, e);
    if (ok && !s.place.number) ok = lathe_fail(e, "%s: no images with .cls files in it", path);
    lathe_tar_close(&s.tar);
    return ok;
}

static bool list_shards(const Shards *s, lathe_image_list *list, int *classes, lathe_error *e) {
    bool ok = lathe_image_list_open(list, e);
    for (int i = 0; ok && i < s->names.count; i++) {
        char *path = lathe_join_path(s->folder, s->names.name[i]);
        ok = path ? list_shard(path, (uint32_t)i, list, classes, e)
                  : lathe_fail(e, "%s: out of memory", s->folder);
        free(path);
    }
    return ok;
}

/* ---- which shards -----------------------------------------------------------------------------
 */

static bool take_shard(void *context, const char *name, lathe_error *e) {
    Shards *s = context;
    if (is_for_testing(name) != s->test) return true;
    if (s->names.count == MAX_SHARDS) return lathe_fail(e, "more than %d shards", MAX_SHARDS);
    return lathe_names_add(&s->names, name, e);
}

static bool take_any(void *context, const char *name, lathe_error *e) {
    return lathe_names_add(&((Shards *)context)->names, name, e);
}

/* The shards of a subfolder of one of these names, or else those in the folder itself whose names
 * say so. */
static Shards *find_shards(const char *path, const char *first, const char *second, bool test,
                           lathe_error *e) {
    Shards *s = calloc(1, sizeof *s);
    if (!s) return lathe_fail(e, "%s: out of memory", path), NULL;
    s->test = test;
    s->folder = lathe_subfolder(path, first);
    if (!s->folder) s->folder = lathe_subfolder(path, second);
    bool own = s->folder != NULL;
    if (!own) s->folder = strdup(path);
    if (!s->folder ? lathe_fail(e, "%s: out of memory", path)
                   : lathe_each_entry(s->folder, is_tar, own ? take_any : take_shard, s, e)) {
        lathe_names_sort(&s->names);
        return s;
    }
    close_shards(s);
    return NULL;
}

static bool load_part(const lathe_data_request *r, Shards *s, lathe_samples *samples, int named,
                      lathe_error *e) {
    lathe_image_list list = {{0}, 0};
    const lathe_image_source source = {fetch, close_shards, s};
    int classes = 0;
    if (!s) return false;
    bool ok = list_shards(s, &list, &classes, e);
    if (ok && named && classes > named)
        ok = lathe_fail(e, "%s: class %d has no name in classes.txt, which has %d", s->folder,
                        classes - 1, named);
    if (ok && list.count)
        return lathe_image_samples(samples, &list, &source, r, named ? named : classes, LATHE_GROUP,
                                   e);
    lathe_spool_close(&list.spool);
    close_shards(s);
    return ok;
}

/* Empty lines are not names. */
static bool read_names(const char *folder, lathe_dataset *d, lathe_error *e) {
    unsigned char *bytes;
    size_t size;
    lathe_names names = {0};
    char *path = lathe_join_path(folder, "classes.txt");
    if (!path) return lathe_fail(e, "%s: out of memory", folder);
    bool there = lathe_file_exists(path);
    bool ok = !there || lathe_read_file(path, MAX_NAMES_FILE, &bytes, &size, e);
    free(path);
    if (!there || !ok) return ok;
    bytes[size] = '\0'; /* lathe_read_file leaves room for it */
    for (char *line = strtok((char *)bytes, "\r\n"); ok && line; line = strtok(NULL, "\r\n"))
        ok = lathe_names_add(&names, line, e);
    free(bytes);
    d->class_name = names.name;
    d->classes = names.count;
    return ok;
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    if (!lathe_image_request(r, e) || !read_names(r->path, d, e)) return false;
    return (!(r->parts & LATHE_TRAIN) ||
            load_part(r, find_shards(r->path, "train", "train", false, e), &d->train, d->classes,
                      e)) &&
           (!(r->parts & LATHE_TEST) ||
            load_part(r, find_shards(r->path, "test", "val", true, e), &d->test, d->classes, e));
}

/* The first one found ends the search, by failing. */
static bool find_any(void *context, const char *name, lathe_error *e) {
    (void)name;
    (void)e;
    *(bool *)context = true;
    return false;
}

static bool recognise(const char *path) {
    static const char *const folders[] = {".", "train", "test", "val"};
    bool found = false;
    lathe_error ignored;
    for (int i = 0; !found && i < 4; i++) {
        char *folder = lathe_subfolder(path, folders[i]);
        if (folder) lathe_each_entry(folder, is_tar, find_any, &found, &ignored);
        free(folder);
    }
    return found;
}

const lathe_format lathe_tar_format = {
    "shards", "a folder of .tar files with NAME.jpg (or .png) and NAME.cls, as WebDataset has them",
    recognise, load};
