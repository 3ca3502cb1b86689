/* Names never reach the C text unescaped, whatever a front end lets through: every name of a module
 * becomes hostile, and the code must still compile without a warning and compute the same. */
#include "built.h"
#include "nets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char script[] =
    "import keras\nfrom keras.layers import BatchNormalization, Conv2D, Dense, Dropout, "
    "Flatten, Input, ReLU\n"
    "model = keras.Sequential([Input(shape=(5, 5, 3)), Conv2D(4, 3, padding='same'), "
    "BatchNormalization(), ReLU(), Flatten(), Dropout(0.5), Dense(9), Dense(3, "
    "activation='softmax')])\nmodel.compile(optimizer='adam', "
    "loss='sparse_categorical_crossentropy', metrics=['accuracy'])\n";

static const char *const hostile[] = {"*/ #error */",
                                      "/* // /*",
                                      "a\"b\\",
                                      "line\n#error line\r",
                                      "?\?/",
                                      "?\?'?\?=",
                                      "int",
                                      "\xC3\xA9",
                                      "a b",
                                      "a_b",
                                      "%s%n%",
                                      "\x01\x7F\xFF",
                                      "}; int main(void) {",
                                      "\xE2\x80\xAE} \xE2\x81\xA6return", /* the direction turned */
                                      "",
                                      NULL};

static const char *hostile_name(Arena *a, int i) {
    static char longest[10001]; /* ISO C promises 4095 */
    if (!*longest) memset(longest, 'x', sizeof longest - 1);
    int count = 0;
    while (hostile[count]) count++;
    return arena_printf(a, "%s%d", i % 9 == 8 ? longest : hostile[i % count], i);
}

static void rename_function(Arena *a, Function *f, int *number) {
    for (int i = 0; i < f->nnodes; i++) f->nodes[i]->name = hostile_name(a, (*number)++);
}

static void rename_all(Module *m) {
    int number = 0;
    for (int i = 0; i < m->nfunctions; i++) rename_function(m->arena, m->functions[i], &number);
    for (int i = 0; i < m->nparams; i++) m->params[i].name = hostile_name(m->arena, number++);
    for (int i = 0; i < m->nlayers; i++) m->layers[i].name = hostile_name(m->arena, number++);
    m->model_name = hostile_name(m->arena, number++);
    m->nclasses = 3;
    m->classes = ARENA_ARRAY(m->arena, const char *, 3);
    for (int i = 0; i < 3; i++) m->classes[i] = hostile_name(m->arena, number++);
}

static void check(bool train) {
    Built *b = built_load(train ? "hostile_train" : "hostile", script, train, 2, "c99");
    rename_all(b->m);
    built_compile(b, "-std=c99 -trigraphs -O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow "
                     "-Wno-trigraphs -Werror");
    for (int i = 0, t = 0; i < b->m->nparams; i++)
        if (b->m->params[i].role != PARAM_CONST)
            assert_string_equal(b->model->tensor[t++].name, b->m->params[i].name);
    for (int i = 0; i < 3; i++) assert_string_equal(b->model->class_name[i], b->m->classes[i]);
    assert_int_equal(b->model->self_test(&b->weights, b->state, b->workspace), LATHE_OK);
    built_free(b);
}

static void test_inference(void **state) {
    (void)state;
    check(false);
}

static void test_training(void **state) {
    (void)state;
    check(true);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_inference),
                                       cmocka_unit_test(test_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
