#include "tuning.h"

#include "../../runtime/files.h"
#include "../codegen/emit.h"
#include "driver.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, MOST_BYTES = 1 << 26 };

/* ---- writing -------------------------------------------------------------------------------- */

static json_t *times_of(const TunedSite *s) {
    json_t *times = json_object();
    for (int v = 0; v < VARIANT_COUNT; v++)
        if (s->ms[v] > 0) json_object_set_new(times, variant_name((Variant)v), json_real(s->ms[v]));
    return times;
}

static json_t *report_json(const TuningReport *r) {
    json_t *layers = json_object();
    for (int i = 0; i < r->count; i++) {
        const TunedSite *s = &r->sites[i];
        json_t *layer =
            json_pack("{s:s, s:o}", "variant", variant_name((Variant)s->best), "ms", times_of(s));
        json_object_set_new(layers, s->site.node->name, layer);
    }
    return json_pack("{s:i, s:s, s:s, s:s, s:i, s:i, s:f, s:f, s:o}", "lathe_tuning", VERSION,
                     "model", r->model, "target", r->target, "processor", r->processor, "threads",
                     r->threads, "batch", r->batch, "model_ms", r->model_ms, "tuned_ms",
                     r->tuned_ms, "layers", layers);
}

bool write_tuning(const char *path, const TuningReport *r) {
    lathe_error e;
    json_t *json = report_json(r);
    char *text = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(4));
    json_decref(json);
    if (!text) PANIC("a tuning report is no JSON");
    bool ok = lathe_write_file(path, text, strlen(text), &e);
    if (!ok) user_error("%s", e.text);
    free(text);
    return ok;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* The file as JSON, and the hash of its bytes. NULL after an error was printed. */
static json_t *read_json(const char *path, uint64_t *hash) {
    unsigned char *bytes;
    size_t size;
    lathe_error e;
    json_error_t j;
    if (!lathe_read_file(path, MOST_BYTES, &bytes, &size, &e)) {
        user_error("%s", e.text);
        return NULL;
    }
    json_t *json = json_loadb((char *)bytes, size, JSON_REJECT_DUPLICATES, &j);
    *hash = fnv1a(FNV_START, bytes, size);
    free(bytes);
    if (!json) user_error("%s:%d: %s", path, j.line, j.text);
    return json;
}

/* Adds one layer of the file. */
static bool take_layer(Module *m, const char *path, const char *name, const json_t *layer,
                       const Site *sites, int count, Tuning *t) {
    const char *variant = json_string_value(json_object_get(layer, "variant"));
    const Site *s = NULL;
    for (int i = 0; i < count; i++)
        if (!strcmp(sites[i].node->name, name)) s = &sites[i];
    if (!s)
        return user_error("%s: layer '%s' has no choice of kernels in this model: the file is of "
                          "another one, or of another version of it",
                          path, name),
               false;
    Variant v = variant ? variant_find(variant) : VARIANT_COUNT;
    if (v == VARIANT_COUNT || !(s->legal >> v & 1))
        return user_error("%s: layer '%s': unknown variant '%s'; accepted: %s", path, name,
                          variant ? variant : "", variant_names(m->arena, s->legal)),
               false;
    t->layer[t->count++] = (TunedLayer){s->node->name, (int)v};
    return true;
}

static bool take_layers(Module *m, const char *path, json_t *json, CodegenOptions *c, Tuning *t) {
    json_t *layers = json_object_get(json, "layers"), *layer;
    Site *sites;
    const char *name;
    int count = find_sites(m, c, &sites);
    if (json_integer_value(json_object_get(json, "lathe_tuning")) != VERSION ||
        !json_is_object(layers))
        return user_error("%s is no tuning file of this version: lathe tune writes one", path),
               false;
    t->layer = ARENA_ARRAY(m->arena, TunedLayer, json_object_size(layers) + 1);
    json_object_foreach(layers, name, layer) {
        if (!take_layer(m, path, name, layer, sites, count, t)) return false;
    }
    return true;
}

bool open_tuning(Module *m, const Options *o, CodegenOptions *c) {
    const char *path = o->text[OPTION_TUNED];
    if (!path) return true;
    if (c->train) return user_error("--tuned goes with inference"), false;
    Tuning *t = ARENA_NEW(m->arena, Tuning);
    json_t *json = read_json(path, &t->hash);
    bool ok = json && take_layers(m, path, json, c, t);
    json_decref(json);
    c->tuning = t;
    return ok;
}

/* ---- what bench measured -------------------------------------------------------------------- */

bool read_measured(Arena *a, const char *path, MeasuredLayer **measured, int *count) {
    uint64_t hash;
    json_t *json = read_json(path, &hash), *row;
    if (!json) return false;
    const json_t *result = json_array_get(json_object_get(json, "results"), 0);
    const json_t *layers = json_object_get(result, "layers");
    size_t i;
    *count = 0;
    *measured = ARENA_ARRAY(a, MeasuredLayer, json_array_size(layers) + 1);
    json_array_foreach((json_t *)layers, i, row) {
        const char *name = json_string_value(json_object_get(row, "layer"));
        double ms = json_number_value(json_object_get(row, "generated_ms"));
        if (name && ms > 0)
            (*measured)[(*count)++] = (MeasuredLayer){arena_strdup(a, name), 1e-3 * ms};
    }
    json_decref(json);
    if (!*count)
        user_error("%s has no times by layer: lathe bench MODEL --inference --layers --json "
                   "prints them",
                   path);
    return *count > 0;
}
