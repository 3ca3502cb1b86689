/* The training loop: shuffling, partial batches, divergence, stopping and going on. */
#include "../../runtime/schedule.h"
#include "../../runtime/shuffle.h"
#include "../../runtime/train.h"
#include "cmocka_all.h"
#include "fake_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void test_shuffle_is_a_permutation(void **state) {
    (void)state;
    enum { N = 1000 };
    uint32_t a[N], b[N], seen[N] = {0};
    lathe_shuffle(a, N, 7, 3);
    for (int i = 0; i < N; i++) seen[a[i]]++;
    for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
    lathe_shuffle(b, N, 7, 3);
    assert_memory_equal(a, b, sizeof a);
    lathe_shuffle(b, N, 7, 4);
    assert_memory_not_equal(a, b, sizeof a);
    lathe_shuffle(b, N, 7 + ((uint64_t)1 << 32), 3);
    assert_memory_not_equal(a, b, sizeof a);
}

/* Every element is equally likely at the first place: 12 places, 6,000 epochs, 500 expected with a
 * deviation of 21. */
static void test_shuffle_is_uniform(void **state) {
    (void)state;
    enum { N = 12, EPOCHS = 6000 };
    int hits[N] = {0};
    for (uint32_t e = 0; e < EPOCHS; e++) {
        uint32_t order[N];
        lathe_shuffle(order, N, 1, e);
        hits[order[0]]++;
    }
    for (int i = 0; i < N; i++) assert_in_range(hits[i], 400, 600);
}

static lathe_trainer open_trainer(const lathe_model *m, const lathe_samples *s) {
    lathe_trainer t;
    lathe_error e;
    assert_true(lathe_trainer_open(&t, m, s, 5, &e));
    return t;
}

static void test_last_batch_is_short(void **state) {
    (void)state;
    lathe_samples s = fake_samples(10);
    lathe_trainer t = open_trainer(&fake_model, &s);
    lathe_watcher w = {0};
    fake_calls = 0;
    assert_int_equal(lathe_trainer_epoch(&t, &w), LATHE_EPOCH_DONE);
    assert_int_equal(fake_calls, 3);
    assert_int_equal(fake_last_n, 2);
    assert_int_equal(t.at.step, 3);
    assert_int_equal(t.at.done, 10);
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
}

static void test_learns(void **state) {
    (void)state;
    lathe_samples s = fake_samples(50);
    lathe_trainer t = open_trainer(&fake_model, &s);
    lathe_watcher w = {0};
    lathe_metrics sums;
    for (int epoch = 0; epoch < 20; epoch++) {
        lathe_trainer_epoch(&t, &w);
        lathe_trainer_next(&t);
    }
    assert_true(lathe_trainer_evaluate(&t, &s, NULL, &sums));
    assert_int_equal(sums.count, 50);
    assert_true(sums.correct == 50.0);
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
}

/* The order of samples does not depend on the batch size: the first batches of 2 and of 4 begin
 * with the same samples. */
static void test_order_does_not_depend_on_batch(void **state) {
    (void)state;
    lathe_model small = fake_model;
    small.batch = 2;
    lathe_samples s = fake_samples(10);
    lathe_trainer a = open_trainer(&fake_model, &s), b = open_trainer(&small, &s);
    lathe_watcher w = {0};
    lathe_trainer_epoch(&a, &w);
    lathe_trainer_epoch(&b, &w);
    assert_memory_equal(a.order, b.order, 10 * sizeof *a.order);
    lathe_trainer_close(&a);
    lathe_trainer_close(&b);
    lathe_samples_free(&s);
}

static void test_another_interface(void **state) {
    (void)state;
    lathe_model newer = fake_model;
    lathe_trainer t;
    lathe_error e;
    newer.abi++;
    assert_false(lathe_trainer_open(&t, &newer, NULL, 5, &e));
    assert_non_null(strstr(e.text, "version 3 of lathe's interface, this runtime version 2"));
}

static void test_nan_ends_the_epoch(void **state) {
    (void)state;
    lathe_samples s = fake_samples(20);
    lathe_trainer t = open_trainer(&fake_model, &s);
    lathe_watcher w = {0};
    fake_nan_at = 3;
    assert_int_equal(lathe_trainer_epoch(&t, &w), LATHE_EPOCH_DIVERGED);
    fake_nan_at = 0;
    assert_int_equal(t.at.step, 2);
    assert_int_equal(t.at.done, 2 * FAKE_BATCH);
    assert_true(isnan(t.last_loss) && isfinite(t.at.loss));
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
}

