/* The text form: prints and parses back, whatever the names; and no text makes the parser fail
 * other than by a message. */
#include "../../compiler/ir/module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Every construct of the grammar, as the printer writes it. */
static const char everything[] =
    "module \"my model\" {\n"
    "  model functional functional_1\n"
    "  input_scale 127.5\n"
    "  classes [cat, \"big dog\", \"\\xc3\\xa9\\\"\\\\\\x0a\", \"\"]\n"
    "  train optimizer sgd SGD {learning_rate=0.1, momentum=0.9, beta1=0, beta2=0, rho=0, "
    "epsilon=1e-07, weight_decay=0, nesterov=1, amsgrad=0, centered=0} loss mse "
    "mean_squared_error {from_logits=0} metric none\n"
    "  param @dense/kernel : f32[4,3] weight trainable init uniform(-0.1, 0.3333333)\n"
    "  param @\"a b\" : f32[3] statistic init constant(1, 0)\n"
    "  param @dense/kernel/velocity : f32[4,3] slot owner @dense/kernel init constant(0, 0)\n"
    "  param @c : f32[3] const init constant(0, 0) data(1.4013e-45, -0, 3.4028235e+38)\n"
    "  param @scalar : f32[] const init constant(0, 0) data(0.1)\n"
    "  param @big : f32[20] const init constant(0, 0) data(fnv=0123456789abcdef)\n"
    "  layer dense Dense [N,3] params(@dense/kernel, @\"a b\") inputs(input_layer, \"x y\")\n"
    "  layer empty InputLayer [] params() inputs()\n"
    "  fn \"odd name\"(%x: f32[N,4], %\"l-1\": i32[N]) params(@dense/kernel, @c) -> (%y, %\"l-1\") "
    "{\n"
    "    %y = dense(%x, @dense/kernel, @c) {act=relu} node=dense : f32[N,3]\n"
    "    %r = reshape(%y) {dims=[1,3,1]} : f32[N,1,3,1]\n"
    "    %d = dropout(%r) {rate=0.2, stream=4294967295} : f32[N,1,3,1]\n"
    "    %p = avg_pool(%d) {kernel=[1,2], stride=[2,1], pad=[0,0,1,0]} : f32[N,1,3,1]\n"
    "    %new = relu(@dense/kernel) : f32[4,3]\n"
    "    alias @dense/kernel -> %new\n"
    "  }\n"
    "  fn empty() params() -> () {\n"
    "  }\n"
    "}\n";

static void test_round_trip(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diag d;
    StrBuf out = {0};
    diag_init(&d, a, "everything", everything);
    Module *m = parse_module(a, everything, &d);
    diag_print(&d, stderr);
    assert_non_null(m);
    assert_null(verify_module(m));
    print_module(m, &out);
    assert_string_equal(out.text, everything);
    strbuf_free(&out);
    arena_free(a);
}

