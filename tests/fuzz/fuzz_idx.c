/* IDX files of images and labels; gzipped ones if the first byte is odd. */
#include "fuzz_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const images[] = {"t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"};
    static const char *const labels[] = {"t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz"};
    if (size == 0) return 0;
    const int packed = data[0] & 1;
    const char *folder = folder_with(images[packed], labels[packed], data + 1, size - 1);
    load_data(&(lathe_data_request){.path = folder, .parts = LATHE_TEST});
    remove_folder(folder, images[packed], labels[packed]);
    return 0;
}
