/* The table of operations on tensors, and calling them. */
#include "tensor_ops.h"

#include "layer_rules.h"

#include <string.h>

/* ---- arguments ------------------------------------------------------------------------------ */

static const ParamSpec x_specs[] = {{"x", NULL}};
static const ParamSpec relu_specs[] = {
    {"x", NULL}, {"negative_slope", NULL}, {"max_value", NULL}, {"threshold", NULL}};
static const ParamSpec gelu_specs[] = {{"x", NULL}, {"approximate", NULL}};
static const ParamSpec leaky_specs[] = {{"x", NULL}, {"negative_slope", NULL}};
static const ParamSpec alpha_specs[] = {{"x", NULL}, {"alpha", NULL}};
static const ParamSpec softmax_specs[] = {{"x", NULL}, {"axis", NULL}};
static const ParamSpec clip_specs[] = {{"x", NULL}, {"x_min", NULL}, {"x_max", NULL}};
static const ParamSpec binary_specs[] = {{"x1", NULL}, {"x2", NULL}};
static const ParamSpec where_specs[] = {{"condition", NULL}, {"x1", NULL}, {"x2", NULL}};
static const ParamSpec reduction_specs[] = {{"x", NULL}, {"axis", NULL}, {"keepdims", NULL}};
static const ParamSpec reshape_specs[] = {{"x", NULL}, {"newshape", NULL}};
static const ParamSpec transpose_specs[] = {{"x", NULL}, {"axes", NULL}};
static const ParamSpec pad_specs[] = {
    {"x", NULL}, {"pad_width", NULL}, {"mode", "'constant'"}, {"constant_values", NULL}};
static const ParamSpec axis_specs[] = {{"x", NULL}, {"axis", NULL}};
static const ParamSpec concatenate_specs[] = {{"xs", NULL}, {"axis", NULL}};
static const ParamSpec pool_specs[] = {{"inputs", NULL},
                                       {"pool_size", NULL},
                                       {"strides", NULL},
                                       {"padding", NULL},
                                       {"data_format", "None|'channels_last'"}};

/* ---- the table --------------------------------------------------------------------------------
 */

#define SPECS(table) table, sizeof(table) / sizeof *(table), sizeof(table) / sizeof *(table)
#define OP_ROW(function, operands, variant, name, specs, configure, shape, emit)                   \
    {                                                                                              \
        function, operands, variant, {                                                             \
            name, NULL, SPECS(specs), 1, INT32_MAX, configure, shape, NULL, emit                   \
        }                                                                                          \
    }
#define FUNCTION(function, name, act)                                                              \
    OP_ROW(function, 1, ACT_##act, name, x_specs, configure_function, shape_op_same,               \
           emit_op_function)