static void test_comments_and_space(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diag d;
    StrBuf out = {0};
    const char *text = "# a model\nmodule m{model sequential s # all defaults\n"
                       "fn f(%x:f32[ N , 4 ])params()->(%x){}}# end";
    diag_init(&d, a, "t", text);
    Module *m = parse_module(a, text, &d);
    assert_non_null(m);
    print_module(m, &out);
    assert_string_equal(out.text, "module m {\n  model sequential s\n  input_scale 255\n"
                                  "  fn f(%x: f32[N,4]) params() -> (%x) {\n  }\n}\n");
    strbuf_free(&out);
    arena_free(a);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
        int line, column;
    } cases[] = {
        {"", "'module' is expected", 1, 1},
        {"module m {\n  thing\n}", "a section of a module is expected", 2, 3},
        {"module m { } x", "the module ends before this", 1, 14},
        {"module m { fn f() params() -> (%a) { } }", "there is no value 'a'", 1, 32},
        {"module m { fn f() params(@a) -> () { } }", "there is no parameter 'a'", 1, 28},
        {"module m { param @a : f32[1] weight init constant(0, 0) fn f() params() -> (@a) { } }",
         "the function does not list this parameter", 1, 77},
        {"module m { fn f() params() -> () { %a = frob() : f32[] } }", "'frob' is no operation", 1,
         45},
        {"module m { fn f() params() -> () { %a = relu() {frob=1} : f32[] } }",
         "'frob' is no attribute", 1, 53},
        {"module m { fn f() params() -> () { %a = pad() {pad=[1,2]} : f32[] } }",
         "4 elements are expected", 1, 56},
        {"module m { fn f() params() -> () { %a = pad() {pad=[1,2,3,4,5]} : f32[] } }",
         "more than 4 elements", 1, 61},
        {"module m { fn f() params() -> () { %a = relu() {act=frob} : f32[] } }",
         "'frob' is no act", 1, 57},
        {"module m { param @a : f99[1] weight init constant(0, 0) }", "'f99' is no type", 1, 26},
        {"module m { param @a : f32[1,1,1,1,1,1,1,1,1] weight init constant(0, 0) }",
         "more than 8 dimensions", 1, 43},
        {"module m { param @a : f32[99999999999999999999] weight init constant(0, 0) }",
         "an integer from 0", 1, 47},
        {"module m { param @a : f32[2] const init constant(0, 0) data(1) }",
         "1 elements do not fill the parameter", 1, 63},
        {"module \"m\\q\" { }", "a bad escape in a quoted name", 1, 11},
        {"module \"m\\x00\" { }", "a bad escape in a quoted name", 1, 14},
        {"module \"m", "a quoted name has no end", 1, 10},
        {"module m { input_scale 1.5.5 }", "a number is expected", 1, 29},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Arena *a = arena_new();
        Diag d;
        diag_init(&d, a, "t", cases[i].text);
        assert_null(parse_module(a, cases[i].text, &d));
        assert_int_equal(d.count, 1);
        if (!strstr(d.messages[0].text, cases[i].message))
            fail_msg("%s\nexpected %s\nfound %s", cases[i].text, cases[i].message,
                     d.messages[0].text);
        assert_int_equal(d.messages[0].loc.line, cases[i].line);
        if (d.messages[0].loc.column != cases[i].column)
            fail_msg("%s: column %d", cases[i].text, d.messages[0].loc.column);
        arena_free(a);
    }
}

/* Parses; if that succeeds the verifier must survive it too. */
static void try_text(const char *text) {
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, "t", text);
    Module *m = parse_module(a, text, &d);
    assert_true((m == NULL) == (d.errors > 0));
    if (m && !verify_module(m)) {
        StrBuf out = {0};
        print_module(m, &out);
        strbuf_free(&out);
    }
    arena_free(a);
}

static void test_truncated(void **state) {
    (void)state;
    char text[sizeof everything];
    for (size_t n = 0; n < sizeof everything; n++) {
        memcpy(text, everything, n);
        text[n] = '\0';
        try_text(text);
    }
}

/* One to four changed bytes, or a stretch moved elsewhere. */
static void test_mutated(void **state) {
    (void)state;
    static const char bytes[] = "(){}[]@%,:=->\"\\#N019.x \n\x80\xff";
    uint32_t seed = 1;
    char text[sizeof everything];
    for (int i = 0; i < 20000; i++) {
        memcpy(text, everything, sizeof text);
        for (int k = 0; k <= i % 4; k++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 8) % (sizeof text - 1);
            seed = seed * 1664525u + 1013904223u;
            if (k == 3)
                memmove(text + at / 2, text + at, (sizeof text - 1 - at) / 2);
            else
                text[at] = bytes[(seed >> 8) % (sizeof bytes - 1)];
        }
        try_text(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_comments_and_space),
        cmocka_unit_test(test_errors),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_mutated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
