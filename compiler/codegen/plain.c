/* `compile --plain`: the training step of a module as one file of plain loops. Requires the plain
 * pipeline: operations unfused, gradients, optimizer. Everything without a plain form is refused in
 * one message. */
#include "plain.h"

#include "emit.h"

#include <string.h>

typedef struct {
    Names names;
    const PlainOptions *o;
    PlainStep *step;
    int nsteps, steps_cap;
    int nforward;     /* nodes of the function before the loss */
    const Node *loss; /* the only one */
    bool *declared;   /* by a value's id: its array is there, or it has none */
    StrBuf *w;
    Diag *d;
    const char *refused; /* "concat, lrn" */
} Plain;

static Arena *arena_of(const Plain *p) { return p->names.m->arena; }

/* ---- what has no plain form ----------------------------------------------------------------- */

static void refuse(Plain *p, const char *what) {
    if (!what || strstr(p->refused, arena_printf(arena_of(p), " %s,", what))) return;
    p->refused = arena_printf(arena_of(p), "%s %s,", p->refused, what);
}

static bool is_result(const Node *n) { return n->op == OP_LOSS || n->op == OP_ACCURACY; }

static void check_loss(Plain *p, const Node *n) {
    const Shape *y = &n->in[0]->type.shape;
    if (p->loss) refuse(p, "several losses");
    if (n->attr.loss != LOSS_CROSSENTROPY) refuse(p, "losses other than categorical cross-entropy");
    if (n->attr.loss_weight != 1.0f) refuse(p, "loss weights");
    if (y->rank != 2) refuse(p, "classes of more than one axis");
    p->loss = n;
}

static void check_nodes(Plain *p) {
    const Function *f = p->names.f;
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        if (n->op == OP_LOSS) check_loss(p, n);
        if (!p->loss) p->nforward = i + 1;
        if (is_result(n) || is_update(n)) continue;
        const Node *of = p->loss ? forward_of(f, p->nforward, n) : NULL;
        refuse(p, plain_refusal(p->names.m, n, of, p->loss != NULL));
    }
}

