/* Downloads over file: URLs: complete, resumed, wrong, missing, and without a network. */
#include "../../compiler/driver/download.h"
#include "../../runtime/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char content[] = "twelve bytes";
static const char md5[] = "c91fa94e14cf2fa5474beceff788c0dc";

static char url[4200], source[4096];

static void write_text(const char *path, const char *text) {
    lathe_error e;
    assert_true(lathe_write_file(path, text, strlen(text), &e));
}

static int set_up(void **state) {
    (void)state;
    char folder[4000];
    assert_non_null(getcwd(folder, sizeof folder));
    snprintf(source, sizeof source, "%s/published.txt", folder);
    snprintf(url, sizeof url, "file://%s", source);
    write_text(source, content);
    remove("got.txt");
    remove("got.txt.part");
    return 0;
}

static void expect_content(void) {
    unsigned char *bytes;
    size_t size;
    lathe_error e;
    assert_true(lathe_read_file("got.txt", 100, &bytes, &size, &e));
    assert_int_equal(size, strlen(content));
    assert_memory_equal(bytes, content, size);
    free(bytes);
    assert_false(lathe_file_exists("got.txt.part"));
}

static void test_complete(void **state) {
    (void)state;
    lathe_error e;
    assert_true(download(url, md5, "got.txt", &e));
    expect_content();
    /* what is there and right needs no source */
    remove(source);
    assert_true(download(url, md5, "got.txt", &e));
}

static void test_resumed(void **state) {
    (void)state;
    lathe_error e;
    write_text("got.txt.part", "twelve");
    /* a source that differs in the part that was fetched already: only the rest is read */
    write_text(source, "TWELVE bytes");
    assert_true(download(url, md5, "got.txt", &e));
    expect_content();
}

static void test_wrong(void **state) {
    (void)state;
    lathe_error e;
    write_text(source, "other bytes.");
    assert_false(download(url, md5, "got.txt", &e));
    assert_non_null(strstr(e.text, "has not the checksum"));
    assert_false(lathe_file_exists("got.txt"));
    assert_false(lathe_file_exists("got.txt.part"));
}

static void test_missing(void **state) {
    (void)state;
    lathe_error e;
    remove(source);
    assert_false(download(url, md5, "got.txt", &e));
    assert_non_null(strstr(e.text, "published.txt"));
    assert_false(lathe_file_exists("got.txt.part"));
    assert_false(download("http://127.0.0.1:1/x", md5, "got.txt", &e));
    assert_non_null(strstr(e.text, "there is no network"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_complete, set_up),
        cmocka_unit_test_setup(test_resumed, set_up),
        cmocka_unit_test_setup(test_wrong, set_up),
        cmocka_unit_test_setup(test_missing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
