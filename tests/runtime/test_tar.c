/* Shards: tar archives as this file writes them, good and bad. What Python's and GNU's tar write is
 * in tests/oracle/test_stream.py. */
#define _POSIX_C_SOURCE 200809L
#include "../../runtime/feed.h"
#include "../../runtime/files.h"
#include "../../runtime/optional/formats.h"
#include "../../runtime/optional/image.h"
#include "../../runtime/optional/tar.h"
#include "cmocka_all.h"
#include "scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An archive that grows. */
static unsigned char archive[1 << 16];
static size_t used;

static void set_sum(unsigned char *header) {
    unsigned sum = 0;
    memset(header + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
}

static unsigned char *put(char type, const char *name, const void *data, size_t size) {
    unsigned char *header = archive + used;
    assert_true(used + 1024 + size <= sizeof archive);
    memset(header, 0, 512);
    snprintf((char *)header, 100, "%s", name);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)size);
    header[156] = (unsigned char)type;
    set_sum(header);
    used += 512;
    memcpy(archive + used, data, size);
    memset(archive + used + size, 0, 511);
    used += (size + 511) / 512 * 512;
    return header;
}

static void put_text(const char *name, const char *text) { put('0', name, text, strlen(text)); }

/* A picture of one colour. */
static void put_image(const char *name, int value) {
    static unsigned char *bytes;
    size_t size;
    lathe_image im;
    lathe_error e;
    assert_true(lathe_image_alloc(&im, 4, 4, 3, &e));
    memset(im.pixel, value, 48);
    assert_true(lathe_png_write(scratch_path("one.png"), &im, &e));
    lathe_image_free(&im);
    assert_true(lathe_read_file(scratch_path("one.png"), 1 << 16, &bytes, &size, &e));
    put('0', name, bytes, size);
    free(bytes);
}

static void save(const char *name) {
    memset(archive + used, 0, 1024);
    scratch_write(name, archive, used + 1024);
    used = 0;
}

static bool load(int parts, lathe_dataset *d, lathe_error *e) {
    lathe_data_request r = {.path = scratch_path("data"),
                            .parts = parts,
                            .height = 4,
                            .width = 4,
                            .channels = 3,
                            .window = 0};
    return lathe_dataset_load(&r, lathe_all_formats, d, e);
}

