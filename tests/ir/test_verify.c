/* The verifier finds every kind of violation; each is written down as text, which the parser lets
 * through. */
#include "../../compiler/ir/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define PARAMS                                                                                     \
    "param @w : f32[4,4] weight trainable init constant(0, 0)\n"                                   \
    "param @v : f32[4,4] weight trainable init constant(0, 0)\n"

typedef struct {
    const char *body, *violation; /* violation NULL: none */
} Case;

static const Case cases[] = {
    /* what is right */
    {"", NULL},
    {"fn f(%x: f32[N,4]) params() -> (%y) { %y = relu(%x) : f32[N,4] }", NULL},
    {PARAMS "fn f() params(@w, @v) -> () { %n = sgd(@w, @v) {momentum=0, weight_decay=0} : "
            "f32[4,4] alias @w -> %n }",
     NULL},

    /* parameters and layers */
    {"param @w : f32[4] weight init constant(0, 0) param @w : f32[4] weight init constant(0, 0)",
     "two parameters are called 'w'"},
    {"param @w : f32[N,4] weight init constant(0, 0)", "bad dimension"},
    {"param @w : f32[0,4] weight init constant(0, 0)", "bad dimension"},
    {"param @w : f32[9999999999,9999999999] weight init constant(0, 0)", "too large"},
    {"param @w : f32[4] slot init constant(0, 0)", "exactly slots have an owner"},
    {PARAMS "param @m : f32[4] weight owner @w init constant(0, 0)", "exactly slots have an owner"},
    {"param @s : f32[4] statistic init constant(0, 0) param @m : f32[4] slot owner @s init "
     "constant(0, 0)",
     "slot 'm' belongs to nothing trainable"},
    {"param @s : f32[4] statistic trainable init constant(0, 0)", "trainable but no weight"},
    {"param @s : f32[4] weight init uniform(nan, 1)", "not finite"},
    {"param @s : f32[4] stored [5] weight init constant(0, 0)",
     "stored with another number of elements"},

    /* values */
    {"fn f(%x: f32[4,N]) params() -> () { }", "'x' has a bad dimension"},
    {"fn f(%x: f32[N,4], %x: f32[N,4]) params() -> () { }", "two values are called 'x'"},
    {PARAMS "fn f() params(@v, @w) -> () { }", "parameter 'w' is out of order"},
    {PARAMS "fn f() params(@w, @w) -> () { }", "parameter 'w' is out of order"},
    {"fn f() params() -> () { } fn f() params() -> () { }", "two functions are called 'f'"},

    /* order, arity, attributes, types */
    {"fn f(%x: f32[N,4]) params() -> () { %a = relu(%b) : f32[N,4] %b = relu(%x) : f32[N,4] }",
     "a uses 'b' before it is defined"},
    {"fn f() params() -> () { %a = relu(%a) : f32[N,4] }", "a uses 'a' before it is defined"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = add(%x) : f32[N,4] }", "add has 1 inputs"},
    {"fn f(%x: f32[N,4]) params() -> () { %a, %b = relu(%x) : f32[N,4], f32[N,4] }",
     "relu has 2 results"},
    {PARAMS "fn f() params(@w, @v) -> () { %n = adam(@w, @v, @w, @v) : f32[4,4] }",
     "adam has 1 results"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = relu(%x) {rate=0.5} : f32[N,4] }",
     "relu does not have rate"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = relu(%x) : f32[N,5] }",
     "'a' has type f32 (None, 5), but its operation gives f32 (None, 4)"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = relu(%x) : i32[N,4] }", "'a' has type i32"},
    {"fn f(%x: u8[N,4]) params() -> () { %a = relu(%x) : f32[N,4] }",
     "is u8, but f32, i64 or bool is expected"},

    /* shape rules */
    {"fn f(%x: f32[N,4]) params() -> () { %a = reshape(%x) {dims=[3]} : f32[N,3] }",
     "cannot be reshaped"},
    {"fn f(%x: f32[4]) params() -> () { %a = reshape(%x) : f32[N,4] }", "no batch dimension"},
    {"fn f(%x: f32[N,4,4,1]) params() -> () { %a = crop(%x) {pad=[2,2,0,0]} : f32[N,1,4,1] }",
     "nothing is left"},
    {"fn f(%x: f32[N,4,4,1]) params() -> () { %a = pad(%x) {pad=[-1,0,0,0]} : f32[N,3,4,1] }",
     "must not be negative"},
    {"fn f(%x: f32[N,4,4,1]) params() -> () { %a = max_pool(%x) {kernel=[2,2], stride=[1,1], "
     "pad=[2,0,0,0]} : f32[N,5,3,1] }",
     "must be less than the pool size"},
    {"fn f(%x: f32[N,4], %l: f32[N]) params() -> () { %a = loss(%x, %l) {loss=crossentropy} : "
     "f32[N] }",
     "labels 'l' are f32, but i32 is expected"},
    {"fn f(%x: f32[N,4], %l: i32[N]) params() -> () { %a = loss(%x, %l) {loss=mse} : f32[N] }",
     "labels 'l' are i32, but f32 is expected"},
    {"fn f(%x: f32[N,4], %l: i32[N]) params() -> () { %a = loss(%x, %l) : f32[N] }",
     "loss without a kind"},
    {"fn f(%x: f32[N,4], %l: i32[N]) params() -> () { %a = accuracy(%x, %l) : f32[N] }",
     "accuracy without a metric"},
    {PARAMS "fn f(%x: f32[N,4]) params(@w) -> () { %a = dense_grad_input(%x, @w) {act_grad=relu} "
            ": f32[N,4] }",
     "2 inputs do not agree with act_grad=relu"},
    {PARAMS "fn f(%x: f32[N,4]) params(@w) -> () { %a = dense_grad_input(%x, @w, %x) : f32[N,4] }",
     "3 inputs do not agree with act_grad=none"},
    {"fn f(%x: f32[N,4,4,1], %d: f32[N,3,3,1]) params() -> () { %a = conv2d_grad_kernel(%x, %d) "
     "{kernel=[3,3], stride=[1,1], dilation=[1,1], groups=1} : f32[3,3,1,1] }",
     "does not belong to windows over"},
    {PARAMS "fn f(%x: f32[N,3]) params(@w) -> () { %a = sgd(@w, %x) {momentum=0, weight_decay=0} "
            ": f32[4,4] }",
     "'x' has shape (None, 3), but (4, 4) is expected"},

    {"fn f(%x: f32[4]) params() -> () { %a = transpose(%x) : f32[4] }",
     "'x' (4,) has no batch dimension"},
    {"fn f(%x: f32[N,4,4,3]) params() -> () { %a = transpose(%x) {perm=[1,1,3]} : f32[N,4,4,3] }",
     "axis 1 of the permutation does not fit"},
    {"fn f(%x: f32[N,4,4,3]) params() -> () { %a = concat(%x, %x) {axis=4} : f32[N,4,4,3] }",
     "(None, 4, 4, 3) has the axes 1 to 3"},
    {"fn f(%x: f32[N,4,4,3], %y: f32[N,4,5,3]) params() -> () { %a = concat(%x, %y) {axis=1} : "
     "f32[N,8,4,3] }",
     "cannot be joined along axis 1"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = reduce(%x) {reduction=mean, axes=8, keep=0} : "
     "f32[N] }",
     "the set of axes 0x8 does not fit (None, 4)"},
    {"fn f(%x: f32[N,4], %y: f32[N,3]) params() -> () { %a = binary(%x, %y) {function=add} : "
     "f32[N,4] }",
     "do not go together"},
    {"fn f(%x: f32[4], %y: f32[4]) params() -> () { %a = binary(%x, %y) {function=add} : f32[4] }",
     "none of its inputs has a batch dimension"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = broadcast(%x) {dims=[3]} : f32[N,3] }",
     "(None, 4) cannot be repeated to (None, 3)"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = cast(%x) {dtype=u8} : u8[N,4] }",
     "numbers are f32, i64 or bool, not u8"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = slice(%x) {start=[2], step=[1], dims=[3]} : "
     "f32[N,3] }",
     "3 elements from 2 by steps of 1 do not lie in axis 1 of size 4"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = slice(%x) {start=[0], step=[1], dims=[1,1]} : "
     "f32[N,1,1] }",
     "have different ranks"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = pad_any(%x) {before=[-1], after=[0], value=0} : "
     "f32[N,3] }",
     "padding (-1, 0): it must not be negative"},
    {"fn f(%x: f32[4,4], %i: i64[N,2]) params() -> () { %a = gather(%x, %i) {axis=2} : f32[N,2] }",
     "axis 2 does not fit (4, 4)"},
    {"fn f(%x: f32[4,4], %i: i64[N,2]) params() -> () { %a = gather(%x, %i) {axis=1} : f32[N,2] }",
     "a table is read along its axis 0, not 1"},
    {"fn f(%x: f32[N,4,4], %i: i64[N,2,2,2,2,2,2,2]) params() -> () { %a = gather(%x, %i) {axis=1} "
     ": "
     "f32[N,4] }",
     "has more than 8 axes"},
    {"fn f(%x: f32[N,4,4], %i: i64[4], %t: f32[4]) params() -> () { %a = resample(%x, %i, %t) "
     "{axis=1} : f32[N,4,4] }",
     "the table of indices has shape (4,)"},
    {"fn f(%x: f32[N,4], %y: f32[N,4]) params() -> () { %a = matmul(%x, %y) : f32[N,4] }",
     "(None, 4) is no matrix a sample"},
    {"fn f(%x: f32[N,4,3], %y: f32[N,4,3]) params() -> () { %a = matmul(%x, %y) : f32[N,4,4] }",
     "cannot be multiplied"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = lrn(%x) {count=0} : f32[N,4] }",
     "a window of 0 channels over (None, 4)"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = augment(%x) {augment=1} : f32[N,4] }",
     "'x' is no batch of images"},
    {"fn f(%x: f32[N,4,4,3]) params() -> () { %a = augment(%x) {augment=9} : f32[N,4,4,3] }",
     "augment=9, fill=0: there is no such thing"},
    {"fn f(%x: f32[N,4,4,3]) params() -> () { %a = augment(%x) {augment=3, size=[5,2]} : "
     "f32[N,5,2,3] }",
     "size 5 does not fit into 4 pixels"},
    {"fn f(%x: f32[N,4]) params() -> () { %a = top_k(%x) {axis=1, count=5} : f32[N,5] }",
     "top_k has 1 results"},
    {"fn f(%x: f32[N,4]) params() -> () { %a, %i = top_k(%x) {axis=1, count=5} : f32[N,5], "
     "i64[N,5] }",
     "5 elements are sought of 4"},

    /* aliases */
    {PARAMS "fn f() params(@w, @v) -> () { %n = sgd(@w, @v) {momentum=0, weight_decay=0} : "
            "f32[4,4] %late = relu(@w) : f32[4,4] alias @w -> %n }",
     "'late' reads parameter 'w' after 'n' has replaced it"},
    {PARAMS "fn f() params(@w, @v) -> (@w) { %n = sgd(@w, @v) {momentum=0, weight_decay=0} : "
            "f32[4,4] alias @w -> %n }",
     "parameter 'w' is an output and is replaced"},
    {PARAMS "fn f() params(@w, @v) -> () { %n = relu(@w) : f32[4,4] alias @w -> %n alias @v -> %n "
            "}",
     "aliased twice"},
    {PARAMS "fn f() params(@w) -> () { %n = relu(@w) : f32[4,4] %k = relu(%n) : f32[4,4] alias @w "
            "-> %n alias @w -> %k }",
     "aliased twice"},
    {PARAMS "fn f(%x: f32[4,4]) params(@w) -> () { alias @w -> %x }", "replaced by no result"},
    {PARAMS "fn f(%x: f32[4]) params(@w) -> () { %n = relu(%x) : f32[4] alias @w -> %n }",
     "a value of another type"},
    {"fn f(%x: f32[4]) params() -> () { %n = relu(%x) : f32[4] alias %x -> %n }",
     "which is no parameter"},
};

