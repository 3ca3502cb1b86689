/* What the front ends read, as text, from the same tables that reading uses: for lathe layers. */
#ifndef LATHE_FRONTEND_SUPPORTED_H
#define LATHE_FRONTEND_SUPPORTED_H

#include "../support/arena.h"

enum { SUPPORTED_NAMES = 3 };

typedef struct {
    const char *names[SUPPORTED_NAMES]; /* "GlorotUniform", "glorot_uniform"; NULL where fewer */
    const char *line;
} Supported;

typedef struct {
    Supported *items;
    int count, capacity;
} SupportedList;

/* A line a class or function of Keras: "keras.layers.Flatten(data_format=None|'channels_last')". An
 * argument with a value takes only that; "=any" says that its value means nothing to lathe. */
void keras_supported(Arena *a, SupportedList *out);
/* A line an operator of ONNX: "Acos: not supported". Those that are not are in the list too. */
void onnx_supported(Arena *a, SupportedList *out);

#endif
