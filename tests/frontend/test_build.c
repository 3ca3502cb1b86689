/* Unit tests of what the front end puts into the IR: attributes, initialisers, parameters, training
 * configuration. */
#include "../../compiler/frontend/frontend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Loads a script that begins with the imports that it needs. */
static Module *load(Arena *a, const char *text) {
    static const char imports[] =
        "import keras\nfrom keras import Input, Model, Sequential\n"
        "from keras.layers import (Activation, Add, AveragePooling2D, BatchNormalization, Conv2D,\n"
        "    Dense, Dropout, Flatten, MaxPooling2D, ReLU, ZeroPadding2D)\n";
    const char *source = arena_printf(a, "%s%s", imports, text);
    Diag d;
    Module *m = keras_script_load(a, "dir/my-net.v2.py", source, strlen(source), NULL, &d);
    if (!m) diag_print(&d, stderr);
    assert_non_null(m);
    assert_null(verify_module(m));
    return m;
}

static const Node *find_node(const Module *m, const char *name) {
    const Function *f = module_function(m, "forward");
    for (int i = 0; i < f->nnodes; i++) {
        if (strcmp(f->nodes[i]->name, name) == 0) return f->nodes[i];
    }
    fail_msg("no node '%s'", name);
    return NULL;
}

static const Param *find_param(const Module *m, const char *name) {
    int i = module_find_param(m, name);
    assert_true(i >= 0);
    return &m->params[i];
}

static void assert_pads(const Module *m, const char *name, int top, int bottom, int left,
                        int right) {
    const int32_t *pad = find_node(m, name)->attr.pad;
    assert_int_equal(pad[0], top);
    assert_int_equal(pad[1], bottom);
    assert_int_equal(pad[2], left);
    assert_int_equal(pad[3], right);
}

/* Numbers from TensorFlow's rule: total = (ceil(n / s) - 1) s + (k - 1) d + 1 - n. */
static void same_padding_is_explicit(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = load(a, "model = Sequential([Input((32, 31, 3)),\n"
                        "  Conv2D(4, 3, padding='same', name='a'),\n"
                        "  Conv2D(4, (4, 2), padding='same', name='b'),\n"
                        "  Conv2D(4, 3, strides=2, padding='SAME', name='c'),\n"
                        "  MaxPooling2D(3, 2, padding='same', name='d'),\n"
                        "  Conv2D(4, 3, dilation_rate=(2, 1), padding='same', name='e'),\n"
                        "  AveragePooling2D(2, strides=3, padding='same', name='f'),\n"
                        "  ZeroPadding2D(((1, 2), (3, 4)), name='g'),\n"
                        "  ZeroPadding2D((5, 6), name='h'), Conv2D(1, 1, 4, 'same', name='i')])\n");
    assert_pads(m, "a", 1, 1, 1, 1);
    assert_pads(m, "b", 1, 2, 0, 1);
    assert_pads(m, "c", 0, 1, 1, 1); /* 32 rows to 16, 31 columns to 16 */
    assert_pads(m, "d", 0, 1, 0, 1); /* 16 to 8 */
    assert_pads(m, "e", 2, 2, 1, 1);
    assert_pads(m, "f", 0, 0, 0, 0); /* 8 to 3: (3 - 1) 3 + 2 - 8 = 0 */
    assert_pads(m, "g", 1, 2, 3, 4);
    assert_pads(m, "h", 5, 5, 6, 6);
    assert_pads(m, "i", 0, 0, 0, 0); /* a window smaller than its stride */
    assert_int_equal(find_node(m, "e")->attr.dilation[0], 2);
    assert_int_equal(find_node(m, "a")->attr.dilation[0], 1);
    assert_int_equal(find_node(m, "a")->attr.stride[1], 1);
    assert_int_equal(find_node(m, "d")->attr.kernel[1], 3);
    assert_string_equal(m->name, "my_net_v2");
    arena_free(a);
}

static void assert_init(const Module *m, const char *name, InitKind kind, double x, double y) {
    const Init *i = &find_param(m, name)->init;
    assert_int_equal(i->kind, kind);
    assert_true(fabs(i->a - x) <= 1e-6 * fabs(x));
    assert_true(fabs(i->b - y) <= 1e-6 * fabs(y));
}

