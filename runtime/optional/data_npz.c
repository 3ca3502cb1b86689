/* .npz archives with x_train, y_train, x_test, y_test, or with x and y, which serve as the training
 * set, and as the test set where only that is asked for; sample_weight belongs to the training set.
 * Bytes stay bytes; other numbers become float. For a model with several inputs or losses the
 * arrays have their names instead of x and y. */
#include "formats.h"

#include "../files.h"
#include "../npy.h"
#include "parsers.h"

#include <stdlib.h>
#include <string.h>

static bool recognise(const char *path) {
    size_t n = strlen(path);
    return n > 4 && !strcmp(path + n - 4, ".npz") && lathe_file_exists(path);
}

/* Entry `name`.npy as an array that owns its bytes. */
static bool read_array(void *z, const char *path, const char *name, lathe_array *a,
                       lathe_error *e) {
    char entry[300], label[900];
    unsigned char *bytes;
    size_t size;
    lathe_error why;
    snprintf(entry, sizeof entry, "%s.npy", name);
    snprintf(label, sizeof label, "%.500s: %s", path, entry);
    if (!lathe_parsers_used->archive_read(z, entry, &bytes, &size, &why))
        return lathe_fail(e, "%s: %.500s", path, why.text);
    bool ok = lathe_npy_parse(label, bytes, size, a, e);
    if (ok)
        a->owned = bytes;
    else
        free(bytes);
    return ok;
}

static bool has_entry(void *z, const char *path, const char *entry, bool *has, lathe_error *e) {
    lathe_error why;
    return lathe_parsers_used->archive_has(z, entry, has, &why) ||
           lathe_fail(e, "%s: %.500s", path, why.text);
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

static bool load_part(void *z, const char *path, const char *x_name, const char *y_name,
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
static bool load_named(void *z, const lathe_data_request *r, const char *suffix, int i,
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

static bool load_parts(void *z, const lathe_data_request *r, const char *suffix, lathe_samples *s,
                       lathe_error *e) {
    s->part = calloc((size_t)r->inputs + (size_t)r->labels, sizeof *s->part);
    if (!s->part) return lathe_fail(e, "%s: out of memory", r->path);
    s->parts = r->inputs + r->labels;
    for (int i = 0; i < s->parts; i++) {
        if (!load_named(z, r, suffix, i, s, e)) return false;
    }
    return same_kind(r, s, e);
}

/* NAME_train and NAME_test for each name, or NAME, which serves as either set. */
static bool load_all_named(void *z, const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    char plain[300];
    snprintf(plain, sizeof plain, "%.250s.npy", r->name[0]);
    bool has;
    if (!has_entry(z, r->path, plain, &has, e)) return false;
    if (has) return load_parts(z, r, "", r->parts & LATHE_TRAIN ? &d->train : &d->test, e);
    return (!(r->parts & LATHE_TRAIN) || load_parts(z, r, "_train", &d->train, e)) &&
           (!(r->parts & LATHE_TEST) || load_parts(z, r, "_test", &d->test, e));
}

/* The optional array sample_weight, one number a sample. */
static bool load_weights(void *z, const char *path, lathe_samples *s, lathe_error *e) {
    lathe_array w = {0};
    bool has;
    if (!s->count) return true;
    if (!has_entry(z, path, "sample_weight.npy", &has, e)) return false;
    if (!has) return true;
    if (!read_array(z, path, "sample_weight", &w, e)) return false;
    bool ok = w.count == s->count && (s->weight = lathe_array_floats(&w)) != NULL;
    if (!ok)
        lathe_fail(e, "%s: sample_weight has %lld numbers, but there are %lld training samples",
                   path, (long long)w.count, (long long)s->count);
    lathe_array_free(&w);
    return ok;
}

/* x_train and x_test with their labels. A training set alone is a data set whose test set is empty.
 */
static bool load_both(void *z, const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    bool train, test;
    if (!has_entry(z, r->path, "x_train.npy", &train, e) ||
        !has_entry(z, r->path, "x_test.npy", &test, e))
        return false;
    if ((r->parts & LATHE_TRAIN) && !load_part(z, r->path, "x_train", "y_train", &d->train, e))
        return false;
    return !(r->parts & LATHE_TEST) || (train && !test) ||
           load_part(z, r->path, "x_test", "y_test", &d->test, e);
}

static bool load_all(void *z, const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    bool one;
    if (r->name) return load_all_named(z, r, d, e);
    if (!has_entry(z, r->path, "x.npy", &one, e)) return false;
    if (!one) return load_both(z, r, d, e);
    return load_part(z, r->path, "x", "y", r->parts & LATHE_TRAIN ? &d->train : &d->test, e);
}

static bool load(const lathe_data_request *r, lathe_dataset *d, lathe_error *e) {
    lathe_error why;
    void *z = lathe_parsers_used->archive_open(r->path, &why);
    if (!z) return lathe_fail(e, "%s: %.500s", r->path, why.text);
    bool ok = load_all(z, r, d, e) && load_weights(z, r->path, &d->train, e);
    lathe_parsers_used->archive_close(z);
    return ok;
}

const lathe_format lathe_npz_format = {
    "NumPy", "a .npz file with x_train, y_train, x_test, y_test, or with x and y", recognise, load};
