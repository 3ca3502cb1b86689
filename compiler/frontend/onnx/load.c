/* An ONNX file by its path. */
#include "../../../runtime/files.h"
#include "onnx.h"

#include <stdlib.h>

enum { MAX_BYTES = INT32_MAX }; /* the format's own limit: 2 GiB */

Module *onnx_load_file(Arena *a, const char *path, const OnnxImport *import, Diag *d) {
    unsigned char *bytes;
    size_t size;
    lathe_error e;
    diag_init(d, a, path, NULL);
    if (!lathe_read_file(path, MAX_BYTES, &bytes, &size, &e)) {
        diag_init(d, a, NULL, NULL); /* the text has the path */
        diag_error(d, "%s", e.text);
        return NULL;
    }
    Module *m = onnx_load(a, path, bytes, size, import, d);
    free(bytes);
    return m;
}
