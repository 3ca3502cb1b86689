/* Shuffling: Fisher and Yates's algorithm from the end, drawn from Philox stream 2^32-1 with the
 * counter (position, 0, epoch), so that an epoch's order depends on nothing but (seed, epoch). */
#include "dataset.h"

#include <math.h>

#include "../templates/random.h.in"

void lathe_shuffle(uint32_t *order, int64_t n, uint64_t seed, uint32_t epoch) {
    for (int64_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (int64_t i = n - 1; i >= 1; i--) {
        uint32_t r[4];
        lathe_philox(r, (uint32_t)i, 0, epoch, (uint32_t)(seed >> 32), (uint32_t)seed, 0xFFFFFFFFu);
        int64_t j = (int64_t)((uint64_t)r[0] * (uint64_t)(i + 1) >> 32);
        uint32_t t = order[i];
        order[i] = order[j];
        order[j] = t;
    }
}
