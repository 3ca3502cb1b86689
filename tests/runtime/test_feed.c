/* Samples in files: the order of epochs, the ring of batches, training from it. */
#define _POSIX_C_SOURCE 200809L
#include "../../runtime/feed.h"

#include "../../runtime/checkpoint.h"
#include "../../runtime/train.h"
#include "cmocka_all.h"
#include "fake_model.h"
#include "scratch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void pause_for(long microseconds) {
    nanosleep(&(struct timespec){.tv_nsec = microseconds * 1000}, NULL);
}

/* ---- the order ---------------------------------------------------------------------------------
 */

enum { MOST = 3000 };

static void read_order(int64_t count, int64_t window, uint64_t seed, uint32_t epoch, int64_t *out) {
    lathe_order o;
    lathe_error e;
    assert_true(lathe_order_open(&o, count, window, seed, false, &e));
    for (int64_t i = 0; i < count; i++) out[i] = lathe_order_at(&o, epoch, i);
    lathe_order_close(&o);
}

static void test_every_sample_once(void **state) {
    (void)state;
    static const int64_t counts[] = {1, 2, 63, 64, 65, 1000, MOST},
                         windows[] = {1, 7, 64, 500, MOST};
    for (int c = 0; c < 7; c++) {
        for (int w = 0; w < 5; w++) {
            int64_t order[MOST];
            bool seen[MOST] = {false};
            read_order(counts[c], windows[w], 3, 2, order);
            for (int64_t i = 0; i < counts[c]; i++) {
                assert_in_range(order[i], 0, counts[c] - 1);
                assert_false(seen[order[i]]);
                seen[order[i]] = true;
            }
        }
    }
}

static void test_order_is_keyed(void **state) {
    (void)state;
    int64_t a[MOST], b[MOST];
    read_order(MOST, 100, 3, 2, a);
    read_order(MOST, 100, 3, 3, b);
    assert_memory_not_equal(a, b, sizeof a);
    read_order(MOST, 100, 4, 2, b);
    assert_memory_not_equal(a, b, sizeof a);
    read_order(MOST, 101, 3, 2, b);
    assert_memory_not_equal(a, b, sizeof a);
    read_order(MOST, 100, 3, 2, b);
    assert_memory_equal(a, b, sizeof a);
}

/* Jumping about finds what going in order finds. */
static void test_order_at_any_place(void **state) {
    (void)state;
    int64_t a[MOST];
    lathe_order o;
    lathe_error e;
    read_order(MOST, 100, 3, 2, a);
    assert_true(lathe_order_open(&o, MOST, 100, 3, false, &e));
    lathe_order_at(&o, 1, 0);
    for (int64_t i = 0; i < MOST; i += 7) {
        int64_t place = i * 1009 % MOST;
        assert_int_equal(lathe_order_at(&o, 2, place), a[place]);
    }
    lathe_order_close(&o);
}

static void test_whole_window_is_the_order_in_memory(void **state) {
    (void)state;
    int64_t a[MOST];
    uint32_t b[MOST];
    lathe_shuffle(b, MOST, 3, 2);
    for (int64_t window = MOST; window < MOST + 2; window++) {
        read_order(MOST, window, 3, 2, a);
        for (int i = 0; i < MOST; i++) assert_int_equal(a[i], b[i]);
    }
}

/* A window of w samples comes from w / 64 places of a file, not from all over it. */
static void test_neighbours_are_read_together(void **state) {
    (void)state;
    int64_t order[MOST], groups = 0;
    bool seen[MOST] = {false};
    read_order(MOST, 640, 3, 2, order);
    for (int i = 0; i < 640; i++) {
        groups += !seen[order[i] / LATHE_GROUP];
        seen[order[i] / LATHE_GROUP] = true;
    }
    assert_in_range(groups, 10, 11);
    bool rising = true;
    for (int i = 1; i < 640; i++) rising = rising && order[i] > order[i - 1];
    assert_false(rising);
}

