/* The summary against what Keras 3.15 printed for the same models at two widths (summary/ *.txt,
 * written by model.summary(print_fn=...)). */
#include "../../compiler/ir/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define WEIGHT(name, shape)    "param @" name " : f32" shape " weight trainable init constant(0, 0)\n"
#define STATISTIC(name, shape) "param @" name " : f32" shape " statistic init constant(0, 0)\n"

static const char chain[] = "module m { model sequential sequential\n" WEIGHT("k", "[3,3,3,8]")
    WEIGHT("gamma", "[8]") WEIGHT("beta", "[8]") STATISTIC("mean", "[8]")
        STATISTIC("variance", "[8]") WEIGHT("w", "[8,1000]")
            WEIGHT("b", "[1000]") "param @k/m : f32[3,3,3,8] slot owner @k init constant(0, 0)\n"
                                  "layer input_layer InputLayer [N,32,32,3] params() inputs()\n"
                                  "layer conv2d Conv2D [N,30,30,8] params(@k) inputs()\n"
                                  "layer batch_normalization BatchNormalization [N,30,30,8] "
                                  "params(@gamma, @beta, @mean, "
                                  "@variance) inputs()\n"
                                  "layer re_lu ReLU [N,30,30,8] params() inputs()\n"
                                  "layer a_very_long_name_for_a_layer_indeed_longer "
                                  "GlobalAveragePooling2D [N,8] params() "
                                  "inputs()\n"
                                  "layer \"\\xc3\\xa9\" Dense [N,1000] params(@w, @b) inputs() }";

static const char branch[] = "module m { model functional my_model\n" WEIGHT("k", "[3,3,4,4]")
    WEIGHT("b", "[4]") WEIGHT("w", "[256,3000]")
        WEIGHT("c", "[3000]") "layer img InputLayer [N,8,8,4] params() inputs()\n"
                              "layer conv2d Conv2D [N,8,8,4] params(@k, @b) inputs(img)\n"
                              "layer add Add [N,8,8,4] params() inputs(conv2d, img)\n"
                              "layer flatten Flatten [N,256] params() inputs(add)\n"
                              "layer dense Dense [N,3000] params(@w, @c) inputs(flatten) }";

static const char functional[] = "module m { model functional f\n" WEIGHT("w", "[8,3]")
    WEIGHT("b", "[3]") "layer img InputLayer [N,8] params() inputs()\n"
                       "layer dense Dense [N,3] params(@w, @b) inputs(img) }";

static char *summarise(Arena *a, const char *text, int columns) {
    Diag d;
    StrBuf out = {0};
    diag_init(&d, a, "t", text);
    Module *m = parse_module(a, text, &d);
    diag_print(&d, stderr);
    assert_non_null(m);
    print_summary(m, columns, &out);
    char *summary = arena_strdup(a, out.text);
    strbuf_free(&out);
    return summary;
}

static void expect_keras(const char *name, const char *text) {
    static const int columns[] = {80, 120};
    for (int i = 0; i < 2; i++) {
        Arena *a = arena_new();
        const char *path =
            arena_printf(a, "%s/tests/ir/summary/%s_%d.txt", LATHE_SOURCE_DIR, name, columns[i]);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        char *expected = arena_alloc(a, 1 << 14, 1);
        assert_true(fread(expected, 1, (1 << 14) - 1, f) > 0);
        fclose(f);
        assert_string_equal(summarise(a, text, columns[i]), expected);
        arena_free(a);
    }
}

static void test_chain(void **state) {
    (void)state;
    expect_keras("chain", chain);
}

static void test_branch(void **state) {
    (void)state;
    expect_keras("branch", branch);
}

static void test_functional(void **state) {
    (void)state;
    expect_keras("functional", functional);
}

/* A name cannot control the terminal or turn its direction, and a narrow one still gets a table. */
static void test_odd(void **state) {
    (void)state;
    Arena *a = arena_new();
    const char *text =
        "module m { model sequential \"a\\x1b[31m\\xe2\\x80\\xae\" layer \"b\\x0ac\" D [] params() "
        "inputs() }";
    const char *summary = summarise(a, text, 10);
    assert_non_null(strstr(summary, "Model: \"a?[31m???\"\n"));
    assert_non_null(strstr(summary, "│ b?c (D) "));
    assert_non_null(strstr(summary, "Total params: 0 (0.00 B)"));
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_branch),
        cmocka_unit_test(test_functional),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
