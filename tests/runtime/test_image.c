/* Images: decoding, scaling, the grid and its font. */
#include "../../runtime/optional/image.h"

#include "../../runtime/files.h"
#include "../../runtime/optional/grid.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static lathe_image make_image(int height, int width, int channels) {
    lathe_image im;
    lathe_error e;
    assert_true(lathe_image_alloc(&im, height, width, channels, &e));
    for (int i = 0; i < height * width * channels; i++) im.pixel[i] = (uint8_t)(i * 5);
    return im;
}

static void test_png(void **state) {
    (void)state;
    lathe_error e;
    lathe_image a = make_image(7, 5, 3), b;
    assert_true(lathe_png_write(scratch_path("a.png"), &a, &e));
    assert_true(lathe_image_load(scratch_path("a.png"), 3, &b, &e));
    assert_int_equal(b.height, 7);
    assert_int_equal(b.width, 5);
    assert_memory_equal(a.pixel, b.pixel, 7 * 5 * 3);
    lathe_image_free(&b);
    assert_true(lathe_image_load(scratch_path("a.png"), 1, &b, &e));
    assert_int_equal(b.channels, 1);
    lathe_image_free(&b);
    lathe_image_free(&a);
    assert_false(lathe_image_load(scratch_path("a.png"), 4, &b, &e));
    assert_mentions(e.text, "1 or 3 channels");
}

/* With `scans` > 0 a progressive one of so many. */
static void write_jpeg(const char *name, int height, int width, int scans) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr manager;
    jpeg_scan_info scan[190] = {{.comps_in_scan = 3, .component_index = {0, 1, 2}}};
    uint8_t row[300];
    JSAMPROW rows = row;
    FILE *f = fopen(scratch_path(name), "wb");
    c.err = jpeg_std_error(&manager);
    jpeg_create_compress(&c);
    jpeg_stdio_dest(&c, f);
    c.image_height = (JDIMENSION)height;
    c.image_width = (JDIMENSION)width;
    c.input_components = 3;
    c.in_color_space = JCS_RGB;
    jpeg_set_defaults(&c);
    for (int i = 1; i < scans; i++) {
        int coefficient = (i - 1) % 63 + 1;
        scan[i] = (jpeg_scan_info){1, {(i - 1) / 63}, coefficient, coefficient, 0, 0};
    }
    c.scan_info = scans ? scan : NULL;
    c.num_scans = scans;
    jpeg_start_compress(&c, TRUE);
    memset(row, 90, sizeof row);
    for (int i = 0; i < height; i++) jpeg_write_scanlines(&c, &rows, 1);
    jpeg_finish_compress(&c);
    jpeg_destroy_compress(&c);
    fclose(f);
}

static void test_jpeg(void **state) {
    (void)state;
    lathe_error e;
    lathe_image im;
    write_jpeg("a.jpg", 20, 30, 0);
    assert_true(lathe_image_load(scratch_path("a.jpg"), 3, &im, &e));
    assert_int_equal(im.height, 20);
    assert_int_equal(im.width, 30);
    assert_in_range(im.pixel[100], 88, 92);
    lathe_image_free(&im);
    write_jpeg("a.jpg", 20, 30, 64);
    assert_true(lathe_image_load(scratch_path("a.jpg"), 3, &im, &e));
    assert_in_range(im.pixel[100], 88, 92);
    lathe_image_free(&im);
    write_jpeg("a.jpg", 20, 30, 190);
    assert_false(lathe_image_load(scratch_path("a.jpg"), 3, &im, &e));
    assert_mentions(e.text, "a.jpg: damaged JPEG image: more than 64 scans");
}

/* Every truncation of both kinds is refused, with the file's name; only PNG's end marker of 12
 * bytes, behind the pixels and their checksum, may be missing. */
