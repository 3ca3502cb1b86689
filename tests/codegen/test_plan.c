/* The buffer plan: buffers alive at once don't overlap, the total is near the lower bound, no
 * kernel reads what it was not given or writes outside its buffers, and sharing memory changes no
 * bit. The networks are the examples and those of nets.c. */
#include "any.h"
#include "built.h"
#include "nets.h"

#include "../../compiler/codegen/plan.h"
#include "../../compiler/frontend/frontend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const examples[] = {"cifar10/model1", "cifar10/model2", "cifar10/convbn",
                                       "lenet5/lenet5", NULL};
static const char *const functions[] = {"predict", "eval", "train_step"};

static char *read_example(Arena *a, const char *name) {
    char *text = arena_alloc(a, 1 << 16, 1);
    FILE *f = fopen(arena_printf(a, "%s/examples/%s.py", LATHE_SOURCE_DIR, name), "rb");
    assert_non_null(f);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

static Plan *plan_of(Built *b, const char *function) {
    const Function *f = module_function(b->m, function);
    if (!f) return NULL;
    KernelSet *kernels = ARENA_NEW(b->arena, KernelSet);
    kernels->arena = b->arena;
    kernels->prefix = "";
    const Phases phases = one_phase(b->o.batch);
    return lower_function(b->m, f, &phases, layout_params(b->m, &b->o), &b->o,
                          &machines[b->o.targets[0]], kernels);
}

static int64_t ends(const Buffer *b) { return b->offset + b->floats; }

static bool alive_together(const Buffer *a, const Buffer *b) {
    return a->pinned || b->pinned || (a->first <= b->last && b->first <= a->last);
}

static void check_plan(const Plan *p) {
    for (int i = 0; i < p->nbuffers; i++) {
        const Buffer *b = &p->buffers[i];
        assert_true(b->floats > 0 && b->offset >= 0 && b->offset % (BUFFER_ALIGN / 4) == 0);
        assert_true(ends(b) <= p->floats && b->first <= b->last && b->last < p->nsteps);
        for (int k = 0; k < i; k++) {
            const Buffer *o = &p->buffers[k];
            if (alive_together(b, o)) assert_true(ends(b) <= o->offset || ends(o) <= b->offset);
        }
    }
}

/* Every step finds its buffers alive. */
static void check_lifetimes(const Plan *p) {
    for (int s = 0; s < p->nsteps; s++) {
        for (int i = 0; i < p->steps[s].nargs; i++) {
            Place at = p->steps[s].arg[i];
            if (at.kind != PLACE_BUFFER) continue;
            const Buffer *b = &p->buffers[at.at];
            assert_true(b->pinned || (b->first <= s && s <= b->last));
        }
    }
}

static void check_plans(const char *name, const char *script, int batch, bool report) {
    for (int train = 0; train < 2; train++) {
        Built *b = built_load("plan", script, train, batch, "avx2");
        for (int i = 0; i < 3; i++) {
            if ((i > 0) != train) continue;
            const Plan *p = plan_of(b, functions[i]);
            check_plan(p);
            check_lifetimes(p);
            assert_true(p->floats >= p->lower_bound && p->floats <= p->separate);
            if (!report) continue;
            printf("%-16s %-10s %9lld bytes, lower bound %9lld\n", name, functions[i],
                   (long long)p->floats * 4, (long long)p->lower_bound * 4);
            assert_true((double)p->floats <= 1.15 * (double)p->lower_bound);
        }
        built_free(b);
    }
}

static void test_plans(void **state) {
    Arena *a = arena_new();
    (void)state;
    for (int i = 0; examples[i]; i++)
        check_plans(examples[i], read_example(a, examples[i]), 32, true);
    for (int i = 0; nets[i].name; i++)
        check_plans(nets[i].name, net_script(&nets[i]), nets[i].batch, false);
    arena_free(a);
}

/* ---- guards --------------------------------------------------------------------------------- */

static int64_t largest_plan(Built *b) {
    int64_t most = 0;
    for (int i = b->o.train ? 1 : 0; i < (b->o.train ? 3 : 1); i++) {
        const Plan *p = plan_of(b, functions[i]);
        if (p->floats > most) most = p->floats;
    }
    return most;
}

/* Everything between the buffers of a guarded build must still hold the poison. */
static void check_guards(Built *b, const char *function) {
    const Plan *p = plan_of(b, function);
    int64_t all = (int64_t)(b->model->workspace_bytes / 4), base = all - largest_plan(b);
    bool *covered = ARENA_ARRAY(b->arena, bool, (size_t)all);
    for (int i = 0; i < p->nbuffers; i++)
        for (int64_t k = 0; k < p->buffers[i].floats; k++)
            covered[base + p->buffers[i].offset + k] = true;
    const uint32_t *words = (const uint32_t *)(const void *)b->workspace;
    for (int64_t k = base; k < all; k++) {
        if (covered[k] || words[k] == 0xFFFFFFFFu) continue;
        for (int i = 0; i < p->nbuffers; i++) {
            int64_t end = base + ends(&p->buffers[i]);
            if (k >= end && k < end + 2 * GUARD_FLOATS)
                print_error("%lld floats behind %s\n", (long long)(k - end), p->buffers[i].name);
        }
        fail_msg("%s, %s: a guard is damaged", b->m->name, function);
    }
}

static Built *build(const char *name, const char *script, bool train, int batch, bool guarded) {
    Built *b = built_load(name, script, train, batch, built_runs("avx2") ? "avx2" : "c99");
    b->o.guarded = guarded;
    built_compile(b, "-O0");
    return b;
}

typedef struct {
    float *x;
    void *labels;
} Data;

static Data draw_data(Built *b) {
    int64_t count = b->model->batch * b->model->input[0].count;
    Data d = {ARENA_ARRAY(b->arena, float, (size_t)count),
              ARENA_ARRAY(b->arena, float, (size_t)(b->model->batch * b->model->output[0].count))};
    for (int64_t i = 0; i < count; i++) d.x[i] = draw_float();
    if (b->o.train && !b->model->loss[0].float_labels)
        for (int i = 0; i < b->model->batch; i++)
            ((int32_t *)d.labels)[i] = draw_below((int)b->model->output[0].count);
    return d;
}

static void train_steps(Built *b, const Data *d) {
    b->model->init(b->state, 1);
    for (int t = 0; t < 3; t++) {
        lathe_step s = {.n = t == 1 && b->o.batch > 1 ? b->o.batch - 1 : b->o.batch,
                        .target = -1,
                        .step = (uint64_t)t,
                        .learning_rate = 0.01f};
        lathe_metrics m;
        built_poison(b);
        b->model->train_step(b->state, b->workspace, &s, &(const float *){d->x},
                             &(const void *){d->labels}, &m);
        assert_true(m.loss == m.loss);
        if (b->o.guarded) check_guards(b, "train_step");
        built_poison(b);
        b->model->evaluate(b->state, b->workspace, &s, &(const float *){d->x},
                           &(const void *){d->labels}, &m);
        assert_true(m.loss == m.loss);
        if (b->o.guarded) check_guards(b, "eval");
    }
}

static void compare_tensor(Built *a, Built *b, int i) {
    size_t count = (size_t)a->model->tensor[i].count;
    float *x = ARENA_ARRAY(a->arena, float, count), *y = ARENA_ARRAY(a->arena, float, count);
    a->model->export_tensor(a->state, i, x);
    b->model->export_tensor(b->state, i, y);
    assert_memory_equal(x, y, count * sizeof *x);
}

static void compare_training(const char *name, const char *script, int batch) {
    print_message("%s\n", name);
    Built *packed = build("packed", script, true, batch, false);
    Built *guarded = build("guarded", script, true, batch, true);
    Data d = draw_data(packed);
    train_steps(packed, &d);
    train_steps(guarded, &d);
    for (int i = 0; i < packed->model->tensors; i++) compare_tensor(packed, guarded, i);
    built_free(packed);
    built_free(guarded);
}

static void compare_builds(Built *packed, Built *guarded, int batch) {
    Data d = draw_data(packed);
    size_t count = (size_t)(batch * packed->model->output[0].count);
    float *y = ARENA_ARRAY(packed->arena, float, count);
    float *z = ARENA_ARRAY(packed->arena, float, count);
    packed->model->predict(&packed->weights, packed->workspace, batch, &(const float *){d.x},
                           &(float *){y});
    guarded->model->predict(&guarded->weights, guarded->workspace, batch, &(const float *){d.x},
                            &(float *){z});
    check_guards(guarded, "predict");
    assert_memory_equal(y, z, count * sizeof *y);
    for (size_t i = 0; i < count; i++) assert_true(y[i] == y[i]);
    built_free(packed);
    built_free(guarded);
}

static void compare_predictions(const char *script, int batch) {
    compare_builds(build("packed", script, false, batch, false),
                   build("guarded", script, false, batch, true), batch);
}

static Built *build_any(const Group *g, bool guarded) {
    Any n;
    build_group(&n, g);
    n.m->name = guarded ? "guarded" : "packed";
    Built *b = built_module(n.m, false, g->batch, built_runs("avx2") ? "avx2" : "c99", &n.d);
    b->o.guarded = guarded;
    built_compile(b, "-O0");
    return b;
}

/* Operations of any rank; those whose results are NaN by right have no place here. */
static void test_any_guards(void **state) {
    static const char *const names[] = {"functions_wide",  "moves",    "reductions",
                                        "reductions_wide", "products", "neighbours"};
    (void)state;
    for (const Group *g = groups; g->name; g++) {
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (!strcmp(names[i], g->name))
                compare_builds(build_any(g, false), build_any(g, true), g->batch);
    }
}

/* The examples with small batches; every seventh network, which is one of each group, and all
 * graphs, in turn for training and for inference, where LATHE_FULL is set for both. */
static void test_guards(void **state) {
    Arena *a = arena_new();
    bool full = getenv("LATHE_FULL"), train = false;
    (void)state;
    for (int i = 0; examples[i]; i++) {
        const char *script = read_example(a, examples[i]);
        compare_training(examples[i], script, 3);
        compare_predictions(script, 2);
    }
    for (int i = 0; nets[i].name; i++) {
        if (i % 7 && !strchr(nets[i].layers, '\n')) continue;
        train = !train;
        if (train || full) compare_training(nets[i].name, net_script(&nets[i]), nets[i].batch);
        if (!train || full) compare_predictions(net_script(&nets[i]), nets[i].batch);
    }
    arena_free(a);
}

/* VGG16's convolutions need two images at once, of 12.8 and 3.2 MB: the zeros around them come with
 * the image, not with a copy. Winograd's scratch is at most 4 MB for each of two threads. */
static void test_vgg16_workspace(void **state) {
    static const char script[] =
        "import keras\nfrom keras import layers\nmodel = keras.Sequential()\n"
        "model.add(keras.Input((224, 224, 3)))\n"
        "for count, filters in [(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]:\n"
        "    for i in range(count):\n"
        "        model.add(layers.Conv2D(filters, 3, padding='same', activation='relu'))\n"
        "    model.add(layers.MaxPooling2D(2))\n"
        "model.add(layers.GlobalAveragePooling2D())\n";
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        Built *b = built_load("vgg16", script, false, 1, "avx2");
        b->o.exact = exact;
        const Plan *p = plan_of(b, "predict");
        double scratch = exact ? 0.0 : 2 * 4e6;
        assert_true((double)p->floats * 4 <= 1.1 * 16.1e6 + scratch);
        /* Zeros around the input and 12 images, 13 convolutions, the mean, the output. */
        if (exact) assert_int_equal(p->nsteps, 1 + 12 + 13 + 2);
        built_free(b);
    }
}

/* An inverted residual of MobileNet V2: the image of 4.8 MB that its depthwise convolution reads
 * never exists as a whole, and its addend is not written over while it is read. */
static void test_chain_workspace(void **state) {
    static const char script[] = "import keras\nfrom keras import layers\n"
                                 "inputs = keras.Input((112, 112, 16))\n"
                                 "x = layers.Conv2D(96, 1, activation='relu')(inputs)\n"
                                 "x = layers.DepthwiseConv2D(3, padding='same')(x)\n"
                                 "x = layers.Add()([inputs, layers.Conv2D(16, 1)(x)])\n"
                                 "x = layers.GlobalAveragePooling2D()(x)\n"
                                 "model = keras.Model(inputs, x)\n";
    (void)state;
    Built *b = built_load("chain", script, false, 1, "avx2");
    const Plan *p = plan_of(b, "predict");
    assert_int_equal(p->nsteps, 1 + 2);
    assert_true((double)p->floats * 4 <= 2.5e6);
    built_free(b);
}

int main(int argc, char **argv) {
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans), cmocka_unit_test(test_guards),
                                       cmocka_unit_test(test_any_guards),
                                       cmocka_unit_test(test_vgg16_workspace),
                                       cmocka_unit_test(test_chain_workspace)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
