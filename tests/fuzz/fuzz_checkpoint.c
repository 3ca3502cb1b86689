/* A checkpoint, and the same file as weights: what is accepted, a run must be able to go on from,
 * and what it then saves is accepted too. */
#include "../../runtime/checkpoint.h"
#include "../runtime/fake_model.h"
#include "fuzz.h"

static void go_on(const char *path, lathe_trainer *t) {
    lathe_error note, e;
    lathe_trainer_epoch(t, &(lathe_watcher){0});
    CHECK(lathe_checkpoint_save(path, t, &e) && lathe_checkpoint_load(path, t, &note, &e));
    CHECK(lathe_checkpoint_remove(path, &e) && !lathe_checkpoint_exists(path));
}

static void write_and_read(const char *path, lathe_trainer *t) {
    char *names[] = {"one", "two"};
    lathe_error e;
    CHECK(lathe_weights_save(path, &fake_model, t->state,
                             &(lathe_dataset){.class_name = names, .classes = 2}, &e));
    CHECK(lathe_weights_load(path, &fake_model, t->state, &e));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_samples samples = fake_samples(10);
    lathe_trainer t;
    lathe_error note, e = {""};
    CHECK(lathe_trainer_open(&t, &fake_model, &samples, 1, &e));
    if (lathe_weights_load(path, &fake_model, t.state, &e)) {
        write_and_read(path, &t);
        write_bytes(path, data, size);
    } else {
        CHECK(e.text[0]);
    }
    if (lathe_checkpoint_load(path, &t, &note, &e))
        go_on(path, &t);
    else
        CHECK(e.text[0]);
    lathe_trainer_close(&t);
    lathe_samples_free(&samples);
    unlink(path);
    return 0;
}