static void initialisers_are_keras_s(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m =
        load(a, "I = keras.initializers\n"
                "x = inputs = Input((9, 9, 3))\n"
                "x = Conv2D(8, 3, name='glorot')(x)\n"
                "x = Conv2D(8, 3, kernel_initializer='he_normal', name='he')(x)\n"
                "x = Conv2D(8, 3, kernel_initializer=I.LecunUniform(), name='lecun')(x)\n"
                "x = Conv2D(8, 3, kernel_initializer=I.GlorotNormal(seed=1), name='gn',\n"
                "           bias_initializer=I.Constant(0.5))(x)\n"
                "x = Dense(5, kernel_initializer=I.RandomNormal(1, stddev=2), name='normal',\n"
                "          bias_initializer='ones')(x)\n"
                "x = Dense(5, kernel_initializer=I.TruncatedNormal, name='truncated')(x)\n"
                "x = Dense(5, kernel_initializer='uniform', name='uniform')(x)\n"
                "model = Model(inputs, x)\n");
    double limit = sqrt(6.0 / (27 + 72));
    assert_init(m, "glorot/kernel", INIT_UNIFORM, -limit, limit);
    assert_init(m, "glorot/bias", INIT_CONSTANT, 0, 0);
    assert_init(m, "he/kernel", INIT_TRUNCATED_NORMAL, 0, sqrt(2.0 / 72) / 0.87962566103423978);
    assert_init(m, "lecun/kernel", INIT_UNIFORM, -sqrt(3.0 / 72), sqrt(3.0 / 72));
    assert_init(m, "gn/kernel", INIT_TRUNCATED_NORMAL, 0,
                sqrt(2.0 / (72 + 72)) / 0.87962566103423978);
    assert_init(m, "gn/bias", INIT_CONSTANT, 0.5, 0);
    assert_init(m, "normal/kernel", INIT_NORMAL, 1, 2);
    assert_init(m, "normal/bias", INIT_CONSTANT, 1, 0);
    assert_init(m, "truncated/kernel", INIT_TRUNCATED_NORMAL, 0, 0.05);
    assert_init(m, "uniform/kernel", INIT_UNIFORM, -0.05, 0.05);
    arena_free(a);
}

static void batch_norm_without_centre_and_scale(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = load(a, "model = Sequential([Input((4, 4, 3)),\n"
                        "  BatchNormalization(center=False, name='a', momentum=0.9),\n"
                        "  BatchNormalization(scale=False, name='b', epsilon=1e-5, axis=3)])\n");
    assert_int_equal(find_param(m, "a/gamma")->role, PARAM_WEIGHT);
    assert_int_equal(find_param(m, "a/beta")->role, PARAM_CONST);
    assert_true(find_param(m, "a/beta")->data[2] == 0.0f);
    assert_true(find_param(m, "b/gamma")->data[2] == 1.0f);
    assert_false(find_param(m, "b/gamma")->trainable);
    assert_int_equal(find_param(m, "a/moving_mean")->role, PARAM_STATISTIC);
    assert_false(find_param(m, "a/moving_variance")->trainable);
    assert_true(find_node(m, "a")->attr.momentum == 0.9f);
    assert_true(find_node(m, "b")->attr.epsilon == 1e-5f);
    assert_int_equal(find_node(m, "a")->nin, 5);
    assert_int_equal(m->layers[0].nparams, 3);
    arena_free(a);
}

static void dropouts_have_streams_of_their_own(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = load(a, "model = Sequential([Input((4,)), Dropout(0.25), Dense(3), Dropout(0)])\n");
    assert_int_equal(find_node(m, "dropout")->attr.stream, 0x80000000u);
    assert_int_equal(find_node(m, "dropout_1")->attr.stream, 0x80000001u);
    assert_true(find_node(m, "dropout")->attr.rate == 0.25f);
    arena_free(a);
}

static void activations_are_nodes_of_their_own(void **state) {
    (void)state;
    Arena *a = arena_new();
    Module *m = load(a, "x = inputs = Input((4,), name='data')\n"
                        "x = Dense(3, activation='linear', name='a')(x)\n"
                        "x = Dense(3, 'tanh', use_bias=False, name='b')(x)\n"
                        "y = Activation('sigmoid', name='c')(x)\n"
                        "y = Activation(None, name='d')(y) if False else y\n"
                        "z = ReLU(name='e')(x)\n"
                        "model = Model(inputs, Add(name='f')([x, y, z]))\n");
    assert_int_equal(find_node(m, "b/tanh")->op, OP_TANH);
    assert_int_equal(find_node(m, "b")->nin, 2);
    assert_int_equal(find_node(m, "a")->nin, 3);
    assert_int_equal(find_node(m, "c")->op, OP_SIGMOID);
    assert_int_equal(find_node(m, "e")->op, OP_RELU);
    assert_int_equal(find_node(m, "f/part1")->op, OP_ADD);
    assert_int_equal(find_node(m, "f")->op, OP_ADD);
    assert_int_equal(module_function(m, "forward")->nnodes, 7);
    assert_string_equal(module_function(m, "forward")->inputs[0]->name, "data");
    assert_int_equal(find_node(m, "a")->loc.line, 6);
    arena_free(a);
}

static TrainConfig compiled(Arena *a, int outputs, const char *arguments) {
    return load(a, arena_printf(a,
                                "model = Sequential([Input((4,)), Dense(%d)])\n"
                                "model.compile(%s)\n",
                                outputs, arguments))
        ->train;
}

