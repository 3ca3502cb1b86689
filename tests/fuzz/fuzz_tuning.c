/* A file of kernel choices for a small network, and the same file as what `lathe bench` measured.
 */
#include "../../compiler/driver/driver.h"
#include "../../compiler/driver/tuning.h"
#include "../../compiler/frontend/frontend.h"
#include "../../compiler/passes/passes.h"
#include "fuzz.h"

#include <stdarg.h>

static const char network[] =
    "from keras import Sequential\n"
    "from keras.layers import Conv2D, DepthwiseConv2D, Input\n"
    "model = Sequential([Input((16, 16, 8)), Conv2D(16, 3, padding='same', name='plain'),\n"
    "    DepthwiseConv2D(3, padding='same', name='depthwise'), Conv2D(16, 1, name='point')])\n";

static int errors;

/* In the place of the command's, which prints. */
int user_error(const char *fmt, ...) {
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    errors++;
    return 1;
}

static Module *open_network(Arena *a) {
    Diag d;
    diag_init(&d, a, "network.py", NULL);
    Module *m = keras_script_load(a, "network.py", network, sizeof network - 1, NULL, &d);
    CHECK(m);
    materialize_params(m, 0);
    CHECK(run_pipeline(m, &(PipelineOptions){0}, &d));
    return m;
}

/* What lathe tune would write with the kernels that the file chose. */
static void write_and_read(Module *m, const Options *o, CodegenOptions *c) {
    Site *sites;
    int count = find_sites(m, c, &sites);
    TunedSite *tuned = ARENA_ARRAY(m->arena, TunedSite, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        tuned[i] = (TunedSite){.site = sites[i]};
        while (!(sites[i].legal >> tuned[i].best & 1)) tuned[i].best++;
        tuned[i].ms[tuned[i].best] = 1;
    }
    const TuningReport r = {.model = "network",
                            .target = "avx2",
                            .processor = "",
                            .threads = 1,
                            .batch = 1,
                            .sites = tuned,
                            .count = count};
    CHECK(write_tuning(o->text[OPTION_TUNED], &r) && open_tuning(m, o, c));
    CHECK(c->tuning->count == count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *path = file_with(data, size);
    Arena *a = arena_new();
    Module *m = open_network(a);
    Diag d;
    CodegenOptions c = {.batch = 1};
    Options o = {.text = {[OPTION_TUNED] = path}};
    MeasuredLayer *measured;
    int count;
    diag_init(&d, a, NULL, NULL);
    CHECK(parse_targets("avx2", &c, &d));
    errors = 0;
    bool ok = open_tuning(m, &o, &c);
    CHECK(ok == !errors);
    if (ok) {
        write_and_read(m, &o, &c);
        write_bytes(path, data, size);
    }
    errors = 0;
    ok = read_measured(a, path, &measured, &count);
    CHECK(ok == !errors && (!ok || count > 0));
    arena_free(a);
    unlink(path);
    return 0;
}
