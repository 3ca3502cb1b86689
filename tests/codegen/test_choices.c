/* Every variant of a convolution, whatever is behind it and wherever its tiles end, against the
 * interpreter in double: test_choices TARGET. Kernels are drawn by --kernels random:SEED; the test
 * prints which combinations it met, and fails where one is missing. Results go to NAME.bits, which
 * must be the same for every target. */
#include "built.h"
#include "met.h"

#include "../../compiler/interp/interp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Six successive seeds give each layer every variant that it has. */
enum { SEEDS = 6, BATCH = 2 };

/* ---- what was met --------------------------------------------------------------------------- */

static int met[VARIANT_COUNT][EPILOGUES][TAILS];

static int print_met(void) {
    int missing = 0;
    for (int v = 0; v < VARIANT_COUNT; v++) {
        for (int e = 0; e < EPILOGUES; e++) {
            printf("%-20s %-10s", variant_name((Variant)v), epilogues[e]);
            for (int t = 0; t < TAILS; t++) {
                if (!conv_cell_exists((ConvCell){v, e, t})) continue;
                printf("  %s %d", tails[t], met[v][e][t]);
                missing += !met[v][e][t];
            }
            puts("");
        }
    }
    if (missing) fprintf(stderr, "%d combinations were not met\n", missing);
    return missing;
}

/* ---- the networks --------------------------------------------------------------------------- */

/* All epilogues on maps of 8 and of 7 rows and columns, with outputs of less than a panel and of
 * more panels than one group. */
static const char script[] =
    "import keras\n"
    "from keras.layers import Add, AveragePooling2D, Conv2D, DepthwiseConv2D, Input, MaxPooling2D, "
    "ReLU\n"
    "inputs = Input(shape=(8, 8, 16))\n"
    "outputs = []\n"
    "for size in ((1, 1), (2, 1), (1, 2), (2, 2)):\n"
    "    x = Conv2D(16, size)(inputs)\n"
    "    for k, r in ((9, 3), (48, 3), (9, 5), (48, 5)):\n"
    "        outputs.append(Conv2D(k, r, padding='same', use_bias=False)(x))\n"
    "        outputs.append(Conv2D(k, r, padding='same')(x))\n"
    "        outputs.append(Conv2D(k, r)(inputs))\n"
    "        outputs.append(Conv2D(k, r, padding='same', activation='tanh')(x))\n"
    "        y = Conv2D(k, r, padding='same', activation='relu')(x)\n"
    "        outputs.append(MaxPooling2D(2)(y))\n"
    "        y = Conv2D(k, 1, activation='relu')(x)\n"
    "        y = Add()([y, Conv2D(k, r, padding='same')(x)])\n"
    "        outputs.append(ReLU()(y))\n"
    "x = Conv2D(24, 1, activation='relu')(inputs)\n"
    "x = DepthwiseConv2D(3, padding='same', activation='relu')(x)\n"
    "outputs.append(Conv2D(9, 1)(x))\n"
    "grey = Input(shape=(10, 40, 1))\n"
    "rows = Input(shape=(12, 22, 1))\n"
    "for k in (3, 6):\n"
    "    outputs.append(Conv2D(k, 3, use_bias=False)(grey))\n"
    "    outputs.append(Conv2D(k, 3)(grey))\n"
    "    outputs.append(Conv2D(k, 3, padding='same', activation='tanh')(grey))\n"
    "    outputs.append(MaxPooling2D(2)(Conv2D(k, 3, activation='relu')(grey)))\n"
    "    outputs.append(AveragePooling2D(2)(Conv2D(k, 3, activation='tanh')(grey)))\n"
    "    outputs.append(Conv2D(k, (5, 3), padding='same', use_bias=False)(rows))\n"
    "    outputs.append(Conv2D(k, 5, padding='same')(rows))\n"
    "    outputs.append(Conv2D(k, 5, padding='same', activation='tanh')(rows))\n"
    "    outputs.append(MaxPooling2D(2)(Conv2D(k, 5, padding='same', activation='relu')(rows)))\n"
    "    outputs.append(AveragePooling2D(2)(Conv2D(k, 5, padding='same', "
    "activation='tanh')(rows)))\n"
    "model = keras.Model([inputs, grey, rows], outputs)\n";

