/* Attributes and methods of the script's values. What only runs a model (fit, save, ...) is an
 * unknown value, so that its statements are left out. */
#include "layers.h"
#include "model.h"

#include <ctype.h>
#include <string.h>

enum { MAX_NAME = 80 };

typedef Obj *Method(Script *s, Obj *self, const CallArgs *args);

/* ---- strings, lists, dictionaries -------------------------------------------------------------
 */

static Obj *string_format(Script *s, Obj *self, const CallArgs *args) {
    return format_method(s, self, args);
}

static Obj *change_case(Script *s, const Obj *self, int (*change)(int), SrcLoc loc) {
    if (!script_charge(s, (int64_t)self->length / 64, loc)) return script_poison(s);
    char *text = arena_strndup(s->arena, self->text, self->length);
    for (size_t i = 0; i < self->length; i++) text[i] = (char)change((unsigned char)text[i]);
    return obj_string(s->arena, text, self->length);
}

static Obj *string_lower(Script *s, Obj *self, const CallArgs *args) {
    return change_case(s, self, tolower, args->loc);
}

static Obj *string_upper(Script *s, Obj *self, const CallArgs *args) {
    return change_case(s, self, toupper, args->loc);
}

static Obj *list_append(Script *s, Obj *self, const CallArgs *args) {
    if (args->count != 1) return script_error(s, args->loc, "append takes one value");
    if (script_charge(s, 1, args->loc)) script_push(s, self, args->items[0].value);
    return script_none(s);
}

static Obj *list_extend(Script *s, Obj *self, const CallArgs *args) {
    int64_t n = args->count == 1 ? iterable_count(args->items[0].value) : -1;
    if (n < 0) return script_error(s, args->loc, "extend takes one list or tuple");
    for (int64_t i = 0; i < n && script_charge(s, 1, args->loc); i++)
        script_push(s, self, iterable_item(s, args->items[0].value, i));
    return script_none(s);
}

/* which: 0 keys, 1 values, 2 both */
static Obj *dict_list(Script *s, const Obj *self, SrcLoc loc, int which) {
    Obj *list = script_list(s, OBJ_LIST);
    for (int i = 0; i + 1 < self->seq.count && script_charge(s, 2, loc); i += 2) {
        Obj *item = self->seq.items[i + (which == 1)];
        if (which == 2) {
            item = script_list(s, OBJ_TUPLE);
            script_push(s, item, self->seq.items[i]);
            script_push(s, item, self->seq.items[i + 1]);
        }
        script_push(s, list, item);
    }
    return list;
}

static Obj *dict_keys(Script *s, Obj *self, const CallArgs *args) {
    return dict_list(s, self, args->loc, 0);
}

static Obj *dict_values(Script *s, Obj *self, const CallArgs *args) {
    return dict_list(s, self, args->loc, 1);
}

static Obj *dict_items(Script *s, Obj *self, const CallArgs *args) {
    return dict_list(s, self, args->loc, 2);
}

static Obj *dict_get(Script *s, Obj *self, const CallArgs *args) {
    if (args->count < 1 || args->count > 2)
        return script_error(s, args->loc, "get takes a key and a default");
    for (int i = 0; i + 1 < self->seq.count && script_charge(s, 1, args->loc); i += 2) {
        if (obj_equal(self->seq.items[i], args->items[0].value)) return self->seq.items[i + 1];
    }
    return args->count == 2 ? args->items[1].value : script_none(s);
}

/* ---- layers and models ------------------------------------------------------------------------
 */

static Obj *call_layer(Script *s, Obj *self, const CallArgs *args) {
    return layer_call(s, self->layer, args);
}

static Obj *call_model(Script *s, Obj *self, const CallArgs *args) {
    return model_call(s, self->model, args);
}

static Obj *get_layer(Script *s, Obj *self, const CallArgs *args) {
    return model_get_layer(s, self->model, args);
}

static Obj *model_add(Script *s, Obj *self, const CallArgs *args) {
    return sequential_add(s, self->model, args);
}

static Obj *model_pop(Script *s, Obj *self, const CallArgs *args) {
    return sequential_pop(s, self->model, args);
}

static Obj *model_build(Script *s, Obj *self, const CallArgs *args) {
    return sequential_build(s, self->model, args);
}

static Obj *compile_model(Script *s, Obj *self, const CallArgs *args) {
    return model_compile(s, self->model, args);
}

/* Of arguments that were all read: eval_call sees to the call itself. */
static Obj *fit_model(Script *s, Obj *self, const CallArgs *args) {
    (void)self;
    return script_unknown(s, "model.fit", args->loc);
}

static const struct {
    ObjKind kind;
    const char *name;
    Method *call;
} methods[] = {
    {OBJ_STRING, "format", string_format}, {OBJ_STRING, "lower", string_lower},
    {OBJ_STRING, "upper", string_upper},   {OBJ_LIST, "append", list_append},
    {OBJ_LIST, "extend", list_extend},     {OBJ_DICT, "keys", dict_keys},
    {OBJ_DICT, "values", dict_values},     {OBJ_DICT, "items", dict_items},
    {OBJ_DICT, "get", dict_get},           {OBJ_LAYER, "__call__", call_layer},
    {OBJ_MODEL, "__call__", call_model},   {OBJ_MODEL, "add", model_add},
    {OBJ_MODEL, "pop", model_pop},         {OBJ_MODEL, "build", model_build},
    {OBJ_MODEL, "compile", compile_model}, {OBJ_MODEL, "get_layer", get_layer},
    {OBJ_MODEL, "fit", fit_model},
};
enum { METHODS = sizeof methods / sizeof *methods };

