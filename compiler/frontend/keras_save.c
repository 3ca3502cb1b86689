/* Writing the files of Keras: .keras, .weights.h5 and .h5. */
#include "../../runtime/files.h"
#include "../support/namemap.h"
#include "frontend.h"
#include "hdf5_write.h"
#include "keras_files.h"
#include "keras_optimizer.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

/* ---- weights as Keras 3 has them ---- */

static void put_param(Hdf5Writer *w, const char *path, const Param *p) {
    CHECK(p->data || p->role == PARAM_SLOT);
    float *zeros = p->data ? NULL : calloc((size_t)shape_count(&p->type.shape), sizeof *zeros);
    if (!p->data && !zeros)
        w->failed = true;
    else
        hdf5_put_floats(w, path, param_shape(p), p->data ? p->data : zeros);
    free(zeros);
}

/* The optimizer's variables as `group`/0, 1, ...; returns their number. */
static int put_optimizer(const Module *m, Hdf5Writer *w, const char *group, uint64_t steps) {
    const Shape scalar = {0};
    const float rate = m->train.optimizer.learning_rate;
    int *slots, n = keras_slots(m, &slots), first = 1;
    hdf5_put_group(w, group);
    hdf5_put_text(w, group, "name", m->train.optimizer.name);
    hdf5_put_integer(w, arena_printf(m->arena, "%s/0", group), (int64_t)steps);
    if (keras_has_rate(m))
        hdf5_put_floats(w, arena_printf(m->arena, "%s/%d", group, first++), &scalar, &rate);
    for (int i = 0; i < n; i++)
        put_param(w, arena_printf(m->arena, "%s/%d", group, first + i), &m->params[slots[i]]);
    return first + n;
}

static bool has_optimizer(const Module *m) {
    return m->train.compiled && m->train.optimizer.kind != OPT_NONE;
}

static unsigned char *weights_image(const Module *m, uint64_t steps, size_t *size) {
    Hdf5Writer w = hdf5_create();
    const char **groups = keras_groups(m);
    for (int i = 0; i < m->nlayers; i++) {
        const Layer *l = &m->layers[i];
        if (l->operation) continue;
        const char *vars = arena_printf(m->arena, "%s/vars", groups[i]);
        const char *slash = strrchr(l->name, '/');
        hdf5_put_group(&w, vars);
        hdf5_put_text(&w, vars, "name", slash ? slash + 1 : l->name);
        for (int k = 0; k < l->nparams; k++)
            put_param(&w, arena_printf(m->arena, "%s/%d", vars, k), &m->params[l->params[k]]);
        /* Normalization counts what it was adapted to. */
        if (strcmp(l->class_name, "Normalization") == 0 && l->nparams == 2)
            hdf5_put_integer(&w, arena_printf(m->arena, "%s/2", vars), 0);
    }
    hdf5_put_group(&w, "vars");
    hdf5_put_text(&w, "vars", "name", m->model_name);
    if (has_optimizer(m)) put_optimizer(m, &w, "optimizer/vars", steps);
    return hdf5_finish(&w, size);
}

/* ---- weights as Keras 2 has them ---- */

static void put_legacy_layer(const Module *m, Hdf5Writer *w, int row) {
    const char *group = arena_printf(m->arena, "model_weights/%s", m->layers[row].name);
    int *params, n = legacy_params(m, row, &params);
    const char **names = ARENA_ARRAY(m->arena, const char *, (size_t)n);
    hdf5_put_group(w, group);
    for (int i = 0; i < n; i++) {
        names[i] = m->params[params[i]].name;
        put_param(w, arena_printf(m->arena, "%s/%s", group, names[i]), &m->params[params[i]]);
    }
    hdf5_put_texts(w, group, "weight_names", names, n);
}

/* training_config has the optimizer under another name than compile_config. */
static char *training_config(const json_t *compile) {
    static const char *const always[] = {"loss", "metrics", "loss_weights", "weighted_metrics"};
    json_t *out = json_copy((json_t *)compile), *optimizer = json_object_get(compile, "optimizer");
    if (json_is_string(optimizer))
        json_object_set_new(out, "optimizer_config",
                            json_pack("{s:O, s:{}}", "class_name", optimizer, "config"));
    else
        json_object_set(out, "optimizer_config", optimizer);
    json_object_del(out, "optimizer");
    for (int i = 0; i < 4; i++) {
        if (!json_object_get(out, always[i])) json_object_set_new(out, always[i], json_null());
    }
    char *text = json_dumps(out, 0);
    json_decref(out);
    return text;
}

static void put_configs(const Module *m, Hdf5Writer *w) {
    json_t *config = json_loads(m->keras_config, 0, NULL);
    json_t *compile = json_incref(json_object_get(config, "compile_config"));
    char *training = compile ? training_config(compile) : NULL;
    json_object_del(config, "compile_config");
    char *model = json_dumps(config, 0);
    if (model) hdf5_put_text(w, "/", "model_config", model);
    if (training) hdf5_put_text(w, "/", "training_config", training);
    free(model);
    free(training);
    json_decref(compile);
    json_decref(config);
}

static void put_legacy_optimizer(const Module *m, Hdf5Writer *w, uint64_t steps) {
    int n = put_optimizer(m, w, "optimizer_weights/vars", steps);
    const char **names = ARENA_ARRAY(m->arena, const char *, (size_t)n);
    for (int i = 0; i < n; i++) names[i] = arena_printf(m->arena, "vars/%d", i);
    hdf5_put_texts(w, "optimizer_weights", "weight_names", names, n);
}

