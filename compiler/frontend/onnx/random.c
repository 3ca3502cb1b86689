/* The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded and read as NumPy's legacy
 * generator does (numpy/random/src/mt19937/mt19937.c: mt19937_seed, mt19937_next_double). */
#include "rules.h"

enum { WORDS = 624, MIDDLE = 397 };

typedef struct {
    uint32_t word[WORDS];
    int at;
} Twister;

static void twister_seed(Twister *t, uint32_t seed) {
    for (uint32_t i = 0; i < WORDS; i++) {
        t->word[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    t->at = WORDS;
}

static void twist(Twister *t) {
    for (int i = 0; i < WORDS; i++) {
        uint32_t y = (t->word[i] & 0x80000000u) | (t->word[(i + 1) % WORDS] & 0x7fffffffu);
        t->word[i] = t->word[(i + MIDDLE) % WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    t->at = 0;
}

static uint32_t twister_next(Twister *t) {
    if (t->at == WORDS) twist(t);
    uint32_t y = t->word[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

void legacy_uniform(uint32_t seed, int64_t n, double *out) {
    Twister t;
    twister_seed(&t, seed);
    for (int64_t k = 0; k < n; k++) {
        uint32_t high = twister_next(&t) >> 5, low = twister_next(&t) >> 6;
        out[k] = (high * 67108864.0 + low) / 9007199254740992.0; /* 2^26, 2^53 */
    }
}
