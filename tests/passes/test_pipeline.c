/* Both pipelines on the examples and on small networks that use every operation and optimizer: the
 * result stays the same after every pass (paranoid), and the text form round-trips after every
 * pass. And what happens when a pass does break the result. */
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/passes/rewrite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *const networks[] = {"lenet",
                                       "model",
                                       "convbn",
                                       "mlp",
                                       "regression",
                                       "examples/cifar10/model1.py",
                                       "examples/cifar10/model1_10.py",
                                       "examples/cifar10/model2.py",
                                       "examples/cifar10/convbn.py",
                                       "examples/lenet5/lenet5.py",
                                       NULL};

static Module *read_example(Arena *a, const char *name) {
    Diag d;
    const char *path = arena_printf(a, "%s/%s", LATHE_SOURCE_DIR, name);
    diag_init(&d, a, path, NULL);
    Module *m = load_model(a, path, NULL, &d);
    diag_print(&d, stderr);
    assert_non_null(m);
    assert_null(verify_module(m));
    return m;
}

static Module *read_network(Arena *a, const char *name) {
    if (strchr(name, '/')) return read_example(a, name);
    const char *path = arena_printf(a, "%s/tests/passes/networks/%s.ir", LATHE_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = arena_alloc(a, 1 << 16, 1);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    Diag d;
    diag_init(&d, a, path, text);
    Module *m = parse_module(a, text, &d);
    diag_print(&d, stderr);
    assert_non_null(m);
    assert_null(verify_module(m));
    return m;
}

static void assert_round_trip(Arena *a, const Module *m) {
    StrBuf once = {0}, twice = {0};
    Diag d;
    print_module(m, &once);
    diag_init(&d, a, "printed", once.text);
    Module *again = parse_module(a, once.text, &d);
    diag_print(&d, stderr);
    assert_non_null(again);
    assert_null(verify_module(again));
    print_module(again, &twice);
    assert_string_equal(once.text, twice.text);
    strbuf_free(&once);
    strbuf_free(&twice);
}

static void run(Arena *a, const char *name, const PipelineOptions *o) {
    Module *m = read_network(a, name);
    Diag d;
    diag_init(&d, a, name, NULL);
    if (!o->train) materialize_params(m, 7);
    bool ok = run_pipeline(m, o, &d);
    diag_print(&d, stderr);
    assert_true(ok);
    assert_round_trip(a, m);
}

static void test_paranoid(void **state) {
    (void)state;
    for (int i = 0; networks[i]; i++) {
        for (int train = 0; train < 2; train++) {
            Arena *a = arena_new();
            run(a, networks[i], &(PipelineOptions){.train = train, .paranoid = true});
            arena_free(a);
        }
    }
}

static void test_round_trip_after_every_pass(void **state) {
    (void)state;
    for (int i = 0; networks[i]; i++) {
        for (int train = 0; train < 2; train++) {
            const Pass *p = train ? training_passes : inference_passes;
            for (; p->name; p++) {
                Arena *a = arena_new();
                run(a, networks[i], &(PipelineOptions){.train = train, .after = p->name});
                arena_free(a);
            }
        }
    }
}

static void test_same_module_for_both(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = read_network(a, "lenet");
    Diag d;
    diag_init(&d, a, NULL, NULL);
    assert_true(run_pipeline(m, &(PipelineOptions){.train = true}, &d));
    materialize_params(m, 1);
    for (int i = 0; i < 2; i++) {
        assert_true(run_pipeline(m, &(PipelineOptions){.paranoid = true}, &d));
        assert_true(run_pipeline(m, &(PipelineOptions){.train = true, .paranoid = true}, &d));
    }
    assert_round_trip(a, m);
    arena_free(a);
}

static int count_ops(const Module *m, const char *function, OpKind op) {
    const Function *f = module_function(m, function);
    int n = 0;
    for (int i = 0; i < f->nnodes; i++) n += f->nodes[i]->op == op;
    return n;
}

/* What the pipelines are for: on these networks nothing foldable is left. */
static void test_everything_is_folded(void **state) {
    (void)state;
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, NULL, NULL);
    Module *m = read_network(a, "lenet");
    materialize_params(m, 7);
    assert_true(run_pipeline(m, &(PipelineOptions){0}, &d));
    static const OpKind gone[] = {OP_PAD, OP_BATCH_NORM, OP_SCALE_SHIFT, OP_TANH, OP_DROPOUT};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_int_equal(count_ops(m, "predict", gone[i]), 0);
    m = read_network(a, "model");
    assert_true(run_pipeline(m, &(PipelineOptions){.train = true}, &d));
    assert_int_equal(count_ops(m, "train_step", OP_RELU), 0);
    assert_int_equal(count_ops(m, "train_step", OP_RELU_GRAD), 0);
    assert_int_equal(count_ops(m, "train_step", OP_LOSS_GRAD), 0);
    arena_free(a);
}

static void test_unknown_pass(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = read_network(a, "model");
    Diag d;
    diag_init(&d, a, NULL, NULL);
    assert_false(run_pipeline(m, &(PipelineOptions){.after = "autodiff"}, &d));
    assert_int_equal(d.errors, 1);
    assert_non_null(strstr(d.messages[0].text, "no pass 'autodiff'"));
    assert_non_null(strstr(d.messages[0].text, "fold-batch-norm"));
    arena_free(a);
}

static void test_log(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = read_network(a, "lenet");
    Diag d;
    StrBuf log = {0};
    diag_init(&d, a, NULL, NULL);
    PassContext c = {.module = m, .diag = &d, .log = &log};
    assert_true(pass_make_predict(&c));
    assert_true(pass_remove_dropout(&c));
    assert_string_equal(log.text, "  predict: dropout removed\n");
    strbuf_free(&log);
    arena_free(a);
}

/* A pass that scales the wrong way is noticed: the results named are those that differ. */
static void test_snapshots_differ(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = read_network(a, "model");
    Diag d;
    diag_init(&d, a, NULL, NULL);
    assert_true(run_pipeline(m, &(PipelineOptions){.train = true}, &d));
    const char *what = NULL;
    const Snapshot *before = snapshot_take(m, true, &d), *same = snapshot_take(m, true, &d);
    assert_true(snapshot_equal(before, same, &what));
    Function *f = module_function(m, "train_step");
    for (int i = 0; i < f->nnodes; i++) {
        if (f->nodes[i]->op == OP_MAX_POOL_GRAD) f->nodes[i]->attr.act_grad = ACT_TANH;
    }
    assert_false(snapshot_equal(before, snapshot_take(m, true, &d), &what));
    assert_non_null(strstr(what, "conv2d/"));
    arena_free(a);
}

/* Parameters are drawn by seed and index, from the range they ask for; what has data keeps it. */
static void test_materialize(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = read_network(a, "model"), *n = read_network(a, "model");
    materialize_params(m, 1);
    materialize_params(n, 2);
    assert_memory_not_equal(m->params[0].data, n->params[0].data, 64);
    assert_memory_not_equal(m->params[0].data, m->params[2].data, 64);
    float *kept = m->params[0].data;
    materialize_params(m, 3);
    assert_ptr_equal(m->params[0].data, kept);
    for (int i = 0; i < 216; i++)
        assert_true(m->params[0].data[i] >= -0.5f && m->params[0].data[i] < 0.5f);
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paranoid),
        cmocka_unit_test(test_round_trip_after_every_pass),
        cmocka_unit_test(test_same_module_for_both),
        cmocka_unit_test(test_everything_is_folded),
        cmocka_unit_test(test_unknown_pass),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_snapshots_differ),
        cmocka_unit_test(test_materialize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
