/* A main for a fuzz target where libFuzzer is not wanted: damage COPIES FOLDER gives the target
 * every file of the folder, every file cut short, and COPIES damaged copies of each, the same ones
 * every time. An input that takes too much time of the processor ends the program by SIGPROF. */
#include "fuzz.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { MAX_BYTES = 1 << 20, CUTS = 40, SECONDS = 5 };

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* 0: as long as it takes. */
static void limit_time(int seconds) {
    const struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    CHECK(setitimer(ITIMER_PROF, &limit, NULL) == 0);
}

/* A copy of exactly this size, so that the sanitizer sees its end. */
static void give(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + (size == 0));
    CHECK(copy);
    memcpy(copy, data, size);
    limit_time(SECONDS);
    LLVMFuzzerTestOneInput(copy, size);
    limit_time(0);
    free(copy);
}

/* What sizes and counts are likely to be wrong by. */
static uint8_t any_byte(uint64_t *state, uint8_t old) {
    static const uint8_t likely[] = {0, 1, 0x7F, 0x80, 0xFF};
    switch (next_random(state) % 4) {
    case 0: return likely[next_random(state) % sizeof likely];
    case 1: return (uint8_t)(old ^ 1 << next_random(state) % 8);
    case 2: return (uint8_t)(old + next_random(state) % 9 - 4);
    default: return (uint8_t)next_random(state);
    }
}

/* One to sixteen changes, half of them among the first bytes, where headers are. */
static void damage(const uint8_t *data, size_t size, uint64_t *state) {
    static uint8_t copy[MAX_BYTES + 16];
    memcpy(copy, data, size);
    for (uint32_t k = 1u << next_random(state) % 5; k > 0 && size > 1; k--) {
        size_t range = next_random(state) % 2 && size > 200 ? 200 : size;
        size_t at = next_random(state) % range;
        switch (next_random(state) % 6) {
        case 0: memmove(copy + at, copy + at + 1, --size - at); break;
        case 1: memmove(copy + at + 1, copy + at, size++ - at); break;
        default: copy[at] = any_byte(state, copy[at]); break;
        }
    }
    give(copy, size);
}

static void run_file(const char *folder, const char *name, int copies) {
    static uint8_t data[MAX_BYTES];
    char path[1024];
    uint64_t state = 1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    CHECK(f);
    size_t size = fread(data, 1, sizeof data, f);
    fclose(f);
    give(data, size);
    for (size_t i = 0; i < CUTS; i++) give(data, size * i / CUTS);
    for (int i = 0; i < copies; i++) damage(data, size, &state);
}

int main(int argc, char **argv) {
    int files = 0;
    DIR *folder = argc == 3 ? opendir(argv[2]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: %s COPIES FOLDER\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        run_file(argv[2], entry->d_name, atoi(argv[1]));
        files++;
    }
    closedir(folder);
    return files == 0;
}
