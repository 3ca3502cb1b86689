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

/* Outputs of n samples, given as floats or as bytes, in calls of at most the model's batch. To be
 * freed; NULL after an error was printed. */
float *run_model(const PredictJob *j, int64_t n, const float *f32, const uint8_t *u8);

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
