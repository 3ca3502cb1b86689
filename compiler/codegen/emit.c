/* The source file: comment, preamble, kernels and steps of each target, entries, tables. */
#include "emit.h"

#include <ctype.h>
#include <string.h>

/* ---- preamble ------------------------------------------------------------------------------- */

static bool is_wide(const Section *s) { return s->machine.lanes > 4; }

/* Sections whose vectors gcc for Windows cannot keep on the stack: they come first. */
static int wide_sections(const File *f) {
    int n = 0;
    while (n < f->nsections && is_wide(&f->section[n])) n++;
    return n;
}

/* Whether the last section serves for those there. */
static bool has_narrow(const File *f) {
    return wide_sections(f) > 0 && wide_sections(f) < f->nsections;
}

static void emit_narrow(const File *f, StrBuf *w) {
    if (!wide_sections(f)) return;
    strbuf_puts(w, "/* gcc for Windows keeps vectors of 32 and 64 bytes at addresses that its own "
                   "instructions refuse (its bug 54412). */\n"
                   "#if defined __MINGW32__ && !defined __clang__\n");
    if (!has_narrow(f))
        strbuf_puts(w,
                    "#error \"gcc for Windows cannot compile this: take clang or zig, or let lathe "
                    "write it for --target avx512,avx2,sse2\"\n");
    else
        strbuf_printf(
            w, "#define %s_narrow\n#pragma GCC push_options\n#pragma GCC target(\"no-avx\")\n",
            f->id);
    strbuf_puts(w, "#endif\n");
}

/* What ISO C promises of a string, with room for prefixes. */
enum { MOST_NAME = 4000 };

static size_t longer(size_t length, const char *name) {
    size_t n = strlen(name);
    return n > length ? n : length;
}

static bool has_long_name(const File *f) {
    const Module *m = f->m;
    size_t n = 0;
    for (int i = 0; i < m->nparams; i++) n = longer(n, m->params[i].name);
    for (int i = 0; i < m->nclasses; i++) n = longer(n, m->classes[i]);
    for (int i = 0; i < f->ninputs; i++) n = longer(n, f->input[i].name);
    for (int i = 0; i < f->noutputs; i++) n = longer(n, f->output[i].name);
    for (int i = 0; i < m->nfunctions; i++)
        for (int k = 0; k < m->functions[i]->nnodes; k++)
            n = longer(n, m->functions[i]->nodes[k]->name);
    return n > MOST_NAME;
}

/* What the file is, its header, and what it includes. */
static void emit_heading(const File *f, StrBuf *w) {
    Arena *a = f->m->arena;
    strbuf_printf(w, "/* %s: %s, compiled from a model description by lathe.\n", f->id,
                  f->o->train ? "the training step of a neural network" : "a neural network");
    strbuf_printf(w, " *\n * Model \"%s\", at most %d sample%s a call; targets:",
                  c_comment(a, f->m->model_name), f->batch, f->batch == 1 ? "" : "s");
    for (int i = 0; i < f->nsections; i++) strbuf_printf(w, " %s", f->section[i].machine.name);
    if (f->o->tuning)
        strbuf_printf(w, "; kernels chosen by a tuning file, hash %016llx",
                      (unsigned long long)f->o->tuning->hash);
    strbuf_printf(
        w,
        ".\n * Build: cc -O2 -c %s.c [-fopenmp]; link with -lm. Needs nothing else. See %s.h for "
        "how to "
        "call it.\n * Results are the same bits for any number of threads, optimisation level and "
        "target with fused\n * multiply-add; only clang's -ffast-math rounds otherwise.\n * This "
        "file belongs "
        "to "
        "whoever generated it: no licence of lathe applies to it. */\n",
        f->id, f->id);
    if (f->o->single)
        emit_header(f, w);
    else
        strbuf_printf(w, "#include \"%s.h\"\n", f->id);
    strbuf_puts(w, "\n#include <math.h>\n#ifdef _OPENMP\n#include <omp.h>\n#endif\n");
    emit_narrow(f, w);
    const char *last = "";
    for (int i = 0; i < f->nsections; i++) {
        const char *include = f->section[i].machine.include;
        if (include && strcmp(include, last) != 0)
            strbuf_printf(w, "#include <%s>\n", last = include);
    }
}