static unsigned char *legacy_image(const Module *m, uint64_t steps, size_t *size) {
    Hdf5Writer w = hdf5_create();
    const char **names = ARENA_ARRAY(m->arena, const char *, (size_t)m->nlayers);
    int n = 0;
    put_configs(m, &w);
    hdf5_put_text(&w, "/", "backend", "tensorflow");
    hdf5_put_text(&w, "/", "keras_version", "3.0.0");
    hdf5_put_group(&w, "model_weights");
    hdf5_put_text(&w, "model_weights", "backend", "tensorflow");
    hdf5_put_text(&w, "model_weights", "keras_version", "3.0.0");
    for (int i = 0; i < m->nlayers; i++) {
        if (m->layers[i].model || m->layers[i].operation) continue;
        names[n++] = m->layers[i].name;
        put_legacy_layer(m, &w, i);
    }
    hdf5_put_texts(&w, "model_weights", "layer_names", names, n);
    if (has_optimizer(m)) put_legacy_optimizer(m, &w, steps);
    return hdf5_finish(&w, size);
}

/* ---- files ---- */

/* A new file beside `path`; its name in *name. -1 if there is none. */
static int temporary(Arena *a, const char *path, char **name) {
    *name = arena_printf(a, "%s.XXXXXX", path);
    int fd = mkstemp(*name);
    if (fd >= 0) fchmod(fd, 0666 & ~022);
    return fd;
}

static bool write_all(int fd, const unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

/* What libzip closed may be on its way to the disk only. */
static bool sync_file(const char *name) {
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return ok;
}

static bool finish_file(const char *name, const char *path, bool ok, Diag *d) {
    if (ok && sync_file(name) && rename(name, path) == 0 && (errno = lathe_sync_names(path)) == 0)
        return true;
    diag_error(d, "cannot write the file: %s", strerror(errno));
    unlink(name);
    return false;
}

static bool save_image(Arena *a, const char *path, const unsigned char *bytes, size_t size,
                       Diag *d) {
    char *name;
    int fd = temporary(a, path, &name);
    bool ok = fd >= 0 && write_all(fd, bytes, size);
    if (fd >= 0) ok = close(fd) == 0 && ok;
    return finish_file(name, path, ok, d);
}

static bool add_member(zip_t *zip, const char *name, const void *bytes, size_t size) {
    zip_source_t *source = zip_source_buffer(zip, bytes, size, 0);
    zip_int64_t i = source ? zip_file_add(zip, name, source, 0) : -1;
    if (i < 0) {
        zip_source_free(source);
        return false;
    }
    zip_file_set_dostime(zip, (zip_uint64_t)i, 0, 0x21, 0); /* 1980-01-01 */
    return zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0) == 0;
}

/* What Keras does not read, but lathe: how raw pixels are scaled, and the classes' names. */
static char *metadata(const Module *m) {
    json_t *classes = json_array(), *v;
    for (int i = 0; i < m->nclasses; i++)
        json_array_append_new(classes, json_string(m->classes[i]));
    v = json_pack("{s:s, s:{s:f, s:o}}", "keras_version", "3.0.0", "lathe", "input_scale",
                  (double)m->input_scale, "classes", classes);
    char *text = v ? json_dumps(v, 0) : NULL;
    json_decref(v);
    return text;
}

static bool save_archive(const Module *m, const char *path, const unsigned char *image, size_t size,
                         Diag *d) {
    char *name, *about = metadata(m);
    int code, fd = temporary(m->arena, path, &name);
    if (fd >= 0) close(fd);
    zip_t *zip = fd >= 0 && about ? zip_open(name, ZIP_CREATE | ZIP_TRUNCATE, &code) : NULL;
    bool ok = zip && add_member(zip, "metadata.json", about, strlen(about)) &&
              add_member(zip, "config.json", m->keras_config, strlen(m->keras_config)) &&
              add_member(zip, "model.weights.h5", image, size);
    if (zip && (!ok || zip_close(zip) != 0)) {
        zip_discard(zip);
        ok = false;
    }
    free(about);
    return finish_file(name, path, ok, d);
}

static bool has_ending(const char *path, const char *ending) {
    size_t n = strlen(path), k = strlen(ending);
    return n > k && strcmp(path + n - k, ending) == 0;
}

bool save_keras(const Module *m, const char *path, uint64_t steps, Diag *d) {
    bool weights = has_ending(path, ".weights.h5"), archive = has_ending(path, ".keras");
    size_t size = 0;
    diag_init(d, m->arena, path, NULL);
    if (!weights && !m->keras_config) {
        diag_error(
            d, "this model cannot be written for Keras: %s\naccepted: .weights.h5, .safetensors",
            m->keras_refusal ? m->keras_refusal : "it is not made of Keras's layers");
        return false;
    }
    unsigned char *image =
        weights || archive ? weights_image(m, steps, &size) : legacy_image(m, steps, &size);
    bool ok = false;
    if (!image)
        diag_error(d, "the weights cannot be written as HDF5");
    else
        ok = archive ? save_archive(m, path, image, size, d)
                     : save_image(m->arena, path, image, size, d);
    free(image);
    return ok;
}
