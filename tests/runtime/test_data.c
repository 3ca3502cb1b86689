/* CIFAR-10 and IDX files, good and bad, and fitting samples to a model. */
#include "../../runtime/dataset.h"
#include "../../runtime/optional/formats.h"
#include "cmocka_all.h"
#include "fake_model.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static bool load(int parts, lathe_dataset *d, lathe_error *e) {
    lathe_data_request r = {.path = scratch_path(""), .parts = parts};
    return lathe_dataset_load(&r, lathe_all_formats, d, e);
}

/* Loading must fail with a message that holds both texts. */
static void assert_refused(const char *a, const char *b) {
    lathe_dataset d;
    lathe_error e;
    assert_false(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_mentions(e.text, a);
    assert_mentions(e.text, b);
    assert_int_equal(d.train.count, 0);
}

/* ---- CIFAR-10 ---------------------------------------------------------------------------------
 */

enum { RECORD = 3073 };

/* Two records; their labels, then planes whose bytes say plane and place. */
static void write_batch(const char *name, int label, size_t size) {
    static unsigned char bytes[2 * RECORD];
    for (int i = 0; i < 2 * RECORD; i++) {
        int at = i % RECORD - 1;
        bytes[i] = (unsigned char)(at < 0 ? label : 50 * (at / 1024) + at % 7);
    }
    scratch_write(name, bytes, size);
}

static void write_cifar(void) {
    for (int i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "data_batch_%d.bin", i);
        write_batch(name, i, 2 * RECORD);
    }
    write_batch("test_batch.bin", 9, 2 * RECORD);
}

