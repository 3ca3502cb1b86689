/* Preprocessing of images as the first operations of the graph, so that generated code takes
 * pixels. */
#ifndef LATHE_PASSES_PREPROCESS_H
#define LATHE_PASSES_PREPROCESS_H

#include "../ir/module.h"

/* What Keras's preprocess_input does with pixels of 0 to 255: the order of the channels is turned
 * around, then each becomes x * scale + shift. */
typedef struct {
    bool reversed;
    float scale[3], shift[3];
} Preprocessing;

/* "caffe", "tf", "torch" (keras.applications' modes), or "MEAN,DEVIATION" for (x - MEAN) /
 * DEVIATION. False with an error in d. */
bool preprocessing_find(const char *text, Preprocessing *p, Diag *d);

/* Puts p in front of forward's only input, an image of 3 channels; the input becomes raw pixels
 * [N, height, width, 3] also where the model has its channels first. False with an error in d. */
bool add_preprocessing(Module *m, const Preprocessing *p, Diag *d);

/* Whether forward's only input is an image [N, C, height, width], by its 1 or 3 channels. */
bool channels_first(const Module *m);
/* Turns this input into [N, height, width, C], as images and data sets have their pixels. */
bool take_channels_last(Module *m, Diag *d);

#endif
