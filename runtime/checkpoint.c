/* Weights files and checkpoints. */
#include "checkpoint.h"

#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- from a model to the writer ---------------------------------------------------------------
 */

typedef struct {
    const lathe_model *model;
    const void *state;
    int *index; /* which of the model's tensors entry i of the file is */
} Export;

static void export_tensor(void *context, int i, float *out) {
    const Export *x = context;
    x->model->export_tensor(x->state, x->index[i], out);
}

/* Writes the tensors of m, with or without the optimizer's. The file that was there gets the name
 * `previous`, or is gone where that is NULL. */
static bool save(const char *path, const char *previous, const lathe_model *m, const void *state,
                 bool slots, const lathe_meta *meta, int metas, lathe_error *e) {
    lathe_named_tensor *tensor = calloc((size_t)m->tensors + 1, sizeof *tensor);
    int *index = calloc((size_t)m->tensors + 1, sizeof *index), n = 0;
    if (!tensor || !index) {
        free(tensor);
        free(index);
        return lathe_fail(e, "cannot write %s: out of memory", path);
    }
    for (int i = 0; i < m->tensors; i++) {
        const lathe_tensor *t = &m->tensor[i];
        if (t->role == LATHE_SLOT && !slots) continue;
        index[n] = i;
        tensor[n] =
            (lathe_named_tensor){.name = (char *)t->name, .rank = t->rank, .count = t->count};
        memcpy(tensor[n].dim, t->dim, sizeof t->dim);
        n++;
    }
    Export x = {m, state, index};
    lathe_tensor_source source = {tensor, n, meta, metas, export_tensor, &x};
    bool ok = lathe_safetensors_replace(path, previous, &source, e);
    free(tensor);
    free(index);
    return ok;
}

/* Hands the tensors that the file must have to the model: first all are checked, then imported. */
static bool load(const lathe_safetensors *s, const lathe_model *m, void *state, bool slots,
                 lathe_error *e) {
    int64_t most = 1;
    for (int i = 0; i < m->tensors; i++)
        if (m->tensor[i].count > most) most = m->tensor[i].count;
    float *values = malloc((size_t)most * sizeof *values);
    if (!values) return lathe_fail(e, "%s: out of memory", s->path);
    bool ok = true;
    for (int pass = 0; ok && pass < 2; pass++) {
        for (int i = 0; ok && i < m->tensors; i++) {
            const lathe_tensor *t = &m->tensor[i];
            if (t->role == LATHE_SLOT && !slots) continue;
            ok = lathe_safetensors_get(s, t->name, t->rank, t->dim, values, e);
            if (ok && pass == 1) m->import_tensor(state, i, values);
        }
    }
    free(values);
    return ok;
}

/* ---- weights ----------------------------------------------------------------------------------
 */

/* Class names as one text, a line each; to be freed, NULL if memory is out. */
static char *join_names(const lathe_dataset *d) {
    size_t size = 1;
    for (int i = 0; i < d->classes; i++) size += strlen(d->class_name[i]) + 1;
    char *text = malloc(size), *p = text;
    if (!text) return NULL;
    *p = '\0';
    for (int i = 0; i < d->classes; i++)
        p += snprintf(p, size - (size_t)(p - text), "%s%s", i ? "\n" : "", d->class_name[i]);
    return text;
}

bool lathe_weights_save(const char *path, const lathe_model *m, const void *state,
                        const lathe_dataset *names, lathe_error *e) {
    char scale[40];
    snprintf(scale, sizeof scale, "%.9g", (double)m->input_scale);
    char *classes = join_names(names);
    if (!classes) return lathe_fail(e, "cannot write %s: out of memory", path);
    lathe_meta meta[] = {{"input_scale", scale}, {"classes", classes}};
    bool ok = save(path, NULL, m, state, false, meta, names->classes ? 2 : 1, e);
    free(classes);
    return ok;
}

bool lathe_weights_load(const char *path, const lathe_model *m, void *state, lathe_error *e) {
    lathe_safetensors s;
    if (!lathe_safetensors_read(path, &s, e)) return false;
    bool ok = load(&s, m, state, false, e);
    lathe_safetensors_free(&s);
    return ok;
}

