/* The rows of a run that goes on after two epochs. */
#include "../../runtime/history.h"
#include "../runtime/fake_model.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_history h;
    lathe_error e = {""};
    bool ok = lathe_history_open(&h, &fake_model, path, 2, &e);
    CHECK(ok ? h.length <= size : e.text[0]);
    lathe_history_close(&h);
    unlink(path);
    return 0;
}
