/* The public functions of the generated file and the table that lists them. */
#include "emit.h"

#include <string.h>

/* Arrays of the pointers that an entry point takes, as the functions behind it do. */
static void emit_pointers(const char *type, const char *name, const Port *ports, int n, StrBuf *w) {
    strbuf_printf(w, "    %s *const %s[] = {", type, name);
    for (int i = 0; i < n; i++) strbuf_printf(w, "%s%s", i ? ", " : "", ports[i].id);
    strbuf_puts(w, "};\n");
}

/* Where the converted bytes lie. */
static void emit_converted(const File *f, StrBuf *w) {
    strbuf_puts(w, "    const float *const input[] = {");
    for (int i = 0; i < f->ninputs; i++)
        strbuf_printf(w, "%s(const float *)workspace + %lld", i ? ", " : "",
                      (long long)f->input[i].at);
    strbuf_puts(w, "};\n");
}

static const char *input_type(bool bytes) { return bytes ? "const uint8_t" : "const float"; }

/* `NAME_WHAT(r)`: the steps for the target of r. */
static void emit_dispatch(const File *f, const char *what, StrBuf *w) {
    if (f->nsections == 1) return;
    strbuf_printf(w, "LATHE_INLINE void %s_%s(const %s_run *r) {\n    ", f->id, what, f->id);
    for (int i = f->nsections - 1; i > 0; i--)
        strbuf_printf(w, "if (r->target == %d)\n        %s%s(r);\n    else%s", i,
                      f->section[i].kernels.prefix, what, i > 1 ? " " : "\n");
    strbuf_printf(w, "        %s%s(r);\n}\n\n", f->section[0].kernels.prefix, what);
}

static void emit_conversions(const File *f, int section, const char *indent, StrBuf *w) {
    for (int i = 0; i < f->ninputs; i++)
        strbuf_printf(w, "%s%s_parallel(r, %sbytes_%d_step, r->n);\n", indent, f->id,
                      f->section[section].kernels.prefix, i + 1);
}

static void emit_input_bytes(const File *f, StrBuf *w) {
    if (!f->takes_bytes) return;
    strbuf_printf(w, "LATHE_INLINE void %s_input_bytes(const %s_run *r) {\n", f->id, f->id);
    for (int i = 1; i < f->nsections; i++) {
        strbuf_printf(w, "    if (r->target == %d) {\n", i);
        emit_conversions(f, i, "        ", w);
        strbuf_puts(w, "        return;\n    }\n");
    }
    emit_conversions(f, 0, "    ", w);
    strbuf_puts(w, "}\n\n");
}

/* The condition of C under which the machine runs this target of x86-64. */
static const char *machine_has(const Machine *m) {
    if (m->lanes == 16)
        return "__builtin_cpu_supports(\"avx512f\") && __builtin_cpu_supports(\"avx512vl\") &&\n"
               "                   __builtin_cpu_supports(\"avx512dq\") && "
               "__builtin_cpu_supports(\"avx512bw\")";
    return "__builtin_cpu_supports(\"avx2\") && __builtin_cpu_supports(\"fma\")";
}

/* The best target that this machine runs, or the one that the caller forces. The last one needs
 * nothing that is asked for. */
static void emit_pick(const File *f, StrBuf *w) {
    int last = f->nsections - 1;
    strbuf_printf(w, "LATHE_INLINE int %s_pick(int wanted) {\n", f->id);
    if (last == 0) {
        strbuf_puts(w, "    (void)wanted;\n    return 0;\n}\n\n");
        return;
    }
    strbuf_printf(
        w,
        "    if (wanted >= 0) return wanted;\n#ifdef %s_narrow\n    return %d;\n#else\n    "
        "__builtin_cpu_init();\n    return ",
        f->id, last);
    for (int i = 0; i < last; i++)
        strbuf_printf(w, "%s\n               ? %d\n               : ",
                      machine_has(&f->section[i].machine), i);
    strbuf_printf(w, "%d;\n#endif\n}\n\n", last);
}