/* ---- checkpoints ------------------------------------------------------------------------------
 */

/* Raised where an older lathe could not go on from what is written. */
enum { FORMAT = 1 };

enum { FIELDS = 32 + 2 * LATHE_MAX_LOSSES, FIELD_BYTES = 48, KEY_BYTES = 32 };

/* The position and what must not change between runs, as texts; sums as hexadecimal floats, which
 * lose nothing. */
typedef struct {
    lathe_meta meta[FIELDS];
    char text[FIELDS][FIELD_BYTES], name[FIELDS][KEY_BYTES];
    int count;
} Fields;

static char *add_field(Fields *f, const char *key) {
    snprintf(f->name[f->count], KEY_BYTES, "%s", key);
    f->meta[f->count] = (lathe_meta){f->name[f->count], f->text[f->count]};
    return f->text[f->count++];
}

static void add_whole(Fields *f, const char *key, uint64_t v) {
    snprintf(add_field(f, key), FIELD_BYTES, "%" PRIu64, v);
}

static void add_real(Fields *f, const char *key, double v) {
    snprintf(add_field(f, key), FIELD_BYTES, "%a", v);
}

/* The sums of loss i, of several. */
static void each_keys(int i, char key[2][KEY_BYTES]) {
    snprintf(key[0], KEY_BYTES, "loss.%d", i + 1);
    snprintf(key[1], KEY_BYTES, "correct.%d", i + 1);
}

/* The fields of a watch are called "stopping.best" and so on. */
static const char *field_name(char *out, const char *watch, const char *field) {
    snprintf(out, KEY_BYTES, "%s.%s", watch, field);
    return out;
}

static void add_watch(Fields *f, const char *name, const lathe_watch *w) {
    char key[KEY_BYTES];
    if (!w->seen && !w->wait && !w->cooldown) return;
    add_whole(f, field_name(key, name, "seen"), w->seen);
    add_real(f, field_name(key, name, "best"), w->best);
    add_whole(f, field_name(key, name, "epoch"), w->epoch);
    add_whole(f, field_name(key, name, "wait"), w->wait);
    add_whole(f, field_name(key, name, "cooldown"), w->cooldown);
}

static void add_callbacks(Fields *f, const lathe_callback_state *s) {
    add_watch(f, "stopping", &s->stopping);
    add_watch(f, "saving", &s->saving);
    add_watch(f, "plateau", &s->plateau);
    add_whole(f, "stopped", s->stopped);
    add_real(f, "learning_rate", s->learning_rate);
}

/* The name of the checkpoint before the one at `path`, to be freed; NULL if memory is out. */
static char *previous_path(const char *path) {
    char *previous = malloc(strlen(path) + sizeof ".previous");
    if (previous) sprintf(previous, "%s.previous", path);
    return previous;
}

bool lathe_checkpoint_exists(const char *path) {
    char *previous = previous_path(path);
    bool there = lathe_file_exists(path) || (previous && lathe_file_exists(previous));
    free(previous);
    return there;
}

bool lathe_checkpoint_remove(const char *path, lathe_error *e) {
    char *previous = previous_path(path);
    if (!previous) return lathe_fail(e, "%s: out of memory", path);
    const char *name[] = {path, previous};
    int why = 0, gone = 0;
    for (int i = 0; i < 2; i++) {
        if (remove(name[i]) == 0)
            gone++;
        else if (errno != ENOENT && errno != ENOTDIR)
            why = errno;
    }
    if (gone && !why) why = lathe_sync_names(path);
    free(previous);
    return !why || lathe_fail(e, "cannot remove %s: %s", path, strerror(why));
}

/* What the order of a stream depends on. A window that holds all samples shuffles as memory does:
 * 0. */
static uint64_t window_of(const lathe_trainer *t) {
    const lathe_stream *s = t->data.stream;
    return s && s->window < t->data.count ? (uint64_t)s->window : 0;
}