/* What the file asks of its compiler. */
static void emit_settings(const File *f, StrBuf *w) {
    strbuf_puts(w,
                "\n#if defined(__GNUC__)\n"
                "#define LATHE_INLINE static inline __attribute__((unused))\n"
                "#define LATHE_PRIMITIVE static inline __attribute__((unused, "
                "always_inline))\n"
                "#define LATHE_RESTRICT __restrict\n"
                "#else\n"
                "#define LATHE_INLINE static inline\n"
                "#define LATHE_PRIMITIVE static inline\n"
                "#define LATHE_RESTRICT\n"
                "#endif\n"
                "#if defined(__clang__)\n"
                "#ifdef __FAST_MATH__\n"
                "#pragma float_control(precise, on, push)\n"
                "#endif\n"
                "#pragma STDC FP_CONTRACT OFF\n"
                "#elif defined(__GNUC__)\n"
                "#pragma GCC push_options\n"
                /* gcc takes stores through restrict pointers of inlined tiles for local ones
                 * and drops the kernel: it must not look for functions without effects. */
                "#if __GNUC__ > 10\n"
                "#pragma GCC optimize(\"no-ipa-modref\")\n"
                "#endif\n"
                "#pragma GCC "
                "optimize(\"O3,no-fast-math,fp-contract=off,no-math-errno,no-ipa-pure-const\")\n"
                /* gcc 12.2 with AVX turns the condition of a copy in nested loops into the mask of
                 * a load, and then folds masks to zero that are not: rows of pixels were lost. */
                "#pragma GCC optimize(\"no-tree-loop-if-convert\")\n"
                /* It would keep the inputs that neighbouring pixels share in scalars from one round
                 * to the next: more than there are registers, so on the stack. */
                "#pragma GCC optimize(\"no-predictive-commoning\")\n"
                "#endif\n\n");
    if (has_long_name(f)) /* all compilers take it, but -Wpedantic speaks of it */
        strbuf_puts(w, "#if defined(__GNUC__)\n"
                       "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n#endif\n\n");
}

static void emit_opening(const File *f, StrBuf *w) {
    emit_heading(f, w);
    emit_settings(f, w);
    template_random(w);
    template_scalar(w);
}

static void open_target(const File *f, const Machine *m, StrBuf *w) {
    if (!m->features) return;
    /* Every machine with AVX2 and fused multiply-add converts f16. */
    const char *more = f->o->weights_type == WEIGHTS_F16 && m->lanes >= 8 ? ",f16c" : "";
    strbuf_puts(w, "#if defined(__clang__)\n");
    strbuf_printf(
        w, "#pragma clang attribute push(__attribute__((target(\"%s%s\"))), apply_to = function)\n",
        m->features, more);
    if (m->lanes == 16)
        strbuf_puts(w,
                    "#pragma clang attribute push(__attribute__((min_vector_width(512))), apply_to "
                    "= function)\n");
    strbuf_printf(w, "#else\n#pragma GCC push_options\n#pragma GCC target(\"%s%s\")\n#endif\n\n",
                  m->features, more);
}

static void close_target(const Machine *m, StrBuf *w) {
    if (!m->features) return;
    strbuf_puts(w, "#if defined(__clang__)\n#pragma clang attribute pop\n");
    if (m->lanes == 16) strbuf_puts(w, "#pragma clang attribute pop\n");
    strbuf_puts(w, "#else\n#pragma GCC pop_options\n#endif\n\n");
}

static void emit_vector_type(const File *f, const Section *s, int lanes, const char *kernels,
                             StrBuf *w) {
    const Machine *m = &s->machine;
    bool neon = m->include && !strcmp(m->include, "arm_neon.h");
    bool wasm = m->include && !strcmp(m->include, "wasm_simd128.h");
    VectorParams p = {.V = vector_name(m, lanes),
                      .L = lanes,
                      .neon = neon,
                      .wasm = wasm,
                      .avx512 = m->lanes == 16,
                      .avx = m->lanes >= 8,
                      .half = (int)f->o->weights_type,
                      .pick = strstr(kernels, "_pick(") || strstr(kernels, "_which("),
                      .fma = m->fma               ? 1
                             : f->o->reproducible ? 2
                                                  : 0};
    p.pre = lanes == 16 ? "_mm512" : lanes == 8 ? "_mm256" : "_mm";
    p.max = lanes == 16  ? "_mm512_maskz_max_ps((__mmask16)0xFFFF, "
            : lanes == 8 ? "_mm256_max_ps("
                         : "_mm_max_ps(";
    p.min = lanes == 16  ? "_mm512_maskz_min_ps((__mmask16)0xFFFF, "
            : lanes == 8 ? "_mm256_min_ps("
                         : "_mm_min_ps(";
    p.sqrt = lanes == 16  ? "_mm512_maskz_sqrt_ps((__mmask16)0xFFFF, (__m512)a)"
             : lanes == 8 ? "_mm256_sqrt_ps((__m256)a)"
                          : "_mm_sqrt_ps((__m128)a)";
    p.vec = neon          ? "float32x4_t"
            : wasm        ? "v128_t"
            : lanes == 16 ? "__m512"
            : lanes == 8  ? "__m256"
                          : "__m128";
    template_vector(w, &p, "");
}

