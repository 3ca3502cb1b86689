/* Matrix products of data: b is packed into panels, then the register blocks of dense layers run.
 */
#include "strided.h"

/* The leading axes of the product, with the strides of both operands. */
typedef struct {
    int rank;
    int64_t dim[MAX_RANK], a[MAX_RANK], b[MAX_RANK], count;
} Leading;

/* The last two axes of v exchanged, as rows of their own. */
static Layout transposed(Lower *l, const Value *v, Layout x) {
    Shape s = v->type.shape;
    int last = s.rank - 1;
    int64_t columns = s.dim[last - 1];
    s.dim[last - 1] = s.dim[last];
    s.dim[last] = columns;
    Layout y = {.pitch = pitch_of(columns),
                .channels = columns,
                .rows = x.rows / columns * s.dim[last - 1]};
    y.place =
        new_samples(l, arena_printf(l->m->arena, "%s/transposed", v->name), sample_floats(&y));
    Value turned = *v;
    turned.type.shape = s;
    Space space = space_over(&s);
    set_result(&space, &turned, y);
    space.operand[0] = operand_of(v, x);
    int64_t *stride = &space.operand[0].stride[space.rank - 2], row = stride[0];
    stride[0] = stride[1];
    stride[1] = row;
    space.inputs = 1;
    add_map(l, l->plan->buffers[y.place.at].name, space, plain_function(l, "copy"),
            v->type.shape.dim[0] != DIM_BATCH, "axes exchanged");
    return y;
}

/* Strides over the axes of `joint` of matrices of `floats` floats that lie one behind the other by
 * v's own leading axes. */
static void leading_strides(const Value *v, const Shape *joint, int64_t floats, int64_t *stride) {
    const Shape *s = &v->type.shape;
    for (int i = joint->rank - 3; i >= 1; i--) {
        int axis = i - (joint->rank - s->rank);
        bool own = axis >= 0 && s->dim[axis] != DIM_BATCH;
        stride[i - 1] = own && s->dim[axis] == joint->dim[i] && s->dim[axis] > 1 ? floats : 0;
        if (own) floats *= s->dim[axis];
    }
}

/* Floats that a matrix of v takes in rows of this layout. */
static int64_t matrix_floats(const Value *v, Layout x, bool turned) {
    const Shape *s = &v->type.shape;
    return s->dim[s->rank - (turned ? 1 : 2)] * x.pitch;
}

static int64_t leading_count(const Value *v) {
    const Shape *s = &v->type.shape;
    int64_t count = 1;
    for (int i = s->dim[0] == DIM_BATCH; i + 2 < s->rank; i++) count *= s->dim[i];
    return count;
}

/* b [.., K, N] in panels; *sample are the floats of one sample. */
static Place packed_b(Lower *l, const Node *n, int64_t K, int64_t N, int64_t *sample) {
    const Value *b = n->in[1];
    bool whole = b->type.shape.dim[0] != DIM_BATCH, turned = n->attr.transposed[1];
    int panel = panel_of(N);
    int64_t panels = (N + panel - 1) / panel, count = leading_count(b);
    *sample = whole ? 0 : count * panels * K * panel;
    if (whole && !turned && count == 1 && stored_panel(l, b) == panel) return layout_of(l, b).place;
    Layout x = rows_of(l, b);
    MatmulPackParams p = {.E = count,
                          .K = K,
                          .N = N,
                          .bk = turned ? 1 : x.pitch,
                          .bn = turned ? x.pitch : 1,
                          .PW = panel,
                          .GP = panels,
                          .xs = whole ? 0 : sample_floats(&x),
                          .whole = whole};
    p.R = 1;
    p.D[0] = 1;
    p.M[0] = count;
    p.S[0] = matrix_floats(b, x, false);
    Place y = (whole ? new_buffer : new_samples)(l, arena_printf(l->m->arena, "%s/panels", n->name),
                                                 count * panels * K * panel);
    STEP(l, n->name, &kernel_matmul_pack, &p, "matmul_pack", "the second matrix in panels",
         in(x.place), out(y));
    return y;
}

void lower_matmul(Lower *l, const Node *n) {
    const Value *a = n->in[0], *y = n->out[0];
    const Shape *s = &y->type.shape;
    bool turned = n->attr.transposed[0];
    int64_t M = s->dim[s->rank - 2], N = s->dim[s->rank - 1];
    int64_t K = a->type.shape.dim[a->type.shape.rank - (turned ? 2 : 1)];
    Layout to = define_with_pitch(l, y, pitch_of(N)), x = rows_of(l, a);
    if (turned) x = transposed(l, a, x);
    CHECK(to.pitch == pitch_of(N));
    MatmulParams p = {.ye = M * to.pitch};
    Place b = packed_b(l, n, K, N, &p.bs);
    Groups gr = choose_groups(l->machine, to.pitch, panel_of(N));
    SweepShape sweep = {.P = M,
                        .Q = 1,
                        .xp = x.pitch,
                        .xq = x.pitch,
                        .yp = to.pitch,
                        .yq = to.pitch,
                        .T1 = 1,
                        .T2 = 1,
                        .CI = K,
                        .panel = K * gr.panel};
    leading_strides(a, s, matrix_floats(a, x, turned), p.A);
    leading_strides(n->in[1], s, K * to.pitch, p.B);
    p.R = s->rank - 3;
    p.E = 1;
    for (int i = p.R ? (int)p.R - 1 : -1; i >= 0; i--) {
        p.D[i] = p.E;
        p.M[i] = s->dim[i + 1];
        p.E *= s->dim[i + 1];
    }
    p.as = a->type.shape.dim[0] == DIM_BATCH ? sample_floats(&x) : 0;
    p.G = gr.groups;
    p.GW = gr.width;
    p.gstep = gr.width * K;
    p.last = gr.last;
    p.m = p.E * M * N * K;
    p.moved = 4 * p.E * (M * K + K * N + M * N);
    p.sweep = gr.groups > 1 || !gr.last ? use_sweep(l, &sweep, &gr, false) : "";
    p.sweep_last = gr.last ? use_sweep(l, &sweep, &gr, true) : "";
    STEP(l, n->name, &kernel_matmul, &p, stem_of(l, "matmul", 0, gr.lanes),
         arena_printf(l->m->arena, "matrix product, %lldx%lld by %lldx%lld", (long long)M,
                      (long long)K, (long long)K, (long long)N),
         in(x.place), in(b), out(to.place));
}
