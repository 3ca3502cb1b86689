/* How many samples of a batch go through predict's steps side by side. All of them would read the
 * weights once, but feature maps of many samples leave the caches between two layers. The first
 * layers of most networks have large maps and few weights, the last ones small maps and many
 * weights; so predict runs in phases, each on more samples at a time than the one before. A call
 * runs the whole on as many as the last phase takes after the other, in a workspace for as many. */
#include "emit.h"

#include <limits.h>
#include <string.h>

/* Of the reference machine: bytes a nanosecond of weights from memory, of kernels, which
 * convolutions ask for while they compute, and of feature maps from a shared cache and from memory;
 * what the own caches of two cores and the shared cache hold; and nanoseconds that two threads take
 * to begin and end a step, and that a phase must save. */
static const double WEIGHTS_NS = 16, KERNELS_NS = 64, SHARED_NS = 24, MEMORY_NS = 12;
static const double STEP_NS = 1500, PHASE_NS = 10000;
enum { OWN_BYTES = 1 << 22, SHARED_BYTES = 1 << 24 };

/* Numbers of samples to choose from: powers of two, and the whole batch. */
enum { MAX_CHOICES = MAX_PHASES };

typedef struct {
    const File *f; /* for one sample */
    const Plan *p;
    bool far; /* the weights leave the caches between two calls */
    int samples[MAX_CHOICES];
    const double *crossing[MAX_CHOICES]; /* of each, by step: see crossing_ns */
    int choices;
} Together;

/* Nanoseconds of reading so many bytes, what is not in the own caches of a set so large. */
static double fetch_ns(double bytes, double set) {
    if (set <= OWN_BYTES) return 0;
    return bytes * (1 - OWN_BYTES / set) / (set <= SHARED_BYTES ? SHARED_NS : MEMORY_NS);
}

static bool is_new(const Step *s, int arg) {
    for (int i = 0; i < arg; i++)
        if (s->arg[i].kind == s->arg[arg].kind && s->arg[i].at == s->arg[arg].at) return false;
    return true;
}

/* Bytes of the buffers that a step touches for so many samples. */
static double touched(const Plan *p, const Step *s, int samples) {
    double floats = 0;
    for (int i = 0; i < s->nargs; i++) {
        if (s->arg[i].kind != PLACE_BUFFER || !is_new(s, i)) continue;
        const Buffer *b = &p->buffers[s->arg[i].at];
        floats += b->each ? (double)b->each * samples : (double)b->floats;
    }
    return 4 * floats;
}

/* Whether no node has steps on both sides of this one's beginning. */
static bool begins_node(const Plan *p, int step) {
    if (!step) return true;
    const Step *before = &p->steps[step - 1];
    return p->steps[step].node >= before->node + before->nnodes;
}

/* Nanoseconds of reading the parameters of the nodes that begin with this step once. */
static double weights_ns(const Together *t, int step) {
    const Step *s = &t->p->steps[step];
    double ns = 0;
    if (!t->far || !begins_node(t->p, step)) return ns;
    for (int i = s->node; i < s->node + s->nnodes; i++) {
        const Node *n = t->p->function->nodes[i];
        for (int k = 0; k < n->nin; k++) {
            int param = n->in[k]->param;
            if (param < 0 || t->f->params->param[param].at < 0) continue;
            bool kernel = n->in[k]->type.shape.rank == 4;
            double bytes = 4.0 * (double)t->f->params->param[param].floats;
            ns += bytes / (kernel ? KERNELS_NS : WEIGHTS_NS);
        }
    }
    return ns;
}

/* Of one sample, where so many go through the step at a time; without its computations. */
static double step_ns(const Together *t, int step, double weights, int samples) {
    double set = touched(t->p, &t->p->steps[step], samples);
    return (weights + fetch_ns(set, set) + STEP_NS) / samples;
}

/* For each step what one sample pays for the buffers that cross into a phase of so many samples
 * which begins there: written once and read once. */