bool lathe_checkpoint_save(const char *path, const lathe_trainer *t, lathe_error *e) {
    Fields f = {.count = 0};
    add_whole(&f, "format", FORMAT);
    add_whole(&f, "model_hash", t->model->model_hash);
    add_whole(&f, "batch_size", (uint64_t)t->step_samples);
    add_whole(&f, "samples", (uint64_t)t->data.count);
    add_whole(&f, "seed", t->at.seed);
    add_whole(&f, "step", t->at.step);
    add_whole(&f, "epoch", t->at.epoch);
    add_whole(&f, "done", (uint64_t)t->at.done);
    add_real(&f, "loss", t->at.loss);
    add_real(&f, "correct", t->at.correct);
    add_real(&f, "seconds", t->at.seconds);
    if (t->data.stream) {
        add_whole(&f, "window", window_of(t));
        add_real(&f, "waited", t->at.waited);
    }
    for (int i = 0; t->model->losses > 1 && i < t->model->losses; i++) {
        char key[2][KEY_BYTES];
        each_keys(i, key);
        add_real(&f, key[0], t->at.each_loss[i]);
        add_real(&f, key[1], t->at.each_correct[i]);
    }
    add_callbacks(&f, &t->at.callbacks);
    char *previous = previous_path(path);
    if (!previous) return lathe_fail(e, "cannot write %s: out of memory", path);
    bool ok = save(path, previous, t->model, t->state, true, f.meta, f.count, e);
    free(previous);
    return ok;
}

static bool get_whole(const lathe_safetensors *s, const char *key, uint64_t *v, lathe_error *e) {
    const char *text = lathe_safetensors_meta(s, key);
    char *end;
    errno = 0;
    *v = text && *text >= '0' && *text <= '9' ? strtoull(text, &end, 10) : 0;
    if (text && *text >= '0' && *text <= '9' && !*end && !errno) return true;
    return lathe_fail(e, "%s: not a checkpoint: '%s' is missing or no number", s->path, key);
}

static bool get_real(const lathe_safetensors *s, const char *key, double *v, lathe_error *e) {
    const char *text = lathe_safetensors_meta(s, key);
    char *end;
    *v = text ? strtod(text, &end) : 0.0;
    if (text && *text && !*end) return true;
    return lathe_fail(e, "%s: not a checkpoint: '%s' is missing or no number", s->path, key);
}

/* Those before formats had numbers are of format 1. */
static bool check_format(const lathe_safetensors *s, lathe_error *e) {
    uint64_t format = FORMAT;
    if (lathe_safetensors_meta(s, "format") && !get_whole(s, "format", &format, e)) return false;
    return format == FORMAT ||
           lathe_fail(e,
                      "%s: a checkpoint of format %" PRIu64 "; this version reads format %d: "
                      "resume with the lathe that wrote it",
                      s->path, format, FORMAT);
}

/* What a run must have in common with its checkpoint. */
static bool check_same(const lathe_safetensors *s, const char *key, const char *what,
                       uint64_t expected, lathe_error *e) {
    uint64_t found;
    if (!get_whole(s, key, &found, e)) return false;
    if (found == expected) return true;
    return lathe_fail(
        e, "%s: cannot resume with another %s: %" PRIu64 " in the checkpoint, %" PRIu64 " now",
        s->path, what, found, expected);
}

static bool get_watch(const lathe_safetensors *s, const char *name, lathe_watch *w,
                      lathe_error *e) {
    char key[KEY_BYTES];
    uint64_t seen, epoch, wait, cooldown;
    *w = (lathe_watch){0};
    if (!lathe_safetensors_meta(s, field_name(key, name, "seen"))) return true;
    if (!get_whole(s, field_name(key, name, "seen"), &seen, e) ||
        !get_real(s, field_name(key, name, "best"), &w->best, e) ||
        !get_whole(s, field_name(key, name, "epoch"), &epoch, e) ||
        !get_whole(s, field_name(key, name, "wait"), &wait, e) ||
        !get_whole(s, field_name(key, name, "cooldown"), &cooldown, e))
        return false;
    w->seen = seen != 0;
    w->epoch = (uint32_t)epoch;
    w->wait = (uint32_t)wait;
    w->cooldown = (uint32_t)cooldown;
    return true;
}

