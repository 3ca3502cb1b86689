/* Sequential and functional models while the script runs. */
#include "model.h"

#include <string.h>

enum { MAX_TENSORS = 256 }; /* inputs or outputs of a model */

static const LayerClass model_classes[2] = {
    {.name = "Functional", .min_inputs = 1, .max_inputs = 1},
    {.name = "Sequential", .min_inputs = 1, .max_inputs = 1}};

static ScriptModel *new_model(Script *s, bool sequential, const char *name, SrcLoc loc) {
    ScriptModel *m = ARENA_NEW(s->arena, ScriptModel);
    const LayerClass *class = &model_classes[sequential];
    m->sequential = sequential;
    m->name = name ? name : keras_auto_name(s, class->name);
    m->loc = loc;
    m->layer = model_layer(s, m, class);
    m->layer->name = m->name;
    m->layer->bound->loc = loc;
    return m;
}

ScriptModel *sequential_model(Script *s, const char *name, SrcLoc loc) {
    return new_model(s, true, name, loc);
}

/* trainable=False freezes what the model has. */
static void read_trainable(Script *s, const Bound *b, ScriptModel *m) {
    bool trainable = true;
    if (!bound_bool(s, b, "trainable", &trainable)) m->broken = true;
    if (!trainable) set_trainable(s, m->layer, false);
}

/* ---- Sequential ---------------------------------------------------------------------------------
 */

static bool name_is_taken(Script *s, const ScriptModel *m, const ScriptLayer *l, SrcLoc loc) {
    if (m->ninputs && strcmp(m->inputs[0]->layer->name, l->name) == 0) {
        script_error(s, loc, "the name '%s' is already that of the model's input", l->name);
        return true;
    }
    if (!script_charge(s, 1 + m->nlayers / 64, loc)) return true;
    for (int i = 0; i < m->nlayers; i++) {
        if (strcmp(m->layers[i]->name, l->name) != 0) continue;
        script_error(s, loc,
                     m->layers[i] == l ? "the layer '%s' is already in this model"
                                       : "the name '%s' is already that of another layer",
                     l->name);
        return true;
    }
    return false;
}

/* Calls a layer on what the model computes so far. */
static void extend(Script *s, ScriptModel *m, ScriptLayer *l) {
    if (m->broken || !m->noutputs) return;
    if (l->class->min_inputs > 1) {
        script_error(s, l->bound->loc, "%s needs several inputs: use Model(inputs, outputs)",
                     l->class->name);
        m->broken = true;
        return;
    }
    Tensor *t = layer_apply(s, l, m->outputs, 1, l->bound->loc);
    if (!t) {
        m->broken = true;
        return;
    }
    m->outputs = t->results;
    m->noutputs = t->nresults;
    if (t->nresults == 1) return;
    script_error(s, m->loc, "'%s' has %d outputs, which a Sequential model cannot use", l->name,
                 t->nresults);
    m->broken = true;
}

/* Keras makes a functional model of a Sequential one whenever it is built: that takes a name. */
static void count_build(Script *s, const ScriptModel *m) {
    if (m->ninputs && m->nlayers) keras_auto_name(s, "Functional");
}

void sequential_set_input(Script *s, ScriptModel *m, Tensor *input) {
    m->inputs = m->outputs = input->results;
    m->ninputs = m->noutputs = 1;
    for (int i = 0; i < m->nlayers; i++) extend(s, m, m->layers[i]);
}

/* The shape that the first layer asks for: its input_shape, or that of a model's input. */
static const Shape *first_shape(const ScriptLayer *l) {
    if (l->model && l->model->ninputs == 1) return &l->model->inputs[0]->shape;
    return l->input_shape;
}