/* 12 places, 6,000 keys, 500 hits expected at each with a deviation of 21. */
static void test_permutation_is_uniform(void **state) {
    (void)state;
    int first[12] = {0}, pairs[12] = {0};
    for (uint32_t k = 0; k < 6000; k++) {
        first[lathe_permute(0, 12, 1, k)]++;
        pairs[(lathe_permute(5, 12, 1, k) + 12 - lathe_permute(4, 12, 1, k)) % 12]++;
    }
    assert_int_equal(pairs[0], 0);
    for (int i = 0; i < 12; i++) assert_in_range(first[i], 400, 600);
    for (int i = 1; i < 12; i++) assert_in_range(pairs[i], 440, 650); /* 545 expected */
}

/* ---- a stream of samples in memory ------------------------------------------------------------
 */

typedef struct {
    lathe_samples samples;
    int64_t broken[2]; /* samples that cannot be read */
    int reads;         /* so far, by all threads */
    bool slow;         /* threads overtake each other */
    int closed;
} Source;

static bool read_sample(void *context, int64_t i, uint8_t *bytes, int32_t *index, lathe_error *e) {
    Source *s = context;
    __atomic_fetch_add(&s->reads, 1, __ATOMIC_RELAXED);
    if (s->slow) pause_for(i * 7 % 5 * 100);
    if (i == s->broken[0] || i == s->broken[1])
        return lathe_fail(e, "sample %lld is broken", (long long)i);
    memcpy(bytes, s->samples.u8 + i * s->samples.size, (size_t)s->samples.size);
    *index = s->samples.index[i];
    return true;
}

static void close_source(void *context) {
    Source *s = context;
    s->closed++;
    lathe_samples_free(&s->samples);
}

static lathe_samples open_samples(Source *s, int64_t count, int64_t window) {
    lathe_samples all = {0};
    *s = (Source){.samples = fake_samples(count), .broken = {-1, -1}};
    all.count = count;
    all.rank = 1;
    all.dim[0] = all.size = FAKE_INPUTS;
    all.stream = malloc(sizeof *all.stream);
    *all.stream = (lathe_stream){count, window, FAKE_CLASSES, read_sample, close_source, s};
    return all;
}

static int threads_running(void) {
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));) n += entry->d_name[0] != '.';
    closedir(d);
    return n;
}

/* A thread that was joined may still be on its way out. */
static void expect_threads(int n) {
    for (int i = 0; i < 2000 && threads_running() != n; i++) pause_for(1000);
    assert_int_equal(threads_running(), n);
}

/* The pixels and labels of all batches until `batches` have come, one after another. */
static void read_batches(const lathe_feed_plan *p, int batches, uint8_t *bytes, int32_t *index) {
    lathe_error e;
    lathe_feed *f = lathe_feed_open(p, &e);
    assert_non_null(f);
    for (int i = 0; i < batches; i++) {
        lathe_feed_batch b;
        assert_true(lathe_feed_next(f, &b, &e));
        memcpy(bytes, b.bytes, (size_t)b.n * FAKE_INPUTS);
        memcpy(index, b.labels, (size_t)b.n * sizeof *index);
        bytes += b.n * FAKE_INPUTS;
        index += b.n;
    }
    lathe_feed_close(f);
}

enum { COUNT = 130, BATCHES = 33, EPOCHS = 3 };

static void test_threads_change_nothing(void **state) {
    (void)state;
    Source source;
    uint8_t bytes[2][EPOCHS * COUNT * FAKE_INPUTS];
    int32_t index[2][EPOCHS * COUNT];
    int before = threads_running();
    lathe_samples s = open_samples(&source, COUNT, 20);
    source.slow = true;
    for (int i = 0; i < 2; i++) {
        const lathe_feed_plan p = {
            .samples = &s, .seed = 9, .batch = 4, .ranks = 1, .threads = i ? 9 : 1, .epoch = 5};
        assert_int_equal(lathe_feed_batches(&p), BATCHES);
        read_batches(&p, EPOCHS * BATCHES, bytes[i], index[i]);
        expect_threads(before);
    }
    assert_memory_equal(bytes[0], bytes[1], sizeof bytes[0]);
    assert_memory_equal(index[0], index[1], sizeof index[0]);
    lathe_order o;
    lathe_error e;
    assert_true(lathe_order_open(&o, COUNT, 20, 9, false, &e));
    for (int i = 0; i < EPOCHS * COUNT; i++) {
        int64_t sample = lathe_order_at(&o, 5 + (uint32_t)(i / COUNT), i % COUNT);
        assert_memory_equal(bytes[0] + i * FAKE_INPUTS, source.samples.u8 + sample * FAKE_INPUTS,
                            FAKE_INPUTS);
        assert_int_equal(index[0][i], source.samples.index[sample]);
    }
    lathe_order_close(&o);
    lathe_samples_free(&s);
    assert_int_equal(source.closed, 1);
}

