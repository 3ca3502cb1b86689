/* Training on several processes: the lines between the steps by which generated code says that a
 * gradient is whole (see runtime/lathe_exchange.h). Nothing here touches the code for one process.
 */
#include "emit.h"

Stage stage_of(const Step *s) {
    return s->apply ? STAGE_APPLY : s->reduced ? STAGE_REDUCED : STAGE_STEPS;
}

static bool lies_in_range(const Place *p, int64_t at, int64_t floats) {
    return p->at + p->offset >= at && p->at + p->offset < at + floats;
}

/* Whether the step touches the parameter in the state, or its gradient. */
static bool touches(const Step *s, const ParamLayout *p, bool gradient, bool writes) {
    for (int i = 0; i < s->nargs; i++) {
        PlaceKind kind = s->arg[i].kind;
        bool there = gradient ? kind == PLACE_GRADS : kind == PLACE_STATE || kind == PLACE_WEIGHTS;
        if (there && lies_in_range(&s->arg[i], gradient ? p->grad_at : p->at, p->floats) &&
            (s->arg_writes[i] || !writes))
            return true;
    }
    return false;
}

/* The last step before the gradients are added up that touches it, if one writes it; else -1. */
static int last_touch(const Plan *plan, const ParamLayout *p, bool gradient) {
    int last = -1;
    bool written = false;
    for (int i = 0; i < plan->nsteps; i++) {
        const Step *s = &plan->steps[i];
        if (stage_of(s) != STAGE_STEPS || !touches(s, p, gradient, false)) continue;
        written = written || touches(s, p, gradient, true);
        last = i;
    }
    return written ? last : -1;
}

static void emit_line(const File *f, const char *what, int param, StrBuf *w) {
    const ParamLayout *p = &f->params->param[param];
    strbuf_printf(w, "    %s_%s(r, %s, %lld);\n", f->id, what, p->id, (long long)p->floats);
}

/* Gradients have the same offsets as their parameters, at the start of the workspace. */
void emit_ready(const File *f, const Plan *plan, int step, StrBuf *w) {
    if (!f->o->shared) return;
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *p = &f->params->param[i];
        bool statistic = f->m->params[i].role == PARAM_STATISTIC && p->at >= 0;
        if (p->grad_at >= 0 && last_touch(plan, p, true) == step) emit_line(f, "add", i, w);
        if (statistic && !f->o->sync_norm && last_touch(plan, p, false) == step)
            emit_line(f, "average", i, w);
    }
}

void emit_shared_finish(const File *f, StrBuf *w) {
    if (f->o->shared)
        strbuf_printf(w, "    %s_wait(&r);\n    %s_reduced_steps(&r);\n", f->id, f->id);
}
