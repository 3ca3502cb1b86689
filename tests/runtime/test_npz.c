/* .npz archives, good and bad. */
#include "../../runtime/dataset.h"
#include "../../runtime/optional/formats.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

typedef struct {
    const char *name, *descr, *shape;
    const void *data;
    size_t size;
} Array;

static void add_array(zip_t *z, const Array *a) {
    char header[128], entry[32];
    int n = snprintf(header, sizeof header,
                     "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", a->descr, a->shape);
    unsigned char *bytes = malloc(10 + (size_t)n + a->size);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (unsigned char)n;
    bytes[9] = 0;
    memcpy(bytes + 10, header, (size_t)n);
    memcpy(bytes + 10 + n, a->data, a->size);
    snprintf(entry, sizeof entry, "%s.npy", a->name);
    zip_source_t *s = zip_source_buffer(z, bytes, 10 + (size_t)n + a->size, 1);
    assert_true(zip_file_add(z, entry, s, 0) >= 0);
}

static void write_npz(const Array *a, int count) {
    int code;
    remove(scratch_path("d.npz"));
    zip_t *z = zip_open(scratch_path("d.npz"), ZIP_CREATE, &code);
    assert_non_null(z);
    for (int i = 0; i < count; i++) add_array(z, &a[i]);
    assert_int_equal(zip_close(z), 0);
}

static bool load(int parts, lathe_dataset *d, lathe_error *e) {
    lathe_data_request r = {.path = scratch_path("d.npz"), .parts = parts};
    return lathe_dataset_load(&r, lathe_all_formats, d, e);
}

static const unsigned char bytes[4] = {1, 2, 3, 4};
static const float floats[4] = {0.5f, 1, 2, 3};
static const int64_t longs[2] = {3, 1};

