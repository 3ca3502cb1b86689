/* read_stream PATH PART SIDE WINDOW THREADS [OUT]: reads one epoch of a data set's images, SIDE x
 * SIDE in colours, as training does, and writes each sample's class (4 bytes) and pixels; PART is
 * train or test; WINDOW 0 holds them in memory; THREADS 0 reads in order. Prints how many samples
 * there are, and the most memory that the program took, in KB. */
#include "../../runtime/feed.h"

#include "../../runtime/optional/formats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32 };

static bool write_sample(FILE *out, const void *bytes, int64_t size, int32_t index) {
    return !out || (fwrite(&index, sizeof index, 1, out) == 1 &&
                    fwrite(bytes, 1, (size_t)size, out) == (size_t)size);
}

static bool write_feed(FILE *out, const lathe_samples *s, int threads, lathe_error *e) {
    const lathe_feed_plan p = {.samples = s,
                               .seed = 1,
                               .in_order = threads == 0,
                               .batch = BATCH,
                               .ranks = 1,
                               .threads = threads,
                               .once = true};
    lathe_feed *f = lathe_feed_open(&p, e);
    bool ok = f != NULL;
    for (int64_t k = 0; ok && k < lathe_feed_batches(&p); k++) {
        lathe_feed_batch b;
        ok = lathe_feed_next(f, &b, e);
        for (int i = 0; ok && i < b.n; i++)
            ok =
                write_sample(out, b.bytes + i * s->size, s->size, ((const int32_t *)b.labels)[i]) ||
                lathe_fail(e, "cannot write");
    }
    lathe_feed_close(f);
    return ok;
}

static bool write_all(FILE *out, const lathe_samples *s, lathe_error *e) {
    for (int64_t i = 0; i < s->count; i++)
        if (!write_sample(out, s->u8 + i * s->size, s->size, s->index[i]))
            return lathe_fail(e, "cannot write");
    return true;
}

/* Not getrusage's, which begins with what the parent had. */
static long most_memory(void) {
    char line[256];
    long kilobytes = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) sscanf(line, "VmHWM: %ld", &kilobytes);
    if (f) fclose(f);
    return kilobytes;
}

int main(int argc, char **argv) {
    lathe_dataset d;
    lathe_error e = {""};
    if (argc < 6) return fprintf(stderr, "usage: see the source\n"), 2;
    bool test = !strcmp(argv[2], "test");
    int64_t side = atoi(argv[3]);
    FILE *out = argc > 6 ? fopen(argv[6], "wb") : NULL;
    const lathe_data_request r = {.path = argv[1],
                                  .parts = test ? LATHE_TEST : LATHE_TRAIN,
                                  .height = side,
                                  .width = side,
                                  .channels = 3,
                                  .window = atoll(argv[4])};
    if (!lathe_dataset_load(&r, lathe_all_formats, &d, &e))
        return fprintf(stderr, "%s\n", e.text), 1;
    const lathe_samples *s = test ? &d.test : &d.train;
    bool ok = s->stream ? write_feed(out, s, atoi(argv[5]), &e) : write_all(out, s, &e);
    if (out && fclose(out)) ok = false;
    printf("%lld %ld %d\n", (long long)s->count, most_memory(), d.classes);
    lathe_dataset_free(&d);
    if (!ok) fprintf(stderr, "%s\n", e.text);
    return ok ? 0 : 1;
}
