/* What all data formats share: memory, views, and fitting samples to a model. */
#include "dataset.h"

#include "files.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

/* Sample numbers are 32-bit in the shuffled order. */
static const int64_t MAX_SAMPLES = INT32_MAX, MAX_BYTES = (int64_t)1 << 40;

bool lathe_samples_alloc(lathe_samples *s, int64_t count, int rank, const int64_t *dim, bool u8,
                         lathe_error *e) {
    *s = (lathe_samples){.count = count, .rank = rank, .size = 1};
    int64_t total;
    for (int i = 0; i < rank; i++) {
        s->dim[i] = dim[i];
        if (dim[i] < 1 || !lathe_multiply(s->size, dim[i], MAX_BYTES, &s->size))
            return lathe_fail(e, "samples with a dimension of %lld are not possible",
                              (long long)dim[i]);
    }
    if (count < 1 || count > MAX_SAMPLES || !lathe_multiply(s->size, count, MAX_BYTES / 4, &total))
        return lathe_fail(e, "%lld samples of %lld values are not possible", (long long)count,
                          (long long)s->size);
    if (u8)
        s->u8 = malloc((size_t)total);
    else
        s->f32 = malloc((size_t)total * sizeof(float));
    s->index = calloc((size_t)count, sizeof *s->index);
    if ((s->u8 || s->f32) && s->index) return true;
    lathe_samples_free(s);
    return lathe_fail(e, "out of memory for %lld samples of %lld values", (long long)count,
                      (long long)s->size);
}

void lathe_samples_free(lathe_samples *s) {
    for (int i = 0; i < s->parts; i++) lathe_samples_free(&s->part[i]);
    free(s->part);
    free(s->u8);
    free(s->f32);
    free(s->index);
    free(s->target);
    free(s->weight);
    if (s->stream) s->stream->close(s->stream->context);
    free(s->stream);
    *s = (lathe_samples){0};
}

void lathe_dataset_free(lathe_dataset *d) {
    lathe_samples_free(&d->train);
    lathe_samples_free(&d->test);
    for (int i = 0; i < d->classes; i++) free(d->class_name[i]);
    free(d->class_name);
    *d = (lathe_dataset){0};
}

static bool unknown_data(const char *path, const lathe_format *const *formats, lathe_error *e) {
    char list[700] = "";
    size_t n = 0;
    for (; *formats && n < sizeof list; formats++)
        n += (size_t)snprintf(list + n, sizeof list - n, "\n  %s: %s", (*formats)->name,
                              (*formats)->looks_like);
    if (!lathe_folder_exists(path) && !lathe_file_exists(path))
        return lathe_fail(e, "%s: there is no such data set", path);
    return lathe_fail(e, "%.200s: no known data set. Accepted:%s", path, list);
}

bool lathe_dataset_load(const lathe_data_request *r, const lathe_format *const *formats,
                        lathe_dataset *d, lathe_error *e) {
    *d = (lathe_dataset){0};
    for (int i = 0; formats[i]; i++) {
        if (!formats[i]->recognise(r->path)) continue;
        if (formats[i]->load(r, d, e)) return true;
        lathe_dataset_free(d);
        return false;
    }
    return unknown_data(r->path, formats, e);
}

int lathe_samples_max(const lathe_samples *s) {
    int max = s->stream ? 255 : 0; /* nobody reads all files for this */
    for (int i = 0; i < s->parts; i++) {
        int of_part = lathe_samples_max(&s->part[i]);
        if (of_part > max) max = of_part;
    }
    for (int64_t i = 0; s->u8 && max < 255 && i < s->count * s->size; i++)
        if (s->u8[i] > max) max = s->u8[i];
    return max;
}

lathe_samples lathe_samples_slice(const lathe_samples *s, int64_t first, int64_t count) {
    lathe_samples v = *s;
    v.count = count;
    v.first += first;
    if (v.u8) v.u8 += first * v.size;
    if (v.f32) v.f32 += first * v.size;
    if (v.index) v.index += first;
    if (v.target) v.target += first * v.target_size;
    if (v.weight) v.weight += first;
    return v;
}

