/* Folders of images. */
#define _POSIX_C_SOURCE 200809L
#include "../../runtime/feed.h"
#include "../../runtime/optional/formats.h"
#include "../../runtime/optional/image.h"
#include "../../runtime/optional/name_sort.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An image of one colour. */
static void write_image(const char *name, int height, int width, int value) {
    lathe_image im;
    lathe_error e;
    assert_true(lathe_image_alloc(&im, height, width, 3, &e));
    memset(im.pixel, value, (size_t)(height * width * 3));
    assert_true(lathe_png_write(scratch_path(name), &im, &e));
    lathe_image_free(&im);
}

static bool load(int parts, int channels, lathe_dataset *d, lathe_error *e) {
    lathe_data_request r = {
        .path = scratch_path(""), .parts = parts, .height = 4, .width = 4, .channels = channels};
    return lathe_dataset_load(&r, lathe_all_formats, d, e);
}

static void test_train_and_val(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    const char *const folders[] = {"train", "train/dog", "train/cat", "val", "val/dog"};
    for (int i = 0; i < 5; i++) scratch_folder(folders[i]);
    write_image("train/dog/1.png", 4, 4, 10);
    write_image("train/cat/1.png", 9, 3, 20);
    write_image("val/dog/1.png", 2, 2, 30);
    scratch_write("train/cat/notes.txt", "x", 1);
    assert_true(load(LATHE_TRAIN | LATHE_TEST, 3, &d, &e));
    assert_int_equal(d.classes, 2);
    assert_string_equal(d.class_name[0], "cat");
    assert_int_equal(d.train.count, 2);
    for (int i = 0; i < 2; i++)
        assert_int_equal(d.train.u8[i * d.train.size], d.train.index[i] ? 10 : 20);
    assert_int_equal(d.test.count, 1);
    assert_int_equal(d.test.index[0], 1);
    assert_int_equal(d.test.u8[47], 30);
    lathe_dataset_free(&d);
}

/* Of one folder, every fifth image of a class is for testing; no image is in both parts. */
static void test_one_folder(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    bool seen[20] = {false};
    scratch_folder("a");
    scratch_folder("b");
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%02d.png", i < 10 ? "a" : "b", i);
        write_image(name, 4, 4, i);
    }
    assert_true(load(LATHE_TRAIN | LATHE_TEST, 1, &d, &e));
    assert_int_equal(d.train.count, 16);
    assert_int_equal(d.test.count, 4);
    for (int i = 0; i < 20; i++) {
        const lathe_samples *s = i < 16 ? &d.train : &d.test;
        int value = s->u8[(i < 16 ? i : i - 16) * s->size];
        assert_in_range(value, 0, 19);
        assert_false(seen[value]);
        seen[value] = true;
    }
    int ones = 0;
    for (int i = 12; i < 16; i++) ones += d.train.index[i];
    assert_in_range(ones, 1, 3); /* the end of the training set has both classes */
    lathe_dataset_free(&d);
}

static void test_bad(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    scratch_folder("train");
    assert_false(load(LATHE_TRAIN, 3, &d, &e));
    assert_mentions(e.text, "no folders of classes");
    scratch_folder("train/a");
    assert_false(load(LATHE_TRAIN, 3, &d, &e));
    assert_mentions(e.text, "no .jpg or .png images");
    scratch_write("train/a/x.jpg", "no image", 8);
    assert_false(load(LATHE_TRAIN, 3, &d, &e));
    assert_mentions(e.text, "x.jpg");
    assert_false(load(LATHE_TRAIN, 2, &d, &e));
    assert_mentions(e.text, "1 or 3 channels");
}

static bool stream_large(int64_t side, int64_t window, lathe_dataset *d, lathe_error *e) {
    lathe_data_request r = {.path = scratch_path(""),
                            .parts = side > 4 ? LATHE_TRAIN : LATHE_TRAIN | LATHE_TEST,
                            .height = side,
                            .width = side,
                            .channels = 3,
                            .window = window};
    return lathe_dataset_load(&r, lathe_all_formats, d, e);
}

static bool stream(int64_t window, lathe_dataset *d, lathe_error *e) {
    return stream_large(4, window, d, e);
}

static void write_classes(int images) {
    scratch_folder("a");
    scratch_folder("b");
    for (int i = 0; i < images; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s/%02d.png", i % 2 ? "b" : "a", i);
        write_image(name, 4 + i % 3, 4, i);
    }
}