static Method *find_method(const Obj *self, const char *name) {
    for (int i = 0; i < METHODS; i++) {
        if (methods[i].kind == self->kind && strcmp(methods[i].name, name) == 0)
            return methods[i].call;
    }
    return NULL;
}

Obj *method_call(Script *s, Obj *self, const char *name, const CallArgs *args) {
    Method *call = find_method(self, name);
    return call ? call(s, self, args) : script_poison(s);
}

/* ---- attributes -------------------------------------------------------------------------------
 */

static Obj *shape_tuple(Script *s, const Shape *shape) {
    Obj *o = script_list(s, OBJ_TUPLE);
    script_push(s, o, script_none(s));
    for (int i = 1; i < shape->rank; i++) script_push(s, o, obj_int(s->arena, shape->dim[i]));
    return o;
}

static Obj *tensor_list(Script *s, Tensor *const *tensors, int n) {
    Obj *list = script_list(s, OBJ_LIST);
    for (int i = 0; i < n; i++) script_push(s, list, tensor_object(s, tensors[i]));
    return list;
}

/* One tensor, or a list of them. */
static Obj *tensor_objects(Script *s, Tensor *const *tensors, int n) {
    return n == 1 ? tensor_object(s, tensors[0]) : tensor_list(s, tensors, n);
}

/* layer.input and layer.output: of its only call, or the first of several. */
static Obj *layer_attribute(Script *s, const ScriptLayer *l, const char *name) {
    const Tensor *t = l->first;
    if (strcmp(name, "name") == 0) return obj_text(s->arena, OBJ_STRING, l->name);
    if (strcmp(name, "trainable") == 0) return obj_bool(s->arena, !l->frozen);
    if (!t) return NULL;
    if (strcmp(name, "output") == 0) return tensor_objects(s, t->results, t->nresults);
    if (strcmp(name, "input") != 0) return NULL;
    return t->ninputs ? tensor_objects(s, t->inputs, t->ninputs) : tensor_objects(s, t->results, 1);
}

static Obj *model_attribute(Script *s, ScriptModel *m, const char *name, SrcLoc loc) {
    if (strcmp(name, "name") == 0) return obj_text(s->arena, OBJ_STRING, m->name);
    if (strcmp(name, "trainable") == 0) return obj_bool(s->arena, !m->layer->frozen);
    if (m->broken) return NULL;
    if (strcmp(name, "layers") == 0) return model_layers(s, m, loc);
    if (!m->ninputs) return NULL;
    if (strcmp(name, "input") == 0) return tensor_objects(s, m->inputs, m->ninputs);
    if (strcmp(name, "output") == 0) return tensor_objects(s, m->outputs, m->noutputs);
    if (strcmp(name, "inputs") == 0) return tensor_list(s, m->inputs, m->ninputs);
    if (strcmp(name, "outputs") == 0) return tensor_list(s, m->outputs, m->noutputs);
    if (strcmp(name, "input_shape") == 0 && m->ninputs == 1)
        return shape_tuple(s, &m->inputs[0]->shape);
    if (strcmp(name, "output_shape") == 0 && m->noutputs == 1)
        return shape_tuple(s, &m->outputs[0]->shape);
    return NULL;
}

/* Values that describe the model; NULL for everything else. */
static Obj *known_attribute(Script *s, const Obj *o, const char *name, SrcLoc loc) {
    if (o->kind == OBJ_TENSOR && strcmp(name, "shape") == 0)
        return shape_tuple(s, &o->tensor->shape);
    if (o->kind == OBJ_TENSOR && strcmp(name, "name") == 0)
        return obj_text(s->arena, OBJ_STRING, o->tensor->layer->name);
    if (o->kind == OBJ_LAYER) return layer_attribute(s, o->layer, name);
    return o->kind == OBJ_MODEL ? model_attribute(s, o->model, name, loc) : NULL;
}

/* "np.random.rand" for messages; long chains keep their beginning. */
static const char *attribute_name(Script *s, const char *base, const char *name) {
    if (strlen(base) + strlen(name) > MAX_NAME) return base;
    return arena_printf(s->arena, "%s.%s", base, name);
}

static const char *base_name(const Obj *o) {
    return o->kind == OBJ_MODEL ? "model" : o->kind == OBJ_LAYER ? "layer" : "object";
}

Obj *eval_attribute(Script *s, SrcLoc loc, Obj *base, const char *name) {
    if (base->kind == OBJ_POISON) return base;
    if (base->kind == OBJ_UNKNOWN)
        return script_unknown(s, attribute_name(s, base->text, name), loc);
    if (base->kind == OBJ_MODULE) return keras_member(s, base, name, loc);
    if (find_method(base, name)) {
        Obj *o = obj_text(s->arena, OBJ_METHOD, name);
        o->self = base;
        return o;
    }
    Obj *known = known_attribute(s, base, name, loc);
    if (known) return known;
    bool keras = base->kind == OBJ_MODEL || base->kind == OBJ_LAYER || base->kind == OBJ_CONFIG ||
                 base->kind == OBJ_CLASS;
    if (keras) return script_unknown(s, attribute_name(s, base_name(base), name), loc);
    return script_error(s, loc, "%s has no attribute '%s' that lathe reads", obj_kind_text(base),
                        name);
}