static void emit_zero_run(const File *f, StrBuf *w) {
    strbuf_printf(w, "    %s_run r = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0%s};\n", f->id,
                  f->phases.count > 1 ? ", 0" : "");
}

/* ---- inference ------------------------------------------------------------------------------ */

/* Pointers to the samples from `first` on. */
static void emit_advance(const char *to, const char *from, const Port *ports, int n, StrBuf *w) {
    for (int i = 0; i < n; i++)
        strbuf_printf(w, "        %s[%d] = %s[%d] + (size_t)first * %lld;\n", to, i, from, i,
                      (long long)ports[i].count);
}

/* The steps for a few samples after the other. */
static void emit_rounds(const File *f, bool bytes, StrBuf *w) {
    int most = f->o->batch;
    strbuf_printf(w, "    %s *x[%d];\n    float *y[%d];\n    r.%s = x;\n    r.output = y;\n",
                  input_type(bytes), f->ninputs, f->noutputs, bytes ? "bytes" : "input");
    if (bytes) strbuf_puts(w, "    r.input = input;\n");
    strbuf_printf(w,
                  "    for (int first = 0; first < n; first += %d) {\n"
                  "        r.n = n - first < %d ? n - first : %d;\n",
                  most, most, most);
    emit_advance("x", bytes ? "bytes" : "input", f->input, f->ninputs, w);
    emit_advance("y", "output", f->output, f->noutputs, w);
    if (bytes) strbuf_printf(w, "        %s_input_bytes(&r);\n", f->id);
    strbuf_printf(w, "        %s_predict_steps(&r);\n    }\n}\n\n", f->id);
}

static void emit_predict_all(const File *f, bool bytes, StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE void %s_predict%s_all(const lathe_weights *w, void *workspace, int "
                  "n, %s *const *%s, float *const *output) {\n",
                  f->id, bytes ? "_u8" : "", input_type(bytes), bytes ? "bytes" : "input");
    emit_zero_run(f, w);
    if (bytes) emit_converted(f, w);
    strbuf_puts(w, "    r.target = w->target;\n    r.parallel_for = w->parallel_for;\n"
                   "    r.parallel_context = w->parallel_context;\n"
                   "    r.weights = (const float *)(const void *)(w->image + 64);\n"
                   "    r.work = (float *)workspace;\n");
    if (f->o->batch < f->batch) {
        emit_rounds(f, bytes, w);
        return;
    }
    strbuf_puts(w, "    r.n = n;\n    r.input = input;\n    r.output = output;\n");
    if (bytes) strbuf_printf(w, "    r.bytes = bytes;\n    %s_input_bytes(&r);\n", f->id);
    strbuf_printf(w, "    %s_predict_steps(&r);\n}\n\n", f->id);
}

static void emit_predict(const File *f, bool bytes, StrBuf *w) {
    const char *suffix = bytes ? "_u8" : "";
    emit_predict_all(f, bytes, w);
    strbuf_printf(w,
                  "void %s_predict%s(const lathe_weights *w, void *workspace, int n, %s, %s) {\n",
                  f->id, suffix, input_params(f, bytes), output_params(f));
    emit_pointers(input_type(bytes), "input", f->input, f->ninputs, w);
    emit_pointers("float", "output", f->output, f->noutputs, w);
    strbuf_printf(w, "    %s_predict%s_all(w, workspace, n, input, output);\n}\n\n", f->id, suffix);
}

/* ---- training ------------------------------------------------------------------------------- */

static int64_t output_buffer(const File *f, const Plan *p, const Value *v) {
    for (int i = 0; i < p->nbuffers; i++)
        if (!strcmp(p->buffers[i].name, v->name)) return f->work.buffers + p->buffers[i].offset;
    PANIC("no buffer for %s", v->name);
}