static void test_train_and_test(void **state) {
    (void)state;
    const Array a[] = {{"x_train", "|u1", "(2, 2)", bytes, 4},
                       {"y_train", "<i8", "(2,)", longs, 16},
                       {"x_test", "<f4", "(1, 4)", floats, 16},
                       {"y_test", "<f4", "(1, 4)", floats, 16}};
    lathe_dataset d;
    lathe_error e;
    write_npz(a, 4);
    assert_true(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_int_equal(d.train.u8[3], 4);
    assert_int_equal(d.train.index[0], 3);
    assert_true(d.test.f32[0] == 0.5f);
    assert_int_equal(d.test.target_size, 4);
    assert_true(d.test.target[3] == 3.0f);
    lathe_dataset_free(&d);
}

static void test_x_and_y(void **state) {
    (void)state;
    const Array a[] = {{"x", "|u1", "(2, 2)", bytes, 4}, {"y", "<i8", "(2, 1)", longs, 16}};
    lathe_dataset d;
    lathe_error e;
    write_npz(a, 2);
    assert_true(load(LATHE_TEST, &d, &e));
    assert_int_equal(d.test.count, 2);
    assert_int_equal(d.test.index[1], 1);
    lathe_dataset_free(&d);
    assert_true(load(LATHE_TRAIN, &d, &e));
    assert_int_equal(d.train.count, 2);
    lathe_dataset_free(&d);
}

/* A number for each training sample. */
static void test_sample_weight(void **state) {
    (void)state;
    const Array a[] = {{"x", "|u1", "(2, 2)", bytes, 4},
                       {"y", "<i8", "(2,)", longs, 16},
                       {"sample_weight", "<f4", "(2,)", floats, 8}};
    lathe_dataset d;
    lathe_error e;
    write_npz(a, 3);
    assert_true(load(LATHE_TRAIN, &d, &e));
    assert_true(d.train.weight[0] == 0.5f && d.train.weight[1] == 1.0f);
    lathe_dataset_free(&d);
}

static void assert_refused(const char *text) {
    lathe_dataset d;
    lathe_error e;
    assert_false(load(LATHE_TRAIN, &d, &e));
    assert_mentions(e.text, "d.npz");
    assert_mentions(e.text, text);
}

static void test_bad(void **state) {
    (void)state;
    static const int64_t negative[2] = {0, -1};
    const Array alone[] = {{"x_train", "|u1", "(2, 2)", bytes, 4}};
    write_npz(alone, 1);
    assert_refused("the archive has no 'y_train.npy'");
    const Array unequal[] = {{"x", "|u1", "(4, 1)", bytes, 4}, {"y", "<i8", "(2,)", longs, 16}};
    write_npz(unequal, 2);
    assert_refused("4 inputs and 2 labels");
    const Array minus[] = {{"x", "|u1", "(2, 2)", bytes, 4}, {"y", "<i8", "(2,)", negative, 16}};
    write_npz(minus, 2);
    assert_refused("label -1 of sample 1 is out of range");
    const Array claims[] = {{"x", "|u1", "(200000, 200000)", bytes, 4},
                            {"y", "<i8", "(2,)", longs, 16}};
    write_npz(claims, 2);
    assert_refused("truncated or damaged");
    const Array order[] = {{"x", ">f4", "(2, 2)", floats, 16}, {"y", "<i8", "(2,)", longs, 16}};
    write_npz(order, 2);
    assert_refused("not accepted");
    const Array empty[] = {{"x", "|u1", "(0, 2)", bytes, 0}, {"y", "<i8", "(0,)", longs, 0}};
    write_npz(empty, 2);
    assert_refused("0 inputs");
    const Array weights[] = {{"x", "|u1", "(2, 2)", bytes, 4},
                             {"y", "<i8", "(2,)", longs, 16},
                             {"sample_weight", "<f4", "(3,)", floats, 12}};
    write_npz(weights, 3);
    assert_refused("sample_weight has 3 numbers, but there are 2 training samples");
}

/* Neither truncation nor a damaged byte leads anywhere but to a message. */
static void test_damaged(void **state) {
    (void)state;
    const Array a[] = {{"x", "|u1", "(2, 2)", bytes, 4}, {"y", "<i8", "(2,)", longs, 16}};
    unsigned char file[2000];
    write_npz(a, 2);
    FILE *f = fopen(scratch_path("d.npz"), "rb");
    size_t n = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t i = 0; i < n; i++) {
        lathe_dataset d;
        lathe_error e;
        file[i] ^= 0xff;
        scratch_write("d.npz", file, n);
        if (load(LATHE_TRAIN, &d, &e)) lathe_dataset_free(&d);
        file[i] ^= 0xff;
    }
    for (size_t i = 0; i < n; i += 5) {
        scratch_write("d.npz", file, i);
        assert_refused("d.npz");
    }
}

/* A small archive whose directory says that an array takes 1 GB, packed and unpacked. */
static void test_false_sizes(void **state) {
    (void)state;
    const Array a[] = {{"x", "|u1", "(2, 2)", bytes, 4}, {"y", "<i8", "(2,)", longs, 16}};
    enum { PACKED = 20, UNPACKED = 24 };
    unsigned char file[2000];
    write_npz(a, 2);
    FILE *f = fopen(scratch_path("d.npz"), "rb");
    size_t n = fread(file, 1, sizeof file, f), at = 0;
    fclose(f);
    while (memcmp(file + at, "PK\1\2", 4) != 0) at++;
    file[at + PACKED + 3] = file[at + UNPACKED + 3] = 0x40;
    scratch_write("d.npz", file, n);
    assert_refused("'x.npy' in the archive is damaged: its size");
}

/* 70 MB of zeros, which deflate packs a thousandfold. */
static void test_bomb(void **state) {
    (void)state;
    enum { SIZE = 70000000 };
    unsigned char *zeros = calloc(SIZE, 1);
    assert_non_null(zeros);
    const Array a[] = {{"x", "|u1", "(70000000, 1)", zeros, SIZE}, {"y", "<i8", "(2,)", longs, 16}};
    write_npz(a, 2);
    free(zeros);
    assert_refused("'x.npy' in the archive is damaged: its size");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_train_and_test), cmocka_unit_test(test_x_and_y),
        cmocka_unit_test(test_sample_weight),  cmocka_unit_test(test_bad),
        cmocka_unit_test(test_damaged),        cmocka_unit_test(test_false_sizes),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
