/* Data sets for a model. */
#include "../../runtime/feed.h"
#include "../../runtime/optional/formats.h"
#include "../passes/preprocess.h"
#include "driver.h"

#include <string.h>

static const Shape *input_shape(const Module *m) {
    const Function *f = module_function(m, "forward");
    CHECK(f && f->ninputs > 0);
    return &f->inputs[0]->type.shape;
}

static bool check_part(const lathe_samples *s, const Shape *in, const char *what, lathe_error *e) {
    return !s->count || lathe_samples_fit_shape(s, in->rank - 1, in->dim + 1, what, e);
}

/* The names of the inputs and of the outputs that have a loss, where there are several. */
static void name_arrays(const Module *m, lathe_data_request *r) {
    const Function *f = module_function(m, "forward");
    const char **names = ARENA_ARRAY(m->arena, const char *, (size_t)(f->ninputs + f->noutputs));
    for (int i = 0; i < f->ninputs; i++) names[r->inputs++] = f->inputs[i]->name;
    for (int i = 0; i < m->train.noutputs; i++) {
        if (m->train.outputs[i].loss == LOSS_NONE) continue;
        names[r->inputs + r->labels++] = m->output_names[i];
    }
    if (r->inputs > 1 || r->labels > 1) r->name = names;
}

/* Whether the samples are images of the input's size, their channels last where it has them first.
 */
static bool other_layout(const Module *m, const lathe_samples *s) {
    if (!channels_first(m) || s->rank != 3) return false;
    const int64_t *in = input_shape(m)->dim, last[3] = {in[2], in[3], in[1]};
    return memcmp(s->dim, last, sizeof last) == 0;
}

bool take_images(Module *m) {
    Diag d;
    diag_init(&d, m->arena, NULL, NULL);
    bool ok = !channels_first(m) || take_channels_last(m, &d);
    diag_print(&d, stderr);
    return ok;
}

bool hold_samples(lathe_samples *s, int64_t count) {
    lathe_error e;
    if (!s->stream || lathe_samples_read(s, count, 0, &e)) return true;
    user_error("%s", e.text);
    return false;
}

bool open_data(Module *m, const char *path, int parts, int64_t window, lathe_dataset *d) {
    const Shape *in = input_shape(m);
    int at = channels_first(m) ? 1 : 0;
    lathe_data_request r = {.path = path, .parts = parts, .window = window};
    lathe_error e;
    if (in->rank == 4) {
        r.height = in->dim[1 + at];
        r.width = in->dim[2 + at];
        r.channels = in->dim[at ? 1 : 3];
    }
    name_arrays(m, &r);
    if (!lathe_dataset_load(&r, lathe_all_formats, d, &e)) {
        user_error("%s", e.text);
        return false;
    }
    if (r.name) {
        if (d->train.parts || d->test.parts) return true;
        lathe_dataset_free(d);
        user_error("%s: a model with several inputs or losses takes a .npz file with an array for "
                   "each, named like the input or output (and _train or _test)",
                   path);
        return false;
    }
    if (other_layout(m, d->train.count ? &d->train : &d->test) && take_images(m))
        in = input_shape(m);
    if (check_part(&d->train, in, path, &e) && check_part(&d->test, in, path, &e)) return true;
    lathe_dataset_free(d);
    user_error("%s", e.text);
    return false;
}

void use_class_names(Module *m, const lathe_dataset *d) {
    if (!d->classes) return;
    m->classes = (const char **)d->class_name;
    m->nclasses = d->classes;
}