/* The name in a function's text, with the opening parenthesis: what a call looks like. */
static const char *call_of(Arena *a, const char *function) {
    const char *open = strstr(function, "LATHE_INLINE");
    CHECK(open);
    open = strchr(open, '(');
    const char *name = open;
    while (name[-1] != ' ') name--;
    return arena_strndup(a, name, (size_t)(open - name) + 1);
}

enum { MAX_FUNCTIONS = 256 };

/* The functions of vectors `name` that the kernels call, or that those call. A function stands
 * behind those that it needs, and an empty line behind each. */
static void emit_functions(const File *f, const char *name, const char *kernels, StrBuf *w) {
    Arena *a = f->m->arena;
    StrBuf text = {0};
    const char *function[MAX_FUNCTIONS];
    bool used[MAX_FUNCTIONS];
    int count = 0;
    template_math(&text, &(MathParams){.V = name}, "");
    template_functions(&text, &(FunctionsParams){.V = name}, "");
    for (const char *at = text.text, *end; (end = strstr(at, "\n\n")); at = end + 2) {
        CHECK(count < MAX_FUNCTIONS);
        function[count++] = arena_strndup(a, at, (size_t)(end + 2 - at));
    }
    for (int i = count - 1; i >= 0; i--) {
        const char *call = call_of(a, function[i]);
        used[i] = strstr(kernels, call) != NULL;
        for (int k = i + 1; k < count && !used[i]; k++)
            used[i] = used[k] && strstr(function[k], call);
    }
    for (int i = 0; i < count; i++)
        if (used[i]) strbuf_puts(w, function[i]);
    strbuf_free(&text);
}

/* Whether the text has the type, as a word or as the start of a function's name. */
static bool names_type(const char *text, const char *type) {
    size_t length = strlen(type);
    for (const char *at = text; (at = strstr(at, type)); at += length) {
        bool starts = at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (starts && !isalnum((unsigned char)at[length])) return true;
    }
    return false;
}

