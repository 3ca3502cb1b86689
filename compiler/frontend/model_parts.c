/* What a script asks of a model: its layers, by place and by name, and whether they are trained. */
#include "model.h"

#include <string.h>

/* The layers of a finished model; false after an error. */
static bool list_layers(Script *s, ScriptModel *m, ScriptLayer ***layers, int *count) {
    *layers = m->layers;
    *count = m->nlayers;
    if (m->sequential) return true;
    if (!m->graph.nlayers && !order_graph(s, m, &m->graph)) {
        m->broken = true;
        return false;
    }
    *layers = m->graph.layers;
    *count = m->graph.nlayers;
    return true;
}

Obj *model_layers(Script *s, ScriptModel *m, SrcLoc loc) {
    ScriptLayer **layers;
    int n;
    if (m->broken || !list_layers(s, m, &layers, &n) || !script_charge(s, n, loc))
        return script_poison(s);
    Obj *list = script_list(s, OBJ_LIST);
    for (int i = 0; i < n; i++) script_push(s, list, layer_object(s, layers[i]));
    return list;
}

static Obj *find_layer(Script *s, const CallArg *g, ScriptLayer *const *layers, int n) {
    const char **names = ARENA_ARRAY(s->arena, const char *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        if (strcmp(layers[i]->name, g->value->text) == 0) return layer_object(s, layers[i]);
        names[i] = layers[i]->name;
    }
    return script_error(s, g->loc, "get_layer: the model has no layer '%s'%s%s", g->value->text,
                        script_did_you_mean(s, g->value->text, names), script_accepted(s, names));
}

Obj *model_get_layer(Script *s, ScriptModel *m, const CallArgs *args) {
    static const ParamSpec specs[] = {{"name", NULL}, {"index", NULL}};
    ScriptLayer **layers;
    Bound b;
    int n;
    int64_t index = 0;
    if (!bind_args(s, &b, "get_layer", specs, 2, 2, args) || m->broken) return script_poison(s);
    if (!list_layers(s, m, &layers, &n) || !script_charge(s, n, args->loc)) return script_poison(s);
    const CallArg *name = bound_get(&b, "name");
    if (name && name->value->kind == OBJ_STRING) return find_layer(s, name, layers, n);
    if (name) {
        bound_wrong(s, &b, name, "the name of a layer");
        return script_poison(s);
    }
    if (!bound_get(&b, "index"))
        return script_error(s, args->loc, "get_layer needs a name or an index");
    if (!bound_int(s, &b, "index", -n, n - 1, &index)) return script_poison(s);
    return layer_object(s, layers[index < 0 ? index + n : index]);
}

/* Models hold models, but never themselves: this ends. */
void set_trainable(Script *s, ScriptLayer *l, bool trainable) {
    ScriptLayer **layers;
    int n;
    l->frozen = !trainable;
    if (!l->model || l->model->broken || !script_charge(s, 1, l->model->loc)) return;
    if (!list_layers(s, l->model, &layers, &n)) return;
    for (int i = 0; i < n; i++) set_trainable(s, layers[i], trainable);
}