static void expect_failure(const char *why) {
    lathe_dataset d;
    lathe_error e;
    assert_false(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_mentions(e.text, why);
}

/* Shards in one folder, whose names say what they are for. */
static void test_parts(void **state) {
    (void)state;
    static const int labels[] = {2, 0, 1};
    lathe_dataset d;
    lathe_error e;
    scratch_folder("data");
    put_image("x/1.png", 11);
    put_text("x/1.cls", "2\n");
    put_text("x/1.json", "{}");
    put_text("readme", "no sample");
    put_text("x/.hidden.cls", "no number");
    put('5', "x/", "", 0);
    put_text("x/2.cls", "0");
    put_image("x/2.png", 12);
    save("data/carnival-0.tar"); /* no word of it is val */
    put_image("3.a.png", 13);    /* the name ends with the first dot */
    put_text("3.cls", "1");
    save("data/train-1.tar");
    put_image("4.png", 14);
    put_text("4.cls", "0");
    save("data/set-val-0.tar");
    scratch_write("data/classes.txt", "ant\nbee\r\n\ncat\n", 15);
    assert_true(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_int_equal(d.classes, 3);
    assert_string_equal(d.class_name[1], "bee");
    assert_int_equal(d.train.count, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(d.train.u8[i * 48 + 47], 11 + i);
        assert_int_equal(d.train.index[i], labels[i]);
    }
    assert_int_equal(d.test.count, 1);
    assert_int_equal(d.test.u8[0], 14);
    lathe_dataset_free(&d);
    scratch_write("data/classes.txt", "ant\nbee\n", 8);
    expect_failure("class 2 has no name in classes.txt, which has 2");
}

static void test_folders(void **state) {
    (void)state;
    lathe_dataset d;
    lathe_error e;
    scratch_folder("data");
    scratch_folder("data/train");
    scratch_folder("data/val");
    put_image("1.png", 11);
    put_text("1.cls", "4");
    save("data/train/val.tar");
    put_image("2.png", 12);
    put_text("2.cls", "0");
    save("data/val/a.tar");
    assert_true(load(LATHE_TRAIN | LATHE_TEST, &d, &e));
    assert_int_equal(d.classes, 0);
    assert_int_equal(d.train.count, 1);
    assert_int_equal(d.train.u8[0], 11);
    assert_int_equal(d.test.u8[0], 12);
    lathe_dataset_free(&d);
}

static void test_bad_samples(void **state) {
    (void)state;
    scratch_folder("data");
    put_image("1.png", 11);
    put_image("2.png", 11);
    put_text("2.cls", "0");
    save("data/a.tar");
    expect_failure("a.tar: 1 has an image but no .cls file beside it");
    put_text("1.cls", "0");
    put_image("2.png", 11);
    put_text("2.cls", "0");
    save("data/a.tar");
    expect_failure("a.tar: 1 has a .cls file but no .jpg, .jpeg or .png beside it");
    put_image("1.png", 11);
    put_image("1.x.png", 11);
    save("data/a.tar");
    expect_failure("a.tar: 1.x.png: a second image of one sample");
    put_text("1.cls", "0");
    put_text("1.cls", "0");
    save("data/a.tar");
    expect_failure("a.tar: 1.cls: a second .cls of one sample");
    const char *const labels[] = {"", "-1", "cat", "1 2", "100000", "99999999999999999"};
    for (int i = 0; i < 6; i++) {
        put_text("1.cls", labels[i]);
        save("data/a.tar");
        expect_failure("a.tar: 1.cls is not a class number from 0 to 99999");
    }
    put_text("1.txt", "");
    save("data/a.tar");
    expect_failure("a.tar: no images with .cls files in it");
    put_text("1.png", "");
    save("data/a.tar");
    expect_failure("a.tar: 1.png: an image of 0 bytes is not accepted");
    put_image("1.png", 11);
    put_text("1.cls", "0");
    put_text("2.png", "no image");
    put_text("2.cls", "0");
    save("data/a.tar");
    expect_failure("a.tar: image 2 (at byte 2560): neither a JPEG nor a PNG image");
}

/* ---- headers ----------------------------------------------------------------------------------
 */

/* The names and sizes of an archive's files, or the message. */
static void list(const char *name, char *out, size_t room) {
    lathe_tar t;
    lathe_tar_member m;
    lathe_error e;
    size_t n = 0;
    *out = '\0';
    assert_true(lathe_tar_open(&t, scratch_path(name), &e));
    bool ok;
    while ((ok = lathe_tar_next(&t, &m, &e)) && *m.name)
        n += (size_t)snprintf(out + n, room - n, "%.60s %lld\n", m.name, (long long)m.size);
    if (!ok) snprintf(out + n, room - n, "%s", e.text);
    lathe_tar_close(&t);
}

static void expect_list(const char *expected) {
    char found[2000];
    save("a.tar");
    list("a.tar", found, sizeof found);
    assert_string_equal(found, expected);
}

static void expect_damage(const char *why) {
    char found[2000];
    save("a.tar");
    list("a.tar", found, sizeof found);
    assert_mentions(found, why);
}

static void test_headers(void **state) {
    (void)state;
    char name[301];
    memset(name, 'n', 300);
    name[300] = '\0';
    put('L', "././@LongLink", name, 301);
    put_text("nnn", "abc");
    put('x', "pax", "21 path=from the pax\n10 size=2\n12 other=x2\n", 43);
    put('0', "short", "xy", 2);
    put('g', "global", "15 path=global\n", 15);
    put('K', "././@LongLink", name, 301);
    put('2', "link", "", 0);
    put('7', "seven", "7", 1);
    put('\0', "old", "o", 1);
    put('\0', "folder/", "", 0);
    unsigned char *header = put('0', "ustar", "p", 1);
    memcpy(header + 257, "ustar\00000", 8);
    memcpy(header + 345, "prefix", 6);
    set_sum(header);
    header = put('0', "big", "b", 1);
    memcpy(header + 124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12);
    set_sum(header);
    expect_list("nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn 3\nfrom the pax 2\n"
                "seven 1\nold 1\nprefix/ustar 1\nbig 1\n");
    char full[100];
    memset(full, 'f', 100);
    header = put('0', "", "b", 1);
    memcpy(header, full, 100); /* no zero byte behind it */
    set_sum(header);
    expect_list("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff 1\n");
}

static void test_damage(void **state) {
    (void)state;
    char found[2000];
    put_text("a", "abc");
    archive[3] = 'x';
    expect_damage("not a tar archive, or damaged: a header whose checksum is wrong at byte 0");
    unsigned char *header = put('0', "a", "abc", 3);
    memcpy(header + 124, "77777777777", 11);
    set_sum(header);
    expect_damage("a file that is longer than the archive at byte 0");
    header = put('0', "a", "abc", 3);
    memcpy(header + 124, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", 12);
    set_sum(header);
    expect_damage("a file that is longer than the archive at byte 0");
    header = put('0', "a", "abc", 3);
    memcpy(header + 124, "12x", 3);
    set_sum(header);
    expect_damage("a file that is longer");
    const char *const pax[] = {"99 path=x\n", "0 path=x\n", "11 path=xy\n ",
                               "8 path=x\n",  "x",          "12 size=12x\n"};
    for (int i = 0; i < 6; i++) {
        put('x', "pax", pax[i], strlen(pax[i]));
        put_text("a", "abc");
        expect_damage("a pax header at byte 0");
    }
    put('S', "sparse", "", 0);
    expect_damage("a sparse file");
    put_text("a", "abc");
    scratch_write("a.tar", archive, used); /* without its end */
    used = 0;
    list("a.tar", found, sizeof found);
    assert_mentions(found, "a.tar: truncated: 512 bytes from byte 1024 on are not there");
    scratch_write("a.tar", "\x1f\x8b and so on", 12);
    list("a.tar", found, sizeof found);
    assert_mentions(found, "a.tar: truncated");
}

#define IN_SCRATCH(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {IN_SCRATCH(test_parts), IN_SCRATCH(test_folders),
                                       IN_SCRATCH(test_bad_samples), IN_SCRATCH(test_headers),
                                       IN_SCRATCH(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