/* ---- results -------------------------------------------------------------------------------- */

static int failures;

static void compare(const Built *b, Interp *it, int output, const float *y) {
    const Value *v = module_function(b->m, "predict")->outputs[output];
    int64_t count = BATCH * b->model->output[output].count;
    double *want = ARENA_ARRAY(b->arena, double, (size_t)count), worst = 0, largest = 0;
    interp_get(it, v, want);
    for (int64_t i = 0; i < count; i++) {
        double d = fabs((double)y[i] - want[i]);
        if (!(d <= worst)) worst = d;
        largest = fmax(largest, fabs(want[i]));
    }
    if (worst <= 4e-6 * largest) return;
    fprintf(stderr, "%s, %s: off by %g\n", b->m->name, v->name, worst / largest);
    failures++;
}

static void run(Built *b) {
    const lathe_model *m = b->model;
    float **x = ARENA_ARRAY(b->arena, float *, (size_t)m->inputs);
    float **y = ARENA_ARRAY(b->arena, float *, (size_t)m->outputs);
    for (int i = 0; i < m->inputs; i++) {
        x[i] = ARENA_ARRAY(b->arena, float, (size_t)(BATCH * m->input[i].count));
        for (int64_t k = 0; k < BATCH * m->input[i].count; k++) x[i][k] = draw_float();
    }
    for (int i = 0; i < m->outputs; i++)
        y[i] = ARENA_ARRAY(b->arena, float, (size_t)(BATCH * m->output[i].count));
    built_poison(b);
    m->predict(&b->weights, b->workspace, BATCH, (const float *const *)x, y);
    Diag d;
    diag_init(&d, b->arena, NULL, NULL);
    Interp *it = interp_new(b->m, module_function(b->m, "predict"), BATCH, true, &d);
    if (!it) stop("no interpreter");
    RunScalars s = {.n = BATCH};
    for (int i = 0; i < m->inputs; i++) interp_set_input(it, i, x[i], BATCH);
    interp_run(it, &s);
    FILE *bits = fopen(arena_printf(b->arena, "%s.bits", b->m->name), "wb");
    if (!bits) stop("no file for the bits");
    for (int i = 0; i < m->outputs; i++) {
        compare(b, it, i, y[i]);
        fwrite(y[i], sizeof(float), (size_t)(BATCH * m->output[i].count), bits);
    }
    if (fclose(bits)) stop("bits not written");
    interp_free(it);
}

static void test(int seed, const char *target) {
    Arena *a = arena_new();
    Built *b = built_load(arena_printf(a, "choices%d", seed), script, false, BATCH, target);
    b->o.any_kernels = b->o.reproducible = true;
    b->o.kernel_seed = (uint64_t)seed;
    const Function *f = module_function(b->m, "predict");
    ConvCell c;
    for (int i = 0; i < f->nnodes; i++)
        if (conv_cell(&b->o, f, i, &c)) met[c.variant][c.epilogue][c.tail]++;
    built_compile(b, "-O0");
    draw_again();
    run(b);
    built_free(b);
    arena_free(a);
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    if (!built_runs(argv[1])) {
        printf("SKIPPED: this machine does not run %s\n", argv[1]);
        return 0;
    }
    /* Plain C, which compiles slowly, only gives bits to compare with. */
    bool plain = !strcmp(argv[1], "c99");
    for (int seed = 0; seed < (plain ? 2 : SEEDS); seed++) test(seed, argv[1]);
    return (!plain && print_met()) || failures;
}
