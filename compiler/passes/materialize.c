/* Initial values of parameters, bit for bit those of the generated NAME_init. */
#include "rewrite.h"

#include <math.h>

#include "../../templates/random.h.in"

void draw_param(const Module *m, int index, uint64_t seed, float *out) {
    const Param *p = &m->params[index];
    int64_t count = shape_count(&p->type.shape);
    for (int64_t i = 0; i < count; i++)
        out[i] = lathe_init_element((int)p->init.kind, p->init.a, p->init.b, seed, (uint32_t)index,
                                    (uint32_t)i);
}

void materialize_params(Module *m, uint64_t seed) {
    for (int i = 0; i < m->nparams; i++) {
        Param *p = &m->params[i];
        if (p->data) continue;
        p->data = ARENA_ARRAY(m->arena, float, (size_t)shape_count(&p->type.shape));
        draw_param(m, i, seed, p->data);
    }
}
