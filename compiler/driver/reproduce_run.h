/* The training of `lathe reproduce`: for lathe itself, and pasted into the program that it writes.
 * Needs lathe_abi.h and random.h.in. Whole numbers only: nothing here can round. */
enum { RUN_STEPS = 60, RUN_BATCH = 16, RUN_SAMPLES = 320, RUN_PIXELS = 300 };

/* Class i mod 10; each byte is a grey of the class with noise from the generator. */
static void reproduce_sample(int i, uint8_t *pixels, int32_t *label) {
    *label = i % 10;
    for (uint32_t k = 0; k < RUN_PIXELS; k += 4) {
        uint32_t r[4];
        lathe_philox(r, k, (uint32_t)i, 0, 0, 0, 1);
        for (uint32_t j = 0; j < 4; j++)
            pixels[k + j] = (uint8_t)(12 * (uint32_t)*label + (r[j] >> 25));
    }
}

/* The sum of the last step's losses. */
static double reproduce_train(const lathe_model *m, void *state, void *workspace,
                              lathe_parallel_for parallel_for, void *context) {
    static uint8_t x[RUN_BATCH * RUN_PIXELS];
    static int32_t y[RUN_BATCH];
    const uint8_t *const input[] = {x};
    const void *const labels[] = {y};
    lathe_metrics metrics = {0, 0, 0};
    m->init(state, 0);
    for (int t = 0; t < RUN_STEPS; t++) {
        int first = t * RUN_BATCH % RUN_SAMPLES;
        lathe_step s = {RUN_BATCH, -1, (uint64_t)t, (uint64_t)first, 0, 0, 0, 0, 0};
        for (int i = 0; i < RUN_BATCH; i++)
            reproduce_sample(first + i, x + (int64_t)i * RUN_PIXELS, y + i);
        s.learning_rate = m->learning_rate;
        s.parallel_for = parallel_for;
        s.parallel_context = context;
        m->train_step_u8(state, workspace, &s, input, labels, &metrics);
    }
    return metrics.loss;
}
