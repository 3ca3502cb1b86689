/* Every variant of a convolution, whatever is behind it and wherever its tiles end, against the
 * interpreter in double: test_choices TARGET. Kernels are drawn by --kernels random:SEED; the test
 * prints which combinations it met, and fails where one is missing. Results go to NAME.bits, which
 * must be the same for every target. */
#include "built.h"

#include "../../compiler/codegen/algorithm.h"
#include "../../compiler/codegen/lower.h"
#include "../../compiler/codegen/variant.h"
#include "../../compiler/interp/interp.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Six successive seeds give each layer every variant that it has. */
enum { SEEDS = 6, BATCH = 2 };

/* ---- what was met --------------------------------------------------------------------------- */

enum { PLAIN, BIAS, ACTIVATION, ADDEND, POOLING, EPILOGUES };
enum { WHOLE, ROWS, COLUMNS, BOTH, TAILS };
static const char *const epilogues[] = {"plain", "bias", "activation", "addend", "pooling"};
static const char *const tails[] = {"whole", "rows", "columns", "both"};

static int met[VARIANT_COUNT][EPILOGUES][TAILS];

static int epilogue_of(const Node *n) {
    if (n->attr.pool[0] > 0) return POOLING;
    if (n->attr.addend) return ADDEND;
    return n->attr.act ? ACTIVATION : n->nin > 2 ? BIAS : PLAIN;
}

/* Tiles of the direct kernel do not end past the map: all its maps count as whole. */
static void note_conv(const CodegenOptions *o, const Node *n) {
    Variant v = choose_conv(o, n);
    int m = variant_winograd(v);
    bool rows = m && conv_rows(n) % m != 0, columns = m && conv_columns(n) % m != 0;
    met[v][epilogue_of(n)][rows && columns ? BOTH : rows ? ROWS : columns ? COLUMNS : WHOLE]++;
}

static void note(const CodegenOptions *o, const Function *f, int i) {
    const Node *n = f->nodes[i];
    int first, last;
    if (n->op != OP_CONV2D) return;
    if (find_chain(f, i, &first, &last))
        met[choose_chain(o, n) ? VARIANT_CHAIN : VARIANT_ALONE][epilogue_of(n)][WHOLE]++;
    else if (n->in[1]->type.shape.dim[0] == 3 && conv_variants(o, n))
        note_conv(o, n);
}

/* Pooling by 2 leaves no odd maps to F(2x2); the network's chain has an activation; vectors of
 * pixels add nothing. */
static bool exists(int variant, int epilogue, int tail) {
    if (variant >= VARIANT_CHAIN) return tail == WHOLE && epilogue == ACTIVATION;
    if (variant == VARIANT_PIXELS) return tail == WHOLE && epilogue != ADDEND;
    if (!variant_winograd((Variant)variant)) return tail == WHOLE;
    return tail == WHOLE || variant >= VARIANT_F4_STEPS || epilogue != POOLING;
}

static int print_met(void) {
    int missing = 0;
    for (int v = 0; v < VARIANT_COUNT; v++) {
        for (int e = 0; e < EPILOGUES; e++) {
            printf("%-20s %-10s", variant_name((Variant)v), epilogues[e]);
            for (int t = 0; t < TAILS; t++) {
                if (!exists(v, e, t)) continue;
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
    "    for k in (9, 48):\n"
    "        outputs.append(Conv2D(k, 3, padding='same', use_bias=False)(x))\n"
    "        outputs.append(Conv2D(k, 3, padding='same')(x))\n"
    "        outputs.append(Conv2D(k, 3)(inputs))\n"
    "        outputs.append(Conv2D(k, 3, padding='same', activation='tanh')(x))\n"
    "        y = Conv2D(k, 3, padding='same', activation='relu')(x)\n"
    "        outputs.append(MaxPooling2D(2)(y))\n"
    "        y = Conv2D(k, 1, activation='relu')(x)\n"
    "        y = Add()([y, Conv2D(k, 3, padding='same')(x)])\n"
    "        outputs.append(ReLU()(y))\n"
    "x = Conv2D(24, 1, activation='relu')(inputs)\n"
    "x = DepthwiseConv2D(3, padding='same', activation='relu')(x)\n"
    "outputs.append(Conv2D(9, 1)(x))\n"
    "grey = Input(shape=(10, 40, 1))\n"
    "for k in (3, 6):\n"
    "    outputs.append(Conv2D(k, 3, use_bias=False)(grey))\n"
    "    outputs.append(Conv2D(k, 3)(grey))\n"
    "    outputs.append(Conv2D(k, 3, padding='same', activation='tanh')(grey))\n"
    "    outputs.append(MaxPooling2D(2)(Conv2D(k, 3, activation='relu')(grey)))\n"
    "    outputs.append(AveragePooling2D(2)(Conv2D(k, 3, activation='tanh')(grey)))\n"
    "model = keras.Model([inputs, grey], outputs)\n";

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
    for (int i = 0; i < f->nnodes; i++) note(&b->o, f, i);
    built_compile(b, "-O1");
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
