/* The rows of a run that goes on after two epochs, with a third; of a network with one loss, and of
 * one with two. */
#include "../../runtime/history.h"
#include "../runtime/fake_model.h"
#include "fuzz.h"

static void go_on(const lathe_model *m, const char *path, size_t size) {
    const lathe_epoch third = {.number = 3, .has_validation = true, .has_accuracy = true};
    lathe_history h, again;
    lathe_error e = {""};
    bool ok = lathe_history_open(&h, m, path, 2, &e);
    CHECK(ok ? h.length <= size : e.text[0]);
    if (ok) {
        CHECK(lathe_history_add(&h, path, &third, &e));
        CHECK(lathe_history_open(&again, m, path, 3, &e) && again.length == h.length);
        lathe_history_close(&again);
    }
    lathe_history_close(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    const lathe_loss losses[] = {{.name = "a", .has_accuracy = true}, {.name = "b"}};
    lathe_model two = fake_model;
    two.loss = losses;
    two.losses = 2;
    go_on(&fake_model, path, size);
    write_bytes(path, data, size);
    go_on(&two, path, size);
    unlink(path);
    return 0;
}
