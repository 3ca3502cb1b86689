/* Weights from the HDF5 files of Keras 1 and 2: attributes list the layers, and each layer's
 * weights in order. Layers are found by name; where names differ, by order. */
#include "keras_files.h"

#include "../support/namemap.h"

#include <string.h>

typedef struct {
    const char *name;
    const char *group; /* in the file */
    const char **weights;
    int nweights;
} SavedLayer;

typedef struct {
    int row; /* of the model's layer */
    int *params;
    int nparams;
} ModelLayer;

int legacy_texts(Arena *a, const Hdf5File *f, const char *group, const char *name,
                 const char ***texts) {
    const Hdf5Texts *t = hdf5_texts(f, group, name);
    int n = 0, capacity = 0;
    if (t) {
        *texts = t->texts;
        return t->ntexts;
    }
    *texts = NULL;
    for (int i = 0; (t = hdf5_texts(f, group, arena_printf(a, "%s%d", name, i))); i++) {
        for (int k = 0; k < t->ntexts; k++) ARENA_PUSH(a, *texts, n, capacity, t->texts[k]);
        if (i == 0 && t->ntexts == 0) return 0;
    }
    return *texts ? n : -1;
}

static const char *inside(Arena *a, const char *group, const char *name) {
    return *group ? arena_printf(a, "%s/%s", group, name) : name;
}

/* The file's layers that have weights; -1 after an error. */
static int list_saved(const Module *m, const Hdf5File *f, const char *root, SavedLayer **out,
                      Diag *d) {
    const char **names;
    int n = legacy_texts(m->arena, f, root, "layer_names", &names), count = 0;
    *out = ARENA_ARRAY(m->arena, SavedLayer, (size_t)(n > 0 ? n : 0));
    for (int i = 0; i < n; i++) {
        SavedLayer l = {.name = names[i], .group = inside(m->arena, root, names[i])};
        l.nweights = legacy_texts(m->arena, f, l.group, "weight_names", &l.weights);
        if (l.nweights < 0) {
            diag_error(d, "layer '%s': the file lists it, but has no weight_names of it", l.name);
            return -1;
        }
        if (l.nweights) (*out)[count++] = l;
    }
    return count;
}

static int list_model(const Module *m, ModelLayer **out) {
    int n = 0;
    *out = ARENA_ARRAY(m->arena, ModelLayer, (size_t)m->nlayers);
    for (int i = 0; i < m->nlayers; i++) {
        ModelLayer l = {.row = i};
        if (m->layers[i].model) continue;
        l.nparams = legacy_params(m, i, &l.params);
        if (l.nparams) (*out)[n++] = l;
    }
    return n;
}

/* Weights of a file that Keras wrote under Theano have another order. */
static bool check_backend(const Hdf5File *f, const char *root, Diag *d) {
    const Hdf5Texts *t = hdf5_texts(f, root, "backend");
    if (!t || !t->ntexts || strcmp(t->texts[0], "theano") != 0) return true;
    diag_error(d, "its kernels are in Theano's order\naccepted: weights saved under TensorFlow");
    return false;
}

static bool read_saved(Module *m, Hdf5File *f, const ModelLayer *to, const SavedLayer *from,
                       Diag *d) {
    const char *name = m->layers[to->row].name;
    bool ok = true;
    if (from->nweights != to->nparams &&
        !(from->nweights == to->nparams + 1 &&
          strcmp(m->layers[to->row].class_name, "Normalization") == 0)) {
        diag_error(d, "layer '%s' has %d weights, but layer '%s' of the file has %d", name,
                   to->nparams, from->name, from->nweights);
        return false;
    }
    for (int i = 0; i < to->nparams; i++) {
        const Hdf5Record *r = hdf5_find(f, inside(m->arena, from->group, from->weights[i]));
        if (!r) {
            diag_error(d, "layer '%s': the file lists '%s', but does not have it", from->name,
                       from->weights[i]);
            return false;
        }
        ok = set_from_record(m, to->params[i], f, r, d) && ok;
    }
    return ok;
}

/* The file's layer for each of the model's, by name; *missing lists those that it has not. */
static const SavedLayer **match_names(const Module *m, const ModelLayer *model, int nmodel,
                                      SavedLayer *saved, int nsaved, const char **missing) {
    const SavedLayer **out = ARENA_ARRAY(m->arena, const SavedLayer *, (size_t)nmodel);
    NameMap names = {0};
    StrBuf text = {0};
    for (int i = 0; i < nsaved; i++) namemap_set(m->arena, &names, saved[i].name, &saved[i]);
    for (int i = 0; i < nmodel; i++) {
        const char *name = m->layers[model[i].row].name;
        out[i] = namemap_get(&names, name);
        if (!out[i]) strbuf_printf(&text, "%s'%s'", text.length ? ", " : "", name);
    }
    *missing = text.length ? arena_strndup(m->arena, text.text, text.length) : NULL;
    strbuf_free(&text);
    return out;
}

bool read_legacy_weights(Module *m, Hdf5File *f, const char *root, Diag *d) {
    SavedLayer *saved;
    ModelLayer *model;
    const char *missing;
    int nsaved = list_saved(m, f, root, &saved, d), nmodel = list_model(m, &model);
    if (nsaved < 0 || !check_backend(f, root, d)) return false;
    const SavedLayer **from = match_names(m, model, nmodel, saved, nsaved, &missing);
    if (missing && nsaved == nmodel) {
        for (int i = 0; i < nmodel; i++) from[i] = &saved[i];
    } else if (missing) {
        diag_error(d,
                   "the file has %d layers with weights, the model %d; it lacks weights for the "
                   "layers %s",
                   nsaved, nmodel, missing);
        return false;
    }
    if (nsaved > nmodel)
        diag_add(d, DIAG_NOTE, (SrcLoc){0, 0},
                 "the file has weights of %d layers, of which the model has %d", nsaved, nmodel);
    bool ok = true;
    for (int i = 0; i < nmodel; i++) ok = read_saved(m, f, &model[i], from[i], d) && ok;
    return ok;
}
