/* Predictions for image files. */
#include "predict.h"

#include <stdlib.h>
#include <time.h>

enum { SHOWN = 3 };

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool scaling_options(const PredictJob *j, lathe_scaling *s) {
    const lathe_model *m = j->native.model;
    int filter, shorter;
    if (m->input[0].rank != 3 || m->input[0].dim[0] > LATHE_MAX_SIDE ||
        m->input[0].dim[1] > LATHE_MAX_SIDE)
        return user_error("the model's input is no image; use --input X.npy"), false;
    if (!resize_options(j->options, &filter, &shorter)) return false;
    *s = (lathe_scaling){(int)m->input[0].dim[0], (int)m->input[0].dim[1], filter, shorter};
    return true;
}

bool load_image(const PredictJob *j, const lathe_scaling *s, const char *path, uint8_t *pixels,
                ImageSize *size) {
    lathe_image image;
    lathe_error e;
    if (!lathe_image_load(path, (int)j->native.model->input[0].dim[2], &image, &e))
        return user_error("%s", e.text), false;
    if (size) *size = (ImageSize){image.height, image.width};
    bool ok = lathe_image_scale(&image, s, pixels, &e);
    if (!ok) user_error("%s: %s", path, e.text);
    lathe_image_free(&image);
    return ok;
}

static void print_image(const PredictJob *j, const char *path, ImageSize size, float *row) {
    const lathe_model *m = j->native.model;
    int64_t n = m->output[0].count;
    int top = (int)option_number(j->options, OPTION_TOP, SHOWN);
    if (n == 1) {
        printf("%s: %.4f\n", path, (double)row[0]);
        return;
    }
    to_probabilities(j, row, n);
    if (!classes_are_imagenet(j->module)) {
        printf("%s: ", path);
        print_classes(j, row, top);
        return;
    }
    printf("%s\nOriginal image shape:  (%d, %d, %d)\n", path, size.height, size.width,
           (int)m->input[0].dim[2]);
    printf("Processed image shape:  (1, %d, %d, %d)\nPredicted: ", (int)m->input[0].dim[0],
           (int)m->input[0].dim[1], (int)m->input[0].dim[2]);
    print_classes(j, row, top);
}

int predict_images(const PredictJob *j, char **paths, int count) {
    const lathe_model *m = j->native.model;
    lathe_scaling scaling;
    if (!takes_images(j) || m->outputs != 1)
        return user_error(
            "images are for a model with one input and one output; use --input X.npy");
    if (!scaling_options(j, &scaling)) return 1;
    uint8_t *pixels = calloc((size_t)count, (size_t)m->input[0].count);
    ImageSize *size = calloc((size_t)count, sizeof *size);
    bool ok = pixels && size;
    if (!ok) user_error("out of memory for %d images", count);
    for (int i = 0; ok && i < count; i++)
        ok = load_image(j, &scaling, paths[i], pixels + i * m->input[0].count, &size[i]);
    double start = seconds();
    float *out = ok ? run_images(j, count, pixels) : NULL;
    double used = seconds() - start;
    for (int i = 0; out && i < count; i++)
        print_image(j, paths[i], size[i], out + i * m->output[0].count);
    if (out) printf("%d image%s in %.1f ms\n", count, count == 1 ? "" : "s", 1e3 * used);
    free(pixels);
    free(size);
    free(out);
    return out ? 0 : 1;
}
