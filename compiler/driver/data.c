/* Data sets for a model. */
#include "../../runtime/optional/formats.h"
#include "driver.h"

static const Shape *input_shape(const Module *m) {
    const Function *f = module_function(m, "forward");
    CHECK(f && f->ninputs > 0);
    return &f->inputs[0]->type.shape;
}

static bool check_part(const lathe_samples *s, const Shape *in, const char *what, lathe_error *e) {
    return !s->count || lathe_samples_fit_shape(s, in->rank - 1, in->dim + 1, what, e);
}

bool open_data(const Module *m, const char *path, int parts, lathe_dataset *d) {
    const Shape *in = input_shape(m);
    lathe_data_request r = {.path = path, .parts = parts};
    lathe_error e;
    if (in->rank == 4) {
        r.height = in->dim[1];
        r.width = in->dim[2];
        r.channels = in->dim[3];
    }
    if (!lathe_dataset_load(&r, lathe_all_formats, d, &e)) {
        user_error("%s", e.text);
        return false;
    }
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
