/* Optimizer state in Keras's files: number of steps, learning rate, then the slots. */
#include "keras_optimizer.h"

#include "frontend.h"
#include "keras_files.h"

#include <jansson.h>
#include <string.h>

enum { MOST_SLOTS = 4 };

static bool is_accumulator(const Param *p) {
    const char *slash = strrchr(p->name, '/');
    return slash && strcmp(slash, "/accumulator") == 0;
}

/* The slots of parameter p in the order of the optimizer's operation. */
static int slots_of(const Module *m, int p, int slots[MOST_SLOTS]) {
    int n = 0;
    for (int i = 0; i < m->nparams && n < MOST_SLOTS; i++) {
        const Param *q = &m->params[i];
        if (q->role == PARAM_SLOT && q->owner == p && !is_accumulator(q)) slots[n++] = i;
    }
    return n;
}

/* Keras makes the sums of gradients, then one kind of slot for all parameters, then the next;
 * Adam's first two together. */
int keras_slots(const Module *m, int **params) {
    int groups[MOST_SLOTS] = {1, 1, 1, 1}, n = 0, capacity = 0, first = 0;
    if (m->train.optimizer.kind == OPT_ADAM) groups[0] = 2;
    *params = NULL;
    for (int i = 0; i < m->nparams; i++) {
        if (m->params[i].role == PARAM_SLOT && is_accumulator(&m->params[i]))
            ARENA_PUSH(m->arena, *params, n, capacity, i);
    }
    for (int g = 0; g < MOST_SLOTS && first < MOST_SLOTS; first += groups[g++]) {
        for (int p = 0; p < m->nparams; p++) {
            int slots[MOST_SLOTS], count = slots_of(m, p, slots);
            for (int i = first; i < first + groups[g] && i < count; i++)
                ARENA_PUSH(m->arena, *params, n, capacity, slots[i]);
        }
    }
    return n;
}

bool keras_has_rate(const Module *m) {
    json_t *v = m->keras_config ? json_loads(m->keras_config, 0, NULL) : NULL;
    const json_t *compile = json_object_get(v, "compile_config");
    const json_t *config = json_object_get(json_object_get(compile, "optimizer"), "config");
    bool schedule = json_is_object(json_object_get(config, "learning_rate"));
    json_decref(v);
    return !schedule;
}

/* ---- reading ---- */

typedef struct {
    const Hdf5Record **items;
    int count;
} Variables;

/* The records of the optimizer's variables, in order. */
static Variables list_variables(const Module *m, const Hdf5File *f) {
    Variables v = {0};
    const char **names;
    int capacity = 0, n = legacy_texts(m->arena, f, "optimizer_weights", "weight_names", &names);
    for (int i = 0; i < n; i++) {
        const Hdf5Record *r =
            hdf5_find(f, arena_printf(m->arena, "optimizer_weights/%s", names[i]));
        if (r) ARENA_PUSH(m->arena, v.items, v.count, capacity, r);
    }
    if (n >= 0) return v;
    for (int i = 0;; i++) {
        const Hdf5Record *r = hdf5_find(f, arena_printf(m->arena, "optimizer/vars/%d", i));
        if (!r) return v;
        ARENA_PUSH(m->arena, v.items, v.count, capacity, r);
    }
}

static bool read_variables(Module *m, Hdf5File *f, uint64_t *steps, Diag *d) {
    Variables v = list_variables(m, f);
    double number;
    int *slots, n = keras_slots(m, &slots);
    if (v.count == 0) return true;
    if (!hdf5_read_number(f, v.items[0], &number, d)) return false;
    /* Keras 2 did not keep the learning rate here; its Adam lists all of one slot, then the next.
     */
    int first = keras_has_rate(m) ? 2 : 1;
    if (v.count != n + first || !(number >= 0 && number < 1e15)) {
        diag_add(
            d, DIAG_WARNING, (SrcLoc){0, 0},
            "its optimizer has %d variables where lathe expects %d: training starts with a new "
            "optimizer",
            v.count, n + first);
        return true;
    }
    for (int i = 0; i < n; i++) {
        if (!set_from_record(m, slots[i], f, v.items[first + i], d)) return false;
    }
    *steps = (uint64_t)number;
    return true;
}

bool load_keras_optimizer(Module *m, const char *path, uint64_t *steps, Diag *d) {
    *steps = 0;
    diag_init(d, m->arena, path, NULL);
    Hdf5File *f = keras_weights_open(m->arena, path, d);
    bool ok = f && read_variables(m, f, steps, d);
    hdf5_close(f);
    return ok;
}