static void emit_sum(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE void %s_sum(const float *loss, const float *right, int n, "
                  "lathe_metrics *m) {\n"
                  "    m->loss = m->correct = 0.0;\n    m->count = (uint64_t)n;\n"
                  "    for (int i = 0; i < n; i++) {\n        m->loss += (double)loss[i];\n"
                  "        if (right) m->correct += (double)right[i];\n    }\n}\n\n",
                  f->id);
}

/* The weighted sum of the losses, from where each stands. */
static void emit_total(const File *f, StrBuf *w) {
    for (int i = 0; i < f->nlosses; i++) {
        float weight = f->m->train.outputs[f->loss[i].output].weight;
        int at = f->nlosses > 1 ? 1 + i : 0;
        const char *factor =
            weight == 1.0f ? "" : arena_printf(f->m->arena, "%.9g * ", (double)weight);
        if (f->nlosses > 1 || weight != 1.0f)
            strbuf_printf(w, "    metrics[0].loss %s %smetrics[%d].loss;\n", i ? "+=" : "=", factor,
                          at);
    }
    if (f->nlosses > 1)
        strbuf_puts(w, "    metrics[0].correct = 0.0;\n    metrics[0].count = (uint64_t)r->n;\n");
}

static void emit_metrics(const File *f, const char *name, const Plan *p, const Function *fn,
                         StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE void %s_%s_metrics(const %s_run *r, lathe_metrics *metrics) {\n"
                  "    if (!metrics) return;\n",
                  f->id, name, f->id);
    for (int i = 0, k = 0; i < f->nlosses; i++) {
        long long loss = output_buffer(f, p, fn->outputs[k++]);
        const char *right = "0";
        if (f->m->train.outputs[f->loss[i].output].metric != METRIC_NONE)
            right = arena_printf(f->m->arena, "r->work + %lld",
                                 (long long)output_buffer(f, p, fn->outputs[k++]));
        strbuf_printf(w, "    %s_sum(r->work + %lld, %s, r->n, metrics + %d);\n", f->id, loss,
                      right, f->nlosses > 1 ? 1 + i : 0);
    }
    emit_total(f, w);
    const Value *last = fn->outputs[fn->noutputs - 1];
    if (last->type.shape.rank == 0)
        strbuf_printf(w, "    metrics[0].loss += (double)r->n * (double)r->work[%lld];\n",
                      (long long)output_buffer(f, p, last));
    strbuf_puts(w, "}\n\n");
}

static void emit_training_run(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE %s_run %s_start(void *state, void *workspace, const lathe_step *s, "
                  "const float *const *input, const void *const *labels) {\n",
                  f->id, f->id);
    emit_zero_run(f, w);
    strbuf_printf(
        w,
        "    r.state = (float *)state;\n    r.weights = (const float *)state;\n"
        "    r.work = (float *)workspace;\n    r.step = s;\n    r.input = input;\n"
        "    r.labels = labels;\n"
        "    r.n = s->n;\n    r.target = %s_pick(s->target);\n"
        "    r.parallel_for = s->parallel_for;\n    r.parallel_context = s->parallel_context;\n"
        "    return r;\n}\n\n",
        f->id);
}

/* Gradients are rounded up to whole cache lines. What lies between them is never computed; it is
 * zero, so that the optimizer's sweep keeps the same gaps of the state at zero. */
static void emit_clear_gaps(const File *f, StrBuf *w) {
    strbuf_printf(w, "LATHE_INLINE void %s_clear_gaps(const %s_run *r) {\n", f->id, f->id);
    strbuf_puts(w, "    (void)r;\n");
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *p = &f->params->param[i];
        int64_t used = pitch_of(p->columns) * p->rows;
        if (p->grad_at >= 0 && used < p->floats)
            strbuf_printf(w, "    for (int k = 0; k < %lld; k++) r->work[%lld + k] = 0.0f;\n",
                          (long long)(p->floats - used),
                          (long long)(f->work.grads + p->grad_at + used));
    }
    strbuf_puts(w, "}\n\n");
}

