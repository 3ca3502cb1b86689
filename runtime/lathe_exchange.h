/* What a training step compiled for several processes calls while it runs, and what its caller
 * passes in the place of a lathe_step. Behind lathe_abi.h; plain C99, nothing to link. */
#ifndef LATHE_EXCHANGE
#define LATHE_EXCHANGE 1

/* Functions that every process calls in the same order for arrays of the same sizes. */
typedef struct lathe_exchange {
    void *context;
    int samples; /* of all processes' batches together */
    /* x[0..count) is whole in this process. When `wait` returns, it is the sum over all processes;
     * until then nobody touches it. */
    void (*add)(void *context, float *x, size_t count);
    /* The same for the mean, where a process counts as often as it has samples. */
    void (*average)(void *context, float *x, size_t count);
    void (*wait)(void *context);
    /* x becomes the sum over all processes, at once. */
    void (*sum)(void *context, float *x, size_t count);
} lathe_exchange;

typedef struct lathe_shared_step {
    lathe_step step; /* of the process's own samples */
    const lathe_exchange *exchange;
} lathe_shared_step;

#endif
