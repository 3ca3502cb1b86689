/* A profile build calls a function before each step: what the step before it has written is looked
 * at then. Nothing is changed, so the bits of training stay as they are. */
#include "anomaly.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct {
    const Native *profile;
    const float *state, *work;
    int n;            /* samples of this step */
    const char *step; /* that runs now */
    int next;         /* probe */
    bool checked;     /* the weights, once */
    char text[900];
} watch;

typedef struct {
    int64_t sample, element, count, of;
    float value;
} Finding;

static void look_at_row(const float *x, int64_t n, int64_t sample, int64_t first, Finding *f) {
    for (int64_t i = 0; i < n; i++) {
        if (isfinite(x[i])) continue;
        if (!f->count++) {
            f->sample = sample;
            f->element = first + i;
            f->value = x[i];
        }
    }
}

static Finding look_at(const Probe *p) {
    Finding f = {0};
    const float *x = (p->in_state ? watch.state : watch.work) + p->at;
    int64_t samples = p->each ? watch.n : 1;
    for (int64_t s = 0; s < samples; s++)
        for (int64_t r = 0; r < p->rows; r++)
            look_at_row(x + s * p->sample + r * p->pitch, p->channels, s, r * p->channels, &f);
    f.of = samples * p->rows * p->channels;
    return f;
}

static const char *value_text(float v) { return isnan(v) ? "NaN" : v > 0 ? "inf" : "-inf"; }

static void tell(const Probe *p, const Finding *f) {
    static const char *const kinds[] = {"forward value", "gradient", "weight"};
    int n = snprintf(watch.text, sizeof watch.text,
                     "the first value that is not finite is the %s %s of layer %s (%s): %s",
                     kinds[p->kind], p->value, p->layer, p->op, value_text(f->value));
    if (p->each && n > 0 && (size_t)n < sizeof watch.text)
        snprintf(watch.text + n, sizeof watch.text - (size_t)n,
                 " at element %lld of sample %lld of the batch, in all %lld of %lld",
                 (long long)f->element + 1, (long long)f->sample + 1, (long long)f->count,
                 (long long)f->of);
}

static void check(const Probe *p) {
    if (watch.text[0]) return;
    Finding f = look_at(p);
    if (f.count) tell(p, &f);
}

/* The step that ran is done. */
static void finish_step(void) {
    const Native *n = watch.profile;
    for (; watch.step && watch.next < n->nprobes; watch.next++) {
        const Probe *p = &n->probe[watch.next];
        if (!p->after || strcmp(p->after, watch.step) != 0) return;
        check(p);
    }
}

static void begin_step(const char *step) {
    finish_step();
    watch.step = step;
}

static void check_weights(void) {
    for (int i = 0; i < watch.profile->nprobes; i++)
        if (watch.profile->probe[i].kind == PROBE_WEIGHT) check(&watch.profile->probe[i]);
}

static void check_floats(const char *what, const char *name, const lathe_source *x, const float *at,
                         int n) {
    Finding f = {0};
    for (int i = 0; i < n; i++) {
        int64_t count = (int64_t)(x->bytes / sizeof *at);
        look_at_row(at + i * count, count, i, 0, &f);
    }
    if (f.count && !watch.text[0])
        snprintf(watch.text, sizeof watch.text,
                 "the first value that is not finite is the %s %s: %s at element %lld of sample "
                 "%lld of the batch",
                 what, name, value_text(f.value), (long long)f.element + 1,
                 (long long)f.sample + 1);
}

/* What the data brings. */
static void check_batch(const lathe_trainer *t) {
    const lathe_model *m = t->model;
    for (int i = 0; !lathe_samples_bytes(&t->data) && i < m->inputs; i++) {
        lathe_source x = lathe_samples_input(&t->data, i);
        check_floats("input", m->input[i].name, &x, t->batch.input[i], watch.n);
    }
    for (int i = 0; i < m->losses; i++) {
        lathe_source y = lathe_samples_labels(&t->data, m, i);
        if (m->loss[i].float_labels)
            check_floats("labels of", m->output[m->loss[i].output].name, &y, t->batch.labels[i],
                         watch.n);
    }
}

static void start(const lathe_trainer *t, const lathe_step *s) {
    watch.state = t->state;
    watch.work = t->workspace;
    watch.n = s->n;
    watch.step = NULL;
    watch.next = 0;
    check_batch(t);
    if (!watch.checked) check_weights();
    watch.checked = true;
}

static bool look(void *context, const lathe_trainer *t, const lathe_step *s, lathe_moment m) {
    (void)context;
    switch (m) {
    case LATHE_BATCH_READY: start(t, s); break;
    case LATHE_GRADIENTS_DONE: begin_step(NULL); break;
    case LATHE_APPLIED: check_weights(); break;
    }
    return !watch.text[0];
}

const lathe_inspector *anomaly_watch(const Native *profile) {
    static const lathe_inspector inspector = {look, NULL};
    memset(&watch, 0, sizeof watch);
    watch.profile = profile;
    *profile->profile = begin_step;
    return &inspector;
}

const char *anomaly_text(void) { return watch.text; }

bool anomaly_find(const Native *profile, const lathe_trainer *t) {
    lathe_metrics sums[1 + LATHE_MAX_LOSSES];
    lathe_trainer again = *t;
    again.model = profile->model;
    anomaly_watch(profile);
    start(&again, &t->last);
    lathe_trainer_gradients(&again, &t->last, sums);
    begin_step(NULL);
    return watch.text[0];
}