typedef enum { CALL_GRADIENTS, CALL_TRAIN, CALL_EVALUATE } Call;

static const char *const call_names[] = {"gradients", "train_step", "evaluate"};

static void emit_training_all(const File *f, Call call, bool bytes, StrBuf *w) {
    const char *id = f->id;
    strbuf_printf(w,
                  "LATHE_INLINE void %s_%s%s_all(%svoid *state, void *workspace, const lathe_step "
                  "*s, %s *const *%s, const void *const *labels, lathe_metrics *metrics) {\n",
                  id, call_names[call], bytes ? "_u8" : "", call == CALL_EVALUATE ? "const " : "",
                  input_type(bytes), bytes ? "bytes" : "input");
    if (bytes) emit_converted(f, w);
    strbuf_printf(w, "    %s%s_run r = %s_start(%sstate, workspace, s, input, labels);\n",
                  bytes ? "" : "const ", id, id,
                  call == CALL_EVALUATE ? "(void *)(uintptr_t)" : "");
    if (bytes) strbuf_printf(w, "    r.bytes = bytes;\n    %s_input_bytes(&r);\n", id);
    if (call == CALL_EVALUATE) {
        strbuf_printf(w, "    %s_eval_steps(&r);\n    %s_eval_metrics(&r, metrics);\n}\n\n", id,
                      id);
        return;
    }
    strbuf_printf(w, "    %s_clear_gaps(&r);\n", id);
    strbuf_printf(w, "    %s_gradient_steps(&r);\n    %s_train_metrics(&r, metrics);\n", id, id);
    emit_shared_finish(f, w);
    if (call == CALL_TRAIN) strbuf_printf(w, "    %s_apply_steps(&r);\n", id);
    strbuf_puts(w, "}\n\n");
}

static void emit_training_call(const File *f, Call call, bool bytes, StrBuf *w) {
    const char *suffix = bytes ? "_u8" : "";
    emit_training_all(f, call, bytes, w);
    strbuf_printf(w,
                  "void %s_%s%s(%svoid *state, void *workspace, const lathe_step *s, %s, %s, "
                  "lathe_metrics *metrics) {\n",
                  f->id, call_names[call], suffix, call == CALL_EVALUATE ? "const " : "",
                  input_params(f, bytes), label_params(f));
    emit_pointers(input_type(bytes), "input", f->input, f->ninputs, w);
    emit_pointers("const void", "labels", f->loss, f->nlosses, w);
    strbuf_printf(w, "    %s_%s%s_all(state, workspace, s, input, labels, metrics);\n}\n\n", f->id,
                  call_names[call], suffix);
}

static void emit_training(const File *f, StrBuf *w) {
    emit_training_run(f, w);
    emit_clear_gaps(f, w);
    emit_sum(f, w);
    emit_metrics(f, "train", f->section[0].train, f->section[0].train->function, w);
    emit_metrics(f, "eval", f->section[0].eval, f->section[0].eval->function, w);
    for (Call c = CALL_GRADIENTS; c <= CALL_EVALUATE; c++) {
        emit_training_call(f, c, false, w);
        if (f->takes_bytes) emit_training_call(f, c, true, w);
    }
    strbuf_printf(
        w,
        "void %s_apply(void *state, void *workspace, const lathe_step *s) {\n"
        "    const %s_run r = %s_start(state, workspace, s, 0, 0);\n    %s_apply_steps(&r);\n}\n\n",
        f->id, f->id, f->id, f->id);
}

/* ---- self-test and the model's table -------------------------------------------------------- */

static void emit_expected(const File *f, StrBuf *w) {
    strbuf_puts(w, "    static const float expected[] = {");
    for (int i = 0; i < f->nexpected; i++)
        strbuf_printf(w, "%s%s", i ? ", " : "", c_float(f->m->arena, f->expected[i]));
    strbuf_puts(w, "};\n    static const int32_t at[] = {");
    for (int i = 0; i < f->nexpected; i++)
        strbuf_printf(w, "%s%lld", i ? ", " : "", (long long)f->expected_at[i]);
    strbuf_puts(w, "};\n");
}

