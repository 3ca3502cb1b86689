/* Data sets in memory, and the readers of the formats that need no library. Formats that do are in
 * optional/ (gzipped IDX, .npz, folders of images). */
#ifndef LATHE_RUNTIME_DATASET_H
#define LATHE_RUNTIME_DATASET_H

#include "error.h"
#include "lathe_abi.h"

/* What can be trained. */
enum { LATHE_MAX_LOSSES = 16, LATHE_MAX_INPUTS = 64 };

/* Samples with their labels. Exactly one of u8 and f32 is set; exactly one of index and target. For
 * a model with several inputs or losses the samples have parts instead: one with an input for each
 * input of the model, then one with labels for each loss. */
typedef struct lathe_samples {
    int64_t count;
    struct lathe_samples *part;
    int parts;
    int64_t first; /* of a view: the parts' sample where it begins */
    int rank;      /* of one sample: [H, W, C] for images */
    int64_t dim[8];
    int64_t size;        /* elements of one sample */
    uint8_t *u8;         /* [count * size] */
    float *f32;          /* [count * size] */
    int32_t *index;      /* class indices [count] */
    float *target;       /* values [count * target_size] */
    int64_t target_size; /* values a sample */
    float *weight;       /* factor of each sample's loss [count], or NULL: all 1 */
} lathe_samples;

typedef struct lathe_dataset {
    lathe_samples train,
        test;    /* count 0 where the data has no such part, or it was not asked for */
    int classes; /* how many names, or 0 */
    char **class_name;
} lathe_dataset;

enum { LATHE_TRAIN = 1, LATHE_TEST = 2 };

/* What a reader is asked for. */
typedef struct lathe_data_request {
    const char *path;
    int parts;                       /* LATHE_TRAIN | LATHE_TEST */
    int64_t height, width, channels; /* what folders of images are scaled to; 0: as they are */
    const char *const *name;         /* of a model with several inputs or losses: their names */
    int inputs, labels;              /* how many inputs come first, how many losses then */
} lathe_data_request;

/* A format: `recognise` looks at names only; `load` fills *d, or frees what it had and fails. */
typedef struct lathe_format {
    const char *name, *looks_like; /* for the message that lists what is accepted */
    bool (*recognise)(const char *path);
    bool (*load)(const lathe_data_request *r, lathe_dataset *d, lathe_error *e);
} lathe_format;

extern const lathe_format lathe_cifar10_format, lathe_idx_format;

/* Loads with the first of `formats` (ended by NULL) that recognises the path. */
bool lathe_dataset_load(const lathe_data_request *r, const lathe_format *const *formats,
                        lathe_dataset *d, lathe_error *e);
void lathe_dataset_free(lathe_dataset *d);

/* For readers: sets rank, dim, size, count and allocates pixels (u8, or else f32) and indices. */
bool lathe_samples_alloc(lathe_samples *s, int64_t count, int rank, const int64_t *dim, bool u8,
                         lathe_error *e);
void lathe_samples_free(lathe_samples *s);

/* The largest byte of u8 samples: what pixels are divided by. 0 for float samples. */
int lathe_samples_max(const lathe_samples *s);
/* A view of `count` samples from `first` on; do not free it. */
lathe_samples lathe_samples_slice(const lathe_samples *s, int64_t first, int64_t count);
/* Checks that the samples are what the model takes, and turns labels into the kind it takes: class
 * indices from one-hot rows, or values from class indices. `what` is for messages. */
bool lathe_samples_fit(lathe_samples *s, const lathe_model *m, const char *what, lathe_error *e);

/* Where the samples of the model's input k lie, or the labels of its loss k, and the bytes of each
 * sample. */
typedef struct lathe_source {
    const char *data;
    size_t bytes;
} lathe_source;
lathe_source lathe_samples_input(const lathe_samples *s, int k);
lathe_source lathe_samples_labels(const lathe_samples *s, const lathe_model *m, int k);
/* Whether the inputs are raw bytes. */
bool lathe_samples_bytes(const lathe_samples *s);

/* What lathe_samples_fit needs of a model that is not compiled yet. */
bool lathe_samples_fit_shape(const lathe_samples *s, int rank, const int64_t *dim, const char *what,
                             lathe_error *e);

/* Fills order[0..n) with a permutation of 0..n-1 keyed by (seed, epoch). */
void lathe_shuffle(uint32_t *order, int64_t n, uint64_t seed, uint32_t epoch);

#endif
