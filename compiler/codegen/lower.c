/* Lowering: walks a function's nodes and lets each operation's rule append steps to the plan. */
#include "lower.h"

#include "emit.h"

#include <limits.h>

typedef void (*LowerRule)(Lower *l, const Node *n);

#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower)                    \
    void lower_##lower(Lower *l, const Node *n);
#include "../ir/ops.def"
#undef OP

static const LowerRule rules[OP_COUNT] = {
#define OP(NAME, text, min_in, max_in, outs, attrs, shape, interp, grad, lower) lower_##lower,
#include "../ir/ops.def"
#undef OP
};

/* init is written from the parameter table (see emit_tables.c), not from steps. */
void lower_initialize(Lower *l, const Node *n) {
    (void)l;
    (void)n;
}

/* ---- layouts -------------------------------------------------------------------------------- */

static bool has_batch(const Value *v) {
    return v->type.shape.rank > 0 && v->type.shape.dim[0] == DIM_BATCH;
}

int64_t sample_floats(const Layout *y) { return y->line ? y->sample : y->pitch * y->rows; }

/* Rows without gaps. */
static Layout dense_layout(const Value *v) {
    const Shape *s = &v->type.shape;
    Layout y = {.rows = 1, .channels = s->rank > 1 ? s->dim[s->rank - 1] : 1};
    for (int i = 1; i + 1 < s->rank; i++) y.rows *= s->dim[i];
    y.pitch = y.channels;
    return y;
}

/* A flattened feature map has no lanes to spare between samples: its gradient goes back by the same
 * addresses. */
static bool is_reshaped(const Lower *l, const Value *v) {
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *n = l->f->nodes[i];
        if (n->op == OP_RESHAPE && n->in[0] == v) return true;
    }
    return false;
}

int64_t own_pitch(const Lower *l, const Value *v) {
    const Shape *s = &v->type.shape;
    if (s->rank < 2) return 1;
    int64_t pitch = pitch_of(s->dim[s->rank - 1]);
    bool image = s->rank == 4 && s->dim[1] * s->dim[2] > 1 && !l->o->train;
    return image && pitch % SET_FLOATS == 0 && !is_reshaped(l, v) ? pitch + 16 : pitch;
}

static Layout param_layout(const Lower *l, int index) {
    const ParamLayout *p = &l->params->param[index];
    CHECK(p->at >= 0);
    return (Layout){.place = {.kind = PLACE_WEIGHTS, .at = p->at},
                    .pitch = p->floats,
                    .rows = 1,
                    .channels = p->columns};
}

bool is_half(const Lower *l, const Value *v) {
    return v->param >= 0 && l->params->param[v->param].half;
}

Place stored_place(const Lower *l, const Value *v) { return param_layout(l, v->param).place; }

/* Widening gives the numbers themselves: nothing is rounded. */
static Place widened(Lower *l, const Value *v) {
    Place y = find_derived(l, DERIVED_WIDENED, v, NULL);
    if (y.kind != PLACE_NONE) return y;
    int lanes = l->machine->lanes;
    WidenParams p = {.V = vector_name(l->machine, lanes),
                     .L = lanes,
                     .floats = l->params->param[v->param].floats};
    y = new_buffer(l, arena_printf(l->m->arena, "%s/floats", v->name), p.floats);
    STEP(l, l->plan->buffers[y.at].name, &kernel_widen, &p, stem_of(l, "widen", 0, lanes),
         "weights of 16 bits as floats", in_as(stored_place(l, v), "const uint16_t *"), out(y));
    keep_derived(l, DERIVED_WIDENED, v, NULL, y);
    return y;
}

Layout layout_of(Lower *l, const Value *v) {
    if (v->param >= 0) {
        Layout y = param_layout(l, v->param);
        if (is_half(l, v)) y.place = widened(l, v);
        return y;
    }
    CHECK(l->defined[v->id]);
    return l->layout[v->id];
}

void define_as(Lower *l, const Value *v, Layout y) {
    CHECK(!l->defined[v->id]);
    l->layout[v->id] = y;
    l->defined[v->id] = true;
}