/* Beginning at batch 20 of an epoch gives what comes after 20 batches of it. */
static void test_begins_anywhere(void **state) {
    (void)state;
    Source source;
    uint8_t whole[2 * COUNT * FAKE_INPUTS], rest[2 * COUNT * FAKE_INPUTS];
    int32_t index[2 * COUNT];
    lathe_samples s = open_samples(&source, COUNT, 20);
    lathe_feed_plan p = {.samples = &s, .seed = 9, .batch = 4, .ranks = 1, .threads = 2};
    read_batches(&p, 2 * BATCHES, whole, index);
    p.first = 20;
    read_batches(&p, 2 * BATCHES - 20, rest, index);
    assert_memory_equal(whole + 20 * 4 * FAKE_INPUTS, rest,
                        (size_t)(2 * COUNT - 20 * 4) * FAKE_INPUTS);
    lathe_samples_free(&s);
}

/* The batches of three ranks, put together, are the batches of one that takes three times as much.
 */
static void test_ranks_share_a_batch(void **state) {
    (void)state;
    enum { RANKS = 3, STEPS = 11 };
    Source source;
    lathe_error e;
    lathe_feed *f[RANKS + 1];
    lathe_samples s = open_samples(&source, COUNT, 20);
    for (int r = 0; r <= RANKS; r++) {
        lathe_feed_plan p = {.samples = &s, .batch = 4, .rank = r, .ranks = RANKS, .threads = 2};
        if (r == RANKS) p = (lathe_feed_plan){.samples = &s, .batch = 12, .ranks = 1};
        assert_int_equal(lathe_feed_batches(&p), STEPS);
        f[r] = lathe_feed_open(&p, &e);
    }
    for (int step = 0; step < STEPS; step++) {
        lathe_feed_batch part, all;
        int n = 0;
        assert_true(lathe_feed_next(f[RANKS], &all, &e));
        for (int r = 0; r < RANKS; r++) {
            assert_true(lathe_feed_next(f[r], &part, &e));
            assert_memory_equal(part.bytes, all.bytes + n * FAKE_INPUTS,
                                (size_t)part.n * FAKE_INPUTS);
            n += part.n;
        }
        assert_int_equal(n, all.n);
    }
    for (int r = 0; r <= RANKS; r++) lathe_feed_close(f[r]);
    lathe_samples_free(&s);
}

/* Threads read ahead as far as the ring goes, and no further. */
static void test_reads_ahead(void **state) {
    (void)state;
    Source source;
    lathe_error e;
    lathe_feed_batch b;
    lathe_samples s = open_samples(&source, COUNT, 20);
    const lathe_feed_plan p = {.samples = &s, .batch = 4, .ranks = 1, .threads = 2};
    lathe_feed *f = lathe_feed_open(&p, &e);
    assert_true(lathe_feed_next(f, &b, &e));
    for (int i = 0; i < 2000 && __atomic_load_n(&source.reads, __ATOMIC_RELAXED) < 16; i++)
        pause_for(1000);
    pause_for(20000);
    assert_int_equal(__atomic_load_n(&source.reads, __ATOMIC_RELAXED), 16);
    lathe_feed_close(f);
    lathe_samples_free(&s);
}

/* Of two samples that cannot be read, the one that comes first is reported, after the batches
 * before it, whichever thread is faster. */
static void test_first_error(void **state) {
    (void)state;
    int64_t order[COUNT];
    int before = threads_running();
    read_order(COUNT, 20, 9, 0, order);
    for (int threads = 1; threads <= 9; threads += 4) {
        Source source;
        lathe_error e;
        lathe_feed_batch b;
        lathe_samples s = open_samples(&source, COUNT, 20);
        char expected[64];
        source.slow = true;
        source.broken[0] = order[42];
        source.broken[1] = order[41];
        snprintf(expected, sizeof expected, "sample %d is broken", (int)order[41]);
        const lathe_feed_plan p = {
            .samples = &s, .seed = 9, .batch = 4, .ranks = 1, .threads = threads};
        lathe_feed *f = lathe_feed_open(&p, &e);
        for (int i = 0; i < 10; i++) assert_true(lathe_feed_next(f, &b, &e));
        assert_false(lathe_feed_next(f, &b, &e));
        assert_string_equal(e.text, expected);
        lathe_feed_close(f);
        expect_threads(before);
        lathe_samples_free(&s);
    }
}

