/* Attributes of a node, by name. */
#include "import.h"

#include <string.h>

const OnnxAttr *find_attr(const Op *o, const char *name) {
    for (int i = 0; i < o->node->nattrs; i++)
        if (strcmp(o->node->attrs[i].name, name) == 0) return &o->node->attrs[i];
    return NULL;
}

int64_t attr_int(const Op *o, const char *name, int64_t otherwise) {
    const OnnxAttr *a = find_attr(o, name);
    return a && a->kind == ONNX_ATTR_INT ? a->i : otherwise;
}

float attr_float(const Op *o, const char *name, float otherwise) {
    const OnnxAttr *a = find_attr(o, name);
    return a && a->kind == ONNX_ATTR_FLOAT ? a->f : otherwise;
}

const char *attr_text(const Op *o, const char *name, const char *otherwise) {
    const OnnxAttr *a = find_attr(o, name);
    return a && a->kind == ONNX_ATTR_TEXT ? a->text : otherwise;
}

const int64_t *attr_ints(const Op *o, const char *name, int *n) {
    const OnnxAttr *a = find_attr(o, name);
    bool found = a && a->kind == ONNX_ATTR_INTS;
    *n = found ? a->n : 0;
    return found ? a->ints : NULL;
}

bool attr_list(Op *o, const char *name, int count, int64_t otherwise, int64_t *out) {
    int n;
    const int64_t *list = attr_ints(o, name, &n);
    if (list && n != count)
        return refuse(o, "attribute %s has %d numbers, but %d are expected", name, n, count);
    for (int i = 0; i < count; i++) {
        out[i] = list ? list[i] : otherwise;
        if (out[i] < 0 || out[i] > INT32_MAX)
            return refuse(o, "attribute %s: %lld is out of range", name, (long long)out[i]);
    }
    return true;
}

bool wrap_axis(Op *o, int64_t axis, int rank, int *out) {
    if (axis < -rank || axis >= rank)
        return refuse(o, "axis %lld does not fit a tensor of rank %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return true;
}
