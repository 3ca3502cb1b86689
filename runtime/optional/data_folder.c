/* Folders of images: train/CLASS/IMAGE and test/CLASS/IMAGE (or val/), or just CLASS/IMAGE, of
 * which then every fifth image of a class is for testing. Class numbers follow the names' byte
 * order. All images are scaled to one size. */
#include "formats.h"

#include "../files.h"
#include "image.h"
#include "image_stream.h"
#include "listing.h"
#include "name_sort.h"

#include <stdlib.h>
#include <string.h>

enum { TEST_EVERY = 5, MAX_CLASSES = 100000 };

static bool take_class(void *context, const char *name, lathe_error *e) {
    lathe_names *n = context;
    if (n->count == MAX_CLASSES) return lathe_fail(e, "more than %d classes", MAX_CLASSES);
    return lathe_names_add(n, name, e);
}

static bool list_classes(const char *folder, lathe_names *out, lathe_error *e) {
    if (!lathe_each_entry(folder, NULL, take_class, out, e)) return false;
    lathe_names_sort(out);
    return out->count || lathe_fail(e, "%s: it has no folders of classes", folder);
}

/* ---- the lists of images ----------------------------------------------------------------------
 */

/* A train or a test folder, or one for both. */
typedef struct {
    int users; /* sets of samples that read from it */
    char *folder;
    lathe_names classes; /* all of them */
    lathe_spool names;   /* of its images' files */
} Folder;

static void close_folder(void *context) {
    Folder *f = context;
    if (!f || --f->users > 0) return;
    free(f->folder);
    lathe_names_free(&f->classes);
    lathe_spool_close(&f->names);
    free(f);
}

static Folder *open_folder(const char *path, const lathe_names *classes, lathe_error *e) {
    Folder *f = calloc(1, sizeof *f);
    if (f) f->users = 1;
    bool ok = f && (f->folder = lathe_join_path(path, "")) != NULL;
    for (int i = 0; ok && i < classes->count; i++)
        ok = lathe_names_add(&f->classes, classes->name[i], e);
    if (!f || !f->folder) lathe_fail(e, "%s: out of memory", path);
    if (ok && lathe_spool_open(&f->names, e)) return f;
    close_folder(f);
    return NULL;
}

/* The place's name in the spool of names says which file it is. */
static bool fetch(const void *context, const lathe_image_place *p, unsigned char **bytes,
                  size_t *size, char *name, size_t room, lathe_error *e) {
    const Folder *f = context;
    char file[LATHE_NAME_MAX + 1];
    if (!lathe_spool_read(&f->names, p->at, file, p->size, e)) return false;
    size_t n = strlen(f->folder) + strlen(f->classes.name[p->label]) + p->size + 2;
    char *path = malloc(n);
    if (!path) return lathe_fail(e, "%s: out of memory", f->folder);
    snprintf(path, n, "%s%s/%.*s", f->folder, f->classes.name[p->label], (int)p->size, file);
    snprintf(name, room, "%s", path);
    bool ok = lathe_read_file(path, LATHE_MAX_IMAGE_FILE, bytes, size, e);
    free(path);
    return ok;
}

/* Where images go. */
typedef struct {
    Folder *folder;
    lathe_image_list *others, *fifth; /* every fifth has a list of its own */
    bool may_lack;                    /* a test set need not have every class */
    lathe_name_sort *sort;
} Lists;

static bool take_image(void *context, const char *name, lathe_error *e) {
    return lathe_name_sort_add(((Lists *)context)->sort, name, e);
}

/* The images of one class, in order of their names. */
static bool collect_sorted(Lists *l, int label, const char *path, lathe_error *e) {
    const char *name;
    if (!lathe_each_entry(path, lathe_image_is_name, take_image, l, e)) return false;
    for (int64_t i = 0;; i++) {
        if (!lathe_name_sort_next(l->sort, &name, e)) return false;
        if (!name) return i > 0 || lathe_fail(e, "%s: no .jpg or .png images in it", path);
        lathe_image_list *list = i % TEST_EVERY == TEST_EVERY - 1 ? l->fifth : l->others;
        lathe_spool *names = &l->folder->names;
        lathe_image_place place = {
            .at = names->size, .size = (uint32_t)strlen(name), .label = label};
        if (!lathe_image_list_add(list, place, e) ||
            !lathe_spool_append(names, name, place.size, e))
            return false;
    }
}