static const double *crossing_ns(const Together *t, int samples) {
    const Plan *p = t->p;
    double *ns = ARENA_ARRAY(t->f->m->arena, double, (size_t)p->nsteps + 2), sum = 0;
    for (int i = 0; i < p->nbuffers; i++) {
        const Buffer *b = &p->buffers[i];
        double each = 4.0 * (double)b->each, cost = fetch_ns(2 * each, each * samples);
        ns[b->first + 1] += cost;
        ns[b->last + 1] -= cost;
    }
    for (int i = 0; i < p->nsteps; i++) ns[i] = sum += ns[i];
    return ns;
}

static void begin_phase(Phases *p, int node, int samples) {
    p->phase[p->count - 1].end = node;
    p->phase[p->count++] = (Phase){.end = INT_MAX, .samples = samples};
}

typedef struct {
    double ns;
    Phases phases; /* the last one is open */
} Path;

/* Every path that is cheaper than the one to more samples becomes that, by a phase which begins
 * with this step. */
static void try_phases(const Together *t, Path *path, int step) {
    for (int c = t->choices - 1; c > 0; c--) {
        for (int from = 0; from < c; from++) {
            double ns = path[from].ns + t->crossing[c][step] + PHASE_NS;
            if (ns >= path[c].ns) continue;
            path[c] = path[from];
            path[c].ns = ns;
            begin_phase(&path[c].phases, t->p->steps[step].node, t->samples[c]);
        }
    }
}

/* The cheapest phases up to a step, by the number of samples of the last one, grow step by step. */
static Phases cheapest(const Together *t) {
    Path path[MAX_CHOICES];
    for (int c = 0; c < t->choices; c++) path[c] = (Path){0, one_phase(t->samples[c])};
    for (int i = 0; i < t->p->nsteps; i++) {
        if (i && begins_node(t->p, i)) try_phases(t, path, i);
        double weights = weights_ns(t, i);
        for (int c = 0; c < t->choices; c++) path[c].ns += step_ns(t, i, weights, t->samples[c]);
    }
    int best = t->choices - 1;
    for (int c = best; c-- > 0;)
        if (path[c].ns < path[best].ns) best = c;
    return path[best].phases;
}

/* Phases that a seed decides on, for tests: a quarter of the nodes begin one while there are more
 * samples to take. */
static Phases drawn(const Together *t) {
    const Plan *p = t->p;
    uint64_t seed = t->f->o->kernel_seed, all = fnv1a(FNV_START, &seed, sizeof seed);
    int c = (int)(all % (uint64_t)t->choices);
    Phases phases = one_phase(t->samples[c]);
    for (int i = 1; i < p->nsteps && c + 1 < t->choices; i++) {
        const char *name = p->steps[i].name;
        if (!begins_node(p, i) || fnv1a(all, name, strlen(name)) >> 32 & 3) continue;
        begin_phase(&phases, p->steps[i].node, t->samples[++c]);
    }
    return phases;
}

static bool each_has_batch(const Port *ports, int n) {
    for (int i = 0; i < n; i++) {
        const Shape *s = &ports[i].value->type.shape;
        if (s->rank < 1 || s->dim[0] != DIM_BATCH) return false;
    }
    return true;
}

Phases choose_phases(const File *f) {
    const CodegenOptions *o = f->o;
    if (o->train || o->guarded || o->batch == 1 || !each_has_batch(f->input, f->ninputs) ||
        !each_has_batch(f->output, f->noutputs))
        return one_phase(o->batch);
    CodegenOptions single = *o;
    single.batch = 1;
    single.ntargets = 1;
    File one;
    lower_file(&one, f->m, &single);
    Together t = {.f = &one, .p = one.section[0].predict};
    t.far = 4 * one.params->floats > OWN_BYTES;
    for (int samples = 1; samples < o->batch && t.choices < MAX_CHOICES - 1; samples *= 2)
        t.samples[t.choices++] = samples;
    t.samples[t.choices++] = o->batch;
    if (o->any_kernels) return drawn(&t);
    for (int c = 0; c < t.choices; c++) t.crossing[c] = crossing_ns(&t, t.samples[c]);
    return cheapest(&t);
}
