/* What the ways of `lathe predict` share: a model that is built and ready to run. */
#ifndef LATHE_DRIVER_PREDICT_H
#define LATHE_DRIVER_PREDICT_H

#include "driver.h"
#include "native.h"

typedef struct {
    const Options *options;
    Module *module;
    Native native;
    void *workspace;
} PredictJob;

/* Whether the model has one input, which takes bytes, and one output. */
bool takes_images(const PredictJob *j);
/* The outputs of n such inputs. To be freed; NULL after an error was printed. */
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

/* --classes: gives m these names; without the option m keeps those that it has. False after an
 * error was printed. */
bool open_classes(Module *m, const Options *o);
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

/* Scales the images, runs the model on all and prints what each shows. Returns the exit status. */
int predict_images(const PredictJob *j, char **paths, int count);

#endif