static void shape_text(int rank, const int64_t *dim, char *out, size_t size) {
    size_t n = (size_t)snprintf(out, size, "(");
    for (int i = 0; i < rank && n < size - 24; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%lld", i ? ", " : "", (long long)dim[i]);
    snprintf(out + n, size - n, ")");
}

bool lathe_samples_fit_shape(const lathe_samples *s, int rank, const int64_t *dim, const char *what,
                             lathe_error *e) {
    /* (28, 28) is (28, 28, 1): files of grey images do not write the last dimension */
    int data_rank = s->rank, model_rank = rank;
    while (data_rank > 1 && s->dim[data_rank - 1] == 1) data_rank--;
    while (model_rank > 1 && dim[model_rank - 1] == 1) model_rank--;
    if (data_rank == model_rank && !memcmp(s->dim, dim, (size_t)model_rank * sizeof *dim))
        return true;
    char found[256], expected[256];
    shape_text(s->rank, s->dim, found, sizeof found);
    shape_text(rank, dim, expected, sizeof expected);
    return lathe_fail(e, "%s: its samples have shape %s, but the model's input is %s", what, found,
                      expected);
}

/* Of a one-hot row; -1 where it is none. */
static int32_t place_of_one(const float *row, int64_t values) {
    int32_t place = -1;
    for (int64_t k = 0; k < values; k++) {
        if (row[k] == 0.0f) continue;
        if (row[k] != 1.0f || place >= 0) return -1;
        place = (int32_t)k;
    }
    return place;
}

/* Class indices from one-hot rows. */
static bool index_from_target(lathe_samples *s, int64_t outputs, const char *what, lathe_error *e) {
    if (s->target_size != outputs)
        return lathe_fail(e,
                          "%s: its labels have %lld values a sample, but the model has %lld "
                          "outputs",
                          what, (long long)s->target_size, (long long)outputs);
    int32_t *index = malloc((size_t)s->count * sizeof *index);
    if (!index) return lathe_fail(e, "%s: out of memory for labels", what);
    int64_t i = 0;
    while (i < s->count && (index[i] = place_of_one(s->target + i * outputs, outputs)) >= 0) i++;
    if (i < s->count) {
        free(index);
        return lathe_fail(e, "%s: label %lld is neither a class index nor one-hot", what,
                          (long long)i);
    }
    free(s->target);
    s->target = NULL;
    s->index = index;
    return true;
}

void lathe_one_hot(int32_t index, int64_t values, float *row) {
    for (int64_t k = 0; k < values; k++) row[k] = 0.0f;
    if (values == 1)
        row[0] = (float)index;
    else
        row[index] = 1.0f;
}

/* Values from class indices. */
static bool target_from_index(lathe_samples *s, int64_t outputs, const char *what, lathe_error *e) {
    int64_t k = outputs, total;
    if (!lathe_multiply(s->count, k, MAX_BYTES / 4, &total) ||
        !(s->target = malloc((size_t)total * sizeof(float))))
        return lathe_fail(e, "%s: out of memory for labels", what);
    s->target_size = k;
    for (int64_t i = 0; i < s->count; i++) lathe_one_hot(s->index[i], k, s->target + i * k);
    free(s->index);
    s->index = NULL;
    return true;
}

static bool check_range(const lathe_samples *s, int64_t classes, const char *what, lathe_error *e) {
    if (s->stream && s->stream->classes > classes)
        return lathe_fail(e, "%s: it has %d classes, but the model tells classes 0 to %lld apart",
                          what, s->stream->classes, (long long)classes - 1);
    if (s->stream) return true;
    for (int64_t i = 0; i < s->count; i++) {
        if (s->index[i] < 0 || s->index[i] >= classes)
            return lathe_fail(e,
                              "%s: label %d of sample %lld is out of range: the model tells "
                              "classes 0 to %lld apart",
                              what, (int)s->index[i], (long long)i, (long long)classes - 1);
    }
    return true;
}

/* Labels as the loss takes them. */
static bool fit_labels(lathe_samples *s, const lathe_loss *l, int64_t outputs, const char *what,
                       lathe_error *e) {
    if (!l->float_labels && s->target && !index_from_target(s, outputs, what, e)) return false;
    int64_t classes = l->float_labels && outputs == 1 ? 2 : outputs;
    if ((s->index || s->stream) && !check_range(s, classes, what, e)) return false;
    s->one_hot = s->stream && l->float_labels ? outputs : 0;
    if (l->float_labels && s->index && !target_from_index(s, outputs, what, e)) return false;
    if (s->target && s->target_size != outputs)
        return lathe_fail(e,
                          "%s: its labels have %lld values a sample, but the model has %lld "
                          "outputs",
                          what, (long long)s->target_size, (long long)outputs);
    return true;
}

static bool fit_parts(lathe_samples *s, const lathe_model *m, const char *what, lathe_error *e) {
    char label[600];
    for (int i = 0; i < s->parts; i++) {
        const lathe_loss *l = i < m->inputs ? NULL : &m->loss[i - m->inputs];
        const lathe_value *v = l ? &m->output[l->output] : &m->input[i];
        snprintf(label, sizeof label, "%.400s: %.150s", what, v->name);
        if (l ? !fit_labels(&s->part[i], l, v->count, label, e)
              : !lathe_samples_fit_shape(&s->part[i], v->rank, v->dim, label, e))
            return false;
    }
    return true;
}

bool lathe_samples_fit(lathe_samples *s, const lathe_model *m, const char *what, lathe_error *e) {
    if (s->parts) return fit_parts(s, m, what, e);
    const lathe_value *in = &m->input[0];
    return lathe_samples_fit_shape(s, in->rank, in->dim, what, e) &&
           fit_labels(s, &m->loss[0], m->output[m->loss[0].output].count, what, e);
}

/* ---- where the arrays lie ---------------------------------------------------------------------
 */

static lathe_source skip(lathe_source s, int64_t samples) {
    return (lathe_source){s.data + (size_t)samples * s.bytes, s.bytes};
}

lathe_source lathe_samples_input(const lathe_samples *s, int k) {
    if (s->parts) return skip(lathe_samples_input(&s->part[k], 0), s->first);
    if (s->u8 || s->stream) return (lathe_source){(const char *)s->u8, (size_t)s->size};
    return (lathe_source){(const char *)s->f32, (size_t)s->size * sizeof(float)};
}

lathe_source lathe_samples_labels(const lathe_samples *s, const lathe_model *m, int k) {
    if (s->parts) return skip(lathe_samples_labels(&s->part[m->inputs + k], m, 0), s->first);
    if (s->one_hot) return (lathe_source){NULL, (size_t)s->one_hot * sizeof(float)};
    if (s->index || s->stream) return (lathe_source){(const char *)s->index, sizeof(int32_t)};
    return (lathe_source){(const char *)s->target, (size_t)s->target_size * sizeof(float)};
}

bool lathe_samples_bytes(const lathe_samples *s) {
    return s->parts ? s->part[0].u8 != NULL : s->u8 || s->stream;
}
