/* The kernels that a file needs: equal parameters share one function. */
#include "plan.h"

#include <string.h>

const char *share_text(KernelSet *s, const char *text) {
    for (int i = 0; i < s->ntexts; i++)
        if (!strcmp(s->texts[i], text)) return s->texts[i];
    ARENA_PUSH(s->arena, s->texts, s->ntexts, s->texts_cap, arena_strdup(s->arena, text));
    return s->texts[s->ntexts - 1];
}

/* Parameters are zeroed before they are filled and their strings are shared (names of types, of
 * functions in this set, or of share_text), so equal bytes mean equal kernels. */
const char *use_kernel(KernelSet *s, const KernelType *type, const void *params, const char *stem) {
    int alike = 0;
    for (int i = 0; i < s->nuses; i++) {
        KernelUse *u = s->uses[i];
        if (u->type == type && !memcmp(u->params, params, type->size)) return u->fn;
        alike += !strcmp(u->stem, stem);
    }
    void *copy = arena_alloc(s->arena, 1, type->size);
    memcpy(copy, params, type->size);
    KernelUse *u = ARENA_NEW(s->arena, KernelUse);
    *u = (KernelUse){.type = type, .params = copy, .stem = arena_strdup(s->arena, stem)};
    u->fn = alike ? arena_printf(s->arena, "%s%s_%d", s->prefix, stem, alike + 1)
                  : arena_printf(s->arena, "%s%s", s->prefix, stem);
    ARENA_PUSH(s->arena, s->uses, s->nuses, s->uses_cap, u);
    return u->fn;
}