Place new_buffer(Lower *l, const char *name, int64_t floats) {
    Plan *p = l->plan;
    Buffer b = {.name = name, .floats = floats, .first = p->nsteps, .last = p->nsteps};
    CHECK(floats > 0);
    ARENA_PUSH(l->m->arena, p->buffers, p->nbuffers, p->buffers_cap, b);
    return (Place){.kind = PLACE_BUFFER, .at = p->nbuffers - 1};
}

Place new_samples(Lower *l, const char *name, int64_t floats) {
    Place place = new_buffer(l, name, floats);
    l->plan->buffers[place.at].each = floats;
    return place;
}

static int64_t columns_of(const Shape *s) { return s->rank ? s->dim[s->rank - 1] : 1; }

int64_t packed_floats(const Shape *s) {
    int64_t rows = 1;
    for (int i = 0; i + 1 < s->rank; i++) rows *= s->dim[i];
    return pitch_of(columns_of(s)) * rows;
}

/* Values without samples are parameters' gradients and statistics: packed as parameters are. */
static Layout define_packed(Lower *l, const Value *v) {
    const Shape *s = &v->type.shape;
    Layout y = {.pitch = whole_lines(packed_floats(s)), .rows = 1, .channels = columns_of(s)};
    y.place = new_buffer(l, v->name, y.pitch);
    define_as(l, v, y);
    return y;
}

Layout define_with_pitch(Lower *l, const Value *v, int64_t pitch) {
    if (l->defined[v->id]) return l->layout[v->id];
    if (!has_batch(v)) return define_packed(l, v);
    if (define_at_home(l, v)) return l->layout[v->id];
    Layout y = dense_layout(v);
    y.pitch = pitch ? pitch : own_pitch(l, v);
    y.place = new_samples(l, v->name, sample_floats(&y));
    define_as(l, v, y);
    return y;
}

Layout define(Lower *l, const Value *v) {
    const Shape *s = &v->type.shape;
    bool flat = has_batch(v) && s->rank == 2 && s->dim[1] % 4 == 0 && is_reshaped(l, v);
    return define_with_pitch(l, v, flat ? s->dim[1] : 0);
}

Layout with_pitch(Lower *l, const Value *v, int64_t pitch) {
    Layout x = layout_of(l, v);
    if (x.pitch == pitch) return x;
    Layout y = x;
    y.pitch = pitch;
    const int32_t key[4] = {(int32_t)pitch};
    y.place = find_derived(l, DERIVED_ROWS, v, key);
    if (y.place.kind != PLACE_NONE) return y;
    y.place = new_samples(l, v->name, sample_floats(&y));
    keep_derived(l, DERIVED_ROWS, v, key, y.place);
    Shape rows = {.rank = 3, .dim = {DIM_BATCH, x.rows, 1}};
    copy_window(l, arena_printf(l->m->arena, "%s/rows", v->name), x, &rows, y, &rows, 0, 0);
    return y;
}

Place find_derived(const Lower *l, DerivedKind kind, const Value *v, const int32_t *pad) {
    for (int i = 0; i < l->nderived; i++) {
        const Derived *d = &l->derived[i];
        if (d->kind != kind || d->value != v) continue;
        if (!pad || !memcmp(d->pad, pad, sizeof d->pad)) return d->place;
    }
    return no_place();
}