static volatile sig_atomic_t flag;

static void stop_now(void *context, const lathe_trainer *t) {
    (void)context, (void)t;
    flag = 1;
}

/* Stopping after every single step changes nothing. */
static void test_stopping_keeps_the_bits(void **state) {
    (void)state;
    lathe_samples s = fake_samples(23);
    lathe_trainer whole = open_trainer(&fake_model, &s), parts = open_trainer(&fake_model, &s);
    lathe_watcher w = {0}, stopping = {stop_now, NULL, &flag};
    assert_int_equal(lathe_trainer_epoch(&whole, &w), LATHE_EPOCH_DONE);
    int stops = 0;
    while (lathe_trainer_epoch(&parts, &stopping) == LATHE_EPOCH_STOPPED) stops++, flag = 0;
    assert_int_equal(stops, 6);
    assert_memory_equal(whole.state, parts.state, fake_model.state_bytes);
    assert_true(whole.at.loss == parts.at.loss);
    lathe_trainer_close(&whole);
    lathe_trainer_close(&parts);
    lathe_samples_free(&s);
}

/* Rates that Keras's formulas give at steps where they can be told by hand. */
static void test_schedules(void **state) {
    (void)state;
    static const double boundary[] = {3, 6}, value[] = {1, 0.5, 0.1};
    static const struct {
        lathe_schedule s;
        uint64_t step;
        double rate;
    } cases[] = {
        {{.kind = LATHE_EXPONENTIAL_DECAY, .initial = 0.1, .rate = 0.5, .steps = 10}, 20, 0.025},
        {{.kind = LATHE_EXPONENTIAL_DECAY,
          .initial = 0.1,
          .rate = 0.5,
          .steps = 10,
          .staircase = true},
         19,
         0.05},
        {{.kind = LATHE_INVERSE_TIME_DECAY, .initial = 1, .rate = 3, .steps = 10}, 10, 0.25},
        {{.kind = LATHE_PIECEWISE_CONSTANT_DECAY, .count = 2, .boundary = boundary, .value = value},
         3,
         1},
        {{.kind = LATHE_PIECEWISE_CONSTANT_DECAY, .count = 2, .boundary = boundary, .value = value},
         4,
         0.5},
        {{.kind = LATHE_PIECEWISE_CONSTANT_DECAY, .count = 2, .boundary = boundary, .value = value},
         7,
         0.1},
        {{.kind = LATHE_POLYNOMIAL_DECAY, .initial = 1, .end = 0.2, .power = 2, .steps = 10},
         5,
         0.4},
        {{.kind = LATHE_POLYNOMIAL_DECAY, .initial = 1, .end = 0.2, .power = 2, .steps = 10},
         99,
         0.2},
        {{.kind = LATHE_POLYNOMIAL_DECAY,
          .initial = 1,
          .end = 0.2,
          .power = 2,
          .steps = 10,
          .cycle = true},
         15,
         0.25},
        {{.kind = LATHE_COSINE_DECAY, .initial = 1, .alpha = 0.1, .steps = 10}, 5, 0.55},
        {{.kind = LATHE_COSINE_DECAY,
          .initial = 1,
          .steps = 10,
          .warms_up = true,
          .warmup_target = 2,
          .warmup_steps = 4},
         2,
         1.5},
        {{.kind = LATHE_COSINE_DECAY,
          .initial = 1,
          .alpha = 0.1,
          .steps = 10,
          .warms_up = true,
          .warmup_target = 2,
          .warmup_steps = 4},
         9,
         1.1},
        {{.kind = LATHE_COSINE_DECAY_RESTARTS, .initial = 1, .t_mul = 1, .m_mul = 0.5, .steps = 10},
         15,
         0.25},
        {{.kind = LATHE_COSINE_DECAY_RESTARTS, .initial = 1, .t_mul = 2, .m_mul = 0.5, .steps = 10},
         20,
         0.25},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double rate = lathe_schedule_rate(&cases[i].s, cases[i].step);
        if (fabs(rate - cases[i].rate) > 1e-12)
            fail_msg("case %zu: %.15g instead of %.15g", i, rate, cases[i].rate);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shuffle_is_a_permutation),
        cmocka_unit_test(test_shuffle_is_uniform),
        cmocka_unit_test(test_last_batch_is_short),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_order_does_not_depend_on_batch),
        cmocka_unit_test(test_another_interface),
        cmocka_unit_test(test_nan_ends_the_epoch),
        cmocka_unit_test(test_stopping_keeps_the_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
