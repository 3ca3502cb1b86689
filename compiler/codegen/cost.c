/* What generated code costs: memory, with --max-memory, and predicted time. */
#include "emit.h"

#include <string.h>

/* In bytes: the weights image of inference or the state of training, and the workspace. */
static int64_t kept_bytes(const File *f) {
    return (f->o->train ? 0 : IMAGE_HEADER_BYTES) + 4 * f->params->floats;
}

Memory memory_of(const File *f) {
    return (Memory){.weights = kept_bytes(f), .workspace = 4 * f->work.floats};
}

static Memory memory_with(Module *m, const CodegenOptions *o) {
    File f;
    lower_file(&f, m, o);
    return memory_of(&f);
}

/* The step while which most buffers are alive; NULL if there are none. */
static const Step *widest_of(const File *f) {
    const Section *s = &f->section[0];
    const Plan *plans[] = {s->predict, s->eval, s->train}, *widest = NULL;
    for (int i = 0; i < 3; i++) {
        const Plan *p = plans[i];
        if (p && p->lower_bound > (widest ? widest->lower_bound : 0)) widest = p;
    }
    return widest ? &widest->steps[widest->widest] : NULL;
}

static int64_t total(Memory m) { return m.weights + m.workspace; }

/* The largest batch below o's that fits, or 0. */
static int fitting_batch(Module *m, CodegenOptions o, int64_t most) {
    int fits = 0, fails = o.batch;
    while (fits + 1 < fails) {
        o.batch = fits + (fails - fits) / 2;
        if (total(memory_with(m, &o)) <= most)
            fits = o.batch;
        else
            fails = o.batch;
    }
    return fits;
}

/* What the user could change: "; --batch 4 would fit". */
static const char *advice(const File *f, int64_t most) {
    CodegenOptions o = *f->o;
    Arena *a = f->m->arena;
    int batch = fitting_batch(f->m, o, most);
    if (batch) return arena_printf(a, "; --batch %d would fit", batch);
    if (o.train) return "; no batch would fit";
    const char *with = o.batch > 1 ? " with --batch 1" : "";
    o.batch = 1;
    o.exact = true;
    Memory need = memory_with(f->m, &o);
    if (total(need) <= most)
        return arena_printf(a, "; --exact%s would fit, with %lld bytes", with,
                            (long long)total(need));
    o.weights_type = WEIGHTS_F16;
    need = memory_with(f->m, &o);
    if (total(need) <= most)
        return arena_printf(a, "; --weights-type f16%s would fit, with %lld bytes", with,
                            (long long)total(need));
    return arena_printf(a, "; --weights-type f16%s would need %lld bytes", with,
                        (long long)total(need));
}

bool check_memory(const File *f, Diag *d) {
    Memory need = memory_of(f);
    int64_t most = f->o->max_memory;
    if (!most || total(need) <= most) return true;
    const Step *widest = widest_of(f);
    diag_error(d,
               "the model needs %lld bytes: %lld of %s and %lld of workspace, most of it in layer "
               "%s (%s)\naccepted by --max-memory: %lld bytes%s",
               (long long)total(need), (long long)need.weights,
               f->o->train ? "weights and optimizer state" : "weights", (long long)need.workspace,
               widest ? widest->layer : "-", widest ? widest->comment : "-", (long long)most,
               advice(f, most));
    return false;
}

/* ---- code on a Cortex-M -----------------------------------------------------------------------
 */

/* Bytes, fitted to what arm-none-eabi-gcc 12 makes of a dozen networks, of which eleven come out
 * within a tenth: for each line of kernels and steps, each call of a function of vectors (they are
 * inlined), each row of the table of tensors, and the rest. */
enum { CODE_OF_FILE = 1408, CODE_OF_LINE = 10, CODE_OF_CALL = 224, CODE_OF_TENSOR = 176 };

/* Places of `word` in [from, to). */
static int count_word(const char *from, const char *to, const char *word) {
    int n = 0;
    for (; (from = strstr(from, word)) && from < to; from += strlen(word)) n++;
    return n;
}

/* Calls of the functions f32x1_exp, f32x1_tanh and so on that the file defines. */
static int count_calls(Arena *a, const char *from, const char *to) {
    static const char opening[] = "LATHE_INLINE f32x1 ";
    int n = 0;
    for (const char *at = from; (at = strstr(at, opening)) && at < to;) {
        at += strlen(opening);
        n += count_word(from, to, arena_strndup(a, at, strcspn(at, "(") + 1)) - 1;
    }
    return n;
}

int64_t estimated_code(const File *f, const char *source) {
    const char *from = strstr(source, "/* ---- c99 ---- */"),
               *to = strstr(source, "/* ---- tables");
    if (!from || !to) return 0;
    int tensors = 0;
    for (int i = 0; i < f->m->nparams; i++) tensors += f->m->params[i].role != PARAM_CONST;
    return CODE_OF_FILE + CODE_OF_LINE * count_word(from, to, "\n") +
           CODE_OF_CALL * count_calls(f->m->arena, from, to) + CODE_OF_TENSOR * tensors;
}

/* ---- lathe summary --cost ------------------------------------------------------------------- */

static const Plan *measured_plan(const Section *s) { return s->predict ? s->predict : s->train; }

static double predicted_ms(const Section *s) {
    const Plan *p = measured_plan(s);
    double ms = 0;
    for (int i = 0; i < p->nsteps; i++)
        ms +=
            machine_ms(&s->machine, (double)p->steps[i].info.macs, (double)p->steps[i].info.bytes);
    return ms;
}

/* As the layers are defined, and as they are computed, which Winograd makes fewer. */
static int64_t multiply_adds(Module *m, CodegenOptions o, bool exact) {
    File f;
    o.exact = exact;
    lower_file(&f, m, &o);
    const Plan *p = measured_plan(&f.section[0]);
    int64_t sum = 0;
    for (int i = 0; i < p->nsteps; i++) sum += p->steps[i].info.macs;
    return sum;
}

static void print_multiply_adds(Module *m, const CodegenOptions *o, StrBuf *out) {
    int64_t defined = multiply_adds(m, *o, true), computed = multiply_adds(m, *o, o->exact);
    strbuf_printf(out, "a %s: %lld multiply-adds a sample", o->train ? "training step" : "call",
                  (long long)defined);
    if (computed != defined) strbuf_printf(out, ", by Winograd %lld", (long long)computed);
    strbuf_printf(out, "; memory for up to %d\n", o->batch);
}

bool print_cost(Module *m, const CodegenOptions *options, StrBuf *out, Diag *d) {
    CodegenOptions o = *options;
    o.ntargets = 1;
    print_multiply_adds(m, &o, out);
    strbuf_printf(out, "%-8s %16s %18s %26s\n", "target",
                  o.train ? "state, bytes" : "weights, bytes", "workspace, bytes",
                  "ms a sample on one core");
    for (int t = TARGET_COUNT - 1; t >= 0; t--) {
        File f;
        o.targets[0] = (Target)t;
        lower_file(&f, m, &o);
        if (!check_file_size(&f, d)) return false;
        Memory need = memory_of(&f);
        const Section *s = &f.section[0];
        strbuf_printf(out, "%-8s %16lld %18lld %26.3f\n", s->machine.name, (long long)need.weights,
                      (long long)need.workspace, predicted_ms(s));
    }
    return true;
}
