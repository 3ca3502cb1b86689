/* IDX files of images and labels; with IDX_SUFFIX ".gz" gzipped ones. */
#include "fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char images[] = "t10k-images-idx3-ubyte" IDX_SUFFIX;
    static const char labels[] = "t10k-labels-idx1-ubyte" IDX_SUFFIX;
    const char *folder = folder_with(images, labels, data, size);
    load_data(&(lathe_data_request){.path = folder, .parts = LATHE_TEST});
    remove_folder(folder, images, labels);
    return 0;
}
