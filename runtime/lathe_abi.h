/* The types that every generated header carries (guarded, so that several may be included) and by
 * which the runtime drives any generated model. Plain C99; nothing to link. */
#ifndef LATHE_ABI
#define LATHE_ABI 2

#include <stddef.h>
#include <stdint.h>

/* Runs body(closure, part) for every part in [0, parts), in any order, on any threads, and returns
 * when all are done. Results do not depend on how parts are spread. */
typedef void (*lathe_parallel_for)(void *context, int parts, void (*body)(void *closure, int part),
                                   void *closure);

/* A bound weights image. Fill it by NAME_weights_open; the image must stay in memory. The last
 * three fields may be changed by the caller afterwards. */
typedef struct lathe_weights {
    const unsigned char *image;
    size_t bytes;
    int target;                      /* index into the targets compiled in; chosen by open */
    lathe_parallel_for parallel_for; /* NULL: OpenMP if compiled with it, else serial */
    void *parallel_context;
} lathe_weights;

/* One call of a training function. */
typedef struct lathe_step {
    int n;                 /* samples in this batch: 1 <= n <= NAME_BATCH */
    int target;            /* index into the targets compiled in; -1: the best this machine runs */
    uint64_t step;         /* optimizer steps done before this one, from 0 */
    uint64_t first_sample; /* id of the first sample; with seed and step it keys dropout */
    uint64_t seed;
    float learning_rate;
    lathe_parallel_for parallel_for; /* NULL: OpenMP if compiled with it, else serial */
    void *parallel_context;
    const float *sample_weight; /* factor of each sample's loss; NULL: all 1 */
} lathe_step;

/* Sums over the samples of one call. A model with one loss writes one of these. A model with
 * several writes 1 + losses of them: first the weighted sum of all losses, then each loss by
 * itself. */
typedef struct lathe_metrics {
    double loss;    /* sum of the samples' losses, each times its weight, and of n penalties */
    double correct; /* sum of the samples' accuracies */
    uint64_t count; /* samples */
} lathe_metrics;

/* What the floats of an input or output mean: numbers, whole numbers, or 0 and 1. */
enum { LATHE_F32 = 0, LATHE_I64 = 1, LATHE_BOOL = 2 };

/* An input or output: dense, batch first, a float each element. */
typedef struct lathe_value {
    const char *name; /* the layer's */
    int dtype;        /* LATHE_F32, ... */
    int rank;         /* without the batch dimension */
    int64_t dim[8];
    int64_t count; /* elements a sample */
} lathe_value;

/* What training does with one output. Labels are int32_t class indices [n], or floats of the
 * output's shape. */
typedef struct lathe_loss {
    int output;       /* index into the outputs */
    const char *name; /* "categorical_crossentropy", ... */
    float weight;     /* in the sum of all losses */
    int float_labels;
    int has_accuracy;
} lathe_loss;

enum { LATHE_WEIGHT = 0, LATHE_STATISTIC = 1, LATHE_SLOT = 2 };

/* A parameter, statistic or optimizer slot, in Keras's order and layout when exported. */
typedef struct lathe_tensor {
    const char *name; /* "conv2d/kernel" */
    int role;         /* LATHE_WEIGHT, ... */
    int trainable;
    int rank;
    int64_t dim[8];
    int64_t count; /* elements */
} lathe_tensor;

/* Everything a generic driver needs of one generated model; NAME_model is the only instance.
 * Functions that the file was not compiled for are NULL. They take one pointer for each input,
 * output and loss, in the order of the tables; inputs are floats or (_u8) raw bytes. */
typedef struct lathe_model {
    int abi; /* LATHE_ABI */
    const char *name;
    uint64_t model_hash; /* of the architecture and training configuration */
    int batch;
    int inputs, outputs, losses;
    const lathe_value *input, *output;
    const lathe_loss *loss;
    float input_scale; /* raw bytes are divided by this */
    const char *optimizer;
    float learning_rate;
    int classes; /* number of class names, or 0 */
    const char *const *class_name;
    int targets;
    const char *const *target_name;
    size_t weights_bytes, state_bytes, workspace_bytes, alignment;
    const unsigned char *embedded_weights; /* image inside the file, or NULL */
    int tensors;
    const lathe_tensor *tensor;
    /* inference; 0 on success, else a LATHE_E... code */
    int (*weights_open)(lathe_weights *w, const void *image, size_t bytes);
    int (*weights_verify)(const lathe_weights *w);
    void (*predict)(const lathe_weights *w, void *workspace, int n, const float *const *input,
                    float *const *output);
    void (*predict_u8)(const lathe_weights *w, void *workspace, int n, const uint8_t *const *input,
                       float *const *output);
    /* training */
    void (*init)(void *state, uint64_t seed);
    void (*gradients)(void *state, void *workspace, const lathe_step *s, const float *const *input,
                      const void *const *labels, lathe_metrics *metrics);
    void (*gradients_u8)(void *state, void *workspace, const lathe_step *s,
                         const uint8_t *const *input, const void *const *labels,
                         lathe_metrics *metrics);
    void (*apply)(void *state, void *workspace, const lathe_step *s);
    void (*train_step)(void *state, void *workspace, const lathe_step *s, const float *const *input,
                       const void *const *labels, lathe_metrics *metrics);
    void (*train_step_u8)(void *state, void *workspace, const lathe_step *s,
                          const uint8_t *const *input, const void *const *labels,
                          lathe_metrics *metrics);
    void (*evaluate)(const void *state, void *workspace, const lathe_step *s,
                     const float *const *input, const void *const *labels, lathe_metrics *metrics);
    void (*evaluate_u8)(const void *state, void *workspace, const lathe_step *s,
                        const uint8_t *const *input, const void *const *labels,
                        lathe_metrics *metrics);
    /* tensor i of the table, dense in Keras's order */
    void (*export_tensor)(const void *state, int i, float *out);
    void (*import_tensor)(void *state, int i, const float *in);
    /* gradient of tensor i (trainable weights) after `gradients` */
    void (*export_gradient)(const void *workspace, int i, float *out);
    /* Compares with values stored when the file was written: LATHE_OK or LATHE_E_SELF_TEST.
     * Inference uses w, training uses (and overwrites) state. */
    int (*self_test)(const lathe_weights *w, void *state, void *workspace);
} lathe_model;

enum {
    LATHE_OK = 0,
    LATHE_E_MAGIC = 1,    /* not a weights image */
    LATHE_E_VERSION = 2,  /* of another version */
    LATHE_E_MODEL = 3,    /* of another model or layout */
    LATHE_E_SIZE = 4,     /* truncated or too long */
    LATHE_E_ALIGN = 5,    /* the image is not 64-byte aligned */
    LATHE_E_CHECKSUM = 6, /* the payload is damaged */
    LATHE_E_SELF_TEST = 7 /* this build computes something else */
};

#endif
