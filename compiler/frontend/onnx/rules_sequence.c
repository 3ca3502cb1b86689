/* Sequences: lists of tensors that are known while the model is read, the tensors in them at run
 * time or constant. No sequence remains in the IR. Optional values, too: a tensor or nothing. */
#include "rules.h"

#include <string.h>

/* ---- lists ------------------------------------------------------------------------------------
 */

/* Room for n tensors. Each insertion makes a list, so they are counted as computed constants. */
static Tensor **list_new(Op *o, int n) {
    o->im->computed += (int64_t)fill_cost(ONNX_INT64) * n;
    return ARENA_ARRAY(o->im->arena, Tensor *, (size_t)n + 1);
}

static bool set_sequence(Op *o, Tensor **items, int n) {
    if (o->nout == 0 || !o->out[0]) return true;
    o->out[0]->is_sequence = true;
    o->out[0]->items = items;
    o->out[0]->nitems = n;
    return true;
}

/* The position that input i holds; one from -n to n - 1 + past is accepted. */
static bool read_position(Op *o, int i, int n, int past, int *at) {
    const OnnxTensor *c = need_constant(o, i, "the position");
    if (!c) return false;
    if (!c->i || c->count != 1) return refuse(o, "its position is not one integer");
    if (c->i[0] < -n || c->i[0] >= n + past)
        return refuse(o, "position %lld of a sequence of %d tensors", (long long)c->i[0], n);
    *at = (int)(c->i[0] < 0 ? c->i[0] + n : c->i[0]);
    return true;
}

bool fold_sequence_empty(Op *o) { return set_sequence(o, NULL, 0); }

bool rule_sequence_construct(Op *o) {
    for (int i = 0; i < o->nin; i++)
        if (!o->in[i]) return refuse(o, "input %d is missing", i);
    return set_sequence(o, o->in, o->nin);
}

static bool insert(Op *o, const Tensor *s) {
    int at = s->nitems;
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    if (has_input(o, 2) && !read_position(o, 2, s->nitems, 1, &at)) return false;
    Tensor **items = list_new(o, s->nitems + 1);
    for (int i = 0; i < s->nitems; i++) items[i + (i >= at)] = s->items[i];
    items[at] = o->in[1];
    return set_sequence(o, items, s->nitems + 1);
}

static bool erase(Op *o, const Tensor *s) {
    int at = s->nitems - 1;
    if (s->nitems == 0) return refuse(o, "its sequence is empty");
    if (has_input(o, 1) && !read_position(o, 1, s->nitems, 0, &at)) return false;
    Tensor **items = list_new(o, s->nitems);
    for (int i = 0; i < s->nitems; i++)
        if (i != at) items[i - (i > at)] = s->items[i];
    return set_sequence(o, items, s->nitems - 1);
}

static bool element(Op *o, const Tensor *s) {
    int at = 0;
    if (!has_input(o, 1)) return refuse(o, "input 1 is missing");
    return read_position(o, 1, s->nitems, 0, &at) && set_same(o, 0, s->items[at]);
}

static bool length(Op *o, const Tensor *s) {
    int64_t *v;
    OnnxTensor *c = constant_new(o->im, ONNX_INT64, 0, NULL, NULL, &v);
    *v = s->nitems;
    return set_constant(o, 0, c);
}

/* ---- joined -----------------------------------------------------------------------------------
 */

/* The node with other operands, for the rule of another operator. */
static Op part_of(const Op *o, Tensor **in, int nin, Tensor **out) {
    Op part = *o;
    part.in = in;
    part.nin = nin;
    part.out = out;
    part.nout = 1;
    return part;
}

/* t with or without an axis of size 1 at `axis`. */
static Tensor *with_axis(Op *o, Tensor *t, int axis, bool added) {
    Tensor *made = tensor_new(o->im, t->name);
    int64_t dim[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < t->rank; i++) {
        if (i == axis && added) dim[rank++] = 1;
        if (i != axis || added) dim[rank++] = t->dim[i];
    }
    if (axis == t->rank) dim[rank++] = 1;
    Op part = part_of(o, &t, 1, &made);
    bool ok = set_reshaped(&part, t, rank, dim);
    o->parts = part.parts;
    return ok ? made : NULL;
}

