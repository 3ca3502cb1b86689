/* Ranks that work together, as threads of this process: what they add up, bit for bit; that each
 * gets its share; and that one that is gone ends the others. */
#include "../../runtime/group.h"

#include "cmocka_all.h"
#include "fake_network.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    FakePlace place;
    lathe_group *group;
    void (*body)(lathe_group *g, int rank, int ranks);
    pthread_t thread;
} Rank;

static void *run_rank(void *argument) {
    Rank *r = argument;
    lathe_error e;
    r->group = lathe_group_open(fake_network_open, &r->place, &e);
    if (!r->group) fail_msg("%s", e.text);
    r->body(r->group, r->place.rank, lathe_group_ranks(r->group));
    return NULL;
}

static FakeBox *box; /* of the ranks that run */

/* Even ranks live on one machine, odd ones on another. */
static void run_ranks(int ranks, void (*body)(lathe_group *g, int rank, int ranks)) {
    Rank rank[FAKE_RANKS];
    box = fake_box_new(ranks);
    for (int i = 0; i < ranks; i++) {
        rank[i] = (Rank){.place = {box, i, i % 2 ? "odd" : "even"}, .body = body};
        assert_int_equal(pthread_create(&rank[i].thread, NULL, run_rank, &rank[i]), 0);
    }
    for (int i = 0; i < ranks; i++) pthread_join(rank[i].thread, NULL);
}

static const int rank_counts[] = {2, 3, 5, 8};

static void for_all_counts(void (*body)(lathe_group *g, int rank, int ranks)) {
    for (size_t i = 0; i < sizeof rank_counts / sizeof *rank_counts; i++) {
        const char *why;
        run_ranks(rank_counts[i], body);
        for (int r = 0; r < rank_counts[i]; r++) assert_false(fake_box_aborted(box, r, &why));
        fake_box_free(box);
    }
}

/* Numbers whose sum depends on the order. */
static float number(int rank, size_t k) {
    uint32_t x = (uint32_t)k * 2654435761u + (uint32_t)rank * 40503u;
    return ldexpf((float)(x >> 8), (int)(x & 15) - 24) * (x & 16 ? 1.0f : -1.0f);
}

static float sum_in_order(int ranks, size_t k) {
    float sum = number(0, k);
    for (int r = 1; r < ranks; r++) sum += number(r, k);
    return sum;
}

static void fill(float *x, size_t count, int rank) {
    for (size_t k = 0; k < count; k++) x[k] = number(rank, k);
}

/* ---- who and what ---------------------------------------------------------------------------- */

static void who(lathe_group *g, int rank, int ranks) {
    int own[2] = {rank, 7 * rank}, all[FAKE_RANKS][2];
    assert_int_equal(lathe_group_rank(g), rank);
    assert_int_equal(lathe_group_ranks(g), ranks);
    assert_int_equal(lathe_group_machines(g), 2);
    assert_int_equal(lathe_group_local_first(g), rank % 2);
    assert_int_equal(lathe_group_local_rank(g), rank / 2);
    assert_int_equal(lathe_group_local_ranks(g), rank % 2 ? ranks / 2 : (ranks + 1) / 2);
    lathe_group_collect(g, own, sizeof own, all);
    for (int r = 0; r < ranks; r++) assert_int_equal(all[r][0] * 7, all[r][1]);
    for (int r = 0; r < ranks; r++) assert_int_equal(all[r][0], r);
    double value[2] = {0.1 * (rank + 1), rank == 1 ? NAN : 0.0}, sum = 0.1;
    for (int r = 1; r < ranks; r++) sum += 0.1 * (r + 1);
    lathe_group_sum(g, value, 2);
    assert_true(value[0] == sum && isnan(value[1]));
    lathe_group_close(g);
}

static void test_ranks_know_each_other(void **state) {
    (void)state;
    for_all_counts(who);
}

/* More than one message. */
static void hand_out(lathe_group *g, int rank, int ranks) {
    (void)ranks;
    size_t bytes = LATHE_MESSAGE_BYTES + 12345;
    char *data = malloc(bytes);
    memset(data, rank ? 0 : 1, bytes);
    if (!rank) data[bytes - 1] = 42;
    lathe_group_broadcast(g, data, bytes);
    assert_int_equal(data[0], 1);
    assert_int_equal(data[LATHE_MESSAGE_BYTES], 1);
    assert_int_equal(data[bytes - 1], 42);
    free(data);
    lathe_group_close(g);
}

static void test_all_get_what_rank_0_has(void **state) {
    (void)state;
    for_all_counts(hand_out);
}

static void test_shares_make_up_the_batch(void **state) {
    (void)state;
    lathe_share alone = lathe_group_share(NULL, 13, 32);
    assert_int_equal(alone.first, 0);
    assert_int_equal(alone.count, 13);
}

static void share(lathe_group *g, int rank, int ranks) {
    enum { BATCH = 4 };
    for (int64_t n = 1; n <= (int64_t)BATCH * ranks; n++) {
        lathe_share own = lathe_group_share(g, n, BATCH), all[FAKE_RANKS];
        int64_t next = 0;
        lathe_group_collect(g, &own, sizeof own, all);
        for (int r = 0; r < ranks; r++) {
            assert_true(all[r].count == 0 || all[r].first == next);
            assert_true(all[r].count <= BATCH);
            next += all[r].count;
        }
        assert_int_equal(next, n);
    }
    (void)rank;
    lathe_group_close(g);
}

