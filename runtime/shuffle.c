/* Shuffling: Fisher and Yates's algorithm from the end, drawn from Philox stream 2^32-1 with the
 * counter (position, window, epoch). Permuting without memory: a Feistel network of eight rounds of
 * Philox (Luby and Rackoff) on the smallest even number of bits that holds n, from which numbers of
 * n and above are sent through it again until they land below n. */
#include "shuffle.h"

#include <math.h>
#include <stdlib.h>

#include "../templates/random.h.in"

enum { ROUNDS = 8 };
static const uint32_t SHUFFLE_STREAM = 0xFFFFFFFFu, PERMUTE_STREAM = 0xFFFFFFFEu;

static void shuffle_window(uint32_t *order, int64_t n, uint32_t window, uint64_t seed,
                           uint32_t epoch) {
    for (int64_t i = n - 1; i >= 1; i--) {
        uint32_t r[4];
        lathe_philox(r, (uint32_t)i, window, epoch, (uint32_t)(seed >> 32), (uint32_t)seed,
                     SHUFFLE_STREAM);
        int64_t j = (int64_t)((uint64_t)r[0] * (uint64_t)(i + 1) >> 32);
        uint32_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}

void lathe_shuffle(uint32_t *order, int64_t n, uint64_t seed, uint32_t epoch) {
    for (int64_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    shuffle_window(order, n, 0, seed, epoch);
}

static uint64_t feistel(uint64_t x, int half, uint64_t seed, uint32_t epoch) {
    uint64_t mask = ((uint64_t)1 << half) - 1, left = x >> half, right = x & mask;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t r[4];
        lathe_philox(r, (uint32_t)right, round, epoch, (uint32_t)(seed >> 32), (uint32_t)seed,
                     PERMUTE_STREAM);
        uint64_t next = left ^ (r[0] & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

int64_t lathe_permute(int64_t i, int64_t n, uint64_t seed, uint32_t epoch) {
    int half = 1;
    uint64_t x = (uint64_t)i;
    while ((uint64_t)n > (uint64_t)1 << 2 * half) half++;
    do x = feistel(x, half, seed, epoch);
    while (x >= (uint64_t)n);
    return (int64_t)x;
}

int64_t lathe_permute_groups(int64_t i, int64_t n, int64_t group, uint64_t seed, uint32_t epoch) {
    int64_t whole = n / group;
    if (i >= whole * group) return i;
    return lathe_permute(i / group, whole, seed, epoch) * group + i % group;
}

bool lathe_order_open(lathe_order *o, int64_t count, int64_t window, uint64_t seed, bool in_order,
                      lathe_error *e) {
    if (window > count) window = count;
    *o = (lathe_order){
        .count = count, .window = window, .seed = seed, .in_order = in_order, .held = -1};
    if (in_order) return true;
    o->sample = malloc((size_t)window * sizeof *o->sample);
    return o->sample || lathe_fail(e, "out of memory to shuffle %lld samples", (long long)window);
}

void lathe_order_close(lathe_order *o) {
    free(o->sample);
    *o = (lathe_order){0};
}

static void hold(lathe_order *o, uint32_t epoch, int64_t number) {
    int64_t first = number * o->window, n = o->count - first;
    if (n > o->window) n = o->window;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = first + i;
        if (n < o->count) at = lathe_permute_groups(at, o->count, LATHE_GROUP, o->seed, epoch);
        o->sample[i] = (uint32_t)at;
    }
    shuffle_window(o->sample, n, (uint32_t)number, o->seed, epoch);
    o->epoch = epoch;
    o->held = number;
}

int64_t lathe_order_at(lathe_order *o, uint32_t epoch, int64_t place) {
    if (o->in_order) return place;
    int64_t number = place / o->window;
    if (number != o->held || epoch != o->epoch) hold(o, epoch, number);
    return o->sample[place % o->window];
}
