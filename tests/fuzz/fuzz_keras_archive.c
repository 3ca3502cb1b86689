/* A whole model in an archive, an HDF5 file or as JSON; then the file as one of weights for that
 * model. */
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/frontend/keras_files.h"
#include "fuzz_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    Arena *a = arena_new();
    Diag d;
    diag_init(&d, a, path, NULL);
    Module *m = is_hdf5_file(path)  ? keras_h5_load(a, path, &d)
                : is_zip_file(path) ? keras_archive_load(a, path, &d)
                                    : keras_json_load(a, path, &d);
    check_model(m, &d);
    if (m && !load_keras_weights(m, path, &d)) CHECK(d.errors);
    arena_free(a);
    unlink(path);
    return 0;
}
