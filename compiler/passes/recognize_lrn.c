/* recognize-lrn: local response normalisation that a script writes out,
 *     x / (k + alpha * (sum of the slices of pad(square(x)) along the last axis)) ** beta
 * becomes the operation of that name. The slices begin at 0, 1, ... count - 1; the window has
 * (count - 1) / 2 channels before its own. What it read stays for dead-code. */
#include "rewrite.h"

enum { MAX_WINDOW = 31 };

typedef struct {
    const Value *padded; /* what all slices are taken of */
    bool seen[MAX_WINDOW];
    int slices;
} Window;

static const Node *made_by(const Value *v, OpKind op) {
    return v->producer && v->producer->op == op ? v->producer : NULL;
}

static const Node *unary_of(const Value *v, Activation act) {
    const Node *n = made_by(v, OP_UNARY);
    return n && n->attr.act == (int32_t)act ? n : NULL;
}

/* One more slice of the padded squares, moved along the last axis only. */
static bool add_slice(const Node *n, const Value *x, Window *w) {
    const Attrs *a = &n->attr;
    int last = x->type.shape.rank - 2; /* attributes of axes begin behind the batch */
    if (w->padded && w->padded != n->in[0]) return false;
    w->padded = n->in[0];
    if (!shape_equal(&n->out[0]->type.shape, &x->type.shape)) return false;
    for (int i = 0; i <= last; i++)
        if (a->step[i] != 1 || (i < last && a->start[i] != 0)) return false;
    int32_t at = a->start[last];
    if (at < 0 || at >= MAX_WINDOW || w->seen[at]) return false;
    w->seen[at] = true;
    w->slices++;
    return true;
}

/* The slices that a tree of additions joins; each is taken once, so the tree is small. */
static bool add_sum(const Value *v, const Value *x, Window *w, int depth) {
    const Node *slice = made_by(v, OP_SLICE), *add = made_by(v, OP_ADD);
    if (slice) return add_slice(slice, x, w);
    return add && add->attr.act == ACT_NONE && depth < MAX_WINDOW &&
           add_sum(add->in[0], x, w, depth + 1) && add_sum(add->in[1], x, w, depth + 1);
}

/* Whether v holds the squares of x with zeros around the channels for a window of w->slices. */
static bool is_padded_square(const Value *v, const Value *x, const Window *w) {
    const Node *pad = made_by(v, OP_PAD_ANY);
    int last = x->type.shape.rank - 2;
    if (!pad || pad->attr.value != 0) return false;
    for (int i = 0; i < last; i++)
        if (pad->attr.before[i] != 0 || pad->attr.after[i] != 0) return false;
    int32_t before = (w->slices - 1) / 2;
    if (pad->attr.before[last] != before || pad->attr.after[last] != w->slices - 1 - before)
        return false;
    const Node *square = unary_of(pad->in[0], ACT_SQUARE), *mul = made_by(pad->in[0], OP_BINARY);
    if (square) return square->in[0] == x;
    return mul && mul->attr.binary == BINARY_MUL && mul->in[0] == x && mul->in[1] == x;
}

/* The operand of a constant power. */
static const Value *read_power(const Value *v, float *exponent) {
    const Node *power = unary_of(v, ACT_POWER), *root = unary_of(v, ACT_SQRT);
    *exponent = power ? power->attr.args[0] : 0.5f;
    return power ? power->in[0] : root ? root->in[0] : NULL;
}

/* Reads the pattern that ends in the division n; false if n is something else. */
static bool read_pattern(const Node *n, Attrs *lrn) {
    if (n->op != OP_BINARY || n->attr.binary != BINARY_DIV) return false;
    float exponent;
    const Value *x = n->in[0], *v = read_power(n->in[1], &exponent);
    const Node *affine;
    Window w = {0};
    if (!v || x->type.shape.rank < 2) return false;
    double scale = 1, shift = 0;
    for (; (affine = unary_of(v, ACT_AFFINE)); v = affine->in[0]) {
        shift += scale * (double)affine->attr.args[1];
        scale *= (double)affine->attr.args[0];
    }
    if (!add_sum(v, x, &w, 0)) return false;
    for (int i = 0; i < w.slices; i++)
        if (!w.seen[i]) return false;
    if (!is_padded_square(w.padded, x, &w)) return false;
    *lrn = (Attrs){.count = w.slices, .args = {(float)(scale * w.slices), exponent, (float)shift}};
    return true;
}

static bool rewrite(PassContext *c, Function *f) {
    for (int i = 0; i < f->nnodes; i++) {
        Node *n = f->nodes[i];
        Attrs lrn;
        if (!read_pattern(n, &lrn)) continue;
        n->op = OP_LRN;
        n->nin = 1;
        n->attr = lrn;
        pass_log(c, "%s: %s normalises over windows of %d channels", f->name, n->name, lrn.count);
    }
    return true;
}

bool pass_recognize_lrn(PassContext *c) { return for_functions(c, made_functions, rewrite); }
