/* Making layers and calling them on tensors: what is the same for every class. */
#include "layers.h"
#include "model.h"

#include <string.h>

enum { MAX_LAYERS = 4096, MAX_ELEMENTS = INT32_MAX };

/* What every Keras layer accepts besides its own arguments. */
static const ParamSpec common_specs[] = {
    {"name", NULL},
    {"input_shape", NULL},
    {"input_dim", NULL},
    {"batch_input_shape", NULL},
    {"dtype", "None|'float32'"},
    {"trainable", NULL},
    {"activity_regularizer", "None"},
    {"autocast", ""},
};
enum { COMMON = sizeof common_specs / sizeof *common_specs };

const ParamSpec *common_layer_args(int *count) {
    *count = COMMON;
    return common_specs;
}

static const ParamSpec *all_specs(Script *s, const LayerClass *c) {
    ParamSpec *all = ARENA_ARRAY(s->arena, ParamSpec, (size_t)c->nspecs + COMMON);
    for (int i = 0; i < c->nspecs; i++) all[i] = c->specs[i];
    memcpy(all + c->nspecs, common_specs, sizeof common_specs);
    return all;
}

/* ---- names ---------------------------------------------------------------------------------- */

/* A name becomes part of parameter names, files and comments. */
static bool check_name(Script *s, const Bound *b, const char *name) {
    bool ok = *name != '\0' && strlen(name) <= 200;
    for (const char *p = name; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == '/' || *p == 0x7F) ok = false;
    }
    if (!ok)
        script_error(s, bound_loc(b, "name"),
                     "%s: a name needs 1 to 200 characters without '/' and line ends", b->owner);
    return ok;
}

/* ---- input shapes -----------------------------------------------------------------------------
 */

static bool read_dimension(const Obj *o, int64_t *out) {
    if (o->kind != OBJ_INT || o->integer < 1) return false;
    *out = o->integer;
    return true;
}

bool read_shape(Script *s, const Bound *b, const CallArg *g, bool batch, Shape *out) {
    static const char what[] = "a tuple of whole numbers of 1 or more, such as (32, 32, 3)";
    *out = (Shape){.rank = 1, .dim = {DIM_BATCH}};
    if (!obj_is_sequence(g->value)) {
        bound_wrong(s, b, g, what);
        return false;
    }
    int n = g->value->seq.count;
    for (int i = batch ? 1 : 0; i < n; i++) {
        const Obj *o = g->value->seq.items[i];
        if (out->rank == MAX_RANK) {
            script_error(s, g->loc, "%s: a shape has at most %d dimensions", b->owner, MAX_RANK);
            return false;
        }
        if (o->kind == OBJ_NONE) {
            script_error(s, g->loc, "%s: a dimension of None is not supported: write the size",
                         b->owner);
            return false;
        }
        if (!read_dimension(o, &out->dim[out->rank++])) {
            bound_wrong(s, b, g, what);
            return false;
        }
    }
    int64_t total;
    if (out->rank < 2) {
        bound_wrong(s, b, g, what);
        return false;
    }
    if (shape_total(out, 1, &total) && total <= MAX_ELEMENTS) return true;
    script_error(s, g->loc, "%s: the shape %s is too large", b->owner, shape_text(s->arena, out));
    return false;
}

/* input_shape=, batch_input_shape= or input_dim= of the older style. */
static bool read_input_shape(Script *s, ScriptLayer *l) {
    const Bound *b = l->bound;
    const CallArg *shape = bound_get(b, "input_shape");
    const CallArg *batch = bound_get(b, "batch_input_shape");
    Shape read = {.rank = 2, .dim = {DIM_BATCH, 0}};
    if (shape || batch) {
        if (!read_shape(s, b, shape ? shape : batch, !shape, &read)) return false;
    } else if (bound_get(b, "input_dim")) {
        if (!bound_int(s, b, "input_dim", 1, INT32_MAX, &read.dim[1])) return false;
    } else {
        return true;
    }
    l->input_shape = ARENA_NEW(s->arena, Shape);
    *l->input_shape = read;
    return true;
}

/* ---- making -----------------------------------------------------------------------------------
 */

ScriptLayer *layer_new(Script *s, const LayerClass *class) {
    ScriptLayer *l = ARENA_NEW(s->arena, ScriptLayer);
    l->class = class;
    l->bound = ARENA_NEW(s->arena, Bound);
    l->row = -1;
    for (int i = 0; i < 4; i++) l->params[i] = -1;
    if (s->layers++ == MAX_LAYERS) {
        script_error(s, (SrcLoc){0, 0}, "the script makes more than %d layers", MAX_LAYERS);
        s->stopped = true;
    }
    return l;
}

