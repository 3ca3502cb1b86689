/* .npy: what is written reads back; headers of NumPy are read, others are refused. */
#include "../../runtime/npy.h"

#include "../../runtime/files.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_round_trip(void **state) {
    (void)state;
    static const float v[6] = {0, 1, 2, 3, 4.5f, -5};
    lathe_error e;
    lathe_array a;
    assert_true(lathe_npy_write(scratch_path("a.npy"), LATHE_NPY_F32, 2, (int64_t[]){2, 3}, v, &e));
    assert_true(lathe_npy_read(scratch_path("a.npy"), &a, &e));
    assert_int_equal(a.rank, 2);
    assert_int_equal(a.dim[1], 3);
    assert_int_equal((a.data - a.owned) % 64, 0);
    float *back = lathe_array_floats(&a);
    assert_memory_equal(back, v, sizeof v);
    free(back);
    lathe_array_free(&a);
    assert_true(lathe_npy_write(scratch_path("b.npy"), LATHE_NPY_F32, 1, (int64_t[]){6}, v, &e));
    assert_true(lathe_npy_read(scratch_path("b.npy"), &a, &e));
    assert_int_equal(a.rank, 1);
    lathe_array_free(&a);
}

/* A version 1 file with this dictionary and `data` bytes 1, 2, 3, ... */
static bool parse(const char *dictionary, size_t data, lathe_array *a, lathe_error *e) {
    static unsigned char bytes[1000];
    size_t n = strlen(dictionary);
    memcpy(bytes, "\x93NUMPY\x01\x00", 8);
    bytes[8] = (unsigned char)n;
    bytes[9] = (unsigned char)(n >> 8);
    memcpy(bytes + 10, dictionary, n);
    for (size_t i = 0; i < data; i++) bytes[10 + n + i] = (unsigned char)(i + 1);
    return lathe_npy_parse("x", bytes, 10 + n + data, a, e);
}

static void test_types(void **state) {
    (void)state;
    lathe_array a;
    lathe_error e;
    assert_true(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", 3, &a, &e));
    assert_true(lathe_array_value(&a, 2) == 3.0);
    assert_true(parse("{'descr': '<i4', 'fortran_order': False, 'shape': (1, 2), }\n", 8, &a, &e));
    assert_true(lathe_array_value(&a, 0) == 0x04030201);
    assert_true(parse("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", 8, &a, &e));
    assert_int_equal(a.count, 1);
    assert_true(parse("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 5), }", 0, &a, &e));
    assert_int_equal(a.count, 0);
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        const char *dictionary;
        size_t data;
    } bad[] = {
        {"", 0},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 8},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,", 4},
        {"{'descr': '<f4', 'fortran_order': False", 4},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lathe_array a;
        lathe_error e;
        if (parse(bad[i].dictionary, bad[i].data, &a, &e))
            fail_msg("accepted %s", bad[i].dictionary);
    }
}

static void test_truncated(void **state) {
    (void)state;
    static const float v[4] = {0};
    lathe_error e;
    lathe_array a;
    unsigned char *bytes;
    size_t size;
    assert_true(lathe_npy_write(scratch_path("a.npy"), LATHE_NPY_F32, 1, (int64_t[]){4}, v, &e));
    assert_true(lathe_read_file(scratch_path("a.npy"), 1000, &bytes, &size, &e));
    for (size_t n = 0; n < size; n++) {
        unsigned char *exact = malloc(n + 1); /* so that the sanitizer sees a read beyond n */
        memcpy(exact, bytes, n);
        assert_false(lathe_npy_parse("x", exact, n, &a, &e));
        free(exact);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_truncated),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
