/* From a module whose pipeline has run to the text of the files. */
#include "algorithm.h"
#include "emit.h"

#include "../interp/interp.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../templates/random.h.in"

enum { EMBED_BYTES = 64 * 1024 }; /* weights up to this size become constants of the C file */

static const char *upper(Arena *a, const char *s) {
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++) *p = (char)toupper((unsigned char)*p);
    return copy;
}

static uint64_t hash_text(const char *text) { return fnv1a(FNV_START, text, strlen(text)); }

/* The architecture and training configuration: the forward function's text and the optimizer's
 * nodes. */
static uint64_t hash_model(const File *f) {
    StrBuf b = {0};
    const Function *forward = module_function(f->m, "forward");
    if (forward) print_function(f->m, forward, &b);
    for (int i = 0; i < f->m->train.noutputs; i++) {
        const OutputTraining *t = &f->m->train.outputs[i];
        strbuf_printf(&b, "%s ", t->loss_name ? t->loss_name : "");
        if (t->weight != 1.0f) strbuf_printf(&b, "%.9g ", (double)t->weight);
    }
    if (!f->m->train.noutputs) strbuf_puts(&b, " ");
    strbuf_printf(&b, "%s %.9g", f->m->train.optimizer.name ? f->m->train.optimizer.name : "",
                  (double)f->m->input_scale);
    uint64_t hash = hash_text(b.text);
    strbuf_free(&b);
    return hash;
}

static uint64_t hash_layout(const File *f) {
    StrBuf b = {0};
    for (int i = 0; i < f->m->nparams; i++) {
        const ParamLayout *l = &f->params->param[i];
        if (l->at < 0) continue;
        strbuf_printf(&b, "%s %lld %lld %d %lld\n", f->m->params[i].name, (long long)l->rows,
                      (long long)l->columns, l->panel, (long long)l->at);
        if (l->half) strbuf_printf(&b, "stored as %d\n", (int)f->o->weights_type);
        if (l->winograd)
            strbuf_printf(&b, "winograd %d%s\n", l->winograd,
                          has_vertical_tiles(l->kernel) ? " vertical" : "");
    }
    uint64_t hash = b.text ? hash_text(b.text) : FNV_START;
    strbuf_free(&b);
    return hash;
}

static int64_t larger(int64_t a, const Plan *p) { return p && p->floats > a ? p->floats : a; }

static void lay_out_workspace(File *f) {
    WorkspaceLayout *w = &f->work;
    w->buffers = place_ports(f, w->grads + whole_lines(f->params->trained));
    int64_t most = 0;
    for (int i = 0; i < f->nsections; i++) {
        const Section *s = &f->section[i];
        most = larger(larger(larger(most, s->predict), s->eval), s->train);
    }
    w->floats = w->buffers + most;
}

static void name_params(File *f) {
    Arena *a = f->m->arena;
    const char **ids = ARENA_ARRAY(a, const char *, (size_t)f->m->nparams + 1);
    const char *prefix = arena_printf(a, "%s_at_", f->id);
    for (int i = 0; i < f->m->nparams; i++)
        f->params->param[i].id = ids[i] =
            unique_identifier(a, prefix, f->m->params[i].name, ids, i);
}

static void name_buffers(const File *f, const Section *s, Plan *p) {
    Arena *a = f->m->arena;
    const char **ids = ARENA_ARRAY(a, const char *, (size_t)p->nbuffers + 1);
    const char *prefix = arena_printf(a, "%s%s_at_", s->kernels.prefix, p->function->name);
    for (int i = 0; i < p->nbuffers; i++)
        p->buffers[i].id = ids[i] = unique_identifier(a, prefix, p->buffers[i].name, ids, i);
}

static Plan *lower_named(File *f, Section *s, const char *name) {
    const Function *fn = module_function(f->m, name);
    if (!fn) PANIC("module has no function %s", name);
    Plan *p = lower_function(f->m, fn, &f->phases, f->params, f->o, &s->machine, &s->kernels);
    name_buffers(f, s, p);
    return p;
}