Obj *layer_make(Script *s, const LayerClass *class, const CallArgs *args) {
    ScriptLayer *l = layer_new(s, class);
    bool ok = bind_args(s, l->bound, class->name, all_specs(s, class), class->nspecs + COMMON,
                        class->positional, args);
    /* All arguments are looked at, so that all their errors are listed. */
    ok = bound_text(s, l->bound, "name", &l->name) && ok;
    if (l->name)
        ok = check_name(s, l->bound, l->name) && ok;
    else
        l->name = keras_auto_name(s, class->name);
    bool trainable = true;
    ok = bound_bool(s, l->bound, "trainable", &trainable) && ok;
    l->frozen = !trainable;
    ok = read_input_shape(s, l) && ok;
    if (class->configure) ok = class->configure(s, l) && ok;
    ok = regularizers_read(s, l) && ok;
    if (!ok) return script_poison(s);
    return layer_object(s, l);
}

ScriptLayer *model_layer(Script *s, ScriptModel *m, const LayerClass *class) {
    ScriptLayer *l = layer_new(s, class);
    l->model = m;
    return l;
}

Obj *layer_object(Script *s, ScriptLayer *l) {
    Obj *o = obj_new(s->arena, l->model ? OBJ_MODEL : OBJ_LAYER);
    if (l->model)
        o->model = l->model;
    else
        o->layer = l;
    return o;
}

Obj *tensor_object(Script *s, Tensor *t) {
    if (!t) return script_poison(s);
    Obj *o = obj_new(s->arena, OBJ_TENSOR);
    o->tensor = t;
    return o;
}

/* ---- calling ----------------------------------------------------------------------------------
 */

bool shape_fits(Script *s, const ScriptLayer *l, const Shape *shape, const char *what, SrcLoc loc) {
    int64_t total;
    if (shape_total(shape, 1, &total) && total <= MAX_ELEMENTS) return true;
    script_error(s, loc, "%s '%s': %s of shape %s is too large", l->class->name, l->name, what,
                 shape_text(s->arena, shape));
    return false;
}

/* The weights of a layer have the shape that its first call asked for. */
static bool check_shared(Script *s, ScriptLayer *l, const Shape *in, SrcLoc loc) {
    if (!l->class->add_params) return true;
    if (!l->is_built) {
        l->built = *in;
        l->is_built = true;
        return true;
    }
    if (in->dim[in->rank - 1] == l->built.dim[l->built.rank - 1]) return true;
    script_error(s, loc, "%s '%s' was first called with shape %s; %s does not fit its weights",
                 l->class->name, l->name, shape_text(s->arena, &l->built),
                 shape_text(s->arena, in));
    return false;
}

Tensor *layer_node(Script *s, ScriptLayer *l, Tensor *const *in, int n, const Shape *results,
                   int nresults, SrcLoc loc) {
    Tensor **inputs = ARENA_ARRAY(s->arena, Tensor *, (size_t)n);
    Tensor **out = ARENA_ARRAY(s->arena, Tensor *, (size_t)nresults);
    for (int i = 0; i < n; i++) inputs[i] = in[i];
    for (int i = 0; i < nresults; i++) {
        out[i] = ARENA_NEW(s->arena, Tensor);
        *out[i] = (Tensor){.shape = results[i],
                           .dtype = DT_F32,
                           .layer = l,
                           .inputs = inputs,
                           .ninputs = n,
                           .loc = loc,
                           .head = out[0],
                           .results = out,
                           .nresults = nresults,
                           .node = l->nodes,
                           .index = i};
    }
    if (!l->nodes++) l->first = out[0];
    return out[0];
}

Tensor *layer_apply(Script *s, ScriptLayer *l, Tensor *const *in, int n, SrcLoc loc) {
    Shape shape;
    if (l->model) return model_apply(s, l->model, in, n, loc);
    if (!script_charge(s, 1 + n, loc)) return NULL;
    if (!l->class->shape(s, l, in, n, loc, &shape)) return NULL;
    if (!shape_fits(s, l, &shape, "a result", loc) || !check_shared(s, l, &in[0]->shape, loc))
        return NULL;
    return layer_node(s, l, in, n, &shape, 1, loc);
}

