/* What lathe-parse is locked out of, and what lathe says when it ends early. probe.c stands in for
 * it. */
#include "../../compiler/jail/images.h"
#include "../../compiler/jail/jail.h"
#include "../../runtime/files.h"
#include "probe.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static Jail *start_probe(void) {
    lathe_error e;
    int file = open(LATHE_PROBE, O_RDONLY | O_CLOEXEC);
    int shared = memfd_create("probe", MFD_CLOEXEC);
    assert_true(file >= 0 && shared >= 0 && ftruncate(shared, 1 << 20) == 0);
    const JailFiles files = {file, shared, 1000, 1 << 20};
    jail_program = LATHE_PROBE;
    Jail *j = jail_start(&files, &e);
    if (!j) fail_msg("%s", e.text);
    close(file);
    close(shared);
    return j;
}

/* Whether the probe succeeded; an end of the probe is none. */
static bool succeeds(Probe what, lathe_error *e) {
    int64_t answer = 0;
    Jail *j = start_probe();
    e->text[0] = '\0';
    bool asked = jail_ask(j, (JailRequest)what, NULL, "the probe", 0) && jail_answer(j, e);
    if (asked && !wire_get_number(&j->wire, 1, &answer)) jail_damaged(j, e);
    jail_close(j);
    return answer == 1;
}

static void test_calls(void **state) {
    (void)state;
    lathe_error e;
    assert_true(succeeds(PROBE_NOTHING, &e));
    for (int i = PROBE_OPEN; i < PROBE_CALLS; i++)
        if (succeeds((Probe)i, &e)) fail_msg("probe %d succeeded", i);
}

/* A sanitizer's own memory has no limit. */
static void test_memory(void **state) {
    (void)state;
#ifdef NDEBUG
    lathe_error e;
    assert_true(succeeds(PROBE_MEMORY, &e));
#endif
}

static void test_ends(void **state) {
    (void)state;
    lathe_error e;
    for (int i = PROBE_LOOP; i <= PROBE_CRASH; i++) {
        assert_false(succeeds((Probe)i, &e));
        assert_string_equal(e.text, "the file is damaged: the probe cannot read it");
    }
}

static void test_no_program(void **state) {
    (void)state;
    lathe_error e;
    jail_program = "/nonexistent/lathe-parse";
    assert_null(jail_open(LATHE_PROBE, &e));
    assert_string_equal(e.text, "cannot start /nonexistent/lathe-parse: No such file or directory");
    jail_program = NULL;
    assert_null(jail_open(LATHE_PROBE, &e));
    assert_non_null(strstr(e.text, "lathe is not installed as a whole"));
}

static void test_files(void **state) {
    (void)state;
    lathe_error e;
    jail_program = LATHE_PARSE;
    assert_null(jail_open("/nonexistent", &e));
    assert_string_equal(e.text, "cannot open the file: No such file or directory");
    assert_null(jail_open("/dev/zero", &e));
    assert_string_equal(e.text, "cannot read it: not a regular file");
}

/* lathe-parse itself goes on after an error, and after Ctrl-C. */
static void test_parse(void **state) {
    (void)state;
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    jail_program = LATHE_PARSE;
    Jail *j = jail_open(LATHE_PROBE, &e);
    assert_non_null(j);
    assert_false(jail_read_member(j, "x", &bytes, &size, &e));
    assert_string_equal(e.text, "it is no zip archive, or a damaged one: Not a zip archive");
    kill(j->child, SIGINT);
    assert_false(jail_read_member(j, "x", &bytes, &size, &e));
    assert_string_equal(e.text, "it is no zip archive, or a damaged one: Not a zip archive");
    jail_close(j);
}

/* Like the library in this process; a child that dies takes one image with it. */
static void test_images(void **state) {
    (void)state;
    enum { SIDE = 40 };
    static const unsigned char text[] = "no image";
    lathe_image image, here, there;
    lathe_error e, same;
    unsigned char *bytes;
    size_t size;
    assert_true(lathe_image_alloc(&image, SIDE, SIDE / 2, 3, &e));
    for (int i = 0; i < SIDE * SIDE / 2 * 3; i++) image.pixel[i] = (uint8_t)(i * i);
    assert_true(lathe_png_write("jail.png", &image, &e));
    assert_true(lathe_read_file("jail.png", 1 << 20, &bytes, &size, &e));
    jail_program = LATHE_PARSE;
    for (int i = 0; i < 6; i++) {
        const bool changed = i == 2, damaged = i == 4;
        if (changed) bytes[size / 2] ^= 1;
        jail_program = i == 0 ? LATHE_PROBE : LATHE_PARSE;
        bool ok = jail_image_decode("a.png", damaged ? text : bytes, damaged ? sizeof text : size,
                                    3, 0, 0, &there, &e);
        if (i == 0) {
            assert_false(ok);
            assert_string_equal(e.text, "a.png: the file is damaged: its library cannot read it");
            continue;
        }
        assert_int_equal(ok, lathe_image_decode_here("a.png", damaged ? text : bytes,
                                                     damaged ? sizeof text : size, 3, 0, 0, &here,
                                                     &same));
        if (ok) {
            assert_int_equal(here.width, there.width);
            assert_memory_equal(here.pixel, there.pixel, SIDE * SIDE / 2 * 3);
            lathe_image_free(&here);
            lathe_image_free(&there);
        } else {
            assert_string_equal(e.text, same.text);
        }
        if (changed) bytes[size / 2] ^= 1;
    }
    free(bytes);
    lathe_image_free(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_ends),   cmocka_unit_test(test_no_program),
        cmocka_unit_test(test_files),  cmocka_unit_test(test_parse),
        cmocka_unit_test(test_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
