/* Operations that read through indices: resample by constant tables, gather by data. */
#include "emit.h"
#include "strided.h"

/* ---- resample ------------------------------------------------------------------------------- */

static const float *table_of(const Lower *l, const Value *v) {
    CHECK(v->param >= 0 && l->m->params[v->param].data);
    return l->m->params[v->param].data;
}

/* The numbers of a table as an initialiser, some on a line; whole ones are written as integers. */
static const char *table_text(Lower *l, const float *data, int64_t count, bool whole) {
    StrBuf b = {0};
    for (int64_t i = 0; i < count; i++) {
        if (i) strbuf_puts(&b, i % 16 ? ", " : ",\n    ");
        if (whole)
            strbuf_printf(&b, "%d", (int)data[i]);
        else
            strbuf_puts(&b, c_float(l->m->arena, data[i]));
    }
    const char *text = share_text(l->kernels, b.text);
    strbuf_free(&b);
    return text;
}

/* A table, checked: it becomes addresses. */
typedef struct {
    const char *index, *weight;
    int64_t O, T;
    bool unit;
} Table;

static Table read_table(Lower *l, const Node *n) {
    const Shape *s = &n->in[1]->type.shape;
    Table t = {.O = s->dim[0], .T = s->dim[1], .unit = s->dim[1] == 1};
    const float *index = table_of(l, n->in[1]), *weight = table_of(l, n->in[2]);
    int64_t size = n->in[0]->type.shape.dim[n->attr.axis];
    for (int64_t i = 0; i < t.O * t.T; i++) {
        CHECK(index[i] >= 0 && index[i] < (float)size);
        t.unit = t.unit && weight[i] == 1.0f;
    }
    t.index = table_text(l, index, t.O * t.T, true);
    t.weight = t.unit ? "" : table_text(l, weight, t.O * t.T, false);
    return t;
}

static int64_t axes_count(const Shape *s, int from, int to) {
    int64_t count = 1;
    for (int i = from; i < to; i++) count *= s->dim[i];
    return count;
}

static void resample_rows(Lower *l, const Node *n, const Table *t, Layout x) {
    Layout y = define(l, n->out[0]);
    Parts parts = divide(sample_floats(&y), x.rows, 1);
    ResampleRowsParams p = {.V1 = vector_name(l->machine, 1),
                            .index = t->index,
                            .weight = t->weight,
                            .unit = t->unit,
                            .A = x.rows,
                            .O = t->O,
                            .T = t->T,
                            .XP = x.pitch,
                            .YP = y.pitch,
                            .G = parts.runs,
                            .CH = parts.length,
                            .per = parts.per};
    STEP(l, n->name, &kernel_resample_rows, &p, "resample_rows",
         "weighted sums of elements along rows", in(x.place), out(y.place));
}

void lower_resample(Lower *l, const Node *n) {
    const Shape *s = &n->in[0]->type.shape;
    int axis = n->attr.axis;
    Layout x = layout_of(l, n->in[0]);
    Table t = read_table(l, n);
    if (axis == s->rank - 1) {
        resample_rows(l, n, &t, x);
        return;
    }
    Layout y = define_with_pitch(l, n->out[0], x.pitch);
    x = with_pitch(l, n->in[0], y.pitch);
    int64_t A = axes_count(s, 1, axis), B = axes_count(s, axis + 1, s->rank - 1) * x.pitch;
    int lanes = l->machine->lanes;
    while (lanes > B) lanes /= lanes == 4 ? 4 : 2;
    Parts parts = divide(sample_floats(&y), A * t.O, 1);
    ResampleParams p = {.V = vector_name(l->machine, lanes),
                        .L = lanes,
                        .V1 = vector_name(l->machine, 1),
                        .index = t.index,
                        .weight = t.weight,
                        .unit = t.unit,
                        .A = A,
                        .O = t.O,
                        .T = t.T,
                        .X = s->dim[axis],
                        .B = B,
                        .G = parts.runs,
                        .CH = parts.length,
                        .per = parts.per};
    STEP(l, n->name, &kernel_resample, &p,
         arena_printf(l->m->arena, "resample_%s", vector_name(l->machine, lanes)),
         "weighted sums of elements along an axis", in(x.place), out(y.place));
}

/* ---- gather --------------------------------------------------------------------------------- */

/* Elements along the last axis of x. */
static void gather_elements(Lower *l, const Node *n, Layout x, Layout index, int64_t A) {
    Layout y = define(l, n->out[0]);
    bool sampled = n->in[0]->type.shape.dim[0] == DIM_BATCH;
    GatherElementsParams p = {.A = A,
                              .I = shape_count(&n->in[1]->type.shape),
                              .X = x.channels,
                              .XP = x.pitch,
                              .CI = index.channels,
                              .IP = index.pitch,
                              .is = sample_floats(&index),
                              .YC = y.channels,
                              .YP = y.pitch,
                              .ys = sample_floats(&y),
                              .xs = sampled ? sample_floats(&x) : 0};
    STEP(l, n->name, &kernel_gather_elements, &p, "gather", "elements picked by index", in(x.place),
         in(index.place), out(y.place));
}

void lower_gather(Lower *l, const Node *n) {
    const Shape *s = &n->in[0]->type.shape;
    int axis = n->attr.axis;
    bool sampled = s->dim[0] == DIM_BATCH;
    Layout x = rows_of(l, n->in[0]), index = layout_of(l, n->in[1]);
    int64_t A = axes_count(s, sampled, axis);
    if (axis == s->rank - 1) {
        gather_elements(l, n, x, index, A);
        return;
    }
    Layout y = define_with_pitch(l, n->out[0], x.pitch);
    if (sampled) x = with_pitch(l, n->in[0], y.pitch);
    CHECK(x.pitch == y.pitch);
    int64_t I = shape_count(&n->in[1]->type.shape);
    int64_t B = axes_count(s, axis + 1, s->rank - 1) * x.pitch;
    Parts parts = divide(sample_floats(&y), A * I, 1);
    GatherParams p = {.A = A,
                      .I = I,
                      .X = s->dim[axis],
                      .B = B,
                      .C = x.channels,
                      .P = x.pitch,
                      .CI = index.channels,
                      .IP = index.pitch,
                      .is = sample_floats(&index),
                      .xs = sampled ? sample_floats(&x) : 0,
                      .G = parts.runs,
                      .CH = parts.length};
    STEP(l, n->name, &kernel_gather, &p, "gather", "slices picked by index", in(x.place),
         in(index.place), out(y.place));
}