static void test_violations(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *a = arena_new();
        const char *text = arena_printf(a, "module m { %s }", cases[i].body);
        Diag d;
        diag_init(&d, a, "case", text);
        Module *m = parse_module(a, text, &d);
        diag_print(&d, stderr);
        assert_non_null(m);
        const char *violation = verify_module(m);
        if (!cases[i].violation) {
            assert_null(violation);
        } else if (!violation || !strstr(violation, cases[i].violation)) {
            fail_msg("%s\nexpected: %s\nfound: %s", cases[i].body, cases[i].violation,
                     violation ? violation : "nothing");
        }
        arena_free(a);
    }
}

/* What text cannot express: broken links between values and nodes. */
static void test_broken_links(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = module_new(a, "m");
    Function *f = module_add_function(m, "f");
    Type t = {.dtype = DT_F32, .shape = {.rank = 2, .dim = {DIM_BATCH, 4}}};
    Value *x = function_add_input(m, f, "x", t);
    Diag d;
    diag_init(&d, a, NULL, NULL);
    Node *n = function_add_node(m, f, OP_RELU, "y", &x, 1, NULL, (SrcLoc){0, 0}, &d);
    assert_null(verify_module(m));
    n->out[0]->producer = NULL;
    assert_non_null(strstr(verify_module(m), "does not know its node"));
    n->out[0]->producer = n;
    n->out[0]->id = x->id;
    assert_non_null(strstr(verify_module(m), "defined as one value"));
    n->out[0]->id = 99;
    assert_non_null(strstr(verify_module(m), "has id 99"));
    n->out[0]->id = 1;
    Value *stranger = ARENA_NEW(a, Value);
    *stranger = *x;
    n->in[0] = stranger;
    assert_non_null(strstr(verify_module(m), "before it is defined"));
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_violations),
        cmocka_unit_test(test_broken_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
