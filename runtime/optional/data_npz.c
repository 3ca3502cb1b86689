/* .npz archives with x_train, y_train, x_test, y_test, or with x and y, which serve as the training
 * set, and as the test set where only that is asked for; sample_weight belongs to the training set.
 * Bytes stay bytes; other numbers become float. For a model with several inputs or losses the
 * arrays have their names instead of x and y. */
#include "formats.h"

#include "../files.h"
#include "../npy.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* A claim of packed data larger than the archive is a lie. */
static bool is_possible(const zip_stat_t *st, size_t archive) {
    return (st->valid & ZIP_STAT_SIZE) && (st->valid & ZIP_STAT_COMP_SIZE) &&
           st->comp_size <= archive && lathe_may_unpack(st->size, st->comp_size);
}

static bool recognise(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcmp(path + n - 4, ".npz") && lathe_file_exists(path);
}

/* Entry `name`.npy as an array that owns its bytes. */
static bool read_array(zip_t *z, const char *path, const char *name, lathe_array *a,
                       lathe_error *e) {
    char entry[300], label[900];
    zip_stat_t st;
    snprintf(entry, sizeof entry, "%s.npy", name);
    snprintf(label, sizeof label, "%.500s: %s", path, entry);
    zip_stat_init(&st);
    if (zip_stat(z, entry, 0, &st) != 0) return lathe_fail(e, "%s: the array is missing", label);
    if (!is_possible(&st, lathe_file_size(path)))
        return lathe_fail(e, "%s: damaged: its size is not possible", label);
    unsigned char *bytes = malloc((size_t)st.size + 1);
    if (!bytes) return lathe_fail(e, "%s: out of memory for %zu bytes", label, (size_t)st.size);
    zip_file_t *f = zip_fopen(z, entry, 0);
    /* one byte more than there should be, which makes libzip compare the checksum */
    bool ok = f && zip_fread(f, bytes, st.size + 1) == (zip_int64_t)st.size;
    if (f) zip_fclose(f);
    if (!ok) lathe_fail(e, "%s: damaged or truncated", label);
    ok = ok && lathe_npy_parse(label, bytes, (size_t)st.size, a, e);
    if (ok)
        a->owned = bytes;
    else
        free(bytes);
    return ok;
}

/* Whole numbers, one a sample, are class indices; anything else is values. */
static bool set_labels(lathe_samples *s, const lathe_array *y, const char *label, lathe_error *e) {
    bool whole = y->type != LATHE_NPY_F32 && y->type != LATHE_NPY_F64;
    if (whole && y->count == s->count) {
        for (int64_t i = 0; i < s->count; i++) {
            double v = lathe_array_value(y, i);
            if (v < 0.0 || v > 1e9)
                return lathe_fail(e, "%s: label %.0f of sample %lld is out of range", label, v,
                                  (long long)i);
            s->index[i] = (int32_t)v;
        }
        return true;
    }
    free(s->index);
    s->index = NULL;
    s->target_size = y->count / s->count;
    s->target = lathe_array_floats(y);
    return s->target || lathe_fail(e, "%s: out of memory", label);
}

static bool join(const char *path, const lathe_array *x, const lathe_array *y, lathe_samples *s,
                 lathe_error *e) {
    if (x->rank < 2 || y->rank < 1 || x->dim[0] != y->dim[0] || y->count < 1)
        return lathe_fail(e, "%s: %lld inputs and %lld labels do not go together", path,
                          (long long)x->dim[0], (long long)y->dim[0]);
    bool u8 = x->type == LATHE_NPY_U8;
    if (!lathe_samples_alloc(s, x->dim[0], x->rank - 1, x->dim + 1, u8, e)) return false;
    if (u8) memcpy(s->u8, x->data, (size_t)x->count);
    for (int64_t i = 0; !u8 && i < x->count; i++) s->f32[i] = (float)lathe_array_value(x, i);
    return set_labels(s, y, path, e);
}

static bool load_part(zip_t *z, const char *path, const char *x_name, const char *y_name,
                      lathe_samples *s, lathe_error *e) {
    lathe_array x = {0}, y = {0};
    bool ok = read_array(z, path, x_name, &x, e) && read_array(z, path, y_name, &y, e) &&
              join(path, &x, &y, s, e);
    lathe_array_free(&x);
    lathe_array_free(&y);
    return ok;
}

/* ---- several inputs or losses ------------------------------------------------------------------
 */

