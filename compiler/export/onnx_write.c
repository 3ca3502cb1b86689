/* The forward function as an ONNX file. */
#include "onnx_write.h"

#include "../../runtime/files.h"
#include "onnx_build.h"

#include <stdlib.h>
#include <string.h>

enum { OPSET = 17, IR_VERSION = 8 };

static LatheOnnx__ValueInfo *port(Build *b, const char *name, const Shape *s) {
    LatheOnnx__ValueInfo *v = ARENA_NEW(b->arena, LatheOnnx__ValueInfo);
    LatheOnnx__Type *type = ARENA_NEW(b->arena, LatheOnnx__Type);
    LatheOnnx__TensorType *tensor = ARENA_NEW(b->arena, LatheOnnx__TensorType);
    LatheOnnx__Shape *shape = ARENA_NEW(b->arena, LatheOnnx__Shape);
    lathe_onnx__value_info__init(v);
    lathe_onnx__type__init(type);
    lathe_onnx__tensor_type__init(tensor);
    lathe_onnx__shape__init(shape);
    shape->n_dim = (size_t)s->rank;
    shape->dim = ARENA_ARRAY(b->arena, LatheOnnx__Shape__Dimension *, (size_t)s->rank + 1);
    for (int i = 0; i < s->rank; i++) {
        LatheOnnx__Shape__Dimension *d = ARENA_NEW(b->arena, LatheOnnx__Shape__Dimension);
        lathe_onnx__shape__dimension__init(d);
        d->has_dim_value = s->dim[i] != DIM_BATCH;
        d->dim_value = s->dim[i];
        if (s->dim[i] == DIM_BATCH) d->dim_param = arena_strdup(b->arena, "N");
        shape->dim[i] = d;
    }
    tensor->has_elem_type = 1;
    tensor->elem_type = 1;
    tensor->shape = shape;
    type->tensor_type = tensor;
    v->name = arena_strdup(b->arena, name);
    v->type = type;
    return v;
}

/* x under the sizes of s, the batch among them. */
static const char *as_shape(Build *b, const char *x, const Shape *s) {
    int64_t dim[MAX_RANK];
    for (int i = 0; i < s->rank; i++) dim[i] = s->dim[i] == DIM_BATCH ? -1 : s->dim[i];
    return node2(b, "Reshape", "shape", x, add_ints(b, dim, s->rank));
}

static void write_inputs(Build *b, const Function *f, LatheOnnx__Graph *g) {
    g->n_input = (size_t)f->ninputs;
    g->input = ARENA_ARRAY(b->arena, LatheOnnx__ValueInfo *, g->n_input + 1);
    for (int i = 0; i < f->ninputs; i++) {
        const Value *v = f->inputs[i];
        const Shape *own = b->module->own_inputs ? &b->module->own_inputs[i] : &v->type.shape;
        g->input[i] = port(b, v->name, own);
        bool same = shape_equal(own, &v->type.shape);
        const char *name = same ? v->name : as_shape(b, v->name, &v->type.shape);
        set_name(b, v, name);
        if (i == 0) b->first = name;
    }
}

static void write_outputs(Build *b, const Function *f, LatheOnnx__Graph *g) {
    g->n_output = (size_t)f->noutputs;
    g->output = ARENA_ARRAY(b->arena, LatheOnnx__ValueInfo *, g->n_output + 1);
    for (int i = 0; i < f->noutputs; i++) {
        const Value *v = f->outputs[i];
        const Shape *own = &v->type.shape;
        const char *name = v->name;
        for (int k = 0; k < b->module->own_noutputs; k++) {
            if (b->module->output_at[k] != i) continue;
            own = &b->module->own_outputs[k];
            name = b->module->own_output_names[k];
        }
        const char *x = value_name(b, v);
        if (!shape_equal(own, &v->type.shape)) x = as_shape(b, x, own);
        LatheOnnx__Node *last = add_node(b, "Identity", name, &x, 1);
        last->output[0] = arena_strdup(b->arena, name);
        g->output[i] = port(b, name, own);
    }
}

static bool write_file(const LatheOnnx__Model *m, const char *path, Diag *d) {
    size_t size = lathe_onnx__model__get_packed_size(m);
    unsigned char *bytes = size < INT32_MAX ? malloc(size) : NULL;
    lathe_error e;
    if (!bytes) {
        diag_error(d, "the model is too large for one ONNX file of 2 GiB, or for the memory");
        return false;
    }
    lathe_onnx__model__pack(m, bytes);
    bool ok = lathe_write_file(path, bytes, size, &e);
    if (!ok) diag_error(d, "%s", e.text);
    free(bytes);
    return ok;
}

bool onnx_save(const Module *m, const char *path, Diag *d) {
    const Function *f = module_function(m, "forward");
    Arena *a = arena_new();
    Build b = {.arena = a, .module = m};
    LatheOnnx__Model model;
    LatheOnnx__Graph graph;
    LatheOnnx__OperatorSetId opset, *opsets[] = {&opset};
    bool ok = true;
    lathe_onnx__model__init(&model);
    lathe_onnx__graph__init(&graph);
    lathe_onnx__operator_set_id__init(&opset);
    b.names = ARENA_ARRAY(a, Names, (size_t)f->next_id + 1);
    write_inputs(&b, f, &graph);
    for (int i = 0; i < f->nnodes; i++) ok = write_node(&b, f->nodes[i]) && ok;
    if (!ok) diag_error(d, "an ONNX file cannot hold these operations:\n%s", b.lacking.text);
    if (ok) {
        write_outputs(&b, f, &graph);
        graph.name = arena_strdup(a, m->name);
        graph.node = b.nodes;
        graph.n_node = (size_t)b.nnodes;
        graph.initializer = b.tensors;
        graph.n_initializer = (size_t)b.ntensors;
        opset.has_version = model.has_ir_version = 1;
        opset.version = OPSET;
        model.ir_version = IR_VERSION;
        model.producer_name = arena_strdup(a, "lathe");
        model.opset_import = opsets;
        model.n_opset_import = 1;
        model.graph = &graph;
        ok = write_file(&model, path, d);
    }
    strbuf_free(&b.lacking);
    arena_free(a);
    return ok;
}