static bool check(Plain *p) {
    const Function *f = p->names.f;
    p->refused = "";
    check_nodes(p);
    if (!p->loss) refuse(p, "models without a loss");
    if (f->ninputs != 2)
        refuse(p, "several inputs or outputs");
    else if (f->inputs[0]->type.shape.rank < 2)
        refuse(p, "inputs that are one number");
    if (p->names.m->train.optimizer.schedule) refuse(p, "learning-rate schedules");
    if (!*p->refused) return true;
    diag_error(p->d, "--plain has no plain form of:%.*s", (int)strlen(p->refused) - 1, p->refused);
    return false;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* The gradients of one call of a layer become one function. */
static bool join_group(const Plain *p, const Node *n, const Node *of) {
    int member = group_member(n);
    for (int i = 0; member >= 0 && i < p->nsteps; i++) {
        PlainStep *s = &p->step[i];
        if (s->of != of || group_member(s->node) < 0 || s->member[member]) continue;
        if (incoming(s->node) != incoming(n)) continue;
        s->member[member] = n;
        return true;
    }
    return false;
}

/* A convolution or dense layer and the activation behind it are one function, as they are one layer
 * for whoever wrote the model. */
static bool takes_activation(const PlainStep *s, const Node *n, bool backward) {
    const Node *layer = s->node;
    return !backward && is_activation(n) && (layer->op == OP_CONV2D || layer->op == OP_DENSE) &&
           n->in[0] == layer->out[0] && !s->act;
}

/* So are their gradients. */
static bool gives_gradient(const PlainStep *s, const Node *n, bool backward) {
    return backward && s->backward && is_activation(s->node) && group_member(n) >= 0 &&
           incoming(n) == s->node->out[0];
}

static void add_step(Plain *p, const Node *n, bool backward) {
    const Node *of = backward ? forward_of(p->names.f, p->nforward, n) : NULL;
    if (backward && join_group(p, n, of)) return;
    PlainStep *last = p->nsteps ? &p->step[p->nsteps - 1] : NULL;
    if (last && takes_activation(last, n, backward)) {
        last->act = n;
        return;
    }
    PlainStep s = {.node = n, .of = of, .backward = backward};
    if (last && gives_gradient(last, n, backward)) {
        s.act = last->node;
        p->nsteps--;
    }
    const char *name = of ? of->name : n->name, *ending = "_forward";
    if (backward) ending = of ? "_backward" : "_sum";
    if (n->op == OP_LOSS_GRAD) ending = "_backward";
    s.name = plain_name(&p->names, arena_printf(arena_of(p), "%s%s", name, ending));
    if (group_member(n) >= 0) s.member[group_member(n)] = n;
    ARENA_PUSH(arena_of(p), p->step, p->nsteps, p->steps_cap, s);
}

static void make_steps(Plain *p) {
    const Function *f = p->names.f;
    for (int i = 0; i < f->nnodes; i++) {
        if (!is_result(f->nodes[i]) && !is_update(f->nodes[i]))
            add_step(p, f->nodes[i], i >= p->nforward);
    }
}

/* ---- arrays --------------------------------------------------------------------------------- */

/* "conv2d[BATCH][30][30][8]" */
static const char *array_text(const Plain *p, const Value *v) {
    Arena *a = arena_of(p);
    return arena_printf(a, "%s%s%s", p->names.value[v->id],
                        v->type.shape.dim[0] == DIM_BATCH ? "[BATCH]" : "",
                        array_dims(a, &v->type.shape));
}

static const Node *update_of(const Plain *p, const Value *param) {
    const Function *f = p->names.f;
    for (int i = 0; i < f->nnodes; i++) {
        if (is_update(f->nodes[i]) && f->nodes[i]->in[0] == param) return f->nodes[i];
    }
    return NULL;
}

/* A weight, its gradient and what the optimizer keeps of it: on one line or on two. */
static void print_weight(const Plain *p, const Value *v) {
    Arena *a = arena_of(p);
    const Node *update = update_of(p, v);
    const char *first = arena_printf(a, "static float %s", array_text(p, v)), *slots = "";
    if (update) first = arena_printf(a, "%s, %s", first, array_text(p, update->in[1]));
    if (update) p->declared[update->in[1]->id] = true;
    for (int i = 2; update && i < update->nin; i++)
        slots = arena_printf(a, "%s, %s", slots, array_text(p, update->in[i]));
    bool fits = strlen(first) + strlen(slots) < 100;
    print_code(a, p->w, 0, "%s%s;", first, fits ? slots : "");
    if (!fits) print_code(a, p->w, 0, "static float %s;", slots + 2);
}

static void print_weights(const Plain *p) {
    const Function *f = p->names.f;
    print_code(arena_of(p), p->w, 0,
               "/* ---- weights, their gradients, and what the optimizer keeps of them ---- */\n");
    for (int i = 0; i < f->nparams; i++) {
        if (p->names.m->params[f->params[i]->param].role != PARAM_SLOT)
            print_weight(p, f->params[i]);
    }
    strbuf_puts(p->w, "\n");
}

/* The gradient of the loss with respect to v, or NULL. */
static const Value *gradient_of(const Plain *p, const Value *v) {
    const char *name = arena_printf(arena_of(p), "%s/grad", v->name);
    const Function *f = p->names.f;
    for (int i = p->nforward; i < f->nnodes; i++) {
        const Value *g = f->nodes[i]->out[0];
        if (!strcmp(g->name, name) && shape_equal(&g->type.shape, &v->type.shape)) return g;
    }
    return NULL;
}

static void print_array(const Plain *p, const Value *v) {
    if (p->declared[v->id]) return;
    const Value *g = gradient_of(p, v);
    p->declared[v->id] = true;
    if (g) p->declared[g->id] = true;
    print_code(arena_of(p), p->w, 0, "static float %s%s;", array_text(p, v),
               g ? arena_printf(arena_of(p), ", %s", array_text(p, g)) : "");
}

static void print_arrays(const Plain *p) {
    Arena *a = arena_of(p);
    const Function *f = p->names.f;
    const Value *x = f->inputs[0];
    print_code(a, p->w, 0,
               "/* ---- a batch: what the layers make of it, and the gradients of that ---- */\n");
    print_code(a, p->w, 0, "static float (*%s)%s;", p->names.value[x->id],
               array_dims(a, &x->type.shape));
    print_code(a, p->w, 0, "static const int *labels;");
    for (int i = 0; i < f->naliases; i++) p->declared[f->aliases[i].out->id] = true;
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        for (int k = 0; k < n->nout && !is_result(n); k++) print_array(p, n->out[k]);
    }
    strbuf_puts(p->w, "\n");
}

