/* Element by element on tensors of any rank: functions of one, two or three numbers. */
#include "strided.h"

static const char *const binary_names[BINARY_COUNT] = {
#define BINARY(NAME, text, truth) text,
#include "../ir/binary.def"
#undef BINARY
};

static bool has_batch(const Value *v) {
    return v->type.shape.rank > 0 && v->type.shape.dim[0] == DIM_BATCH;
}

/* The result's rows are as far apart as those of the first operand of the same shape, so that both
 * are walked over in one stride. */
static Layout define_like_operands(Lower *l, const Node *n) {
    const Value *y = n->out[0];
    for (int i = 0; i < n->nin; i++) {
        if (!has_batch(n->in[i]) || !shape_equal(&n->in[i]->type.shape, &y->type.shape)) continue;
        int64_t pitch = layout_of(l, n->in[i]).pitch;
        if (layout_of(l, n->in[i]).place.kind != PLACE_LABELS)
            return define_with_pitch(l, y, pitch);
    }
    return define(l, y);
}

/* The step result = function(all operands of n), which join as NumPy's. */
static void map_operands(Lower *l, const Node *n, Function1 function, const char *comment) {
    const Shape *joint = &n->out[0]->type.shape;
    Layout y = define_like_operands(l, n);
    Space s = space_over(joint);
    s.inputs = n->nin;
    for (int i = 0; i < n->nin; i++) s.operand[i] = broadcast_operand(l, n->in[i], joint);
    set_result(&s, n->out[0], y);
    add_map(l, n->name, s, function, false, comment);
}

/* A tensor without samples is mapped as it is stored. */
static void map_stored(Lower *l, const Node *n, Function1 function, const char *comment) {
    Layout y = define(l, n->out[0]), x = layout_of(l, n->in[0]);
    CHECK(x.pitch == y.pitch);
    Space s = {.rank = 1, .dim = {y.pitch}, .inputs = 1};
    s.operand[0] = (Operand){.place = x.place, .stride = {1}, .room = x.pitch};
    s.operand[RESULT] = (Operand){.place = y.place, .stride = {1}, .room = y.pitch};
    add_map(l, n->name, s, function, true, comment);
}

static void map_one(Lower *l, const Node *n, Function1 function) {
    const char *comment = "element by element";
    if (has_batch(n->in[0]))
        map_operands(l, n, function, comment);
    else
        map_stored(l, n, function, comment);
}

void lower_unary(Lower *l, const Node *n) { map_one(l, n, function_of(l, &n->attr)); }

void lower_cast(Lower *l, const Node *n) {
    map_one(l, n,
            plain_function(l, n->attr.dtype == DT_BOOL  ? "truth"
                              : n->attr.dtype == DT_I64 ? "trunc"
                                                        : "copy"));
}

void lower_binary(Lower *l, const Node *n) {
    map_operands(l, n, plain_function(l, binary_names[n->attr.binary]), "two operands joined");
}

void lower_select(Lower *l, const Node *n) {
    map_operands(l, n, plain_function(l, "select"), "one of two operands");
}

void lower_unary_grad(Lower *l, const Node *n) {
    const ActInfo *info = &act_info[n->attr.act];
    CHECK(info->derivative == DERIVATIVE_X);
    Function1 f = {share_text(l->kernels, arena_printf(l->m->arena, "%s_slope", info->text)),
                   args_text(l, n->attr.args, info->nargs)};
    map_operands(l, n, f, "gradient through a function of one number");
}