static void test_cifar(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_cifar();
    scratch_write("batches.meta.txt", "airplane\nautomobile\n\n", 21);
    assert_true(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_int_equal(d.train.count, 10);
    assert_int_equal(d.test.count, 2);
    assert_int_equal(d.train.index[9], 5);
    assert_int_equal(d.test.index[0], 9);
    assert_int_equal(d.train.rank, 3);
    const uint8_t *pixel = d.train.u8 + 3 * d.train.size + 3 * 12; /* place 12 of sample 3 */
    assert_int_equal(pixel[0], 5);
    assert_int_equal(pixel[1], 50 + (1024 + 12) % 7);
    assert_int_equal(pixel[2], 100 + (2048 + 12) % 7);
    assert_int_equal(d.classes, 2);
    assert_string_equal(d.class_name[1], "automobile");
    assert_int_equal(lathe_samples_max(&d.train), 106);
    lathe_dataset_free(&d);
    assert_true(load(LATHE_TEST, &d, &e));
    assert_int_equal(d.train.count, 0);
    lathe_dataset_free(&d);
}

static void test_cifar_missing_file(void **state) {
    (void)state;
    write_cifar();
    remove(scratch_path("data_batch_4.bin"));
    assert_refused("data_batch_4.bin", "No such file");
}

static void test_cifar_truncated(void **state) {
    (void)state;
    write_cifar();
    write_batch("data_batch_2.bin", 1, 2 * RECORD - 5);
    assert_refused("data_batch_2.bin", "truncated");
    write_batch("data_batch_2.bin", 1, 0);
    assert_refused("data_batch_2.bin", "truncated");
}

static void test_cifar_label(void **state) {
    (void)state;
    write_cifar();
    write_batch("test_batch.bin", 10, 2 * RECORD);
    assert_refused("test_batch.bin", "label 10 of record 0 is out of range");
}

/* ---- IDX --------------------------------------------------------------------------------------
 */

static const unsigned char images[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0,
                                       1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
static const unsigned char labels[] = {0, 0, 8, 1, 0, 0, 0, 2, 7, 1};

static void write_idx(void) {
    scratch_write("train-images-idx3-ubyte", images, sizeof images);
    scratch_write("train-labels-idx1-ubyte", labels, sizeof labels);
    scratch_write("t10k-images.idx3-ubyte", images, sizeof images);
    scratch_write("t10k-labels.idx1-ubyte", labels, sizeof labels);
}

static void test_idx(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_idx();
    assert_true(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_int_equal(d.train.count, 2);
    assert_int_equal(d.train.dim[1], 3);
    assert_int_equal(d.train.dim[2], 1);
    assert_int_equal(d.train.u8[5], 6);
    assert_int_equal(d.test.index[0], 7);
    lathe_dataset_free(&d);
}

static void test_idx_bad(void **state) {
    (void)state;
    unsigned char bad[sizeof images];
    write_idx();
    scratch_write("train-images-idx3-ubyte", images, sizeof images - 1);
    assert_refused("train-images-idx3-ubyte", "truncated");
    scratch_write("train-images-idx3-ubyte", images, 7);
    assert_refused("train-images-idx3-ubyte", "dimension");
    scratch_write("train-images-idx3-ubyte", labels, sizeof labels);
    assert_refused("train-images-idx3-ubyte", "magic 0x00000801");
    scratch_write("train-images-idx3-ubyte", "", 0);
    assert_refused("train-images-idx3-ubyte", "magic");
    memcpy(bad, images, sizeof bad);
    memset(bad + 4, 0xff, 12); /* (2^32 - 1)^3 bytes */
    scratch_write("train-images-idx3-ubyte", bad, sizeof bad);
    assert_refused("train-images-idx3-ubyte", "overflow");
    memset(bad + 4, 0, 4);
    scratch_write("train-images-idx3-ubyte", bad, sizeof bad);
    assert_refused("train-images-idx3-ubyte", "dimension 0 is 0");
    write_idx();
    scratch_write("train-labels-idx1-ubyte", "\0\0\x08\x01\0\0\0\x01\x07", 9);
    assert_refused("has 2 images", "has 1 labels");
    remove(scratch_path("train-labels-idx1-ubyte"));
    assert_refused("train-labels-idx1-ubyte", "No such file");
}

static void write_gz(const char *name, const void *data, size_t size) {
    gzFile f = gzopen(scratch_path(name), "wb");
    assert_non_null(f);
    gzwrite(f, data, (unsigned)size);
    gzclose(f);
}

static void test_idx_gz(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_gz("train-images-idx3-ubyte.gz", images, sizeof images);
    write_gz("train-labels-idx1-ubyte.gz", labels, sizeof labels);
    assert_true(load(LATHE_TRAIN, &d, &e));
    assert_int_equal(d.train.u8[0], 1);
    lathe_dataset_free(&d);
    FILE *f = fopen(scratch_path("train-images-idx3-ubyte.gz"), "rb");
    unsigned char bytes[200];
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    scratch_write("train-images-idx3-ubyte.gz", bytes, n - 9);
    assert_refused("train-images-idx3-ubyte.gz", "gzip file");
    bytes[n - 5] ^= 1; /* the checksum */
    scratch_write("train-images-idx3-ubyte.gz", bytes, n);
    assert_refused("train-images-idx3-ubyte.gz", "gzip file");
}

/* 70 MB of zeros, which gzip packs a thousandfold. */
static void test_idx_gz_bomb(void **state) {
    (void)state;
    enum { SIZE = 70000000 };
    unsigned char *zeros = calloc(SIZE, 1);
    assert_non_null(zeros);
    write_gz("train-images-idx3-ubyte.gz", zeros, SIZE);
    write_gz("train-labels-idx1-ubyte.gz", labels, sizeof labels);
    free(zeros);
    assert_refused("train-images-idx3-ubyte.gz", "unpacks to too much");
}

/* ---- what is no data set ----------------------------------------------------------------------
 */

static void test_unknown(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    assert_refused("no known data set", "train-images-idx3-ubyte");
    lathe_data_request r = {.path = "/no/such/folder", .parts = LATHE_TRAIN};
    assert_false(lathe_dataset_load(&r, lathe_all_formats, &d, &e));
    assert_mentions(e.text, "/no/such/folder: there is no such data set");
}

/* ---- fitting ----------------------------------------------------------------------------------
 */

static void test_fit_labels_out_of_range(void **state) {
    (void)state;
    lathe_error e;
    lathe_samples s = fake_samples(5);
    assert_true(lathe_samples_fit(&s, &fake_model, "data", &e));
    s.index[3] = 3;
    assert_false(lathe_samples_fit(&s, &fake_model, "data", &e));
    assert_mentions(e.text, "data: label 3 of sample 3 is out of range");
    assert_mentions(e.text, "classes 0 to 2");
    lathe_samples_free(&s);
}

static void test_fit_shape(void **state) {
    (void)state;
    lathe_error e;
    lathe_samples s = fake_samples(5);
    assert_true(lathe_samples_fit_shape(&s, 2, (int64_t[]){6, 1}, "data", &e));
    assert_false(lathe_samples_fit_shape(&s, 2, (int64_t[]){2, 3}, "data", &e));
    assert_mentions(e.text, "shape (6), but the model's input is (2, 3)");
    lathe_samples_free(&s);
}

/* One-hot rows become indices; indices become values for a model that takes those. */
static void test_fit_converts_labels(void **state) {
    (void)state;
    lathe_error e;
    lathe_model values = fake_model;
    const lathe_loss floats = {0, "mse", 1.0f, 1, 1};
    values.loss = &floats;
    lathe_samples s = fake_samples(4);
    s.index[0] = 2;
    assert_true(lathe_samples_fit(&s, &values, "data", &e));
    assert_null(s.index);
    assert_int_equal(s.target_size, 3);
    assert_true(s.target[2] == 1.0f && s.target[0] == 0.0f);
    assert_true(lathe_samples_fit(&s, &fake_model, "data", &e));
    assert_null(s.target);
    assert_int_equal(s.index[0], 2);
    lathe_value one = *values.output;
    one.count = 1;
    values.output = &one;
    assert_false(lathe_samples_fit(&s, &values, "data", &e));
    s.index[0] = 0;
    s.index[2] = 1;
    assert_true(lathe_samples_fit(&s, &values, "data", &e));
    assert_true(s.target[0] == 0.0f && s.target[2] == 1.0f);
    lathe_samples_free(&s);
}

static void test_hostile_sizes(void **state) {
    (void)state;
    lathe_samples s;
    lathe_error e;
    int64_t huge[] = {1 << 20, 1 << 20, 1 << 20};
    assert_false(lathe_samples_alloc(&s, 1, 3, huge, true, &e));
    assert_false(lathe_samples_alloc(&s, 1 << 30, 1, huge, true, &e));
    assert_false(lathe_samples_alloc(&s, 0, 1, huge, true, &e));
    assert_false(lathe_samples_alloc(&s, INT64_MAX, 1, huge, true, &e));
}

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_cifar),
        IN_SCRATCH(test_cifar_missing_file),
        IN_SCRATCH(test_cifar_truncated),
        IN_SCRATCH(test_cifar_label),
        IN_SCRATCH(test_idx),
        IN_SCRATCH(test_idx_bad),
        IN_SCRATCH(test_idx_gz),
        IN_SCRATCH(test_idx_gz_bomb),
        IN_SCRATCH(test_unknown),
        cmocka_unit_test(test_fit_labels_out_of_range),
        cmocka_unit_test(test_fit_shape),
        cmocka_unit_test(test_fit_converts_labels),
        cmocka_unit_test(test_hostile_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
