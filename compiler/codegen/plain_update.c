/* Plain C of initial values and of the optimizer: one function each, called for every array. */
#include "plain.h"

#include "../support/decimal.h"

#include <string.h>

const char *plain_decimal(Arena *a, float x) {
    char text[32];
    decimal_text(x, text);
    return arena_printf(a, strpbrk(text, ".e") ? "%s" : "%s.0", text);
}

const char *plain_float(Arena *a, float x) { return arena_printf(a, "%sf", plain_decimal(a, x)); }

const char *plain_rest(Arena *a, float x) { return plain_float(a, (float)(1.0 - decimal_of(x))); }

/* "3 * 3 * 8": the elements of a parameter. */
static const char *count_text(Arena *a, const Shape *s) {
    const char *text = s->rank ? "" : "1";
    for (int i = 0; i < s->rank; i++)
        text = arena_printf(a, "%s%s%lld", text, i ? " * " : "", (long long)s->dim[i]);
    return text;
}

/* ---- initial values ------------------------------------------------------------------------- */

static const Param *param_of(const Names *n, int i) {
    return &n->m->params[n->f->params[i]->param];
}

static bool has_init(const Names *n, InitKind a, InitKind b) {
    for (int i = 0; i < n->f->nparams; i++) {
        const Init *init = &param_of(n, i)->init;
        if ((init->kind == a || init->kind == b) &&
            (init->kind != INIT_CONSTANT || init->a != 0.0f))
            return true;
    }
    return false;
}

bool draws_weights(const Names *n) {
    return has_init(n, INIT_UNIFORM, INIT_UNIFORM) ||
           has_init(n, INIT_NORMAL, INIT_TRUNCATED_NORMAL);
}

/* Arrays begin at 0 in C: nothing to do for those. */
static void print_fill(const Names *n, const Value *v, StrBuf *w) {
    Arena *a = n->m->arena;
    const Init *init = &n->m->params[v->param].init;
    const char *at = n->value[v->id], *count = count_text(a, &v->type.shape);
    const char *x = plain_float(a, init->a), *y = plain_float(a, init->b);
    if (init->kind == INIT_UNIFORM)
        print_code(a, w, 1, "uniform(%s, %s, %s, %s, %d);", at, count, x, y, v->param);
    else if (init->kind != INIT_CONSTANT)
        print_code(a, w, 1, "normal(%s, %s, %s, %s, %d, %d);", at, count, x, y,
                   init->kind == INIT_TRUNCATED_NORMAL, v->param);
    else if (init->a != 0.0f)
        print_code(a, w, 1, "constant(%s, %s, %s);", at, count, x);
}

void print_init(const Names *n, StrBuf *w) {
    Arena *a = n->m->arena;
    const Bindings none = {.arena = a};
    if (has_init(n, INIT_CONSTANT, INIT_CONSTANT)) print_section(w, "constant", &none);
    if (has_init(n, INIT_UNIFORM, INIT_UNIFORM)) print_section(w, "uniform", &none);
    if (has_init(n, INIT_NORMAL, INIT_TRUNCATED_NORMAL)) print_section(w, "normal", &none);
    print_code(a, w, 0,
               "/* Initial weights; the last number is the stream. Other arrays start at 0. */");
    print_code(a, w, 0, "static void initialize(void) {");
    for (int i = 0; i < n->f->nparams; i++) print_fill(n, n->f->params[i], w);
    print_code(a, w, 0, "}\n");
}

/* ---- the optimizer -------------------------------------------------------------------------- */

bool is_update(const Node *n) { return n->op == OP_ADAM || n->op == OP_SGD || n->op == OP_RMSPROP; }

/* What the sections of all optimizers speak of. */
static void bind_optimizer(const Node *n, Bindings *b) {
    const Attrs *t = &n->attr;
    Arena *a = b->arena;
    bool moves = t->momentum > 0.0f;
    bind(b, "epsilon", plain_float(a, t->epsilon));
    bind(b, "decay", t->weight_decay > 0.0f ? plain_float(a, t->weight_decay) : NULL);
    bind(b, "momentum", moves ? plain_float(a, t->momentum) : NULL);
    bind(b, "heavy", moves && !t->nesterov ? "" : NULL);
    bind(b, "nesterov", moves && t->nesterov ? "" : NULL);
    bind(b, "amsgrad", t->amsgrad ? "" : NULL);
    bind(b, "centered", t->centered ? "" : NULL);
    bindf(b, "slots", "%s%s%s", moves ? ", void *velocity" : "",
          t->centered ? ", void *average" : "", t->amsgrad ? ", void *largest" : "");
    bind(b, "first", plain_float(a, t->beta1));
    bind(b, "second", plain_float(a, t->beta2));
    bind(b, "rho", plain_float(a, t->rho));
    bind(b, "rest", plain_rest(a, n->op == OP_ADAM ? t->beta1 : t->rho));
    bind(b, "restsecond", plain_rest(a, t->beta2));
}

static const char *optimizer_name(const Node *n) {
    return n->op == OP_ADAM ? "adam" : n->op == OP_SGD ? "sgd" : "rmsprop";
}

static void print_call(const Names *n, const Node *update, StrBuf *w) {
    Arena *a = n->m->arena;
    const char *arguments = "";
    for (int i = 0; i < update->nin; i++)
        arguments = arena_printf(a, "%s%s, ", arguments, n->value[update->in[i]->id]);
    print_code(a, w, 1, "%s(%s%s);", optimizer_name(update), arguments,
               count_text(a, &update->in[0]->type.shape));
}

void print_update(const Names *n, StrBuf *w) {
    Arena *a = n->m->arena;
    bool first = true;
    for (int i = 0; i < n->f->nnodes; i++) {
        const Node *update = n->f->nodes[i];
        if (!is_update(update)) continue;
        Bindings b = {.arena = a};
        bind_optimizer(update, &b);
        if (first) print_section(w, optimizer_name(update), &b);
        if (first) print_code(a, w, 0, "static void update(void) {");
        first = false;
        print_call(n, update, w);
    }
    print_code(a, w, 0, first ? "static void update(void) {}\n" : "}\n");
}
