/* The interpreter: buffers, parameters, and the loop over nodes. Every value has a buffer of its
 * own, in float or double (i32 values stay i32). At the end of a run each parameter that the
 * function writes trades buffers with its new value: an update in place without a copy. */
#include "interp.h"

#include "geometry.h"
#include "kernels.h"

#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct Interp {
    const Module *m;
    const Function *f;
    int batch, n; /* most samples, samples of the last run */
    bool wide;
    const Kernel *kernels;
    void **buffer;       /* by value id */
    const Value **holds; /* by value id: the value whose buffer has its contents after a run */
    void *scratch;
    const void **in; /* arguments of the running node */
    void **out;
    double *seconds, *gemm_seconds; /* by node */
    size_t bytes;
    Pool *pool;
};

void interp_set_threads(int threads) { openblas_set_num_threads(threads); }

const char *interp_blas(void) { return openblas_get_config(); }

/* ---- kernels for this machine --------------------------------------------------------------- */

static const Kernel *choose_kernels(bool wide) {
    if (wide) return interp_f64;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
        return interp_f32_avx512;
    if (__builtin_cpu_supports("avx2")) return interp_f32_avx2;
#endif
    return interp_f32;
}

/* ---- buffers -------------------------------------------------------------------------------- */

static size_t real_size(const Interp *it) { return it->wide ? sizeof(double) : sizeof(float); }

/* Buffers begin on a cache line and are whole cache lines long. */
enum { ALIGNMENT = 64 };

static size_t padded(size_t bytes) { return (bytes / ALIGNMENT + 1) * ALIGNMENT; }

static bool value_bytes(const Interp *it, const Value *v, size_t *bytes, Diag *d) {
    int64_t total = 0;
    DType t = v->type.dtype;
    if (t != DT_F32 && t != DT_I32 && t != DT_I64 && t != DT_BOOL) {
        diag_error(d, "the interpreter cannot hold '%s' of type %s", v->name,
                   dtype_name(v->type.dtype));
        return false;
    }
    if (!shape_total(&v->type.shape, it->batch, &total) || total > INT_MAX) {
        diag_error(d, "'%s' is too large for a batch of %d: at most %d elements are supported",
                   v->name, it->batch, INT_MAX);
        return false;
    }
    *bytes = padded((size_t)total * (v->type.dtype == DT_I32 ? sizeof(int32_t) : real_size(it)));
    return true;
}

/* Calls visit for every value of the function until one returns false. */
static bool for_each_value(Interp *it, bool (*visit)(Interp *, const Value *, Diag *), Diag *d) {
    const Function *f = it->f;
    for (int i = 0; i < f->ninputs; i++) {
        if (!visit(it, f->inputs[i], d)) return false;
    }
    for (int i = 0; i < f->nparams; i++) {
        if (!visit(it, f->params[i], d)) return false;
    }
    for (int i = 0; i < f->nnodes; i++) {
        for (int k = 0; k < f->nodes[i]->nout; k++) {
            if (!visit(it, f->nodes[i]->out[k], d)) return false;
        }
    }
    return true;
}

static bool count_value(Interp *it, const Value *v, Diag *d) {
    size_t bytes;
    if (!value_bytes(it, v, &bytes, d)) return false;
    if (__builtin_add_overflow(it->bytes, bytes, &it->bytes)) it->bytes = SIZE_MAX;
    it->holds[v->id] = v;
    return true;
}

/* Cleared here, so that the first run does not pay for the system's page faults. */
static void *allocate(size_t bytes) {
    void *p = aligned_alloc(ALIGNMENT, bytes);
    return p ? memset(p, 0, bytes) : NULL;
}

static bool allocate_value(Interp *it, const Value *v, Diag *d) {
    size_t bytes;
    if (!value_bytes(it, v, &bytes, d)) return false;
    it->buffer[v->id] = allocate(bytes);
    return it->buffer[v->id] != NULL;
}

/* Bytes of the largest scratch that a node needs. */
static size_t scratch_bytes(const Interp *it) {
    size_t most = 0;
    for (int i = 0; i < it->f->nnodes; i++) {
        size_t bytes;
        int64_t count = scratch_elements(it->f->nodes[i], it->batch);
        if (__builtin_mul_overflow((size_t)count, real_size(it), &bytes) ||
            bytes > SIZE_MAX - ALIGNMENT)
            return SIZE_MAX;
        if (bytes > most) most = bytes;
    }
    return padded(most);
}

/* Memory that the machine has at all: more would be promised by malloc, but not kept. */
static size_t machine_bytes(void) {
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : SIZE_MAX;
}

static bool out_of_memory(const Interp *it, Diag *d) {
    diag_error(d, "the interpreter needs %.1f GB for '%s' with a batch of %d; not enough memory",
               (double)it->bytes / 1e9, it->f->name, it->batch);
    return false;
}

static bool make_buffers(Interp *it, Diag *d) {
    if (!for_each_value(it, count_value, d)) return false;
    size_t scratch = scratch_bytes(it);
    if (__builtin_add_overflow(it->bytes, scratch, &it->bytes)) it->bytes = SIZE_MAX;
    if (it->bytes > machine_bytes()) return out_of_memory(it, d);
    it->scratch = allocate(scratch);
    if (!it->scratch || !for_each_value(it, allocate_value, d)) return out_of_memory(it, d);
    return true;
}

/* ---- construction --------------------------------------------------------------------------- */

static void *zeroed(int count, size_t size) {
    void *p = calloc(count > 0 ? (size_t)count : 1, size);
    CHECK(p);
    return p;
}

