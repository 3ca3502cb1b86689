/* Construction: names, parameters, copies, uses; and shape errors as the user sees them. */
#include "../../compiler/ir/module.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    Arena *arena;
    Module *m;
    Function *f;
    Diag d;
} Fixture;

static void setup(Fixture *x) {
    x->arena = arena_new();
    x->m = module_new(x->arena, "m");
    x->f = module_add_function(x->m, "forward");
    diag_init(&x->d, x->arena, "model.py", NULL);
}

static Type f32(int rank, int64_t a, int64_t b, int64_t c, int64_t d) {
    return (Type){.dtype = DT_F32, .shape = {.rank = rank, .dim = {a, b, c, d}}};
}

static Value *param(Fixture *x, const char *name, Type type) {
    Param p = {.name = name, .type = type, .role = PARAM_WEIGHT, .trainable = true, .owner = -1};
    return function_param(x->m, x->f, module_add_param(x->m, p));
}

static Node *add(Fixture *x, OpKind op, const char *name, Value *const *in, int nin,
                 const Attrs *attr) {
    return function_add_node(x->m, x->f, op, name, in, nin, attr, (SrcLoc){3, 5}, &x->d);
}

static void test_names_are_unique(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    Value *in = function_add_input(x.m, x.f, "x", f32(2, DIM_BATCH, 4, 0, 0));
    const char *expected[] = {"x.1", "x.2", "x.1.1"};
    const char *names[] = {"x", "x", "x.1"};
    for (int i = 0; i < 3; i++)
        assert_string_equal(add(&x, OP_RELU, names[i], &in, 1, NULL)->out[0]->name, expected[i]);
    arena_free(x.arena);
}

static void test_params_stay_sorted(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    int index[3];
    const char *names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        index[i] = module_add_param(
            x.m, (Param){.name = names[i], .type = f32(1, 2, 0, 0, 0), .owner = -1});
    Value *c = function_param(x.m, x.f, index[2]), *a = function_param(x.m, x.f, index[0]);
    Value *b = function_param(x.m, x.f, index[1]);
    assert_ptr_equal(function_param(x.m, x.f, index[0]), a);
    assert_ptr_equal(x.f->params[0], a);
    assert_ptr_equal(x.f->params[1], b);
    assert_ptr_equal(x.f->params[2], c);
    assert_int_equal(module_find_param(x.m, "b"), 1);
    assert_int_equal(module_find_param(x.m, "d"), -1);
    arena_free(x.arena);
}

static void test_uses_and_copy(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    Value *in = function_add_input(x.m, x.f, "x", f32(2, DIM_BATCH, 4, 0, 0));
    Value *a = add(&x, OP_RELU, "a", &in, 1, NULL)->out[0];
    Value *sum = add(&x, OP_ADD, "sum", (Value *[]){a, a}, 2, NULL)->out[0];
    function_add_output(x.m, x.f, sum);
    function_add_output(x.m, x.f, a);
    assert_int_equal(function_count_uses(x.f, a), 3);
    Function *copy = function_clone(x.m, x.f, "copy");
    function_replace_uses(x.f, a, in);
    assert_int_equal(function_count_uses(x.f, a), 0);
    assert_int_equal(function_count_uses(x.f, in), 4);
    assert_int_equal(function_count_uses(copy, copy->nodes[0]->out[0]), 3);
    assert_ptr_equal(copy->nodes[1]->in[0]->producer, copy->nodes[0]);
    assert_null(verify_module(x.m));
    module_remove_function(x.m, "copy");
    assert_null(module_function(x.m, "copy"));
    arena_free(x.arena);
}

static void test_shapes(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    assert_string_equal(shape_text(x.arena, &(Shape){.rank = 4, .dim = {-1, 30, 30, 8}}),
                        "(None, 30, 30, 8)");
    assert_string_equal(shape_text(x.arena, &(Shape){.rank = 1, .dim = {10}}), "(10,)");
    assert_string_equal(shape_text(x.arena, &(Shape){.rank = 0}), "()");
    int64_t total;
    Shape large = {.rank = 3, .dim = {DIM_BATCH, 1 << 20, 1 << 20}};
    assert_true(shape_total(&large, 1, &total));
    assert_int_equal(total, INT64_C(1) << 40);
    assert_false(shape_total(&large, 2, &total));
    Shape huge = {.rank = 3, .dim = {INT64_MAX, INT64_MAX, 2}};
    assert_false(shape_total(&huge, 1, &total));
    arena_free(x.arena);
}

