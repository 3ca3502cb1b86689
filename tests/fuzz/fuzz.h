/* What the fuzz targets share. */
#ifndef LATHE_TESTS_FUZZ_H
#define LATHE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The name of a file with these bytes, for readers that open files: the same one every time. */
static inline const char *file_with(const uint8_t *data, size_t size) {
    static char name[64];
    snprintf(name, sizeof name, "/tmp/lathe-fuzz-%d", (int)getpid());
    FILE *f = fopen(name, "wb");
    if (!f) return NULL;
    fwrite(data, 1, size, f);
    fclose(f);
    return name;
}

#endif
