/* Index spaces and the step that maps elements over one. */
#include "strided.h"

static bool has_batch(const Shape *s) { return s->rank > 0 && s->dim[0] == DIM_BATCH; }

Space space_over(const Shape *s) {
    Space space = {0};
    for (int i = has_batch(s); i < s->rank; i++) space.dim[space.rank++] = s->dim[i];
    return space;
}

/* ---- operands ------------------------------------------------------------------------------- */

/* Where v lies as the gradient of a parameter or becomes its new value it is packed as that is. */
static int param_of(const Lower *l, const Value *v) {
    if (v->param >= 0) return v->param;
    const Place *p = &l->layout[v->id].place;
    for (int i = 0; i < l->m->nparams; i++)
        if (p->kind == PLACE_GRADS && p->at == l->params->param[i].grad_at) return i;
    for (int i = 0; i < l->f->naliases; i++)
        if (l->f->aliases[i].out == v) return l->f->aliases[i].in->param;
    return -1;
}

int stored_panel(const Lower *l, const Value *v) {
    const Shape *s = &v->type.shape;
    int param = param_of(l, v);
    if (param >= 0) return l->params->param[param].panel;
    return panel_of(s->rank ? s->dim[s->rank - 1] : 1);
}

/* Panels of a stored tensor without samples, as plan.h has them. */
static Layout unpacked(Lower *l, const Value *v, Layout packed, int64_t rows, int64_t columns) {
    int panel = stored_panel(l, v);
    Layout y = {.place = packed.place, .rows = rows, .channels = columns, .pitch = panel};
    if (panel >= columns) return y;
    y.pitch = pitch_of(columns);
    y.place = find_derived(l, DERIVED_UNPACKED, v, NULL);
    if (y.place.kind != PLACE_NONE) return y;
    y.place = new_buffer(l, arena_printf(l->m->arena, "%s/rows", v->name), rows * y.pitch);
    UnpackParams p = {.rows = rows, .pitch = y.pitch, .panel = panel};
    STEP(l, l->plan->buffers[y.place.at].name, &kernel_unpack, &p, "unpack",
         "panels of weights as rows", in(packed.place), out(y.place));
    keep_derived(l, DERIVED_UNPACKED, v, NULL, y.place);
    return y;
}

Layout rows_of(Lower *l, const Value *v) {
    const Shape *s = &v->type.shape;
    Layout y = layout_of(l, v);
    if (has_batch(s)) return y;
    int64_t rows = 1, columns = s->rank ? s->dim[s->rank - 1] : 1;
    for (int i = 0; i + 1 < s->rank; i++) rows *= s->dim[i];
    if (rows > 1) return unpacked(l, v, y, rows, columns);
    y.rows = 1;
    y.channels = columns;
    return y;
}

Operand operand_of(const Value *v, Layout y) {
    const Shape *s = &v->type.shape;
    int first = has_batch(s), rank = s->rank - first;
    Operand o = {.place = y.place, .sample = first ? sample_floats(&y) : 0, .room = y.pitch};
    int64_t stride = y.pitch;
    if (rank) o.stride[rank - 1] = 1;
    for (int i = rank - 2; i >= 0; i--) {
        o.stride[i] = stride;
        stride *= s->dim[first + i];
    }
    return o;
}

Operand broadcast_operand(Lower *l, const Value *v, const Shape *joint) {
    const Shape *s = &v->type.shape;
    Operand own = operand_of(v, rows_of(l, v)), o = own;
    int first = has_batch(s);
    memset(o.stride, 0, sizeof o.stride);
    for (int i = 1; i < joint->rank; i++) {
        int axis = i - (joint->rank - s->rank); /* of v */
        if (axis >= first && s->dim[axis] == joint->dim[i])
            o.stride[i - 1] = own.stride[axis - first];
    }
    return o;
}

void set_result(Space *s, const Value *y, Layout layout) {
    s->operand[RESULT] = operand_of(y, layout);
    s->fill = layout.pitch - layout.channels;
}

/* ---- loops ---------------------------------------------------------------------------------- */

/* Whether axis i and the one behind it are one axis for operand o. */
static bool joins(const Space *s, int i, const Operand *o) {
    return o->stride[i] == o->stride[i + 1] * s->dim[i + 1];
}

static bool all_join(const Space *s, int i) {
    if (s->fill && i + 2 == s->rank) return false;
    for (int k = 0; k < s->inputs; k++)
        if (!joins(s, i, &s->operand[k])) return false;
    return joins(s, i, &s->operand[RESULT]);
}

/* Axis i goes; what is joined keeps the stride of the axis behind it. */
static void remove_axis(Space *s, int i) {
    for (int k = i; k + 1 < s->rank; k++) {
        s->dim[k] = s->dim[k + 1];
        for (int j = 0; j < MAX_OPERANDS; j++)
            s->operand[j].stride[k] = s->operand[j].stride[k + 1];
    }
    s->rank--;
}

