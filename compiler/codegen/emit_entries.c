/* The public functions of the generated file and the table that lists them. */
#include "emit.h"

#include <string.h>

static void emit_fields(const File *f, bool bytes, StrBuf *w) {
    if (bytes)
        strbuf_printf(w, "    r.bytes = input;\n    r.input = (float *)workspace + %lld;\n",
                      (long long)f->work.input);
    else
        strbuf_puts(w, "    r.input = input;\n");
    strbuf_puts(w, "    r.work = (float *)workspace;\n");
}

/* `NAME_WHAT(r)`: the steps for the target of r. */
static void emit_dispatch(const File *f, const char *what, StrBuf *w) {
    if (f->nsections == 1) return;
    strbuf_printf(w,
                  "LATHE_INLINE void %s_%s(const %s_run *r) {\n    if (r->target == 1)\n"
                  "        %s%s(r);\n    else\n        %s%s(r);\n}\n\n",
                  f->id, what, f->id, f->section[1].kernels.prefix, what,
                  f->section[0].kernels.prefix, what);
}

static void emit_input_bytes(const File *f, StrBuf *w) {
    strbuf_printf(w, "LATHE_INLINE void %s_input_bytes(const %s_run *r) {\n", f->id, f->id);
    if (f->nsections == 2)
        strbuf_printf(w,
                      "    if (r->target == 1) {\n        %s_parallel(r, %sinput_bytes_step, "
                      "r->n);\n        return;\n    }\n",
                      f->id, f->section[1].kernels.prefix);
    strbuf_printf(w, "    %s_parallel(r, %sinput_bytes_step, r->n);\n}\n\n", f->id,
                  f->section[0].kernels.prefix);
}

/* The best target that this machine runs, or the one that the caller forces. */
static void emit_pick(const File *f, StrBuf *w) {
    strbuf_printf(w, "LATHE_INLINE int %s_pick(int wanted) {\n", f->id);
    if (f->nsections == 1)
        strbuf_puts(w, "    (void)wanted;\n    return 0;\n}\n\n");
    else
        strbuf_puts(w, "    if (wanted >= 0) return wanted;\n    __builtin_cpu_init();\n"
                       "    return __builtin_cpu_supports(\"avx512f\") && "
                       "__builtin_cpu_supports(\"avx512vl\") &&\n"
                       "                   __builtin_cpu_supports(\"avx512dq\") && "
                       "__builtin_cpu_supports(\"avx512bw\")\n"
                       "               ? 0\n               : 1;\n}\n\n");
}

static const char *const zero_run = "    %s_run r = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};\n";

/* ---- inference ------------------------------------------------------------------------------ */

static void emit_predict(const File *f, bool bytes, StrBuf *w) {
    strbuf_printf(w,
                  "void %s_predict%s(const lathe_weights *w, void *workspace, int n, const %s "
                  "*input, float *output) {\n",
                  f->id, bytes ? "_u8" : "", bytes ? "uint8_t" : "float");
    strbuf_printf(w, zero_run, f->id);
    strbuf_puts(w,
                "    r.n = n;\n    r.target = w->target;\n    r.parallel_for = w->parallel_for;\n"
                "    r.parallel_context = w->parallel_context;\n    r.output = output;\n"
                "    r.weights = (const float *)(const void *)(w->image + 64);\n");
    emit_fields(f, bytes, w);
    if (bytes) strbuf_printf(w, "    %s_input_bytes(&r);\n", f->id);
    strbuf_printf(w, "    %s_predict_steps(&r);\n}\n\n", f->id);
}

/* ---- training ------------------------------------------------------------------------------- */

static int64_t output_buffer(const File *f, const Plan *p, const Value *v) {
    for (int i = 0; i < p->nbuffers; i++)
        if (!strcmp(p->buffers[i].name, v->name)) return f->work.buffers + p->buffers[i].offset;
    PANIC("no buffer for %s", v->name);
}

static void emit_sum(const File *f, const char *name, const Plan *p, const Function *fn,
                     StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE void %s_%s_metrics(const %s_run *r, lathe_metrics *metrics) {\n"
                  "    const float *loss = r->work + %lld;\n",
                  f->id, name, f->id, (long long)output_buffer(f, p, fn->outputs[0]));
    bool accuracy = fn->noutputs > 1;
    if (accuracy)
        strbuf_printf(w, "    const float *right = r->work + %lld;\n",
                      (long long)output_buffer(f, p, fn->outputs[1]));
    strbuf_puts(w, "    if (!metrics) return;\n    metrics->loss = metrics->correct = 0.0;\n"
                   "    metrics->count = (uint64_t)r->n;\n    for (int i = 0; i < r->n; i++) {\n"
                   "        metrics->loss += (double)loss[i];\n");
    if (accuracy) strbuf_puts(w, "        metrics->correct += (double)right[i];\n");
    strbuf_puts(w, "    }\n}\n\n");
}