/* The vector types that the kernels name, narrowest first, and their functions. */
static void emit_vectors(const File *f, const Section *s, const char *kernels, StrBuf *w) {
    static const int lanes[] = {1, 4, 8, 16};
    for (int i = 0; i < 4; i++) {
        const char *name = vector_name(&s->machine, lanes[i]);
        if (lanes[i] > s->machine.lanes || !names_type(kernels, name)) continue;
        emit_vector_type(f, s, lanes[i], kernels, w);
        emit_functions(f, name, kernels, w);
    }
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* By the name of the parameter that lies there, where one does. Gradients have the same offsets as
 * their parameters, at the start of the workspace. */
static void print_offset(const File *f, const char *base, int64_t at, StrBuf *w) {
    for (int i = 0; at > 0 && i < f->m->nparams; i++) {
        if (f->params->param[i].at != at) continue;
        strbuf_printf(w, "%s + %s", base, f->params->param[i].id);
        return;
    }
    if (at)
        strbuf_printf(w, "%s + %lld", base, (long long)at);
    else
        strbuf_puts(w, base);
}

/* To the step's first sample, in a place that has so many of `each` floats. */
static void print_sample(const Step *s, int samples, int64_t each, StrBuf *w) {
    if (each && s->samples < samples)
        strbuf_printf(w, " + r->at %% %d * (ptrdiff_t)%lld", samples, (long long)each);
}

static void print_port(const File *f, const Step *s, const char *name, const Port *ports,
                       int64_t at, StrBuf *w) {
    strbuf_printf(w, "r->%s[%lld]", name, (long long)at);
    print_sample(s, f->o->batch, ports[at].count, w);
}

static void print_buffer(const Step *s, const Buffer *b, int64_t offset, StrBuf *w) {
    strbuf_printf(w, "r->work + %s", b->id);
    if (offset) strbuf_printf(w, " + %lld", (long long)offset);
    print_sample(s, b->samples, b->each, w);
}

static void print_place(const File *f, const Plan *plan, const Step *s, int i, StrBuf *w) {
    const Place *p = &s->arg[i];
    switch (p->kind) {
    case PLACE_NONE: strbuf_puts(w, "0"); break;
    case PLACE_INPUT: print_port(f, s, "input", f->input, p->at, w); break;
    case PLACE_BYTES: strbuf_printf(w, "r->bytes[%lld]", (long long)p->at); break;
    case PLACE_OUTPUT: print_port(f, s, "output", f->output, p->at, w); break;
    case PLACE_LABELS:
        strbuf_printf(w, "(%s)r->labels[%lld]", s->arg_type[i] ? s->arg_type[i] : "const float *",
                      (long long)p->at);
        break;
    case PLACE_WEIGHTS:
        if (s->arg_type[i]) strbuf_printf(w, "(%s)(const void *)(", s->arg_type[i]);
        print_offset(f, "r->weights", p->at, w);
        if (s->arg_type[i]) strbuf_puts(w, ")");
        break;
    case PLACE_STATE: print_offset(f, "r->state", p->at, w); break;
    case PLACE_GRADS: print_offset(f, "r->work", p->at, w); break;
    case PLACE_BUFFER: print_buffer(s, &plan->buffers[p->at], p->offset, w); break;
    }
}

const char *step_name(const File *f, const Section *s, const Plan *plan, int index) {
    Arena *a = f->m->arena;
    return arena_printf(a, "%s%s_%d_%s", s->kernels.prefix, plan->function->name, index + 1,
                        identifier(a, plan->steps[index].name));
}

static void emit_cost(const Step *s, StrBuf *w) {
    if (s->info.macs) strbuf_printf(w, "; %lld multiply-adds", (long long)s->info.macs);
    if (s->info.bytes)
        strbuf_printf(w, "%s %lld bytes", s->info.macs ? "," : ";", (long long)s->info.bytes);
    if (s->info.macs || s->info.bytes) strbuf_puts(w, " a sample");
    if (s->info.fixed) strbuf_printf(w, "; %lld bytes", (long long)s->info.fixed);
}

/* The arguments after the pointers. */
static const char *step_tail(const File *f, const Step *s) {
    static const char own[] = "r->n";
    const char *tail = s->kernel->type->tail;
    if (!s->total) return tail;
    CHECK(!strncmp(tail, own, strlen(own)));
    return arena_printf(f->m->arena, "%s_total(r)%s", f->id, tail + strlen(own));
}

void emit_step(const File *f, const Section *s, const Plan *plan, int index, StrBuf *w) {
    const Step *step = &plan->steps[index];
    strbuf_printf(w, "/* %s: %s", c_comment(f->m->arena, step->name), step->comment);
    emit_cost(step, w);
    strbuf_printf(w, " */\nstatic void %s(const %s_run *r, int part) {\n",
                  step_name(f, s, plan, index), f->id);
    if (!strstr(step->kernel->type->tail, "part")) strbuf_puts(w, "    (void)part;\n");
    strbuf_printf(w, "    %s(", step->kernel->fn);
    for (int i = 0; i < step->nargs; i++) {
        if (i) strbuf_puts(w, ", ");
        print_place(f, plan, step, i, w);
    }
    const char *tail = step_tail(f, step);
    strbuf_printf(w, "%s%s);\n}\n\n", step->nargs && *tail ? ", " : "", tail);
}

/* Nanoseconds that one core takes for the samples at a time, roughly: a step must be worth waking
 * threads for. */
static int64_t step_cost(const Step *s) {
    return (s->info.macs / 20 + s->info.bytes / 10) * s->samples + s->info.fixed / 10;
}

static int64_t plan_cost(const Plan *p) {
    int64_t sum = 0;
    for (int i = 0; i < p->nsteps; i++) sum += step_cost(&p->steps[i]);
    return sum;
}

enum { PARALLEL_STEP_NS = 8000, PARALLEL_NET_NS = 50000 };

void emit_call(const File *f, const Section *s, const Plan *plan, int index, StrBuf *w) {
    const Step *step = &plan->steps[index];
    bool parallel = plan_cost(plan) >= PARALLEL_NET_NS && step_cost(step) >= PARALLEL_STEP_NS &&
                    strstr(step->kernel->type->tail, "part") != NULL;
    strbuf_printf(w, "    %s_%s(r, %s, ", f->id, parallel ? "parallel" : "serial",
                  step_name(f, s, plan, index));
    int groups = step->info.groups, rows = step->info.rows;
    const char *times = groups > 1 ? arena_printf(f->m->arena, "%d * ", groups) : "";
    if (rows == 0)
        strbuf_printf(w, "%d);\n", groups);
    else if (rows == 1)
        strbuf_printf(w, "%sr->n);\n", times);
    else
        strbuf_printf(w, "%s((r->n + %d) / %d));\n", times, rows - 1, rows);
}

/* The function that reads like the network: one call a step. */
static void emit_sequence(const File *f, const Section *s, const Plan *plan, Stage stage,
                          const char *name, StrBuf *w) {
    strbuf_printf(w, "static void %s%s(const %s_run *r) {\n", s->kernels.prefix, name, f->id);
    int every = f->m->train.optimizer.accumulate;
    if (stage == STAGE_APPLY && every > 1)
        strbuf_printf(w, "    if ((r->step->step + 1) %% %d) return;\n", every);
    for (int i = 0; i < plan->nsteps; i++) {
        if (stage_of(&plan->steps[i]) != stage) continue;
        emit_call(f, s, plan, i, w);
        if (stage == STAGE_STEPS) emit_ready(f, plan, i, w);
    }
    if (stage == STAGE_REDUCED) strbuf_puts(w, "    (void)r;\n");
    strbuf_puts(w, "}\n\n");
}

/* Predict's phases, each a function that first runs the one before for its samples, a few after the
 * other. The last one is the whole. */
static void emit_phases(const File *f, const Section *s, StrBuf *w) {
    const Plan *plan = s->predict;
    const Phases *phases = &plan->phases;
    for (int k = 0, step = 0; k < phases->count; k++) {
        const char *prefix = s->kernels.prefix;
        if (k == phases->count - 1)
            strbuf_printf(w, "static void %spredict_steps", prefix);
        else
            strbuf_printf(w, "static void %spredict_phase_%d", prefix, k + 1);
        strbuf_printf(w, "(const %s_run *r) {\n", f->id);
        if (k)
            strbuf_printf(w, "    %s_rounds(r, %spredict_phase_%d, %d);\n", f->id, prefix, k,
                          phases->phase[k - 1].samples);
        for (; step < plan->nsteps && phase_of(phases, plan->steps[step].node) == k; step++)
            emit_call(f, s, plan, step, w);
        strbuf_puts(w, "}\n\n");
    }
}

/* Offsets of the plan's buffers in the workspace, in floats. */
static void emit_buffer_names(const File *f, const Plan *plan, StrBuf *w) {
    if (!plan->nbuffers) return;
    strbuf_puts(w, "enum {\n");
    for (int i = 0; i < plan->nbuffers; i++)
        strbuf_printf(w, "    %s = %lld,\n", plan->buffers[i].id,
                      (long long)(f->work.buffers + plan->buffers[i].offset));
    strbuf_puts(w, "};\n\n");
}

static void emit_plan_steps(const File *f, const Section *s, const Plan *plan, StrBuf *w) {
    if (!plan) return;
    emit_buffer_names(f, plan, w);
    for (int i = 0; i < plan->nsteps; i++) emit_step(f, s, plan, i, w);
}

static void emit_sequences(const File *f, const Section *s, StrBuf *w) {
    if (s->predict) emit_phases(f, s, w);
    if (s->eval) emit_sequence(f, s, s->eval, STAGE_STEPS, "eval_steps", w);
    if (!s->train) return;
    emit_sequence(f, s, s->train, STAGE_STEPS, "gradient_steps", w);
    if (f->o->shared) emit_sequence(f, s, s->train, STAGE_REDUCED, "reduced_steps", w);
    emit_sequence(f, s, s->train, STAGE_APPLY, "apply_steps", w);
}

static void emit_section(const File *f, const Section *s, StrBuf *w) {
    StrBuf kernels = {0};
    strbuf_puts(&kernels, "");
    for (int i = 0; i < s->kernels.nuses; i++) {
        const KernelUse *u = s->kernels.uses[i];
        u->type->emit(&kernels, u->params, u->fn);
    }
    strbuf_printf(w, "/* ---- %s ---- */\n\n", s->machine.name);
    open_target(f, &s->machine, w);
    emit_vectors(f, s, kernels.text, w);
    strbuf_bytes(w, kernels.text, kernels.length);
    strbuf_free(&kernels);
    emit_plan_steps(f, s, s->predict, w);
    emit_plan_steps(f, s, s->eval, w);
    emit_plan_steps(f, s, s->train, w);
    for (int i = 0; f->takes_bytes && i < f->ninputs; i++)
        strbuf_printf(w,
                      "/* raw bytes to floats: %s */\nstatic void %sbytes_%d_step(const %s_run *r, "
                      "int part) {\n    %s(r->bytes[%d], r->work + %lld, part);\n}\n\n",
                      c_comment(f->m->arena, f->input[i].value->name), s->kernels.prefix, i + 1,
                      f->id, s->input_bytes[i], i, (long long)f->input[i].at);
    close_target(&s->machine, w);
    emit_sequences(f, s, w);
}

/* The functions of `from` are those of `to`. */
static void emit_aliases(const File *f, const Section *from, const Section *to, StrBuf *w) {
    const char *const training[] = {"eval_steps", "gradient_steps", "apply_steps",
                                    f->o->shared ? "reduced_steps" : NULL, NULL};
    static const char *const inference[] = {"predict_steps", NULL};
    const char *of = from->kernels.prefix, *is = to->kernels.prefix;
    for (int i = 0; f->takes_bytes && i < f->ninputs; i++)
        strbuf_printf(w, "#define %sbytes_%d_step %sbytes_%d_step\n", of, i + 1, is, i + 1);
    for (const char *const *name = f->o->train ? training : inference; *name; name++)
        strbuf_printf(w, "#define %s%s %s%s\n", of, *name, is, *name);
}

static void emit_sections(const File *f, StrBuf *w) {
    int wide = wide_sections(f), last = f->nsections - 1;
    if (has_narrow(f)) strbuf_printf(w, "#ifndef %s_narrow\n", f->id);
    for (int i = 0; i < wide; i++) emit_section(f, &f->section[i], w);
    if (has_narrow(f)) {
        strbuf_puts(w, "#else\n");
        for (int i = 0; i < wide; i++) emit_aliases(f, &f->section[i], &f->section[last], w);
        strbuf_puts(w, "#endif\n\n");
    }
    for (int i = wide; i <= last; i++) emit_section(f, &f->section[i], w);
}

/* Which layer each step belongs to, for `lathe bench --layers`. */
static void emit_profile_names(const File *f, const Section *s, const Plan *plan, StrBuf *w) {
    for (int i = 0; plan && i < plan->nsteps; i++)
        strbuf_printf(w, "    {\"%s\", %s},\n", step_name(f, s, plan, i),
                      c_string(f->m->arena, plan->steps[i].layer));
}

static void emit_profile(const File *f, StrBuf *w) {
    strbuf_printf(w, "#ifdef LATHE_PROFILE\nconst char *const %s_profile_layers[][2] = {\n", f->id);
    for (int i = 0; i < f->nsections; i++) {
        const Section *s = &f->section[i];
        emit_profile_names(f, s, s->predict, w);
        emit_profile_names(f, s, s->eval, w);
        emit_profile_names(f, s, s->train, w);
    }
    strbuf_puts(w, "    {0, 0}};\n#endif\n\n");
}

/* Code that follows in the same translation unit keeps its own options. */
static void emit_closing(const File *f, StrBuf *w) {
    strbuf_puts(w, "#if defined(__clang__)\n#pragma STDC FP_CONTRACT DEFAULT\n"
                   "#ifdef __FAST_MATH__\n#pragma float_control(pop)\n#endif\n"
                   "#elif defined(__GNUC__)\n#pragma GCC pop_options\n#endif\n");
    if (has_narrow(f))
        strbuf_printf(w, "#ifdef %s_narrow\n#pragma GCC pop_options\n#endif\n", f->id);
}

/* Offsets of the parameters in weights or state, in floats. */
static void emit_param_names(const File *f, StrBuf *w) {
    strbuf_puts(w, "enum {\n");
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *p = &f->params->param[i];
        if (p->at >= 0) strbuf_printf(w, "    %s = %lld,\n", p->id, (long long)p->at);
    }
    strbuf_printf(w, "    %s_floats = %lld\n};\n\n", f->id, (long long)f->params->floats);
}

void emit_source(const File *f, StrBuf *w) {
    emit_opening(f, w);
    RunParams run = {.id = f->id, .rounds = f->phases.count > 1};
    template_run(w, &run, "");
    SharedRunParams shared = {.id = f->id};
    if (f->o->shared) template_shared_run(w, &shared, "");
    emit_param_names(f, w);
    emit_sections(f, w);
    emit_profile(f, w);
    emit_tables(f, w);
    emit_entries(f, w);
    emit_scale(f, w);
    emit_closing(f, w);
}
