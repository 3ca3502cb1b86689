/* Whole runs: files, resuming with the same bits, Ctrl-C, and what can go wrong. */
#include "../../runtime/run.h"

#include "../../runtime/checkpoint.h"
#include "../../runtime/files.h"
#include "cmocka_all.h"
#include "fake_model.h"
#include "scratch.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static lathe_samples samples;
static const lathe_dataset no_names;

static int setup(void **state) {
    samples = fake_samples(30);
    return scratch_setup(state);
}

static int teardown(void **state) {
    lathe_samples_free(&samples);
    return scratch_teardown(state);
}

static lathe_run make_run(const char *folder, int epochs) {
    return (lathe_run){.model = &fake_model,
                       .folder = scratch_path(folder),
                       .train = &samples,
                       .validation = &samples,
                       .names = &no_names,
                       .epochs = epochs,
                       .seed = 9};
}

static lathe_run_result run(const char *folder, int epochs, bool resume, lathe_error *e) {
    lathe_run r = make_run(folder, epochs);
    lathe_epoch last;
    r.resume = resume;
    return lathe_run_training(&r, &last, e);
}

static void assert_same_file(const char *a, const char *b) {
    unsigned char *x, *y;
    size_t n, m;
    lathe_error e;
    assert_true(lathe_read_file(scratch_path(a), 1 << 20, &x, &n, &e));
    assert_true(lathe_read_file(scratch_path(b), 1 << 20, &y, &m, &e));
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    free(x);
    free(y);
}

static int count_lines(const char *name) {
    unsigned char *text;
    size_t n;
    lathe_error e;
    int lines = 0;
    assert_true(lathe_read_file(scratch_path(name), 1 << 20, &text, &n, &e));
    for (size_t i = 0; i < n; i++) lines += text[i] == '\n';
    free(text);
    return lines;
}

static void test_writes_its_files(void **state) {
    (void)state;
    lathe_run r = make_run("", 3);
    lathe_epoch last;
    lathe_error e;
    assert_int_equal(lathe_run_training(&r, &last, &e), LATHE_RUN_DONE);
    assert_int_equal(last.number, 3);
    assert_true(last.has_validation && last.val_accuracy > 0.9);
    assert_int_equal(count_lines("history.csv"), 4);
    assert_true(lathe_file_exists(scratch_path("weights.safetensors")));
    assert_true(lathe_file_exists(scratch_path("checkpoint.safetensors")));
    assert_true(lathe_file_exists(scratch_path("checkpoint.safetensors.previous")));
    assert_int_equal(scratch_count(), 4);
}

static void test_resumes_at_an_epoch(void **state) {
    (void)state;
    lathe_error e;
    scratch_folder("a");
    scratch_folder("b");
    assert_int_equal(run("a", 4, false, &e), LATHE_RUN_DONE);
    assert_int_equal(run("b", 2, false, &e), LATHE_RUN_DONE);
    assert_int_equal(run("b", 4, true, &e), LATHE_RUN_DONE);
    assert_same_file("a/weights.safetensors", "b/weights.safetensors");
    assert_int_equal(count_lines("b/history.csv"), 5);
}

/* Everything but the time that it took. */
static void assert_same_checkpoint(const char *a, const char *b) {
    lathe_trainer x, y;
    lathe_error e, note;
    assert_true(lathe_trainer_open(&x, &fake_model, &samples, 9, &e));
    assert_true(lathe_trainer_open(&y, &fake_model, &samples, 9, &e));
    assert_true(lathe_checkpoint_load(scratch_path(a), &x, &note, &e));
    assert_true(lathe_checkpoint_load(scratch_path(b), &y, &note, &e));
    assert_memory_equal(x.state, y.state, fake_model.state_bytes);
    assert_int_equal(x.at.step, y.at.step);
    assert_int_equal(x.at.epoch, y.at.epoch);
    lathe_trainer_close(&x);
    lathe_trainer_close(&y);
}

/* 30 samples are 8 batches an epoch: step 13 is in the middle of the second. */
static void test_ctrl_c_saves_and_resumes(void **state) {
    (void)state;
    lathe_error e;
    scratch_folder("a");
    scratch_folder("b");
    assert_int_equal(run("a", 3, false, &e), LATHE_RUN_DONE);
    lathe_run r = make_run("b", 3);
    lathe_epoch last;
    r.stop = lathe_stop_on_signal();
    fake_interrupt_at = 13;
    assert_int_equal(lathe_run_training(&r, &last, &e), LATHE_RUN_STOPPED);
    fake_interrupt_at = 0;
    assert_mentions(e.text, "epoch 2 after batch 5 of 8");
    assert_false(lathe_file_exists(scratch_path("b/weights.safetensors")));
    assert_int_equal(count_lines("b/history.csv"), 2);
    assert_int_equal(run("b", 3, true, &e), LATHE_RUN_DONE);
    assert_same_file("a/weights.safetensors", "b/weights.safetensors");
    assert_same_checkpoint("a/checkpoint.safetensors", "b/checkpoint.safetensors");
    assert_int_equal(count_lines("b/history.csv"), 4);
    signal(SIGTERM, SIG_DFL);
}

/* A run that was killed between history and checkpoint has a row too many. */
static void test_drops_rows_beyond_the_checkpoint(void **state) {
    (void)state;
    lathe_error e;
    assert_int_equal(run("", 2, false, &e), LATHE_RUN_DONE);
    FILE *f = fopen(scratch_path("history.csv"), "a");
    fputs("3,1,1,1,1,1,1\n", f);
    fclose(f);
    assert_int_equal(run("", 4, true, &e), LATHE_RUN_DONE);
    assert_int_equal(count_lines("history.csv"), 5);
}