static bool collect_class(Lists *l, int label, lathe_error *e) {
    const char *class_name = l->folder->classes.name[label];
    char *path = lathe_join_path(l->folder->folder, class_name);
    bool ok = path || lathe_fail(e, "%s: out of memory", class_name);
    if (ok && !(l->may_lack && !lathe_folder_exists(path))) {
        l->sort = lathe_name_sort_open(e);
        ok = l->sort && collect_sorted(l, label, path, e);
        lathe_name_sort_close(l->sort);
    }
    free(path);
    return ok;
}

/* Every fifth image of a class goes to `fifth`, which may be the same as `others`; NULL: not
 * wanted.
 */
static bool load_folder(const lathe_data_request *r, const char *path, const lathe_names *classes,
                        lathe_samples *others, lathe_samples *fifth, bool may_lack,
                        lathe_error *e) {
    bool split = others != fifth;
    lathe_samples *part[2] = {others, fifth};
    lathe_image_list list[2] = {{{0}, 0}, {{0}, 0}};
    Folder *f = open_folder(path, classes, e);
    Lists l = {.folder = f, .others = &list[0], .fifth = &list[split], .may_lack = may_lack};
    const lathe_image_source source = {fetch, close_folder, f};
    bool ok = f && lathe_image_list_open(&list[0], e) && lathe_image_list_open(&list[1], e);
    for (int i = 0; ok && i < classes->count; i++) ok = collect_class(&l, i, e);
    ok = ok && lathe_spool_flush(&f->names, e);
    for (int i = 0; i < 2; i++) {
        if (!ok || !part[i] || !list[i].count) {
            lathe_spool_close(&list[i].spool);
            continue;
        }
        f->users++;
        ok = lathe_image_samples(part[i], &list[i], &source, r, classes->count, 1, e);
    }
    close_folder(f);
    return ok;
}

/* The training set names the classes. */
static bool load_parts(const lathe_data_request *r, const char *train, const char *test,
                       const lathe_names *classes, lathe_dataset *d, lathe_error *e) {
    lathe_samples *to_train = r->parts & LATHE_TRAIN ? &d->train : NULL;
    lathe_samples *to_test = r->parts & LATHE_TEST ? &d->test : NULL;
    if (!train) return load_folder(r, r->path, classes, to_train, to_test, false, e);
    return (!to_train || load_folder(r, train, classes, to_train, to_train, false, e)) &&
           (!to_test || !test || load_folder(r, test, classes, to_test, to_test, true, e));
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    if (!lathe_image_request(r, e)) return false;
    lathe_names classes = {0};
    char *train = lathe_subfolder(r->path, "train"), *test = lathe_subfolder(r->path, "test");
    if (!test) test = lathe_subfolder(r->path, "val");
    bool ok = list_classes(train ? train : r->path, &classes, e) &&
              load_parts(r, train, test, &classes, d, e);
    d->class_name = classes.name;
    d->classes = classes.count;
    free(train);
    free(test);
    return ok;
}

/* Both stop at the first one found, by failing. */
static bool find_image(void *context, const char *name, lathe_error *e) {
    (void)name;
    (void)e;
    *(bool *)context = true;
    return false;
}

typedef struct {
    const char *folder;
    bool found;
} Search;

static bool find_class(void *context, const char *name, lathe_error *e) {
    Search *s = context;
    char *folder = lathe_join_path(s->folder, name);
    if (folder) lathe_each_entry(folder, lathe_image_is_name, find_image, &s->found, e);
    free(folder);
    return !s->found;
}

/* A train/ folder, or a subfolder with an image. */
static bool recognise(const char *path) {
    char *train = lathe_subfolder(path, "train");
    Search s = {path, train != NULL};
    lathe_error ignored;
    if (!train) lathe_each_entry(path, NULL, find_class, &s, &ignored);
    free(train);
    return s.found;
}

const lathe_format lathe_folder_format = {
    "images", "a folder with train/CLASS/*.jpg and test/CLASS/*.jpg, or CLASS/*.jpg (or .png)",
    recognise, load};