/* Part i of the samples: an input, or labels. */
static bool load_named(zip_t *z, const lathe_data_request *r, const char *suffix, int i,
                       lathe_samples *s, lathe_error *e) {
    char name[280];
    lathe_array a = {0};
    snprintf(name, sizeof name, "%.250s%s", r->name[i], suffix);
    bool ok = read_array(z, r->path, name, &a, e);
    lathe_samples *p = &s->part[i];
    if (ok && (a.rank < 1 || a.count < 1 || (s->count && a.dim[0] != s->count)))
        ok = lathe_fail(e, "%s: %s has %lld samples, another array %lld", r->path, name,
                        a.rank ? (long long)a.dim[0] : 0, (long long)s->count);
    if (ok) s->count = a.dim[0];
    bool u8 = a.type == LATHE_NPY_U8 && i < r->inputs;
    ok = ok && lathe_samples_alloc(p, s->count, a.rank - 1, a.dim + 1, u8, e);
    if (ok && i >= r->inputs) {
        ok = set_labels(p, &a, name, e);
    } else if (ok) {
        if (u8) memcpy(p->u8, a.data, (size_t)a.count);
        for (int64_t k = 0; !u8 && k < a.count; k++) p->f32[k] = (float)lathe_array_value(&a, k);
    }
    lathe_array_free(&a);
    return ok;
}

/* All inputs are bytes, or none is taken as such. */
static bool same_kind(const lathe_data_request *r, lathe_samples *s, lathe_error *e) {
    bool all = true;
    for (int i = 0; i < r->inputs; i++) all = all && s->part[i].u8;
    for (int i = 0; !all && i < r->inputs; i++) {
        lathe_samples *p = &s->part[i];
        if (!p->u8) continue;
        lathe_samples floats;
        if (!lathe_samples_alloc(&floats, p->count, p->rank, p->dim, false, e)) return false;
        for (int64_t k = 0; k < p->count * p->size; k++) floats.f32[k] = (float)p->u8[k];
        lathe_samples_free(p);
        *p = floats;
    }
    return true;
}

static bool load_parts(zip_t *z, const lathe_data_request *r, const char *suffix, lathe_samples *s,
                       lathe_error *e) {
    s->part = calloc((size_t)(r->inputs + r->labels), sizeof *s->part);
    if (!s->part) return lathe_fail(e, "%s: out of memory", r->path);
    s->parts = r->inputs + r->labels;
    for (int i = 0; i < s->parts; i++) {
        if (!load_named(z, r, suffix, i, s, e)) return false;
    }
    return same_kind(r, s, e);
}

/* NAME_train and NAME_test for each name, or NAME, which serves as either set. */
static bool load_all_named(zip_t *z, const lathe_data_request *r, lathe_dataset *d,
                           lathe_error *e) {
    char plain[300];
    snprintf(plain, sizeof plain, "%.250s.npy", r->name[0]);
    if (zip_name_locate(z, plain, 0) >= 0)
        return load_parts(z, r, "", r->parts & LATHE_TRAIN ? &d->train : &d->test, e);
    return (!(r->parts & LATHE_TRAIN) || load_parts(z, r, "_train", &d->train, e)) &&
           (!(r->parts & LATHE_TEST) || load_parts(z, r, "_test", &d->test, e));
}

/* The optional array sample_weight, one number a sample. */
static bool load_weights(zip_t *z, const char *path, lathe_samples *s, lathe_error *e) {
    lathe_array w = {0};
    if (zip_name_locate(z, "sample_weight.npy", 0) < 0 || !s->count) return true;
    if (!read_array(z, path, "sample_weight", &w, e)) return false;
    bool ok = w.count == s->count && (s->weight = lathe_array_floats(&w)) != NULL;
    if (!ok)
        lathe_fail(e, "%s: sample_weight has %lld numbers, but there are %lld training samples",
                   path, (long long)w.count, (long long)s->count);
    lathe_array_free(&w);
    return ok;
}

/* A training set alone is a data set whose test set is empty. */
static bool has_test(zip_t *z) {
    return zip_name_locate(z, "x_test.npy", 0) >= 0 || zip_name_locate(z, "x_train.npy", 0) < 0;
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    int code;
    zip_t *z = zip_open(r->path, ZIP_RDONLY, &code);
    if (!z) return lathe_fail(e, "%s: not a .npz archive, or damaged", r->path);
    bool ok = true;
    if (r->name) {
        ok = load_all_named(z, r, d, e);
    } else if (zip_name_locate(z, "x.npy", 0) >= 0) {
        lathe_samples *s = r->parts & LATHE_TRAIN ? &d->train : &d->test;
        ok = load_part(z, r->path, "x", "y", s, e);
    } else {
        if (r->parts & LATHE_TRAIN) ok = load_part(z, r->path, "x_train", "y_train", &d->train, e);
        if (ok && (r->parts & LATHE_TEST) && has_test(z))
            ok = load_part(z, r->path, "x_test", "y_test", &d->test, e);
    }
    ok = ok && load_weights(z, r->path, &d->train, e);
    zip_discard(z);
    return ok;
}

const lathe_format lathe_npz_format = {
    "NumPy", "a .npz file with x_train, y_train, x_test, y_test, or with x and y", recognise, load};