static void refuse_truncations(const char *name) {
    unsigned char *bytes;
    size_t size;
    lathe_error e;
    lathe_image im;
    assert_true(lathe_read_file(scratch_path(name), 1 << 20, &bytes, &size, &e));
    for (size_t n = 0; n < size - 12; n += 3) {
        scratch_write("cut", bytes, n);
        assert_false(lathe_image_load(scratch_path("cut"), 3, &im, &e));
        assert_mentions(e.text, "cut");
        assert_null(im.pixel);
    }
    free(bytes);
}

static void test_truncated(void **state) {
    (void)state;
    lathe_error e;
    lathe_image im = make_image(8, 8, 3);
    assert_true(lathe_png_write(scratch_path("a.png"), &im, &e));
    lathe_image_free(&im);
    write_jpeg("a.jpg", 20, 30, 0);
    refuse_truncations("a.png");
    refuse_truncations("a.jpg");
}

static void test_hostile_size(void **state) {
    (void)state;
    lathe_error e;
    unsigned char *bytes;
    size_t size;
    lathe_image im = make_image(8, 8, 3);
    assert_true(lathe_png_write(scratch_path("a.png"), &im, &e));
    lathe_image_free(&im);
    assert_true(lathe_read_file(scratch_path("a.png"), 1 << 20, &bytes, &size, &e));
    memset(bytes + 17, 0x7f, 2); /* width of 2^23 and more; the checksum no longer fits either */
    scratch_write("a.png", bytes, size);
    free(bytes);
    assert_false(lathe_image_load(scratch_path("a.png"), 3, &im, &e));
    assert_false(lathe_image_alloc(&im, 100000, 10, 3, &e));
    assert_false(lathe_image_alloc(&im, 16384, 16384, 3, &e));
    assert_mentions(e.text, "16384 x 16384 pixels is not accepted");
    scratch_write("text.jpg", "hello, no image here", 20);
    assert_false(lathe_image_load(scratch_path("text.jpg"), 3, &im, &e));
    assert_mentions(e.text, "neither a JPEG nor a PNG");
}

/* All else about scaling is compared with Pillow in tests/oracle/test_resize.py. */
static void test_resize(void **state) {
    (void)state;
    uint8_t pixel[4] = {0, 100, 200, 100}, out[16];
    lathe_image im = {2, 2, 1, pixel};
    lathe_scaling same = {2, 2, LATHE_BILINEAR, 0}, large = {4, 4, LATHE_NEAREST, 3};
    lathe_error e;
    assert_true(lathe_image_scale(&im, &same, out, &e));
    assert_memory_equal(out, pixel, 4);
    assert_false(lathe_image_scale(&im, &large, out, &e));
    assert_mentions(e.text, "do not fit");
    assert_int_equal(lathe_filter_find("bicubic"), LATHE_BICUBIC);
    assert_int_equal(lathe_filter_find("cubic"), -1);
}

static void test_grid(void **state) {
    (void)state;
    static const uint8_t pixel[32 * 32 * 3] = {9, 8, 7};
    const lathe_grid_cell cell[3] = {
        {pixel, "cat", "cat"}, {pixel, "automobile", "truck"}, {pixel, "a very long name", "x"}};
    lathe_image im;
    lathe_error e;
    assert_true(lathe_grid_draw(cell, 3, 32, 32, 3, &im, &e));
    assert_int_equal(im.width, 2 * 136 + 8);
    assert_int_equal(im.pixel[3 * (8 * im.width + 8)], 9);     /* the first image's corner */
    assert_int_equal(im.pixel[3 * (7 * im.width + 8)], 255);   /* no frame: it is right */
    assert_int_equal(im.pixel[3 * (7 * im.width + 144)], 200); /* red frame: it is wrong */
    lathe_image_free(&im);
    assert_false(lathe_grid_draw(cell, 20000, 32, 32, 3, &im, &e));
    assert_memory_not_equal(lathe_glyph('a'), lathe_glyph('b'), LATHE_GLYPH_HEIGHT);
    assert_memory_equal(lathe_glyph('\x01'), lathe_glyph('\x02'), LATHE_GLYPH_HEIGHT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),          cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_resize),       cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_hostile_size), cmocka_unit_test(test_grid),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