static void test_nan_is_reported(void **state) {
    (void)state;
    lathe_error e;
    fake_nan_at = 11;
    assert_int_equal(run("", 3, false, &e), LATHE_RUN_DIVERGED);
    fake_nan_at = 0;
    assert_mentions(e.text, "NaN at step 11 (epoch 2, batch 3 of 8)");
}

/* Killed before its first checkpoint, a run begins again. */
static void test_resume_without_checkpoint(void **state) {
    (void)state;
    lathe_error e;
    scratch_folder("a");
    scratch_folder("b");
    assert_int_equal(run("a", 2, false, &e), LATHE_RUN_DONE);
    scratch_write("b/history.csv", "half a row", 10);
    scratch_write("b/checkpoint.safetensors.unfinished-aB3dE6", "{", 1);
    scratch_write("b/checkpoint.safetensors.backup", "{", 1);
    assert_int_equal(run("b", 2, true, &e), LATHE_RUN_DONE);
    assert_same_file("a/weights.safetensors", "b/weights.safetensors");
    assert_false(lathe_file_exists(scratch_path("b/checkpoint.safetensors.unfinished-aB3dE6")));
    assert_true(lathe_file_exists(scratch_path("b/checkpoint.safetensors.backup")));
}

/* A run that ends before its first checkpoint leaves none of the run before it. */
static void test_forgets_another_run(void **state) {
    (void)state;
    lathe_error e;
    assert_int_equal(run("", 2, false, &e), LATHE_RUN_DONE);
    assert_true(lathe_file_exists(scratch_path("checkpoint.safetensors.previous")));
    fake_nan_at = 3;
    assert_int_equal(run("", 2, false, &e), LATHE_RUN_DIVERGED);
    fake_nan_at = 0;
    assert_false(lathe_file_exists(scratch_path("checkpoint.safetensors")));
    assert_false(lathe_file_exists(scratch_path("checkpoint.safetensors.previous")));
}

static void test_resume_with_another_run(void **state) {
    (void)state;
    lathe_error e;
    assert_int_equal(run("", 1, false, &e), LATHE_RUN_DONE);
    lathe_model other = fake_model;
    lathe_run r = make_run("", 2);
    lathe_epoch last;
    r.resume = true;
    r.seed = 10;
    assert_int_equal(lathe_run_training(&r, &last, &e), LATHE_RUN_FAILED);
    assert_mentions(e.text, "another seed");
    r.seed = 9;
    other.model_hash++;
    r.model = &other;
    assert_int_equal(lathe_run_training(&r, &last, &e), LATHE_RUN_FAILED);
    assert_mentions(e.text, "another model");
    other.model_hash--;
    other.batch = 8;
    assert_int_equal(lathe_run_training(&r, &last, &e), LATHE_RUN_FAILED);
    assert_mentions(e.text, "another batch size");
}

/* For every truncation of a checkpoint the one before it serves; without that it is refused. */
static void test_truncated_checkpoint(void **state) {
    (void)state;
    lathe_error e;
    unsigned char *bytes, *before;
    size_t size, n_before;
    scratch_folder("a");
    scratch_folder("b");
    assert_int_equal(run("a", 3, false, &e), LATHE_RUN_DONE);
    assert_int_equal(run("b", 2, false, &e), LATHE_RUN_DONE);
    const char *path = "b/checkpoint.safetensors", *previous = "b/checkpoint.safetensors.previous";
    assert_true(lathe_read_file(scratch_path(path), 1 << 20, &bytes, &size, &e));
    assert_true(lathe_read_file(scratch_path(previous), 1 << 20, &before, &n_before, &e));
    for (size_t n = 0; n < size; n += 61) {
        scratch_write(path, bytes, n);
        scratch_write(previous, before, n_before);
        assert_int_equal(run("b", 3, true, &e), LATHE_RUN_DONE);
        assert_same_file("a/weights.safetensors", "b/weights.safetensors");
        scratch_write(path, bytes, n);
        remove(scratch_path(previous));
        assert_int_equal(run("b", 3, true, &e), LATHE_RUN_FAILED);
        assert_mentions(e.text, "checkpoint.safetensors");
    }
    free(bytes);
    free(before);
}

/* The disk fills up: the old files stay whole, no temporary file stays behind. */
static void test_full_disk(void **state) {
    (void)state;
    lathe_error e;
    struct rlimit before, small;
    assert_int_equal(run("", 1, false, &e), LATHE_RUN_DONE);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 400;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    lathe_run_result result = run("", 2, true, &e);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(result, LATHE_RUN_FAILED);
    assert_mentions(e.text, "cannot write");
    assert_mentions(e.text, "File too large");
    assert_int_equal(scratch_count(), 3);
    assert_int_equal(run("", 2, true, &e), LATHE_RUN_DONE);
}

static void test_unwritable_folder(void **state) {
    (void)state;
    lathe_error e;
    assert_int_equal(run("no/such", 1, false, &e), LATHE_RUN_FAILED);
    assert_mentions(e.text, "history.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_writes_its_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resumes_at_an_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ctrl_c_saves_and_resumes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drops_rows_beyond_the_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nan_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_without_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_forgets_another_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_resume_with_another_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_checkpoint, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unwritable_folder, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
