/* Folders of images: train/CLASS/IMAGE and test/CLASS/IMAGE (or val/), or just CLASS/IMAGE, of
 * which then every fifth image of a class is for testing. Class numbers follow the names' byte
 * order. All images are scaled to one size. */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include "formats.h"

#include "../files.h"
#include "image.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { TEST_EVERY = 5, MAX_CLASSES = 100000 };

/* ---- lists of names ---------------------------------------------------------------------------
 */

typedef struct {
    char **name;
    int count, cap;
} Names;

static void free_names(Names *n) {
    for (int i = 0; i < n->count; i++) free(n->name[i]);
    free(n->name);
    *n = (Names){0};
}

static bool add_name(Names *n, const char *name) {
    if (n->count == n->cap) {
        int cap = n->cap ? 2 * n->cap : 64;
        char **p = realloc(n->name, (size_t)cap * sizeof *p);
        if (!p) return false;
        n->name = p;
        n->cap = cap;
    }
    char *copy = malloc(strlen(name) + 1);
    if (!copy) return false;
    n->name[n->count++] = strcpy(copy, name);
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The images, or the subfolders, in `folder`, sorted; hidden ones are left out. */
static bool list(const char *folder, bool images, Names *out) {
    DIR *d = opendir(folder);
    bool ok = d != NULL;
    for (struct dirent *entry; ok && (entry = readdir(d));) {
        if (entry->d_name[0] == '.') continue;
        char *path = lathe_join_path(folder, entry->d_name);
        bool wanted = path && (images ? lathe_image_is_name(path) && lathe_file_exists(path)
                                      : lathe_folder_exists(path));
        ok = path && (!wanted || add_name(out, entry->d_name));
        free(path);
    }
    if (d) closedir(d);
    if (out->count) qsort(out->name, (size_t)out->count, sizeof *out->name, by_text);
    return ok;
}

/* ---- which files belong to which part ---------------------------------------------------------
 */

typedef struct {
    Names path;
    int *label;
    int cap;
} Files;

static void free_files(Files *f) {
    free_names(&f->path);
    free(f->label);
    *f = (Files){0};
}

static bool add_file(Files *f, const char *path, int label) {
    if (f->path.count == f->cap) {
        int cap = f->cap ? 2 * f->cap : 64;
        int *p = realloc(f->label, (size_t)cap * sizeof *p);
        if (!p) return false;
        f->label = p;
        f->cap = cap;
    }
    f->label[f->path.count] = label;
    return add_name(&f->path, path);
}

/* The images of one class; where `split`, every fifth goes to `test`, the others to `train`. */
static bool collect_class(const char *folder, int label, bool split, Files *train, Files *test) {
    Names images = {0};
    bool ok = list(folder, true, &images);
    for (int i = 0; ok && i < images.count; i++) {
        char *path = lathe_join_path(folder, images.name[i]);
        bool is_test = split && i % TEST_EVERY == TEST_EVERY - 1;
        ok = path && add_file(is_test ? test : train, path, label);
        free(path);
    }
    free_names(&images);
    return ok;
}

static bool collect(const char *folder, const Names *classes, bool split, Files *train, Files *test,
                    lathe_error *e) {
    bool ok = true;
    for (int i = 0; ok && i < classes->count; i++) {
        char *path = lathe_join_path(folder, classes->name[i]);
        ok = path && (!lathe_folder_exists(path) || collect_class(path, i, split, train, test));
        free(path);
    }
    return ok || lathe_fail(e, "%s: cannot list its images", folder);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

static bool load_images(const Files *f, const lathe_data_request *r, const char *folder,
                        lathe_samples *s, lathe_error *e) {
    int64_t shape[3] = {r->height, r->width, r->channels};
    int count = f->path.count;
    if (count == 0)
        return lathe_fail(e, "%s: no .jpg or .png images in its folders of classes", folder);
    if (!lathe_samples_alloc(s, count, 3, shape, true, e)) return false;
    uint32_t *order = malloc((size_t)count * sizeof *order);
    if (!order) return lathe_fail(e, "%s: out of memory", folder);
    /* mixed once, so that the last part of the training set, which may validate, has all classes */
    lathe_shuffle(order, count, 0, UINT32_MAX);
    const lathe_scaling scaling = {
        .height = (int)r->height, .width = (int)r->width, .filter = LATHE_BILINEAR};
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        lathe_image image;
        ok = lathe_image_load(f->path.name[order[i]], (int)r->channels, &image, e);
        if (!ok) break;
        ok = lathe_image_scale(&image, &scaling, s->u8 + i * s->size, e);
        s->index[i] = f->label[order[i]];
        lathe_image_free(&image);
    }
    free(order);
    return ok;
}

/* "folder/train", or NULL; to be freed. */
static char *find_part(const char *folder, const char *name) {
    char *path = lathe_join_path(folder, name);
    if (path && lathe_folder_exists(path)) return path;
    free(path);
    return NULL;
}

static bool load_parts(const lathe_data_request *r, const char *train_folder,
                       const char *test_folder, lathe_dataset *d, lathe_error *e) {
    Names classes = {0};
    Files train = {0}, test = {0};
    bool split = !train_folder;
    const char *folder = split ? r->path : train_folder;
    bool ok = list(folder, false, &classes) || lathe_fail(e, "%s: cannot be read", folder);
    if (ok && (classes.count < 1 || classes.count > MAX_CLASSES))
        ok = lathe_fail(e, "%s: %d folders of classes are not accepted", folder, classes.count);
    ok = ok && collect(folder, &classes, split, &train, &test, e);
    if (ok && !split && test_folder) ok = collect(test_folder, &classes, false, &test, &test, e);
    if (ok && (r->parts & LATHE_TRAIN)) ok = load_images(&train, r, folder, &d->train, e);
    if (ok && (r->parts & LATHE_TEST) && (split || test_folder))
        ok = load_images(&test, r, split ? folder : test_folder, &d->test, e);
    d->class_name = classes.name;
    d->classes = classes.count;
    free_files(&train);
    free_files(&test);
    return ok;
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    if (r->height < 1 || r->width < 1 || r->height > LATHE_MAX_SIDE || r->width > LATHE_MAX_SIDE ||
        (r->channels != 1 && r->channels != 3))
        return lathe_fail(e,
                          "%s: images do not fit a model whose input is no image of 1 or 3 "
                          "channels",
                          r->path);
    char *train = find_part(r->path, "train"), *test = find_part(r->path, "test");
    if (!test) test = find_part(r->path, "val");
    bool ok = load_parts(r, train, test, d, e);
    free(train);
    free(test);
    return ok;
}

/* A train/ folder, or a subfolder with an image. */
static bool recognise(const char *path) {
    char *train = find_part(path, "train");
    bool found = train != NULL;
    Names folders = {0};
    if (!found) list(path, false, &folders);
    for (int i = 0; !found && i < folders.count; i++) {
        Names images = {0};
        char *folder = lathe_join_path(path, folders.name[i]);
        found = folder && list(folder, true, &images) && images.count > 0;
        free_names(&images);
        free(folder);
    }
    free_names(&folders);
    free(train);
    return found;
}

const lathe_format lathe_folder_format = {
    "images", "a folder with train/CLASS/*.jpg and test/CLASS/*.jpg, or CLASS/*.jpg (or .png)",
    recognise, load};