/* The example: inputs of numbers from the generator, whole numbers and labels 0. */
static void emit_example(const File *f, StrBuf *w) {
    strbuf_puts(w, "    float *const work = (float *)workspace;\n");
    for (int i = 0; i < f->ninputs; i++)
        strbuf_printf(w, "    float *const %s = work + %lld;\n", f->input[i].id,
                      (long long)f->input[i].at);
    strbuf_puts(w, "    float worst = 0.0f, largest = 1e-30f;\n    uint32_t e = 0;\n");
    for (int i = 0; i < f->ninputs; i++) {
        bool numbers = f->input[i].value->type.dtype == DT_F32;
        strbuf_printf(w, "    for (int k = 0; k < %lld; k++) %s[k] = %s;\n",
                      (long long)f->input[i].count, f->input[i].id,
                      numbers ? "lathe_uniform(1, 0, e++)" : "0.0f");
    }
    strbuf_puts(w, "    (void)e;\n");
}

static void emit_arguments(const Port *ports, int n, StrBuf *w) {
    for (int i = 0; i < n; i++) strbuf_printf(w, ", %s", ports[i].id);
}

static void emit_example_loss(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "    const lathe_step s = {1, -1, 0, 0, 1, 0.0f, 0, 0, 0};\n"
                  "    lathe_metrics m[%d];\n    float got[1];\n    (void)w;\n",
                  f->nlosses > 1 ? 1 + f->nlosses : 1);
    for (int i = 0; i < f->nlosses; i++) {
        const Port *p = &f->loss[i];
        const char *type = has_class_labels(f, p) ? "int32_t" : "float";
        strbuf_printf(w,
                      "    %s *const %s = (%s *)(work + %lld);\n"
                      "    for (int k = 0; k < %lld; k++) %s[k] = 0;\n",
                      type, p->id, type, (long long)p->at, (long long)p->count, p->id);
    }
    strbuf_printf(w, "    %s_init(state, 1);\n    %s_evaluate(state, workspace, &s", f->id, f->id);
    emit_arguments(f->input, f->ninputs, w);
    emit_arguments(f->loss, f->nlosses, w);
    strbuf_puts(w, ", m);\n    got[0] = (float)m[0].loss;\n");
}

static void emit_example_outputs(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "    const float *const got = work + %lld;\n    (void)state;\n"
                  "    %s_predict(w, workspace, 1",
                  (long long)f->output[0].at, f->id);
    emit_arguments(f->input, f->ninputs, w);
    for (int i = 0; i < f->noutputs; i++)
        strbuf_printf(w, ", work + %lld", (long long)f->output[i].at);
    strbuf_puts(w, ");\n");
}

/* Compares with what lathe's interpreter computed in double when the file was written. */
static void emit_self_test(const File *f, StrBuf *w) {
    strbuf_printf(w, "int %s_self_test(const lathe_weights *w, void *state, void *workspace) {\n",
                  f->id);
    if (!f->nexpected) {
        strbuf_puts(
            w, "    /* The model's result for the stored example is not finite: nothing to "
               "compare. */\n"
               "    (void)w;\n    (void)state;\n    (void)workspace;\n    return LATHE_OK;\n}\n\n");
        return;
    }
    emit_expected(f, w);
    emit_example(f, w);
    if (f->o->train)
        emit_example_loss(f, w);
    else
        emit_example_outputs(f, w);
    strbuf_printf(w,
                  "    for (int k = 0; k < %d; k++) {\n"
                  "        const float y = got[at[k]];\n"
                  "        const float d = y > expected[k] ? y - expected[k] : expected[k] - y;\n"
                  "        const float a = expected[k] < 0.0f ? -expected[k] : expected[k];\n"
                  "        worst = d > worst || d != d ? d : worst;\n        largest = a > largest "
                  "? a : largest;\n    }\n"
                  "    return worst <= 1e-3f * largest ? LATHE_OK : LATHE_E_SELF_TEST;\n}\n\n",
                  f->nexpected);
}