static void test_labels_as_the_loss_wants_them(void **state) {
    (void)state;
    Source source;
    lathe_error e;
    lathe_feed_batch b;
    float weights[FAKE_CLASSES] = {1.0f, 2.0f, 0.5f};
    lathe_samples s = open_samples(&source, COUNT, COUNT);
    s.one_hot = FAKE_CLASSES;
    s.class_weight = weights;
    const lathe_feed_plan p = {.samples = &s, .in_order = true, .batch = 4, .ranks = 1};
    lathe_feed *f = lathe_feed_open(&p, &e);
    assert_true(lathe_feed_next(f, &b, &e));
    for (int i = 0; i < 4; i++) {
        int label = source.samples.index[i];
        for (int k = 0; k < FAKE_CLASSES; k++)
            assert_true(((const float *)b.labels)[i * FAKE_CLASSES + k] == (k == label));
        assert_true(b.weight[i] == weights[label]);
    }
    source.samples.index[4 * 4 + 1] = FAKE_CLASSES; /* not read yet: the ring has four batches */
    for (int i = 0; i < 3; i++) assert_true(lathe_feed_next(f, &b, &e));
    assert_false(lathe_feed_next(f, &b, &e));
    assert_mentions(e.text, "class 3");
    lathe_feed_close(f);
    lathe_samples_free(&s);
}

/* ---- training ----------------------------------------------------------------------------------
 */

static volatile sig_atomic_t stop;
static uint64_t stop_after;

static void on_step(void *context, const lathe_trainer *t) {
    (void)context;
    stop = t->at.step == stop_after;
}

enum { KERNEL = FAKE_INPUTS * FAKE_CLASSES };

/* Three epochs, or up to a step, where a checkpoint is written. */
static void train(const lathe_samples *s, uint64_t steps, bool resume, float kernel[KERNEL]) {
    lathe_trainer t;
    lathe_error e;
    const lathe_watcher w = {.step = on_step, .stop = &stop};
    stop_after = steps;
    assert_true(lathe_trainer_open(&t, &fake_model, s, 5, &e));
    if (resume) assert_true(lathe_checkpoint_load(scratch_path("c"), &t, &(lathe_error){""}, &e));
    while (t.at.epoch < EPOCHS && lathe_trainer_epoch(&t, &w) == LATHE_EPOCH_DONE)
        lathe_trainer_next(&t);
    if (steps) {
        assert_int_equal(t.at.step, steps);
        assert_true(lathe_checkpoint_save(scratch_path("c"), &t, &e));
    }
    fake_model.export_tensor(t.state, 0, kernel);
    lathe_trainer_close(&t);
}

static void test_training_from_memory_or_files(void **state) {
    (void)state;
    Source source;
    float memory[KERNEL], files[KERNEL];
    lathe_samples s = open_samples(&source, COUNT, COUNT);
    assert_true(lathe_samples_fit(&s, &fake_model, "s", &(lathe_error){""}));
    train(&source.samples, 0, false, memory);
    train(&s, 0, false, files);
    assert_memory_equal(memory, files, sizeof memory);
    s.stream->window = 20;
    train(&s, 0, false, files);
    assert_memory_not_equal(memory, files, sizeof memory);
    lathe_samples_free(&s);
}

/* Stopped in the middle of an epoch, and at its end. */
static void test_resume(void **state) {
    (void)state;
    Source source;
    float whole[KERNEL], parts[KERNEL];
    lathe_samples s = open_samples(&source, COUNT, 20);
    train(&s, 0, false, whole);
    for (uint64_t step = BATCHES; step <= BATCHES + 11; step += 11) {
        train(&s, step, false, parts);
        train(&s, 0, true, parts);
        assert_memory_equal(whole, parts, sizeof whole);
    }
    lathe_samples_free(&s);
}

