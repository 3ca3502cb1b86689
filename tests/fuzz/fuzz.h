/* What the fuzz targets share. */
#ifndef LATHE_TESTS_FUZZ_H
#define LATHE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../compiler/support/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void write_bytes(const char *path, const uint8_t *data, size_t size) {
    FILE *f = fopen(path, "wb");
    CHECK(f && fwrite(data, 1, size, f) == size);
    fclose(f);
}

/* The name of a file with these bytes, for readers that open files: the same one every time. */
static inline const char *file_with(const uint8_t *data, size_t size) {
    static char name[64];
    snprintf(name, sizeof name, "/tmp/lathe-fuzz-%d", (int)getpid());
    write_bytes(name, data, size);
    return name;
}

/* The name of a folder with two files, for readers of data sets. The bytes begin with the length of
 * the first file, in two bytes. */
static inline const char *folder_with(const char *first, const char *second, const uint8_t *data,
                                      size_t size) {
    static char folder[64];
    char path[160];
    size_t begin = size < 2 ? size : 2, left = size - begin;
    size_t n = begin < 2 ? 0 : (size_t)data[0] | (size_t)data[1] << 8;
    if (n > left) n = left;
    snprintf(folder, sizeof folder, "/tmp/lathe-fuzz-%d.d", (int)getpid());
    mkdir(folder, 0700);
    snprintf(path, sizeof path, "%s/%s", folder, first);
    write_bytes(path, data + begin, n);
    snprintf(path, sizeof path, "%s/%s", folder, second);
    write_bytes(path, data + begin + n, left - n);
    return folder;
}

static inline void remove_folder(const char *folder, const char *first, const char *second) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, first);
    unlink(path);
    snprintf(path, sizeof path, "%s/%s", folder, second);
    unlink(path);
    rmdir(folder);
}

#endif
