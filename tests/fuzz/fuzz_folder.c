/* A folder of images: the first lines are the names of files in folders of classes, up to an empty
 * line, and the rest is what each of them holds. */
#include "../../runtime/feed.h"
#include "../../runtime/optional/formats.h"
#include "fuzz.h"

#include <ftw.h>
#include <string.h>

enum { MOST_FILES = 12, NAME_BYTES = 300 };

static int remove_entry(const char *path, const struct stat *s, int kind, struct FTW *f) {
    (void)s;
    (void)kind;
    (void)f;
    return remove(path);
}

/* The file and its folders; names that lead out of the folder, or that there cannot be, are left
 * out. */
static void put_file(const char *name, const uint8_t *data, size_t size) {
    char path[2 * NAME_BYTES];
    if (strstr(name, "..")) return;
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = path; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *f = fopen(path, "wb");
    if (!f) return;
    CHECK(fwrite(data, 1, size, f) == size);
    fclose(f);
}

static void put_files(const char *folder, const uint8_t *data, size_t size) {
    char name[NAME_BYTES], path[2 * NAME_BYTES];
    size_t at[MOST_FILES], length[MOST_FILES], begin = 0;
    int files = 0;
    while (files < MOST_FILES && begin < size) {
        const uint8_t *end = memchr(data + begin, '\n', size - begin);
        size_t n = end ? (size_t)(end - data) - begin : size - begin;
        at[files] = begin;
        length[files] = n < sizeof name ? n : sizeof name - 1;
        begin += n + (end != NULL);
        if (n == 0) break;
        files++;
    }
    for (int i = 0; i < files; i++) {
        snprintf(name, sizeof name, "%.*s", (int)length[i], (const char *)data + at[i]);
        snprintf(path, sizeof path, "%s/%s", folder, name);
        put_file(path, data + begin, size - begin);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char folder[64];
    snprintf(folder, sizeof folder, "/tmp/lathe-fuzz-%d.images", (int)getpid());
    mkdir(folder, 0700);
    put_files(folder, data, size);
    const lathe_data_request r = {.path = folder,
                                  .parts = LATHE_TRAIN | LATHE_TEST,
                                  .height = 4,
                                  .width = 4,
                                  .channels = 3,
                                  .window = 2};
    lathe_dataset d;
    lathe_error e = {""};
    if (lathe_dataset_load(&r, lathe_all_formats, &d, &e)) {
        if (d.train.count && !lathe_samples_read(&d.train, 100, 1, &e)) CHECK(e.text[0]);
        if (d.test.count && !lathe_samples_read(&d.test, 100, 1, &e)) CHECK(e.text[0]);
        lathe_dataset_free(&d);
    } else {
        CHECK(e.text[0]);
    }
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