static void test_window_of_a_checkpoint(void **state) {
    (void)state;
    Source source;
    float kernel[KERNEL];
    lathe_error e;
    lathe_trainer t;
    lathe_samples s = open_samples(&source, COUNT, 20);
    train(&s, 7, false, kernel);
    s.stream->window = 21;
    assert_true(lathe_trainer_open(&t, &fake_model, &s, 5, &e));
    assert_false(lathe_checkpoint_load(scratch_path("c"), &t, &(lathe_error){""}, &e));
    assert_mentions(e.text, "another window: 20 in the checkpoint, 21 now");
    lathe_trainer_close(&t);
    s.stream->window = COUNT; /* the same order as in memory */
    train(&s, 7, false, kernel);
    train(&source.samples, 0, true, kernel);
    train(&source.samples, 7, false, kernel);
    train(&s, 0, true, kernel);
    s.stream->window = 20;
    assert_true(lathe_trainer_open(&t, &fake_model, &s, 5, &e));
    assert_false(lathe_checkpoint_load(scratch_path("c"), &t, &(lathe_error){""}, &e));
    assert_mentions(e.text, "cannot resume with a window of 20 samples");
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
}

static void test_evaluation(void **state) {
    (void)state;
    Source source;
    lathe_trainer t;
    lathe_error e;
    lathe_metrics memory, files;
    int before = threads_running();
    lathe_samples s = open_samples(&source, COUNT, 20), part = lathe_samples_slice(&s, 10, 101);
    lathe_samples held = lathe_samples_slice(&source.samples, 10, 101);
    assert_true(lathe_trainer_open(&t, &fake_model, NULL, 5, &e));
    assert_true(lathe_trainer_evaluate(&t, &held, NULL, &memory));
    assert_true(lathe_trainer_evaluate(&t, &part, NULL, &files));
    assert_memory_equal(&memory, &files, sizeof memory);
    source.broken[0] = 50;
    assert_false(lathe_trainer_evaluate(&t, &part, NULL, &files));
    assert_string_equal(t.error.text, "sample 50 is broken");
    volatile sig_atomic_t now = 1;
    source.broken[0] = -1;
    assert_false(lathe_trainer_evaluate(&t, &part, &now, &files));
    assert_string_equal(t.error.text, "");
    expect_threads(before);
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
}

/* The steps before a broken sample are trained, and count. */
static void test_broken_while_training(void **state) {
    (void)state;
    Source source;
    lathe_trainer t;
    lathe_error e;
    int64_t order[COUNT];
    const lathe_watcher w = {0};
    float whole[KERNEL], parts[KERNEL];
    int before = threads_running();
    lathe_samples s = open_samples(&source, COUNT, 20);
    train(&s, 0, false, whole);
    read_order(COUNT, 20, 5, 0, order);
    source.broken[0] = order[42];
    assert_true(lathe_trainer_open(&t, &fake_model, &s, 5, &e));
    assert_int_equal(lathe_trainer_epoch(&t, &w), LATHE_EPOCH_FAILED);
    assert_mentions(t.error.text, "is broken");
    assert_int_equal(t.at.step, 10);
    assert_true(lathe_checkpoint_save(scratch_path("c"), &t, &e));
    lathe_trainer_close(&t);
    expect_threads(before);
    source.broken[0] = -1;
    train(&s, 0, true, parts);
    assert_memory_equal(whole, parts, sizeof whole);
    lathe_samples_free(&s);
}

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_sample_once),
        cmocka_unit_test(test_order_is_keyed),
        cmocka_unit_test(test_order_at_any_place),
        cmocka_unit_test(test_whole_window_is_the_order_in_memory),
        cmocka_unit_test(test_neighbours_are_read_together),
        cmocka_unit_test(test_permutation_is_uniform),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_begins_anywhere),
        cmocka_unit_test(test_ranks_share_a_batch),
        cmocka_unit_test(test_reads_ahead),
        cmocka_unit_test(test_first_error),
        cmocka_unit_test(test_labels_as_the_loss_wants_them),
        cmocka_unit_test(test_training_from_memory_or_files),
        IN_SCRATCH(test_resume),
        IN_SCRATCH(test_window_of_a_checkpoint),
        cmocka_unit_test(test_evaluation),
        IN_SCRATCH(test_broken_while_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