static void lower_section(File *f, Target target) {
    Section *s = &f->section[f->nsections++];
    s->machine = machines[target];
    Arena *a = f->m->arena;
    bool several = f->o->ntargets > 1;
    if (several) s->machine.suffix = arena_printf(a, "_%s", s->machine.name);
    s->kernels = (KernelSet){.arena = a,
                             .prefix = several ? arena_printf(a, "%s_%s_", f->id, s->machine.name)
                                               : arena_printf(a, "%s_", f->id)};
    s->input_bytes = ARENA_ARRAY(a, const char *, (size_t)f->ninputs);
    for (int i = 0; f->takes_bytes && i < f->ninputs; i++) {
        InputU8Params p = {.count = f->input[i].count, .scale = (double)f->m->input_scale};
        s->input_bytes[i] = use_kernel(&s->kernels, &kernel_input_u8, &p, "bytes_to_floats");
    }
    if (f->o->train) {
        s->eval = lower_named(f, s, "eval");
        s->train = lower_named(f, s, "train_step");
    } else {
        s->predict = lower_named(f, s, "predict");
    }
}

/* Input element e, counted over all inputs of numbers, is uniform(seed 1, stream 0, e); whole
 * numbers and labels are 0. */
static void set_example(const File *f, Interp *it, const Function *fn) {
    uint32_t e = 0;
    for (int i = 0; i < fn->ninputs; i++) {
        const Type *t = &fn->inputs[i]->type;
        int64_t count = shape_count(&t->shape);
        float *x = ARENA_ARRAY(f->m->arena, float, (size_t)count);
        for (int64_t k = 0; i < f->ninputs && t->dtype == DT_F32 && k < count; k++)
            x[k] = lathe_uniform(1, 0, e++);
        interp_set_input(it, i, x, 1);
    }
}

enum { MAX_EXPECTED = 16 }; /* elements of each output that the self-test looks at */

/* Takes `n` of an output's elements, up to the first that is not finite. */
static void expect_output(File *f, const double *y, int64_t n, int64_t at) {
    for (int64_t k = 0; k < n && k < MAX_EXPECTED && isfinite((float)y[k]); k++) {
        f->expected_at[f->nexpected] = at + k;
        f->expected[f->nexpected++] = (float)y[k];
    }
}

static void expect_outputs(File *f, const Interp *it, const Function *fn) {
    for (int i = 0; i < f->noutputs; i++) {
        double *y = ARENA_ARRAY(f->m->arena, double, (size_t)f->output[i].count);
        interp_get(it, fn->outputs[i], y);
        expect_output(f, y, f->output[i].count, f->output[i].at - f->output[0].at);
    }
}

/* The weighted sum of the losses, and the penalty of the weights if there is one. */
static void expect_loss(File *f, const Interp *it, const Function *fn) {
    double sum[1] = {0.0}, y = 0.0;
    for (int i = 0, k = 0; i < f->nlosses; i++) {
        const OutputTraining *t = &f->m->train.outputs[f->loss[i].output];
        interp_get(it, fn->outputs[k++], &y);
        k += t->metric != METRIC_NONE;
        sum[0] += (double)t->weight * y;
    }
    const Value *last = fn->outputs[fn->noutputs - 1];
    y = 0.0;
    if (last->type.shape.rank == 0) interp_get(it, last, &y);
    sum[0] += y;
    expect_output(f, sum, 1, 0);
}

/* What the self-test must get. */
static bool compute_expected(File *f, Diag *d) {
    const Function *fn = module_function(f->m, f->o->train ? "eval" : "predict");
    Interp *it = interp_new(f->m, fn, 1, true, d);
    if (!it) return false;
    f->expected = ARENA_ARRAY(f->m->arena, float, (size_t)f->noutputs *MAX_EXPECTED);
    f->expected_at = ARENA_ARRAY(f->m->arena, int64_t, (size_t)f->noutputs * MAX_EXPECTED);
    set_example(f, it, fn);
    RunScalars s = {.n = 1};
    interp_run(it, &s);
    if (f->o->train)
        expect_loss(f, it, fn);
    else
        expect_outputs(f, it, fn);
    interp_free(it);
    return true;
}

