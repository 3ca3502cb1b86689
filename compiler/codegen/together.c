/* How many samples of a batch go through predict side by side. All of them would read the weights
 * once, but feature maps of many samples leave the caches between two layers; so a call runs the
 * network on a few samples after the other, in a workspace for as many. */
#include "emit.h"

/* Of the reference machine: bytes a nanosecond of weights from memory, of kernels, which
 * convolutions ask for while they compute, and of feature maps from a shared cache and from memory;
 * and what the own caches of two cores and the shared cache hold. */
static const double WEIGHTS_NS = 16, KERNELS_NS = 64, SHARED_NS = 24, MEMORY_NS = 12;
enum { OWN_BYTES = 1 << 21, SHARED_BYTES = 1 << 24 };

/* Nanoseconds a sample that one buffer costs, written once and read once. */
static double map_ns(double bytes, int samples) {
    double all = bytes * samples;
    return all <= OWN_BYTES ? 0 : 2 * bytes / (all <= SHARED_BYTES ? SHARED_NS : MEMORY_NS);
}

/* Nanoseconds that reading all weights once costs. */
static double weights_ns(const File *f) {
    if (4 * f->params->floats <= OWN_BYTES) return 0;
    double ns = 0;
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *p = &f->params->param[i];
        bool kernel = f->m->params[i].type.shape.rank == 4;
        if (p->at >= 0) ns += 4.0 * (double)p->floats / (kernel ? KERNELS_NS : WEIGHTS_NS);
    }
    return ns;
}

/* p is the plan for one sample. */
static double sample_ns(const Plan *p, double weights, int samples) {
    double ns = weights / samples;
    for (int i = 0; i < p->nbuffers; i++) ns += map_ns(4.0 * (double)p->buffers[i].floats, samples);
    return ns;
}

static bool each_has_batch(const Port *ports, int n) {
    for (int i = 0; i < n; i++) {
        const Shape *s = &ports[i].value->type.shape;
        if (s->rank < 1 || s->dim[0] != DIM_BATCH) return false;
    }
    return true;
}

int samples_together(const File *f) {
    const CodegenOptions *o = f->o;
    if (o->train || o->guarded || o->batch == 1 || !each_has_batch(f->input, f->ninputs) ||
        !each_has_batch(f->output, f->noutputs))
        return o->batch;
    CodegenOptions single = *o;
    single.batch = 1;
    File one;
    lower_file(&one, f->m, &single);
    const Plan *p = one.section[0].predict;
    double weights = weights_ns(&one);
    int best = o->batch;
    double least = sample_ns(p, weights, best);
    int most = 1;
    while (2 * most < o->batch) most *= 2;
    for (int samples = most; samples > 0; samples /= 2) {
        double ns = sample_ns(p, weights, samples);
        if (ns >= least) continue;
        least = ns;
        best = samples;
    }
    return best;
}
