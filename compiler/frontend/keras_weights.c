/* Weights from the HDF5 files of Keras 3: a group a layer, its variables counted. */
#include "frontend.h"
#include "keras_files.h"

#include <string.h>

/* ---- one parameter ---- */

static const char *record_shape(Arena *a, const Hdf5Record *r) {
    Shape s = {.rank = r->rank};
    memcpy(s.dim, r->dim, sizeof s.dim);
    return shape_text(a, &s);
}

/* Kernels that Keras wrote under Theano are [out, in, rows, columns]. */
static bool is_theano_kernel(const Shape *s, const Hdf5Record *r) {
    return s->rank == 4 && r->rank == 4 && r->dim[0] == s->dim[3] && r->dim[1] == s->dim[2] &&
           r->dim[2] == s->dim[0] && r->dim[3] == s->dim[1];
}

static bool same_shape(const Shape *s, const Hdf5Record *r) {
    if (s->rank != r->rank) return false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] != r->dim[i]) return false;
    }
    return true;
}

bool set_from_record(Module *m, int param, Hdf5File *f, const Hdf5Record *r, Diag *d) {
    Param *p = &m->params[param];
    if (!same_shape(param_shape(p), r)) {
        diag_error(d, "%s has shape %s in the model, but %s in the file ('%s')%s", p->name,
                   shape_text(m->arena, param_shape(p)), record_shape(m->arena, r), r->name,
                   is_theano_kernel(param_shape(p), r)
                       ? ": a kernel in Theano's order\naccepted: weights saved under TensorFlow"
                       : "");
        return false;
    }
    int64_t count = shape_count(&p->type.shape);
    float *data = ARENA_ARRAY(m->arena, float, (size_t)count);
    if (!hdf5_read(f, r, data, d)) return false;
    p->data = data;
    warn_not_finite(p, d);
    return true;
}

/* ---- Keras 3 ---- */

static const Hdf5Record *variable(const Module *m, const Hdf5File *f, const char *group, int i) {
    const Hdf5Record *r = hdf5_find(f, arena_printf(m->arena, "%s/vars/%d", group, i));
    if (r) return r;
    /* Keras 2.13 had another name for the layers. */
    return hdf5_find(f, arena_printf(m->arena, "_layer_checkpoint_dependencies/%s/vars/%d",
                                     group + strlen("layers/"), i));
}

/* Normalization keeps a count that says nothing to lathe. */
static bool is_counter(const Hdf5Record *r) {
    for (int i = 0; i < r->rank; i++) {
        if (r->dim[i] != 1) return false;
    }
    return true;
}

static bool read_layer(Module *m, Hdf5File *f, const Layer *l, const char *group, Diag *d) {
    bool ok = true;
    for (int i = 0; i < l->nparams; i++) {
        const Hdf5Record *r = variable(m, f, group, i);
        if (!r) {
            diag_error(d, "layer '%s': the file has no %s ('%s/vars/%d')", l->name,
                       m->params[l->params[i]].name, group, i);
            return false;
        }
        ok = set_from_record(m, l->params[i], f, r, d) && ok;
    }
    const Hdf5Record *more = variable(m, f, group, l->nparams);
    if (!more || is_counter(more)) return ok;
    diag_error(d, "layer '%s' has %d weights, but more in the file ('%s')", l->name, l->nparams,
               more->name);
    return false;
}

static const char *file_has(const Hdf5File *f) {
    const Hdf5Record *r;
    return hdf5_records(f, &r) ? "" : ": it is empty";
}

bool is_legacy_weights(const Hdf5File *f, const char **root) {
    static const char *const roots[] = {"", "model_weights"};
    for (int i = 0; i < 2; i++) {
        if (!hdf5_texts(f, roots[i], "layer_names") && !hdf5_texts(f, roots[i], "layer_names0"))
            continue;
        *root = roots[i];
        return true;
    }
    return false;
}

bool read_keras_weights(Module *m, Hdf5File *f, Diag *d) {
    const char *root;
    if (is_legacy_weights(f, &root)) return read_legacy_weights(m, f, root, d);
    if (!hdf5_has_group(f, "layers") && !hdf5_has_group(f, "_layer_checkpoint_dependencies")) {
        diag_error(d, "it is no weights file of Keras%s", file_has(f));
        return false;
    }
    const char **groups = keras_groups(m);
    bool ok = true;
    for (int i = 0; i < m->nlayers; i++) {
        if (m->layers[i].nparams) ok = read_layer(m, f, &m->layers[i], groups[i], d) && ok;
    }
    return ok;
}

bool load_keras_weights(Module *m, const char *path, Diag *d) {
    diag_init(d, m->arena, path, NULL);
    Hdf5File *f = keras_weights_open(m->arena, path, d);
    bool ok = f && read_keras_weights(m, f, d);
    hdf5_close(f);
    return ok;
}