void sequential_add_layer(Script *s, ScriptModel *m, ScriptLayer *l, SrcLoc loc) {
    const Shape *shape = first_shape(l);
    if (l->model && l->model->broken) {
        m->broken = true;
        return;
    }
    if (m->nlayers == 0 && !m->ninputs && shape)
        sequential_set_input(s, m, input_tensor(s, NULL, *shape, l->bound->loc));
    if (name_is_taken(s, m, l, loc)) {
        m->broken = true;
        return;
    }
    ARENA_PUSH(s->arena, m->layers, m->nlayers, m->layers_capacity, l);
    extend(s, m, l);
}

static void add_object(Script *s, ScriptModel *m, Obj *o, SrcLoc loc) {
    bool input = o->kind == OBJ_TENSOR && o->tensor->ninputs == 0;
    if (o->kind == OBJ_LAYER && o->layer->class == &input_layer_class) {
        o = tensor_object(s, o->layer->first);
        input = true;
    }
    if (o->kind == OBJ_LAYER || o->kind == OBJ_MODEL) {
        sequential_add_layer(s, m, o->kind == OBJ_MODEL ? o->model->layer : o->layer, loc);
        return;
    }
    if (input && !m->ninputs && m->nlayers == 0) {
        sequential_set_input(s, m, o->tensor);
        return;
    }
    m->broken = true;
    if (input) {
        script_error(s, loc, "the input must come first, and only once");
    } else if (o->kind == OBJ_CLASS) {
        script_error(s, loc, "this is a class, not a layer: write %s(...)", o->keras.name);
    } else if (obj_is_silent(o)) {
        script_unknown_error(s, loc, "this layer", o);
    } else {
        script_error(s, loc, "a Sequential model takes layers, not %s", obj_kind_text(o));
    }
}

Obj *sequential_add(Script *s, ScriptModel *m, const CallArgs *args) {
    if (!m->sequential) return script_error(s, args->loc, "only Sequential models have 'add'");
    bool plain =
        args->count == 1 && (!args->items[0].name || strcmp(args->items[0].name, "layer") == 0);
    if (!plain) return script_error(s, args->loc, "add takes one layer");
    add_object(s, m, args->items[0].value, args->items[0].loc);
    count_build(s, m);
    return script_none(s);
}

Obj *sequential_pop(Script *s, ScriptModel *m, const CallArgs *args) {
    if (!m->sequential || m->nlayers == 0)
        return script_error(s, args->loc, "there is no layer to remove");
    m->nlayers--;
    if (m->noutputs && !m->broken) m->outputs = m->outputs[0]->inputs;
    count_build(s, m);
    return script_none(s);
}

Obj *sequential_build(Script *s, ScriptModel *m, const CallArgs *args) {
    static const ParamSpec specs[] = {{"input_shape", NULL}};
    Bound b;
    Shape shape;
    if (!bind_args(s, &b, "build", specs, 1, 1, args)) return script_poison(s);
    const CallArg *g = bound_get(&b, "input_shape");
    if (m->ninputs || !g) return script_none(s);
    if (!read_shape(s, &b, g, true, &shape)) return script_poison(s);
    sequential_set_input(s, m, input_tensor(s, NULL, shape, args->loc));
    count_build(s, m);
    return script_none(s);
}

Obj *sequential_make(Script *s, const CallArgs *args) {
    static const ParamSpec specs[] = {{"layers", NULL}, {"trainable", NULL}, {"name", NULL}};
    Bound b;
    const char *name = NULL;
    bool ok = bind_args(s, &b, "Sequential", specs, 3, 3, args);
    ok = bound_text(s, &b, "name", &name) && ok;
    ScriptModel *m = new_model(s, true, name, args->loc);
    const CallArg *g = bound_get(&b, "layers");
    m->broken = !ok;
    if (g && !obj_is_sequence(g->value)) {
        bound_wrong(s, &b, g, "a list of layers");
        m->broken = true;
        return layer_object(s, m->layer);
    }
    for (int i = 0; g && i < g->value->seq.count && script_charge(s, 1, g->loc); i++) {
        Obj *o = g->value->seq.items[i];
        SrcLoc loc = o->kind == OBJ_LAYER ? o->layer->bound->loc : g->loc;
        add_object(s, m, o, loc);
    }
    count_build(s, m);
    read_trainable(s, &b, m);
    return layer_object(s, m->layer);
}

