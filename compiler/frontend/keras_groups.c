/* Where the weights of a module's layers stand in Keras's files. */
#include "keras_files.h"

#include "script.h"

#include <string.h>

/* Row of this name, -1 for NULL. Rows of models stand before what is in them. */
static int find_row(const Module *m, const char *name) {
    for (int i = 0; name && i < m->nlayers; i++) {
        if (strcmp(m->layers[i].name, name) == 0) return i;
    }
    return -1;
}

/* NULL for operations. "layers/dense", then "layers/dense_1": counted in each model by class. */
const char **keras_groups(const Module *m) {
    const char **groups = ARENA_ARRAY(m->arena, const char *, (size_t)m->nlayers);
    NameMap counts = {0};
    for (int i = 0; i < m->nlayers; i++) {
        const Layer *l = &m->layers[i];
        int parent = find_row(m, l->model);
        if (l->operation) continue;
        const char *first =
            arena_printf(m->arena, "%s%slayers/%s", parent < 0 ? "" : groups[parent],
                         parent < 0 ? "" : "/", keras_snake_case(m->arena, l->class_name));
        int *count = namemap_get(&counts, first);
        if (!count) {
            count = ARENA_NEW(m->arena, int);
            namemap_set(m->arena, &counts, first, count);
        }
        groups[i] = *count ? arena_printf(m->arena, "%s_%d", first, *count) : first;
        ++*count;
    }
    return groups;
}

int outermost_row(const Module *m, int i) {
    while (m->layers[i].model) {
        int parent = find_row(m, m->layers[i].model);
        CHECK(parent >= 0 && parent < i);
        i = parent;
    }
    return i;
}

int legacy_params(const Module *m, int row, int **params) {
    int n = 0, capacity = 0;
    *params = NULL;
    for (int trained = 1; trained >= 0; trained--) {
        for (int i = row; i < m->nlayers && (i == row || m->layers[i].model); i++) {
            if (outermost_row(m, i) != row) continue;
            for (int k = 0; k < m->layers[i].nparams; k++) {
                int p = m->layers[i].params[k];
                if (m->params[p].trainable == (trained == 1))
                    ARENA_PUSH(m->arena, *params, n, capacity, p);
            }
        }
    }
    return n;
}