static void test_every_sample_has_one_rank(void **state) {
    (void)state;
    for_all_counts(share);
}

/* ---- adding up ------------------------------------------------------------------------------- */

/* Five buckets, from ranges that become whole from the end on; twice, as steps are. */
static void add_up(lathe_group *g, int rank, int ranks) {
    size_t count = 1200000, piece = 300000;
    float *x = malloc(count * sizeof *x), few[3];
    for (int step = 0; step < 2; step++) {
        const lathe_exchange *e = lathe_group_step(g, 10 * ranks, 10);
        assert_int_equal(e->samples, 10 * ranks);
        fill(x, count, rank);
        fill(few, 3, rank);
        for (size_t end = count; end; end -= end < piece ? end : piece) {
            size_t from = end < piece ? 0 : end - piece;
            e->add(e->context, x + from, end - from);
        }
        e->sum(e->context, few, 3);
        e->wait(e->context);
        for (size_t k = 0; k < count; k++)
            if (x[k] != sum_in_order(ranks, k)) fail_msg("float %zu of %d ranks", k, ranks);
        for (size_t k = 0; k < 3; k++) assert_true(few[k] == sum_in_order(ranks, k));
    }
    lathe_traffic t = lathe_group_traffic(g);
    assert_int_equal(t.steps, 2);
    assert_int_equal(t.buckets, 2 * 5);
    assert_int_equal(t.floats, 2 * count);
    free(x);
    lathe_group_close(g);
}

static void test_sums_are_in_the_order_of_ranks(void **state) {
    (void)state;
    for_all_counts(add_up);
}

/* The last rank has no samples, and nothing that it computed counts. */
static void few_samples(lathe_group *g, int rank, int ranks) {
    int last = ranks - 1, samples = 4 * last - 1, own = rank == last ? 0 : rank == 0 ? 3 : 4;
    float gradient[5], mean[2], now[2], expected = 0.0f;
    const lathe_exchange *e = lathe_group_step(g, samples, own);
    for (int k = 0; k < 5; k++) gradient[k] = own ? number(rank, (size_t)k) : NAN;
    for (int k = 0; k < 2; k++) mean[k] = now[k] = own ? number(rank, (size_t)k) : INFINITY;
    e->average(e->context, mean, 2);
    e->add(e->context, gradient, 5);
    e->sum(e->context, now, 2);
    e->wait(e->context);
    for (size_t k = 0; k < 5; k++) assert_true(gradient[k] == sum_in_order(last, k));
    for (size_t k = 0; k < 2; k++) assert_true(now[k] == sum_in_order(last, k));
    for (int r = 0; r < last; r++) {
        float factor = (r == 0 ? 3.0f : 4.0f) / (float)samples, part = factor * number(r, 1);
        expected = r ? expected + part : part;
    }
    assert_true(mean[1] == expected);
    lathe_group_close(g);
}

static void test_a_rank_without_samples_adds_nothing(void **state) {
    (void)state;
    for_all_counts(few_samples);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void lose_one(lathe_group *g, int rank, int ranks) {
    double x = 1.0;
    (void)ranks;
    lathe_group_advise(g, "go on from here");
    lathe_group_sum(g, &x, 1);
    /* the others wait for rank 1, whose cable somebody pulls out */
    if (rank == 1)
        fake_box_cut(box, 1);
    else
        lathe_group_sum(g, &x, 1);
    lathe_group_close(g);
}

static void test_a_lost_rank_ends_the_others(void **state) {
    (void)state;
    const char *why;
    run_ranks(3, lose_one);
    for (int i = 0; i < 3; i += 2) {
        assert_true(fake_box_aborted(box, i, &why));
        if (!strstr(why, "cannot be reached")) fail_msg("rank %d: %s", i, why);
        assert_non_null(strstr(why, "; go on from here"));
    }
    fake_box_free(box);
}

/* Rank 1 has said what is wrong. Its neighbour does not say that it died. */
static void give_up(lathe_group *g, int rank, int ranks) {
    double x = 1.0;
    (void)ranks;
    lathe_group_sum(g, &x, 1);
    if (rank == 1) {
        lathe_group_abandon(g);
        fake_box_cut(box, 1);
        return;
    }
    lathe_group_close(g);
}

static void test_a_rank_that_gives_up_is_not_mourned(void **state) {
    (void)state;
    const char *why;
    run_ranks(3, give_up);
    assert_true(fake_box_aborted(box, 1, &why));
    assert_string_equal(why, "");
    for (int i = 0; i < 3; i += 2)
        if (fake_box_aborted(box, i, &why)) assert_null(strstr(why, "rank 1 of 3"));
    fake_box_free(box);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranks_know_each_other),
        cmocka_unit_test(test_all_get_what_rank_0_has),
        cmocka_unit_test(test_shares_make_up_the_batch),
        cmocka_unit_test(test_every_sample_has_one_rank),
        cmocka_unit_test(test_sums_are_in_the_order_of_ranks),
        cmocka_unit_test(test_a_rank_without_samples_adds_nothing),
        cmocka_unit_test(test_a_lost_rank_ends_the_others),
        cmocka_unit_test(test_a_rank_that_gives_up_is_not_mourned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
