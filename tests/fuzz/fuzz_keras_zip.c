/* A member of an archive. */
#include "../../runtime/optional/zip_read.h"
#include "fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned char *bytes = NULL;
    size_t n;
    lathe_error e = {""};
    lathe_zip *z = lathe_zip_open_bytes(data, size, &e);
    CHECK(z || e.text[0]);
    bool read = z && lathe_zip_read(z, "config.json", &bytes, &n, &e);
    CHECK(read ? bytes != NULL : e.text[0] && !bytes);
    free(bytes);
    lathe_zip_close(z);
    return 0;
}
