/* CIFAR-10's binary files: records of one label byte and 3 x 1024 pixel bytes (red, green, blue
 * planes), in data_batch_1..5.bin and test_batch.bin; batches.meta.txt has the names, one a line.
 */
#define _POSIX_C_SOURCE 200809L
#include "dataset.h"

#include "files.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 32, PLANE = SIDE * SIDE, RECORD = 1 + 3 * PLANE, CLASSES = 10, MAX_FILE = 1 << 30 };

/* The folder itself, or the one that the official archive unpacks to inside it; to be freed. */
static char *find_folder(const char *path) {
    char *inside = lathe_join_path(path, "cifar-10-batches-bin");
    if (inside && lathe_folder_exists(inside)) return inside;
    free(inside);
    return lathe_join_path(path, ".");
}

static bool recognise(const char *path) {
    static const char *const names[] = {"data_batch_1.bin", "test_batch.bin"};
    char *folder = find_folder(path);
    bool found = false;
    for (int i = 0; folder && i < 2; i++) {
        char *file = lathe_join_path(folder, names[i]);
        found = found || (file && lathe_file_exists(file));
        free(file);
    }
    free(folder);
    return found;
}

/* One record: planes to interleaved pixels. */
static bool read_record(lathe_reader *r, lathe_samples *s, int64_t at) {
    int label = lathe_read_byte(r);
    const unsigned char *planes = lathe_read_bytes(r, (size_t)3 * PLANE);
    if (!planes || label >= CLASSES) return false;
    uint8_t *out = s->u8 + at * 3 * PLANE;
    for (int i = 0; i < PLANE; i++) {
        for (int c = 0; c < 3; c++) out[3 * i + c] = planes[c * PLANE + i];
    }
    s->index[at] = label;
    return true;
}

static bool decode(const char *path, const unsigned char *bytes, size_t size, lathe_samples *s,
                   lathe_error *e) {
    static const int64_t shape[] = {SIDE, SIDE, 3};
    if (size == 0 || size % RECORD != 0)
        return lathe_fail(e,
                          "%s: truncated or damaged: %zu bytes are not a multiple of the "
                          "record's %d",
                          path, size, RECORD);
    int64_t count = (int64_t)(size / RECORD);
    if (!lathe_samples_alloc(s, count, 3, shape, true, e)) return false;
    lathe_reader r = {.bytes = bytes, .size = size};
    for (int64_t i = 0; i < count; i++) {
        if (read_record(&r, s, i)) continue;
        int label = bytes[i * RECORD];
        lathe_samples_free(s);
        return lathe_fail(e,
                          "%s: label %d of record %lld is out of range: CIFAR-10 has classes 0 "
                          "to 9",
                          path, label, (long long)i);
    }
    return true;
}

static bool load_file(const char *folder, const char *name, lathe_samples *s, lathe_error *e) {
    unsigned char *bytes = NULL;
    size_t size;
    char *path = lathe_join_path(folder, name);
    if (!path) return lathe_fail(e, "%s: out of memory", folder);
    bool ok = lathe_read_file(path, MAX_FILE, &bytes, &size, e) && decode(path, bytes, size, s, e);
    free(bytes);
    free(path);
    return ok;
}

/* The five training files after one another. */
static bool load_train(const char *folder, lathe_samples *all, lathe_error *e) {
    lathe_samples part[5] = {{0}};
    int64_t total = 0, at = 0;
    bool ok = true;
    for (int i = 0; ok && i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i + 1);
        ok = load_file(folder, name, &part[i], e);
        total += part[i].count;
    }
    ok = ok && lathe_samples_alloc(all, total, 3, part[0].dim, true, e);
    for (int i = 0; i < 5; i++) {
        const lathe_samples *p = &part[i];
        if (ok) memcpy(all->u8 + at * all->size, p->u8, (size_t)(p->count * p->size));
        if (ok) memcpy(all->index + at, p->index, (size_t)p->count * sizeof *p->index);
        at += p->count;
        lathe_samples_free(&part[i]);
    }
    return ok;
}

static bool split_names(char *text, lathe_dataset *d) {
    char *rest = NULL;
    d->class_name = calloc(CLASSES, sizeof *d->class_name);
    if (!d->class_name) return false;
    for (char *line = strtok_r(text, "\r\n", &rest); line && d->classes < CLASSES;
         line = strtok_r(NULL, "\r\n", &rest)) {
        char *name = strdup(line);
        if (!name) return false;
        d->class_name[d->classes++] = name;
    }
    return true;
}

/* The names' file is optional; empty lines at its end are not names. */
static bool load_names(const char *folder, lathe_dataset *d, lathe_error *e) {
    unsigned char *bytes = NULL;
    size_t size;
    char *path = lathe_join_path(folder, "batches.meta.txt");
    if (!path) return lathe_fail(e, "%s: out of memory", folder);
    bool there = lathe_file_exists(path);
    bool ok = !there || lathe_read_file(path, 1 << 16, &bytes, &size, e);
    free(path);
    if (!ok || !there) return ok;
    bytes[size] = '\0'; /* lathe_read_file leaves room for it */
    ok = split_names((char *)bytes, d) || lathe_fail(e, "%s: out of memory", folder);
    free(bytes);
    return ok;
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    char *folder = find_folder(r->path);
    if (!folder) return lathe_fail(e, "%s: out of memory", r->path);
    bool ok = (!(r->parts & LATHE_TRAIN) || load_train(folder, &d->train, e)) &&
              (!(r->parts & LATHE_TEST) || load_file(folder, "test_batch.bin", &d->test, e)) &&
              load_names(folder, d, e);
    free(folder);
    return ok;
}

const lathe_format lathe_cifar10_format = {
    "CIFAR-10", "a folder with data_batch_1.bin ... data_batch_5.bin and test_batch.bin", recognise,
    load};