/* ---- Model(inputs, outputs) ---------------------------------------------------------------------
 */

typedef struct {
    Tensor **items;
    int count, capacity;
    const char **names; /* the keys of a dictionary, else NULL */
} TensorList;

static bool push_tensor(Script *s, const Bound *b, const CallArg *g, const char *what, Obj *o,
                        TensorList *out) {
    if (o->kind == OBJ_TENSOR) {
        ARENA_PUSH(s->arena, out->items, out->count, out->capacity, o->tensor);
        return true;
    }
    if (o->kind == OBJ_UNKNOWN) {
        script_unknown_error(s, g->loc, arena_printf(s->arena, "Model: %s", what), o);
    } else if (o->kind != OBJ_POISON) {
        script_error(s, bound_loc(b, what), "Model: %s must be a tensor or a list of them, not %s",
                     what, obj_kind_text(o));
    }
    return false;
}

/* Keras orders a dictionary of tensors by its keys. */
static bool push_dict(Script *s, const Bound *b, const CallArg *g, const char *what,
                      TensorList *out) {
    NameMap map = {0};
    int n = g->value->seq.count / 2;
    Obj **pair = g->value->seq.items;
    for (int i = 0; i < n && script_charge(s, 1, g->loc); i++, pair += 2) {
        Obj *key = pair[0];
        if (key->kind != OBJ_STRING) {
            script_error(s, g->loc, "Model: a key of %s must be a string, not %s", what,
                         obj_kind_text(key));
            return false;
        }
        namemap_set(s->arena, &map, key->text, pair[1]);
    }
    out->names = namemap_names(s->arena, &map);
    for (int i = 0; out->names[i]; i++) {
        if (!push_tensor(s, b, g, what, namemap_get(&map, out->names[i]), out)) return false;
    }
    return true;
}

/* A tensor, or a list or dictionary of them. */
static bool read_tensors(Script *s, const Bound *b, const char *what, TensorList *out) {
    if (!bound_require(s, b, what)) return false;
    const CallArg *g = bound_get(b, what);
    CHECK(g);
    Obj *o = g->value;
    bool ok = true;
    if (o->kind == OBJ_DICT) {
        ok = push_dict(s, b, g, what, out);
    } else if (obj_is_sequence(o)) {
        for (int i = 0; i < o->seq.count && ok && script_charge(s, 1, g->loc); i++)
            ok = push_tensor(s, b, g, what, o->seq.items[i], out);
    } else {
        ok = push_tensor(s, b, g, what, o, out);
    }
    if (!ok || s->stopped) return false;
    if (out->count > 0 && out->count <= MAX_TENSORS) return true;
    script_error(s, bound_loc(b, what), "Model: %d %s; accepted: 1 to %d", out->count, what,
                 MAX_TENSORS);
    return false;
}

static bool check_inputs(Script *s, const Bound *b, const TensorList *in) {
    for (int i = 0; i < in->count; i++) {
        if (in->items[i]->layer->class != &input_layer_class) {
            script_error(s, bound_loc(b, "inputs"),
                         "Model: inputs must be the results of Input(...)");
            return false;
        }
        for (int k = 0; k < i; k++) {
            if (in->items[k] != in->items[i]) continue;
            script_error(s, bound_loc(b, "inputs"), "Model: the input '%s' is listed twice",
                         in->items[i]->layer->name);
            return false;
        }
    }
    return true;
}

/* The names of the outputs; what has the name of an earlier one gets a number. */
static const char **name_outputs(Script *s, const ScriptModel *m, const char *const *names) {
    const char **out = ARENA_ARRAY(s->arena, const char *, (size_t)m->noutputs);
    NameMap taken = {0};
    for (int i = 0; i < m->noutputs; i++) {
        const char *name = names ? names[i] : m->outputs[i]->layer->name;
        out[i] = name;
        for (int k = 1; namemap_get(&taken, out[i]); k++)
            out[i] = arena_printf(s->arena, "%s_%d", name, k);
        namemap_set(s->arena, &taken, out[i], (void *)out[i]);
    }
    return out;
}