static bool get_callbacks(const lathe_safetensors *s, lathe_callback_state *c, lathe_error *e) {
    uint64_t stopped;
    if (!get_watch(s, "stopping", &c->stopping, e) || !get_watch(s, "saving", &c->saving, e) ||
        !get_watch(s, "plateau", &c->plateau, e) || !get_whole(s, "stopped", &stopped, e))
        return false;
    c->stopped = stopped != 0;
    return get_real(s, "learning_rate", &c->learning_rate, e);
}

static bool get_position(const lathe_safetensors *s, const lathe_trainer *t, lathe_position *at,
                         lathe_error *e) {
    uint64_t epoch, done;
    if (!get_whole(s, "step", &at->step, e) || !get_whole(s, "epoch", &epoch, e) ||
        !get_whole(s, "done", &done, e) || !get_real(s, "loss", &at->loss, e) ||
        !get_real(s, "correct", &at->correct, e) || !get_real(s, "seconds", &at->seconds, e) ||
        !get_callbacks(s, &at->callbacks, e))
        return false;
    if (lathe_safetensors_meta(s, "waited") && !get_real(s, "waited", &at->waited, e)) return false;
    for (int i = 0; t->model->losses > 1 && i < t->model->losses; i++) {
        char key[2][KEY_BYTES];
        each_keys(i, key);
        if (!get_real(s, key[0], &at->each_loss[i], e) ||
            !get_real(s, key[1], &at->each_correct[i], e))
            return false;
    }
    uint64_t samples = (uint64_t)t->data.count, batch = (uint64_t)t->step_samples;
    if (epoch > UINT32_MAX || done > samples || (done % batch != 0 && done != samples))
        return lathe_fail(e, "%s: damaged: epoch %" PRIu64 ", sample %" PRIu64 " of %" PRIu64,
                          s->path, epoch, done, samples);
    at->epoch = (uint32_t)epoch;
    at->done = (int64_t)done;
    return true;
}

/* Checkpoints of samples in memory do not mention a window. */
static bool check_window(const lathe_safetensors *s, const lathe_trainer *t, lathe_error *e) {
    uint64_t window = window_of(t);
    if (lathe_safetensors_meta(s, "window")) return check_same(s, "window", "window", window, e);
    return window == 0 || lathe_fail(e,
                                     "%s: cannot resume with a window of %" PRIu64
                                     " samples: there was none in that run",
                                     s->path, window);
}

/* Reads the checkpoint, or else the one before it; then *note says why. */
static bool read_checkpoint(const char *path, lathe_safetensors *s, lathe_error *note,
                            lathe_error *e) {
    lathe_error ignored;
    note->text[0] = '\0';
    if (lathe_safetensors_read(path, s, e)) return true;
    char *previous = previous_path(path);
    bool ok = previous && lathe_safetensors_read(previous, s, &ignored);
    if (ok) lathe_fail(note, "%s; going on from the checkpoint before it, %s", e->text, previous);
    free(previous);
    return ok;
}

bool lathe_checkpoint_load(const char *path, lathe_trainer *t, lathe_error *note, lathe_error *e) {
    lathe_safetensors s;
    if (!read_checkpoint(path, &s, note, e)) return false;
    lathe_position at = t->at;
    bool ok = check_format(&s, e) &&
              check_same(&s, "model_hash", "model", t->model->model_hash, e) &&
              check_same(&s, "batch_size", "batch size", (uint64_t)t->step_samples, e) &&
              check_same(&s, "samples", "number of training samples", (uint64_t)t->data.count, e) &&
              check_same(&s, "seed", "seed", t->at.seed, e) && check_window(&s, t, e) &&
              get_position(&s, t, &at, e) && load(&s, t->model, t->state, true, e);
    lathe_safetensors_free(&s);
    if (ok) t->at = at;
    return ok;
}