void keep_derived(Lower *l, DerivedKind kind, const Value *v, const int32_t *pad, Place place) {
    Derived d = {.kind = kind, .value = v, .place = place};
    if (pad) memcpy(d.pad, pad, sizeof d.pad);
    ARENA_PUSH(l->m->arena, l->derived, l->nderived, l->derived_cap, d);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void touch(Lower *l, Place p) {
    if (p.kind != PLACE_BUFFER) return;
    Buffer *b = &l->plan->buffers[p.at];
    if (l->plan->nsteps < b->first) b->first = l->plan->nsteps;
    b->last = l->plan->nsteps;
}

bool is_optimizer(OpKind op) { return op == OP_SGD || op == OP_ADAM || op == OP_RMSPROP; }

/* What NAME_apply does with gradients before the optimizer. */
static bool is_clipping(const Node *n) {
    bool norm = n->op == OP_PENALTY && n->in[0]->param < 0;
    return norm || n->op == OP_CLIP_VALUE || n->op == OP_CLIP_NORM;
}

/* Replaces a parameter's gradient where it lies. */
static bool is_in_place(OpKind op) {
    return op == OP_REGULARIZE || op == OP_ACCUMULATE || op == OP_CLIP_VALUE || op == OP_CLIP_NORM;
}

/* What several processes do to gradients once these are added up. */
static bool is_reduced(const Lower *l, OpKind op) {
    return l->o->shared && (op == OP_REGULARIZE || op == OP_ACCUMULATE);
}

/* Kernels that only divide by the number of samples, where all processes take the batch's
 * statistics together. */
static bool counts_all(const Lower *l, const KernelType *type) {
    return l->o->sync_norm && (type == &kernel_combine || type == &kernel_batch_norm_statistics ||
                               type == &kernel_batch_norm_grad);
}

void add_step(Lower *l, const char *name, const KernelType *type, const void *params,
              const char *stem, const char *comment, const Arg *args, int nargs) {
    Step s = {.name = name,
              .comment = comment,
              .nargs = nargs,
              .info = type->info(params),
              .samples = samples_of(l),
              .node = l->at,
              .nnodes = l->count};
    CHECK(nargs <= MAX_ARGS);
    const char *fn = use_kernel(l->kernels, type, params, stem);
    for (int i = 0; i < l->kernels->nuses; i++)
        if (l->kernels->uses[i]->fn == fn) s.kernel = l->kernels->uses[i];
    s.layer = l->node ? l->node->name : name;
    s.apply = l->node && (is_optimizer(l->node->op) || is_clipping(l->node));
    s.reduced = l->node && is_reduced(l, l->node->op);
    s.total = counts_all(l, type);
    for (int i = 0; i < nargs; i++) {
        touch(l, args[i].place);
        s.arg[i] = args[i].place;
        if (args[i].writes && s.arg[i].kind == PLACE_WEIGHTS) s.arg[i].kind = PLACE_STATE;
        s.arg_type[i] = args[i].type;
        s.arg_writes[i] = args[i].writes;
    }
    ARENA_PUSH(l->m->arena, l->plan->steps, l->plan->nsteps, l->plan->steps_cap, s);
}

const char *act_text(int act) { return act_info[act].text; }

/* Powers that are worth a function of their own. */
static const char *power_name(float exponent) {
    static const struct {
        float exponent;
        const char *name;
    } simple[] = {{1, "copy"},        {2, "square"},  {3, "cube"},
                  {-1, "reciprocal"}, {0.5f, "sqrt"}, {-0.5f, "reciprocal_sqrt"}};
    for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
        if (simple[i].exponent == exponent) return simple[i].name;
    return NULL;
}

const char *args_text(Lower *l, const float *args, int count) {
    const char *text = "";
    for (int i = 0; i < count; i++)
        text = arena_printf(l->m->arena, "%s, %s", text, c_float(l->m->arena, args[i]));
    return share_text(l->kernels, text);
}

Function1 function_of(Lower *l, const Attrs *a) {
    const char *power = a->act == ACT_POWER ? power_name(a->args[0]) : NULL;
    if (power) return (Function1){power, share_text(l->kernels, "")};
    return (Function1){act_text(a->act), args_text(l, a->args, act_info[a->act].nargs)};
}

const char *stem_of(Lower *l, const char *kernel, int act, int lanes) {
    return act ? arena_printf(l->m->arena, "%s_%s_%s", kernel, act_text(act),
                              vector_name(l->machine, lanes))
               : arena_printf(l->m->arena, "%s_%s", kernel, vector_name(l->machine, lanes));
}

/* ---- the function --------------------------------------------------------------------------- */

Phases one_phase(int samples) {
    return (Phases){.phase[0] = {.end = INT_MAX, .samples = samples}, .count = 1};
}

int phase_of(const Phases *p, int node) {
    int i = 0;
    while (node >= p->phase[i].end) i++;
    return i;
}

int samples_of(const Lower *l) {
    const Phases *p = &l->plan->phases;
    return p->phase[phase_of(p, l->at)].samples;
}

/* The inputs of forward come first, then labels. */
static void place_inputs(Lower *l) {
    int data = module_function(l->m, "forward")->ninputs;
    CHECK(l->f->ninputs >= data);
    for (int i = 0; i < l->f->ninputs; i++) {
        Layout x = dense_layout(l->f->inputs[i]);
        x.place = i < data ? (Place){.kind = PLACE_INPUT, .at = i}
                           : (Place){.kind = PLACE_LABELS, .at = i - data};
        define_as(l, l->f->inputs[i], x);
    }
}

/* The gradient that an optimizer reads lies among the gradients; what leaves as a parameter's new
 * value lies in the state. */
static void place_results(Lower *l) {
    for (int i = 0; i < l->f->nnodes; i++) {
        const Node *n = l->f->nodes[i];
        if (!is_optimizer(n->op)) continue;
        const Value *g = n->in[1];
        const ParamLayout *p = &l->params->param[n->in[0]->param];
        CHECK(p->grad_at >= 0 && g->param < 0);
        Layout y = {.place = {.kind = PLACE_GRADS, .at = p->grad_at},
                    .pitch = p->floats,
                    .rows = 1,
                    .channels = p->columns};
        if (l->defined[g->id]) PANIC("gradient %s serves two parameters", g->name);
        define_as(l, g, y);
        while (g->producer && is_in_place(g->producer->op)) {
            g = g->producer->in[0];
            define_as(l, g, y);
        }
    }
    for (int i = 0; i < l->f->naliases; i++) {
        const Alias *a = &l->f->aliases[i];
        if (a->out->param < 0 && !l->defined[a->out->id])
            define_as(l, a->out, param_layout(l, a->in->param));
    }
}

int output_for(const Lower *l, const Value *v) {
    int found = -1;
    if (strcmp(l->f->name, "predict") != 0 || function_count_uses(l->f, v) != 1) return -1;
    for (int i = 0; i < l->f->noutputs; i++)
        if (l->f->outputs[i] == v) found = i;
    return found;
}

/* A prediction goes to the caller dense: copied, unless its step has put it there. */
static void place_prediction(Lower *l, int i) {
    const Value *v = l->f->outputs[i];
    Layout x = layout_of(l, v), y = x;
    if (x.place.kind == PLACE_OUTPUT) return;
    y.pitch = x.channels;
    y.place = (Place){.kind = PLACE_OUTPUT, .at = i};
    Shape rows = {.rank = 3, .dim = {DIM_BATCH, x.rows, 1}};
    copy_window(l, "output", x, &rows, y, &rows, 0, 0);
}

/* What the function returns: losses stay where the entry sums them. */
static void place_outputs(Lower *l) {
    bool predict = strcmp(l->f->name, "predict") == 0;
    for (int i = 0; i < l->f->noutputs; i++) {
        if (predict) {
            place_prediction(l, i);
            continue;
        }
        Layout x = layout_of(l, l->f->outputs[i]);
        CHECK(x.place.kind == PLACE_BUFFER);
        l->plan->buffers[x.place.at].pinned = true;
    }
}

Plan *lower_function(Module *m, const Function *f, const Phases *phases, const ParamTable *params,
                     const CodegenOptions *o, const Machine *machine, KernelSet *kernels) {
    Lower l = {.m = m, .f = f, .params = params, .o = o, .machine = machine, .kernels = kernels};
    l.plan = ARENA_NEW(m->arena, Plan);
    l.plan->function = f;
    l.plan->phases = *phases;
    l.layout = ARENA_ARRAY(m->arena, Layout, (size_t)f->next_id + 1);
    l.defined = ARENA_ARRAY(m->arena, bool, (size_t)f->next_id + 1);
    plan_chains(&l);
    plan_homes(&l);
    place_inputs(&l);
    place_results(&l);
    for (int i = 0; i < f->nnodes; i++) {
        l.node = f->nodes[i];
        l.at = i;
        l.count = l.chain[i] > 0 ? l.chain[i] : 1;
        CHECK(phase_of(phases, i) == phase_of(phases, i + l.count - 1));
        if (l.chain[i] > 0)
            lower_chain(&l, i);
        else if (!l.chain[i])
            rules[l.node->op](&l, l.node);
    }
    l.node = NULL;
    l.count = 0;
    place_outputs(&l);
    l.plan->layout = l.layout;
    l.plan->defined = l.defined;
    l.plan->home = l.home;
    plan_buffers(m->arena, l.plan, o->guarded);
    return l.plan;
}
