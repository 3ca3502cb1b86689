#include "preprocess.h"

#include "rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- modes ----------------------------------------------------------------------------------- */

/* (x - mean) / deviation for every channel. */
static void set_mean(Preprocessing *p, const double mean[3], const double deviation[3]) {
    for (int i = 0; i < 3; i++) {
        p->scale[i] = (float)(1.0 / deviation[i]);
        p->shift[i] = (float)(-mean[i] / deviation[i]);
    }
}

static bool read_numbers(const char *text, double number[2]) {
    for (int i = 0; i < 2; i++) {
        char *end;
        number[i] = strtod(text, &end);
        if (end == text || *end != (i ? '\0' : ',') || !isfinite(number[i])) return false;
        text = end + 1;
    }
    return number[1] > 0.0;
}

bool preprocessing_find(const char *text, Preprocessing *p, Diag *d) {
    static const double ones[3] = {1, 1, 1};
    static const double caffe[3] = {103.939, 116.779, 123.68}; /* blue, green, red */
    static const double tf[3] = {127.5, 127.5, 127.5};
    static const double torch[3] = {0.485 * 255, 0.456 * 255, 0.406 * 255};
    static const double deviation[3] = {0.229 * 255, 0.224 * 255, 0.225 * 255};
    double number[2];
    *p = (Preprocessing){.reversed = strcmp(text, "caffe") == 0};
    if (p->reversed) {
        set_mean(p, caffe, ones);
    } else if (strcmp(text, "tf") == 0) {
        set_mean(p, tf, tf);
    } else if (strcmp(text, "torch") == 0) {
        set_mean(p, torch, deviation);
    } else if (read_numbers(text, number)) {
        set_mean(p, (double[]){number[0], number[0], number[0]},
                 (double[]){number[1], number[1], number[1]});
    } else {
        diag_error(d,
                   "there is no preprocessing '%s'\n"
                   "accepted: caffe, tf, torch, or MEAN,DEVIATION such as 127.5,127.5",
                   text);
        return false;
    }
    return true;
}

/* ---- the graph ------------------------------------------------------------------------------- */

/* Appends nodes in front of all that forward has. */
typedef struct {
    PassContext c;
    Function *f;
    int at;
    Value *last;
} Front;

static bool push(Front *p, OpKind op, const char *role, Value *const *more, int nmore,
                 const Attrs *attr) {
    Value *in[3] = {p->last};
    for (int i = 0; i < nmore; i++) in[1 + i] = more[i];
    const char *name = arena_printf(p->c.module->arena, "preprocessing/%s", role);
    Node *n = p->last
                  ? insert_node(&p->c, p->f, p->at++, op, name, in, 1 + nmore, attr, (SrcLoc){0, 0})
                  : NULL;
    p->last = n ? n->out[0] : NULL;
    return n != NULL;
}

static bool push_affine(Front *p, const Preprocessing *o) {
    float *scale = ARENA_ARRAY(p->c.module->arena, float, 3);
    float *shift = ARENA_ARRAY(p->c.module->arena, float, 3);
    memcpy(scale, o->scale, sizeof o->scale);
    memcpy(shift, o->shift, sizeof o->shift);
    Shape three = {1, {3}};
    Value *more[2] = {add_constant(&p->c, p->f, "preprocessing/scale", three, scale),
                      add_constant(&p->c, p->f, "preprocessing/shift", three, shift)};
    return push(p, OP_SCALE_SHIFT, "affine", more, 2, &(Attrs){0});
}

static bool push_reversal(Front *p) {
    const Shape *s = &p->last->type.shape;
    Attrs a = {.dims = {(int32_t)s->dim[1], (int32_t)s->dim[2], 3},
               .start = {0, 0, 2},
               .step = {1, 1, -1}};
    return push(p, OP_SLICE, "reversed", NULL, 0, &a);
}

static bool push_channels_first(Front *p) {
    return push(p, OP_TRANSPOSE, "channels_first", NULL, 0, &(Attrs){.perm = {3, 1, 2}});
}

/* Gives forward an input of this shape under the name of its only one, which `*old` becomes. */
static Front begin(Module *m, const Shape *pixels, Value **old, Diag *d) {
    Function *f = module_function(m, "forward");
    *old = f->inputs[0];
    const char *name = (*old)->name;
    (*old)->name = arena_printf(m->arena, "%s/preprocessed", name);
    f->ninputs = 0;
    Front p = {.c = {.module = m, .diag = d}, .f = f};
    p.last = function_add_input(m, f, name, (Type){.dtype = DT_F32, .shape = *pixels});
    return p;
}

static Shape with_channels_last(const Shape *s) {
    return (Shape){4, {DIM_BATCH, s->dim[2], s->dim[3], s->dim[1]}};
}

bool channels_first(const Module *m) {
    const Function *f = module_function(m, "forward");
    const Shape *s = f->ninputs == 1 ? &f->inputs[0]->type.shape : NULL;
    if (!s || s->rank != 4 || s->dim[3] == 1 || s->dim[3] == 3) return false;
    return s->dim[1] == 1 || s->dim[1] == 3;
}

bool take_channels_last(Module *m, Diag *d) {
    Value *old;
    Function *f = module_function(m, "forward");
    Shape pixels = with_channels_last(&f->inputs[0]->type.shape);
    Front p = begin(m, &pixels, &old, d);
    if (!push_channels_first(&p)) return false;
    function_replace_uses(f, old, p.last);
    return true;
}

bool add_preprocessing(Module *m, const Preprocessing *o, Diag *d) {
    Function *f = module_function(m, "forward");
    Value *old = f->ninputs == 1 ? f->inputs[0] : NULL;
    const Shape *s = old ? &old->type.shape : NULL;
    bool last = s && s->rank == 4 && s->dim[3] == 3, first = s && s->rank == 4 && s->dim[1] == 3;
    if (!last && !first) {
        diag_error(d, "preprocessing needs a model whose only input is an image of 3 channels%s%s",
                   s ? ", not " : "", s ? shape_text(m->arena, s) : "");
        return false;
    }
    Shape pixels = last ? *s : with_channels_last(s);
    Front p = begin(m, &pixels, &old, d);
    if (o->reversed && !push_reversal(&p)) return false;
    if (!push_affine(&p, o) || (!last && !push_channels_first(&p))) return false;
    function_replace_uses(f, old, p.last);
    m->input_scale = 1.0f;
    return true;
}