/* What is streamed in order is what lies in memory. */
static void test_streamed(void **state) {
    (void)state;
    lathe_dataset memory, files;
    lathe_error e;
    write_classes(40);
    assert_true(load(LATHE_TRAIN | LATHE_TEST, 3, &memory, &e));
    assert_true(stream(7, &files, &e));
    assert_null(memory.train.stream);
    assert_non_null(files.train.stream);
    assert_int_equal(files.train.stream->window, 7);
    assert_int_equal(files.train.count, 32);
    assert_int_equal(files.test.count, 8);
    assert_int_equal(lathe_samples_max(&files.train), 255);
    assert_true(lathe_samples_read(&files.test, 5, 2, &e));
    assert_int_equal(files.test.count, 5);
    assert_memory_equal(files.test.u8, memory.test.u8, 5 * 48);
    assert_memory_equal(files.test.index, memory.test.index, 5 * sizeof(int32_t));
    assert_true(lathe_samples_read(&files.train, 100, 2, &e));
    assert_memory_equal(files.train.u8, memory.train.u8, 32 * 48);
    assert_memory_equal(files.train.index, memory.train.index, 32 * sizeof(int32_t));
    lathe_dataset_free(&memory);
    lathe_dataset_free(&files);
}

/* Eight images of 192 MB are too much for memory. */
static void test_too_large(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_classes(10);
    assert_true(stream_large(8192, 0, &d, &e));
    assert_int_equal(d.train.count, 8);
    assert_non_null(d.train.stream);
    assert_int_equal(d.train.stream->window, LATHE_WINDOW);
    lathe_dataset_free(&d);
}

/* Files that are damaged or gone when their turn comes. */
static void test_broken_later(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_classes(4);
    assert_true(stream(7, &d, &e));
    scratch_write("b/03.png", "\x89PNG\r\n\x1a\n and no more", 21);
    assert_false(lathe_samples_read(&d.train, 4, 2, &e));
    assert_mentions(e.text, "/b/03.png: damaged PNG image");
    lathe_dataset_free(&d);
    assert_int_equal(unlink(scratch_path("b/03.png")), 0);
    assert_true(stream(7, &d, &e));
    assert_int_equal(d.train.count, 3);
    assert_int_equal(unlink(scratch_path("b/01.png")), 0);
    assert_false(lathe_samples_read(&d.train, 3, 2, &e));
    assert_mentions(e.text, "/b/01.png: No such file");
    lathe_dataset_free(&d);
    assert_false(stream(7, &d, &e));
    assert_mentions(e.text, "/b: no .jpg or .png images in it");
}

/* Lists that cannot be written say where they were to go. */
static void test_no_room_for_lists(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    write_classes(4);
    setenv("TMPDIR", scratch_path("nowhere"), 1);
    assert_false(stream(7, &d, &e));
    assert_mentions(e.text, "nowhere (TMPDIR): No such file");
    unsetenv("TMPDIR");
}

/* 200,000 names in several runs, among them equal ones and the longest. */
static void test_many_names(void **state) {
    (void)state;
    enum { NAMES = 200000 };
    static char longest[LATHE_NAME_MAX + 2];
    const char *name;
    lathe_error e;
    lathe_name_sort *s = lathe_name_sort_open(&e);
    assert_non_null(s);
    memset(longest, 'x', sizeof longest - 1);
    assert_false(lathe_name_sort_add(s, longest, &e));
    longest[LATHE_NAME_MAX] = '\0';
    for (int i = 0; i < NAMES; i++) {
        char text[32];
        snprintf(text, sizeof text, "%09d.jpg", (int)((int64_t)i * 77777 % (NAMES - 1)));
        assert_true(lathe_name_sort_add(s, text, &e));
        if (i % 50000 == 0) assert_true(lathe_name_sort_add(s, longest, &e));
    }
    for (int i = 0; i < NAMES; i++) {
        char text[32];
        snprintf(text, sizeof text, "%09d.jpg", i > 0 ? i - 1 : 0); /* 0 comes twice */
        assert_true(lathe_name_sort_next(s, &name, &e));
        assert_string_equal(name, text);
    }
    for (int i = 0; i < 4; i++) {
        assert_true(lathe_name_sort_next(s, &name, &e));
        assert_string_equal(name, longest);
    }
    assert_true(lathe_name_sort_next(s, &name, &e));
    assert_null(name);
    lathe_name_sort_close(s);
}

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_train_and_val),
                                       IN_SCRATCH(test_one_folder),
                                       IN_SCRATCH(test_bad),
                                       IN_SCRATCH(test_streamed),
                                       IN_SCRATCH(test_too_large),
                                       IN_SCRATCH(test_broken_later),
                                       IN_SCRATCH(test_no_room_for_lists),
                                       cmocka_unit_test(test_many_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
