/* Data sets, and the readers of the formats that need no library. Formats that do are in optional/
 * (gzipped IDX, .npz, folders and shards of images). Samples are in memory, or (images only) in
 * files, from which they are read when they are needed: feed.h. */
#ifndef LATHE_RUNTIME_DATASET_H
#define LATHE_RUNTIME_DATASET_H

#include "error.h"
#include "lathe_abi.h"

/* What can be trained. */
enum { LATHE_MAX_LOSSES = 16, LATHE_MAX_INPUTS = 64 };

/* Samples in files: bytes with class indices. `read` may be called from several threads at once. */
typedef struct lathe_stream {
    int64_t count;
    int64_t window; /* how many samples are shuffled among each other */
    int classes;    /* all indices are below */
    bool (*read)(void *context, int64_t sample, uint8_t *bytes, int32_t *index, lathe_error *e);
    void (*close)(void *context);
    void *context;
} lathe_stream;

/* Samples with their labels. Exactly one of u8, f32 and stream is set; exactly one of index and
 * target, except for a stream. For a model with several inputs or losses the samples have parts
 * instead: one with an input for each input of the model, then one with labels for each loss. */
typedef struct lathe_samples {
    int64_t count;
    struct lathe_samples *part;
    int parts;
    int64_t first; /* of a view: the parts' or the stream's sample where it begins */
    int rank;      /* of one sample: [H, W, C] for images */
    int64_t dim[8];
    int64_t size;        /* elements of one sample */
    uint8_t *u8;         /* [count * size] */
    float *f32;          /* [count * size] */
    int32_t *index;      /* class indices [count] */
    float *target;       /* values [count * target_size] */
    int64_t target_size; /* values a sample */
    float *weight;       /* factor of each sample's loss [count], or NULL: all 1 */
    lathe_stream *stream;
    int64_t one_hot;     /* of a stream, once it is fitted: values a label, or 0: class indices */
    float *class_weight; /* of a stream: factor of each class's loss [stream->classes], or NULL */
} lathe_samples;

typedef struct lathe_dataset {
    lathe_samples train,
        test;    /* count 0 where the data has no such part, or it was not asked for */
    int classes; /* how many names, or 0 */
    char **class_name;
} lathe_dataset;

enum { LATHE_TRAIN = 1, LATHE_TEST = 2 };
/* Images of at most so many bytes are kept in memory; others are shuffled within a window of so
 * many. Not what the machine has: the order must not depend on it. */
enum { LATHE_MEMORY = 1 << 30, LATHE_WINDOW = 1 << 14 };

/* What a reader is asked for. */
typedef struct lathe_data_request {
    const char *path;
    int parts;                       /* LATHE_TRAIN | LATHE_TEST */
    int64_t height, width, channels; /* what images are scaled to; 0: as they are */
    int64_t window;                  /* images stay in files, to be shuffled among so many; 0: only
                                        if they would take more than LATHE_MEMORY */
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

/* The largest byte of u8 samples: what pixels are divided by; of a stream 255. 0 for float samples.
 */
int lathe_samples_max(const lathe_samples *s);
/* A view of `count` samples from `first` on; do not free it. */
lathe_samples lathe_samples_slice(const lathe_samples *s, int64_t first, int64_t count);
/* Checks that the samples are what the model takes, and turns labels into the kind it takes: class
 * indices from one-hot rows, or values from class indices. `what` is for messages. */
bool lathe_samples_fit(lathe_samples *s, const lathe_model *m, const char *what, lathe_error *e);

/* A class index as values: itself as 0 or 1 for one value, else one-hot. */
void lathe_one_hot(int32_t index, int64_t values, float *row);

/* Where the samples of the model's input k lie, or the labels of its loss k (NULL for a stream),
 * and the bytes of each sample. */
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

#endif
