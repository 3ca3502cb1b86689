/* Files: whole or not there. */
#include "../../runtime/files.h"

#include "../../runtime/reader.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

static void test_round_trip(void **state) {
    (void)state;
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    assert_true(lathe_write_file(scratch_path("a"), "hello", 5, &e));
    assert_true(lathe_write_file(scratch_path("a"), "hi", 2, &e));
    assert_true(lathe_read_file(scratch_path("a"), 2, &bytes, &size, &e));
    assert_int_equal(size, 2);
    assert_memory_equal(bytes, "hi", 2);
    free(bytes);
    assert_false(lathe_read_file(scratch_path("a"), 1, &bytes, &size, &e));
    assert_mentions(e.text, "2 bytes are more");
    assert_int_equal(scratch_count(), 1);
}

static void test_missing_and_wrong_kind(void **state) {
    (void)state;
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    assert_false(lathe_read_file(scratch_path("none"), 100, &bytes, &size, &e));
    assert_mentions(e.text, "No such file");
    assert_false(lathe_read_file(scratch_path(""), 100, &bytes, &size, &e));
    assert_mentions(e.text, "not a regular file");
    assert_false(lathe_write_file(scratch_path("no/such"), "x", 1, &e));
    assert_mentions(e.text, "cannot write");
    scratch_write("file", "x", 1);
    assert_false(lathe_make_folder(scratch_path("file"), &e));
    assert_mentions(e.text, "cannot make the folder");
    assert_true(lathe_make_folder(scratch_path(""), &e));
}

static void test_full_disk_leaves_nothing(void **state) {
    (void)state;
    static char block[100000];
    lathe_error e;
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    bool ok = lathe_write_file(scratch_path("big"), block, sizeof block, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_false(ok);
    assert_mentions(e.text, "File too large");
    assert_int_equal(scratch_count(), 0);
}

static void test_reader_stays_inside(void **state) {
    (void)state;
    lathe_reader r = {.bytes = (const unsigned char *)"\x01\x02\x03", .size = 3};
    assert_int_equal(lathe_read_be(&r, 2), 0x102);
    assert_int_equal(lathe_read_le(&r, 2), 0);
    assert_true(r.failed);
    assert_null(lathe_read_bytes(&r, 0));
    assert_int_equal(lathe_peek(&r), -1);
    assert_int_equal(lathe_reader_left(&r), 0);
}

static void test_decimal(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
        bool ok;
    } cases[] = {{"0", 0, true},
                 {"120]", 120, true},
                 {"9223372036854775807", INT64_MAX, true},
                 {"9223372036854775808", 0, false},
                 {"00", 0, false},
                 {"", 0, false},
                 {"-1", 0, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lathe_reader r = {.bytes = (const unsigned char *)cases[i].text};
        while (cases[i].text[r.size]) r.size++;
        assert_true(lathe_read_decimal(&r) == cases[i].value);
        assert_int_equal(r.failed, !cases[i].ok);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_missing_and_wrong_kind, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test_setup_teardown(test_full_disk_leaves_nothing, scratch_setup,
                                        scratch_teardown),
        cmocka_unit_test(test_reader_stays_inside),
        cmocka_unit_test(test_decimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
