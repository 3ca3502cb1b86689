/* Sequential and functional models while the script runs. */
#include "model.h"

#include <string.h>

static ScriptModel *new_model(Script *s, bool sequential, const char *name, SrcLoc loc) {
    ScriptModel *m = ARENA_NEW(s->arena, ScriptModel);
    m->sequential = sequential;
    m->name = name ? name : keras_auto_name(s, sequential ? "Sequential" : "Functional");
    m->loc = loc;
    return m;
}

static Obj *model_object(Script *s, ScriptModel *m) {
    Obj *o = obj_new(s->arena, OBJ_MODEL);
    o->model = m;
    return o;
}

/* ---- Sequential ---------------------------------------------------------------------------------
 */

static bool name_is_taken(Script *s, const ScriptModel *m, const ScriptLayer *l, SrcLoc loc) {
    if (m->input && strcmp(m->input->layer->name, l->name) == 0) {
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
    if (m->broken || !m->output) return;
    if (l->class->min_inputs > 1) {
        script_error(s, l->bound->loc, "%s needs several inputs: use Model(inputs, outputs)",
                     l->class->name);
        m->broken = true;
        return;
    }
    m->output = layer_apply(s, l, &m->output, 1, l->bound->loc);
    if (!m->output) m->broken = true;
}

static void set_input(Script *s, ScriptModel *m, Tensor *input) {
    m->input = m->output = input;
    for (int i = 0; i < m->nlayers; i++) extend(s, m, m->layers[i]);
}

static void add_layer(Script *s, ScriptModel *m, ScriptLayer *l, SrcLoc loc) {
    if (m->nlayers == 0 && !m->input && l->input_shape)
        set_input(s, m, input_tensor(s, NULL, *l->input_shape, l->bound->loc));
    if (name_is_taken(s, m, l, loc)) {
        m->broken = true;
        return;
    }
    ARENA_PUSH(s->arena, m->layers, m->nlayers, m->layers_capacity, l);
    extend(s, m, l);
}

static void add_object(Script *s, ScriptModel *m, Obj *o, SrcLoc loc) {
    bool input = o->kind == OBJ_TENSOR && o->tensor->ninputs == 0;
    if (o->kind == OBJ_LAYER) {
        add_layer(s, m, o->layer, loc);
        return;
    }
    if (input && !m->input && m->nlayers == 0) {
        set_input(s, m, o->tensor);
        return;
    }
    m->broken = true;
    if (input) {
        script_error(s, loc, "the input must come first, and only once");
    } else if (o->kind == OBJ_MODEL) {
        script_error(s, loc, "a model inside a model is not supported: add its layers");
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
    return script_none(s);
}

Obj *sequential_pop(Script *s, ScriptModel *m, const CallArgs *args) {
    if (!m->sequential || m->nlayers == 0)
        return script_error(s, args->loc, "there is no layer to remove");
    m->nlayers--;
    if (m->output && !m->broken) m->output = m->output->inputs[0];
    return script_none(s);
}

Obj *sequential_build(Script *s, ScriptModel *m, const CallArgs *args) {
    static const ParamSpec specs[] = {{"input_shape", NULL}};
    Bound b;
    Shape shape;
    if (!bind_args(s, &b, "build", specs, 1, 1, args)) return script_poison(s);
    const CallArg *g = bound_get(&b, "input_shape");
    if (m->input || !g) return script_none(s);
    if (!read_shape(s, &b, g, true, &shape)) return script_poison(s);
    set_input(s, m, input_tensor(s, NULL, shape, args->loc));
    return script_none(s);
}

Obj *sequential_make(Script *s, const CallArgs *args) {
    static const ParamSpec specs[] = {{"layers", NULL}, {"trainable", "True"}, {"name", NULL}};
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
        return model_object(s, m);
    }
    for (int i = 0; g && i < g->value->seq.count && script_charge(s, 1, g->loc); i++) {
        Obj *o = g->value->seq.items[i];
        SrcLoc loc = o->kind == OBJ_LAYER ? o->layer->bound->loc : g->loc;
        add_object(s, m, o, loc);
    }
    return model_object(s, m);
}

/* ---- Model(inputs, outputs) ---------------------------------------------------------------------
 */

/* A tensor, or a list of one. */
static Tensor *read_tensor(Script *s, const Bound *b, const char *name) {
    const CallArg *g = bound_get(b, name);
    if (!bound_require(s, b, name)) return NULL;
    Obj *o = g ? g->value : script_none(s);
    if (obj_is_sequence(o) && o->seq.count > 1) {
        script_error(s, g->loc, "Model: more than one of %s is not supported", name);
        return NULL;
    }
    if (obj_is_sequence(o) && o->seq.count == 1) o = o->seq.items[0];
    if (o->kind == OBJ_TENSOR) return o->tensor;
    if (o->kind == OBJ_UNKNOWN) {
        script_unknown_error(s, g->loc, arena_printf(s->arena, "Model: %s", name), o);
    } else if (o->kind != OBJ_POISON) {
        script_error(s, bound_loc(b, name), "Model: %s must be a tensor, not %s", name,
                     obj_kind_text(o));
    }
    return NULL;
}

Obj *functional_make(Script *s, const CallArgs *args) {
    static const ParamSpec specs[] = {
        {"inputs", NULL}, {"outputs", NULL}, {"name", NULL}, {"trainable", "True"}};
    Bound b;
    const char *name = NULL;
    bool ok = bind_args(s, &b, "Model", specs, 4, 2, args);
    ok = bound_text(s, &b, "name", &name) && ok;
    ScriptModel *m = new_model(s, false, name, args->loc);
    if (ok) {
        m->input = read_tensor(s, &b, "inputs");
        m->output = read_tensor(s, &b, "outputs");
    }
    if (m->input && m->input->ninputs) {
        script_error(s, bound_loc(&b, "inputs"), "Model: inputs must be the result of Input(...)");
        ok = false;
    }
    m->broken = !ok || !m->input || !m->output;
    return model_object(s, m);
}