static void make_tables(Interp *it) {
    const Function *f = it->f;
    int most_in = 0, most_out = 0;
    for (int i = 0; i < f->nnodes; i++) {
        if (f->nodes[i]->nin > most_in) most_in = f->nodes[i]->nin;
        if (f->nodes[i]->nout > most_out) most_out = f->nodes[i]->nout;
    }
    it->buffer = zeroed(f->next_id, sizeof *it->buffer);
    it->holds = zeroed(f->next_id, sizeof *it->holds);
    it->in = zeroed(most_in, sizeof *it->in);
    it->out = zeroed(most_out, sizeof *it->out);
    it->seconds = zeroed(f->nnodes, sizeof *it->seconds);
    it->gemm_seconds = zeroed(f->nnodes, sizeof *it->gemm_seconds);
}

/* After a run the new value of a parameter is found in the parameter's buffer. */
static void follow_aliases(Interp *it) {
    const Function *f = it->f;
    for (int i = 0; i < f->naliases; i++) {
        const Alias *a = &f->aliases[i];
        CHECK(a->out->producer && it->holds[a->out->id] == a->out);
        it->holds[a->out->id] = a->in;
    }
}

Interp *interp_new(const Module *m, const Function *f, int batch, bool wide, Diag *d) {
    Interp *it = zeroed(1, sizeof *it);
    *it = (Interp){.m = m, .f = f, .batch = batch, .n = batch, .wide = wide};
    it->kernels = choose_kernels(wide);
    make_tables(it);
    if (!make_buffers(it, d)) {
        interp_free(it);
        return NULL;
    }
    follow_aliases(it);
    it->pool = pool_new(openblas_get_num_threads());
    for (int i = 0; i < f->nparams; i++) {
        const float *data = m->params[f->params[i]->param].data;
        if (data) interp_set_param(it, f->params[i]->param, data);
    }
    return it;
}

void interp_free(Interp *it) {
    if (!it) return;
    for (int i = 0; i < it->f->next_id; i++) free(it->buffer[i]);
    pool_free(it->pool);
    free(it->buffer);
    free(it->holds);
    free(it->scratch);
    free(it->in);
    free(it->out);
    free(it->seconds);
    free(it->gemm_seconds);
    free(it);
}

/* ---- data in and out ------------------------------------------------------------------------ */

static void set_value(Interp *it, const Value *v, const void *data, int n) {
    int64_t count = elements(v, n);
    void *to = it->buffer[v->id];
    if (v->type.dtype != DT_I32 && it->wide) {
        for (int64_t i = 0; i < count; i++) ((double *)to)[i] = (double)((const float *)data)[i];
    } else {
        memcpy(to, data, (size_t)count * dtype_size(v->type.dtype));
    }
}

static void get_value(const Interp *it, const Value *v, double *out) {
    int64_t count = elements(v, it->n);
    const void *from = it->buffer[it->holds[v->id]->id];
    for (int64_t i = 0; i < count; i++) {
        if (v->type.dtype == DT_I32)
            out[i] = (double)((const int32_t *)from)[i];
        else
            out[i] = it->wide ? ((const double *)from)[i] : (double)((const float *)from)[i];
    }
}

static const Value *find_param(const Interp *it, int param) {
    for (int i = 0; i < it->f->nparams; i++) {
        if (it->f->params[i]->param == param) return it->f->params[i];
    }
    return NULL;
}

void interp_set_input(Interp *it, int index, const void *data, int n) {
    CHECK(index >= 0 && index < it->f->ninputs && n >= 1 && n <= it->batch);
    set_value(it, it->f->inputs[index], data, n);
}

void interp_set_param(Interp *it, int param, const float *data) {
    const Value *v = find_param(it, param);
    if (v) set_value(it, v, data, 1);
}

void interp_get_param(const Interp *it, int param, double *out) {
    const Value *v = find_param(it, param);
    CHECK(v);
    get_value(it, v, out);
}

void interp_get(const Interp *it, const Value *v, double *out) { get_value(it, v, out); }

/* ---- running -------------------------------------------------------------------------------- */

static double seconds_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void run_node(Interp *it, int index, const RunScalars *s) {
    const Node *node = it->f->nodes[index];
    for (int i = 0; i < node->nin; i++) it->in[i] = it->buffer[node->in[i]->id];
    for (int i = 0; i < node->nout; i++) it->out[i] = it->buffer[node->out[i]->id];
    it->gemm_seconds[index] = 0;
    Call c = {node, s->n, s, it->in, it->out, it->scratch, it->pool, &it->gemm_seconds[index]};
    double start = seconds_now();
    it->kernels[node->op](&c);
    it->seconds[index] = seconds_now() - start;
}

void interp_run(Interp *it, const RunScalars *s) {
    CHECK(s->n >= 1 && s->n <= it->batch);
    it->n = s->n;
    for (int i = 0; i < it->f->nnodes; i++) run_node(it, i, s);
    for (int i = 0; i < it->f->naliases; i++) {
        const Alias *a = &it->f->aliases[i];
        void *old = it->buffer[a->in->id];
        it->buffer[a->in->id] = it->buffer[a->out->id];
        it->buffer[a->out->id] = old;
    }
}

double interp_node_seconds(const Interp *it, int node) { return it->seconds[node]; }

double interp_gemm_seconds(const Interp *it, int node) { return it->gemm_seconds[node]; }

size_t interp_bytes(const Interp *it) { return it->bytes; }
