/* Where values lie that need not have a buffer of their own, decided before lowering:
 *   halo   an image that convolutions read with padding keeps zeros around it in its own buffer
 *   over   a result takes the place of an operand that nobody reads afterwards: the sum behind a
 *          convolution accumulates in the addend, an element by element operation works in place;
 *          not in guarded code, which keeps all values
 *   whole  a part of a concatenation along channels lies in the concatenation's rows
 * Requires topological order. Only for inference: in training the backward pass reads most values
 * again. A part is exact: whole panels, so that nobody writes lanes of its neighbour. The rules
 * look at the function only. */
#include "lower.h"

typedef struct {
    Lower *l;
    int *last;         /* by value id: index of the last node that reads it; INT_MAX for outputs */
    bool *windows;     /* by value id: only convolutions read it, as their image or addend */
    bool *strided;     /* by value id: only operations read it that know rows of a larger pitch */
    int *concats;      /* by value id: concatenations that read it */
    int32_t (*pad)[4]; /* by value id: the largest padding of a convolution that reads it */
} Survey;

static bool joins_channels(const Node *n) {
    const Shape *s = &n->out[0]->type.shape;
    return n->op == OP_CONCAT && s->rank == 4 && n->attr.axis == 3;
}

/* Operations whose result has a buffer of its own, or its home. */
static bool owns_buffer(const Node *n) {
    return n && (n->op == OP_CONV2D || n->op == OP_ADD || n->op == OP_MAX_POOL ||
                 n->op == OP_AVG_POOL || n->op == OP_SCALE_SHIFT || n->op == OP_BATCH_NORM ||
                 n->op == OP_RELU || n->op == OP_TANH || n->op == OP_SIGMOID);
}

static bool reads_strided(const Node *n, int input) {
    if (joins_channels(n)) return true;
    return input == 0 && (n->op == OP_CONV2D || n->op == OP_MAX_POOL || n->op == OP_AVG_POOL ||
                          n->op == OP_SCALE_SHIFT || n->op == OP_BATCH_NORM);
}

static bool writes_strided(const Node *n) {
    return n && (joins_channels(n) || n->op == OP_CONV2D || n->op == OP_MAX_POOL ||
                 n->op == OP_AVG_POOL || n->op == OP_SCALE_SHIFT || n->op == OP_BATCH_NORM);
}

/* Operations whose result never lies in the memory of this input. */
static bool copies(const Node *n) {
    return owns_buffer(n) || n->op == OP_CONCAT || n->op == OP_GLOBAL_AVG_POOL || n->op == OP_DENSE;
}

static void survey_input(Survey *s, const Node *n, int input, int index) {
    const Value *v = n->in[input];
    bool image = n->op == OP_CONV2D && input == 0;
    bool addend = n->op == OP_CONV2D && n->attr.addend && input == n->nin - 1;
    if (s->last[v->id] < index) s->last[v->id] = copies(n) ? index : INT32_MAX;
    if (!image && !addend) s->windows[v->id] = false;
    if (!reads_strided(n, input)) s->strided[v->id] = false;
    if (n->op == OP_CONCAT) s->concats[v->id]++;
    if (!image || skips_padding(n)) return;
    int32_t pad[4];
    padding_of(s->l, n, pad);
    for (int i = 0; i < 4; i++)
        if (pad[i] > s->pad[v->id][i]) s->pad[v->id][i] = pad[i];
}

static Survey survey(Lower *l) {
    const Function *f = l->f;
    Arena *a = l->m->arena;
    size_t count = (size_t)f->next_id + 1;
    Survey s = {l,
                ARENA_ARRAY(a, int, count),
                ARENA_ARRAY(a, bool, count),
                ARENA_ARRAY(a, bool, count),
                ARENA_ARRAY(a, int, count),
                arena_alloc(a, count * sizeof *s.pad, _Alignof(int32_t))};
    memset(s.windows, 1, count * sizeof *s.windows);
    memset(s.strided, 1, count * sizeof *s.strided);
    memset(s.pad, 0, count * sizeof *s.pad);
    for (int i = 0; i < f->nnodes; i++)
        for (int k = 0; k < f->nodes[i]->nin; k++) survey_input(&s, f->nodes[i], k, i);
    for (int i = 0; i < f->noutputs; i++) {
        int id = f->outputs[i]->id;
        s.last[id] = INT32_MAX;
        s.windows[id] = s.strided[id] = false;
    }
    return s;
}

/* ---- over ----------------------------------------------------------------------------------- */

/* The input whose place n's result may take; -1: none. */
static int candidate(const Node *n) {
    switch (n->op) {
    case OP_CONV2D: return n->attr.addend ? n->nin - 1 : -1;
    case OP_ADD:
    case OP_RELU:
    case OP_TANH:
    case OP_SIGMOID: return 0;
    default: return -1;
    }
}

static void place_over(Survey *s, const Node *n, int index) {
    int input = candidate(n);
    if (input < 0 || s->l->chain[index])
        return; /* a chain still reads rows behind those it writes */
    const Value *v = n->in[input];
    bool dies = v->param < 0 && s->last[v->id] == index && owns_buffer(v->producer);
    if (!dies || (n->op == OP_CONV2D && n->in[0] == v)) return;
    s->l->home[n->out[0]->id].over = v;
}

/* ---- halo ----------------------------------------------------------------------------------- */

static const Value *root_of(const Lower *l, const Value *v) {
    while (l->home[v->id].over) v = l->home[v->id].over;
    return v;
}