/* ---- functions ------------------------------------------------------------------------------ */

static bool has_dropout(const Plain *p) {
    for (int i = 0; i < p->nsteps; i++) {
        if (p->step[i].node->op == OP_DROPOUT) return true;
    }
    return false;
}

static bool counts_steps(const Plain *p) {
    const Function *f = p->names.f;
    return has_dropout(p) || (f->nnodes && f->nodes[f->nnodes - 1]->op == OP_ADAM);
}

static void bind_file(const Plain *p, Bindings *b) {
    const Module *m = p->names.m;
    Arena *a = m->arena;
    const Value *x = p->names.f->inputs[0];
    CHECK(p->loss);
    const Shape *y = &p->loss->in[0]->type.shape;
    const char *rest = "";
    for (int i = 1; i < x->type.shape.rank; i++)
        rest = arena_printf(a, "%s, %lld", rest, (long long)x->type.shape.dim[i]);
    bind(b, "model", c_comment(a, m->name));
    bind(b, "file", c_comment(a, p->o->file));
    bindf(b, "xshape", "(N%s)", rest);
    bindf(b, "xrest", "%s)", rest);
    bind(b, "xdims", array_dims(a, &x->type.shape));
    bindf(b, "count", "%lld", (long long)shape_count(&x->type.shape));
    bind(b, "input", p->names.value[x->id]);
    bind(b, "scale", plain_float(a, m->input_scale));
    bindf(b, "divisor", "%g", (double)m->input_scale);
    bindf(b, "batch", "%d", p->o->batch);
    bindf(b, "classes", "%lld", (long long)y->dim[1]);
    bindf(b, "seed", "%llu", (unsigned long long)p->o->seed);
    bind(b, "rate", plain_float(a, m->train.optimizer.learning_rate));
    bind(b, "dropout", has_dropout(p) ? "" : NULL);
    bind(b, "counts", counts_steps(p) ? "" : NULL);
}

static void print_steps(const Plain *p, bool backward) {
    for (int i = 0; i < p->nsteps; i++) {
        if (p->step[i].backward == backward) print_step(&p->names, &p->step[i], p->w);
    }
}

/* `forward` or `backward`: one call a step. */
static void print_calls(const Plain *p, bool backward) {
    Arena *a = arena_of(p);
    print_code(a, p->w, 0, "static void %s(int n) {", backward ? "backward" : "forward");
    for (int i = 0; i < p->nsteps; i++) {
        if (p->step[i].backward == backward) print_code(a, p->w, 1, "%s(n);", p->step[i].name);
    }
    print_code(a, p->w, 0, "}\n");
}

static void print_loss(const Plain *p) {
    Bindings b = {.arena = arena_of(p)};
    const Value *x = p->loss->in[0];
    bool summed = x->producer && x->producer->op == OP_SOFTMAX;
    bind(&b, "x", p->names.value[x->id]);
    bindf(&b, "C", "%lld", (long long)x->type.shape.dim[1]);
    bind(&b, "sum", summed ? NULL : "");
    print_section(p->w, p->loss->attr.from_logits ? "logits_loss" : "loss", &b);
    print_section(p->w, "correct", &b);
}

static void print_file(const Plain *p) {
    Bindings b = {.arena = arena_of(p)};
    bind_file(p, &b);
    print_section(p->w, "head", &b);
    print_weights(p);
    print_arrays(p);
    if (has_dropout(p) || draws_weights(&p->names)) print_section(p->w, "philox", &b);
    print_code(b.arena, p->w, 0, "/* ---- forward ---- */\n");
    print_steps(p, false);
    print_calls(p, false);
    print_loss(p);
    print_code(b.arena, p->w, 0, "/* ---- backward ---- */\n");
    print_steps(p, true);
    print_calls(p, true);
    print_update(&p->names, p->w);
    print_init(&p->names, p->w);
    print_section(p->w, "train_step", &b);
    print_section(p->w, "main", &b);
}

bool generate_plain(Module *m, const PlainOptions *o, StrBuf *out, Diag *d) {
    const Function *f = module_function(m, "train_step");
    CHECK(f);
    Plain p = {.names = plain_names(m, f), .o = o, .w = out, .d = d};
    p.declared = ARENA_ARRAY(m->arena, bool, (size_t)f->next_id);
    if (!check(&p)) return false;
    make_steps(&p);
    print_file(&p);
    return true;
}