static void emit_model_functions(const File *f, StrBuf *w) {
    static const struct {
        const char *name;
        bool train, bytes, all;
    } rows[] = {{"weights_open", false, false, false},  {"weights_verify", false, false, false},
                {"predict", false, false, true},        {"predict_u8", false, true, true},
                {"init", true, false, false},           {"gradients", true, false, true},
                {"gradients_u8", true, true, true},     {"apply", true, false, false},
                {"train_step", true, false, true},      {"train_step_u8", true, true, true},
                {"evaluate", true, false, true},        {"evaluate_u8", true, true, true},
                {"export_tensor", true, false, false},  {"import_tensor", true, false, false},
                {"export_gradient", true, false, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].train != f->o->train || (rows[i].bytes && !f->takes_bytes))
            strbuf_puts(w, "    0,\n");
        else
            strbuf_printf(w, "    %s_%s%s,\n", f->id, rows[i].name, rows[i].all ? "_all" : "");
    }
}

static void emit_model(const File *f, StrBuf *w) {
    const char *id = f->id, *ID = f->ID;
    const Module *m = f->m;
    const TrainConfig *t = &m->train;
    strbuf_printf(w,
                  "const lathe_model %s_model = {\n    LATHE_ABI, \"%s\", %s_MODEL_HASH, %s_BATCH, "
                  "%d, %d, %d,\n    %s_inputs, %s_outputs, %s%s,\n",
                  id, id, ID, ID, f->ninputs, f->noutputs, f->nlosses, id, id,
                  f->nlosses ? id : "0", f->nlosses ? "_losses" : "");
    int tensors = 0;
    for (int i = 0; i < m->nparams; i++) tensors += m->params[i].role != PARAM_CONST;
    strbuf_printf(w, "    %s_INPUT_SCALE, %s, %s,\n", ID,
                  c_string(m->arena, t->optimizer.name ? t->optimizer.name : ""),
                  c_float(m->arena, t->optimizer.learning_rate));
    strbuf_printf(w, "    %d, %s%s, %d, %s_targets,\n", m->nclasses, m->nclasses ? id : "0",
                  m->nclasses ? "_classes" : "", f->nsections, id);
    strbuf_printf(w, "    %s_WEIGHTS_BYTES, %s_STATE_BYTES, %s_WORKSPACE_BYTES, %s_ALIGNMENT,\n",
                  ID, ID, ID, ID);
    strbuf_printf(w, "    %s%s, %d, %s_tensors,\n", f->embed || f->assembled ? id : "0",
                  f->embed       ? "_image.byte"
                  : f->assembled ? "_image"
                                 : "",
                  tensors, id);
    emit_model_functions(f, w);
    strbuf_printf(w, "    %s_self_test,\n};\n", id);
}

void emit_entries(const File *f, StrBuf *w) {
    strbuf_puts(w, "/* ---- interface ---- */\n\n");
    static const char *const sequences[] = {"predict_steps", "eval_steps", "gradient_steps",
                                            "apply_steps", "reduced_steps"};
    int last = !f->o->train ? 1 : f->o->shared ? 5 : 4;
    for (int i = f->o->train ? 1 : 0; i < last; i++) emit_dispatch(f, sequences[i], w);
    emit_pick(f, w);
    emit_input_bytes(f, w);
    if (f->o->train) {
        emit_training(f, w);
    } else {
        WeightsParams p = {.id = f->id, .ID = f->ID, .type = (int)f->o->weights_type};
        template_weights(w, &p, "");
        emit_predict(f, false, w);
        if (f->takes_bytes) emit_predict(f, true, w);
    }
    emit_self_test(f, w);
    emit_model(f, w);
}
