/* Whole models in files: .keras archives, .h5 files with a config, JSON. */
#include "keras_files.h"

#include "keras_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_JSON = 1 << 28 };

static const char weights_member[] = "model.weights.h5";

/* ---- .keras ---- */

static json_t *archive_json(Jail *j, const char *member, Diag *d) {
    size_t size;
    unsigned char *bytes;
    lathe_error e;
    if (!jail_read_member(j, member, &bytes, &size, &e)) {
        diag_error(d, "%s", e.text);
        return NULL;
    }
    json_t *v = parse_json((const char *)bytes, size, member, d);
    free(bytes);
    return v;
}

/* What lathe added when it wrote the archive. */
static void read_metadata(Module *m, const json_t *v) {
    const json_t *own = json_object_get(v, "lathe");
    double scale = json_number_value(json_object_get(own, "input_scale"));
    int capacity = 0;
    size_t i;
    json_t *name;
    if (scale > 0 && scale < 1e30) m->input_scale = (float)scale;
    json_array_foreach(json_object_get(own, "classes"), i, name) {
        const char *text =
            arena_strdup(m->arena, json_is_string(name) ? json_string_value(name) : "");
        ARENA_PUSH(m->arena, m->classes, m->nclasses, capacity, text);
    }
}

static Module *load_archive(Arena *a, const char *path, Jail *j, Diag *d) {
    json_t *config = archive_json(j, "config.json", d);
    Module *m = NULL;
    if (config)
        m = keras_config_load(a, path, config, json_object_get(config, "compile_config"), d);
    json_decref(config);
    json_t *about = m ? archive_json(j, "metadata.json", d) : NULL;
    if (about) read_metadata(m, about);
    json_decref(about);
    if (d->errors || !m) return NULL;
    Hdf5File *f = hdf5_open_in(a, j, weights_member, d);
    bool ok = f && read_keras_weights(m, f, d);
    hdf5_close(f);
    return ok ? m : NULL;
}

Module *keras_archive_load(Arena *a, const char *path, Diag *d) {
    lathe_error e;
    Jail *j = jail_open(path, &e);
    if (!j) diag_error(d, "%s", e.text);
    Module *m = j ? load_archive(a, path, j, d) : NULL;
    jail_close(j);
    return m;
}

Hdf5File *keras_weights_open(Arena *a, const char *path, Diag *d) {
    return hdf5_open(a, path, is_zip_file(path) ? weights_member : NULL, d);
}

/* ---- .h5 ---- */

static json_t *attribute_json(const Hdf5File *f, const char *name, Diag *d) {
    const Hdf5Texts *t = hdf5_texts(f, "", name);
    return t && t->ntexts ? parse_json(t->texts[0], strlen(t->texts[0]), name, d) : NULL;
}

static Module *load_h5_model(Arena *a, const char *path, Hdf5File *f, Diag *d) {
    const Hdf5Texts *t = hdf5_texts(f, "", "model_config");
    if (!t || !t->ntexts) {
        diag_error(d,
                   "it holds weights, but not the model that they are of\n"
                   "accepted: the model's script or config as MODEL, and this file as --weights");
        return NULL;
    }
    json_t *config = attribute_json(f, "model_config", d);
    json_t *compile = config ? attribute_json(f, "training_config", d) : NULL;
    Module *m = config && !d->errors ? keras_config_load(a, path, config, compile, d) : NULL;
    json_decref(config);
    json_decref(compile);
    return m && read_keras_weights(m, f, d) ? m : NULL;
}

Module *keras_h5_load(Arena *a, const char *path, Diag *d) {
    Hdf5File *f = hdf5_open(a, path, NULL, d);
    Module *m = f ? load_h5_model(a, path, f, d) : NULL;
    hdf5_close(f);
    return m;
}

/* ---- .json ---- */

static json_t *read_json(const char *path, Diag *d) {
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(MAX_JSON) : NULL;
    size_t n = text ? fread(text, 1, MAX_JSON, file) : 0;
    json_t *v = NULL;
    if (!file || !text || ferror(file))
        diag_error(d, "cannot read the file: %s", strerror(errno));
    else if (n == MAX_JSON)
        diag_error(d, "the file is too large for a model's config (more than %d bytes)", MAX_JSON);
    else
        v = parse_json(text, n, "the file", d);
    free(text);
    if (file) fclose(file);
    return v;
}

Module *keras_json_load(Arena *a, const char *path, Diag *d) {
    json_t *config = read_json(path, d);
    Module *m = NULL;
    if (config)
        m = keras_config_load(a, path, config, json_object_get(config, "compile_config"), d);
    json_decref(config);
    return m;
}
