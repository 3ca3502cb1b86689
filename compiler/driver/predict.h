/* What the ways of `lathe predict` share: a model that is built and ready to run. */
#ifndef LATHE_DRIVER_PREDICT_H
#define LATHE_DRIVER_PREDICT_H

#include "../../runtime/optional/image.h"
#include "driver.h"
#include "native.h"

typedef struct {
    const Options *options;
    Module *module;
    Native native;
    void *workspace;
} PredictJob;

/* Whether the model has one input, which takes bytes. */
bool takes_images(const PredictJob *j);
/* The first outputs of n such inputs, of a model with one output. To be freed; NULL after an error
 * was printed. */
float *run_images(const PredictJob *j, int64_t n, const uint8_t *pixels);

/* ---- arrays (predict_arrays.c) ---- */

/* All outputs of n samples, given as floats or as bytes (for each input an array), in calls of at
 * most the model's batch. The array and what it points to are to be freed; NULL after an error was
 * printed. */
float **predict_run(const PredictJob *j, int64_t n, const void *const *input, bool bytes);
/* --input and --output: arrays in, arrays out. The exit status. */
int predict_arrays(const PredictJob *j);
/* The same for a model whose arrays have shapes of their own (predict_own.c). */
int predict_own_arrays(const PredictJob *j);

/* ---- classes (classes.c) ---- */

const char *class_name(const PredictJob *j, int64_t index);
/* The index of the largest of n numbers. */
int64_t largest(const float *p, int64_t n);
/* A model trained from logits ends before the softmax. */
void to_probabilities(const PredictJob *j, float *row, int64_t n);
/* The `count` likeliest classes of a row of probabilities, which is used up: as Keras's
 * decode_predictions prints them for ImageNet, else "name probability, ...". */
void print_classes(const PredictJob *j, float *row, int count);
/* Whether the names are ImageNet's 1,000, which have WordNet numbers. */
bool classes_are_imagenet(const Module *m);

/* ---- images (predict_images.c) ---- */

/* How images become the model's input: --resize, --shorter. False after an error was printed. */
bool scaling_options(const PredictJob *j, lathe_scaling *s);
typedef struct {
    int height, width;
} ImageSize;
/* An image file as the bytes of one input; *size, unless NULL, is that of the file. */
bool load_image(const PredictJob *j, const lathe_scaling *s, const char *path, uint8_t *pixels,
                ImageSize *size);
/* Scales the images, runs the model on all and prints what each shows. Returns the exit status. */
int predict_images(const PredictJob *j, char **paths, int count);

/* ---- pictures (predict_picture.c) ---- */

/* Draws into the PNG file `path` the scaled photograph and, side by side with it, every output that
 * is an image of numbers from 0 to 1. Returns the exit status. */
int predict_picture(const PredictJob *j, const char *photograph, const char *path);

#endif