static void emit_training_run(const File *f, StrBuf *w) {
    strbuf_printf(w,
                  "LATHE_INLINE %s_run %s_start(void *state, void *workspace, const lathe_step *s, "
                  "const void *labels) {\n",
                  f->id, f->id);
    strbuf_printf(w, zero_run, f->id);
    strbuf_printf(
        w,
        "    r.state = (float *)state;\n    r.weights = (const float *)state;\n"
        "    r.work = (float *)workspace;\n    r.step = s;\n    r.labels = labels;\n"
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

static void emit_training_call(const File *f, Call call, bool bytes, StrBuf *w) {
    static const char *const names[] = {"gradients", "train_step", "evaluate"};
    const char *id = f->id;
    strbuf_printf(w,
                  "void %s_%s%s(%svoid *state, void *workspace, const lathe_step *s, const %s "
                  "*input, const void *labels, lathe_metrics *metrics) {\n",
                  id, names[call], bytes ? "_u8" : "", call == CALL_EVALUATE ? "const " : "",
                  bytes ? "uint8_t" : "float");
    strbuf_printf(w, "    %s_run r = %s_start(%sstate, workspace, s, labels);\n", id, id,
                  call == CALL_EVALUATE ? "(void *)(uintptr_t)" : "");
    emit_fields(f, bytes, w);
    if (bytes) strbuf_printf(w, "    %s_input_bytes(&r);\n", id);
    if (call == CALL_EVALUATE) {
        strbuf_printf(w, "    %s_eval_steps(&r);\n    %s_eval_metrics(&r, metrics);\n}\n\n", id,
                      id);
        return;
    }
    strbuf_printf(w, "    %s_clear_gaps(&r);\n", id);
    strbuf_printf(w, "    %s_gradient_steps(&r);\n    %s_train_metrics(&r, metrics);\n", id, id);
    if (call == CALL_TRAIN) strbuf_printf(w, "    %s_apply_steps(&r);\n", id);
    strbuf_puts(w, "}\n\n");
}

static void emit_training(const File *f, StrBuf *w) {
    emit_training_run(f, w);
    emit_clear_gaps(f, w);
    emit_sum(f, "train", f->section[0].train, f->section[0].train->function, w);
    emit_sum(f, "eval", f->section[0].eval, f->section[0].eval->function, w);
    for (Call c = CALL_GRADIENTS; c <= CALL_EVALUATE; c++) {
        emit_training_call(f, c, false, w);
        emit_training_call(f, c, true, w);
    }
    strbuf_printf(
        w,
        "void %s_apply(void *state, void *workspace, const lathe_step *s) {\n"
        "    %s_run r = %s_start(state, workspace, s, 0);\n    %s_apply_steps(&r);\n}\n\n",
        f->id, f->id, f->id, f->id);
}

/* ---- self-test and the model's table -------------------------------------------------------- */

static void emit_expected(const File *f, StrBuf *w) {
    strbuf_puts(w, "    static const float expected[] = {");
    for (int i = 0; i < f->nexpected; i++)
        strbuf_printf(w, "%s%s", i ? ", " : "", c_float(f->m->arena, f->expected[i]));
    strbuf_puts(w, "};\n");
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
    strbuf_printf(
        w,
        "    float *input = (float *)workspace + %lld, worst = 0.0f, largest = 1e-30f;\n"
        "    for (uint32_t e = 0; e < %lldu; e++) input[e] = (float)lathe_uniform(1, 0, e);\n",
        (long long)f->work.input, (long long)shape_count(&f->input->type.shape));
    if (f->o->train)
        strbuf_printf(
            w,
            "    const lathe_step s = {1, -1, 0, 0, 1, 0.0f, 0, 0};\n    lathe_metrics m;\n"
            "    float got[1];\n    %s *labels = (%s *)((float *)workspace + %lld);\n"
            "    for (int k = 0; k < %lld; k++) labels[k] = 0;\n"
            "    (void)w;\n    %s_init(state, 1);\n"
            "    %s_evaluate(state, workspace, &s, input, labels, &m);\n    got[0] = "
            "(float)m.loss;\n",
            f->m->train.loss == LOSS_CROSSENTROPY ? "int32_t" : "float",
            f->m->train.loss == LOSS_CROSSENTROPY ? "int32_t" : "float", (long long)f->work.output,
            (long long)shape_count(&f->output->type.shape), f->id, f->id);
    else
        strbuf_printf(w,
                      "    float *got = (float *)workspace + %lld;\n    (void)state;\n"
                      "    %s_predict(w, workspace, 1, input, got);\n",
                      (long long)f->work.output, f->id);
    strbuf_printf(w,
                  "    for (int k = 0; k < %d; k++) {\n"
                  "        const float d = got[k] > expected[k] ? got[k] - expected[k] : "
                  "expected[k] - got[k];\n"
                  "        const float a = expected[k] < 0.0f ? -expected[k] : expected[k];\n"
                  "        worst = d > worst || d != d ? d : worst;\n        largest = a > largest "
                  "? a : largest;\n    }\n"
                  "    return worst <= 1e-3f * largest ? LATHE_OK : LATHE_E_SELF_TEST;\n}\n\n",
                  f->nexpected);
}

static void emit_sample_shape(const Shape *s, StrBuf *w) {
    strbuf_puts(w, "{");
    for (int i = 1; i < s->rank; i++)
        strbuf_printf(w, "%s%lld", i > 1 ? ", " : "", (long long)s->dim[i]);
    strbuf_puts(w, s->rank > 1 ? "}" : "1}");
}

static void emit_model(const File *f, StrBuf *w) {
    const char *id = f->id, *ID = f->ID;
    const Module *m = f->m;
    const TrainConfig *t = &m->train;
    const Shape *x = &f->input->type.shape, *y = &f->output->type.shape;
    strbuf_printf(w,
                  "const lathe_model %s_model = {\n    LATHE_ABI, \"%s\", %s_MODEL_HASH, %s_BATCH, "
                  "%d, %d,\n    ",
                  id, id, ID, ID, x->rank - 1, y->rank - 1);
    emit_sample_shape(x, w);
    strbuf_puts(w, ", ");
    emit_sample_shape(y, w);
    bool train = f->o->train;
    int tensors = 0;
    for (int i = 0; i < m->nparams; i++) tensors += m->params[i].role != PARAM_CONST;
    strbuf_printf(w, ",\n    %s_INPUT_COUNT, %s_OUTPUT_COUNT, %s_INPUT_SCALE,\n", ID, ID, ID);
    strbuf_printf(w, "    %d, %d, %s, %s, %s,\n",
                  t->loss != LOSS_CROSSENTROPY && t->loss != LOSS_NONE, t->metric != METRIC_NONE,
                  c_string(m->arena, t->loss_name ? t->loss_name : ""),
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
    static const char *const predict[] = {"weights_open", "weights_verify", "predict",
                                          "predict_u8"};
    static const char *const training[] = {"init",          "gradients",      "gradients_u8",
                                           "apply",         "train_step",     "train_step_u8",
                                           "evaluate",      "evaluate_u8",    "export_tensor",
                                           "import_tensor", "export_gradient"};
    for (int i = 0; i < 4; i++)
        strbuf_printf(w, train ? "    0,\n" : "    %s_%s,\n", id, predict[i]);
    for (int i = 0; i < 11; i++)
        strbuf_printf(w, train ? "    %s_%s,\n" : "    0,\n", id, training[i]);
    strbuf_printf(w, "    %s_self_test,\n};\n", id);
}

void emit_entries(const File *f, StrBuf *w) {
    strbuf_puts(w, "/* ---- interface ---- */\n\n");
    static const char *const sequences[] = {"predict_steps", "eval_steps", "gradient_steps",
                                            "apply_steps"};
    for (int i = f->o->train ? 1 : 0; i < (f->o->train ? 4 : 1); i++)
        emit_dispatch(f, sequences[i], w);
    emit_pick(f, w);
    emit_input_bytes(f, w);
    if (f->o->train) {
        emit_training(f, w);
    } else {
        WeightsParams p = {.id = f->id, .ID = f->ID};
        template_weights(w, &p, "");
        emit_predict(f, false, w);
        emit_predict(f, true, w);
    }
    emit_self_test(f, w);
    emit_model(f, w);
}