void collapse(Space *s) {
    if (!s->rank) s->dim[s->rank++] = 1;
    for (int i = 0; i + 1 < s->rank;) {
        if (s->dim[i] == 1) {
            remove_axis(s, i);
        } else if (all_join(s, i)) {
            s->dim[i + 1] *= s->dim[i];
            remove_axis(s, i);
        } else {
            i++;
        }
    }
    /* A row of one element gives way to the axis before it. */
    if (s->rank > 1 && s->dim[s->rank - 1] == 1 && !s->fill) s->rank--;
}

Parts divide(int64_t floats, int64_t outermost, int64_t granule) {
    Parts p = {.per = 1, .runs = 1, .length = outermost};
    if (floats < PART_FLOATS) {
        p.per = PART_FLOATS / floats;
        return p;
    }
    int64_t runs = (floats + PART_FLOATS - 1) / PART_FLOATS;
    p.length = (outermost + runs - 1) / runs;
    p.length = (p.length + granule - 1) / granule * granule;
    if (p.length > outermost) p.length = outermost;
    p.runs = (outermost + p.length - 1) / p.length;
    return p;
}

/* ---- the step ------------------------------------------------------------------------------- */

/* Lanes for rows that are read and written side by side; 1 where an operand strides. */
static int row_lanes(const Lower *l, const Space *s) {
    int last = s->rank - 1, lanes = l->machine->lanes;
    if (s->operand[RESULT].stride[last] != 1) return 1;
    for (int k = 0; k < s->inputs; k++)
        if (s->operand[k].stride[last] < 0 || s->operand[k].stride[last] > 1) return 1;
    while (lanes > s->dim[last]) lanes /= lanes == 4 ? 4 : 2;
    return lanes;
}

/* Lanes of vectors that run over the zeros too; 0 where an operand ends before. */
static int padded_lanes(const Lower *l, const Space *s) {
    int64_t width = s->dim[s->rank - 1] + s->fill;
    if (!s->fill ||
        row_lanes(l, &(Space){.rank = 1, .dim = {width}, .operand[RESULT].stride[0] = 1}) == 1)
        return 0;
    for (int k = 0; k < s->inputs; k++) {
        int64_t stride = s->operand[k].stride[s->rank - 1];
        if (stride < 0 || stride > 1 || (stride && s->operand[k].room < width)) return 0;
    }
    int lanes = machine_lanes(l->machine, width);
    return s->operand[RESULT].stride[s->rank - 1] == 1 && s->fill < lanes ? lanes : 0;
}

static void set_strides(MapParams *p, const Space *s) {
    for (int j = 0; j < MAX_OPERANDS; j++) {
        const Operand *o = &s->operand[j];
        if (j >= s->inputs && j != RESULT) continue;
        for (int k = 0; k + 1 < s->rank; k++) p->S[LOOPS * j + k] = o->stride[k];
        p->I[j] = o->stride[s->rank - 1];
        p->A[j] = o->sample;
        p->B[j] = o->at;
    }
}

void add_map(Lower *l, const char *name, Space s, Function1 function, bool whole,
             const char *comment) {
    collapse(&s);
    int64_t floats = 1, row = s.dim[s.rank - 1];
    for (int i = 0; i < s.rank; i++) floats *= s.dim[i];
    int padded = padded_lanes(l, &s), lanes = padded ? padded : row_lanes(l, &s);
    Parts parts = divide(floats, s.dim[0], s.rank == 1 ? 16 : 1);
    MapParams p = {.V = vector_name(l->machine, lanes),
                   .L = lanes,
                   .V1 = vector_name(l->machine, 1),
                   .fn = function.name,
                   .args = function.args,
                   .inputs = s.inputs,
                   .R = s.rank - 1,
                   .C = row,
                   .fill = s.fill,
                   .padded = padded != 0,
                   .G = parts.runs,
                   .CH = parts.length,
                   .per = parts.per,
                   .whole = whole};
    if (s.rank == 1 && s.fill) p.G = 1; /* one row, which ends in zeros */
    for (int i = 0; i + 1 < s.rank; i++) p.D[i] = s.dim[i];
    set_strides(&p, &s);
    Arg args[MAX_OPERANDS];
    for (int i = 0; i < s.inputs; i++) args[i] = in(s.operand[i].place);
    args[s.inputs] = out(s.operand[RESULT].place);
    add_step(l, name, &kernel_map, &p,
             arena_printf(l->m->arena, "%s_%s", function.name, vector_name(l->machine, lanes)),
             comment, args, s.inputs + 1);
}

Function1 plain_function(Lower *l, const char *name) {
    return (Function1){name, share_text(l->kernels, "")};
}

void add_copy(Lower *l, const char *name, Space s, const char *comment) {
    s.inputs = 1;
    add_map(l, name, s, plain_function(l, "copy"), false, comment);
}