#define BINARY_ROW(function, name, fn)                                                             \
    OP_ROW(function, 2, BINARY_##fn, name, binary_specs, NULL, shape_joined, emit_op_binary)
#define REDUCTION_ROW(function, name, fn)                                                          \
    OP_ROW(function, 1, REDUCTION_##fn, name, reduction_specs, configure_reduction,                \
           shape_reduction, emit_reduction)

const TensorOp tensor_ops[] = {
    FUNCTION("relu", "Relu", RELU),
    FUNCTION("relu6", "Relu6", CLIP),
    FUNCTION("sigmoid", "Sigmoid", SIGMOID),
    FUNCTION("tanh", "Tanh", TANH),
    FUNCTION("silu", "Silu", SILU),
    FUNCTION("swish", "Silu", SILU),
    FUNCTION("hard_sigmoid", "HardSigmoid", HARD_SIGMOID),
    FUNCTION("hard_silu", "HardSilu", HARD_SILU),
    FUNCTION("hard_swish", "HardSilu", HARD_SILU),
    FUNCTION("selu", "Selu", SELU),
    FUNCTION("softplus", "Softplus", SOFTPLUS),
    FUNCTION("softsign", "Softsign", SOFTSIGN),
    FUNCTION("mish", "Mish", MISH),
    FUNCTION("exp", "Exp", EXP),
    FUNCTION("log", "Log", LOG),
    FUNCTION("sqrt", "Sqrt", SQRT),
    FUNCTION("square", "Square", SQUARE),
    FUNCTION("absolute", "Absolute", ABS),
    FUNCTION("abs", "Absolute", ABS),
    FUNCTION("negative", "Negative", NEG),
    FUNCTION("reciprocal", "Reciprocal", RECIPROCAL),
    FUNCTION("rsqrt", "Rsqrt", POWER),
    FUNCTION("sin", "Sin", SIN),
    FUNCTION("cos", "Cos", COS),
    FUNCTION("erf", "Erf", ERF),
    FUNCTION("sign", "Sign", SIGN),
    FUNCTION("floor", "Floor", FLOOR),
    FUNCTION("ceil", "Ceil", CEIL),
    FUNCTION("round", "Round", ROUND),
    OP_ROW("elu", 1, ACT_ELU, "Elu", alpha_specs, configure_op_leaky_relu, shape_op_same,
           emit_op_function),
    OP_ROW("celu", 1, ACT_CELU, "Celu", alpha_specs, configure_op_leaky_relu, shape_op_same,
           emit_op_function),
    OP_ROW("leaky_relu", 1, ACT_LEAKY_RELU, "LeakyRelu", leaky_specs, configure_op_leaky_relu,
           shape_op_same, emit_op_function),
    OP_ROW("gelu", 1, true, "Gelu", gelu_specs, configure_op_gelu, shape_op_same, emit_op_function),
    OP_ROW("softmax", 1, ACTIVATION_SOFTMAX, "Softmax", softmax_specs, configure_op_softmax,
           shape_op_softmax, emit_op_function),
    OP_ROW("log_softmax", 1, ACTIVATION_LOG_SOFTMAX, "LogSoftmax", softmax_specs,
           configure_op_softmax, shape_op_softmax, emit_op_function),
    OP_ROW("clip", 1, ACT_CLIP, "Clip", clip_specs, configure_clip, shape_op_same,
           emit_op_function),
    BINARY_ROW("add", "Add", ADD),
    BINARY_ROW("subtract", "Subtract", SUB),
    BINARY_ROW("multiply", "Multiply", MUL),
    BINARY_ROW("divide", "Divide", DIV),
    BINARY_ROW("true_divide", "TrueDivide", DIV),
    BINARY_ROW("power", "Power", POW),
    BINARY_ROW("maximum", "Maximum", MAX),
    BINARY_ROW("minimum", "Minimum", MIN),
    BINARY_ROW("mod", "Mod", MOD),
    BINARY_ROW("equal", "Equal", EQUAL),
    BINARY_ROW("less", "Less", LESS),
    BINARY_ROW("less_equal", "LessEqual", LESS_EQUAL),
    BINARY_ROW("greater", "Greater", GREATER),
    BINARY_ROW("greater_equal", "GreaterEqual", GREATER_EQUAL),
    OP_ROW("where", 3, 0, "Where", where_specs, NULL, shape_joined, emit_where),
    REDUCTION_ROW("mean", "Mean", MEAN),
    REDUCTION_ROW("sum", "Sum", SUM),
    REDUCTION_ROW("max", "Max", MAX),
    REDUCTION_ROW("amax", "Amax", MAX),
    REDUCTION_ROW("min", "Min", MIN),
    REDUCTION_ROW("amin", "Amin", MIN),
    REDUCTION_ROW("prod", "Prod", PROD),
    OP_ROW("reshape", 1, 0, "Reshape", reshape_specs, configure_op_reshape, shape_op_reshape,
           emit_reshaped),
    OP_ROW("transpose", 1, 0, "Transpose", transpose_specs, configure_op_transpose,
           shape_op_transpose, emit_op_transpose),
    OP_ROW("squeeze", 1, 0, "Squeeze", axis_specs, configure_squeeze, shape_squeeze, emit_reshaped),
    OP_ROW("expand_dims", 1, 0, "ExpandDims", axis_specs, configure_expand_dims, shape_expand_dims,
           emit_reshaped),
    OP_ROW("pad", 1, 0, "Pad", pad_specs, configure_op_pad, shape_op_pad, emit_op_pad),
    OP_ROW("concatenate", 1, 0, "Concatenate", concatenate_specs, configure_op_concatenate,
           shape_concatenate, emit_concatenate),
    OP_ROW("matmul", 2, 0, "Matmul", binary_specs, NULL, shape_op_matmul, emit_op_matmul),
    OP_ROW("average_pool", 1, 0, "AveragePool", pool_specs, configure_pool, shape_pool,
           emit_avg_pool),
    OP_ROW("max_pool", 1, 0, "MaxPool", pool_specs, configure_pool, shape_pool, emit_max_pool),
    {NULL, 0, 0, {0}},
};

/* keras.activations has these with other arguments, or other names. */
static const TensorOp activation_ops[] = {
    OP_ROW("relu", 1, 0, "ReLU", relu_specs, configure_op_relu, shape_op_same, emit_op_function),
    OP_ROW("gelu", 1, false, "Gelu", gelu_specs, configure_op_gelu, shape_op_same,
           emit_op_function),
    FUNCTION("exponential", "Exp", EXP),
    FUNCTION("hard_tanh", "HardTanh", CLIP),
    FUNCTION("hard_shrink", "HardShrink", SHRINK),
    FUNCTION("soft_shrink", "SoftShrink", SHRINK),
    {NULL, 0, 0, {0}},
};

static const TensorOp *find(const TensorOp *rows, const char *function) {
    for (; rows->function; rows++) {
        if (strcmp(rows->function, function) == 0) return rows;
    }
    return NULL;
}

const TensorOp *tensor_op_find(const char *function, bool activation) {
    const TensorOp *op = activation ? find(activation_ops, function) : NULL;
    return op ? op : find(tensor_ops, function);
}

const char **tensor_op_names(Arena *a) {
    int n = 0, capacity = 0;
    const char **names = NULL;
    for (const TensorOp *op = tensor_ops; op->function; op++)
        ARENA_PUSH(a, names, n, capacity, op->function);
    ARENA_PUSH(a, names, n, capacity, NULL);
    return names;
}

static bool has_class(const TensorOp *rows, const LayerClass *class) {
    for (; rows->function; rows++) {
        if (&rows->class == class) return true;
    }
    return false;
}

bool is_tensor_op(const LayerClass *class) {
    return has_class(tensor_ops, class) || has_class(activation_ops, class) ||
           strcmp(class->name, "GetItem") == 0;
}

const TensorOp *tensor_op_of(const ScriptLayer *l) {
    return (const TensorOp *)((const char *)l->class - offsetof(TensorOp, class));
}

/* ---- calls ------------------------------------------------------------------------------------
 */

typedef struct {
    Tensor **items;
    int count, capacity;
} Tensors;

static bool wrong_operand(Script *s, const ScriptLayer *l, const CallArg *g, const char *what) {
    bound_wrong(s, l->bound, g, what);
    return false;
}

/* An operand is a tensor, a list of tensors where the operation takes any number, or a number. */
static bool read_operand(Script *s, ScriptLayer *l, int i, Tensors *in) {
    const char *name = l->class->specs[i].name;
    const CallArg *g = bound_get(l->bound, name);
    bool lists = l->class->shape == shape_concatenate;
    if (!g)
        return bound_given(s, l->bound, name) &&
               wrong_operand(s, l, &l->bound->args[i], "a tensor");
    const Obj *o = g->value;
    if (o->kind == OBJ_TENSOR && !lists) {
        ARENA_PUSH(s->arena, in->items, in->count, in->capacity, o->tensor);
        return true;
    }
    if (lists) {
        bool ok = obj_is_sequence(o) && o->seq.count > 0;
        for (int k = 0; ok && k < o->seq.count && script_charge(s, 1, g->loc); k++) {
            ok = o->seq.items[k]->kind == OBJ_TENSOR;
            if (ok)
                ARENA_PUSH(s->arena, in->items, in->count, in->capacity, o->seq.items[k]->tensor);
        }
        return ok || wrong_operand(s, l, g, "a list of tensors");
    }
    bool numbers = tensor_op_of(l)->operands > 1 && l->class->shape != shape_op_matmul;
    if (!numbers || !obj_is_number(o))
        return wrong_operand(s, l, g, numbers ? "a tensor or a number" : "a tensor");
    l->c.is_number[i] = true;
    l->c.number[i] = (float)obj_real(o);
    return true;
}

Obj *tensor_op_call(Script *s, const TensorOp *op, const CallArgs *args) {
    CHECK(op);
    ScriptLayer *l = layer_new(s, &op->class);
    Tensors in = {0};
    bool ok = bind_args(s, l->bound, op->function, op->class.specs, op->class.nspecs,
                        op->class.positional, args);
    for (int i = 0; ok && i < op->operands; i++) ok = read_operand(s, l, i, &in);
    if (ok && in.count == 0) {
        script_error(s, args->loc, "%s: none of its operands is a tensor", op->function);
        ok = false;
    }
    if (ok && op->class.configure) ok = op->class.configure(s, l);
    if (!ok || s->stopped) return script_poison(s);
    l->name = keras_auto_name(s, op->class.name);
    return tensor_object(s, layer_apply(s, l, in.items, in.count, args->loc));
}

static Obj *call_function(Script *s, SrcLoc loc, const char *function, Obj **operands, int n) {
    CallArgs args = {.loc = loc};
    for (int i = 0; i < n; i++) {
        CallArg g = {.value = operands[i], .loc = loc};
        ARENA_PUSH(s->arena, args.items, args.count, args.capacity, g);
    }
    return tensor_op_call(s, tensor_op_find(function, false), &args);
}

Obj *tensor_binary(Script *s, SrcLoc loc, const char *op, Obj *a, Obj *b) {
    static const char *const functions[][2] = {
        {"+", "add"},    {"-", "subtract"},    {"*", "multiply"}, {"/", "true_divide"},
        {"**", "power"}, {"%", "mod"},         {"@", "matmul"},   {"==", "equal"},
        {"<", "less"},   {"<=", "less_equal"}, {">", "greater"},  {">=", "greater_equal"}};
    Obj *operands[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (operands[i]->kind == OBJ_TENSOR || obj_is_number(operands[i])) continue;
        return script_error(s, loc, "'%s' is not accepted between %s and %s", op, obj_kind_text(a),
                            obj_kind_text(b));
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i][0], op) == 0)
            return call_function(s, loc, functions[i][1], operands, 2);
    }
    return script_error(s, loc, "'%s' on tensors is not supported", op);
}

Obj *tensor_unary(Script *s, SrcLoc loc, const char *function, Obj *a) {
    return call_function(s, loc, function, &a, 1);
}
