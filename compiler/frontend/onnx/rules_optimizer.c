/* The optimizers of ai.onnx.preview.training: one step for each of their tensors. Inputs are the
 * learning rate R, the step's number T, then all tensors, all gradients, all first and all second
 * states; results the same without gradients. */
#include "compose.h"

#include <math.h>
#include <string.h>

static Tensor *scaled(Op *o, Tensor *x, float by) {
    return compose2(o, "Mul", x, compose_number(o, by));
}

static Tensor *sum(Op *o, Tensor *a, Tensor *b) { return compose2(o, "Add", a, b); }

static Tensor *squared(Op *o, Tensor *x) { return compose2(o, "Mul", x, x); }

/* How many tensors there are, of `kinds` inputs each; 0 after an error. */
static int tensors_of(Op *o, int kinds) {
    int n = (o->nin - 2) / kinds;
    for (int i = 0; i < o->nin; i++)
        if (!o->in[i]) n = 0;
    if (n > 0 && n * kinds == o->nin - 2) return n;
    refuse(o, "it has %d inputs", o->nin);
    return 0;
}

/* The gradient with that of the penalty. */
static Tensor *gradient(Op *o, Tensor *x, Tensor *g) {
    return sum(o, scaled(o, x, attr_float(o, "norm_coefficient", 0.0f)), g);
}

static bool step_number(Op *o, double *t) {
    const OnnxTensor *c = need_constant(o, 1, "the number of the step");
    if (!c) return false;
    if (!c->i || c->count != 1) return refuse(o, "its number of the step is not one integer");
    *t = (double)c->i[0];
    return true;
}

bool rule_momentum(Op *o) {
    int n = tensors_of(o, 3);
    double t = 0;
    float alpha = attr_float(o, "alpha", 0.0f), beta = attr_float(o, "beta", 0.0f);
    bool nesterov = strcmp(attr_text(o, "mode", "standard"), "nesterov") == 0;
    if (!n || !step_number(o, &t)) return false;
    for (int i = 0; i < n; i++) {
        Tensor *x = o->in[2 + i], *g = gradient(o, x, o->in[2 + n + i]);
        Tensor *v = sum(o, scaled(o, o->in[2 + 2 * n + i], alpha), scaled(o, g, t > 0 ? beta : 1));
        Tensor *by = nesterov ? sum(o, g, scaled(o, v, alpha)) : v;
        x = compose2(o, "Sub", x, compose2(o, "Mul", o->in[0], by));
        if (!set_composed(o, i, x, ONNX_FLOAT) || !set_composed(o, n + i, v, ONNX_FLOAT))
            return false;
    }
    return true;
}

bool rule_adagrad(Op *o) {
    int n = tensors_of(o, 3);
    double t = 0;
    if (!n || !step_number(o, &t)) return false;
    float decay = attr_float(o, "decay_factor", 0.0f), epsilon = attr_float(o, "epsilon", 0.0f);
    Tensor *rate = scaled(o, o->in[0], (float)(1 / (1 + t * (double)decay)));
    for (int i = 0; i < n; i++) {
        Tensor *x = o->in[2 + i], *g = gradient(o, x, o->in[2 + n + i]);
        Tensor *h = sum(o, o->in[2 + 2 * n + i], squared(o, g));
        Tensor *root = sum(o, compose1(o, "Sqrt", h), compose_number(o, epsilon));
        x = compose2(o, "Sub", x, compose2(o, "Div", compose2(o, "Mul", rate, g), root));
        if (!set_composed(o, i, x, ONNX_FLOAT) || !set_composed(o, n + i, h, ONNX_FLOAT))
            return false;
    }
    return true;
}

/* Tensor i of n by Adam with this learning rate. */
static bool adam_step(Op *o, int i, int n, Tensor *rate) {
    float alpha = attr_float(o, "alpha", 0.9f), beta = attr_float(o, "beta", 0.999f);
    Tensor *x = o->in[2 + i], *g = gradient(o, x, o->in[2 + n + i]);
    Tensor *v = sum(o, scaled(o, o->in[2 + 2 * n + i], alpha), scaled(o, g, 1 - alpha));
    Tensor *h = sum(o, scaled(o, o->in[2 + 3 * n + i], beta), scaled(o, squared(o, g), 1 - beta));
    Tensor *root = sum(o, compose1(o, "Sqrt", h), compose_number(o, attr_float(o, "epsilon", 0)));
    x = compose2(o, "Sub", x, compose2(o, "Div", compose2(o, "Mul", rate, v), root));
    x = scaled(o, x, 1 - attr_float(o, "norm_coefficient_post", 0.0f));
    return set_composed(o, i, x, ONNX_FLOAT) && set_composed(o, n + i, v, ONNX_FLOAT) &&
           set_composed(o, 2 * n + i, h, ONNX_FLOAT);
}

bool rule_adam(Op *o) {
    int n = tensors_of(o, 4);
    double t = 0, alpha = (double)attr_float(o, "alpha", 0.9f);
    double beta = (double)attr_float(o, "beta", 0.999f);
    if (!n || !step_number(o, &t)) return false;
    double factor = t > 0 ? sqrt(1 - pow(beta, t)) / (1 - pow(alpha, t)) : 1;
    Tensor *rate = scaled(o, o->in[0], (float)factor);
    for (int i = 0; i < n; i++)
        if (!adam_step(o, i, n, rate)) return false;
    return true;
}
