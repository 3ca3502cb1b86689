/* An ONNX file by its path. */
#include "../../jail/jail.h"
#include "onnx.h"

#include <unistd.h>

enum { MAX_BYTES = INT32_MAX }; /* the format's own limit: 2 GiB */

Module *onnx_load_file(Arena *a, const char *path, const OnnxImport *import, Diag *d) {
    uint64_t size;
    lathe_error e;
    diag_init(d, a, path, NULL);
    int file = jail_open_file(path, &size, &e);
    if (file >= 0 && size <= MAX_BYTES) {
        Module *m = onnx_load(a, path, file, size, import, d);
        close(file);
        return m;
    }
    if (file < 0)
        diag_error(d, "%s", e.text);
    else
        diag_error(d, "the file is too large (more than %d bytes)", MAX_BYTES);
    if (file >= 0) close(file);
    return NULL;
}