static void optimizers_have_keras_s_defaults(void **state) {
    (void)state;
    Arena *a = arena_new();
    Optimizer o = compiled(a, 3, "'Adam', 'mse'").optimizer;
    assert_int_equal(o.kind, OPT_ADAM);
    assert_string_equal(o.name, "adam");
    assert_true(o.learning_rate == 0.001f && o.beta1 == 0.9f && o.beta2 == 0.999f);
    assert_true(o.epsilon == 1e-7f && o.weight_decay == 0 && !o.amsgrad);
    o = compiled(a, 3, "keras.optimizers.AdamW(amsgrad=True), 'mse'").optimizer;
    assert_true(o.kind == OPT_ADAM && o.weight_decay == 0.004f && o.amsgrad);
    o = compiled(a, 3, "keras.optimizers.SGD(0.1, 0.9, nesterov=True), 'mse'").optimizer;
    assert_true(o.kind == OPT_SGD && o.learning_rate == 0.1f && o.momentum == 0.9f && o.nesterov);
    o = compiled(a, 3, "'sgd'").optimizer;
    assert_true(o.learning_rate == 0.01f && o.momentum == 0);
    o = compiled(a, 3, "loss='mse'").optimizer;
    assert_true(o.kind == OPT_RMSPROP && o.rho == 0.9f && o.epsilon == 1e-7f && !o.centered);
    o = compiled(a, 3, "keras.optimizers.RMSprop(centered=True, rho=0.8)").optimizer;
    assert_true(o.centered && o.rho == 0.8f && o.learning_rate == 0.001f);
    arena_free(a);
}

static void losses_and_metrics_are_chosen_as_in_keras(void **state) {
    (void)state;
    Arena *a = arena_new();
    TrainConfig t = compiled(a, 3, "'sgd', 'sparse_categorical_crossentropy', metrics='accuracy'");
    assert_int_equal(t.outputs[0].loss, LOSS_CROSSENTROPY);
    assert_int_equal(t.outputs[0].metric, METRIC_CATEGORICAL_ACCURACY);
    t = compiled(a, 1, "'sgd', keras.losses.BinaryCrossentropy(True), metrics=['acc']");
    assert_int_equal(t.outputs[0].loss, LOSS_BINARY_CROSSENTROPY);
    assert_true(t.outputs[0].from_logits);
    assert_int_equal(t.outputs[0].metric, METRIC_BINARY_ACCURACY);
    t = compiled(a, 2, "'sgd', 'bce', metrics=['accuracy']");
    assert_int_equal(t.outputs[0].metric, METRIC_CATEGORICAL_ACCURACY);
    t = compiled(a, 2, "'sgd', 'MSE', metrics=['binary_accuracy']");
    assert_int_equal(t.outputs[0].loss, LOSS_MSE);
    assert_string_equal(t.outputs[0].loss_name, "mean_squared_error");
    assert_int_equal(t.outputs[0].metric, METRIC_BINARY_ACCURACY);
    t = compiled(a, 2, "'sgd'");
    assert_true(t.compiled && t.outputs[0].loss == LOSS_NONE && t.outputs[0].metric == METRIC_NONE);
    arena_free(a);
}

/* The files are named in the text of the issue with these numbers. */
static void examples_have_their_parameters(void **state) {
    (void)state;
    static const struct {
        const char *file;
        int64_t parameters;
    } rows[] = {{"cifar10/model1.py", 181334},
                {"cifar10/model1_10.py", 226390},
                {"cifar10/model2.py", 1628214},
                {"cifar10/convbn.py", 95210},
                {"lenet5/lenet5.py", 61730}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Arena *a = arena_new();
        Diag d;
        Module *m = load_model(a, arena_printf(a, "%s/examples/%s", LATHE_SOURCE_DIR, rows[i].file),
                               NULL, &d);
        int64_t total = 0;
        assert_non_null(m);
        assert_int_equal(d.count, 0);
        for (int k = 0; k < m->nparams; k++) total += shape_count(&m->params[k].type.shape);
        assert_int_equal(total, rows[i].parameters);
        arena_free(a);
    }
}

static void unreadable_files_are_errors(void **state) {
    (void)state;
    static const char *const paths[] = {"/nowhere/model.py", "/", "model.h5", "/dev/zero"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        Arena *a = arena_new();
        Diag d;
        assert_null(load_model(a, paths[i], NULL, &d));
        assert_int_equal(d.errors, 1);
        assert_string_equal(d.file, paths[i]);
        arena_free(a);
    }
}

static void another_variable_can_be_chosen(void **state) {
    (void)state;
    static const char source[] =
        "import keras\n"
        "a = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])\n"
        "b = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])\n";
    Arena *a = arena_new();
    Diag d;
    Module *m = keras_script_load(a, "two.py", source, sizeof source - 1, "b", &d);
    assert_non_null(m);
    assert_string_equal(m->model_name, "sequential_1");
    assert_string_equal(m->layers[0].name, "dense_1");
    assert_string_equal(module_function(m, "forward")->inputs[0]->name, "input_layer_1");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_padding_is_explicit),
        cmocka_unit_test(initialisers_are_keras_s),
        cmocka_unit_test(batch_norm_without_centre_and_scale),
        cmocka_unit_test(dropouts_have_streams_of_their_own),
        cmocka_unit_test(activations_are_nodes_of_their_own),
        cmocka_unit_test(optimizers_have_keras_s_defaults),
        cmocka_unit_test(losses_and_metrics_are_chosen_as_in_keras),
        cmocka_unit_test(examples_have_their_parameters),
        cmocka_unit_test(unreadable_files_are_errors),
        cmocka_unit_test(another_variable_can_be_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
