/* A checkpoint: what is accepted, a run must be able to go on from. */
#include "../../runtime/checkpoint.h"
#include "../runtime/fake_model.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_samples samples = fake_samples(10);
    lathe_trainer t;
    lathe_error note, e = {""};
    CHECK(lathe_trainer_open(&t, &fake_model, &samples, 1, &e));
    if (lathe_checkpoint_load(path, &t, &note, &e))
        lathe_trainer_epoch(&t, &(lathe_watcher){0});
    else
        CHECK(e.text[0]);
    lathe_trainer_close(&t);
    lathe_samples_free(&samples);
    unlink(path);
    return 0;
}