static bool join(Op *o, const Tensor *s) {
    int axis;
    bool known = true, added = attr_int(o, "new_axis", 0) != 0;
    if (s->nitems == 0) return refuse(o, "its sequence is empty");
    int rank = s->items[0]->rank + added;
    if (rank > MAX_RANK - 1) return refuse(o, "its result has rank %d", rank);
    if (!find_attr(o, "axis")) return refuse(o, "it has no axis");
    if (!wrap_axis(o, attr_int(o, "axis", 0), rank, &axis)) return false;
    if (axis == 0 && !o->im->is_static) return mixes_batch(o, "it joins along dimension 0");
    Tensor **items = list_new(o, s->nitems);
    for (int i = 0; i < s->nitems; i++) {
        if (s->items[i]->rank + added != rank) return refuse(o, "its tensors have different ranks");
        items[i] = added ? with_axis(o, s->items[i], axis, true) : s->items[i];
        if (!items[i]) return false;
        known = known && items[i]->constant;
    }
    Op part = part_of(o, items, s->nitems, o->out);
    bool ok = known ? fold_concat(&part) : rule_concat(&part);
    o->parts = part.parts;
    return ok;
}

typedef bool SequenceRule(Op *o, const Tensor *s);
static SequenceRule *const rules[] = {[SEQUENCE_INSERT] = insert,
                                      [SEQUENCE_ERASE] = erase,
                                      [SEQUENCE_AT] = element,
                                      [SEQUENCE_LENGTH] = length,
                                      [SEQUENCE_JOIN] = join};

bool rule_sequence(Op *o) {
    if (!o->in[0]->is_sequence) return refuse(o, "its input '%s' is no sequence", o->in[0]->name);
    for (int i = 1; i < o->nin; i++)
        if (o->in[i] && o->in[i]->is_sequence)
            return refuse(o, "its input '%s' is a sequence", o->in[i]->name);
    return rules[o->row->argument](o, o->in[0]);
}

/* ---- split ------------------------------------------------------------------------------------
 */

/* Sizes of the parts along an axis of this size. NULL after an error. */
static const int64_t *part_sizes(Op *o, int64_t size, int *n) {
    int64_t chunk = 1, sum = 0;
    const OnnxTensor *c = NULL;
    if (has_input(o, 1) && !(c = need_constant(o, 1, "the sizes"))) return NULL;
    if (c && (!c->i || c->batch || c->rank > 1)) {
        refuse(o, "its sizes are no list of integers");
        return NULL;
    }
    for (int64_t k = 0; c && k < c->count; k++) {
        if (c->i[k] < 0 || c->i[k] > size - sum || (c->rank == 0 && c->i[k] == 0)) {
            if (c->rank == 0 && c->i[k] > 0) break;
            refuse(o, "its sizes do not add up to %lld", (long long)size);
            return NULL;
        }
        sum += c->i[k];
    }
    if (c && c->rank == 1) {
        *n = (int)c->count;
        if (sum != size) refuse(o, "its sizes do not add up to %lld", (long long)size);
        return sum == size ? c->i : NULL;
    }
    if (c) chunk = c->i[0];
    int64_t count = size / chunk + (size % chunk != 0);
    if (count > MAX_PARTS) {
        refuse(o, "%lld parts; accepted: at most %d", (long long)count, MAX_PARTS);
        return NULL;
    }
    *n = (int)count;
    int64_t *sizes = ARENA_ARRAY(o->im->arena, int64_t, (size_t)*n + 1);
    for (int k = 0; k < *n; k++) sizes[k] = k + 1 < *n || size % chunk == 0 ? chunk : size % chunk;
    return sizes;
}

bool rule_split_to_sequence(Op *o) {
    Tensor *x = o->in[0];
    int axis, n;
    int64_t at = 0;
    if (!wrap_axis(o, attr_int(o, "axis", 0), x->rank, &axis)) return false;
    if (x->dim[axis] == DIM_BATCH) return mixes_batch(o, "it works along dimension 0");
    const int64_t *sizes = part_sizes(o, x->dim[axis], &n);
    if (!sizes) return false;
    bool keep = has_input(o, 1) || attr_int(o, "keepdims", 1) != 0;
    Tensor **items = list_new(o, n);
    for (int k = 0; k < n; k++) {
        items[k] = tensor_new(o->im, o->out[0] ? o->out[0]->name : "");
        Op part = part_of(o, o->in, o->nin, &items[k]);
        bool ok = set_part(&part, 0, x, axis, at, sizes[k], 1);
        o->parts = part.parts;
        if (!ok || (!keep && !(items[k] = with_axis(o, items[k], axis, false)))) return false;
        at += sizes[k];
    }
    return set_sequence(o, items, n);
}

/* ---- optional values --------------------------------------------------------------------------
 */

bool fold_has_element(Op *o) {
    int64_t *v;
    OnnxTensor *c = constant_new(o->im, ONNX_BOOL, 0, NULL, NULL, &v);
    *v = has_input(o, 0);
    return set_constant(o, 0, c);
}
