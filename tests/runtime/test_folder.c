/* Folders of images. */
#include "../../runtime/dataset.h"
#include "../../runtime/optional/formats.h"
#include "../../runtime/optional/image.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

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

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_train_and_val), IN_SCRATCH(test_one_folder),
                                       IN_SCRATCH(test_bad)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