/* The generated tensors' initial values for seed 1, which the training self-test starts from. */
static void draw_initial(File *f, float **saved) {
    for (int i = 0; i < f->m->nparams; i++) {
        Param *p = &f->m->params[i];
        saved[i] = p->data;
        if (p->role == PARAM_CONST) continue;
        int64_t count = shape_count(&p->type.shape);
        p->data = ARENA_ARRAY(f->m->arena, float, (size_t)count);
        for (int64_t e = 0; e < count; e++)
            p->data[e] = lathe_init_element((int)p->init.kind, p->init.a, p->init.b, 1, (uint32_t)i,
                                            (uint32_t)e);
    }
}

static bool prepare_self_test(File *f, Diag *d) {
    if (f->o->no_example) return true;
    if (!f->o->train) return compute_expected(f, d);
    float **saved = ARENA_ARRAY(f->m->arena, float *, (size_t)f->m->nparams);
    draw_initial(f, saved);
    bool ok = compute_expected(f, d);
    for (int i = 0; i < f->m->nparams; i++) f->m->params[i].data = saved[i];
    return ok;
}

/* The module takes the name that its files and symbols have. Names with lathe's own prefix would
 * meet those of the interface. */
static const char *choose_id(Module *m) {
    const char *id = identifier(m->arena, m->name);
    m->name = strncasecmp(id, "lathe", 5) ? id : arena_printf(m->arena, "n%s", id);
    return m->name;
}

void lower_file(File *f, Module *m, const CodegenOptions *o) {
    *f = (File){.m = m, .o = o, .batch = o->batch, .id = choose_id(m)};
    f->ID = upper(m->arena, f->id);
    make_ports(f);
    CodegenOptions *own = ARENA_ARRAY(m->arena, CodegenOptions, 1);
    *own = *o;
    f->phases = choose_phases(f);
    own->batch = f->phases.phase[f->phases.count - 1].samples;
    f->o = o = own;
    f->params = layout_params(m, o);
    name_params(f);
    for (int i = 0; i < o->ntargets; i++) lower_section(f, o->targets[i]);
    lay_out_workspace(f);
    f->model_hash = hash_model(f);
    f->layout_hash = hash_layout(f);
}

bool check_file_size(const File *f, Diag *d) {
    if (f->work.floats < INT_MAX && f->params->floats < INT_MAX) return true;
    diag_error(d,
               "the model needs %lld bytes of workspace and %lld bytes of weights at batch %d; "
               "accepted: less than 8 GiB each",
               (long long)f->work.floats * 4, (long long)f->params->floats * 4, f->batch);
    return false;
}

bool generate(Module *m, const CodegenOptions *o, Generated *out, Diag *d) {
    File f;
    *out = (Generated){0};
    lower_file(&f, m, o);
    if (!check_file_size(&f, d) || !check_memory(&f, d) ||
        !round_kernels(m, f.params, o->weights_type, d) || !prepare_self_test(&f, d))
        return false;
    if (o->train)
        out->probe = make_probes(&f, &out->nprobes);
    else
        f.image = write_image(&f, &f.image_bytes);
    f.embed = !o->train && (o->single || f.image_bytes <= EMBED_BYTES);
    f.assembled = !o->train && o->assembled && !f.embed;
    emit_source(&f, &out->source);
    emit_header(&f, &out->header);
    Memory memory = memory_of(&f);
    out->needs = (Needs){memory.weights, memory.workspace, estimated_code(&f, out->source.text)};
    if (f.assembled) emit_assembly(&f, &out->assembly);
    if (o->python) emit_python(&f, &out->python);
    if (f.embed) {
        free(f.image);
        return true;
    }
    out->image = f.image;
    out->image_bytes = f.image_bytes;
    return true;
}

void generated_free(Generated *g) {
    strbuf_free(&g->source);
    strbuf_free(&g->header);
    strbuf_free(&g->assembly);
    strbuf_free(&g->python);
    free(g->image);
    *g = (Generated){0};
}
