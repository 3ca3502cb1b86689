/* Training code of an older lathe under this runtime: goes on from its checkpoint for an epoch. */
#include "../../runtime/checkpoint.h"

#include "small.h"

#include <stdio.h>

int main(void) {
    static const int64_t shape[] = {6, 6, 1};
    lathe_samples s;
    lathe_trainer t;
    lathe_error e, note;
    lathe_watcher w = {0};
    if (!lathe_samples_alloc(&s, 40, 3, shape, true, &e)) return 2;
    for (int i = 0; i < 40; i++) {
        s.index[i] = i % 3;
        for (int k = 0; k < 36; k++) s.u8[36 * i + k] = (uint8_t)(60 * (i % 3) + k);
    }
    if (!lathe_trainer_open(&t, &small_model, &s, 4, &e) ||
        !lathe_checkpoint_load("run/checkpoint.safetensors", &t, &note, &e)) {
        puts(e.text);
        return 1;
    }
    if (lathe_trainer_epoch(&t, &w) != LATHE_EPOCH_DONE) return 3;
    printf("step %d, epoch %d\n", (int)t.at.step, (int)t.at.epoch + 1);
    lathe_trainer_close(&t);
    lathe_samples_free(&s);
    return 0;
}
