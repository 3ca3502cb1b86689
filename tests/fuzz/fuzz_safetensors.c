/* A file of weights. */
#include "../../runtime/safetensors.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    lathe_safetensors s;
    lathe_error e;
    bool ok = lathe_safetensors_read(path, &s, &e);
    CHECK(ok || e.text[0]);
    lathe_safetensors_free(&s);
    unlink(path);
    return 0;
}
