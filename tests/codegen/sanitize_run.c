/* A whole run with the runtime's core: data is written and read, a network trained with validation
 * on a pool of threads or by OpenMP, stopped, resumed, its weights loaded and evaluated, an array
 * written and read. For builds with sanitizers: nothing but generated code, the runtime's core and
 * libc. MODEL is the name of the network's table; its input is an image of one channel, its loss
 * takes class indices. sanitize_run FOLDER pool|openmp */
#include "checkpoint.h"
#include "npy.h"
#include "run.h"

#include <stdlib.h>
#include <string.h>

extern const lathe_model MODEL;

enum { TRAINED = 30, TESTED = 10 };

static void must(bool ok, const lathe_error *e) {
    if (ok) return;
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

/* ---- data ----------------------------------------------------------------------------------- */

static void write_idx(const char *folder, const char *name, int rank, const int *dim) {
    char path[4096];
    size_t count = 1;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) exit(2);
    fwrite((unsigned char[4]){0, 0, 8, (unsigned char)rank}, 1, 4, f);
    for (int i = 0; i < rank; i++) {
        fwrite((unsigned char[4]){0, 0, (unsigned char)(dim[i] >> 8), (unsigned char)dim[i]}, 1, 4,
               f);
        count *= (size_t)dim[i];
    }
    /* Bytes of images; labels are the same below the number of classes. */
    for (size_t i = 0; i < count; i++)
        fputc(rank == 1 ? (int)(i % (size_t)MODEL.output[0].count) : (int)(i * 7 % 251), f);
    if (fclose(f)) exit(2);
}

static void write_data(const char *folder) {
    const int64_t *image = MODEL.input[0].dim;
    int train[] = {TRAINED, (int)image[0], (int)image[1]};
    int test[] = {TESTED, (int)image[0], (int)image[1]};
    write_idx(folder, "train-images-idx3-ubyte", 3, train);
    write_idx(folder, "train-labels-idx1-ubyte", 1, train);
    write_idx(folder, "t10k-images-idx3-ubyte", 3, test);
    write_idx(folder, "t10k-labels-idx1-ubyte", 1, test);
}

static lathe_dataset read_data(const char *folder) {
    static const lathe_format *const formats[] = {&lathe_cifar10_format, &lathe_idx_format, NULL};
    lathe_data_request r = {.path = folder, .parts = LATHE_TRAIN | LATHE_TEST};
    lathe_dataset d = {0};
    lathe_error e;
    must(lathe_dataset_load(&r, formats, &d, &e), &e);
    must(lathe_samples_fit(&d.train, &MODEL, "training", &e), &e);
    must(lathe_samples_fit(&d.test, &MODEL, "test", &e), &e);
    return d;
}

/* ---- a run ---------------------------------------------------------------------------------- */

static lathe_epoch train(lathe_run r, int epochs) {
    lathe_epoch last;
    lathe_error e;
    r.epochs = epochs;
    must(lathe_run_training(&r, &last, &e) != LATHE_RUN_FAILED, &e);
    return last;
}

/* One epoch, stopped at once; two more; what was saved says what the last epoch said. */
static void run(const char *folder, const lathe_dataset *d, lathe_pool *pool) {
    static volatile sig_atomic_t stopped = 1;
    lathe_callbacks callbacks = {.saving = {.on = true, .what = LATHE_VAL_LOSS}};
    lathe_run r = {.model = &MODEL,
                   .folder = folder,
                   .train = &d->train,
                   .validation = &d->test,
                   .names = d,
                   .seed = 4,
                   .callbacks = &callbacks,
                   .pool = pool,
                   .stop = &stopped};
    train(r, 1);
    r.stop = NULL;
    r.resume = true;
    lathe_epoch last = train(r, 3);

    lathe_trainer t;
    lathe_error e;
    lathe_metrics sums[1 + LATHE_MAX_LOSSES];
    char path[4096];
    snprintf(path, sizeof path, "%s/weights.safetensors", folder);
    must(lathe_trainer_open(&t, &MODEL, NULL, 1, &e), &e);
    t.pool = pool;
    must(lathe_weights_load(path, &MODEL, t.state, &e), &e);
    lathe_trainer_evaluate(&t, &d->test, NULL, sums);
    if (sums->loss / TESTED != last.val_loss || last.number != 3) exit(3);
    lathe_trainer_close(&t);
}

static void arrays(const char *folder) {
    static const float data[] = {1, 2, 3, 4, 5, 6};
    char path[4096];
    lathe_array a;
    lathe_error e;
    snprintf(path, sizeof path, "%s/array.npy", folder);
    must(lathe_npy_write(path, LATHE_NPY_F32, 2, (const int64_t[]){2, 3}, data, &e), &e);
    must(lathe_npy_read(path, &a, &e), &e);
    float *copy = lathe_array_floats(&a);
    if (!copy || memcmp(copy, data, sizeof data)) exit(4);
    free(copy);
    lathe_array_free(&a);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    lathe_error e;
    lathe_pool *pool = strcmp(argv[2], "pool") ? NULL : lathe_pool_open(3, &e);
    write_data(argv[1]);
    lathe_dataset d = read_data(argv[1]);
    run(argv[1], &d, pool);
    arrays(argv[1]);
    lathe_dataset_free(&d);
    lathe_pool_close(pool);
    return 0;
}
