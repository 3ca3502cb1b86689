/* Several networks in one program; one network in two threads; weights that are replaced while they
 * run; the self-test at the start.
 *   several DIGITS.weights NEWER.weights */
#include "digits.h"
#include "stripes.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 2, CALLS = 20 };

static void stop(const char *what, const char *why) {
    fprintf(stderr, "several: %s: %s\n", what, why);
    exit(1);
}

static void *aligned(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!p) stop("memory", "there is not enough");
    return p;
}

/* ---- weights that may be replaced -------------------------------------------------------------
 */

/* A weights image in memory. Whoever uses it holds it; the last one to let it go frees it. */
typedef struct {
    void *image;
    digits_weights bound;
    int holders;
} Image;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Image *current; /* held by the program itself */

static Image *open_image(const char *path) {
    Image *i = aligned(sizeof *i);
    FILE *f = fopen(path, "rb");
    if (!f) stop(path, "cannot be opened");
    i->image = aligned(DIGITS_WEIGHTS_BYTES);
    i->holders = 1;
    size_t read = fread(i->image, 1, DIGITS_WEIGHTS_BYTES, f);
    fclose(f);
    if (digits_weights_open(&i->bound, i->image, read) != LATHE_OK ||
        digits_weights_verify(&i->bound) != LATHE_OK)
        stop(path, "not the weights of this network");
    return i;
}

static Image *hold_current(void) {
    pthread_mutex_lock(&lock);
    Image *i = current;
    i->holders++;
    pthread_mutex_unlock(&lock);
    return i;
}

static void let_go(Image *i) {
    pthread_mutex_lock(&lock);
    int left = --i->holders;
    pthread_mutex_unlock(&lock);
    if (left) return;
    free(i->image);
    free(i);
}

/* Calls that run go on with the weights that they hold; calls from now on take the others. */
static void replace(Image *other) {
    pthread_mutex_lock(&lock);
    Image *before = current;
    current = other;
    pthread_mutex_unlock(&lock);
    let_go(before);
}

/* ---- two threads ------------------------------------------------------------------------------
 */

static float picture[DIGITS_INPUT_COUNT];
static float by_first[DIGITS_OUTPUT_COUNT], by_newer[DIGITS_OUTPUT_COUNT];
static atomic_int answered; /* calls of all threads */

/* Predicts until the newer weights have answered often enough; counts answers that are by neither.
 */
static void *work(void *result) {
    int *wrong = result, newer = 0;
    void *workspace = aligned(DIGITS_WORKSPACE_BYTES); /* each thread's own */
    while (newer < CALLS && *wrong < CALLS) {
        float p[DIGITS_OUTPUT_COUNT];
        Image *held = hold_current();
        digits_predict(&held->bound, workspace, 1, picture, p);
        let_go(held);
        answered++;
        if (!memcmp(p, by_newer, sizeof p))
            newer++;
        else if (memcmp(p, by_first, sizeof p))
            ++*wrong;
    }
    free(workspace);
    return NULL;
}

/* How many answers were neither those of the first nor of the newer weights. */
static int run_threads(Image *newer) {
    pthread_t thread[THREADS];
    int wrong[THREADS] = {0}, sum = 0;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, work, &wrong[i])) stop("thread", "cannot be started");
    while (answered < CALLS) sched_yield(); /* the first weights get their turn */
    replace(newer);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        sum += wrong[i];
    }
    return sum;
}

int main(int argc, char **argv) {
    if (argc != 3) stop("usage", "several DIGITS.weights NEWER.weights");
    stripes_weights stripes;
    void *workspace = aligned(DIGITS_WORKSPACE_BYTES + STRIPES_WORKSPACE_BYTES);
    if (stripes_weights_open(&stripes, stripes_model.embedded_weights, STRIPES_WEIGHTS_BYTES))
        stop("stripes", "other weights");
    Image *newer = open_image(argv[2]);
    current = open_image(argv[1]);

    /* One after the other, networks may share a workspace. The self-test is of the weights that
     * were written with the C. */
    if (stripes_self_test(&stripes, NULL, workspace)) stop("stripes", "the self-test fails");
    if (digits_self_test(&current->bound, NULL, workspace)) stop("digits", "the self-test fails");

    for (int i = 0; i < DIGITS_INPUT_COUNT; i++) picture[i] = (float)(i % 28) / 28.0f;
    digits_predict(&current->bound, workspace, 1, picture, by_first);
    digits_predict(&newer->bound, workspace, 1, picture, by_newer);
    if (!memcmp(by_first, by_newer, sizeof by_first)) stop("newer", "the same weights");

    int wrong = run_threads(newer);
    printf(
        "stripes and digits: self-tests passed\n%d threads: the weights were replaced while they "
        "ran, %d wrong answers\n",
        THREADS, wrong);
    let_go(current);
    free(workspace);
    return wrong != 0;
}