ScriptModel *functional_model(Script *s, const char *name, Tensor **inputs, int ninputs,
                              Tensor **outputs, int noutputs, const char *const *names,
                              SrcLoc loc) {
    ScriptModel *m = new_model(s, false, name, loc);
    m->inputs = inputs;
    m->ninputs = ninputs;
    m->outputs = outputs;
    m->noutputs = noutputs;
    m->output_names = name_outputs(s, m, names);
    m->keyed = names != NULL;
    return m;
}

Obj *functional_make(Script *s, const CallArgs *args) {
    static const ParamSpec specs[] = {
        {"inputs", NULL}, {"outputs", NULL}, {"name", NULL}, {"trainable", NULL}};
    Bound b;
    const char *name = NULL;
    TensorList in = {0}, out = {0};
    bool ok = bind_args(s, &b, "Model", specs, 4, 2, args);
    ok = bound_text(s, &b, "name", &name) && ok;
    ok = ok && read_tensors(s, &b, "inputs", &in);
    ok = ok && read_tensors(s, &b, "outputs", &out);
    ok = ok && check_inputs(s, &b, &in);
    ScriptModel *m = functional_model(s, name, in.items, in.count, out.items, out.count,
                                      ok ? out.names : NULL, args->loc);
    m->broken = !ok;
    if (ok) read_trainable(s, &b, m);
    return layer_object(s, m->layer);
}

/* ---- a model as a layer -------------------------------------------------------------------------
 */

Tensor *model_apply(Script *s, ScriptModel *m, Tensor *const *in, int n, SrcLoc loc) {
    if (m->broken || !script_charge(s, 1 + n, loc)) return NULL;
    if (m->sequential && !m->ninputs && n == 1) {
        sequential_set_input(s, m, input_tensor(s, NULL, in[0]->shape, loc));
        count_build(s, m);
    }
    if (m->broken) return NULL;
    if (n != m->ninputs) {
        script_error(s, loc, "the model '%s' has %d input%s, but is called on %d tensor%s", m->name,
                     m->ninputs, m->ninputs == 1 ? "" : "s", n, n == 1 ? "" : "s");
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        if (shape_equal(&in[i]->shape, &m->inputs[i]->shape)) continue;
        script_error(s, loc, "the model '%s' takes %s as its input '%s', not shape %s", m->name,
                     shape_text(s->arena, &m->inputs[i]->shape), m->inputs[i]->layer->name,
                     shape_text(s->arena, &in[i]->shape));
        return NULL;
    }
    Shape *shapes = ARENA_ARRAY(s->arena, Shape, (size_t)m->noutputs);
    for (int i = 0; i < m->noutputs; i++) shapes[i] = m->outputs[i]->shape;
    Tensor *t = layer_node(s, m->layer, in, n, shapes, m->noutputs, loc);
    for (int i = 0; i < m->noutputs; i++) t->results[i]->dtype = m->outputs[i]->dtype;
    return t;
}

Obj *model_call(Script *s, ScriptModel *m, const CallArgs *args) {
    LayerCall c;
    if (m->broken || !read_call(s, m->layer, args, MAX_TENSORS, &c)) return script_poison(s);
    Tensor *t = model_apply(s, m, c.in, c.n, args->loc);
    if (!t || (t->nresults == 1 && !m->keyed)) return tensor_object(s, t);
    Obj *all = script_list(s, m->keyed ? OBJ_DICT : OBJ_LIST);
    for (int i = 0; i < t->nresults; i++) {
        if (m->keyed) script_push(s, all, obj_text(s->arena, OBJ_STRING, m->output_names[i]));
        script_push(s, all, tensor_object(s, t->results[i]));
    }
    return all;
}