/* Values that share a place share its halo, if all of them can have one. */
static void place_halos(Survey *s) {
    Lower *l = s->l;
    const Function *f = l->f;
    bool *able = ARENA_ARRAY(l->m->arena, bool, (size_t)f->next_id + 1);
    memset(able, 1, (size_t)f->next_id + 1);
    for (int i = 0; i < f->nnodes; i++) {
        const Value *v = f->nodes[i]->out[0];
        const Value *root = root_of(l, v);
        if (f->nodes[i]->op != OP_CONV2D || !s->windows[v->id]) able[root->id] = false;
        for (int k = 0; k < 4; k++)
            if (s->pad[v->id][k] > s->pad[root->id][k]) s->pad[root->id][k] = s->pad[v->id][k];
    }
    /* An addend is known as one only to the convolution that takes its place. */
    for (int i = 0; i < f->nnodes; i++) {
        const Node *n = f->nodes[i];
        if (n->op != OP_CONV2D || !n->attr.addend) continue;
        const Value *v = n->in[n->nin - 1];
        if (l->home[n->out[0]->id].over != v) able[root_of(l, v)->id] = false;
    }
    for (int i = 0; i < f->nnodes; i++) {
        const Value *v = f->nodes[i]->out[0];
        if (able[v->id] && root_of(l, v) == v)
            memcpy(l->home[v->id].halo, s->pad[v->id], sizeof l->home[v->id].halo);
    }
}

/* ---- whole ---------------------------------------------------------------------------------- */

static bool has_halo(const Home *h) { return h->halo[0] | h->halo[1] | h->halo[2] | h->halo[3]; }

/* Whether some value lies over v or v over another. */
static bool is_shared(const Survey *s, const bool *below, const Value *v) {
    return s->l->home[v->id].over || below[v->id];
}

static void place_parts(Survey *s) {
    Lower *l = s->l;
    const Function *f = l->f;
    bool *below = ARENA_ARRAY(l->m->arena, bool, (size_t)f->next_id + 1);
    for (int i = 0; i < f->nnodes; i++) {
        const Value *over = l->home[f->nodes[i]->out[0]->id].over;
        if (over) below[over->id] = true;
    }
    for (int i = f->nnodes - 1; i >= 0; i--) {
        const Node *n = f->nodes[i];
        const Value *y = n->out[0];
        if (!joins_channels(n) || pitch_of(y->type.shape.dim[3]) != y->type.shape.dim[3]) continue;
        int64_t at = 0;
        for (int k = 0; k < n->nin; k++) {
            const Value *v = n->in[k];
            int64_t C = v->type.shape.dim[3];
            Home *h = &l->home[v->id];
            bool fits = pitch_of(C) == C && s->strided[v->id] && s->concats[v->id] == 1;
            if (fits && writes_strided(v->producer) && !is_shared(s, below, v) && !has_halo(h)) {
                h->whole = y;
                h->channel = at;
            }
            at += C;
        }
    }
}

void plan_homes(Lower *l) {
    l->home = ARENA_ARRAY(l->m->arena, Home, (size_t)l->f->next_id + 1);
    if (l->o->apart || !strcmp(l->f->name, "train_step")) return;
    Survey s = survey(l);
    for (int i = 0; i < l->f->nnodes && !l->o->guarded; i++) place_over(&s, l->f->nodes[i], i);
    place_halos(&s);
    place_parts(&s);
}

/* ---- layouts -------------------------------------------------------------------------------- */

/* An image with zeros around it, which a step of its own writes. */
static Layout define_with_halo(Lower *l, const Value *v, const int32_t *halo) {
    const Shape *s = &v->type.shape;
    int64_t H = s->dim[1] + halo[0] + halo[1], W = s->dim[2] + halo[2] + halo[3];
    Layout y = {.rows = s->dim[1] * s->dim[2], .channels = s->dim[3], .pitch = own_pitch(l, v)};
    y.line = W * y.pitch;
    y.sample = H * y.line;
    y.place = new_samples(l, v->name, y.sample);
    int lanes = machine_lanes(l->machine, y.pitch);
    ZeroBorderParams p = {.V = vector_name(l->machine, lanes),
                          .L = lanes,
                          .H = H,
                          .W = W,
                          .CP = y.pitch,
                          .top = halo[0],
                          .bottom = halo[1],
                          .left = halo[2],
                          .right = halo[3]};
    STEP(l, arena_printf(l->m->arena, "%s/border", v->name), &kernel_zero_border, &p, "zero_border",
         "zeros around an image", out(y.place));
    y.place.offset = (halo[0] * W + halo[2]) * y.pitch;
    return y;
}

bool define_at_home(Lower *l, const Value *v) {
    const Home *h = &l->home[v->id];
    if (h->over && layout_of(l, h->over).pitch == own_pitch(l, v)) {
        define_as(l, v, layout_of(l, h->over));
    } else if (h->whole) {
        Layout y = define(l, h->whole);
        y.place.offset += h->channel;
        y.channels = v->type.shape.dim[3];
        define_as(l, v, y);
    } else if (has_halo(h)) {
        define_as(l, v, define_with_halo(l, v, h->halo));
    } else {
        return false;
    }
    return true;
}

bool lies_in(const Lower *l, const Value *part, const Value *whole) {
    return l->home[part->id].whole == whole;
}

/* Whether v's buffer has room for this padding: then the padded image begins before v. */
bool window_into_halo(Lower *l, const Value *v, const int32_t pad[4], Layout *x) {
    const int32_t *halo = l->home[root_of(l, v)->id].halo;
    *x = layout_of(l, v);
    if (!x->line) return false;
    for (int i = 0; i < 4; i++) CHECK(pad[i] <= halo[i]);
    x->place.offset -= pad[0] * x->line + pad[2] * x->pitch;
    return true;
}
