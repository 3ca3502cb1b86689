/* safetensors: what is written reads back, and hostile files are refused. */
#include "../../runtime/safetensors.h"

#include "../../runtime/files.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

static void fill(void *context, int i, float *out) {
    (void)context;
    for (int k = 0; k < (i ? 3 : 6); k++) out[k] = (float)(10 * i + k);
}

static bool write_sample(lathe_error *e) {
    static const lathe_named_tensor tensor[] = {
        {.name = "dense/kernel", .rank = 2, .dim = {2, 3}, .count = 6},
        {.name = "dense/\"b\"\n", .rank = 1, .dim = {3}, .count = 3}};
    static const lathe_meta meta[] = {{"classes", "a\nb\\c"}, {"epoch", "3"}};
    lathe_tensor_source s = {tensor, 2, meta, 2, fill, NULL};
    return lathe_safetensors_write(scratch_path("w"), &s, e);
}

static void test_round_trip(void **state) {
    (void)state;
    lathe_error e;
    lathe_safetensors s;
    float v[6];
    assert_true(write_sample(&e));
    assert_true(lathe_safetensors_read(scratch_path("w"), &s, &e));
    assert_int_equal(s.tensors, 2);
    assert_true(lathe_safetensors_get(&s, "dense/kernel", 2, (int64_t[]){2, 3}, v, &e));
    assert_true(v[5] == 5.0f);
    assert_true(lathe_safetensors_get(&s, "dense/\"b\"\n", 1, (int64_t[]){3}, v, &e));
    assert_true(v[2] == 12.0f);
    assert_string_equal(lathe_safetensors_meta(&s, "classes"), "a\nb\\c");
    assert_null(lathe_safetensors_meta(&s, "nothing"));
    assert_false(lathe_safetensors_get(&s, "dense/kernel", 1, (int64_t[]){6}, v, &e));
    assert_mentions(e.text, "shape [2, 3], but the model's is [6]");
    assert_false(lathe_safetensors_get(&s, "conv2d/kernel", 1, (int64_t[]){6}, v, &e));
    assert_mentions(e.text, "conv2d/kernel");
    lathe_safetensors_free(&s);
}

/* Writes a file with this header and `data` zero bytes, and reads it. */
static bool read_header(const char *header, size_t data, lathe_error *e) {
    unsigned char bytes[2000] = {0};
    size_t n = strlen(header);
    bytes[0] = (unsigned char)n;
    bytes[1] = (unsigned char)(n >> 8);
    memcpy(bytes + 8, header, n);
    scratch_write("h", bytes, 8 + n + data);
    lathe_safetensors s;
    bool ok = lathe_safetensors_read(scratch_path("h"), &s, e);
    if (ok) lathe_safetensors_free(&s);
    return ok;
}

#define T(shape, offsets) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static void test_accepts(void **state) {
    (void)state;
    lathe_error e;
    assert_true(read_header("{}", 0, &e));
    assert_true(read_header("{\"a\":" T("[2]", "[0,8]") "}  ", 8, &e));
    assert_true(
        read_header("{ \"a\" : " T("[]", "[0,4]") " , \"b\":" T("[1,0]", "[4,4]") "}", 4, &e));
    assert_true(read_header("{\"b\":" T("[1]", "[4,8]") ",\"a\":" T("[1]", "[0,4]") "}", 8, &e));
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t data;
    } bad[] = {
        {"", 0},
        {"{", 0},
        {"[]", 0},
        {"{}x", 0},
        {"{}", 4},
        {"{\"a\":" T("[2]", "[0,8]") "}", 4},
        {"{\"a\":" T("[2]", "[0,4]") "}", 4},
        {"{\"a\":" T("[2]", "[8,0]") "}", 8},
        {"{\"a\":" T("[1]", "[4,8]") "}", 8},
        {"{\"a\":" T("[1]", "[0,4]") ",\"b\":" T("[1]", "[0,4]") "}", 4},
        {"{\"a\":" T("[1]", "[0,4]") ",\"a\":" T("[1]", "[4,8]") "}", 8},
        {"{\"a\":" T("[4294967296,4294967296]", "[0,0]") "}", 0},
        {"{\"a\":" T("[9223372036854775807,2]", "[0,4]") "}", 4},
        {"{\"a\":" T("[99999999999999999999]", "[0,4]") "}", 4},
        {"{\"a\":" T("[-1]", "[0,4]") "}", 4},
        {"{\"a\":" T("[01]", "[0,4]") "}", 4},
        {"{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4},
        {"{\"a\":" T("[1]", "[0]") "}", 4},
        {"{\"a\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"x\":1,\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"{\"\\u0000\":" T("[1]", "[0,4]") "}", 4},
        {"{\"a\\q\":" T("[1]", "[0,4]") "}", 4},
        {"{\"__metadata__\":{\"a\":1}}", 0},
        {"{\"__metadata__\":{\"a\":\"b\"}", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lathe_error e;
        if (read_header(bad[i].header, bad[i].data, &e)) fail_msg("accepted %s", bad[i].header);
        assert_mentions(e.text, "/h: ");
    }
}

static void test_header_longer_than_the_file(void **state) {
    (void)state;
    lathe_error e;
    lathe_safetensors s;
    scratch_write("h", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10);
    assert_false(lathe_safetensors_read(scratch_path("h"), &s, &e));
    scratch_write("h", "\x09\0\0\0\0\0\0\0{}", 10);
    assert_false(lathe_safetensors_read(scratch_path("h"), &s, &e));
    scratch_write("h", "\x02\0", 2);
    assert_false(lathe_safetensors_read(scratch_path("h"), &s, &e));
    assert_mentions(e.text, "truncated");
}

/* No single damaged byte leads outside the file: the sanitizer build is the judge. */
static void test_damaged_bytes(void **state) {
    (void)state;
    static const unsigned char values[] = {0, 1, '"', '9', ']', '}', 0x7f, 0xff};
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    assert_true(write_sample(&e));
    assert_true(lathe_read_file(scratch_path("w"), 1 << 20, &bytes, &size, &e));
    for (size_t i = 0; i < size; i++) {
        unsigned char kept = bytes[i];
        for (size_t k = 0; k < sizeof values; k++) {
            lathe_safetensors s;
            bytes[i] = values[k];
            scratch_write("w", bytes, size);
            if (lathe_safetensors_read(scratch_path("w"), &s, &e)) lathe_safetensors_free(&s);
        }
        bytes[i] = kept;
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),       cmocka_unit_test(test_header_longer_than_the_file),
        cmocka_unit_test(test_damaged_bytes),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