static Obj *wrong_call(Script *s, const ScriptLayer *l, const CallArgs *args, const Obj *o) {
    if (obj_is_silent(o))
        return script_unknown_error(s, args->items[0].loc, "the input of this layer", o);
    return script_error(s, args->items[0].loc, "%s '%s' must be called on %s, not on %s",
                        l->class->name, l->name,
                        l->class->max_inputs > 1 || l->model ? "a list of tensors" : "one tensor",
                        obj_is_sequence(o) ? obj_kind_text(o) : obj_repr(s->arena, o));
}

/* `training` at a call has no effect: fit and predict say it anew for every layer of a functional
 * model. */
static bool check_training(Script *s, const CallArg *g) {
    bool value = g->value->kind == OBJ_NONE || g->value->kind == OBJ_BOOL;
    if (g->name && strcmp(g->name, "training") == 0 && value) return true;
    script_error(s, g->loc, "this argument of a layer's call is not supported");
    return false;
}

bool read_call(Script *s, const ScriptLayer *l, const CallArgs *args, int most, LayerCall *out) {
    *out = (LayerCall){0};
    if (args->count == 0 || args->items[0].name) {
        script_error(s, args->loc, "a %s is called on a tensor: %s(...)(x)",
                     l->model ? "model" : "layer", l->class->name);
        return false;
    }
    for (int i = 1; i < args->count; i++) {
        if (!check_training(s, &args->items[i])) return false;
    }
    Obj *o = args->items[0].value;
    bool many = obj_is_sequence(o) && most > 1;
    out->n = many ? o->seq.count : 1;
    out->in = ARENA_ARRAY(s->arena, Tensor *, (size_t)out->n);
    for (int i = 0; i < out->n && script_charge(s, 1, args->loc); i++) {
        Obj *x = many ? o->seq.items[i] : o;
        if (x->kind != OBJ_TENSOR) {
            wrong_call(s, l, args, x);
            return false;
        }
        out->in[i] = x->tensor;
    }
    return !s->stopped;
}

Obj *layer_call(Script *s, ScriptLayer *l, const CallArgs *args) {
    LayerCall c;
    if (!read_call(s, l, args, l->class->max_inputs, &c)) return script_poison(s);
    if (c.n < l->class->min_inputs)
        return script_error(s, args->items[0].loc, "%s '%s' needs a list of at least %d tensors",
                            l->class->name, l->name, l->class->min_inputs);
    return tensor_object(s, layer_apply(s, l, c.in, c.n, args->loc));
}

/* ---- inputs -----------------------------------------------------------------------------------
 */

static const ParamSpec input_specs[] = {
    {"shape", NULL},          {"batch_size", ""},       {"dtype", "None|'float32'"},
    {"sparse", "None|False"}, {"ragged", "None|False"}, {"batch_shape", NULL},
    {"name", NULL},           {"tensor", "None"},       {"optional", "None|False"},
    {"input_shape", NULL}};
enum { INPUT_SPECS = sizeof input_specs / sizeof *input_specs };

const ParamSpec *input_args(int *count) {
    *count = INPUT_SPECS;
    return input_specs;
}

const LayerClass input_layer_class = {.name = "InputLayer"};

Tensor *input_tensor(Script *s, const char *name, Shape shape, SrcLoc loc) {
    ScriptLayer *l = layer_new(s, &input_layer_class);
    l->name = name ? name : keras_auto_name(s, "InputLayer");
    l->bound->loc = loc;
    return layer_node(s, l, NULL, 0, &shape, 1, loc);
}

Obj *input_make(Script *s, const CallArgs *args) {
    Bound b;
    const char *name = NULL;
    Shape shape;
    bool ok = bind_args(s, &b, "Input", input_specs, INPUT_SPECS, 2, args);
    ok = bound_text(s, &b, "name", &name) && ok;
    if (name) ok = check_name(s, &b, name) && ok;
    const CallArg *g = bound_get(&b, "shape"), *batch = bound_get(&b, "batch_shape");
    if (!g) g = bound_get(&b, "input_shape");
    if (!ok) return script_poison(s);
    if (!g && !batch)
        return script_error(s, args->loc, "Input needs a shape: Input(shape=(32, 32, 3))");
    if (!read_shape(s, &b, g ? g : batch, !g, &shape)) return script_poison(s);
    return tensor_object(s, input_tensor(s, name, shape, args->loc));
}