/* The one message that a wrong node gives, with its place. */
static void expect_error(Fixture *x, Node *n, const char *text) {
    assert_null(n);
    assert_int_equal(x->d.errors, 1);
    assert_string_equal(x->d.messages[0].text, text);
    assert_int_equal(x->d.messages[0].loc.line, 3);
    x->d.count = x->d.errors = 0;
}

static void test_shape_errors(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    Attrs one = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    Value *image = function_add_input(x.m, x.f, "pool", f32(4, DIM_BATCH, 3, 3, 2));
    Value *row = function_add_input(x.m, x.f, "row", f32(2, DIM_BATCH, 7, 0, 0));
    Value *k5 = param(&x, "conv/kernel", f32(4, 5, 5, 2, 4));
    expect_error(&x, add(&x, OP_CONV2D, "conv", (Value *[]){image, k5}, 2, &one),
                 "'conv': kernel 5x5 does not fit into the 3x3 feature map of 'pool'");
    Attrs dilated = {.stride = {1, 1}, .dilation = {2, 2}, .pad = {1, 0, 1, 0}, .groups = 1};
    expect_error(&x, add(&x, OP_CONV2D, "conv", (Value *[]){image, k5}, 2, &dilated),
                 "'conv': kernel 5x5 (dilation 2x2) does not fit into the 3x3 feature map of "
                 "'pool' with padding (1, 0), (1, 0)");
    expect_error(&x, add(&x, OP_CONV2D, "conv", (Value *[]){row, k5}, 2, &one),
                 "'conv': its input 'row' has shape (None, 7), but an image (None, height, width, "
                 "channels) is expected");
    Value *k3 = param(&x, "k3", f32(4, 3, 3, 5, 4));
    expect_error(&x, add(&x, OP_CONV2D, "conv", (Value *[]){image, k3}, 2, &one),
                 "'conv': its input has 2 channels, but its kernel (3, 3, 5, 4) is made for 5");
    Value *w = param(&x, "w", f32(2, 8, 3, 0, 0));
    expect_error(&x, add(&x, OP_DENSE, "dense", (Value *[]){row, w}, 2, NULL),
                 "'dense': its input has 7 features, but its kernel (8, 3) is made for 8");
    expect_error(&x, add(&x, OP_ADD, "add", (Value *[]){row, image}, 2, NULL),
                 "'add': cannot add 'row' (None, 7) and 'pool' (None, 3, 3, 2): equal shapes are "
                 "expected");
    Attrs pool = {.kernel = {2, 2}, .stride = {0, 1}};
    expect_error(&x, add(&x, OP_MAX_POOL, "max", &image, 1, &pool),
                 "'max': stride 0x1: both must be at least 1");
    assert_int_equal(x.f->nnodes, 0);
    arena_free(x.arena);
}

static void test_too_large(void **state) {
    (void)state;
    Fixture x;
    setup(&x);
    Value *in = function_add_input(x.m, x.f, "x", f32(4, DIM_BATCH, 40000, 40000, 3));
    expect_error(&x, add(&x, OP_RELU, "relu", &in, 1, NULL),
                 "'relu': (None, 40000, 40000, 3) is too large: at most 2147483647 elements a "
                 "sample are supported");
    Value *small = function_add_input(x.m, x.f, "y", f32(4, DIM_BATCH, 1, 1, 1));
    Attrs pad = {.pad = {INT_MAX, INT_MAX, INT_MAX, INT_MAX}};
    expect_error(&x, add(&x, OP_PAD, "pad", &small, 1, &pad),
                 "'pad': (None, 4294967295, 4294967295, 1) is too large: at most 2147483647 "
                 "elements a sample are supported");
    arena_free(x.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_unique), cmocka_unit_test(test_params_stay_sorted),
        cmocka_unit_test(test_uses_and_copy),    cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_shape_errors),     cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
